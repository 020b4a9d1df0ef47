"""The benchmark's own arithmetic: what it compares, judges and draws."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from bench import checkpoints
from bench.checkpoints import AGE, LABELS, LAG, LAST_SYNC

VALUES = ("13", "10", "rmq-a", "rmq-b", "GID_x", "orders")


def exposition(
    lag: float, age: float, last_sync: float, *, by_name: bool = False
) -> bytes:
    """Return the three samples of one checkpoint, labels sorted as Go sorts them."""
    pairs = [f'{name}="{value}"' for name, value in zip(LABELS, VALUES, strict=True)]
    labels = ",".join(sorted(pairs) if by_name else pairs)
    values = {LAG: lag, AGE: age, LAST_SYNC: last_sync}
    lines = [f"{name}{{{labels}}} {value}\n" for name, value in values.items()]
    return gzip.compress(b"# HELP x\n") + gzip.compress("".join(lines).encode())


def test_what_is_taken_down_of_an_exposition_is_read_back(tmp_path: Path) -> None:
    """Labels and values of a checkpoint survive the file, members and all."""
    path = tmp_path / "rows"

    assert checkpoints.write(path, exposition(1.5, 3, 99)) == 1
    assert list(checkpoints.read(path)) == [checkpoints.Row(VALUES, 1.5, 99.0)]


def test_the_order_of_labels_makes_no_difference() -> None:
    """Go sorts its labels; the samples are the same."""
    ours, theirs = exposition(1, 3, 99), exposition(1, 3, 99, by_name=True)

    assert not any(checkpoints.differences(ours, theirs, 0).values())


@pytest.mark.parametrize(
    ("theirs", "family"),
    [
        (exposition(1.001, 3, 99), LAG),
        (exposition(1, 9, 99), AGE),
        (exposition(1, 3, 99.001), LAST_SYNC),
        (gzip.compress(b"", mtime=0), LAG),
    ],
)
def test_a_peer_that_serves_another_value_is_found_out(
    theirs: bytes, family: str
) -> None:
    """Every family is compared, and what is missing differs."""
    assert checkpoints.differences(exposition(1, 3, 99), theirs, 5)[family]


def test_an_age_may_differ_by_the_time_between_two_scrapes() -> None:
    """It grows, and peers are scraped one after the other."""
    found = checkpoints.differences(exposition(1, 3, 99), exposition(1, 7, 99), 5)

    assert not any(found.values())
