"""What is logged: one event, one line, no secret."""

import io
import json
import logging
import re
from collections.abc import Iterator
from typing import Any, Literal

import pytest
import structlog
from aiohttp.http_exceptions import BadStatusLine
from hypothesis import given, settings, strategies
from pydantic import SecretStr

from exporter.app.logs import MASK, configure, redacted, redacted_text
from exporter.config.catalogue import setting_specs

Style = Literal["logfmt", "json", "console"]
STYLES: tuple[Style, ...] = ("logfmt", "json", "console")
LEVELS = ("debug", "info", "warn", "error")
CANARY = "hunter2canary"
NASTY = strategies.text(
    strategies.sampled_from("a =\"'\\\n\r\t\x00\x1b\x7f\x85\u2028\u2029\ud800")
    | strategies.characters()
)


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    """Leave logging as it was found."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:], root.level = handlers, level
    logging.getLogger("aiohttp.access").setLevel(logging.NOTSET)
    logging.raiseExceptions = True
    structlog.reset_defaults()


@pytest.fixture
def stream() -> io.StringIO:
    """Stand in for stderr."""
    return io.StringIO()


def event(stream: io.StringIO) -> dict[str, Any]:
    """Return the only event of a JSON log."""
    (line,) = stream.getvalue().splitlines()
    found: dict[str, Any] = json.loads(line)
    return found


def crash(text: str) -> None:
    """Log an exception with this text, and with a cause of the same."""
    try:
        _raise(text)
    except ValueError:
        structlog.get_logger().exception("poll_crashed")


def _raise(text: str) -> None:
    raise ValueError(text) from KeyError(text)


def test_logfmt_reads_as_prometheus_logs(capsys: pytest.CaptureFixture[str]) -> None:
    """To stderr: time in UTC, level, message, then the keys in the order given."""
    configure("info", "logfmt")

    structlog.get_logger().warning("poll_failed", plan_id="13", took=0.5, ok=False)

    printed = capsys.readouterr()
    assert re.fullmatch(
        r"ts=20\S+Z level=warn msg=poll_failed plan_id=13 took=0.5 ok=false\n",
        printed.err,
    )
    assert printed.out == ""


def test_json_holds_the_same(stream: io.StringIO) -> None:
    """Each line is an object, and values keep their types."""
    configure("info", "json", stream)

    structlog.get_logger().error("x", routes=[1, "a"], info={"n": None})

    found = event(stream)
    assert list(found) == ["ts", "level", "msg", "routes", "info"]
    assert found["level"] == "error"
    assert found["routes"] == [1, "a"]
    assert found["info"] == {"n": None}


def test_console_is_for_people(stream: io.StringIO) -> None:
    """Colours are for terminals alone, and a traceback keeps its lines."""
    configure("info", "console", stream)

    crash("no\nlevel=error msg=forged")

    head, *rest = stream.getvalue().splitlines()
    assert head.endswith("[error    ] poll_crashed")
    assert "    Traceback (most recent call last):" in rest
    assert all(line.startswith("    ") for line in rest)
    assert "\x1b" not in stream.getvalue()
    stream.isatty = lambda: True  # type: ignore[method-assign]
    configure("info", "console", stream)
    structlog.get_logger().warning("m")
    assert "\x1b[33m" in stream.getvalue()


@pytest.mark.parametrize("level", LEVELS)
def test_lesser_levels_are_left_out(
    stream: io.StringIO, level: Literal["debug", "info", "warn", "error"]
) -> None:
    """The level holds for both libraries."""
    configure(level, "json", stream)

    for log in (structlog.get_logger(), logging.getLogger("asyncio")):
        for name in ("debug", "info", "warning", "error"):
            getattr(log, name)("x")

    levels = [json.loads(line)["level"] for line in stream.getvalue().splitlines()]
    assert levels == [*LEVELS[LEVELS.index(level) :]] * 2


@pytest.mark.parametrize("style", STYLES)
def test_other_libraries_are_logged_alike(stream: io.StringIO, style: Style) -> None:
    """Complaints of asyncio get the same form, the name of their logger, one line."""
    configure("info", style, stream)

    logging.getLogger("asyncio").critical("lost %s\n%s", "task", "x")

    (line,) = stream.getvalue().splitlines()
    assert "asyncio" in line
    assert "lost task\\nx" in line


def test_configuring_again_replaces_what_was(stream: io.StringIO) -> None:
    """A logger that was made before writes where and as the last call says."""
    log = structlog.get_logger()
    configure("info", "json", io.StringIO())
    log.info("first")

    configure("error", "json", stream)
    log.info("second")
    log.error("third")

    assert event(stream)["msg"] == "third"


def test_a_traceback_is_one_value(stream: io.StringIO) -> None:
    """In logfmt an exception does not break the line, nor does its cause."""
    configure("info", "logfmt", stream)

    crash('quote " and\nbreak')

    (line,) = stream.getvalue().splitlines()
    assert "level=error msg=poll_crashed exception=" in line
    assert "KeyError: 'quote " in line
    assert 'quote \\" and\\nbreak' in line


def test_a_failure_to_log_reaches_nobody_and_shows_nothing(
    stream: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    """The line is lost, its values are not shown, and the next line is written."""

    class Broken:
        def __str__(self) -> str:
            raise OSError(CANARY)

    configure("info", "json", stream)

    structlog.get_logger().info(CANARY, value=Broken())
    logging.getLogger("x").error("%d", CANARY)
    structlog.get_logger().info("next")

    assert event(stream)["msg"] == "next"
    assert capsys.readouterr().err == ""


@settings(deadline=None)
@given(message=NASTY, value=NASTY)
@pytest.mark.parametrize("style", STYLES)
def test_no_value_forges_a_line(style: Style, message: str, value: str) -> None:
    """Whatever is logged, a line stays a line of what can be seen."""
    stream = io.StringIO()
    configure("info", style, stream)

    log = structlog.get_logger()
    log.info(message, value=value, exception=value, nested=[value])

    head, *rest = stream.getvalue().removesuffix("\n").split("\n")
    assert re.search(r"\[info  |\"level\": \"info\"|level=info ", head)
    assert style == "console" or not rest
    assert all(each.startswith("    ") for each in rest)
    assert all(len(each.splitlines()) == 1 for each in (head, *rest))
    assert not any(letter < " " for each in (head, *rest) for letter in each)
    head.encode()
    if style == "json":
        assert set(json.loads(head)) >= {"ts", "level", "msg", "nested", "exception"}


@pytest.mark.parametrize(
    "text",
    [
        f"LTAI{CANARY}",
        f"id STS.{CANARY}, next",
        f"Signature={CANARY}",
        f"https://host/?AccessKeyId=x&Signature={CANARY}&Format=JSON",
        f"Authorization: ACS3 Credential=a,SignedHeaders=b;c,Signature={CANARY}",
        f"<CIMultiDictProxy('Host': 'h', 'Authorization': 'Bearer {CANARY}')>",
        f"('authorization', '{CANARY}')",
        f"Credential={CANARY},SignedHeaders=host",
        f"x-acs-security-token: {CANARY}/abc+def==",
        f"{{'x-acs-security-token': '{CANARY}', 'x-acs-accesskey-id': '{CANARY}'}}",
        f"x-acs-bearer-token={CANARY}",
        f'{{"instancePassword":"{CANARY}", "username": "u"}}',
        f'{{\\"password\\": \\"{CANARY}\\"}}',
        f"accessKeySecret={CANARY}",
        f"access_key_secret: {CANARY}",
        f"SecurityToken = '{CANARY} with spaces'",
        f"token=b'{CANARY}'",
        f"PASSWD={CANARY}",
        f"password: 'unknown setting {CANARY}'",
        f"password: unknown-{CANARY}",
        f"token: required:{CANARY}",
        f"token=expected{CANARY}",
        f"password: unknown setting\ntoken: {CANARY}",
    ],
)
def test_secrets_in_text_are_masked(text: str) -> None:
    """Keys, tokens, signatures and passwords, however they are quoted."""
    masked = redacted_text(text)

    assert CANARY not in masked
    assert MASK in masked


@pytest.mark.parametrize("style", STYLES)
def test_masking_reaches_all_that_is_logged(stream: io.StringIO, style: Style) -> None:
    """Messages, values, nested values, exceptions and other libraries' events."""
    text = f"Signature={CANARY}"
    configure("info", style, stream)

    log = structlog.get_logger()
    log.info(text, value=text, nested={"a": [text], text: 1}, error=ValueError(text))
    crash(text)
    logging.getLogger("aiohttp").error("bad request: %s", text)

    assert CANARY not in stream.getvalue()
    assert stream.getvalue().count(MASK) >= 8


@pytest.mark.parametrize(
    "name",
    ["secret", "access_key_secret", "securityToken", "PASSWORD", "dbPasswd",
     "Authorization", "signature", "x-acs-security-token"],
)  # fmt: skip
def test_values_under_a_secrets_name_are_masked(name: str) -> None:
    """Whatever it is, also inside of another value."""
    for value in (CANARY, [CANARY], {"a": CANARY}, 1234, b"x"):
        assert redacted(name, value) == MASK
        assert redacted("outer", {name: value}) == {name: MASK}


@pytest.mark.parametrize(
    "text",
    [
        "exporter.yml: api.access_key_secret: expected api.access_key_id beside it",
        "access_key_secret_file=/run/secrets/key",
        "the credentials of plan 13 were refused",
        "signed headers do not match",
        "tokens left 3",
    ],
)
def test_what_is_no_secret_is_left_alone(text: str) -> None:
    """Faults of the configuration and names of files stay readable."""
    assert redacted_text(text) == text


def test_no_fault_of_a_setting_is_masked() -> None:
    """Its name is no secret, and no fault repeats a value."""
    for name in (*setting_specs(), "api.access_key_secret_fil"):
        for words in ("expected text", "required: expected text", "unknown setting, d"):
            fault = f"exporter.yml: {name}: {words}\nx"
            assert redacted_text(fault) == fault


def test_values_are_made_presentable() -> None:
    """Renderers meet text, numbers and collections only."""
    assert redacted("a", SecretStr(CANARY)) == "**********"
    assert redacted("a", float("inf")) == "inf"
    assert redacted("a", (1, None, True)) == [1, None, True]
    assert redacted("a", {1: frozenset({"x"})}) == {"1": ["x"]}
    assert redacted("access_key_secret_file", "/run/key") == "/run/key"
    assert redacted("token", None) is None


@pytest.mark.parametrize(
    "text",
    ["token" * 20_000, "secret_" * 20_000, 'token: \\"' * 10_000, "'" * 100_000,
     "Authorization: '" * 10_000, "token" + " " * 100_000],
    ids=lambda text: text[:12],
)  # fmt: skip
def test_long_texts_do_not_stall_the_process(text: str) -> None:
    """Masking takes time in proportion to the text, which may be long."""
    assert len(redacted_text(text)) <= len(text) * 2


def test_accesses_and_bad_requests_are_not_logged(stream: io.StringIO) -> None:
    """They are metrics, and strangers must not fill the disk; a bug is logged."""
    configure("debug", "json", stream)

    logging.getLogger("aiohttp.access").error("GET /metrics")
    for error in (BadStatusLine("x"), KeyError("bug")):
        logging.getLogger("aiohttp.server").error("failed", exc_info=error)

    assert "KeyError" in event(stream)["exception"]
    assert not logging.getLogger("aiohttp.access").isEnabledFor(logging.INFO)
