"""What an incident happens to: a cloud, replicas of the exporter, and Prometheus.

It must not know an incident; `incidents.running` brings its settings and its timeline.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from lease_model import Keeper

from exporter.app.election import lease_name
from exporter.config import Settings, load
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
    """All that actions act upon; times are seconds since the incident's beginning.

    `replicas` are names, each with the settings that are its own.
    """

    def __init__(
        self,
        world: ChangingWorld,
        settings: Mapping[str, object],
        replicas: Mapping[str, Mapping[str, object]],
        samples: Samples,
    ) -> None:
        self.flags = {**SETTINGS, **settings}
        self._own = replicas
        self.world = world
        self.cloud = Cloud(world, self.true_time)
        self.clock_ahead = 0.0
        self.prometheus_runs = True
        self.cut_off: set[str] = set()
        self._samples = samples
        keepers: dict[str | None, Keeper] = defaultdict(Keeper)
        self.processes = {
            name: Process(
                name,
                own := self.settings(name),
                self.cloud,
                keepers[lease_name(own)],
                self.wall,
            )
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

    def settings(self, replica: str) -> Settings:
        """Return the settings in force in a replica."""
        flags = {**self.flags, **self._own[replica]}
        return load(flags=flags, environ={}, file=None).settings

    def change(self, **settings: object) -> None:
        """Change settings (`api__region`) for whoever reads them from now on."""
        dotted = {name.replace("__", "."): value for name, value in settings.items()}
        self.flags = {**self.flags, **dotted}

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
