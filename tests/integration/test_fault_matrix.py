"""What each fault of the cloud costs: its own route, and that no more than it must.

The whole exporter runs without sockets, in virtual time. How answers break on the wire
is in `test_http`, and each shape of an answer in `test_api_errors` and `test_wire`.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, cast

import aiohttp
import pytest
from incidents.cloud import Answer, ChangingWorld, Cloud
from incidents.incident import OTHER_PLAN as WELL
from incidents.incident import PLAN as ILL
from incidents.process import Process
from incidents.stage import SETTINGS, START
from lease_api import ApiLine, LeaseApi
from prometheus_client.parser import text_string_to_metric_families
from structlog.testing import capture_logs
from virtual_time import virtually
from yarl import URL

from exporter.config.load import load
from exporter.model.errors import Reason

ROWS, SIZE = 25, 10
SCRAPE_SECONDS = 60.0
MOST_LINES = 8

Fault = Callable[[URL, Answer], Awaitable[Answer]]
"""Returns another answer than the good one, or raises, or takes its time."""


@dataclass
class FaultyCloud:
    """The simulated cloud; a fault is met by what asks about one plan."""

    cloud: Cloud
    fault: Fault | None = None

    @asynccontextmanager
    async def get(self, url: URL, **more: Any) -> AsyncIterator[Answer]:
        """Answer as `aiohttp.ClientSession.get` would."""
        async with self.cloud.get(url, **more) as answer:
            is_met = self.fault is not None and ILL in url.path
            yield await self.fault(url, answer) if is_met and self.fault else answer


class Run:
    """The exporter with a route that meets the fault, and one that does not."""

    def __init__(self) -> None:
        world = ChangingWorld("healthy", 2, 1, ROWS, started_at=START)
        self.cloud = FaultyCloud(Cloud(world, self.now))
        flags = {
            **SETTINGS,
            "api.page_size": str(SIZE),
            "plans": [{"id": WELL}, {"id": ILL}],
        }
        settings = load(flags=flags, environ={}, file=None)
        cloud = cast("Cloud", self.cloud)
        self.process = Process("a", settings, cloud, ApiLine(LeaseApi()), self.now)
        self._samples: list[Any] = []

    def now(self) -> float:
        """Return Unix time."""
        return START + asyncio.get_running_loop().time()

    async def scrape_for(self, minutes: float, rejected: int = 0) -> None:
        """Scrape for some minutes: nothing is partial, the other route has no gap."""
        for _ in range(round(minutes * 60 / SCRAPE_SECONDS)):
            await asyncio.sleep(SCRAPE_SECONDS)
            text = (await self.process.scrape()).decode()
            families = text_string_to_metric_families(text)
            self._samples = [s for family in families for s in family.samples]
            lags = "rocketmq_dr_sync_lag_seconds"
            assert len(self.values(lags, plan_id=WELL)) == ROWS
            assert len(self.values(lags, plan_id=ILL)) in {0, ROWS, ROWS - rejected}
        assert not any(self.failures(WELL).values())

    def values(self, name: str, **labels: str) -> list[float]:
        """Return the values of the last scrape with these labels."""
        wanted = labels.items()
        found = (s for s in self._samples if s.name == name)
        return [s.value for s in found if wanted <= s.labels.items()]

    def failures(self, plan: str = ILL) -> Mapping[str, float]:
        """Return how often polls of a plan failed, by reason."""
        name = "rocketmq_dr_poll_failures_total"
        return {r: sum(self.values(name, plan_id=plan, reason=r)) for r in Reason}

    @property
    def lags(self) -> int:
        """How many checkpoints the route that meets the fault shows."""
        return len(self.values("rocketmq_dr_sync_lag_seconds", plan_id=ILL))

    @property
    def up(self) -> list[float]:
        """Whether the last poll of that route was complete; empty without a route."""
        return self.values("rocketmq_dr_up", plan_id=ILL)


@contextmanager
def few_lines() -> Iterator[None]:
    """Hold what is logged inside to a few lines."""
    with capture_logs() as lines:
        yield
    told = [line for line in lines if line["log_level"] != "debug"]
    assert len(told) <= MOST_LINES, told


async def whole_run(fault: Fault, judge: Callable[[Run], None], rejected: int) -> None:
    """Run well, meet the fault for fifteen minutes, judge, and heal."""
    run = Run()
    with few_lines():
        run.process.start()
        await run.scrape_for(3)
        assert (run.up, run.lags) == ([1], ROWS)
    with few_lines():
        run.cloud.fault = fault
        await run.scrape_for(3, rejected)
        assert run.lags or not run.up, "withdrawn before it is stale"
        await run.scrape_for(12, rejected)
        judge(run)
        run.cloud.fault = None
        await run.scrape_for(12, rejected)
        assert (run.up, run.lags) == ([1], ROWS)
    await run.process.stop()


def refusal(
    status: int,
    code: str,
    *,
    until: int = 10**9,
    path: str = "/checkpoints",
    **more: str,
) -> Fault:
    """Refuse what asks for a path with an ending, the first `until` requests."""
    count = 0

    async def fault(url: URL, answer: Answer) -> Answer:
        nonlocal count
        if not url.path.endswith(path) or count >= until:
            return answer
        count += 1
        said = {"success": False, "code": code, "message": "string to sign"}
        headers = {name.replace("_", "-"): value for name, value in more.items()}
        return Answer(status, headers, json.dumps(said).encode())

    return fault


def body(make: Callable[[bytes], bytes]) -> Fault:
    """Put another body in the place of a page of checkpoints."""

    async def fault(url: URL, answer: Answer) -> Answer:
        is_page = url.path.endswith("/checkpoints")
        return replace(answer, body=make(answer.body)) if is_page else answer

    return fault


def data(alter: Callable[[dict[str, Any]], Any], path: str = "/checkpoints") -> Fault:
    """Alter the `data` of good answers to a path with an ending."""

    async def fault(url: URL, answer: Answer) -> Answer:
        if not url.path.endswith(path):
            return answer
        envelope = json.loads(answer.body)
        envelope["data"] = alter(envelope["data"])
        return replace(answer, body=json.dumps(envelope).encode())

    return fault


def page_one_again_and_again(page: dict[str, Any]) -> dict[str, Any]:
    """Return a page whose rows have the ids of the first page's."""
    rows = [row | {"checkpointId": n} for n, row in enumerate(page["list"])]
    return page | {"list": rows}


def bad_row(page: dict[str, Any]) -> dict[str, Any]:
    """Return a page whose first row has no time that there is."""
    first, *others = page["list"]
    return page | {"list": [first | {"lastSyncTime": "soon"}, *others]}


async def endless(url: URL, answer: Answer) -> Answer:
    """Serve pages without an end: the total grows with each."""
    if not url.path.endswith("/checkpoints"):
        return answer
    number = int(url.query["pageNumber"])
    rows = [{"checkpointId": number * SIZE + n} for n in range(SIZE)]
    said = {"totalCount": (number + 1) * SIZE, "pageSize": SIZE, "list": rows}
    return replace(answer, body=json.dumps({"success": True, "data": said}).encode())


async def reset(_url: URL, _answer: Answer) -> Answer:
    """Break every connection."""
    raise aiohttp.ClientOSError(104, "Connection reset by peer")


async def silent(_url: URL, answer: Answer) -> Answer:
    """Answer in an hour."""
    await asyncio.sleep(3600)
    return answer


async def buggy(url: URL, answer: Answer) -> Answer:
    """Stand for a bug of ours that only this route meets."""
    if url.path.endswith("/checkpoints"):
        raise KeyError("bug")
    return answer


def polls_fail(reason: Reason, run: Run) -> None:
    """Expect failed polls for this reason alone, and nothing of the route shown."""
    assert {each for each, count in run.failures().items() if count} == {reason}
    assert (run.up, run.lags) == ([0], 0)
    last = run.values("rocketmq_dr_last_success_timestamp_seconds", plan_id=ILL)
    assert last[0] < run.now() - 14 * 60


def nothing_fails(run: Run) -> None:
    """Expect every poll to be good."""
    assert not any(run.failures().values())
    assert (run.up, run.lags) == ([1], ROWS)


def rows_are_rejected(run: Run) -> None:
    """Expect one malformed row of each page, and the rest to be served."""
    name = "rocketmq_dr_checkpoints_rejected"
    assert run.values(name, plan_id=ILL, reason="malformed") == [3]
    assert (run.up, run.lags) == ([1], ROWS - 3)


def discovery_fails(run: Run) -> None:
    """Expect the routes found before to be polled on."""
    name = "rocketmq_dr_exporter_discovery_failures_total"
    assert run.values(name, reason="malformed")[0] > 0
    nothing_fails(run)


def route_goes(run: Run) -> None:
    """Expect nothing to be shown of what is not there."""
    assert (run.up, run.lags) == ([], 0)


def plan_is_missing(run: Run) -> None:
    """Expect a configured plan to be told missing."""
    route_goes(run)
    name = "rocketmq_dr_configured_missing"
    assert run.values(name, kind="plan", id=ILL) == [1]


MATRIX: Mapping[str, tuple[Fault, Reason | Callable[[Run], None]]] = {
    "permission withdrawn": (refusal(403, "Forbidden.RAM"), Reason.PERMISSION),
    "throttled for ever": (refusal(400, "Throttling.User"), Reason.THROTTLED),
    "throttled longer than a poll may take": (
        refusal(418, "Odd", x_acs_retry_after="90000"),
        Reason.THROTTLED,
    ),
    "throttled for a while": (refusal(400, "Throttling.Api", until=2), nothing_fails),
    "token that expires once": (
        refusal(400, "InvalidSecurityToken.Expired", until=1),
        nothing_fails,
    ),
    "server error": (refusal(503, "ServiceUnavailable"), Reason.UNAVAILABLE),
    "instance that vanishes": (refusal(404, "Instance.NotFound"), Reason.NOT_FOUND),
    "truncated JSON": (body(lambda good: good[:-9]), Reason.MALFORMED),
    "total too high": (
        data(lambda page: page | {"totalCount": page["totalCount"] + 15}),
        Reason.INCOMPLETE,
    ),
    "one page again and again": (data(page_one_again_and_again), Reason.INCOMPLETE),
    "pages without an end": (endless, Reason.TIMEOUT),
    "reset connections": (reset, Reason.UNAVAILABLE),
    "silence": (silent, Reason.TIMEOUT),
    "bug": (buggy, Reason.INTERNAL),
    "bad row": (data(bad_row), rows_are_rejected),
    "list instead of the items": (data(lambda _: [], "/items"), discovery_fails),
    "plan that vanishes": (
        refusal(404, "DisasterRecoveryPlan.NotFound", path=""),
        plan_is_missing,
    ),
    "item that vanishes": (
        data(lambda _: {"totalCount": 0, "list": []}, "/items"),
        route_goes,
    ),
}


@pytest.mark.parametrize("title", MATRIX)
@virtually
async def test_a_fault_costs_its_own_route_no_more_than_it_must(title: str) -> None:
    """The reason is told, the rest is served, and it heals."""
    fault, expected = MATRIX[title]
    if isinstance(expected, Reason):
        judge: Callable[[Run], None] = partial(polls_fail, expected)
    else:
        judge = expected
    await whole_run(fault, judge, rejected=3 if judge is rows_are_rejected else 0)
