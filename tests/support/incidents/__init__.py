"""A library of incidents, and what runs them: each is data and a short timeline.

It must not hold a sample: series come from the exporter, alerts from promtool.
"""
