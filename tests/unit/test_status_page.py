"""The status page: whole, readable without eyes, and safe whatever a name is."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from aiohttp.test_utils import make_mocked_request
from core_cases import OTHER, ROUTE, SIBLING, item, one_way, two_way
from exposition_cases import FakeClock, small_inventory, small_statuses
from report_cases import (
    REFUSED,
    Page,
    failed,
    found,
    html_of,
    large,
    read,
    report_of,
    row,
)

from exporter import REPOSITORY, __version__
from exporter.config.settings import Settings
from exporter.model.assessment import StatusReport, assess
from exporter.model.errors import (
    Origin,
    PermissionDeniedError,
    Reason,
    UnavailableError,
)
from exporter.model.lag import BUCKET_BOUNDS_MS
from exporter.model.types import Limits, Missing, RouteStatus
from exporter.web.status_page.page import (
    FRESH_SECONDS,
    HEADERS,
    REFRESH_SECONDS,
    StatusPage,
)
from exporter.web.status_page.view import LEAST_LENGTH, Bucket, distribution

EVIL = '"><script>alert(1)</script>'


def everything() -> StatusReport:
    """Return a report that makes every part of the page show."""
    inventory = small_inventory()
    return report_of(
        *small_statuses(),
        plans=inventory.plans,
        items=inventory.items,
        missing=sorted(inventory.missing),
        failures={"plan 2": REFUSED},
    )


def page_of(*statuses: RouteStatus, **more: Any) -> Page:
    """Return the page that shows these statuses, as a browser reads it."""
    return read(html_of(report_of(*statuses, **more)))


def lags(*lags_ms: int | None) -> RouteStatus:
    """Return the status of a route with these lags."""
    return found(*(row(number, lag_ms=lag) for number, lag in enumerate(lags_ms)))


def buckets_of(*statuses: RouteStatus, **more: Any) -> list[Bucket]:
    """Return the distribution."""
    return list(distribution(assess(report_of(*statuses, **more), 0)))


def lines_of(html: str) -> list[str]:
    """Return the lines that a reader meets below the links."""
    lines = read(html).text.partition("Runbooks")[2].splitlines()
    return [line for line in lines if line.strip()]


def test_it_says_what_this_is_and_where_to_go() -> None:
    """Name, version, uptime, region, how many plans are ready, and links."""
    html = html_of(report_of(lags(5_000)), web={"telemetry_path": "/dr/metrics"})
    page, documents = read(html), f"{REPOSITORY}/tree/main/docs"

    assert "<title>1 of 1 plan ready to fail over – RocketMQ DR exporter" in html
    assert "What to do" not in page.text
    assert f"version {__version__} · up for 1d 2h · cn-hangzhou" in page.text
    assert page.links[1:6] == [
        *("/dr/metrics", "/-/healthy", "/-/ready"),
        *(documents, f"{documents}/runbooks"),
    ]


def test_each_plan_is_the_first_thing_said_and_the_cause_comes_first() -> None:
    """With its name, what it is, and how much of it is known."""
    late = row(1, lag_ms=1, delay_ms=1_680_000), row(2, lag_ms=None, last_sync_ms=0)
    report = report_of(
        found(*late),
        found(row(), route=OTHER),
        plans=[replace(one_way("1"), name="dr_trade"), two_way("2")],
        items=[replace(item("1", "10"), status="OVERDUE_STOPPED")],
        missing=[Missing("plan", "9")],
    )
    html = html_of(report)

    late_words = "1 of 2 checkpoints late (28m, objective 5m); 1 never synced"
    assert lines_of(html)[:6] == [
        f"dr_trade: not ready – 1 item OVERDUE_STOPPED; {late_words}",
        "1 · one-way · RUNNING · 2 checkpoints of 1 route",
        "9: not ready – the plan is not found",
        "plan not looked up",
        "2: ready to fail over",
        "2 · two-way · RUNNING · 1 checkpoint of 1 route",
    ]
    assert '<li class="good"><strong><bdi>2</bdi>' in html
    assert html.count('<li class="bad"><strong><bdi>') == 2


def test_nothing_is_green_that_is_half_known() -> None:
    """Neither what some routes tell, nor what was looked up before it failed."""
    half = html_of(report_of(lags(1), RouteStatus(SIBLING)))
    plans = [one_way("1")]
    old = [
        html_of(report_of(lags(1), plans=plans, failures={subject: REFUSED}))
        for subject in ("plan 1", f"region {plans[0].region}", "plan 2")
    ]

    assert half.count('<span class="dot warning">of 1 of 2 routes</span>') == 2
    assert 'class="good"' not in half
    assert 'dot good"' not in half
    old.append(html_of(report_of(replace(lags(1), is_up=False))))
    early = replace(found(row(lag_ms=400_000, delay_ms=0)), polls=1)
    old.append(html_of(report_of(early)))
    ready = [re.findall(r'<li class="(\w+)"><strong><bdi>1<', html) for html in old]
    assert ready == [["warning"], ["warning"], ["good"], ["warning"], ["warning"]]
    why = [re.findall("the last [a-z-]+ failed", html) for html in old]
    assert why == [*[["the last look-up failed"]] * 2, [], ["the last poll failed"], []]


def test_a_failed_discovery_is_told_once() -> None:
    """Its cause, what to do, where, and when it is tried again."""
    report = report_of(plans=(), failures={"plan 2": REFUSED}, next_discovery_in=24.6)
    unreached = UnavailableError("a: b refuses", origin=Origin("a: b refuses"))
    page, other = (
        read(html_of(each)).text
        for each in (report, replace(report, failures={"plan 2": unreached}))
    )

    assert page.count("lookup failed") == 2, "in the title, and on the page"
    assert other.count("a: b refuses") == 2, "of which the origin says no more"
    for words in (
        "1 lookup failed: refused",
        "grant the RAM action rocketmq:ListDisasterRecoveryPlans; next try in 24s.",
        "plan 2",
        "HTTP 403, NoPermission, request 8C3A-1",
    ):
        assert words in page


def test_it_says_of_itself_what_it_does_and_when() -> None:
    """Revision, what comes next, shard, leader, and settings without secrets."""
    sections = {
        "api": {"access_key_id": "LTAI5t", "access_key_secret": "hunter2"},
        "poll": {"interval": "90s"},
        "plans": [{"id": "1", "objectives": {"lag": "2m"}}],
        "shard": {"index": 1, "total": 3},
        "ha": {"lease": "dr"},
    }
    report = report_of(
        lags(1), is_sharded=True, next_poll_in=3.9, next_discovery_in=552.0
    )
    text = read(html_of(report, **sections)).text
    standby = read(html_of(report_of(lags(1), is_standby=True), **sections)).text
    alone = read(html_of(report_of())).text

    for words in (
        *("Revisionunknown", "Next pollin 3s; each route every 1m 30s"),
        *("Next discoveryin 9m 12s", "Shard1 of 3, counted from 0"),
        *("Leaderthis replica holds the Lease dr", "poll.interval: 1m30s"),
        *("plans[0].objectives.lag: 2m", "api.access_key_secret: set, not shown"),
    ):
        assert words in text
    assert not re.search("LTAI5t|hunter2|plans.0..objectives.age", text)
    assert "Leaderanother replica holds the Lease dr" in standby
    assert "Next discoverynot while it stands by" in standby
    for words in (
        *("Next pollno route to poll", "Next discoveryunder way"),
        *("Shardit polls every route", "Leaderno election: every replica polls"),
    ):
        assert words in alone


def test_rows_say_what_is_known() -> None:
    """A cell for each column, and the objective beside each value that has one."""
    plan = replace(one_way("1"), name="dr_trade")
    checkpoint = row(group="GID_settlement_of_trades_x", lag_ms=61_000, delay_ms=65_000)
    report = report_of(found(checkpoint), plans=[plan], items=[item("1", "10")])
    html = html_of(report)
    page = read(html)

    numbers = ["1m 5s objective 5m", "1m 1s", "12.5s objective 10m"]
    assert page.cards[1] == ["dr_trade", "10", "rmq-here", "ok, 22s ago", "1", *numbers]
    assert page.cards[3] == [
        *(checkpoint.group, "topic", "dr_trade item 10", "rmq-here to rmq-there"),
        *numbers,
    ]
    assert ["1m to 2m", "", "1"] in page.rows
    assert "<bdi>rmq-there</bdi>" in html, "an id does not break"
    assert 'class="long">GID_<wbr>settlement_<wbr>of_<wbr>trades_<wbr>x<' in html, (
        "it may"
    )


def test_what_is_wrong_with_a_row_is_said_in_words() -> None:
    """Not by its colour alone; and only what is wrong has a chip."""
    stopped = replace(item("1", "10"), status="OVERDUE_STOPPED")
    rows = row(1, lag_ms=600_000, last_sync_ms=1), row(2, lag_ms=None, last_sync_ms=0)
    late = found(row(lag_ms=700_000), route=replace(OTHER, plan_id="1"))
    report = report_of(
        late, found(*rows), failed(SIBLING, Reason.CLOCK), items=[stopped]
    )

    page, html = read(html_of(report)), html_of(report)

    assert page.cards[1][3:5] == ["failed: clock last complete: never", "unknown"]
    assert page.cards[2][1] == "10 OVERDUE_STOPPED"
    counted = "2 1 stalled 1 late 1 never synced"
    assert page.cards[2][4:6] == [counted, "10m objective 5m"]
    assert [cells[0] for cells in page.cards[5:8]] == [
        *("orders", "orders", "orders never synced")
    ]
    assert '<span class="value bad">10m</span> <small>objective 5m</small>' in html
    chips = re.findall('<span class="chip ([^<]*)</span>', html)
    assert chips == ['bad">failed: clock', 'bad">never synced']


def test_what_was_never_polled_is_unknown() -> None:
    """An unknown number is no zero, and an unknown plan has no type."""
    html = html_of(report_of(RouteStatus(OTHER), plans=()))

    assert lines_of(html)[1] == "plan not looked up · no data of 1 route"
    assert read(html).cards[1] == [
        *("2", "20", "rmq-here", "not polled yet last complete: never", "unknown"),
        *("unknown objective 1m", "unknown", "unknown plan not looked up yet"),
    ]
    assert read(html).lengths == []


def test_an_age_without_an_objective_says_why() -> None:
    """A two-way plan's ages grow by design; and an objective can be switched off."""
    two = page_of(found(row(last_sync_ms=1), route=OTHER), plans=[two_way("2")])
    none = {"1": Limits(is_auto_synced=True)}
    off = page_of(found(row(last_sync_ms=1)), limits=none)

    for cells in (two.cards[1], two.cards[3]):
        assert cells[-1].endswith(" not synced automatically")
    for cells in (off.cards[1], off.cards[3]):
        assert cells[-1].endswith(" no objective")
        assert cells[-3] == "5s no objective"


def test_what_is_left_out_is_counted_and_linked() -> None:
    """Hidden checkpoints are not part of it; failures that are not listed are told."""
    many = replace(large(ROUTE, 1_100), hidden=frozenset(range(40)))
    down = [failed(replace(OTHER, item_id=str(n)), Reason.TIMEOUT) for n in range(60)]

    page = page_of(many, *down)

    assert sum(len(cells) == 8 for cells in page.rows) == 1 + 50
    assert "… and 11 more routes, 10 of them failed." in page.text
    assert "… and 1,010 more checkpoints" in page.text
    assert "item 0 rmq-here, plan 2 item 1 rmq-here" in page.text
    assert "item 9 rmq-here and 50 more" in page.text
    assert page.links[-3] == "/metrics"
    assert "more" not in page_of(lags(1)).text
    plans = [one_way(str(number)) for number in range(53)]
    assert "… and 3 more plans." in page_of(lags(1), plans=plans).text


def test_buckets_have_counts_and_are_open_at_both_ends() -> None:
    """A lag of 0 is in step, and not ahead; one that is unknown is in no bucket."""
    known = *[2_000] * 1_000, *[20_000] * 250, 7_000, 0, 0, -1, -70_000, 90_000_000
    buckets = buckets_of(lags(*known, None), RouteStatus(OTHER))

    assert [(each.label, each.count) for each in buckets if each.count] == [
        *(("under -1m", 1), ("-1m to 0s", 1), ("in step", 2), ("1s to 5s", 1_000)),
        *(("5s to 10s", 1), ("10s to 30s", 250), ("over 1d", 1)),
    ]
    assert len(buckets) == len(BUCKET_BOUNDS_MS) + 2
    assert buckets_of(lags(None)) == []
    lengths = [each.length for each in buckets if each.length]
    assert lengths == [*[LEAST_LENGTH] * 3, 100.0, LEAST_LENGTH, 25.0, LEAST_LENGTH]


def test_each_objective_is_a_line_below_what_keeps_it() -> None:
    """Plans that share an objective share its line; a disabled one has no line."""
    both = found(row()), found(row(), route=OTHER)
    plans = [one_way("1"), two_way("2"), one_way("without data")]

    def lines(limits: dict[str, float]) -> list[tuple[str, str]]:
        limits = {**limits, "without data": 90}
        each = {plan: Limits(lag=lag) for plan, lag in limits.items()}
        buckets = buckets_of(*both, plans=plans, limits=each)
        return [(it.label, line) for it in buckets for line in it.objectives]

    assert lines({"1": 300, "2": 300}) == [("2m to 5m", "objective 5m")]
    assert lines({"1": 420, "2": 0}) == [("5m to 10m", "objective 7m of 1 plan")]
    assert lines({"1": 10, "2": 200_000}) == [
        ("5s to 10s", "objective 10s of 1 plan"),
        ("over 1d", "objective 2d 7h of 1 plan"),
    ]


def test_it_can_be_listened_to() -> None:
    """Captions, scopes, headings, and the roles that another layout would take away."""
    html = html_of(everything())

    assert html.count("<table") == html.count("<caption") == 3
    assert html.count('<table role="table"') == 2
    assert re.findall(r"<th(?![^>]*scope=)", html.replace("<thead", "")) == []
    assert re.findall(r"<svg(?![^>]*aria-hidden=\"true\")", html) == []
    assert '<html lang="en">' in html
    sections = re.findall(
        r'<section[^>]*aria-labelledby="(\w+)">\s*<h2 id="(\w+)', html
    )
    assert len(sections) == html.count("<section") == 5
    assert all(named == by for named, by in sections)


def test_nothing_is_loaded_and_nothing_runs() -> None:
    """No script, no address elsewhere, and no style but the one the policy allows."""
    html = html_of(everything())
    (style,) = re.findall(r"<style>(.*?)</style>", html, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()

    assert f"style-src 'sha256-{digest}'" in HEADERS["Content-Security-Policy"]
    assert "default-src 'none'" in HEADERS["Content-Security-Policy"]
    assert "unsafe" not in HEADERS["Content-Security-Policy"]
    assert "<script" not in html
    assert " style=" not in html
    assert not re.search(r"<[a-z][^>]*\son\w+=", html)
    assert set(re.findall(r'(?:src|xmlns|@import|url\()="?http[^"]*', html)) == set()


def test_a_script_stays_text_wherever_it_stands() -> None:
    """In every name that comes from elsewhere, which is kept apart from our text."""
    route = replace(ROUTE, plan_id=EVIL, item_id=EVIL, source_instance_id=EVIL)
    plan = replace(one_way(EVIL), name=EVIL, type=EVIL, status=EVIL)
    named = replace(
        row(group=EVIL), topic=EVIL, source_instance_id=EVIL, target_instance_id=EVIL
    )
    origin = Origin(EVIL, EVIL, 403, EVIL)
    html = html_of(
        report_of(
            found(named, route=route),
            failed(replace(route, item_id="x"), Reason.MALFORMED, origin=origin),
            plans=[plan],
            items=[replace(item(EVIL, EVIL), status=f"{EVIL}_STOPPED")],
            missing=[Missing(EVIL, EVIL)],
            failures={EVIL: PermissionDeniedError(EVIL, origin=origin)},
            region=EVIL,
        )
    )

    page = read(html)
    assert "script" not in page.tags
    assert page.text.count(EVIL) >= 20
    assert page.open_tags == []
    assert html.count('<bdi class="long">&#34;&gt;&lt;script&gt;') == 27


async def test_it_is_made_once_a_second_however_many_ask() -> None:
    """At once, or one after another; a second later it is made again."""
    reports = [report_of(), report_of(region="cn-other")]
    clock = FakeClock()
    page = StatusPage(lambda: reports.pop(0), Settings, clock)
    request = make_mocked_request("GET", "/")

    await asyncio.gather(*(page.answer(request) for _ in range(20)))
    clock.now += FRESH_SECONDS - 0.1
    before = await page.answer(request)
    clock.now += 90.1
    after = await page.answer(request)

    assert "up for 0s · <bdi>cn-hangzhou" in str(before.text)
    assert "up for 1m 31s · <bdi>cn-other" in str(after.text)
    assert reports == []


class Awaited(tuple[RouteStatus, ...]):
    """Statuses that can be read once the loop has set `is_read`."""

    __slots__ = ()
    is_read = threading.Event()

    def __iter__(self) -> Iterator[RouteStatus]:
        """Wait for the loop; it would never come if it had to make the page."""
        assert self.is_read.wait(timeout=300)
        return super().__iter__()


async def test_the_loop_goes_on_while_a_page_is_made() -> None:
    """However many checkpoints have to be looked through."""
    statuses = Awaited([lags(1)])
    report = replace(report_of(), statuses=statuses)
    page = StatusPage(lambda: report, Settings)
    making = asyncio.ensure_future(page.answer(make_mocked_request("GET", "/")))

    await asyncio.sleep(0)
    statuses.is_read.set()

    assert "Routes" in str((await making).text)


async def test_the_answer_is_html_that_may_load_nothing() -> None:
    """It is stored nowhere, and renewed by the browser unless told not to."""
    page = StatusPage(everything, Settings)
    renewed, still = [
        await page.answer(make_mocked_request("GET", path))
        for path in ("/", "/?refresh=off")
    ]

    assert renewed.headers["Content-Type"] == "text/html; charset=utf-8"
    assert HEADERS.items() <= renewed.headers.items()
    names = "X-Content-Type-Options", "Referrer-Policy", "Cache-Control"
    assert [HEADERS[each] for each in names] == ["nosniff", "no-referrer", "no-store"]
    assert str(renewed.text).startswith("<!DOCTYPE html>")
    assert read(str(still.text)).links[-2:] == ["/?refresh=off", "/"]
    assert renewed.headers["Refresh"] == str(REFRESH_SECONDS)
    assert "Refresh" not in still.headers
