"""The words that timelines are written in: what befalls the cloud and the exporter.

Each returns an action that takes effect at once, and lasts until another ends it.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import TypedDict, Unpack

import aiohttp

from exporter.simulator.faults import GatewayError, ServiceError
from exporter.simulator.gateway import ACCESS_KEY_PAIR
from incidents import cloud
from incidents.cloud import Fault, Move, Moved, Spoil, Where
from incidents.incident import Action
from incidents.stage import Stage

LONGER_THAN_ANY_TIMEOUT = 86_400.0


class Which(TypedDict, total=False):
    """Which checkpoints, by patterns as in a shell; what is left out is all."""

    plan: str
    item: str
    group: str


class Calls(TypedDict, total=False):
    """Which calls: of plans and items, by action (the end of its name), one in some."""

    plan: str
    item: str
    action: str
    every: int


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


def move(how: Move, **which: Unpack[Which]) -> Action:
    """Have checkpoints move like this from now on."""
    where = Where(**which)

    def change(stage: Stage) -> None:
        selected = stage.world.select(where)
        if not selected:
            raise ValueError(f"there is no checkpoint at {where}")
        moved = Moved(how, stage.true_time())
        stage.changes.moved |= dict.fromkeys(selected, moved)

    return _now(change)


def stall(**which: Unpack[Which]) -> Action:
    """Stop syncing, as where a group is offline on the target."""
    return move(cloud.stalled, **which)


def lag(seconds: float, *, growing: float = 0.0, **which: Unpack[Which]) -> Action:
    """Trail by so many seconds, and by `growing` more each second; below 0 recover."""
    return move(cloud.trailing(seconds, growing), **which)


def fail_over(**which: Unpack[Which]) -> Action:
    """Have consumers go on at the target, and stop at the source."""
    return move(cloud.failed_over, **which)


def idle(**which: Unpack[Which]) -> Action:
    """Have nothing more to consume."""
    return move(cloud.idle, **which)


def never_sync(**which: Unpack[Which]) -> Action:
    """Be groups that were never synced."""
    return move(cloud.never_synced, **which)


def lose_target(**which: Unpack[Which]) -> Action:
    """Know nothing of the target, though it was synced."""
    return move(cloud.target_missing, **which)


def heal(**which: Unpack[Which]) -> Action:
    """Have checkpoints be as if nothing had been."""

    def change(stage: Stage) -> None:
        for each in stage.world.select(Where(**which)):
            stage.changes.moved.pop(each, None)

    return _now(change)


def vanish(**which: Unpack[Which]) -> Action:
    """Take checkpoints out of the lists."""

    def change(stage: Stage) -> None:
        where = Where(**which)
        stage.changes.gone |= set(stage.world.select(where))

    return _now(change)


def delete(*ids: str) -> Action:
    """Take plans or items out of the lists."""
    return _now(lambda stage: stage.changes.gone.update(ids))


def come_back() -> Action:
    """List all again."""
    return _now(lambda stage: stage.changes.gone.clear())


def plan_is(plan_id: str, **fields: object) -> Action:
    """Have a plan say this: `status`, `name`, `plan_type`, `auto_sync`."""
    return _now(lambda stage: stage.changes.edit(plan_id, fields))


def call(group: str, name: str) -> Action:
    """Have a group bear another name."""
    return _now(lambda stage: stage.changes.called.update({group: name}))


def item_is(item_id: str, status: str) -> Action:
    """Have an item be in this status."""
    return _now(lambda stage: stage.changes.edit(item_id, {"status": status}))


def two_way(plan_id: str) -> Action:
    """Have a plan be ACTIVE_ACTIVE, with checkpoints that nothing syncs by itself."""
    return _now(lambda stage: stage.changes.two_way.add(plan_id))


def _fail(error: Callable[[], Exception], calls: Calls) -> Action:
    return _faulty(lambda where, at: Fault(where, *at, error=error), calls)


def _faulty(fault: Callable[[Where, tuple[str, int]], Fault], calls: Calls) -> Action:
    where = Where(calls.get("plan", "*"), calls.get("item", "*"))
    made = fault(where, (calls.get("action", ""), calls.get("every", 1)))
    return _now(lambda stage: stage.cloud.faults.append(made))


def throttle(**calls: Unpack[Calls]) -> Action:
    """Tell the account to slow down."""
    return _fail(lambda: GatewayError(400, "Throttling.User", "Too many."), calls)


def break_down(**calls: Unpack[Calls]) -> Action:
    """Answer 503."""
    return _fail(lambda: GatewayError(503, "ServiceUnavailable", "Wait."), calls)


def refuse(**calls: Unpack[Calls]) -> Action:
    """Let no connection in."""
    return _fail(lambda: aiohttp.ClientOSError(errno.ECONNREFUSED, "refused"), calls)


def forbid(**calls: Unpack[Calls]) -> Action:
    """Deny the RAM action."""
    return _fail(lambda: GatewayError(403, "NoPermission", "Not authorized."), calls)


def lose(**calls: Unpack[Calls]) -> Action:
    """Say that what is asked for does not exist."""
    code = "DisasterRecoveryItem.NotFound"
    return _fail(lambda: ServiceError(404, code, "Not found."), calls)


def trip(**calls: Unpack[Calls]) -> Action:
    """Bring a bug of the exporter to light."""
    return _fail(lambda: ZeroDivisionError("a bug"), calls)


def silence(seconds: float = LONGER_THAN_ANY_TIMEOUT, **calls: Unpack[Calls]) -> Action:
    """Answer only after so long; if it is not said: never."""
    return _faulty(lambda where, at: Fault(where, *at, delay_seconds=seconds), calls)


def _spoil(spoil: Spoil, calls: Calls) -> Action:
    return _faulty(lambda where, at: Fault(where, *at, spoil=spoil), calls)


def garble(**calls: Unpack[Calls]) -> Action:
    """Answer with what is no list."""
    return _spoil(lambda data: {**data, "list": "none"}, calls)


def miscount(**calls: Unpack[Calls]) -> Action:
    """State a total that the pages do not add up to."""
    return _spoil(lambda data: {**data, "totalCount": data["totalCount"] + 7}, calls)


def work_again() -> Action:
    """End all faults of the API, its keys and its clock included."""

    def change(stage: Stage) -> None:
        stage.cloud.faults.clear()
        stage.cloud.keys.update(ACCESS_KEY_PAIR)
        stage.cloud.ahead_seconds = 0.0

    return _now(change)


def revoke_key() -> Action:
    """Know the exporter's access key no more."""
    return _now(lambda stage: stage.cloud.keys.clear())


def cloud_clock(ahead: float) -> Action:
    """Have the API's clock be so many seconds ahead of true time."""
    return _now(lambda stage: setattr(stage.cloud, "ahead_seconds", ahead))


def clock(ahead: float) -> Action:
    """Have the exporters' clock be so many seconds ahead of true time."""
    return _now(lambda stage: setattr(stage, "clock_ahead", ahead))


def stop(replica: str = "a") -> Action:
    """End a replica's process: scrapes fail."""

    async def act(stage: Stage) -> None:
        await stage.processes[replica].stop()

    return act


def start(replica: str = "a") -> Action:
    """Run a replica anew: its counters are 0."""
    return _now(lambda stage: stage.processes[replica].start())


def restart(replica: str = "a") -> Action:
    """End a replica's process and run it anew, between two scrapes."""
    return all_of(stop(replica), start(replica))


def lose_the_lease(*replicas: str) -> Action:
    """Keep replicas from reaching whoever keeps the lease that elects one of them."""

    def change(stage: Stage) -> None:
        for replica in replicas:
            stage.processes[replica].lease_line.is_cut = True

    return _now(change)


def lose_the_cloud(replica: str = "a") -> Action:
    """Keep a replica from reaching the API, which others do."""
    return _now(lambda stage: stage.processes[replica].lose_the_cloud())


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
    """Scrape no more."""
    return _now(lambda stage: setattr(stage, "prometheus_runs", False))


def start_prometheus() -> Action:
    """Scrape again."""
    return _now(lambda stage: setattr(stage, "prometheus_runs", True))
