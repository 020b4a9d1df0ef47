"""What becomes of work that fails: an error as data, and a bug that costs it alone.

A cancellation is no failure and escapes. Nobody else catches all, but `main`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from exporter.model.errors import CloudError, InternalError

T = TypeVar("T")


async def result_or_error(work: Awaitable[T]) -> T | CloudError:
    """Return what work returns, or the error that it failed of."""
    cancellations = _cancellations()
    result: T | CloudError
    try:
        result = await work
    except CloudError as error:
        result = error
    except asyncio.CancelledError:
        if _cancellations() > cancellations:
            raise
        # Nobody cancelled this work but something that it awaited: left alone, it would
        # end a schedule without a word.
        bug = RuntimeError("work was cancelled from within")
        result = InternalError.from_bug(bug)
    except Exception as bug:  # noqa: BLE001 - see above
        result = InternalError.from_bug(bug)
    if _cancellations() > cancellations:
        # Until Python 3.13 a task group that fails at the same moment swallows it.
        raise asyncio.CancelledError
    return result


def _cancellations() -> int:
    task = asyncio.current_task()
    return 0 if task is None else task.cancelling()
