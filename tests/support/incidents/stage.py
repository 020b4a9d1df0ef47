"""What an incident happens to, in virtual time: a cloud, replicas and Prometheus."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping

from lease_api import ApiLine, LeaseApi
from structlog.testing import capture_logs
from virtual_time import run_virtually

from exporter.config.load import load
from exporter.config.settings import Settings
from incidents.cloud import Changes, ChangingWorld, Cloud
from incidents.incident import MINUTE, Action, Incident
from incidents.process import Process
from incidents.promtool import JOB, Samples

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
        # Replicas that are no target of Prometheus, and that do not run at first.
        self.unlisted: set[str] = set()
        self.absent: set[str] = set()
        self._samples = samples
        lease_api = LeaseApi()
        self.processes = {
            name: Process(
                name, self.settings(name), self.cloud, ApiLine(lease_api), self.wall
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
        return load(flags=flags, environ={}, file=None)

    def change(self, **settings: object) -> None:
        """Change settings (`api__region`) for those that read them from now on."""
        dotted = {name.replace("__", "."): value for name, value in settings.items()}
        self.flags = {**self.flags, **dotted}

    async def scrape(self) -> None:
        """Have Prometheus scrape every replica, unless it is down itself."""
        if not self.prometheus_runs:
            self._samples.miss()
            return
        for process in self.processes.values():
            if process.name in self.unlisted:
                self._samples.forget(process.name)
            elif process.is_running:
                body = await process.scrape()
                self._samples.take(process.name, body, process.started_at)
            else:
                self._samples.fail(process.name)
        self._samples.next()


def samples_of(incident: Incident, is_wanted: Callable[[str], bool]) -> Samples:
    """Return what Prometheus has of the names that are wanted after an incident."""
    samples = Samples(is_wanted, START, _labels_of(incident))
    with capture_logs():
        run_virtually(_happen(incident, samples))
    return samples


def _labels_of(incident: Incident) -> Callable[[str], Mapping[str, str]]:
    """Return what Prometheus adds: pod and namespace, where Kubernetes runs several."""

    def labels(replica: str) -> Mapping[str, str]:
        pod = {"pod": f"exporter-{replica}"} if len(incident.replicas) > 1 else {}
        space = incident.namespaces.get(replica)
        namespace = {} if space is None else {"namespace": space}
        instance = f"exporter-{replica}:10063"
        job = incident.jobs.get(replica, JOB)
        return {"job": job, "instance": instance, **pod, **namespace}

    return labels


async def _happen(incident: Incident, samples: Samples) -> None:
    size = incident.plans, incident.items, incident.groups
    world = ChangingWorld("healthy", *size, started_at=START)
    replicas = {name: incident.own_settings.get(name, {}) for name in incident.replicas}
    stage = Stage(world, incident.settings, replicas, samples)
    # What is so from the first is so before anybody looks.
    for action in [act for at, act in incident.timeline.items() if at <= 0]:
        await action(stage)
    for process in stage.processes.values():
        if process.name not in stage.absent:
            process.start()
    for at, action in _events(incident):
        # Whatever happens at the moment of a scrape has happened before it.
        await asyncio.sleep(WARM_UP_SECONDS + at - asyncio.get_running_loop().time())
        await action(stage)
    for process in stage.processes.values():
        await process.stop()


def _events(incident: Incident) -> Iterator[tuple[float, Action]]:
    """Yield what happens and each scrape, in order; times are in seconds."""
    scrapes = range(int(incident.lasts // incident.scrape_every) + 1)
    events = [(at, 0, act) for at, act in incident.timeline.items() if at > 0]
    events += [(n * incident.scrape_every, 1, Stage.scrape) for n in scrapes]
    for at, _, action in sorted(events, key=lambda event: event[:2]):
        yield at * MINUTE, action
