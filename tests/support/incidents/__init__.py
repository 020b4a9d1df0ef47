"""A library of incidents, and what runs them: each is data and a short timeline.

Series come from the exporter, alerts from promtool.
"""
