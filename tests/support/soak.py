"""A program: soak the exporter for SOAK_SECONDS, and judge what it holds at the end.

The cloud churns, goes down, and has its clock moved; the configuration is reloaded all
the while. It tells a table and a verdict, and exits 1 if anything grew or was missed.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from statistics import median

import aiohttp
from programs import clean_environment, free_port, started
from vitals import Vitals, totals, vitals_of

from exporter.app.cli import main as exporter_main
from exporter.simulator.server import running
from exporter.simulator.world import World

# Growth after warm-up that is no leak: the allocator's own, and what is in flight.
RSS_GROWTH = 0.10
RSS_GROWTH_KIB = 4096
OPEN_GROWTH = 4

COUNT_EVERY_SECONDS = 0.25
DEFAULT_SECONDS = 600.0
SAMPLES = 60
CLOCK_OFF_SECONDS = 1200.0
FILE, TASKS = "exporter.yml", "tasks"

# A reload may begin a poll again: two timeouts have to fit into an interval.
_POLL = "poll: {interval: 1s, timeout: 400ms, stale_after: 10s, discovery_interval: 5s}"
# Each changes something else: what is shown, the limits, what is kept, the connection.
CONFIGURATIONS = tuple(
    f"{_POLL}\n{more}\n"
    for more in (
        "",
        "metrics: {families: [sync_lag, info, consume], max_checkpoints: 150}",
        "groups: {exclude: ['.*1']}\napi: {page_size: 7}",
        "api: {max_concurrency: 3}",
        "polls: a mistake",
    )
)


@dataclass
class Cloud:
    """A simulated cloud that can be down, and whose clock can be off."""

    world: World
    port: int
    offset: float = 0.0
    _serving: AsyncExitStack = field(default_factory=AsyncExitStack)

    async def up(self) -> None:
        """Listen."""
        await self._serving.enter_async_context(
            running(self.world, port=self.port, now=self._now)
        )

    async def down(self) -> None:
        """Break every connection and refuse new ones."""
        await self._serving.aclose()

    def _now(self) -> float:
        return time.time() + self.offset


class Soak:
    """One process under way, with what was seen of it."""

    def __init__(
        self, process: asyncio.subprocess.Process, url: str, folder: Path, cloud: Cloud
    ) -> None:
        self._process = process
        self._url = url
        self._folder = folder
        self._cloud = cloud
        self.samples: list[Sample] = []
        self.reloads = 0
        self.faults = 0

    async def run(self, seconds: float) -> None:
        """Look, reload and break things until the time is up."""
        end = time.monotonic() + seconds
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(self._reload(max(2.0, seconds / 60))),
                group.create_task(self._trouble(max(3.0, seconds / 40))),
                group.create_task(self._discard_log()),
            ]
            while time.monotonic() < end:
                await self._look()
                await asyncio.sleep(seconds / SAMPLES)
            for task in tasks:
                task.cancel()

    async def _look(self) -> None:
        async with (
            aiohttp.ClientSession() as client,
            client.get(f"{self._url}/metrics") as response,
        ):
            counted = totals(await response.text())
        self.samples.append(
            Sample(
                time.monotonic(),
                vitals_of(self._process.pid),
                int((self._folder / TASKS).read_text()),
                counted.get("rocketmq_dr_polls_total", 0),
                counted.get("rocketmq_dr_poll_failures_total", 0),
                counted["rocketmq_dr_exporter_polls_skipped_total"],
            )
        )

    async def _reload(self, every: float) -> None:
        for text in cycle(CONFIGURATIONS):
            await asyncio.sleep(every)
            (self._folder / FILE).write_text(text)
            self._process.send_signal(signal.SIGHUP)
            self.reloads += 1

    async def _trouble(self, every: float) -> None:
        for is_outage in cycle((True, False)):
            await asyncio.sleep(2 * every)
            self.faults += 1
            if is_outage:
                await self._cloud.down()
                await asyncio.sleep(every)
                await self._cloud.up()
            else:
                self._cloud.offset = CLOCK_OFF_SECONDS
                await asyncio.sleep(every)
                self._cloud.offset = 0.0

    async def _discard_log(self) -> None:
        if self._process.stderr is None:
            raise RuntimeError("the log is a pipe")
        while await self._process.stderr.read(2**16):
            pass


@asynccontextmanager
async def soaking(folder: Path) -> AsyncIterator[tuple[Soak, int]]:
    """Start everything; yield it, with the number of routes, once all were tried."""
    cloud = Cloud(World(scenario="churn", plans=2, items=2, groups=50), free_port())
    file, address = folder / FILE, f"127.0.0.1:{free_port()}"
    file.write_text(CONFIGURATIONS[0])
    environment = clean_environment(
        folder,
        ROCKETMQ_DR_API__ACCESS_KEY_ID="simulator",
        ROCKETMQ_DR_API__ACCESS_KEY_SECRET="simulator",
        ROCKETMQ_DR_API__REQUESTS_PER_SECOND="100",
    )
    flags = (
        f"--config.file={file}",
        f"--api.endpoint=http://127.0.0.1:{cloud.port}",
        f"--web.listen-address={address}",
    )
    await cloud.up()
    command = (sys.executable, __file__, str(folder / TASKS), "serve", *flags)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(cloud.down)
        process = await stack.enter_async_context(started(*command, env=environment))
        routes = await _routes(process)
        yield Soak(process, f"http://{address}", folder, cloud), routes


async def _routes(process: asyncio.subprocess.Process) -> int:
    """Wait until every route was tried; return how many there are."""
    if process.stderr is None:
        raise RuntimeError("the log is a pipe")
    while line := (await process.stderr.readline()).decode():
        if "msg=ready" in line:
            return int(line.partition("routes=")[2].split()[0])
    raise RuntimeError("the exporter has ended")


async def soaked(folder: Path, seconds: float) -> tuple[Verdict, Soak]:
    """Soak for so many seconds, and judge."""
    async with soaking(folder) as (soak, routes):
        await soak.run(seconds)
    return judged(soak.samples, due_per_second=routes), soak


@dataclass(frozen=True, slots=True)
class Sample:
    """One look at the process: when (seconds), what it holds, what it counted."""

    at: float
    holds: Vitals
    tasks: int
    polls: float
    failures: float
    skipped: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is wrong, nothing if nothing is; and the table."""

    faults: tuple[str, ...]
    table: str


def judged(samples: Sequence[Sample], *, due_per_second: float) -> Verdict:
    """Compare the last third with the second: the first is warm-up.

    `due_per_second` is how many polls were due.
    """
    third = len(samples) // 3
    warm, late = samples[third : 2 * third], samples[2 * third :]
    rows = list(_growth(warm, late))
    faults = [
        f"{what}: {before:g} -> {after:g}, at most {most:g}"
        for what, before, after, most in rows
        if after > most
    ]
    first, last = samples[third], samples[-1]
    expected = due_per_second * (last.at - first.at)
    polled = last.polls - first.polls
    if polled < 0.9 * expected:
        faults.append(f"polls: {polled:g} of {expected:.0f}")
    if last.skipped:
        faults.append(f"polls skipped: {last.skipped:g}")
    table = [f"{'':14}{'warm':>10}{'late':>10}{'at most':>10}"]
    table += [f"{w:14}{b:>10g}{a:>10g}{most:>10g}" for w, b, a, most in rows]
    table.append(f"{'polls':14}{polled:>10g} of {expected:.0f} due after warm-up")
    table.append(f"{'failed polls':14}{last.failures:>10g}")
    table.append(f"{'polls skipped':14}{last.skipped:>10g}")
    return Verdict(tuple(faults), "\n".join(table))


def _growth(
    warm: Sequence[Sample], late: Sequence[Sample]
) -> Iterator[tuple[str, float, float, float]]:
    """Yield what is held: its name, before, after, and the most that it may be."""
    for name in ("rss_kib", "files", "sockets", "threads"):
        before = median(getattr(sample.holds, name) for sample in warm)
        after = median(getattr(sample.holds, name) for sample in late)
        is_memory = name == "rss_kib"
        room = max(RSS_GROWTH * before, RSS_GROWTH_KIB) if is_memory else OPEN_GROWTH
        yield name, before, after, before + room
    before = median(sample.tasks for sample in warm)
    after = median(sample.tasks for sample in late)
    yield "tasks", before, after, before + OPEN_GROWTH


class Counted(asyncio.DefaultEventLoopPolicy):
    """Makes loops that write the number of their tasks, without a task of its own."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self._file = file

    def new_event_loop(self) -> asyncio.AbstractEventLoop:
        """Return a loop that begins to tell as it begins to run."""
        loop = super().new_event_loop()
        loop.call_soon(self._tell, loop)
        return loop

    def _tell(self, loop: asyncio.AbstractEventLoop) -> None:
        new = self._file.with_suffix(".new")
        new.write_text(str(len(asyncio.all_tasks(loop))))
        new.replace(self._file)
        loop.call_later(COUNT_EVERY_SECONDS, self._tell, loop)


def main() -> None:
    """Soak, print the table, and exit by the verdict."""
    seconds = float(os.environ.get("SOAK_SECONDS", DEFAULT_SECONDS))
    print(f"soak: {seconds:g} s", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        verdict, soak = asyncio.run(soaked(Path(folder), seconds))
    print(f"{verdict.table}\nreloads {soak.reloads}, faults {soak.faults}")
    print("\n".join(verdict.faults) or "verdict: nothing grew, nothing was missed")
    sys.exit(1 if verdict.faults else 0)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        # The exporter as it is, but for a count of its tasks: nothing else tells it.
        asyncio.set_event_loop_policy(Counted(Path(sys.argv.pop(1))))
        sys.exit(exporter_main())
    main()
