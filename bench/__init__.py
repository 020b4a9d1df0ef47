"""How fast the exporter is beside its peers, measured from outside of their processes.

It is run by `make bench`; nothing of it is installed.
"""
