"""The landing page in a real browser: its layout, its colours, and who can use it."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from browser import Browser, browser
from core_cases import OTHER, ROUTE, SIBLING, item, one_way, row, two_way
from exposition_cases import snapshot_of, status_of
from landing_bench import all_facts
from landing_cases import down, facts_of
from landing_picture import HEIGHT, SCALE, WIDTH, taken
from paths import ROOT
from web_server import SITE

from exporter.model.errors import Origin, PermissionDeniedError, Reason
from exporter.model.types import Missing, RouteStatus
from exporter.web.server import application, serving
from exporter.web.status_page.facts import Facts

WIDTHS = (360, 768, 1280)
SCHEMES = ("light", "dark")
# Both layouts and both schemes; axe takes seconds for a page with many rows.
SEEN_BY_AXE = {(360, "dark"), (1280, "light")}
SCRIPT = "<script>document.title='owned'</script>"
LONG = "GID_" + "x" * 251
RIGHT_TO_LEFT = "مجموعة_المستهلكين"
REFUSED = PermissionDeniedError(
    "refused", origin=Origin("ListDisasterRecoveryPlans", "NoPermission", 403, "8C3A-1")
)


def awkward() -> Facts:
    """Return routes and checkpoints whose names are as bad as names can be."""
    names = (SCRIPT, LONG, "消" * 255, RIGHT_TO_LEFT, "\u202eesrever", "&amp; <b>", "")
    rows = [
        replace(
            row(number, group=name, lag_ms=number * 90_000 - 90_000),
            topic=name,
            source_instance_id=name,
            target_instance_id=name,
        )
        for number, name in enumerate(names)
    ]
    unknown = row(99, "unknown", lag_ms=None, last_sync_ms=0)
    long = replace(ROUTE, plan_id="3", item_id=LONG, source_instance_id=LONG)
    return facts_of(
        status_of(snapshot_of(ROUTE, *rows, unknown)),
        status_of(snapshot_of(OTHER, row(1))),
        down(long, Reason.PERMISSION, origin=REFUSED.origin),
        RouteStatus(SIBLING),
        plans=[
            replace(one_way("1"), name=SCRIPT),
            replace(two_way("2"), name=RIGHT_TO_LEFT),
            replace(one_way("3", "CREATED"), name=LONG),
        ],
        items=[replace(item("1", "10"), status="MANUAL_STOPPED")],
        missing=[Missing("instance", LONG), Missing("plan", RIGHT_TO_LEFT)],
        failing={f"plan {LONG}": REFUSED},
    )


def failing() -> Facts:
    """Return a route for each reason, all of them down."""
    return facts_of(
        *(
            down(replace(ROUTE, item_id=str(number)), reason, origin=REFUSED.origin)
            for number, reason in enumerate(Reason)
        )
    )


PAGES = {
    "awkward names": awkward(),
    "nothing": facts_of(),
    "no permission": facts_of(failing={"region cn-hangzhou": REFUSED}),
    "all failing": failing(),
    "100,000 checkpoints": all_facts(),
}


@pytest.fixture(scope="module")
def window() -> Iterator[Browser]:
    """Return a browser; to start one takes a second."""
    with browser() as opened:
        yield opened


@asynccontextmanager
async def served(facts: Facts) -> AsyncIterator[str]:
    """Serve the page of these facts, and yield its address."""
    app = application(replace(SITE, facts=lambda: facts))
    async with serving(app, ["127.0.0.1:0"]) as (address,):
        yield f"http://{address}/"


@pytest.mark.parametrize("name", PAGES)
async def test_it_fits_every_window_and_can_be_read_by_everybody(
    window: Browser, name: str
) -> None:
    """At three widths and in both schemes nothing overflows, and axe finds nothing."""
    async with served(PAGES[name]) as url:
        for width, scheme in itertools.product(WIDTHS, SCHEMES):
            await asyncio.to_thread(window.open, url, width=width, scheme=scheme)

            assert window.complaints() == []
            assert window.overflowing() == [], (width, scheme)
            if (width, scheme) in SEEN_BY_AXE:
                assert window.violations() == [], (width, scheme)


async def test_a_name_that_is_a_script_is_shown_as_text(window: Browser) -> None:
    """It runs nowhere, and can be read."""
    async with served(awkward()) as url:
        await asyncio.to_thread(window.open, url, width=1280)

        assert window.text().count(SCRIPT) >= 4
        assert "owned" not in window.driver.title
        assert window.evaluate("document.scripts.length") == 0
        assert window.complaints() == []


async def test_it_is_dark_where_the_reader_likes_it_dark(window: Browser) -> None:
    """And light elsewhere, without a choice of ours."""
    async with served(failing()) as url:
        await asyncio.to_thread(window.open, url, width=1280)
        colour = "getComputedStyle(document.body).backgroundColor"
        light = window.evaluate(colour)
        window.look(1280, "dark")
        dark = window.evaluate(colour)

    assert brightness(light) > 200
    assert brightness(dark) < 50


async def test_rows_become_cards_on_a_phone(window: Browser) -> None:
    """No cell is narrower than a name, and each says which column it is of."""
    async with served(all_facts()) as url:
        await asyncio.to_thread(window.open, url, width=360)
        label = "getComputedStyle(document.querySelector('td.lag'), '::before').content"
        heads = "document.querySelector('.cards thead').getBoundingClientRect().height"
        on_phone = window.evaluate(label), window.evaluate(heads)
        window.look(1280, "light")
        on_desk = window.evaluate(label), window.evaluate(heads)

    assert on_phone == ('"Worst lag"', 1)
    assert on_desk[0] == "none"
    assert on_desk[1] > 10


async def test_bars_stand_in_proportion_to_their_objective(window: Browser) -> None:
    """The policy lets the lengths be drawn, and the objective is in the middle."""
    rows = (row(1, "a", lag_ms=150_000), row(2, "b", lag_ms=3_000_000))
    async with served(facts_of(status_of(snapshot_of(ROUTE, *rows)))) as url:
        await asyncio.to_thread(window.open, url, width=1280)
        widths = window.evaluate(
            "[...document.querySelectorAll('#checkpoints ~ table td.lag svg')].map(svg"
            " => [...svg.children].map(bar => (bar.getBoundingClientRect().x - svg"
            ".getBoundingClientRect().x + bar.getBoundingClientRect().width) / svg"
            ".getBoundingClientRect().width))"
        )

    (late, late_mark), (good, good_mark) = widths
    assert (late, good) == (pytest.approx(1), pytest.approx(0.25, abs=0.01))
    assert late_mark == good_mark == pytest.approx(0.5, abs=0.03)


async def test_it_can_be_gone_through_by_keyboard(window: Browser) -> None:
    """Every link in the order of the page, and a way past those that repeat."""
    async with served(all_facts()) as url:
        await asyncio.to_thread(window.open, url, width=1280)
        skip = "document.querySelector('.skip').getBoundingClientRect().right > 0"
        unseen = window.evaluate(skip)
        focused = [await asyncio.to_thread(window.press_tab)]
        seen = window.evaluate(skip)
        focused += [await asyncio.to_thread(window.press_tab) for _ in range(6)]

    assert (unseen, seen) == (False, True)
    assert focused == [
        "Skip to the routes",
        "Metrics",
        "Health",
        "Readiness",
        "The same in numbers",
        "/metrics",
        "Hold it still",
    ]


async def test_it_can_be_held_still(window: Browser) -> None:
    """Whoever follows the link has a page that stays as it is, and can go back."""
    async with served(facts_of()) as url:
        await asyncio.to_thread(window.open, url, width=768)
        assert "Renewed every 30 s" in window.text()
        link = window.driver.find_element("partial link text", "Hold it still")
        await asyncio.to_thread(link.click)
        assert window.driver.current_url == f"{url}?refresh=off"
        assert "Held still" in window.text()


def brightness(colour: str) -> float:
    """Return how bright a colour is that a browser computed: 0 to 255."""
    red, green, blue = map(float, colour.removeprefix("rgb(").rstrip(")").split(","))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


async def test_the_picture_in_readme_can_be_taken_anew() -> None:
    """Of the demo, in the size that the one there has."""
    kept = (ROOT / "docs" / "images" / "landing.png").read_bytes()

    anew = await taken()

    assert png_size(anew) == png_size(kept) == (WIDTH * SCALE, HEIGHT * SCALE)
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "(docs/images/landing.png)" in readme


def png_size(picture: bytes) -> tuple[int, int]:
    """Return width and height from the head of a PNG."""
    assert picture[:8] == b"\x89PNG\r\n\x1a\n"
    return int.from_bytes(picture[16:20], "big"), int.from_bytes(picture[20:24], "big")
