"""The words that timelines are written in: what happens to the cloud and the exporter.

Each returns an action that takes effect at once, and lasts until another ends it.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from functools import partial

import aiohttp

from exporter.simulator.bodies import GatewayError, Json, ServiceError
from exporter.simulator.gateway import ACCESS_KEY_PAIR
from incidents import cloud
from incidents.cloud import Fault, Move, Moved, Where
from incidents.incident import Action
from incidents.stage import Stage

LONGER_THAN_ANY_TIMEOUT = 86_400.0


def all_of(*actions: Action) -> Action:
    """Do one after the other, at the same moment."""

    async def act(stage: Stage) -> None:
        for action in actions:
            await action(stage)

    return act


def _now(change: Callable[[Stage], object]) -> Action:
    async def act(stage: Stage) -> None:
        change(stage)

    return act


# Checkpoints. Patterns as in a shell say which; what is left out is all.


def _checkpoints(
    change: Callable[[Stage, list[str]], object], plan: str, item: str, group: str
) -> Action:
    def act(stage: Stage) -> None:
        where = Where(plan, item, group)
        selected = stage.world.select(where)
        if not selected:
            raise ValueError(f"there is no checkpoint at {where}")
        change(stage, selected)

    return _now(act)


def move(how: Move, plan: str = "*", item: str = "*", group: str = "*") -> Action:
    """Have checkpoints move like this from now on."""

    def change(stage: Stage, ids: list[str]) -> None:
        moved = Moved(how, stage.true_time())
        stage.changes.moved |= dict.fromkeys(ids, moved)

    return _checkpoints(change, plan, item, group)


stall = partial(move, cloud.stalled)
fail_over = partial(move, cloud.failed_over)
idle = partial(move, cloud.idle)
never_sync = partial(move, cloud.never_synced)
lose_target = partial(move, cloud.target_missing)
restamp = partial(move, cloud.restamped)


def sparse(
    every: float, synced_after: float, *, stuck_after: float = 0.0, group: str = "*"
) -> Action:
    """Send groups a message every so many seconds, synced after so many, or stuck."""
    return move(cloud.sparse(every, synced_after, stuck_after), group=group)


def reset_offsets(trailing: float, plan: str = "*", group: str = "*") -> Action:
    """Have consumers of the source begin again, of which the target knows no more."""
    return move(cloud.reset(trailing), plan, group=group)


def lag(seconds: float, *, growing: float = 0.0, **where: str) -> Action:
    """Trail by so many seconds, and by `growing` more each second; below 0 recover."""
    return move(cloud.trailing(seconds, growing), **where)


def heal() -> Action:
    """Have all checkpoints move as if nothing had happened."""
    return _now(lambda stage: stage.changes.moved.clear())


def vanish(plan: str = "*", item: str = "*", group: str = "*") -> Action:
    """Take checkpoints out of the lists."""
    return _checkpoints(
        lambda stage, ids: stage.changes.gone.update(ids), plan, item, group
    )


def rename(group: str, name: str) -> Action:
    """Give a group another name."""
    return _now(lambda stage: stage.changes.called.update({group: name}))


# Plans and items


def delete(*ids: str) -> Action:
    """Take plans or items out of the lists."""
    return _now(lambda stage: stage.changes.gone.update(ids))


def come_back() -> Action:
    """List everything again."""
    return _now(lambda stage: stage.changes.gone.clear())


def edit(identity: str, **fields: object) -> Action:
    """Have a plan or an item say this: `status`, `name`, `plan_type`, `auto_sync`."""
    return _now(lambda stage: stage.changes.edit(identity, fields))


def two_way(plan_id: str) -> Action:
    """Have a plan be ACTIVE_ACTIVE, with checkpoints that nothing syncs by itself."""
    return _now(lambda stage: stage.changes.two_way.add(plan_id))


# Calls of the API: of plans and items, by action (the end of its name), one in some.


def _faulty(
    error: Callable[[], Exception] | None = None,
    spoil: Callable[[Json], Json] = dict,
    delay_seconds: float = 0.0,
    *,
    plan: str = "*",
    item: str = "*",
    action: str = "",
    every: int = 1,
) -> Action:
    where = Where(plan, item)
    fault = Fault(where, action, every, error, delay_seconds, spoil)
    return _now(lambda stage: stage.cloud.faults.append(fault))


throttle = partial(_faulty, lambda: GatewayError(400, "Throttling.User"))
break_down = partial(_faulty, lambda: GatewayError(503, "ServiceUnavailable"))
forbid = partial(_faulty, lambda: GatewayError(403, "NoPermission"))
lose = partial(_faulty, lambda: ServiceError(404, "DisasterRecoveryItem.NotFound"))
refuse = partial(_faulty, lambda: aiohttp.ClientOSError(errno.ECONNREFUSED, "refused"))
# A bug of the exporter.
trip = partial(_faulty, lambda: ZeroDivisionError("a bug"))
# No list, and a total that the pages do not add up to.
garble = partial(_faulty, spoil=lambda data: {**data, "list": "none"})
miscount = partial(
    _faulty, spoil=lambda data: {**data, "totalCount": data["totalCount"] + 7}
)


def silence(seconds: float = LONGER_THAN_ANY_TIMEOUT, *, action: str = "") -> Action:
    """Answer only after so long; if it is not said: never."""
    return _faulty(delay_seconds=seconds, action=action)


def work_again() -> Action:
    """End all faults of the API, its keys and its clock included."""

    def change(stage: Stage) -> None:
        stage.cloud.faults.clear()
        stage.cloud.keys.update(ACCESS_KEY_PAIR)
        stage.cloud.ahead_seconds = 0.0

    return _now(change)


def revoke_key() -> Action:
    """Have the cloud no longer know the exporter's access key."""
    return _now(lambda stage: stage.cloud.keys.clear())


def cloud_clock(ahead: float) -> Action:
    """Have the API's clock be so many seconds ahead of true time."""
    return _now(lambda stage: setattr(stage.cloud, "ahead_seconds", ahead))


# Replicas and Prometheus


def clock(ahead: float) -> Action:
    """Have the exporters' clock be so many seconds ahead of true time."""
    return _now(lambda stage: setattr(stage, "clock_ahead", ahead))


def stop(replica: str = "a") -> Action:
    """End a replica's process: scrapes fail."""
    return lambda stage: stage.processes[replica].stop()


def start(replica: str = "a") -> Action:
    """Start a replica: its counters are 0."""
    return _now(lambda stage: stage.processes[replica].start())


def take_away(replica: str = "a") -> Action:
    """End a replica, and have Prometheus scrape it no more."""

    def change(stage: Stage) -> None:
        stage.unlisted.add(replica)

    return all_of(stop(replica), _now(change))


def not_yet(replica: str = "a") -> Action:
    """Have a replica be neither there nor scraped, before all begins."""

    def change(stage: Stage) -> None:
        stage.unlisted.add(replica)
        stage.absent.add(replica)

    return _now(change)


def scrape_again(replica: str = "a") -> Action:
    """Have Prometheus scrape a replica, which may not run."""
    return _now(lambda stage: stage.unlisted.discard(replica))


def restart(replica: str = "a") -> Action:
    """Restart a replica's process, between two scrapes."""
    return all_of(stop(replica), start(replica))


def lose_the_lease(*replicas: str) -> Action:
    """Cut replicas off from the Lease that elects one of them."""

    def change(stage: Stage) -> None:
        for replica in replicas:
            stage.processes[replica].lease_line.is_cut = True

    return _now(change)


def lose_the_cloud(replica: str = "a") -> Action:
    """Cut a replica off from the API, which others reach."""
    return _now(lambda stage: setattr(stage.processes[replica].line, "is_cut", True))


def reload(**settings: object) -> Action:
    """Put settings in force in all replicas: `objectives__lag="2m"`."""

    async def act(stage: Stage) -> None:
        stage.change(**settings)
        for name, process in stage.processes.items():
            await process.reload(stage.settings(name))

    return act


def fail_reload() -> Action:
    """Have all replicas read a configuration that cannot be used."""

    def change(stage: Stage) -> None:
        for process in stage.processes.values():
            process.reloaded(ok=False)

    return _now(change)


def stop_prometheus() -> Action:
    """Stop scraping."""
    return _now(lambda stage: setattr(stage, "prometheus_runs", False))


def start_prometheus() -> Action:
    """Scrape again."""
    return _now(lambda stage: setattr(stage, "prometheus_runs", True))
