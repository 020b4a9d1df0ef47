"""The settings of single plans, and what plans promise.

What is left out is discovered, by `exporter.polling.discovery`.
"""

from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator, Field

from exporter.config.kinds import (
    Duration,
    Expected,
    Id,
    Ids,
    Region,
    Text,
    Texts,
    fault,
)
from exporter.config.section import Section


class PlanObjectives(Section):
    """What one plan promises; what is left out is as for all plans."""

    lag: Duration | None = Field(
        None, description="Largest lag that is no breach; 0 is no objective."
    )
    age: Duration | None = Field(
        None, description="Largest age that is no breach; 0 is no objective."
    )


class PlanSettings(Section):
    """One disaster-recovery plan; what is left out is discovered."""

    id: Id = Field(description="Id of the plan.")
    region: Region | None = Field(
        None, description="Region of the plan; left out: `api.region`."
    )
    items: Ids = Field((), description="Ids of the items; left out: all of the plan.")
    source_instances: Texts = Field(
        (), description="Source instance ids; left out: those the plan names."
    )
    filter: Text | None = Field(
        None, description="Passed to the API as it is, to narrow the checkpoints."
    )
    objectives: PlanObjectives = Field(
        PlanObjectives(), description="What this plan promises."
    )


class Objectives(Section):
    """What plans promise where they name nothing of their own."""

    lag: Duration = Field(
        timedelta(minutes=5),
        description="Largest lag that is no breach; 0 is no objective.",
    )
    age: Duration = Field(
        timedelta(minutes=10),
        description="Largest age that is no breach; 0 is no objective.",
    )

    def in_seconds(self) -> tuple[float, float]:
        """Return the objectives for lag and age, 0 where nothing is promised."""
        return self.lag.total_seconds(), self.age.total_seconds()

    @property
    def lag_seconds(self) -> float | None:
        """Return the objective for lag, None where nothing is promised."""
        return self.lag.total_seconds() or None

    @property
    def age_seconds(self) -> float | None:
        """Return the objective for age, None where nothing is promised."""
        return self.age.total_seconds() or None


def _no_plan_twice(plans: tuple[PlanSettings, ...]) -> tuple[PlanSettings, ...]:
    """Refuse a plan id that is listed twice: which entry holds would be a guess."""
    first: dict[str, int] = {}
    for index, plan in enumerate(plans):
        if first.setdefault(plan.id, index) != index:
            raise fault(
                f"expected an id once, but [{index}] repeats [{first[plan.id]}]"
            )
    return plans


Plans = Annotated[
    tuple[PlanSettings, ...],
    AfterValidator(_no_plan_twice),
    Expected("a list of plans"),
]
