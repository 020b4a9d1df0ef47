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
SIZES, TIMES = "stated page size", "consumeTimestamp"
WORDS, WAITS = "words that this version does not know", "waits asked for"


class Lessons(ApiObserver):
    """Is told of answers, and tells what they taught."""

    def __init__(self) -> None:
        # Of each page how many rows it was asked for, and had, and the list has.
        self._pages: dict[str, list[tuple[int, int, int]]] = {}
        self._refused: set[str | None] = set()
        self._seen = {topic: Counter[str]() for topic in (SIZES, WORDS, TIMES, WAITS)}
        self._least_lag_ms = 0

    def api_failure(self, error: CloudError) -> None:
        """Note a page size that is refused, and a wait that is asked for."""
        origin = error.origin
        if origin.refuses_page_size:
            self._refused.add(origin.action)
        if origin.retry_after:
            wait = f"{origin.wait_header} of {origin.retry_after:g}s"
            self._seen[WAITS][wait] += 1

    def page(self, action: str, asked: int, page: Page[Any]) -> None:
        """Note how a page is cut, and what stands in its checkpoints."""
        self._pages.setdefault(action, []).append((asked, page.count, page.total))
        self._seen[SIZES][_stated(page)] += 1
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
        if not self._pages and not self._seen[WAITS]:
            return
        for action, pages in self._pages.items():
            yield action, self._told_of(action, pages)
        for topic, seen in self._seen.items():
            counts = (f"{what}: {count:,}" for what, count in seen.most_common(9))
            yield topic, ", ".join(counts) or "none"
        least = self._least_lag_ms / 1000
        yield "largest negative lag", f"{least:g}s" if least else "none"

    def _told_of(self, action: str, pages: Sequence[tuple[int, int, int]]) -> str:
        """Return how large a page of a list may be, as far as its length shows that."""
        least, *_ = min(pages)
        cut = [count for asked, count, total in pages if count < min(asked, total)]
        refused = ", more refused" if action in self._refused else ""
        shown = f", cut to {min(cut):,}" if cut else ""
        longest = max(total for *_, total in pages)
        accepted = f"{least:,} rows a page accepted{refused}{shown}"
        return f"{accepted}; the longest list has {longest:,}"

    def _checkpoint(self, row: CheckpointRow) -> None:
        sides = row.source_progress or Progress(), row.target_progress or Progress()
        self._words("instanceType", *(side.instance_type or "" for side in sides))
        data = (side.progress_data for side in sides)
        source, target = (each.consume_timestamp if each else None for each in data)
        for millis in (source, target):
            known = "known" if (millis or 0) > 0 else str(millis)
            known = "below -1" if (millis or 0) < -1 else known
            self._seen[TIMES]["absent" if millis is None else known] += 1
        if source and target and min(source, target) > 0:
            self._least_lag_ms = min(self._least_lag_ms, source - target)

    def _words(self, field: str, *words: str) -> None:
        for word in words:
            if word and word not in KNOWN[field]:
                shown = word if _WORD.fullmatch(word) else "of another shape"
                self._seen[WORDS][f"{field} {shown}"] += 1


def _stated(page: Page[Any]) -> str:
    """Return what a first page says of its size, as far as its rows tell."""
    if not page.size:
        return "absent"
    is_cut = page.count < page.total
    is_right = page.size == page.count if is_cut else page.size >= page.count
    return "right" if is_right else "wrong"
