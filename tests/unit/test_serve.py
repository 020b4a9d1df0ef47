"""What a reload does with what it reads, and what it reports."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest
from structlog.testing import capture_logs

from exporter.app import logs
from exporter.app.exporter import Exporter
from exporter.app.serve import UNEXPECTED, Reloader
from exporter.config.load import ConfigurationError, load
from exporter.config.settings import Settings
from exporter.model.errors import CredentialsError

SECRET = "canary-5d1e-secret"


class Bench:
    """A configuration file, its reloader, and a fake exporter that notes the calls."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.flags: dict[str, object] = {}
        self.file.write_text("{}")
        self.reports: list[bool] = []
        self.events: list[str] = []
        self.settings = self.read()
        self.error: Exception | None = None
        self.telemetry = self.exposition = self
        self.reloader = Reloader(cast(Exporter, self), self.read)

    def read(self) -> Settings:
        """Read all sources."""
        self.events.append("read")
        return load(flags=self.flags, environ={}, file=self.file)

    async def reload(self, text: str) -> list[str]:
        """Write the file and reload."""
        self.file.write_text(text)
        return list(await self.reloader.reload())

    async def apply(self, settings: Settings) -> None:
        """Put settings in force."""
        await asyncio.sleep(0)
        if self.error is not None:
            raise self.error
        self.events.append("applied")
        self.settings = settings

    def reloaded(self, *, ok: bool, at: float) -> None:
        """Hear how a reload ended."""
        assert at > 0
        self.reports.append(ok)

    def renew(self) -> None:
        """Show what has changed."""
        self.events.append("shown")


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Return a bench whose file is empty."""
    return Bench(tmp_path / "exporter.yml")


@pytest.fixture
def _logs_restored() -> Iterator[None]:
    """Leave logging as it was found."""
    yield
    logs.configure("info", "logfmt")


async def test_a_bad_file_changes_nothing_and_is_reported_line_by_line(
    bench: Bench,
) -> None:
    """Each fault is in the answer and in the log, and no value of it."""
    before = bench.settings
    with capture_logs() as lines:
        faults = await bench.reload(
            f"api: {{access_key_secret: [{SECRET}], page_size: {SECRET}}}\nplan: 1\n"
        )

    assert len(faults) == 3
    assert all(fault.startswith(f"{bench.file}: ") for fault in faults)
    assert [line["error"] for line in lines] == faults
    assert SECRET not in str(faults) + str(lines)
    assert bench.settings is before
    assert bench.reports == [False]
    assert "applied" not in bench.events

    with capture_logs() as lines:
        assert await bench.reload("poll: {interval: 2m}") == []
    assert bench.settings.poll.interval.total_seconds() == 120
    assert bench.reports == [False, True]
    assert [(line["event"], line["changed"]) for line in lines] == [
        ("reloaded", "poll.interval")
    ]


async def test_what_takes_a_restart_is_named_at_each_reload(bench: Bench) -> None:
    """The rest of the file is in force; `web` stays as it runs."""
    text = "web: {listen_address: [':1'], max_requests: 3}\npoll: {interval: 2m}"
    for _ in range(2):
        with capture_logs() as lines:
            assert await bench.reload(text) == []
        (told,) = [line for line in lines if line["event"] == "restart_needed"]
        assert told["settings"] == "web.listen_address,web.max_requests"
        assert told["log_level"] == "warning"

    assert bench.settings.web.max_requests == 40
    assert bench.settings.poll.interval.total_seconds() == 120


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
    bench.error = error
    with capture_logs() as lines:
        assert await bench.reload("poll: {interval: 2m}") == [fault]

    assert bench.reports == [False]
    assert lines[0]["exc_info"] is (error if fault is UNEXPECTED else None)
    bench.error = None
    assert await bench.reload("poll: {interval: 2m}") == []
    assert bench.events[-2:] == ["applied", "shown"]


async def test_a_shard_that_holds_a_lease_stays_that_shard(bench: Bench) -> None:
    """The lease is the shard's: under another's two would poll the same routes."""
    bench.flags = {"ha.lease": "dr"}
    bench.settings = bench.read()
    with capture_logs() as lines:
        changed = "shard: {index: 1, total: 2}\nha: {lease_duration: 3s}\n"
        assert await bench.reload(f"{changed}poll: {{interval: 2m}}") == []

    assert bench.settings.shard.total == 1
    assert bench.settings.ha.lease_duration.total_seconds() == 10
    assert bench.settings.poll.interval.total_seconds() == 120
    (told,) = [line for line in lines if line["event"] == "restart_needed"]
    assert told["settings"] == "shard.index,shard.total,ha.lease_duration"


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


async def test_reloads_are_one_after_the_other(bench: Bench) -> None:
    """None begins to read before the one before it is in force."""
    bench.events.clear()

    await asyncio.gather(*(bench.reloader.reload() for _ in range(5)))

    assert bench.events == ["read", "applied", "shown"] * 5


async def test_a_signal_during_a_reload_is_not_lost(bench: Bench) -> None:
    """What was written after the file was read is read again."""
    signalled, done = asyncio.Event(), asyncio.Event()

    def read() -> Settings:
        if not bench.reports:
            signalled.set()
            raise ConfigurationError(("half written",))
        done.set()
        return Settings()

    reloader = Reloader(cast(Exporter, bench), read)
    signalled.set()
    task = asyncio.create_task(reloader.reload_on(signalled))
    await asyncio.wait_for(done.wait(), 120)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
