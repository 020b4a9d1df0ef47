"""How fast the exporter is beside its peers, measured from outside of their processes.

`make bench`, `make scale` and `make alerts` run it; nothing of it is installed.
"""
