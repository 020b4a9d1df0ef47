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
from exposition_cases import (
    FakeClock,
    small_inventory,
    small_statuses,
)
from hypothesis import given
from hypothesis import strategies as st
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

from exporter import __version__
from exporter.model.assessment import StatusReport, assess
from exporter.model.errors import Origin, PermissionDeniedError, Reason
from exporter.model.lag import BUCKET_BOUNDS_MS
from exporter.model.types import Missing, RouteStatus
from exporter.web.status_page.page import (
    FRESH_SECONDS,
    HEADERS,
    REFRESH_SECONDS,
    StatusPage,
)
from exporter.web.status_page.view import LEAST_HEIGHT, Column, distribution

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


def columns_of(*statuses: RouteStatus) -> list[Column]:
    """Return the distribution."""
    return list(distribution(assess(report_of(*statuses), 0).rollup))


def test_it_says_what_this_is_and_where_to_go() -> None:
    """That all is well, name, version, uptime, region, and links."""
    report = report_of(lags(5_000))

    page = read(html_of(report, telemetry_path="/dr/metrics"))

    assert "Every route is polled and keeps its objectives" in page.text
    assert "What to do" not in page.text
    assert "RocketMQ DR exporter" in page.text
    assert f"version {__version__} · up for 1d 2h · cn-hangzhou" in page.text
    assert page.links[1:4] == ["/dr/metrics", "/-/healthy", "/-/ready"]


def test_it_says_first_what_is_wrong() -> None:
    """In the title and above all else; and what to do, where, and what the API said."""
    page = read(html_of(everything()))

    assert page.text.lstrip().startswith("1 lookup failed: refused")
    for word in (
        "To do: grant the RAM action rocketmq:ListDisasterRecoveryPlans.",
        "plan 2",
        "HTTP 403, NoPermission, request 8C3A-1",
        "Configured, but not found in the cloud",
        "instance rmq-cn-gone, plan 99",
        "1 route could not be polled: failed",
    ):
        assert word in page.text


def test_rows_say_what_is_known() -> None:
    """A cell for each column, in their order, and a bar for each objective."""
    plan = replace(one_way("1"), name="dr_trade")
    checkpoint = row(lag_ms=61_000, delay_ms=65_000)
    page = page_of(found(checkpoint), plans=[plan], items=[item("1", "10")])

    numbers = ["1m 5s objective 5m", "1m 1s", "12.5s objective 10m"]
    assert page.rows[1] == ["dr_trade 1", "one-way", "RUNNING", "1 of 1", "1"]
    assert page.rows[-3] == [
        *("dr_trade", "10", "rmq-here", "ok", "22s ago", "1", *numbers)
    ]
    assert page.rows[-1] == [
        *("orders", "topic", "dr_trade item 10", "rmq-here to rmq-there", "ok"),
        *numbers,
    ]
    assert page.lengths == ["10.8%", "1.0%", "10.8%", "1.0%"]
    assert ["1m to 2m", "1"] in page.rows


def test_what_is_wrong_with_a_row_is_said_in_words() -> None:
    """Not by its colour alone."""
    stopped = replace(item("1", "10"), status="OVERDUE_STOPPED")
    rows = row(1, lag_ms=600_000, last_sync_ms=1), row(2, lag_ms=None, last_sync_ms=0)
    report = report_of(found(*rows), failed(SIBLING, Reason.CLOCK), items=[stopped])

    page, html = read(html_of(report)), html_of(report)

    assert page.rows[1][3:] == ["1 of 2", "2"]
    assert page.rows[-5][3:6] == ["failed: clock", "never", "unknown"]
    assert page.rows[-4][1] == "10 OVERDUE_STOPPED"
    counted = "2 1 stalled 1 late 1 never synced"
    assert page.rows[-4][5:7] == [counted, "10m objective 5m"]
    assert [cells[4] for cells in page.rows[-2:]] == ["ok", "never synced"]
    assert '<span class="dot bad">OVERDUE_STOPPED</span>' in html
    assert '<span class="dot bad">1 of 2</span>' in html
    assert '<span class="chip bad">failed: clock</span>' in html
    assert '<span class="chip bad">never synced</span>' in html


def test_what_was_never_polled_is_unknown() -> None:
    """An unknown number is no zero, and an unknown plan has no type."""
    page = page_of(RouteStatus(OTHER), plans=())

    assert page.rows[1] == ["2", "", "", "0 of 1", "unknown"]
    assert page.rows[-1] == [
        *("2", "20", "rmq-here", "not polled yet", "never", "unknown"),
        *("unknown", "unknown", "unknown not synced automatically"),
    ]
    assert page.lengths == []


def test_an_age_without_an_objective_has_no_bar() -> None:
    """A two-way plan's ages grow by design, and it is said so."""
    page = page_of(found(row(last_sync_ms=1), route=OTHER), plans=[two_way("2")])

    assert "two-way" in page.rows[1]
    assert page.rows[-3][-1].endswith("not synced automatically")
    assert "objective" not in page.rows[-1][-1]
    assert len(page.lengths) == 2


def test_what_is_left_out_is_counted_and_linked() -> None:
    """Hidden checkpoints are not part of it; failures that are not listed are told."""
    many = replace(large(ROUTE, 1_100), hidden=frozenset(range(40)))
    down = [failed(replace(OTHER, item_id=str(n)), Reason.TIMEOUT) for n in range(60)]

    page = page_of(many, *down)

    assert sum(len(cells) == 9 for cells in page.rows) == 1 + 50
    assert "… and 11 more routes, 10 of them failed." in page.text
    assert "… and 1,010 more checkpoints" in page.text
    assert "item 0 rmq-here, plan 2 item 1 rmq-here" in page.text
    assert "item 9 rmq-here and 50 more" in page.text
    assert page.links[-3] == "/metrics"
    assert "more" not in page_of(lags(1)).text
    plans = [one_way(str(number)) for number in range(53)]
    assert "… and 3 more plans." in page_of(lags(1), plans=plans).text


@given(st.lists(st.none() | st.integers(-200_000, 100_000_000), min_size=1))
def test_every_known_lag_is_in_one_column(drawn: list[int | None]) -> None:
    """The unknown are in none; without any that is known there is no column."""
    known = [lag for lag in drawn if lag is not None]

    columns = columns_of(lags(*drawn))

    assert sum(column.count for column in columns) == len(known)
    assert len(columns) == (len(BUCKET_BOUNDS_MS) + 1 if known else 0)


def test_the_tallest_column_is_the_most_and_few_are_seen() -> None:
    """The rest is in proportion; edges are in words and open at both ends."""
    columns = columns_of(
        lags(*[2_000] * 1_000, *[20_000] * 250, 7_000), RouteStatus(OTHER)
    )

    heights = [column.height for column in columns]
    assert [height for height in heights if height] == [100.0, LEAST_HEIGHT, 25.0]
    labels = [column.label for column in columns]
    assert labels[:3] == ["up to -1m", "-1m to 0s", "0s to 1s"]
    assert labels[-1] == "over 1d"
    assert [column.mark for column in columns][-3:] == ["6h", "1d", ""]


def test_it_says_of_each_plan_whether_it_can_be_failed_over() -> None:
    """Above all tables, with its name; the first reason is the cause."""
    late = row(1, lag_ms=1, delay_ms=1_680_000), row(2, lag_ms=None, last_sync_ms=0)
    report = report_of(
        found(*late),
        found(row(), route=OTHER),
        plans=[replace(one_way("1"), name="dr_trade"), two_way("2")],
        missing=[Missing("plan", "9")],
    )

    page = read(html_of(report))

    blocked = "1 of 2 checkpoints late (28m, objective 5m); 1 never synced"
    lines = page.text[: page.text.index("What to do")].splitlines()
    assert [line for line in lines if "ready" in line] == [
        f"dr_trade: not ready – {blocked}",
        "9: not ready – the plan is not found",
        "2: ready to fail over",
    ]
    assert '<span class="dot good">ready to fail over</span>' in html_of(report)
    assert '<span class="dot bad">not ready – 1' in html_of(report)


def test_it_can_be_listened_to() -> None:
    """Captions, scopes, headings, and the roles that another layout would take away."""
    html = html_of(everything())

    assert html.count("<table") == html.count("<caption") == 4
    assert html.count('<table role="table"') == 3
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
    assert set(re.findall(r"https?://[\w./]*", html)) == {"http://www.w3.org/2000/svg"}


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
    assert html.count("<bdi>&#34;&gt;&lt;script&gt;") == 19


async def test_it_is_made_once_a_second_however_many_ask() -> None:
    """At once, or one after another; a second later it is made again."""
    reports = [report_of(), report_of(region="cn-other")]
    clock = FakeClock()
    page = StatusPage(lambda: reports.pop(0), "/metrics", clock)
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
    page = StatusPage(lambda: report, "/metrics")
    making = asyncio.ensure_future(page.answer(make_mocked_request("GET", "/")))

    await asyncio.sleep(0)
    statuses.is_read.set()

    assert "Routes" in str((await making).text)


async def test_the_answer_is_html_that_may_load_nothing() -> None:
    """It is stored nowhere, and renewed by the browser unless told not to."""
    page = StatusPage(everything, "/metrics")
    renewed, still = [
        await page.answer(make_mocked_request("GET", path))
        for path in ("/", "/?refresh=off")
    ]

    assert renewed.headers["Content-Type"] == "text/html; charset=utf-8"
    assert HEADERS.items() <= renewed.headers.items()
    assert HEADERS["X-Content-Type-Options"] == "nosniff"
    assert HEADERS["Referrer-Policy"] == "no-referrer"
    assert HEADERS["Cache-Control"] == "no-store"
    assert str(renewed.text).startswith("<!DOCTYPE html>")
    assert read(str(still.text)).links[-2:] == ["/?refresh=off", "/"]
    assert renewed.headers["Refresh"] == str(REFRESH_SECONDS)
    assert "Refresh" not in still.headers
