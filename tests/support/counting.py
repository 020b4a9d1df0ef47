"""How much work something is, whatever the machine: by the calls that it makes."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any


class Calls:
    """How many Python functions were called."""

    count = 0


@contextmanager
def counted_calls() -> Iterator[Calls]:
    """Count the Python functions that are called inside."""
    calls = Calls()

    def note(_frame: FrameType, event: str, _argument: Any) -> None:
        calls.count += event == "call"

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        yield calls
    finally:
        sys.setprofile(before)
