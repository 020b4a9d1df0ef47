"""What `check --live` finds out over real HTTP, and how long it takes to do so."""

from __future__ import annotations

import json
import os
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from fakes import (
    FakeCloud,
    Reply,
    checkpoint_row,
    fake_cloud,
    item_row,
    page_of,
    plan_row,
)
from fakes import good as answer_of
from recording import Stats
from structlog.testing import capture_logs

from exporter.app.check_live import (
    LIKELY_THE_SAME,
    NOTHING_TO_ASK,
    OF_A_PLAN,
    Outcome,
    Verdict,
)
from exporter.app.check_live import (
    live_check as whole_check,
)
from exporter.cloud.client import GET_ITEM, LIST_CHECKPOINTS, LIST_PLANS
from exporter.config.load import load
from exporter.config.settings import Settings
from exporter.model.errors import (
    ClockError,
    CredentialsError,
    NotFoundError,
    ThrottledError,
)
from exporter.simulator.server import running
from exporter.simulator.world import World

OK, LEARNT, FAILED, SKIPPED = Outcome
ACTIONS = (LIST_PLANS, *OF_A_PLAN)
PLAN, ITEM, INSTANCE = "1300000016", "100070284", "rmq-cn-7e22ody0001"
PLANS, ITEMS = "/disaster_recovery", "/disaster_recovery/1/items"
THROTTLING = Reply({"Code": "Throttling.User"}, 400, headers={"x-acs-retry-after": "1"})


def settings_for(url: str, plans: Sequence[Any] = (), **flags: str) -> Settings:
    """Return the settings of a user of the cloud at an address."""
    given = {
        "api.endpoint": url,
        "api.access_key_id": "simulator",
        "api.access_key_secret": "simulator",
        "api.requests_per_second": "1000",
        "plans": json.dumps(list(plans)),
    }
    more = {name.replace("__", "."): value for name, value in flags.items()}
    return load(flags=given | more, environ={}, file=None)


async def checked(
    world: World, *plans: Any, stats: Stats | None = None, **flags: str
) -> Sequence[Verdict]:
    """Return the verdicts on a simulated cloud whose clock is ours."""
    now, stats = time.time(), stats or Stats()
    async with running(world, now=lambda: now, middlewares=stats.middlewares) as url:
        settings = settings_for(url, plans, **flags)
        return await live_check(settings, wall=lambda: now)


async def live_check(settings: Settings, **more: Any) -> Sequence[Verdict]:
    """Return the verdicts without the lessons."""
    verdicts = await whole_check(settings, **more)
    return [verdict for verdict in verdicts if verdict.outcome is not LEARNT]


async def lessons(settings: Settings) -> dict[str, str]:
    """Return what a check taught, by what it is about."""
    verdicts = await whole_check(settings)
    learnt = [verdict for verdict in verdicts if verdict.outcome is LEARNT]
    assert list(verdicts[len(verdicts) - len(learnt) :]) == learnt, "they come last"
    return {verdict.subject: verdict.detail for verdict in learnt}


def about(verdicts: Sequence[Verdict], word: str) -> Verdict:
    """Return the one verdict whose subject holds a word."""
    (found,) = (verdict for verdict in verdicts if word in verdict.subject.split())
    return found


def failures(verdicts: Sequence[Verdict]) -> list[str]:
    """Return the lines of what failed."""
    return [verdict.line() for verdict in verdicts if verdict.outcome is FAILED]


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@asynccontextmanager
async def small_cloud() -> AsyncIterator[FakeCloud]:
    """Serve plan 1 with item 10; a test says what else is answered."""
    async with fake_cloud() as cloud:
        cloud.answer(PLANS, Reply(page_of([plan_row(1)])))
        cloud.answer(f"{PLANS}/1", Reply(answer_of(plan_row(1))))
        cloud.answer(ITEMS, Reply(page_of([item_row(10)])))
        cloud.answer(f"{ITEMS}/10", Reply(answer_of(item_row(10))))
        cloud.answer(f"{ITEMS}/10/checkpoints", Reply(page_of([checkpoint_row(1)])))
        yield cloud


async def test_where_all_is_well_every_action_is_called_once() -> None:
    """One line for each, with ids that the lists gave; of a list one page is read."""
    stats, world = Stats(), World("healthy", plans=1, groups=1000)

    verdicts = await checked(world, stats=stats, api__page_size="50")

    assert "\n".join(verdict.line() for verdict in verdicts) == (
        "ok      credential: an access key\n"
        "ok      cn-hangzhou ListDisasterRecoveryPlans: 2 plans on the first page\n"
        f"ok      cn-hangzhou GetDisasterRecoveryPlan (plan {PLAN}): RUNNING\n"
        f"ok      cn-hangzhou ListDisasterRecoveryItems (plan {PLAN}):"
        " 2 items on the first page\n"
        f"ok      cn-hangzhou GetDisasterRecoveryItem (plan {PLAN}, item {ITEM}):"
        " RUNNING\n"
        f"ok      cn-hangzhou ListDisasterRecoveryCheckpoints (plan {PLAN},"
        f" item {ITEM}, instance {INSTANCE}): 50 checkpoints on the first page\n"
        "ok      cn-hangzhou clock: this clock is within 2s of the API's"
    )
    assert [served.action for served in stats.requests] == list(ACTIONS)


async def test_each_region_in_use_is_asked() -> None:
    """Those of the plans, else all of `api.regions`, each with its own clock."""
    plans = [{"id": PLAN}, {"id": "1300000017", "region": "cn-shanghai"}]
    world = World("healthy", plans=1)

    by_plan = await checked(World("healthy"), *plans)
    by_list = await checked(world, api__regions="cn-hangzhou,cn-shanghai")

    for verdicts in (by_plan, by_list):
        regions = [verdict.subject.split()[0] for verdict in verdicts]
        assert regions == ["credential"] + ["cn-hangzhou"] * 6 + ["cn-shanghai"] * 6
        assert {verdict.outcome for verdict in verdicts} == {OK}


CUT = "10,000 rows a page accepted, cut to 100; the longest list has 250"


@pytest.mark.parametrize(
    ("paging", "bound", "told", "stated"),
    [
        ("refuse", 10_000, "10,000 rows a page accepted; the longest", "right: 3"),
        ("refuse", 1_000, "1,000 rows a page accepted, more refused", "right: 3"),
        ("refuse", 100, "100 rows a page accepted, more refused; the", "right: 3"),
        ("clamp", 100, CUT, "right: 3"),
        ("unstated", 100, CUT, "absent: 3"),
        ("nonsense", 100, CUT, "wrong: 3"),
    ],
)
async def test_what_the_api_does_with_page_sizes_is_learnt(
    paging: str, bound: int, told: str, stated: str
) -> None:
    """In each mode of the simulated cloud the truth about it."""
    world = World("healthy", 1, groups=250, paging=paging, largest_page=bound)
    async with running(world) as url:
        found = await lessons(settings_for(url))

    assert found[LIST_PLANS] == "10,000 rows a page accepted; the longest list has 2"
    assert found[LIST_CHECKPOINTS].startswith(told)
    assert found["stated page size"] == stated


async def test_what_is_odd_in_answers_is_learnt_without_ids() -> None:
    """It settles what nobody could verify, and can be pasted into an issue."""
    rows = [
        checkpoint_row(n, source_ms=source, target_ms=target)
        for n, (source, target) in enumerate(
            [(5_000, 9_500), (9_000, 9_001), (0, 7), (-1, None), (-7, -1), (9, 9)]
        )
    ]
    rows.append(checkpoint_row(9, targetProgress=None))
    rows[0]["sourceProgress"]["instanceType"] = "MARS ROVER"
    plan = plan_row(1, planStatus="PAUSED", planType="rmq-cn-7e22ody0001")
    async with small_cloud() as cloud:
        cloud.answer(PLANS, Reply(page_of([plan])))
        cloud.answer(f"{PLANS}/1", Reply(answer_of(plan)))
        odd = item_row(10, itemStatus="PAUSED")
        cloud.answer(
            ITEMS,
            replace(THROTTLING, headers={"x-acs-retry-after": "5"}),
            Reply(page_of([odd])),
        )
        cloud.answer(f"{ITEMS}/10/checkpoints", Reply(page_of(rows, size=3)))

        found = await lessons(settings_for(cloud.url, [{"id": "1"}]))

    assert found["words that this version does not know"] == (
        "planType of another shape: 2, planStatus PAUSED: 2, itemStatus PAUSED: 1,"
        " instanceType MARS ROVER: 1"
    )
    assert found["consumeTimestamp"] == "known: 8, -1: 2, absent: 2, 0: 1, below -1: 1"
    assert found["largest negative lag"] == "-4.5s"
    assert found["stated page size"] == "right: 2, wrong: 1"
    assert found["waits asked for"] == "x-acs-retry-after of 0.005s: 1"
    shown = str(found)
    assert not any(word in shown for word in ("7e22", "rmq", "plan 1", "orders"))


async def test_every_refused_action_is_named() -> None:
    """With ids configured no refusal keeps the other actions from being tried."""
    refusal = Reply({"Code": "NoPermission", "Message": "CANARY"}, 403)
    plan = {"id": "1", "items": ["10"], "source_instances": ["rmq-source"]}
    async with fake_cloud() as cloud:
        for path in ("", "/1", "/1/items", "/1/items/10", "/1/items/10/checkpoints"):
            cloud.answer(PLANS + path, refusal)

        verdicts = await live_check(settings_for(cloud.url, [plan]))

    told = failures(verdicts)
    assert len(told) == len(ACTIONS)
    for action, line in zip(ACTIONS, told, strict=True):
        assert line.endswith(f"grant the RAM action rocketmq:{action}")
    assert "CANARY" not in "".join(told)


async def test_where_plans_may_not_be_listed_the_rest_cannot_be_tried() -> None:
    """Without a configured id the other actions are no failures, but skipped."""
    async with fake_cloud() as cloud:
        cloud.answer(PLANS, Reply({"Code": "NoPermission"}, 403))

        verdicts = await live_check(settings_for(cloud.url))

        taught = await lessons(settings_for(cloud.url))

    assert [verdict.outcome for verdict in verdicts[1:-1]] == [FAILED] + [SKIPPED] * 4
    assert verdicts[2].detail == NOTHING_TO_ASK
    assert taught == {}


@pytest.mark.parametrize(
    ("answers", "skipped"),
    [
        ({ITEMS: page_of([])}, [GET_ITEM, LIST_CHECKPOINTS]),
        (
            {
                f"{PLANS}/1": answer_of(plan_row(1, instances=None)),
                f"{ITEMS}/10": answer_of(item_row(10, topics=None)),
            },
            [LIST_CHECKPOINTS],
        ),
    ],
)
async def test_an_action_without_an_id_to_ask_about_is_skipped(
    answers: dict[str, Any], skipped: list[str]
) -> None:
    """A plan may have no item, an item no known instance; neither is a failure."""
    async with small_cloud() as cloud:
        for path, answer in answers.items():
            cloud.answer(path, Reply(answer))

        verdicts = await live_check(settings_for(cloud.url))

    assert not failures(verdicts)
    told = [v.subject for v in verdicts if v.detail == NOTHING_TO_ASK]
    assert told == [f"cn-hangzhou {action} (plan 1)" for action in skipped]


async def test_throttling_is_waited_out() -> None:
    """Only to be told to wait for longer than a poll may take is a finding."""
    async with small_cloud() as cloud:
        cloud.answer(PLANS, THROTTLING, Reply(page_of([plan_row(1)])))
        assert not failures(await live_check(settings_for(cloud.url)))

        an_hour = {"x-acs-retry-after": "3600000"}
        cloud.answer(PLANS, replace(THROTTLING, headers=an_hour))
        cloud.asked.clear()
        verdicts = await live_check(settings_for(cloud.url, [{"id": "1"}]))

    (line,) = failures(verdicts)
    assert line.endswith(f"answered Throttling.User: {ThrottledError.remedy}")
    assert {asked.target.partition("?")[0] for asked in cloud.asked} == {PLANS}


async def test_a_wrong_secret_is_told_once() -> None:
    """The other calls would meet the same, so they are not made."""
    stats = Stats()

    verdicts = await checked(
        World("healthy"), stats=stats, api__access_key_secret="wrong"
    )

    (line,) = failures(verdicts)
    assert f"answered SignatureDoesNotMatch: {CredentialsError.remedy}" in line
    skipped = [v.detail for v in verdicts if v.outcome is SKIPPED]
    assert skipped == [LIKELY_THE_SAME] * 4
    assert len(stats.requests) == 1


async def test_a_key_file_that_is_not_there_leaves_nothing_to_sign_with() -> None:
    """The file is named, and no call is made."""
    given = {"api.access_key_id": "simulator", "api.access_key_secret_file": "/no/key"}

    (verdict,) = await live_check(load(flags=given, environ={}, file=None))

    assert verdict.line() == (
        "FAILED  credential: /no/key cannot be read (No such file or directory):"
        f" {CredentialsError.remedy}"
    )


async def test_a_key_that_never_comes_is_not_waited_for(tmp_path: Path) -> None:
    """A step of the chain that hangs costs `poll.timeout`, here a pipe for a file."""
    pipe = tmp_path / "key"
    os.mkfifo(pipe)
    flags = {
        "api.access_key_id": "simulator",
        "api.access_key_secret_file": str(pipe),
        "poll.timeout": "50ms",
    }

    verdicts = await live_check(load(flags=flags, environ={}, file=None))
    pipe.write_text("late")  # ends the thread that reads it

    (line,) = failures(verdicts)
    assert line.startswith("FAILED  credential: poll.timeout is exceeded")


@pytest.mark.parametrize(
    ("seconds", "outcomes", "said"),
    [
        (1_200, {FAILED, SKIPPED}, f"20m behind the API's: {ClockError.remedy}"),
        (-1_200, {FAILED, SKIPPED}, f"20m ahead of the API's: {ClockError.remedy}"),
        (90, {OK}, f"1m 30s behind the API's: {ClockError.remedy}"),
        (30, {OK}, "30s behind the API's"),
    ],
)
async def test_a_clock_is_measured_whether_the_api_refuses_it_or_not(
    seconds: int, outcomes: set[Outcome], said: str
) -> None:
    """Over a minute is a failure, though every call is good: ages are wrong."""
    here = float(int(time.time()))
    async with running(World("healthy"), now=lambda: here + seconds) as url:
        verdicts = await live_check(settings_for(url), wall=lambda: here)

    *calls, clock = verdicts[1:]
    assert {verdict.outcome for verdict in calls} == outcomes
    assert clock.detail == f"this clock is {said}"
    assert (clock.outcome is FAILED) is (ClockError.remedy in said)
    refused = [line for line in failures(calls) if ClockError.remedy in line]
    assert len(refused) == (FAILED in outcomes)


async def test_the_clock_of_a_region_is_that_of_its_own_answers() -> None:
    """Where a region does not answer, what another said is not taken for it."""

    async def hang_up(request: web.BaseRequest) -> Reply:
        assert request.transport is not None
        request.transport.abort()
        return Reply()

    plans = [{"id": "1", "region": "cn-beijing"}, {"id": "2", "region": "cn-shanghai"}]
    async with small_cloud() as cloud:
        cloud.answer(PLANS, Reply(page_of([plan_row(1)])), hang_up)

        verdicts = await live_check(settings_for(cloud.url, plans))

    clocks = [v.outcome for v in verdicts if v.subject.endswith("clock")]
    assert clocks == [OK, SKIPPED]


async def test_unknown_ids_are_named_by_their_kind() -> None:
    """Each configured id is looked up; what exists beside it is tried too."""
    unknown = {"id": "99", "region": "cn-beijing"}
    known = {"id": PLAN, "items": ["5", ITEM], "source_instances": ["rmq-x", INSTANCE]}

    verdicts = await checked(World("healthy"), unknown, known)

    named = ("(plan 99): ", "item 5): ", "instance rmq-x): ")
    for name, line in zip(named, failures(verdicts), strict=True):
        assert name in line
        assert line.endswith(f"NotFound: {NotFoundError.remedy}")
    assert verdicts[-2].outcome is OK
    assert INSTANCE in verdicts[-2].subject


async def test_a_plan_that_was_deleted_does_not_exist() -> None:
    """The API still answers for it; nothing of it is tried."""
    async with small_cloud() as cloud:
        deleted = plan_row(1, planStatus="DELETED")
        cloud.answer(f"{PLANS}/1", Reply(answer_of(deleted)))

        verdicts = await live_check(settings_for(cloud.url, [{"id": "1"}]))

    (line,) = failures(verdicts)
    assert f"(plan 1): its status is DELETED: {NotFoundError.remedy}" in line
    assert len(cloud.asked) == 2


async def test_a_refused_look_up_does_not_hide_the_checkpoints() -> None:
    """What the list told stands in for a plan that may not be got."""
    async with small_cloud() as cloud:
        for path in (f"{PLANS}/1", f"{ITEMS}/10"):
            cloud.answer(path, Reply({"Code": "NoPermission"}, 403))
        cloud.answer(ITEMS, Reply(page_of([item_row(10, topics=None)])))

        verdicts = await live_check(settings_for(cloud.url))

    assert len(failures(verdicts)) == 2
    found = about(verdicts, "ListDisasterRecoveryCheckpoints")
    assert (found.outcome, "instance rmq-source" in found.subject) == (OK, True)


async def test_plans_that_an_outage_keeps_from_being_tried_are_told() -> None:
    """Nothing that is configured is passed over without a word."""
    async with small_cloud() as cloud:
        cloud.answer(f"{ITEMS}/10", Reply(status=503))

        verdicts = await live_check(settings_for(cloud.url, [{"id": "1"}, {"id": "2"}]))

    (line,) = failures(verdicts)
    assert "GetDisasterRecoveryItem (plan 1, item 10): answered HTTP 503" in line
    assert len(cloud.asked) == 4
    skipped = [v.subject for v in verdicts if v.detail == LIKELY_THE_SAME]
    assert skipped == [
        f"cn-hangzhou {LIST_CHECKPOINTS} (plan 1)",
        *(f"cn-hangzhou {action} (plan 2)" for action in OF_A_PLAN),
    ]


async def test_the_configured_filter_goes_with_the_checkpoints() -> None:
    """What is tried is what will be polled, and with the key that will be used."""
    async with small_cloud() as cloud:
        plan = {"id": "1", "filter": "a b"}
        settings = settings_for(cloud.url, [plan], api__security_token="t")
        verdicts = await live_check(settings)

    assert "filter=a%20b" in cloud.asked[-1].target
    assert verdicts[0].detail == "an access key with a security token"


async def test_a_bug_is_told_and_logged(monkeypatch: pytest.MonkeyPatch) -> None:
    """It fails its own check, with the traceback in the log."""
    settings = settings_for("http://127.0.0.1:1")

    def break_(_clock: Callable[[], float]) -> float:
        raise ZeroDivisionError

    with capture_logs() as logs:
        verdicts = await live_check(settings, wall=lambda: break_(time.time))

    assert "unexpected ZeroDivisionError: report it" in failures(verdicts)[0]
    assert [isinstance(one["exc_info"], ZeroDivisionError) for one in logs] == [True]


def test_a_line_holds_nothing_that_a_terminal_obeys() -> None:
    """Names from the API may hold anything."""
    line = Verdict(OK, "instance \x1b[31m", "a\nb").line()

    assert line.isprintable()
