"""Whether a checkpoint is wanted, by the names of its group and topic.

It must not ask twice for a name: they are the same at every poll, and matching one
costs a microsecond.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from exporter.config import NameFilter

NAMES_REMEMBERED = 2**16


def admission(groups: NameFilter, topics: NameFilter) -> Callable[[str, str], bool]:
    """Return what says whether a group's checkpoint of a topic is wanted."""
    if groups == topics == NameFilter():
        return lambda _group, _topic: True
    accepts_group = lru_cache(maxsize=NAMES_REMEMBERED)(groups.accepts)
    accepts_topic = lru_cache(maxsize=NAMES_REMEMBERED)(topics.accepts)
    return lambda group, topic: accepts_group(group) and accepts_topic(topic)
