"""`poll` as a program: on a terminal, in a pipe, and when it is stopped."""

from __future__ import annotations

import json
import re
import signal
from pathlib import Path

import pytest
from fakes import fake_cloud
from programs import clean_environment, run_exporter
from recording import slow
from rich.cells import cell_len
from rich.progress import Progress
from terminals import CURSOR_HIDDEN, CURSOR_SHOWN, Terminal, on_terminal, plain

from exporter.app.exporter import opened
from exporter.app.poll import poll_all
from exporter.config.load import load
from exporter.model.types import Limits
from exporter.simulator.server import running
from exporter.simulator.world import World

COLOR = re.compile(r"\x1b\[[0-9;]*3[0-7]m")
# With this a poll of two routes is drawn more than once.
SLOW_SECONDS = 0.2
ONE_WAY, TWO_WAY = "1300000016", "1300000017"


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Return the environment of a user of the simulated cloud, on a plain terminal."""
    environment = clean_environment(
        tmp_path,
        ROCKETMQ_DR_API__ACCESS_KEY_ID="simulator",
        ROCKETMQ_DR_API__ACCESS_KEY_SECRET="simulator",
        ROCKETMQ_DR_API__REQUESTS_PER_SECOND="200",
    )
    ruling = ("NO_COLOR", "FORCE_COLOR", "TERM", "TTY_COMPATIBLE", "TTY_INTERACTIVE")
    return {name: environment[name] for name in environment if name not in ruling}


@pytest.mark.parametrize(
    ("plans", "objectives", "expected"),
    [
        (
            [{"id": ONE_WAY}, {"id": TWO_WAY, "objectives": {"lag": "2m"}}],
            {},
            # Nobody syncs the progress of a two-way plan: its age is not promised.
            {
                ONE_WAY: Limits(300.0, 600.0, 0.99, is_auto_synced=True),
                TWO_WAY: Limits(120.0, 600.0, 0.99),
            },
        ),
        (
            [{"id": ONE_WAY}],
            {"objectives.lag": "0s", "objectives.age": "0"},
            {ONE_WAY: Limits(0.0, 0.0, 0.99, is_auto_synced=True)},
        ),
    ],
)
async def test_every_plan_has_its_own_objectives(
    plans: list[object], objectives: dict[str, str], expected: dict[str, Limits]
) -> None:
    """As far as they are known to hold."""
    async with running(World("mixed")) as url:
        flags = {
            "api.endpoint": url,
            "api.access_key_id": "simulator",
            "api.access_key_secret": "simulator",
            "api.requests_per_second": "500",
            "plans": json.dumps(plans),
            **objectives,
        }
        async with opened(load(flags=flags, environ={}, file=None)) as exporter:
            assert await poll_all(exporter, Progress(disable=True))

    report = exporter.report()
    assert report.inventory.limits == expected
    assert (report.failures, report.is_tried) == ({}, True)


def printed(terminal: Terminal) -> list[str]:
    """Return the lines that stand there once the bar has gone."""
    return plain(terminal.raw[terminal.raw.rindex(CURSOR_SHOWN) :]).splitlines()


@pytest.mark.parametrize("is_colored", [True, False])
async def test_a_terminal_gets_a_table(
    environment: dict[str, str], *, is_colored: bool
) -> None:
    """Coloured against the objectives, or not; what is bad is marked in any case."""
    if not is_colored:
        environment["NO_COLOR"] = "1"
    async with (
        running(World("mixed")) as url,
        on_terminal("poll", f"--api.endpoint={url}", env=environment) as terminal,
    ):
        assert await terminal.ended() == 0

    assert bool(COLOR.search(terminal.raw)) is is_colored
    assert "\ndr_trade (1300000016, objectives lag 5m, age 10m): not" in terminal.text
    assert all(cell_len(line) <= 120 for line in printed(terminal))
    assert re.search(r"^ ?! +\d", terminal.text, re.MULTILINE)
    assert terminal.raw.rindex(CURSOR_SHOWN) > terminal.raw.rindex(CURSOR_HIDDEN)


async def test_a_pipe_gets_plain_text_and_forced_colors_if_asked(
    environment: dict[str, str],
) -> None:
    """FORCE_COLOR is heard; nothing is drawn over, there or on stderr."""
    async with running(World("mixed")) as url:
        endpoint = f"--api.endpoint={url}"
        piped = await run_exporter("poll", endpoint, env=environment)
        forced = environment | {"FORCE_COLOR": "1", "TERM": "xterm"}
        colored = await run_exporter("poll", endpoint, env=forced)

    assert "\x1b" not in piped.out + piped.err
    assert COLOR.search(colored.out)
    assert CURSOR_HIDDEN not in colored.out + colored.err
    assert "Polling" not in piped.err + colored.err


async def test_a_bar_shows_how_far_the_polls_are(environment: dict[str, str]) -> None:
    """It moves with every route; then the cursor is back and the table is there."""
    async with (
        running(World(plans=2, items=2), middlewares=[slow(SLOW_SECONDS)]) as url,
        on_terminal(
            "poll",
            f"--api.endpoint={url}",
            # One after the other.
            "--api.max-concurrency=1",
            env=environment,
        ) as terminal,
    ):
        assert await terminal.ended() == 0

    shares = re.findall(r"Polling 6 routes [^%]*? (\d+)%", terminal.text)
    assert len(set(shares)) > 2
    assert shares == sorted(shares, key=int)
    assert terminal.raw.rindex(CURSOR_SHOWN) > terminal.raw.rindex(CURSOR_HIDDEN)
    assert terminal.text.rindex("GID_") > terminal.text.rindex("Polling")


@pytest.mark.parametrize("output", ["json", "prometheus"])
async def test_programs_get_their_form_and_nothing_else(
    output: str, environment: dict[str, str], tmp_path: Path
) -> None:
    """The bar is on the terminal, and stdout has what it had."""
    result = tmp_path / "result"
    async with running(World("mixed"), middlewares=[slow(SLOW_SECONDS)]) as url:
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


async def test_a_poll_that_fails_tells_it_once(environment: dict[str, str]) -> None:
    """What failed and what to do, not also in the log; status 1."""
    async with (
        running(World("forbidden", plans=2), middlewares=[slow(SLOW_SECONDS)]) as url,
        on_terminal("poll", f"--api.endpoint={url}", env=environment) as terminal,
    ):
        assert await terminal.ended() == 1

    assert "poll_failed" not in terminal.text
    assert (
        "2 routes could not be polled: ListDisasterRecoveryCheckpoints" in terminal.text
    )
    assert "grant the RAM action rocketmq:ListDisasterRecoveryCheckpoints" in " ".join(
        terminal.text.split()
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_poll_that_is_stopped_leaves_the_terminal_well(
    number: signal.Signals, environment: dict[str, str]
) -> None:
    """130, no traceback, no half table, and the cursor is there."""
    async with (
        running(World(), middlewares=[slow(600)]) as url,
        on_terminal("poll", f"--api.endpoint={url}", env=environment) as terminal,
    ):
        await terminal.shows("Looking for routes")
        terminal.process.send_signal(number)
        status = await terminal.ended()

    assert status == 130
    assert "Traceback" not in terminal.text
    assert "Lag" not in terminal.text
    assert terminal.raw.rindex(CURSOR_SHOWN) > terminal.raw.rindex(CURSOR_HIDDEN)


async def test_nothing_discovered_is_no_failure(environment: dict[str, str]) -> None:
    """No table, and where to look."""
    async with fake_cloud() as cloud:
        cloud.answer_pages("/disaster_recovery", [], size=100)
        command = ("poll", f"--api.endpoint={cloud.url}")
        piped = await run_exporter(*command, env=environment)
        gate = await run_exporter(*command, "--fail-on-breach", env=environment)

    # But no plan is ready either.
    assert (piped.status, gate.status) == (0, 3)
    assert piped.out == ""
    assert "! No route was found: 0 plans in cn-hangzhou" in piped.err
