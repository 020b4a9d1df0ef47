"""The log on stderr: one event, one line, no secret.

Masking is the last line of defence: code that logs leaves secrets out.
"""

import logging
import math
import re
import sys
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Literal, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

MASK = "***"

# Of a key of an event; the name of a secret's file is no secret.
_SECRET_NAME = re.compile(
    r"(?i)(?:secret|token|passw|authorization|signature)(?!.*_file$)"
)
# A quote may have been escaped again by each text that quotes the one before.
_QUOTE = r"""\\{0,8}['"]"""
_GAP = rf"(?:{_QUOTE})?\s*[:=]\s*b?"
_QUOTED = rf"""(?:"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|{_QUOTE}.{{0,4000}}?{_QUOTE})"""
_WORD = r"""[^\s,;&"'\\)}\]]+"""
# What a fault of the configuration says of a setting, after its name: no value.
_FAULT = r"(?:required: )?expected\b|unknown setting\b"
# What precedes a secret is group 1 and stays.
_RULES = (
    # AccessKey ids of users and of STS.
    r"()\b(?:LTAI|STS\.|TMP\.)[0-9A-Za-z]{4,}",
    # A whole header: its value holds key id, signed headers and signature.
    (
        r"(?i)\b((?:authorization|x-acs-[a-z-]{0,20}(?:token|accesskey-id))"
        rf"""(?:{_GAP}|{_QUOTE},\s*b?))(?:{_QUOTED}|[^\n'"]+)"""
    ),
    rf"(?i)\b((?:signature|credential)=)(?:{_QUOTED}|{_WORD})",
    # `name: value` and `name=value`, but not the name of a file.
    (
        r"(?i)((?:secret|token|passw(?:or)?d)(?!\w{0,40}_file\b)[\w-]{0,40}"
        rf"{_GAP})(?!{_FAULT})(?:{_QUOTED}|{_WORD})"
    ),
)

_LEVEL_WORDS = {"warning": "warn", "critical": "error", "exception": "error"}
# The renderers escape a line feed themselves, and none of these.
_UNSEEN = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def configure(
    level: Literal["debug", "info", "warn", "error"],
    format: Literal["logfmt", "json", "console"],  # noqa: A002 - the setting's name
    stream: TextIO | None = None,
) -> None:
    """Send every event, the standard library's too, to the stream (default stderr).

    May be called again: the last call holds, for loggers that exist already too.
    """
    handler = logging.StreamHandler(sys.stderr if stream is None else stream)
    handler.setFormatter(_formatter(format, is_colored=handler.stream.isatty()))
    handler.addFilter(_is_ours)
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    # A line that cannot be written is lost: it reaches neither stderr nor the caller.
    logging.raiseExceptions = False
    # A scrape is no event: its count and duration are metrics.
    logging.getLogger("aiohttp.access").setLevel(logging.CRITICAL + 1)
    structlog.configure(
        # All else happens in the formatter, where a failure cannot reach the caller.
        processors=[structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )


def _is_ours(record: logging.LogRecord) -> bool:
    """Tell whether a record is about us, and not about a bad request.

    Each would be logged with a traceback, and strangers must not fill the disk.
    """
    error = record.exc_info and record.exc_info[0]
    return error is None or error.__module__ != "aiohttp.http_exceptions"


def _formatter(style: str, *, is_colored: bool) -> logging.Formatter:
    """Return the one formatter that events of both libraries pass."""
    renderers: dict[str, tuple[Processor, ...]] = {
        "logfmt": (structlog.processors.LogfmtRenderer(bool_as_flag=False),),
        "json": (structlog.processors.JSONRenderer(),),
        "console": (
            _indented,
            structlog.dev.ConsoleRenderer(
                colors=is_colored,
                sort_keys=False,
                timestamp_key="ts",
                event_key="msg",
                pad_event_to=0,
                exception_formatter=structlog.dev.plain_traceback,
            ),
        ),
    }
    return structlog.stdlib.ProcessorFormatter(
        processors=[
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts"),
            structlog.processors.format_exc_info,
            _presentable,
            *renderers[style],
        ]
    )


def _presentable(_: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """Put time, level and message first, and mask what looks like a secret."""
    message, record = event.pop("event", ""), event.pop("_record")
    if not event.pop("_from_structlog"):
        event["logger"] = record.name
    level = _LEVEL_WORDS.get(method, method)
    first = {"ts": event["ts"], "level": level, "msg": str(message)}
    return {name: redacted(name, value) for name, value in {**first, **event}.items()}


def _indented(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Keep message and traceback from passing for another event."""
    event["msg"] = event["msg"].replace("\n", "\\n")
    if "exception" in event:
        event["exception"] = "    " + event["exception"].replace("\n", "\n    ")
    return event


def redacted_text(text: str) -> str:
    """Return the text with what looks like a secret masked."""
    for rule in _RULES:
        text = re.sub(rule, rf"\1{MASK}", text)
    return text


def redacted(name: str, value: object) -> object:
    """Return a value that renderers can show as it is, secrets masked.

    What is no number, truth value or collection becomes text, so that no renderer
    meets an object whose own text was never looked at.
    """
    if value is None:
        return None
    if _SECRET_NAME.search(name):
        return MASK
    if isinstance(value, int | float) and math.isfinite(value):
        return value
    if isinstance(value, Mapping):
        return {
            redacted_text(str(key)): redacted(str(key), each)
            for key, each in value.items()
        }
    if isinstance(value, list | tuple | AbstractSet):
        return [redacted(name, each) for each in value]
    text = redacted_text(str(value))
    return _UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
