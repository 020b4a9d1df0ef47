"""What discovery knows, as sample lines by the name they stand under.

Pure; it asks nothing and looks at no poll.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from exporter.metrics.families import Family, inventory
from exporter.metrics.rendering import pairs
from exporter.metrics.routes import Lines
from exporter.model.types import Inventory

Objectives = Mapping[str, tuple[float, float]]
"""Of each plan by its id: the lag and the age that are no breach, in seconds."""


def inventory_lines(known: Inventory, objectives: Objectives) -> Lines:
    """Return all that discovery knows, and what is expected of each plan."""
    plans = known.plans
    infos = [(plan.plan_id, plan.name, plan.type, plan.region) for plan in plans]
    statuses = [(plan.plan_id, plan.status) for plan in plans if plan.status]
    items = [
        (item.plan_id, item.item_id, item.status) for item in known.items if item.status
    ]
    missing = [(absent.kind, absent.id) for absent in sorted(known.missing)]
    sections = (
        _ones(inventory.PLAN_INFO, infos),
        _ones(inventory.PLAN_STATUS, statuses),
        _ones(inventory.ITEM_STATUS, items),
        _samples(
            inventory.PLAN_AUTO_SYNC,
            [((plan.plan_id,), int(plan.is_auto_synced)) for plan in plans],
        ),
        _samples(
            inventory.OBJECTIVE,
            [
                ((plan_id, objective), seconds)
                for plan_id, values in objectives.items()
                for objective, seconds in zip(("lag", "age"), values, strict=True)
            ],
        ),
        _ones(inventory.MISSING, missing),
    )
    return dict(sections)


def _ones(family: Family, values: Iterable[Sequence[str]]) -> tuple[str, bytes]:
    return _samples(family, [(labels, 1) for labels in values])


def _samples(
    family: Family, samples: Iterable[tuple[Sequence[str], float]]
) -> tuple[str, bytes]:
    lines = "".join(
        f"{family.name}{{{pairs(family.labels, values)}}} {value}\n"
        for values, value in samples
    )
    return family.name, lines.encode()
