"""What the process tells on stderr: one event, one line, no secret.

It must not decide what is worth telling, nor write anywhere else.
"""

import logging
import math
import sys
import time
from collections.abc import Callable
from typing import Literal, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from exporter.app.lines import render_console, render_json, render_logfmt
from exporter.app.redaction import redacted, redacted_text

_LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "error": logging.ERROR,
}
_FLOODED = {"asyncio", "aiohttp.server"}
_MINUTE_SECONDS = 60.0
_LEVEL_WORDS = {"warning": "warn", "critical": "error", "exception": "error"}


def configure(
    level: Literal["debug", "info", "warn", "error"],
    format: Literal["logfmt", "json", "console"],  # noqa: A002 - the setting's name
    stream: TextIO | None = None,
) -> None:
    """Send every event, the standard library's too, to the stream (default stderr).

    May be called again: the last call holds, for loggers that exist already too.
    """
    handler = _LineHandler(sys.stderr if stream is None else stream)
    handler.setFormatter(_formatter(format, is_colored=handler.stream.isatty()))
    handler.addFilter(OnceAMinute(time.monotonic))
    root = logging.getLogger()
    for old in [each for each in root.handlers if isinstance(each, _LineHandler)]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(_LEVELS[level])
    # A scrape is no event: its count and duration are metrics.
    logging.getLogger("aiohttp.access").setLevel(logging.CRITICAL + 1)
    structlog.configure(
        # All else happens in the formatter, where a failure cannot reach the caller.
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )


class OnceAMinute(logging.Filter):
    """Lets a server's complaint of its clients pass once a minute, whoever makes it.

    Strangers must not fill the disk: what they send wrong, and sockets that run out,
    would be told for each of them, with a traceback.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__()
        self._clock = clock
        self._told: dict[tuple[str, str, type[BaseException] | None], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether the record is told."""
        if record.name not in _FLOODED or record.levelno < logging.ERROR:
            return True
        error = record.exc_info[0] if record.exc_info else None
        # By the error too, so that bad requests do not hide a bug of our own.
        kind = (record.name, str(record.msg).partition(" ")[0], error)
        now = self._clock()
        if now - self._told.get(kind, -math.inf) < _MINUTE_SECONDS:
            return False
        self._told[kind] = now
        return True


class _LineHandler(logging.StreamHandler[TextIO]):
    """A stream handler whose own failures are told without the event."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's
        """Tell that a line is lost; the default would print it with its secrets."""
        error = type(sys.exc_info()[1]).__name__
        place = f"{record.module}:{record.lineno}"
        line = f"level=error msg=log_line_lost error={error} place={place}"
        if sys.stderr is not None and not sys.stderr.closed:
            sys.stderr.write(f"{line}\n")


def _formatter(style: str, *, is_colored: bool) -> logging.Formatter:
    """Return the one formatter that events of both libraries pass."""
    renderers: dict[str, Processor] = {
        "logfmt": lambda _, __, event: render_logfmt(event),
        "json": lambda _, __, event: render_json(event),
        "console": lambda _, __, event: render_console(event, is_colored=is_colored),
    }
    return structlog.stdlib.ProcessorFormatter(
        processors=[
            _with_origin,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts"),
            structlog.processors.StackInfoRenderer(),
            structlog.processors.format_exc_info,
            _presentable,
            renderers[style],
        ]
    )


def _with_origin(_: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """Add the level, and the logger's name where the event is another library's."""
    record = event.pop("_record")
    if not event.pop("_from_structlog"):
        event["logger"] = record.name
    event["level"] = _LEVEL_WORDS.get(method, method)
    return event


def _presentable(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Put time, level and message first, and mask what looks like a secret."""
    message = event.pop("event", "")
    # A key of the event's own cannot take the place of one of these.
    rest = {
        f"{name}_" if name == "msg" else name: value for name, value in event.items()
    }
    ordered = {"ts": rest.pop("ts"), "level": rest.pop("level"), "msg": str(message)}
    return {
        redacted_text(name): redacted(name, value)
        for name, value in (ordered | rest).items()
    }
