"""The checkpoints that one exposition shows, as rows that every peer can read.

It measures nothing.
"""

from __future__ import annotations

import gzip
import io
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

LAG = "rocketmq_dr_sync_lag_seconds"
AGE = "rocketmq_dr_sync_age_seconds"
LAST_SYNC = "rocketmq_dr_last_sync_timestamp_seconds"
LABELS = (
    "plan_id",
    "item_id",
    "source_instance_id",
    "target_instance_id",
    "group",
    "topic",
)
POLLED = "afternoon_checkpoints_polled"
"""How many checkpoints peer (a) says to have polled."""
HELP = {LAG: "Lag.", AGE: "Age.", LAST_SYNC: "Last sync."}

_VALUE = re.compile(r'"([^"]*)"')


class Row(NamedTuple):
    """The values of `LABELS`, and the lag and the time of the last sync in seconds."""

    labels: tuple[str, ...]
    lag: float
    last_sync: float


def read(path: Path) -> Iterator[Row]:
    """Yield what `write` has written."""
    with path.open() as lines:
        for line in lines:
            *labels, lag, last_sync = line.rstrip("\n").split("\t")
            yield Row(tuple(labels), float(lag), float(last_sync))


def write(path: Path, gzipped: bytes) -> int:
    """Write the checkpoints of an exposition, one a line; return how many there are.

    Raises:
        ValueError: a checkpoint lacks one of the families.
    """
    lags = _samples(gzipped, LAG)
    syncs = _samples(gzipped, LAST_SYNC)
    count = 0
    with path.open("w") as file:
        for (labels, lag), (synced, last_sync) in zip(lags, syncs, strict=True):
            if labels != synced:
                raise ValueError(f"lag of {labels}, but last sync of {synced}")
            fields = (*_VALUE.findall(labels), lag, last_sync)
            file.write("\t".join(fields) + "\n")
            count += 1
    return count


def differences(
    ours: bytes, theirs: bytes, age_tolerance: float
) -> Mapping[str, list[str]]:
    """Return by family the label sets that two gzipped expositions do not share.

    Ages were computed at different times, and may differ by so many seconds.
    """
    tolerances = {LAG: 1e-6, LAST_SYNC: 1e-6, AGE: age_tolerance}
    return {
        family: _unequal(
            dict(_samples(ours, family)), dict(_samples(theirs, family)), tolerance
        )
        for family, tolerance in tolerances.items()
    }


def _unequal(
    ours: Mapping[str, str], theirs: Mapping[str, str], tolerance: float
) -> list[str]:
    return [
        labels
        for labels in ours.keys() | theirs.keys()
        if not (labels in ours and labels in theirs)
        or abs(float(ours[labels]) - float(theirs[labels])) > tolerance
    ]


def _samples(gzipped: bytes, family: str) -> Iterator[tuple[str, str]]:
    """Yield label set and value of a family's samples, labels in the order of C."""
    with gzip.open(io.BytesIO(gzipped), "rt") as lines:
        for line in lines:
            name, _, sample = line.partition("{")
            if name == family:
                labels, _, value = sample.rpartition("} ")
                yield _ordered(labels), value.rstrip("\n")


def _ordered(labels: str) -> str:
    if labels.startswith(LABELS[0]):
        return labels
    # Go sorts labels by name.
    pairs = dict(pair.split("=", 1) for pair in labels.split(","))
    return ",".join(f"{label}={pairs[label]}" for label in LABELS)
