"""What an incident happens to: a cloud, replicas of the exporter, and Prometheus.

It must not know an incident; `incidents.running` brings its settings and its timeline.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any

from exporter.settings import Settings, load
from incidents.changing import Changes, ChangingWorld
from incidents.cloud import Cloud
from incidents.process import Process
from incidents.samples import Samples

# Unix time of an incident's first moment, which is 0 to the rules. A whole number: what
# is taken off a timestamp must leave it exact.
START = 1_700_000_000
WARM_UP_SECONDS = 120.0
SETTINGS: Mapping[str, object] = {
    "api.endpoint": "http://127.0.0.1:1",
    "api.access_key_id": "unused",
    "api.access_key_secret": "unused",
}


class Stage:
    """All that actions act upon; times are seconds since the incident's beginning."""

    def __init__(
        self,
        world: ChangingWorld,
        settings: Mapping[str, object],
        replicas: Sequence[str],
        samples: Samples,
    ) -> None:
        self.flags = {**SETTINGS, **settings}
        self.world = world
        self.cloud = Cloud(world, self.true_time)
        self.clock_ahead = 0.0
        self.prometheus_runs = True
        self.cut_off: set[str] = set()
        self._samples = samples
        self.processes = {
            name: Process(name, self.settings(), self.cloud, self.wall)
            for name in replicas
        }

    @property
    def changes(self) -> Changes:
        """What is changed of the simulated cloud."""
        return self.world.changes

    def now(self) -> float:
        """Return the incident's time; it is below 0 while all warms up."""
        return asyncio.get_running_loop().time() - WARM_UP_SECONDS

    def true_time(self) -> float:
        """Return Unix time."""
        return START + self.now()

    def wall(self) -> float:
        """Return Unix time as the exporters' machine has it."""
        return self.true_time() + self.clock_ahead

    def settings(self, **changed: object) -> Settings:
        """Return the settings in force, and what is changed of them (`api__region`)."""
        dotted = {name.replace("__", "."): value for name, value in changed.items()}
        self.flags = {**self.flags, **dotted}
        return load(flags=self.flags, environ={}, file=None).settings

    async def scrape(self) -> None:
        """Have Prometheus scrape every replica, unless it is down itself."""
        if not self.prometheus_runs:
            self._samples.miss()
            return
        for process in self.processes.values():
            if process.is_running and process.name not in self.cut_off:
                body = await process.scrape()
                self._samples.take(process.name, body, process.started_at)
            else:
                self._samples.fail(process.name)
        self._samples.next()


Action = Callable[[Stage], Coroutine[Any, Any, None]]
