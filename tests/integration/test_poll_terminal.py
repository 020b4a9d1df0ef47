"""`poll` on a real terminal: what is drawn there, and how it is left behind."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from eventually import eventually
from fakes import FakeCloud, Reply, checkpoint_row, fake_cloud, page_of
from programs import clean_environment, exporter_command, run_exporter, started
from report_cases import ESCAPES
from rich.cells import cell_len
from terminals import CTRL_C, CURSOR_HIDDEN, CURSOR_SHOWN, Terminal, on_terminal

from exporter.simulator.server import Stats, running
from exporter.simulator.world import World

LIST_PLANS = "ListDisasterRecoveryPlans"
LIST_CHECKPOINTS = "ListDisasterRecoveryCheckpoints"
CHECKPOINTS_PATH = "/disaster_recovery/1/items/2/checkpoints"
COLOR = re.compile(r"\x1b\[[0-9;]*3[0-7]m")
# With this a cloud of two routes takes longer than anybody waits without a bar.
SLOW_SECONDS = 0.4


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Return the environment of a user of the simulated cloud, on a plain terminal."""
    environment = clean_environment(
        tmp_path,
        ROCKETMQ_DR_API__ACCESS_KEY_ID="simulator",
        ROCKETMQ_DR_API__ACCESS_KEY_SECRET="simulator",
        ROCKETMQ_DR_API__REQUESTS_PER_SECOND="200",
        ROCKETMQ_DR_LOG__LEVEL="warn",
    )
    ruling = ("NO_COLOR", "FORCE_COLOR", "TERM", "TTY_COMPATIBLE", "TTY_INTERACTIVE")
    return {name: environment[name] for name in environment if name not in ruling}


@asynccontextmanager
async def one_route(*rows: dict[str, object]) -> AsyncIterator[tuple[FakeCloud, str]]:
    """Serve one route with these rows; yield the flags that make it the only one."""
    async with fake_cloud() as cloud:
        cloud.answer_pages(CHECKPOINTS_PATH, rows, size=100)
        plan = {"id": "1", "items": ["2"], "source_instances": ["rmq-source"]}
        yield cloud, f"--plans={json.dumps([plan])}"


async def test_a_terminal_gets_colors_and_no_cursor_is_lost(
    environment: dict[str, str],
) -> None:
    """The table is coloured against the objectives; a quick poll draws no bar."""
    async with (
        running(World("mixed")) as url,
        on_terminal("poll", f"--api.endpoint={url}", env=environment) as terminal,
    ):
        assert await terminal.ended() == 0

    assert COLOR.search(terminal.raw)
    assert "over the objective for lag" in terminal.text
    assert CURSOR_HIDDEN not in terminal.raw
    assert all(cell_len(line) <= 120 for line in terminal.text.splitlines())
    assert "Polling" not in terminal.text


async def test_no_color_takes_the_colors_and_leaves_the_marks(
    environment: dict[str, str],
) -> None:
    """What is over its objective can be seen without."""
    environment["NO_COLOR"] = "1"
    async with (
        running(World("mixed")) as url,
        on_terminal("poll", f"--api.endpoint={url}", env=environment) as terminal,
    ):
        await terminal.ended()

    assert not COLOR.search(terminal.raw)
    assert re.search(r"^ ?! +\d", terminal.text, re.MULTILINE)


async def test_a_pipe_gets_plain_text_and_forced_colors_if_asked(
    environment: dict[str, str],
) -> None:
    """FORCE_COLOR is heard; nothing is drawn over, there or on stderr."""
    async with running(World("mixed"), latency_seconds=SLOW_SECONDS) as url:
        endpoint = f"--api.endpoint={url}"
        piped = await run_exporter("poll", endpoint, env=environment)
        forced = environment | {"FORCE_COLOR": "1", "TERM": "xterm"}
        colored = await run_exporter("poll", endpoint, env=forced)

    assert "\x1b" not in piped.out + piped.err
    assert COLOR.search(colored.out)
    assert CURSOR_HIDDEN not in colored.out + colored.err
    assert "Polling" not in piped.err + colored.err


async def test_a_long_poll_has_a_bar_that_goes_away(
    environment: dict[str, str],
) -> None:
    """It moves with every page; then the cursor is back and the table is there."""
    async with (
        running(
            World(plans=1, items=1, groups=40), latency_seconds=SLOW_SECONDS
        ) as url,
        on_terminal(
            "poll", f"--api.endpoint={url}", "--api.page-size=5", env=environment
        ) as terminal,
    ):
        assert await terminal.ended() == 0

    counts = re.findall(r"of 1 routes, (\d+) checkpoints", terminal.text)
    assert len(set(counts)) > 2
    assert counts == sorted(counts, key=int)
    assert terminal.raw.rindex(CURSOR_SHOWN) > terminal.raw.rindex(CURSOR_HIDDEN)
    assert terminal.text.rindex("GID_") > terminal.text.rindex("Polling")


@pytest.mark.parametrize("output", ["json", "prometheus"])
async def test_programs_get_their_form_and_nothing_else(
    output: str, environment: dict[str, str], tmp_path: Path
) -> None:
    """The bar is on the terminal, and stdout has what it had."""
    result = tmp_path / "result"
    async with running(World("mixed"), latency_seconds=SLOW_SECONDS) as url:
        flags = (f"--api.endpoint={url}", f"--output={output}")
        with result.open("wb") as stdout:
            async with on_terminal(
                "poll", *flags, env=environment, stdout=stdout
            ) as terminal:
                assert await terminal.ended() == 0

    assert "Polling" in terminal.text
    text = result.read_text()
    assert "\x1b" not in text
    if output == "json":
        assert len(json.loads(text)) == 2 * 2 * 10
    else:
        assert "\nrocketmq_dr_sync_lag_seconds{" in text


def lines_above(terminal: Terminal) -> int:
    """Return how many log lines begin where what was drawn has been taken away."""
    begin = r"(?:\x1b\[\?25l|\x1b\[2K|\n)"
    return len(re.findall(begin + r"ts=\S+ level=warn", terminal.raw))


async def test_a_log_line_stands_above_the_bar(environment: dict[str, str]) -> None:
    """Each in a line of its own, whole."""
    async with (
        running(World("forbidden", plans=2), latency_seconds=SLOW_SECONDS) as url,
        on_terminal("poll", f"--api.endpoint={url}", env=environment) as terminal,
    ):
        assert await terminal.ended() == 1

    lines = [line for line in terminal.text.splitlines() if "poll_failed" in line]
    assert len(lines) == 2
    assert all(
        re.search(r"ts=\S+ level=warn .*request_id=\S+$", line) for line in lines
    )
    assert lines_above(terminal) == 2
    assert "could not be polled, permission: grant the RAM action" in terminal.text


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_poll_that_is_stopped_leaves_the_terminal_well(
    number: signal.Signals, environment: dict[str, str]
) -> None:
    """130, no traceback, no half table, and the cursor is there."""
    async with (
        running(World(), latency_seconds=60) as url,
        on_terminal("poll", f"--api.endpoint={url}", env=environment) as terminal,
    ):
        await terminal.shows("Looking for routes")
        terminal.process.send_signal(number)
        status = await terminal.ended(within=5)

    assert status == 130
    assert "Traceback" not in terminal.text
    assert "Lag" not in terminal.text
    assert terminal.raw.rindex(CURSOR_SHOWN) > terminal.raw.rindex(CURSOR_HIDDEN)


def frames(terminal: Terminal) -> list[str]:
    """Return each drawing of the watched table."""
    return [f"As of{rest}" for rest in terminal.text.split("As of")[1:]]


async def rounds_shown(terminal: Terminal, count: int) -> None:
    """Wait until so many rounds have been shown."""

    async def are_shown() -> bool:
        found = re.findall(r"As of (\d\d:\d\d:\d\d)", terminal.text)
        return len(set(found)) >= count

    await eventually(are_shown)


async def test_watching_repeats_until_ctrl_c(environment: dict[str, str]) -> None:
    """Polls on the same connections, looks for routes once, and fits the terminal."""
    stats = Stats()
    async with (
        running(World("mixed", groups=30), stats=stats) as url,
        on_terminal(
            "poll", "--watch=1s", f"--api.endpoint={url}", env=environment, lines=20
        ) as terminal,
    ):
        await rounds_shown(terminal, 3)
        terminal.press(CTRL_C)
        status = await terminal.ended(within=5)

    assert status == 0
    assert "Traceback" not in terminal.text
    assert len(stats.of(LIST_PLANS)) == 1
    asked = [served.arrived for served in stats.of(LIST_CHECKPOINTS)]
    assert len(asked) >= 18
    assert stats.connections <= 5
    for frame in frames(terminal)[:-1]:
        assert len(frame.splitlines()) <= 20
        assert "Ctrl-C ends it." in frame
    assert terminal.raw.rindex(CURSOR_SHOWN) > terminal.raw.rindex(CURSOR_HIDDEN)


async def test_watching_outlives_what_fails(environment: dict[str, str]) -> None:
    """It says what failed, in the log and below; its status is the last round's."""
    async with (
        running(World("forbidden", plans=2), latency_seconds=SLOW_SECONDS) as url,
        on_terminal(
            "poll", "--watch=1s", f"--api.endpoint={url}", env=environment
        ) as terminal,
    ):
        await rounds_shown(terminal, 2)
        terminal.press(CTRL_C)
        assert await terminal.ended(within=5) == 1

    assert terminal.text.count("msg=poll_failed") == lines_above(terminal) == 2
    assert "2 routes could not be polled, permission" in frames(terminal)[-1]


async def test_watching_is_cut_to_a_terminal_of_a_few_lines(
    environment: dict[str, str],
) -> None:
    """What has no room is left out below, and nothing scrolls."""
    async with (
        running(World("mixed")) as url,
        on_terminal(
            "poll", "--watch=1s", f"--api.endpoint={url}", env=environment, lines=7
        ) as terminal,
    ):
        await rounds_shown(terminal, 2)
        terminal.press(CTRL_C)
        assert await terminal.ended(within=5) == 0

    for frame in frames(terminal)[:-1]:
        lines = frame.rstrip().splitlines()
        assert len(lines) <= 7
        assert lines[-1].strip() != "..."
        assert "GID_" in frame


async def test_watching_that_is_stopped_at_once_has_nothing_to_tell(
    environment: dict[str, str],
) -> None:
    """Before the first round is over it ends as any command that is interrupted."""
    async with (
        running(World(), latency_seconds=60) as url,
        on_terminal(
            "poll", "--watch", f"--api.endpoint={url}", env=environment
        ) as terminal,
    ):
        await terminal.shows("Looking for routes")
        terminal.press(CTRL_C)
        assert await terminal.ended(within=5) == 130


async def test_no_name_of_upstreams_commands_the_terminal(
    environment: dict[str, str],
) -> None:
    """Not in a table, and not in one that is watched."""
    names = (ESCAPES, "消费组" * 85, "קבוצה", "\u202eabc", "G" * 255)
    rows = [checkpoint_row(n, name) for n, name in enumerate(names, 1)]
    async with one_route(*rows) as (cloud, plans):
        flags = (f"--api.endpoint={cloud.url}", plans)
        async with on_terminal("poll", *flags, env=environment, columns=90) as once:
            assert await once.ended() == 0
        async with on_terminal(
            "poll", "--watch=1s", *flags, env=environment, columns=90, lines=24
        ) as watched:
            await watched.shows("As of")
            watched.press(CTRL_C)
            assert await watched.ended(within=5) == 0

    for terminal in (once, watched):
        assert r"a\x1b]0;title" in terminal.text
        for command in ("\x1b]", "\x07", "\x9b", "\u202e", "\x1b[2J"):
            assert command not in terminal.raw
        assert all(cell_len(line) <= 90 for line in terminal.text.splitlines())
    assert all(len(frame.splitlines()) <= 24 for frame in frames(watched)[:-1])


async def test_a_terminal_of_few_letters_gets_the_table_too(
    environment: dict[str, str],
) -> None:
    """What its encoding lacks is escaped."""
    environment["PYTHONIOENCODING"] = "latin-1"
    async with one_route(checkpoint_row(1, "消费")) as (cloud, plans):
        flags = (f"--api.endpoint={cloud.url}", plans)
        piped = await run_exporter("poll", *flags, env=environment)
        async with on_terminal("poll", *flags, env=environment) as terminal:
            assert await terminal.ended() == 0

    assert piped.status == 0
    assert r"\u6d88\u8d39" in piped.out
    assert r"\u6d88\u8d39" in terminal.text


async def test_watching_lets_go_of_what_nothing_confirms(
    environment: dict[str, str],
) -> None:
    """A lag of long ago must not look like the present one."""
    async with one_route() as (cloud, plans):
        good, bad = Reply(page_of([checkpoint_row(1)])), Reply(b"{}", status=403)
        cloud.answer(CHECKPOINTS_PATH, good, bad, page=1)
        flags = (f"--api.endpoint={cloud.url}", plans, "--poll.stale-after=2s")
        async with on_terminal("poll", "--watch=1s", *flags, env=environment) as it:
            await it.shows("could not be polled")
            before = frames(it)[-1]

            async def is_gone() -> bool:
                last = frames(it)[-1]
                return "could not be polled" in last and "GID_orders" not in last

            await eventually(is_gone)

    assert "GID_orders" in before


async def test_a_hundred_thousand_checkpoints_are_counted_and_the_worst_shown(
    environment: dict[str, str],
) -> None:
    """All of them are polled; what is drawn can be read."""
    environment["ROCKETMQ_DR_API__REQUESTS_PER_SECOND"] = "1000"
    world = World("mixed", plans=50, items=10, groups=200)
    async with (
        running(world) as url,
        on_terminal("poll", f"--api.endpoint={url}", env=environment) as terminal,
    ):
        assert await terminal.ended(within=60) == 0

    assert "! 100,000 checkpoints on" in terminal.text
    assert terminal.text.count("GID_") == 100
    assert "The worst 100 are shown" in terminal.text


async def test_everything_failing_says_what_to_do(
    environment: dict[str, str],
) -> None:
    """A key that is refused: the head of the table, and the remedy; status 1."""
    environment["ROCKETMQ_DR_API__ACCESS_KEY_SECRET"] = "wrong"
    async with (
        running(World()) as url,
        on_terminal("poll", f"--api.endpoint={url}", env=environment) as terminal,
    ):
        assert await terminal.ended() == 1

    text = " ".join(terminal.text.split())
    assert "Lag Age State" in text
    assert "! Could not look up region cn-hangzhou, credentials: fix the" in text


async def test_nothing_discovered_says_what_to_do(
    environment: dict[str, str],
) -> None:
    """The head of the table, and where to look; that is no failure."""
    async with fake_cloud() as cloud:
        cloud.answer_pages("/disaster_recovery", [], size=100)
        async with on_terminal(
            "poll", f"--api.endpoint={cloud.url}", env=environment
        ) as terminal:
            assert await terminal.ended() == 0

    assert "! No route was found: no plan is there." in terminal.text
    assert "check --live" in " ".join(terminal.text.split())


async def test_watching_into_a_pipe_appends(environment: dict[str, str]) -> None:
    """Each round whole, with its time, and nothing is drawn over."""
    lines: list[str] = []
    async with running(World("healthy", plans=1, items=1)) as url:
        command = exporter_command("poll", "--watch=1s", f"--api.endpoint={url}")
        async with started(*command, env=environment) as process:
            assert process.stdout is not None
            while sum("GID_" in line for line in lines) < 20:
                lines.append((await process.stdout.readline()).decode())
            process.send_signal(signal.SIGINT)
            assert await process.wait() == 0

    text = "".join(lines)
    assert "\x1b" not in text
    heads = re.findall(
        r"^As of [-\d]{10} [:\d]{8} [+-]\d{4}, polled every 1s\.$", text, re.MULTILINE
    )
    assert len(heads) == 2
    assert text.count("GID_") == 20


@pytest.mark.parametrize("output", ["json", "prometheus"])
async def test_only_the_table_can_be_watched(
    output: str, environment: dict[str, str]
) -> None:
    """Several JSON documents in a row are no JSON: bad usage."""
    result = await run_exporter(
        "poll", "--watch", f"--output={output}", env=environment
    )

    assert result.status == 2
    assert result.err.splitlines() == ["--watch: shows a table, and no other --output"]


@pytest.mark.parametrize("interval", ["soon", "999ms", "0", "-1s"])
async def test_an_interval_that_is_none_is_bad_usage(
    interval: str, environment: dict[str, str]
) -> None:
    """Below a second it would be hammering."""
    result = await run_exporter("poll", f"--watch={interval}", env=environment)

    assert result.status == 2
    (line,) = result.err.splitlines()
    assert "--watch" in line
    assert "expected a duration" in line
