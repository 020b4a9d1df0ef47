"""The five reads, whole: from a signed request to the model."""

from __future__ import annotations

import asyncio
import json
import operator
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import Any, cast

import pytest
from aiohttp import web
from fakes import (
    FakeCloud,
    Json,
    Reply,
    checkpoint_row,
    fake_cloud,
    good,
    item_row,
    page_of,
    plan_row,
)
from paths import ROOT
from structlog.testing import capture_logs
from virtual_time import virtually

from exporter.cloud.client import ACTIONS, CloudClient, connected
from exporter.cloud.http import Call
from exporter.cloud.retry import ApiObserver, Deadline, Transport
from exporter.cloud.wire import Decode, Page, PlanRow
from exporter.config.load import load
from exporter.config.settings import Settings
from exporter.model.errors import CloudError, Reason
from exporter.model.types import Instance, Rejection, Route, Snapshot
from exporter.simulator.server import running
from exporter.simulator.service import PAGINGS
from exporter.simulator.world import World

PLANS = "/disaster_recovery"
PLAN = f"{PLANS}/1300000016"
ITEMS = f"{PLAN}/items"
ITEM = f"{ITEMS}/100070284"
CHECKPOINTS = f"{ITEM}/checkpoints"
ROUTE = Route("1300000016", "100070284", "rmq-cn-7e22ody0001", "cn-hangzhou")
GONE = Reply({"success": False, "code": "Instance.NotFound"}, 404)
# What is tried again without a wait.
USED = Reply({"Code": "SignatureNonceUsed"}, 400)


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")


class Counted(ApiObserver):
    """Counts attempts by how they ended."""

    def __init__(self) -> None:
        self.reasons: list[Reason | None] = []

    def api_request(self, action: str, seconds: float, reason: Reason | None) -> None:
        """Note an attempt."""
        self.reasons.append(reason)


def settings_for(endpoint: str, page_size: str = "50") -> Settings:
    """Return the settings of a client that is quick."""
    flags = {
        "api.endpoint": endpoint,
        "api.access_key_id": "LTAI5tTESTakid",
        "api.access_key_secret": "CANARY",
        "api.requests_per_second": "1000",
        "api.page_size": page_size,
        "api.max_concurrency": "4",
        "poll.timeout": "10s",
    }
    return load(flags=flags, environ={}, file=None)


def client_of(
    cloud: FakeCloud, counted: ApiObserver | None = None, *, probe: bool = False
) -> AbstractAsyncContextManager[CloudClient]:
    """Open a client of a fake cloud."""
    settings = settings_for(cloud.url)
    return connected(settings, counted or ApiObserver(), probe=probe)


@pytest.fixture
async def cloud() -> AsyncIterator[FakeCloud]:
    """Yield a cloud without answers."""
    async with fake_cloud() as one:
        yield one


@pytest.fixture
async def client(cloud: FakeCloud) -> AsyncIterator[CloudClient]:
    """Yield a client of it."""
    async with client_of(cloud) as one:
        yield one


async def poll(client: CloudClient, route: Route = ROUTE) -> Snapshot:
    """Poll a route whose checkpoints are all wanted."""
    return await client.list_checkpoints(
        route, accepts=lambda *_: True, series_budget=10_000
    )


async def refused(work: Awaitable[object]) -> CloudError:
    """Return the error that a read ends with."""
    with pytest.raises(CloudError) as caught:
        await work
    return caught.value


def rows(count: int) -> list[Json]:
    """Return checkpoints of as many groups."""
    return [checkpoint_row(n, f"GID_{n}") for n in range(count)]


async def test_a_poll_asks_for_each_page_once_and_within_its_slots(
    cloud: FakeCloud, client: CloudClient
) -> None:
    """By the server's page size, whatever was asked for."""
    cloud.answer_pages(CHECKPOINTS, rows(95), size=10)

    snapshot = await poll(client)

    assert list(snapshot.columns.checkpoint_ids) == list(range(95))
    assert sorted(cloud.pages, key=str) == sorted(range(1, 11), key=str)
    assert cloud.pages[0] == 1
    assert cloud.most_in_flight <= 4
    assert not any(snapshot.rejected.values())


class Bounded:
    """Answers a list to who asks for no more rows a page than it allows."""

    def __init__(self, listed: list[Json], bound: int, *first: Reply) -> None:
        self.asked: list[int] = []
        self.bound = bound
        self._listed, self._first = listed, list(first)

    async def __call__(self, request: web.BaseRequest) -> Reply:
        """Answer a page, or refuse its size."""
        size, number = (int(request.query[n]) for n in ("pageSize", "pageNumber"))
        self.asked.append(size)
        await asyncio.sleep(0.01)
        if self._first:
            return self._first.pop(0)
        if size > self.bound:
            said = {"success": False, "code": "InvalidpageSize"}
            return Reply(said | {"dynamicCode": "pageSize"}, 400)
        cut = self._listed[(number - 1) * size : number * size]
        return Reply(page_of(cut, total=len(self._listed), size=size))


@pytest.mark.parametrize(
    ("bound", "refused", "size"),
    [(1000, [], 1000), (999, [1000], 100), (99, [1000, 100], 10)],
)
async def test_a_refused_page_size_costs_one_request_for_each_list(
    cloud: FakeCloud, bound: int, refused: list[int], size: int
) -> None:
    """However many polls begin at once; it fails none, is told once, and remembered."""
    items, checkpoints = Bounded([item_row(1)], bound), Bounded(rows(250), bound)
    cloud.answer(ITEMS, items)
    cloud.answer(CHECKPOINTS, checkpoints)

    with capture_logs() as logs:
        async with connected(settings_for(cloud.url, "auto"), ApiObserver()) as client:
            polls = [poll(client) for _ in range(3)] + [poll(client)]
            await client.list_items("cn-hangzhou", "1300000016")
            for snapshot in await asyncio.gather(*polls):
                assert list(snapshot.columns.checkpoint_ids) == list(range(250))

    assert items.asked == [*refused, size]
    pages = len(polls) * -(-250 // size)
    assert checkpoints.asked == refused + [size] * pages
    told = [(log["event"], log["log_level"], log["rows"]) for log in logs]
    assert told == [("page_size_refused", "info", each) for each in refused] * 2


async def test_only_an_answer_tells_what_a_list_accepts(cloud: FakeCloud) -> None:
    """After a poll that failed for another reason the next one finds out, alone."""
    denied = Reply({"Code": "NoPermission"}, 403)
    checkpoints = Bounded(rows(250), 100, denied)
    cloud.answer(CHECKPOINTS, checkpoints)

    async with connected(settings_for(cloud.url, "auto"), ApiObserver()) as client:
        polls = [poll(client) for _ in range(3)]
        ends = await asyncio.gather(*polls, return_exceptions=True)

    assert sum(isinstance(end, CloudError) for end in ends) == 1
    assert checkpoints.asked == [1000, 1000] + [100] * 6


async def test_a_bound_that_comes_down_later_fails_no_poll(cloud: FakeCloud) -> None:
    """Those under way meet it together, and it is told once."""
    checkpoints = Bounded(rows(250), 1000)
    cloud.answer(CHECKPOINTS, checkpoints)

    with capture_logs() as logs:
        async with connected(settings_for(cloud.url, "auto"), ApiObserver()) as client:
            await poll(client)
            checkpoints.bound = 100
            polls = await asyncio.gather(*(poll(client) for _ in range(3)))

    assert [len(each) for each in polls] == [250] * 3
    assert checkpoints.asked == [1000] * 4 + [100] * 9
    assert cloud.most_in_flight > 1, "one at a time only until a size is accepted"
    assert len(logs) == 1


async def test_a_size_that_is_configured_is_kept_to(
    cloud: FakeCloud, client: CloudClient
) -> None:
    """Where it is refused, the remedy names the setting."""
    checkpoints = Bounded(rows(250), 49)
    cloud.answer(CHECKPOINTS, checkpoints)

    error = await refused(poll(client))

    assert (checkpoints.asked, error.reason) == ([50], Reason.MALFORMED)
    assert error.remedy == "set api.page_size to auto, or to less"


@pytest.mark.parametrize("paging", PAGINGS)
async def test_a_list_comes_out_whole_whatever_the_cloud_says_of_its_pages(
    paging: str,
) -> None:
    """It may refuse, cut silently, state no page size, or one without sense."""
    world = World("healthy", 1, 1, groups=250, paging=paging, largest_page=100)
    async with running(world) as url:
        flags = {"api.endpoint": url, "api.requests_per_second": "1000"}
        keys = dict.fromkeys(
            ("api.access_key_id", "api.access_key_secret"), "simulator"
        )
        settings = load(flags=flags | keys, environ={}, file=None)
        async with connected(settings, ApiObserver()) as client:
            snapshot = await poll(client)

    assert len(snapshot) == 250


async def test_two_polls_of_a_route_keep_its_names_once(
    cloud: FakeCloud, client: CloudClient
) -> None:
    """As long as somebody keeps the first; they are most of its memory."""
    cloud.answer_pages(CHECKPOINTS, rows(25), size=10)

    first, second = await poll(client), await poll(client)

    assert all(map(operator.is_, first.columns.groups, second.columns.groups))


@pytest.mark.parametrize(
    ("text", "query"), [(None, ""), ("a b*", "filter=a%20b%2A&"), ("", "filter=&")]
)
async def test_a_poll_asks_for_its_route(
    cloud: FakeCloud, client: CloudClient, text: str | None, query: str
) -> None:
    """Plan and item in the path, source instance and filter in the query."""
    cloud.answer(CHECKPOINTS, Reply(page_of([])))
    route = replace(ROUTE, filter=text)

    assert len(await poll(client, route)) == 0

    (asked,) = cloud.asked
    assert asked.target == (
        f"{CHECKPOINTS}?{query}instanceId=rmq-cn-7e22ody0001&pageNumber=1&pageSize=50"
    )
    assert asked.headers["x-acs-action"] == "ListDisasterRecoveryCheckpoints"


async def test_bad_rows_cost_only_themselves(
    cloud: FakeCloud, client: CloudClient
) -> None:
    """They count as seen, so the pages add up."""
    bad: Json = {"checkpointId": 9, "lastSyncTime": "soon"}
    mixed = [*rows(9), bad, *rows(12)[10:], {}]
    cloud.answer_pages(CHECKPOINTS, mixed, size=10)

    snapshot = await poll(client)

    assert list(snapshot.columns.checkpoint_ids) == [*range(9), 10, 11]
    assert snapshot.rejected[Rejection.MALFORMED] == 2


async def test_a_page_that_fails_in_passing_is_asked_for_again(
    cloud: FakeCloud,
) -> None:
    """And no other page is; the observer is told of every attempt."""
    counted = Counted()
    cloud.answer_pages(CHECKPOINTS, rows(30), size=10)
    there = Reply(page_of(rows(30)[10:20], total=30))
    cloud.answer(CHECKPOINTS, USED, there, page=2)

    async with client_of(cloud, counted) as client:
        snapshot = await poll(client)

    assert len(snapshot) == 30
    assert sorted(cloud.pages, key=str) == [1, 2, 2, 3]
    assert sorted(counted.reasons, key=str) == [None, None, None, Reason.MALFORMED]


async def test_all_plans_are_listed(cloud: FakeCloud, client: CloudClient) -> None:
    """From all pages, with their sides and without their passwords."""
    cloud.answer_pages(PLANS, [plan_row(n) for n in range(1, 24)], size=10)

    plans = await client.list_plans("cn-hangzhou")

    assert [plan.plan_id for plan in plans] == [str(n) for n in range(1, 24)]
    assert plans[0].instances[1] == Instance("rmq-target", "PASSIVE")
    assert plans[0].region == "cn-hangzhou"
    assert cloud.asked[0].headers["x-acs-action"] == "ListDisasterRecoveryPlans"
    assert "pw" not in repr(plans)


async def test_one_bad_plan_or_item_costs_only_itself(
    cloud: FakeCloud, client: CloudClient
) -> None:
    """The rest of the region is still found."""
    bad: list[Json] = [{"planId": "../1", "itemId": None}, {"planId": 2, "itemId": 2}]
    bad[1] |= {"instances": "none", "topics": 5}
    cloud.answer(PLANS, Reply(page_of([plan_row(1), *bad, plan_row(3)])))
    cloud.answer(ITEMS, Reply(page_of([item_row(1), *bad, item_row(3)])))

    plans = await client.list_plans("cn-hangzhou")
    items = await client.list_items("cn-hangzhou", "1300000016")

    assert [plan.plan_id for plan in plans] == ["1", "3"]
    assert [item.item_id for item in items] == ["1", "3"]


async def test_a_plan_and_its_items_are_read(
    cloud: FakeCloud, client: CloudClient
) -> None:
    """Under the ids that were asked for, whatever id the vendor's example repeats."""
    cloud.answer(PLAN, Reply(good(plan_row(0))))
    cloud.answer_pages(ITEMS, [item_row(n) for n in range(1, 13)], size=10)
    cloud.answer(ITEM, Reply(good(item_row(0))))

    plan = await client.get_plan("cn-hangzhou", "1300000016")
    items = await client.list_items("cn-hangzhou", "1300000016")
    item = await client.get_item("cn-hangzhou", "1300000016", "100070284")

    assert (plan.plan_id, plan.name) == ("1300000016", "orders-dr")
    assert [each.item_id for each in items] == [str(n) for n in range(1, 13)]
    assert {each.plan_id for each in (*items, item)} == {"1300000016"}
    assert item.item_id == "100070284"
    assert item.instance_ids == ("rmq-source", "rmq-target")
    assert [asked.headers["x-acs-action"] for asked in cloud.asked] == [
        "GetDisasterRecoveryPlan",
        *["ListDisasterRecoveryItems"] * 2,
        "GetDisasterRecoveryItem",
    ]


@pytest.mark.parametrize("reply", [GONE, Reply(good({})), Reply(good({"planId": "x"}))])
async def test_a_plan_or_item_that_is_none_is_an_error(
    cloud: FakeCloud, client: CloudClient, reply: Reply
) -> None:
    """Not found, or not of the documented shape."""
    cloud.answer(PLAN, reply)
    cloud.answer(ITEM, reply)

    errors = [
        await refused(client.get_plan("cn-hangzhou", "1300000016")),
        await refused(client.get_item("cn-hangzhou", "1300000016", "100070284")),
    ]

    wanted = Reason.NOT_FOUND if reply is GONE else Reason.MALFORMED
    assert [error.reason for error in errors] == [wanted] * 2


async def test_a_diagnosis_reads_the_first_page_alone(cloud: FakeCloud) -> None:
    """A poll reads every page."""
    cloud.answer_pages(ITEMS, [item_row(number) for number in range(25)], size=10)

    async with client_of(cloud, probe=True) as client:
        assert len(await client.list_items("cn-hangzhou", "1300000016")) == 10

    assert cloud.pages == [1]


async def test_a_diagnosis_tells_of_a_server_error_at_once(cloud: FakeCloud) -> None:
    """A poll tries again, and so does a diagnosis that is throttled."""
    slow = Reply({"Code": "Throttling"}, 400)
    cloud.answer(ITEMS, slow, Reply(status=503), Reply(page_of([])), page=1)

    async with client_of(cloud, probe=True) as client:
        error = await refused(client.list_items("cn-hangzhou", "1300000016"))

    assert (error.reason, cloud.pages) == (Reason.UNAVAILABLE, [1, 1])


POLICY = ROOT / "deploy" / "ram-policy.json"


class DeadCloud:
    """A transport to a cloud that never answers; it notes what is asked for."""

    def __init__(self) -> None:
        self.actions: set[str] = set()

    async def get(self, call: Call, decode: Decode[Any], deadline: Deadline) -> None:
        """Note the action, and find nothing."""
        self.actions.add(call.action)
        await asyncio.sleep(deadline.left() + 1)


@virtually
async def test_a_list_that_kept_changing_is_incomplete_though_time_cuts_it() -> None:
    """An operator who reads `timeout` would raise it, and help nothing."""
    pages = [Page(20, 10, [PlanRow(n) for n in range(10)]), Page(19, 10, [])]

    class Shrinking:
        async def get(self, *_: object) -> Page[PlanRow]:
            if not pages:
                await asyncio.sleep(60)
            return pages.pop(0)

    transport = cast("Transport", Shrinking())
    client = CloudClient(transport, settings_for("http://127.0.0.1"))

    assert (await refused(client.list_plans("r"))).reason is Reason.INCOMPLETE


def reads_of(client: CloudClient) -> dict[str, Callable[[], Awaitable[object]]]:
    """Return a call of each of the client's methods."""
    plan = "cn-hangzhou", "1300000016"
    return {
        "list_plans": lambda: client.list_plans("cn-hangzhou"),
        "get_plan": lambda: client.get_plan(*plan),
        "list_items": lambda: client.list_items(*plan),
        "get_item": lambda: client.get_item(*plan, "100070284"),
        "list_checkpoints": lambda: poll(client),
    }


@virtually
async def called_actions() -> set[str]:
    """Return the actions that the client's methods call; each ends in time."""
    cloud = DeadCloud()
    client = CloudClient(cast("Transport", cloud), settings_for("http://127.0.0.1"))
    for read in reads_of(client).values():
        before = asyncio.get_running_loop().time()
        assert (await refused(read())).reason is Reason.TIMEOUT
        assert asyncio.get_running_loop().time() == before + 10
    public = {name for name in vars(CloudClient) if not name.startswith("_")}
    assert set(reads_of(client)) == public, "a method is called by no test here"
    return cloud.actions


def test_the_policy_allows_exactly_what_the_client_calls() -> None:
    """No action is refused, and none is granted that nobody needs."""
    policy = json.loads(POLICY.read_text(encoding="utf-8"))

    assert policy["Version"] == "1"
    (statement,) = policy["Statement"]
    actions = called_actions()
    assert sorted(statement["Action"]) == sorted(f"rocketmq:{a}" for a in actions)
    assert sorted(ACTIONS) == sorted(actions), "those that are counted"
    assert (statement["Effect"], statement["Resource"]) == ("Allow", "*")
    assert all(action.startswith(("List", "Get")) for action in actions)
