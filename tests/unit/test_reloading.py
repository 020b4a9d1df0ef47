"""What a reload does with what it reads, and what it tells of it."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from exporter.app import logs
from exporter.app.reloading import UNEXPECTED, Reloader
from exporter.config import ConfigurationError, Loaded, Settings, load
from exporter.model.errors import CredentialsError

SECRET = "canary-5d1e-secret"


class Bench:
    """A configuration file, a reloader of it, and what is in force."""

    def __init__(self, file: Path, flags: dict[str, object] | None = None) -> None:
        self.file = file
        self.flags = flags or {}
        self.environ: dict[str, str] = {}
        self.file.write_text("{}")
        self.in_force = self.read().settings
        self.applied = 0
        self.reports: list[bool] = []
        self.apply: Callable[[Settings], None] = lambda _: None
        self.reloader = Reloader(
            self.in_force, self.read, self._apply, self.reports.append
        )

    def read(self) -> Loaded:
        """Read all sources."""
        return load(flags=self.flags, environ=self.environ, file=self.file)

    async def reload(self, text: str) -> list[str]:
        """Write the file and reload."""
        self.file.write_text(text)
        return list(await self.reloader.reload())

    async def _apply(self, settings: Settings) -> None:
        self.apply(settings)
        self.applied += 1
        self.in_force = settings


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Return a bench whose file is empty."""
    return Bench(tmp_path / "exporter.yml")


@pytest.fixture
def _logs_restored() -> Iterator[None]:
    """Leave logging as it was found."""
    yield
    logs.configure("info", "logfmt")


async def test_a_good_file_is_put_in_force_and_reported(bench: Bench) -> None:
    """The log says which sections changed."""
    with capture_logs() as lines:
        assert await bench.reload("poll: {interval: 2m}") == []

    assert bench.in_force.poll.interval.total_seconds() == 120
    assert bench.reports == [True]
    assert [(line["event"], line["changed"]) for line in lines] == [
        ("reloaded", "poll")
    ]


async def test_a_bad_file_changes_nothing_and_is_told_line_by_line(
    bench: Bench,
) -> None:
    """Each fault is in the answer and in the log, and no value of it."""
    before = bench.in_force
    with capture_logs() as lines:
        faults = await bench.reload(
            f"api: {{access_key_secret: [{SECRET}], page_size: {SECRET}}}\nplan: 1\n"
        )

    assert len(faults) == 3
    assert all(fault.startswith(f"{bench.file}: ") for fault in faults)
    assert [line["error"] for line in lines] == faults
    assert SECRET not in str(faults) + str(lines)
    assert bench.in_force is before
    assert (bench.applied, bench.reports) == (0, [False])

    assert await bench.reload("poll: {interval: 2m}") == []
    assert bench.reports == [False, True]


@pytest.mark.parametrize("text", ["api: [", "- a", "\x00", None])
async def test_a_file_that_cannot_be_read_is_a_fault_too(
    bench: Bench, text: str | None
) -> None:
    """Broken YAML, no mapping, or no file at all."""
    if text is None:
        bench.file.unlink()
        faults = await bench.reloader.reload()
    else:
        faults = await bench.reload(text)

    assert faults
    assert all(str(bench.file) in fault for fault in faults)
    assert bench.reports == [False]


async def test_flags_and_environment_win_over_the_file_again(tmp_path: Path) -> None:
    """Precedence is that of the start."""
    bench = Bench(tmp_path / "exporter.yml", {"poll.interval": "7s"})
    bench.environ["ROCKETMQ_DR_POLL__TIMEOUT"] = "8s"

    await bench.reload("poll: {interval: 2m, timeout: 2m, stale_after: 9s}")

    poll = bench.in_force.poll
    seconds = [poll.interval, poll.timeout, poll.stale_after]
    assert [each.total_seconds() for each in seconds] == [7, 8, 9]


async def test_an_unchanged_file_is_a_success(bench: Bench) -> None:
    """It is reported as one, and the log says that nothing changed."""
    with capture_logs() as lines:
        assert await bench.reload("{}") == []

    assert bench.reports == [True]
    assert lines[0]["changed"] == "nothing"


async def test_what_takes_a_restart_is_named_at_each_reload(bench: Bench) -> None:
    """The rest of the file is in force; `web` stays as it runs."""
    text = "web: {listen_address: [':1'], max_requests: 3}\npoll: {interval: 2m}"
    for _ in range(2):
        with capture_logs() as lines:
            assert await bench.reload(text) == []
        told = [line for line in lines if line["event"] == "restart_needed"]
        assert [line["settings"] for line in told] == [
            "web.listen_address,web.max_requests"
        ]
        assert told[0]["log_level"] == "warning"

    assert bench.in_force.web.max_requests == 40
    assert bench.in_force.poll.interval.total_seconds() == 120


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (CredentialsError("api: no key"), "api: no key"),
        (RuntimeError(SECRET), UNEXPECTED),
    ],
)
async def test_what_cannot_be_put_in_force_is_a_failure(
    bench: Bench, error: Exception, fault: str
) -> None:
    """A bug is logged with its traceback and answered without its text."""

    def fail(_settings: Settings) -> None:
        raise error

    bench.apply = fail
    with capture_logs() as lines:
        assert await bench.reload("poll: {interval: 2m}") == [fault]

    assert bench.reports == [False]
    assert lines[0]["exc_info"] is (error if fault is UNEXPECTED else None)
    bench.apply = lambda _: None
    assert await bench.reload("poll: {interval: 2m}") == []
    assert bench.applied == 1, "what failed does not count as in force"


async def test_a_shard_that_holds_a_lease_stays_that_shard(bench: Bench) -> None:
    """The lease is the shard's: under another's two would poll the same routes."""
    bench.flags = {"ha.lease": "dr"}
    bench.in_force = bench.read().settings
    bench.reloader = Reloader(
        bench.in_force, bench.read, bench._apply, bench.reports.append
    )
    with capture_logs() as lines:
        changed = "shard: {index: 1, total: 2}\nha: {lease_duration: 3s}\n"
        assert await bench.reload(f"{changed}poll: {{interval: 2m}}") == []

    assert bench.in_force.shard.total == 1
    assert bench.in_force.ha.lease_duration.total_seconds() == 10
    assert bench.in_force.poll.interval.total_seconds() == 120
    (told,) = [line for line in lines if line["event"] == "restart_needed"]
    assert told["settings"] == "ha.lease_duration,shard.index,shard.total"


@pytest.mark.usefixtures("_logs_restored")
async def test_level_and_format_of_the_log_change_without_a_restart(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    """The next line is in the new form."""
    stream = io.StringIO()
    logs.configure("info", "logfmt", stream)

    await bench.reload("log: {level: warn, format: json}\nweb: {max_requests: 1}")

    assert stream.getvalue() == ""
    (line,) = capsys.readouterr().err.splitlines()
    assert json.loads(line)["msg"] == "restart_needed"


async def test_reloads_are_one_after_the_other(tmp_path: Path) -> None:
    """None begins to read before the one before it is in force."""
    events: list[str] = []

    def read() -> Loaded:
        events.append("read")
        return Loaded(Settings(), ())

    async def apply(_settings: Settings) -> None:
        await asyncio.sleep(0)
        events.append("applied")

    reloader = Reloader(Settings(), read, apply, lambda _: None)
    await asyncio.gather(*(reloader.reload() for _ in range(5)))

    assert events == ["read", "applied"] * 5


async def test_a_signal_during_a_reload_is_not_lost() -> None:
    """What was written after the file was read is read again."""
    signalled, done = asyncio.Event(), asyncio.Event()
    reads = 0

    def read() -> Loaded:
        nonlocal reads
        reads += 1
        if reads == 1:
            signalled.set()
            raise ConfigurationError(("half written",))
        return Loaded(Settings(), ())

    async def apply(_settings: Settings) -> None:
        done.set()

    reloader = Reloader(Settings(), read, apply, lambda _: None)
    signalled.set()
    task = asyncio.create_task(reloader.reload_on(signalled))
    await asyncio.wait_for(done.wait(), 10)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    assert reads == 2
