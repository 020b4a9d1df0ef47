"""What each command prints and how it exits, as its user sees it."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import queue
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from certificates import Authority
from paths import TESTDATA
from programs import clean_environment, exporter_command, free_port, line_with, started
from recording import slow

from exporter.app import cli
from exporter.app.cli import main
from exporter.app.exporter import Exporter
from exporter.simulator.server import running
from exporter.simulator.world import World

SECRET = "canary-3b1f-secret"


_Result = TypeVar("_Result")


@pytest.fixture(autouse=True)
def _environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the machine's settings and credentials out of the environment."""
    for name in os.environ.keys() - clean_environment(tmp_path).keys():
        monkeypatch.delenv(name)
    for name, value in clean_environment(tmp_path).items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sign as a user of the simulated cloud, and do not wait for the limiter."""
    monkeypatch.setenv("ROCKETMQ_DR_API__ACCESS_KEY_ID", "simulator")
    monkeypatch.setenv("ROCKETMQ_DR_API__ACCESS_KEY_SECRET", "simulator")
    monkeypatch.setenv("ROCKETMQ_DR_API__REQUESTS_PER_SECOND", "200")


with_key = pytest.mark.usefixtures("_key")


@contextmanager
def beside(context: AbstractAsyncContextManager[_Result]) -> Iterator[_Result]:
    """Hold a context open in the loop of another thread, as `main` has its own."""
    held: queue.SimpleQueue[_Result] = queue.SimpleQueue()
    loop, stop = asyncio.new_event_loop(), asyncio.Event()

    async def hold() -> None:
        async with context as found:
            held.put(found)
            await stop.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(hold(),))
    thread.start()
    try:
        yield held.get(timeout=60)
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()


@contextmanager
def cloud(scenario: str = "mixed", **sizes: Any) -> Iterator[str]:
    """Run a simulated cloud; yield the flag that points to it."""
    with beside(running(World(scenario, **sizes))) as url:
        yield f"--api.endpoint={url}"


def test_a_good_configuration_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`check` says what is in force and where the key is from, and shows no secret."""
    plans = '[{"id": 13, "objectives": {"lag": "7m"}}, {"id": 14}]'
    monkeypatch.setenv("ROCKETMQ_DR_API__ACCESS_KEY_ID", "LTAI-no-key")
    monkeypatch.setenv("ROCKETMQ_DR_API__ACCESS_KEY_SECRET", SECRET)
    monkeypatch.setenv("HTTPS_PROXY", f"http://user:{SECRET}@proxy.example:3128")
    flags = ["--api.region=cn-shanghai", "--api.network=VPC", f"--plans={plans}"]

    assert main(["check", *flags, "--objectives.age=0"]) == 0

    told = capsys.readouterr()
    assert told.err == ""
    assert told.out.splitlines() == [
        "config file: none",
        "plans: 13, 14",
        "regions: cn-shanghai",
        "endpoints: https://rocketmq-vpc.cn-shanghai.aliyuncs.com",
        "proxy: http://proxy.example:3128",
        "objectives: lag 5m, age -, share 0.99; plan 13: lag 7m, age -, share 0.99",
        "credentials: from ROCKETMQ_DR_API__ACCESS_KEY_ID",
        "The configuration is good; `check --live` also asks the API.",
    ]


@pytest.mark.parametrize("command", ["poll", "serve"])
def test_without_a_key_the_first_line_says_what_to_do(
    command: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """No table, and not what the vendor's chain says of each of its steps."""
    advice = "set ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET, or"
    if command == "poll":
        assert main(["poll"]) == 1
        told = capfd.readouterr()
        assert told.out == ""
        (line,) = told.err.splitlines()
        assert line.startswith("! 1 lookup failed: no access key found (region cn-han")
    else:
        timer = threading.Timer(3.0, os.kill, (os.getpid(), signal.SIGTERM))
        timer.start()
        assert main(["serve", "--web.listen-address=127.0.0.1:0"]) == 0
        line = capfd.readouterr().err
        assert "level=warn msg=no_route_found" in line
        assert 'credentials="from the credential chain"' in line
    assert advice in line


def test_each_fault_is_one_line_with_file_and_setting_and_no_secret(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A bad file exits 2, names every fault, and repeats no value."""
    file = tmp_path / "exporter.yml"
    file.write_text(
        f"api: {{access_key_id: {SECRET}, access_key_secret: [{SECRET}],"
        " page_size: no}\n"
        f"poll: {{interval: {SECRET}}}\n"
        "web: {port: 1}\n"
    )

    monkeypatch.setenv("ROCKETMQ_DR_PORT", SECRET)

    assert main(["check", f"--config.file={file}"]) == 2

    told = capsys.readouterr()
    warning, *lines = told.err.splitlines()
    assert warning.startswith("ROCKETMQ_DR_PORT: unknown variable")
    assert all(line.startswith(f"{file}: ") for line in lines)
    for setting in ("access_key_secret", "page_size", "poll.interval", "port"):
        assert any(setting in line for line in lines), setting
    assert SECRET not in told.out + told.err


@pytest.mark.parametrize("command", ["serve", "check"])
@pytest.mark.parametrize(
    ("setting", "name", "why"),
    [
        ("access_key_id_file", "absent", "No such file or directory"),
        ("access_key_secret_file", "absent", "No such file or directory"),
        # Docker makes a folder of what it is to mount and does not find.
        ("security_token_file", "", "Is a directory"),
    ],
)
def test_a_secret_that_is_not_there_ends_the_start(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    *,
    setting: str,
    name: str,
    why: str,
    command: str,
) -> None:
    """Exit 2, and the only line names setting, file and reason."""
    secret = tmp_path / "secret"
    secret.write_text(SECRET)
    prefix = "ROCKETMQ_DR_API__"
    monkeypatch.setenv(f"{prefix}ACCESS_KEY_ID_FILE", str(secret))
    monkeypatch.setenv(f"{prefix}ACCESS_KEY_SECRET_FILE", str(secret))
    monkeypatch.setenv(prefix + setting.upper(), str(tmp_path / name))

    assert main([command, "--web.listen-address=127.0.0.1:0"]) == 2

    told = f"api.{setting}: {tmp_path / name}: cannot be read: {why}\n"
    assert capsys.readouterr().err == told


def test_check_does_not_open_a_pipe_that_holds_a_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To open it is to wait for its other end, and what is read from it is gone."""
    pipe = tmp_path / "secret"
    os.mkfifo(pipe)
    monkeypatch.setenv("ROCKETMQ_DR_API__ACCESS_KEY_ID", "LTAI-no-key")
    monkeypatch.setenv("ROCKETMQ_DR_API__ACCESS_KEY_SECRET_FILE", str(pipe))

    assert main(["check"]) == 0


@pytest.mark.parametrize("command", ["serve", "check"])
def test_a_lease_without_the_extra_that_it_needs_is_reported_in_one_line(
    command: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Exit 2, with what to install; without a lease nothing is missed."""
    monkeypatch.setitem(sys.modules, "kubernetes_asyncio", None)

    missed = main([command, "--web.listen-address=127.0.0.1:0", "--ha.lease=dr"])
    told = capsys.readouterr()
    alone = main(["check"])

    line = "ha.lease: needs a package: pip install 'rocketmq-dr-exporter[kubernetes]'"
    assert (missed, told.out, told.err) == (2, "", f"{line}\n")
    assert (alone, capsys.readouterr().err) == (0, "")


@with_key
def test_a_live_check_says_how_each_call_went(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """All well is 0; a refused action is 1, and named with what to do."""
    with cloud("healthy") as endpoint:
        good = main(["check", "--live", endpoint])
    printed = capsys.readouterr()
    lines = printed.out.splitlines()
    assert (good, printed.err) == (0, "")
    assert "good" not in printed.out
    assert {line.split()[0] for line in lines[7:]} == {"ok", "learnt"}

    with cloud("forbidden") as endpoint:
        refused = main(["check", "--live", endpoint])
    lines = capsys.readouterr().out.splitlines()
    (line,) = (line for line in lines if line.startswith("FAILED"))
    assert refused == 1
    action = "ListDisasterRecoveryCheckpoints"
    assert line.endswith(f"grant the RAM action rocketmq:{action}")


@with_key
def test_poll_reads_the_vendors_sample_answer_as_it_stands(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The documented example is one checkpoint without lag, in spite of its message."""
    sample = (TESTDATA / "seed_checkpoints.json").read_bytes()
    plan = {
        "id": "1300000016",
        "items": ["100070284"],
        "source_instances": ["rmq-cn-7e22ody0001"],
    }

    async def answer(_request: web.Request) -> web.Response:
        return web.Response(body=sample, content_type="application/json")

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    with beside(TestServer(app)) as server:
        endpoint = f"--api.endpoint={server.make_url('')}"
        plans = f"--plans={json.dumps([plan])}"
        status = main(["poll", "--output=json", endpoint, plans])

    (found,) = json.loads(capsys.readouterr().out)
    assert status == 0
    assert found.pop("sync_age_seconds") > 0
    assert found == {
        "plan_id": "1300000016",
        "item_id": "100070284",
        "source_instance_id": "rmq-cn-3mp3vblzxxx",
        "target_instance_id": "rmq-cn-nwy3i065xxx",
        "group": "GID_TEST",
        "topic": "TOPIC_TEST",
        "checkpoint_id": 0,
        "sync_lag_seconds": 0.0,
        "last_sync_timestamp_seconds": 1740724080.343,
        "state": "ok",
    }


async def test_simulate_serves_until_it_is_told_to_stop() -> None:
    """It says where it listens, and SIGTERM ends it cleanly."""
    command = exporter_command("simulate", "--listen-address=127.0.0.1:0")
    async with started(*command) as process:
        assert process.stdout is not None
        line = (await process.stdout.readline()).decode()
        url = re.findall(r"http://\S+(?=,)", line)[0]
        async with aiohttp.ClientSession() as session, session.get(url) as response:
            assert response.status in range(400, 500)
        process.send_signal(signal.SIGTERM)
        await process.wait()

    assert process.returncode == 0


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_the_demo_needs_nothing_and_shows_the_worst_lags_at_once(
    scheme: str, tmp_path: Path
) -> None:
    """It prints a table and where to look; the metrics are there; SIGINT ends it."""
    address = f"127.0.0.1:{free_port()}"
    flags = [f"--web.listen-address={address}", "--listen-address=127.0.0.1:0"]
    if scheme == "https":
        Authority().issue("localhost").write(tmp_path, "server")
        pair = "cert_file: server.crt, key_file: server.key"
        (tmp_path / "web.yml").write_text(f"tls_server_config: {{{pair}}}")
        flags.append(f"--web.config.file={tmp_path / 'web.yml'}")
    lines: list[str] = []
    async with started(*exporter_command("demo", *flags)) as process:
        while not lines or "Ctrl-C" not in lines[-1]:
            lines.append(await line_with(process.stdout))
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{scheme}://{address}/metrics", ssl=False) as response,
        ):
            body = await response.text()
        process.send_signal(signal.SIGINT)
        await process.wait()

    url = f"{scheme}://localhost:{address.rpartition(':')[2]}/metrics"
    assert any("GID_" in line for line in lines)
    assert f"Metrics:     {url}\n" in lines
    ups = re.findall(r"^rocketmq_dr_up\{.*\} (\d)$", body, re.MULTILINE)
    assert set(ups) == {"1"}
    assert process.returncode == 0


NARROWED = "Only the groups and topics asked for were judged."


@pytest.mark.parametrize(
    ("flags", "status", "count", "last_line"),
    [
        (("--plan=1300000016", "--group=GID_search"), 0, 2, NARROWED),
        (("--group=GID_search", "--groups.exclude=GID_s.*"), 0, 0, NARROWED),
        (("--topic=orders", "--limit=3", "--sort=age"), 0, 3, NARROWED),
        (("--fail-on-breach", "--confirm=1s"), 3, 40, "dr_finance (1300000017, object"),
        (("--plan=77", "--fail-on-breach"), 3, 0, "77: not ready – the plan is not f"),
    ],
)
@with_key
def test_poll_is_narrowed_and_a_gate(
    flags: tuple[str, ...],
    status: int,
    count: int,
    last_line: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Only what is asked for is polled; 3 where a plan is late, or not there."""
    with cloud("lagging") as endpoint:
        assert main(["poll", "--output=json", *flags, endpoint]) == status

    told = capsys.readouterr()
    found = json.loads(told.out)
    ages = [each["sync_age_seconds"] for each in found]
    assert len(found) == count
    assert told.err.splitlines()[-1].startswith(last_line)
    # What is wrong is told where it could not be read; else it stands in the result.
    assert ("! " in told.err) is ("--plan=77" in flags)
    assert "--sort=age" not in flags or ages == sorted(ages, reverse=True)


@with_key
def test_serve_says_when_its_address_is_taken(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """One line names the address, and the exit status is 1."""
    with cloud() as endpoint:
        taken = endpoint.rpartition("/")[2]
        status = main(["serve", f"--web.listen-address={taken}", endpoint])

    told = capsys.readouterr().err
    assert status == 1
    assert f"cannot listen on {taken}" in told
    assert told.endswith(": choose another by --web.listen-address\n")
    assert "Traceback" not in told


@with_key
async def test_serve_stops_while_a_poll_hangs() -> None:
    """SIGTERM in the middle of a poll ends the process, whatever the cloud does."""
    address = f"127.0.0.1:{free_port()}"
    async with running(World(), middlewares=[slow(3600)]) as url:
        command = exporter_command(
            "serve", f"--web.listen-address={address}", f"--api.endpoint={url}"
        )
        async with started(*command) as process:
            await line_with(process.stderr, "msg=started")

            async with (
                aiohttp.ClientSession() as session,
                session.get(f"http://{address}/-/ready") as response,
            ):
                assert response.status == 503
            process.send_signal(signal.SIGTERM)
            assert await asyncio.wait_for(process.wait(), 120) == 0


@with_key
def test_a_reader_that_goes_away_is_no_crash() -> None:
    """`poll | head` ends without a traceback."""
    reader, writer = os.pipe()
    os.close(reader)
    with cloud(plans=2, items=2, groups=100) as endpoint:
        ended = subprocess.run(
            exporter_command("poll", "--output=json", endpoint),
            stdin=subprocess.DEVNULL,
            stdout=writer,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    os.close(writer)

    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr
    assert "BrokenPipe" not in ended.stderr


def test_a_crash_is_logged_without_the_secrets_of_its_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A bug of ours exits 1, and its traceback goes through the redaction."""

    def crash(_arguments: argparse.Namespace) -> int:
        raise RuntimeError(f"x-acs-security-token: {SECRET}")

    monkeypatch.setitem(cli._COMMANDS, "check", crash)

    assert main(["check"]) == 1

    told = capsys.readouterr().err
    assert "msg=crashed" in told
    assert "Traceback" in told
    assert SECRET not in told


def test_a_variable_that_names_no_setting_is_a_warning(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """For `check` it is a fault; what Kubernetes injects is neither."""
    monkeypatch.setenv("ROCKETMQ_DR_API__REGOIN", SECRET)
    monkeypatch.setenv("ROCKETMQ_DR_EXPORTER_PORT", "tcp://10.0.0.1:10063")
    line = (
        "ROCKETMQ_DR_API__REGOIN: unknown variable, did you mean "
        "ROCKETMQ_DR_API__REGION?"
    )

    with cloud("forbidden") as endpoint:
        assert main(["poll", endpoint]) == 1
    warned = capsys.readouterr().err
    assert main(["check"]) == 2

    assert capsys.readouterr().err == f"{line}\n"
    assert f"unknown_environment_variable problem='{line}'" in warned
    assert SECRET not in warned


@pytest.mark.parametrize(("stale_after", "warnings"), [("10m", 1), ("10m1s", 0)])
def test_data_that_grow_stale_between_two_polls_are_a_warning(
    stale_after: str, warnings: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """A user who polls less often is warned before series come and go."""
    flags = ["--poll.interval=10m", f"--poll.stale-after={stale_after}"]

    assert main(["check", *flags]) == 0

    assert capsys.readouterr().err.count("poll.stale_after") == warnings


@pytest.mark.parametrize("end", [None, RuntimeError("bug"), asyncio.CancelledError()])
def test_polling_that_ends_by_itself_is_a_crash(
    end: BaseException | None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """An exporter that does not poll must not go on looking well."""

    async def run(_exporter: Exporter) -> None:
        if end is not None:
            raise end

    monkeypatch.setattr(Exporter, "run", run)

    assert main(["serve", "--web.listen-address=127.0.0.1:0"]) == 1

    assert "msg=crashed" in capsys.readouterr().err
