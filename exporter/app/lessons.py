"""What the API taught: which of the facts that nobody could verify yet hold here.

No id is kept, and of words only those of a harmless shape: all may be shown to anybody.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from exporter.cloud.retry import ApiObserver
from exporter.cloud.wire import CheckpointRow, Page, Progress
from exporter.model.errors import CloudError
from exporter.model.problems import many
from exporter.model.types import Item, Plan

KNOWN = {
    "planType": ("ACTIVE_PASSIVE", "ACTIVE_ACTIVE"),
    "planStatus": ("CREATED", "RUNNING", "DELETED"),
    "instanceRole": ("ACTIVE", "PASSIVE"),
    "itemStatus": (
        *("CREATING", "CHANGING", "RUNNING"),
        *("MANUAL_STOPPED", "OVERDUE_STOPPED"),
    ),
    "instanceType": ("ALIYUN_ROCKETMQ", "EXTERNAL_ROCKETMQ"),
}
# Without digits, which ids have.
_WORD = re.compile("[A-Za-z_ -]{1,40}")


class Lessons(ApiObserver):
    """Is told of answers, and tells what they taught."""

    def __init__(self) -> None:
        self._pages: dict[str, list[tuple[int, int, int]]] = {}
        self._refused: set[str] = set()
        self._sizes: Counter[str] = Counter()
        self._unknown: set[str] = set()
        self._positions: Counter[str] = Counter()
        self._ahead_ms: list[int] = []
        self._waits: dict[str, list[float]] = {}

    def api_failure(self, error: CloudError) -> None:
        """Note a page size that is refused, and a wait that is asked for."""
        if error.origin.refuses_page_size:
            self._refused.add(error.origin.action or "")
        if error.retry_after:
            waits = self._waits.setdefault(error.origin.wait_header, [])
            waits.append(error.retry_after)

    def page(self, action: str, asked: int, page: Page[Any]) -> None:
        """Note how a page is cut, and what stands in its checkpoints."""
        self._pages.setdefault(action, []).append((asked, page.count, page.total))
        self._sizes[_stated(page)] += 1
        for row in page.rows:
            if isinstance(row, CheckpointRow):
                self._checkpoint(row)

    def found(self, found: object) -> None:
        """Note the words of a plan, an item, or some of them."""
        for each in found if isinstance(found, tuple) else (found,):
            if isinstance(each, Plan):
                self._words("planType", each.type)
                self._words("planStatus", each.status)
                self._words("instanceRole", *(side.role for side in each.instances))
            if isinstance(each, Item):
                self._words("itemStatus", each.status)

    def told(self) -> Iterator[tuple[str, str]]:
        """Yield what was learnt: of what, and what; nothing where nothing answered."""
        if not self._pages and not self._waits:
            return
        for action, pages in self._pages.items():
            yield action, self._told_of(action, pages)
        yield "stated page size", _counts(self._sizes)
        unknown = ", ".join(sorted(self._unknown))
        yield "words that this version does not know", unknown or "none"
        yield "consumeTimestamp", _counts(self._positions)
        furthest = max(self._ahead_ms, default=0) / 1000
        ahead = f"{many(len(self._ahead_ms), 'checkpoint')}, the largest -{furthest:g}s"
        yield "negative lag", ahead if self._ahead_ms else "none"
        waits = (
            f"{name} {many(len(each), 'time')}, at most {max(each):g}s"
            for name, each in self._waits.items()
        )
        yield "waits asked for", "; ".join(waits) or "none"

    def _told_of(self, action: str, pages: Sequence[tuple[int, int, int]]) -> str:
        """Return how large a page of a list may be, as far as its length shows that."""
        asked, *_ = min(pages)
        cut = [count for asked, count, total in pages if count < min(asked, total)]
        refused = ", more refused" if action in self._refused else ""
        shown = f", cut to {min(cut):,}" if cut else ""
        longest = max(total for *_, total in pages)
        return (
            f"{asked:,} rows a page accepted{refused}{shown}; the longest list has"
            f" {longest:,}"
        )

    def _checkpoint(self, row: CheckpointRow) -> None:
        sides = row.source_progress or Progress(), row.target_progress or Progress()
        self._words("instanceType", *(side.instance_type or "" for side in sides))
        source, target = map(_position, sides)
        self._positions.update((_kind_of(source), _kind_of(target)))
        if source and target and min(source, target) > 0 and source < target:
            self._ahead_ms.append(target - source)

    def _words(self, field: str, *words: str) -> None:
        for word in words:
            if word and word not in KNOWN[field]:
                shown = word if _WORD.fullmatch(word) else "of another shape"
                self._unknown.add(f"{field} {shown}")


def _stated(page: Page[Any]) -> str:
    """Return what a first page says of its size, as far as its rows tell."""
    is_cut = page.count < page.total
    if not page.size:
        return "absent"
    is_right = page.size == page.count if is_cut else page.size >= page.count
    return "right" if is_right else "wrong"


def _position(side: Progress) -> int | None:
    return side.progress_data.consume_timestamp if side.progress_data else None


def _kind_of(position: int | None) -> str:
    if position is None:
        return "absent"
    return "known" if position > 0 else str(max(position, -2)).replace("-2", "below -1")


def _counts(counted: Counter[str]) -> str:
    """Return counts, the largest first.

    >>> _counts(Counter({"absent": 2, "known": 1_000}))
    'known 1,000; absent 2'
    """
    counts = (f"{what} {count:,}" for what, count in counted.most_common())
    return "; ".join(counts) or "none seen"
