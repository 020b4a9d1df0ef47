"""A short soak, and what the verdict of a long one goes by."""

from __future__ import annotations

from pathlib import Path

from growth import Sample
from soak import soaked
from vitals import Vitals

CALM = [
    Sample(
        float(at), Vitals(60_000, 12, 6, 1), 9, polls=4.0 * at, failures=0, skipped=0
    )
    for at in range(30)
]


async def test_nothing_grows_while_the_cloud_and_the_configuration_change(
    tmp_path: Path,
) -> None:
    """No memory, no file, no socket, no thread, no task; and no poll is missed."""
    verdict, soak = await soaked(tmp_path, 20.0)

    assert not verdict.faults, verdict.table
    assert soak.reloads >= 5
    assert soak.faults >= 2
    assert soak.samples[-1].failures > 0, "the faults were felt"
    assert len({sample.tasks for sample in soak.samples}) > 1, "polls are tasks"
