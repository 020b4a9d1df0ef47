"""How a name from upstream is written where a terminal may read it."""

from __future__ import annotations

import unicodedata

_RIGHT_TO_LEFT = {"R", "AL", "AN"}
_LEFT_TO_RIGHT_MARK = "\u200e"


def shown(name: str) -> str:
    r"""Return a name that commands no terminal and moves nothing beside it.

    Control characters, those that turn the direction of a line included, are escaped. A
    mark without width ends a name in a right-to-left script: it, and what stands beside
    it, would change places else.

    >>> shown("GID_orders"), shown("a\x1b[2J\u202e"), shown("")
    ('GID_orders', 'a\\x1b[2J\\u202e', '-')
    """
    if not name:
        return "-"
    if name.isascii() and name.isprintable():
        return name
    text = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in name)
    is_turned = any(unicodedata.bidirectional(c) in _RIGHT_TO_LEFT for c in text)
    return text + _LEFT_TO_RIGHT_MARK if is_turned else text
