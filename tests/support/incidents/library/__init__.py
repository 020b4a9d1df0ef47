"""Every incident, and the rules that it is played under: those that are shipped.

A new incident goes into the module of its kind; it must not share its name.
"""

from __future__ import annotations

from alerting import RULE_FILES

from incidents.incident import Incident
from incidents.library import harmless, inventory, monitor, shards, sync
from incidents.promtool import Rules

RULES = Rules(RULE_FILES)

LIBRARY: tuple[Incident, ...] = (
    *sync.INCIDENTS,
    *inventory.INCIDENTS,
    *monitor.INCIDENTS,
    *shards.INCIDENTS,
    *harmless.INCIDENTS,
)
