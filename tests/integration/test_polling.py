"""What `poll` makes of an exporter: a survey of it, with every plan's objectives."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from exporter.app.exporter import Exporter, opened
from exporter.app.poll import surveyed
from exporter.app.report.grades import Limits
from exporter.app.serve import poll_all, poll_routes
from exporter.config import Settings, load
from exporter.model.types import Route
from exporter.simulator.server import Stats, running
from exporter.simulator.world import World

ONE_WAY, TWO_WAY = "1300000016", "1300000017"
PLANS = f"[{{id: '{ONE_WAY}'}}, {{id: '{TWO_WAY}', objectives: {{lag: 2m}}}}]"


@asynccontextmanager
async def exporting(
    world: World, flags: Mapping[str, object], stats: Stats | None = None
) -> AsyncIterator[tuple[Exporter, Settings]]:
    """Build an exporter of a simulated cloud."""
    async with running(world, stats=stats) as url:
        given = {
            "api.endpoint": url,
            "api.access_key_id": "simulator",
            "api.access_key_secret": "simulator",
            "api.requests_per_second": "500",
            **flags,
        }
        settings = load(flags=given, environ={}, file=None).settings
        async with opened(settings) as exporter:
            yield exporter, settings


async def test_every_plan_has_its_own_objectives_in_a_survey() -> None:
    """The age of a two-way plan is not promised: nobody syncs its progress."""
    async with exporting(World("mixed"), {"plans": PLANS}) as (exporter, settings):
        assert await poll_all(exporter)
        survey = surveyed(exporter, settings, at=1.0)

    assert survey.limits == {
        ONE_WAY: Limits(lag=300.0, age=600.0),
        TWO_WAY: Limits(lag=120.0, age=None),
    }
    assert survey.failures == {}
    assert survey.inventory == exporter.discovery.inventory


async def test_an_objective_of_zero_is_none() -> None:
    """As in the alert rules, and on the landing page."""
    flags = {"objectives.lag": "0s", "objectives.age": "0"}
    async with exporting(World("mixed"), flags) as (exporter, settings):
        assert await poll_all(exporter)
        survey = surveyed(exporter, settings, at=1.0)

    assert set(survey.limits.values()) == {Limits(lag=None, age=None)}


async def test_the_age_of_a_plan_that_nobody_looked_up_is_not_promised() -> None:
    """Whether its progress is synced by itself is unknown, and no guess is made."""
    plan = (
        f"[{{id: '{ONE_WAY}', items: ['100070284'],"
        " source_instances: [rmq-cn-7e22ody0001]}]"
    )
    async with exporting(World("mixed"), {"plans": plan}) as (exporter, settings):
        assert await poll_all(exporter)

        assert surveyed(exporter, settings, at=1.0).limits[ONE_WAY].age is None


async def test_a_survey_tells_what_discovery_failed_at() -> None:
    """With the error that has the remedy."""
    async with exporting(World("healthy"), {"api.access_key_secret": "wrong"}) as (
        exporter,
        settings,
    ):
        assert not await poll_all(exporter)
        survey = surveyed(exporter, settings, at=1.0)

    (error,) = survey.failures.values()
    assert error.reason == "credentials"
    assert survey.statuses == ()


async def test_another_round_polls_and_does_not_look() -> None:
    """Each route is told of once it ended, and every page of it while it is read."""
    stats = Stats()
    polled: list[Route] = []
    pages: list[Route] = []
    async with exporting(World("healthy"), {}, stats) as (exporter, _):
        await poll_all(exporter)
        before = len(stats.requests)
        exporter.on_page = lambda route, *_: pages.append(route)
        assert await poll_routes(exporter, polled.append)

    routes = exporter.discovery.inventory.routes
    assert sorted(polled) == sorted(pages) == sorted(routes)
    assert {s.action for s in list(stats.requests)[before:]} == {
        "ListDisasterRecoveryCheckpoints"
    }
