"""Every query of every dashboard, asked of a real Prometheus that scrapes the demo."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any, get_args

import pytest
import pytest_asyncio
import yaml
from alerting import RULE_FILES, in_seconds
from eventually import eventually
from grafana_client import Asked, choices, chosen, defaults, shown
from programs import (
    Prometheus,
    assert_running,
    clean_environment,
    exporter_command,
    free_port,
    prometheus,
    started,
)

from exporter.config.settings import Family
from grafana.build import dashboards

pytestmark = [
    pytest.mark.timeout(600),
    pytest.mark.asyncio(loop_scope="module"),
]

DASHBOARDS = dashboards()
SCRAPED_SECONDS = 15

# A second Prometheus job scrapes the same exporter: to a dashboard that is a replica
# which polls the same routes.
MORE = """\
  - job_name: replica
    static_configs: [{{targets: ["{target}"]}}]
rule_files: ["{rules}/*.yml"]
"""


def write_rules(folder: Path) -> Path:
    """Write the shipped rules, evaluated every second, and return their folder."""
    folder.mkdir()
    for path in RULE_FILES:
        rules = yaml.safe_load(in_seconds(path.read_text(encoding="utf-8")))
        for group in rules["groups"]:
            group["interval"] = "1s"
        (folder / path.name).write_text(yaml.safe_dump(rules), encoding="utf-8")
    return folder


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Prometheus]:
    """Run demo and Prometheus until it has scraped for a while."""
    folder = tmp_path_factory.mktemp("dashboards")
    address = f"127.0.0.1:{free_port()}"
    rules = write_rules(folder / "rules")
    demo = exporter_command(
        "demo",
        f"--web.listen-address={address}",
        "--scenario=mixed",
        "--poll.interval=2s",
        "--groups.exclude=GID_search",
        *(f"--metrics.families={name}" for name in get_args(Family)),
    )
    more = MORE.format(target=address, rules=rules)
    async with (
        started(*demo, env=clean_environment(folder)) as process,
        prometheus(address, folder, more) as running,
    ):
        span = "[5m]"
        name = f"rocketmq_dr_exporter_scrapes_total{span}"

        async def has_scraped() -> bool:
            assert_running(process)
            counts = await running.query(f"min(count_over_time({name}))")
            return bool(counts) and float(counts[0]["value"][1]) > SCRAPED_SECONDS

        await eventually(has_scraped, within=300)
        yield running


async def opened(server: Prometheus, name: str, **choice: str) -> list[Asked]:
    """Return what a dashboard shows when it is opened, or with some choices."""
    dashboard = DASHBOARDS[name]
    known = await choices(server, dashboard)
    default = defaults(dashboard, known)
    return await shown(server, dashboard, {**default, **choice}, time.time())


@pytest.mark.parametrize("name", DASHBOARDS)
async def test_every_query_answers_with_data_and_without_warning(
    server: Prometheus, name: str
) -> None:
    """A legend names labels that the series have; variables have values."""
    known = await choices(server, DASHBOARDS[name])
    asked = await opened(server, name)

    assert known["job"] == ["replica", "rocketmq-dr"]
    assert all(known.values())
    assert [each.name for each in asked if not each.series] == []
    assert [each.name for each in asked if each.complaints] == []
    for each in asked:
        assert set(re.findall(r"{{(\w+)}}", each.legend)) <= each.labels, each.name


@pytest.mark.parametrize("name", ["fleet", "plan"])
async def test_a_replica_changes_nothing(server: Prometheus, name: str) -> None:
    """No series stands there twice, and no sum is double."""
    both = await opened(server, name)
    alone = await opened(server, name, job="rocketmq-dr")

    for two, one in zip(both, alone, strict=True):
        assert {"job", "instance"}.isdisjoint(two.labels), two.name
        assert len(two.series) == len(one.series), two.name
        if is_count(one):
            assert latest(one) > 0, one.name
            assert latest(two) == pytest.approx(latest(one), rel=0.2), two.name


@pytest.mark.parametrize("every", [True, False])
async def test_a_choice_narrows_the_plan(server: Prometheus, *, every: bool) -> None:
    """One group, or all by name as a reader picks them: nothing is left of others."""
    known = await choices(server, DASHBOARDS["plan"])
    groups = known["group"] if every else known["group"][:1]
    asked = await opened(
        server,
        "plan",
        plan=known["plan"][0],
        group=chosen(groups),
        job=chosen(known["job"]),
    )

    seen = {one["metric"].get("group") for each in asked for one in each.series}
    assert seen - {None} == set(groups)
    plans = {one["metric"].get("plan_id") for each in asked for one in each.series}
    assert plans - {None} == {known["plan"][0]}


async def test_the_alerts_that_fire_are_those_of_the_shipped_rules(
    server: Prometheus,
) -> None:
    """Each that fires is there, with its severity, and nothing else is."""
    labels = ("alertname", "severity", "plan_id")

    async def is_the_same() -> set[str | None]:
        # Between two queries an alert may begin or end.
        firing = await server.query('ALERTS{alertstate="firing"}')
        wanted = {tuple(one["metric"].get(n) for n in labels) for one in firing}
        fleet = await opened(server, "fleet")
        (asked,) = [each for each in fleet if each.panel == "Alerts firing"]
        found = {tuple(one["metric"].get(n) for n in labels) for one in asked.series}
        return {name for name, *_ in found} if found == wanted else set()

    names = await eventually(is_the_same)
    assert {"RocketMQDRSyncLagCritical", "RocketMQDRItemStopped"} <= names


async def test_without_an_exporter_nothing_is_zero(server: Prometheus) -> None:
    """A dashboard of exporters that do not exist shows no data, not good news."""
    for name in DASHBOARDS:
        asked = await opened(server, name, job="none", instance="none")

        assert {each.panel for each in asked if each.series} <= {"Alerts firing"}


def is_count(asked: Asked) -> bool:
    """Tell whether a query counts things of which hardly any change within a second.

    Some of each are there in this demo: twice of nothing would be nothing.
    """
    return asked.panel in {
        "Within objectives",
        "Problems by kind",
        "Checkpoints by state",
        "Rows without series",
        "Distribution of lag",
    }


def latest(asked: Asked) -> float:
    """Return the sum of what a query's series say last."""
    return sum(float(_samples(one)[-1][1]) for one in asked.series)


def _samples(series: Mapping[str, Any]) -> list[list[Any]]:
    samples: list[list[Any]] = series.get("values") or [series["value"]]
    return samples
