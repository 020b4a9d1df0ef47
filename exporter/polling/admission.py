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
    group_admits = lru_cache(maxsize=NAMES_REMEMBERED)(groups.admits)
    topic_admits = lru_cache(maxsize=NAMES_REMEMBERED)(topics.admits)
    return lambda group, topic: group_admits(group) and topic_admits(topic)
