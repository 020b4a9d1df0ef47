"""One log event as a line: logfmt, JSON, or for people.

It must not look for secrets (`redaction` does), nor let a value end a line.
"""

import json
import re
from collections.abc import Mapping

_PLAIN = re.compile(r"[A-Za-z0-9_./:@%+,~^*-]+")
_NO_KEY = re.compile(r"[^A-Za-z0-9_.-]")
# JSON leaves these as they are, and terminals or log readers break lines at some.
_UNSEEN = re.compile(r"[\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_COLORS = {"debug": 36, "info": 32, "warn": 33, "error": 31}


def render_logfmt(event: Mapping[str, object]) -> str:
    """Return the event as Prometheus logs it.

    >>> render_logfmt({"level": "info", "msg": "poll failed", "took": 0.5})
    'level=info msg="poll failed" took=0.5'
    """
    return " ".join(_pair(name, value) for name, value in event.items())


def render_json(event: Mapping[str, object]) -> str:
    """Return the event as one JSON object."""
    return json.dumps(event)


def render_console(event: Mapping[str, object], *, is_colored: bool) -> str:
    """Return the event for people; a traceback follows on lines of its own.

    >>> event = {"ts": "12:00", "level": "info", "msg": "ready", "routes": 2}
    >>> render_console(event, is_colored=False)
    '12:00 INFO  ready routes=2'
    """
    rest = dict(event)
    level = str(rest.pop("level"))
    word = f"{level.upper():<5}"
    if is_colored:
        word = f"\x1b[{_COLORS.get(level, 0)}m{word}\x1b[0m"
    head = f"{rest.pop('ts')} {word} {_escaped(str(rest.pop('msg')))}"
    text = str(rest.pop("exception", ""))
    # Indented, so that no line of a traceback can pass for an event.
    lines = [f"    {_escaped(line)}" for line in text.splitlines()]
    pairs = [_pair(name, value) for name, value in rest.items()]
    return "\n".join([" ".join([head, *pairs]), *lines])


def _pair(name: str, value: object) -> str:
    """Return one key and value, quoted where it is more than a word."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if _PLAIN.fullmatch(text) is None:
        text = f'"{_escaped(text)}"'
    return f"{_NO_KEY.sub('_', name)}={text}"


def _escaped(text: str) -> str:
    r"""Return the text with quotes and everything unseen escaped as JSON does.

    >>> print(_escaped("a" + chr(10) + chr(0x2028)))
    a\n\u2028
    """
    quoted = json.dumps(text, ensure_ascii=False)[1:-1]
    return _UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", quoted)
