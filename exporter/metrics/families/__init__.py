"""The catalogue: every family, in the order in which a scrape shows them.

It computes no value. docs/metrics.md is generated from it.
"""

from __future__ import annotations

from exporter.metrics.families.checkpoint import CHECKPOINT
from exporter.metrics.families.family import Family, Kind
from exporter.metrics.families.inventory import INVENTORY
from exporter.metrics.families.own import OWN
from exporter.metrics.families.route import ROUTE

ALL = (*CHECKPOINT, *ROUTE, *INVENTORY, *OWN)
"""Every family of ours; `process_*` and `python_*` are prometheus_client's."""

__all__ = ["ALL", "CHECKPOINT", "INVENTORY", "OWN", "ROUTE", "Family", "Kind"]
