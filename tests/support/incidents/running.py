"""An incident as it happens, in virtual time: from its timeline to Prometheus' samples.

It must not judge what comes of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping

from structlog.testing import capture_logs
from virtual_time import run_virtually

from incidents.changing import ChangingWorld
from incidents.incident import Incident
from incidents.samples import JOB, Samples
from incidents.stage import START, WARM_UP_SECONDS, Action, Stage


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
        return {"job": JOB, "instance": instance, **pod, **namespace}

    return labels


async def _happen(incident: Incident, samples: Samples) -> None:
    world = ChangingWorld(
        incident.scenario,
        incident.plans,
        incident.items,
        incident.groups,
        started_at=START,
    )
    replicas = {name: incident.own_settings.get(name, {}) for name in incident.replicas}
    stage = Stage(world, incident.settings, replicas, samples)
    # What is so from the first is so before anybody looks.
    for action in [act for at, act in incident.timeline.items() if at <= 0]:
        await action(stage)
    for process in stage.processes.values():
        process.start()
    for at, action in _events(incident):
        # Whatever happens at the moment of a scrape has happened before it.
        await asyncio.sleep(WARM_UP_SECONDS + at - asyncio.get_running_loop().time())
        await action(stage)
    for process in stage.processes.values():
        await process.stop()


def _events(incident: Incident) -> Iterator[tuple[float, Action]]:
    """Yield what happens and each scrape, in order."""
    scrapes = range(int(incident.lasts // incident.scrape_every) + 1)
    events = [(at, 0, act) for at, act in incident.timeline.items() if at > 0]
    events += [(n * incident.scrape_every, 1, Stage.scrape) for n in scrapes]
    for at, _, action in sorted(events, key=lambda event: event[:2]):
        yield at, action
