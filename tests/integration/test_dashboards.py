"""Every query of every dashboard, by a real Prometheus that scrapes the demo."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import pytest
import pytest_asyncio
import yaml
from alerting import RULE_FILES, in_seconds
from eventually import eventually
from programs import (
    Prometheus,
    assert_running,
    clean_environment,
    exporter_command,
    free_port,
    prometheus,
    started,
)
from promql import LABEL_VALUES, chosen, filled, panels, query_variables

from exporter.config.settings import Family
from grafana.build import dashboards

pytestmark = [pytest.mark.timeout(600), pytest.mark.asyncio(loop_scope="module")]

Choices = Mapping[str, str]
"""The value of each variable."""

RATE_INTERVAL = "4s"
"""`$__rate_interval` of a Prometheus that scrapes each second: four scrapes."""

DASHBOARDS = dashboards()
SCRAPED_SECONDS = 15

# A second Prometheus job scrapes the same exporter: to a dashboard it is a replica that
# polls the same routes.
REPLICA = """\
  - job_name: replica
    static_configs: [{{targets: ["{target}"]}}]
rule_files: ["{rules}/*.yml"]
"""

# Queries that count what this demo has, and what hardly changes within a second.
COUNTS = {
    *("Within objectives", "Problems by kind", "Checkpoints by state"),
    *("Rows without series", "Distribution of lag"),
}


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
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Prometheus]:
    """Run demo and Prometheus until it has scraped for a while."""
    folder = tmp_path_factory.mktemp("dashboards")
    address = f"127.0.0.1:{free_port()}"
    demo = exporter_command(
        "demo",
        f"--web.listen-address={address}",
        "--scenario=mixed",
        "--poll.interval=2s",
        "--groups.exclude=GID_search",
        *(f"--metrics.families={name}" for name in get_args(Family)),
    )
    more = REPLICA.format(target=address, rules=write_rules(folder / "rules"))
    async with (
        started(*demo, env=clean_environment(folder)) as process,
        prometheus(address, folder, more) as running,
    ):

        async def has_scraped() -> bool:
            assert_running(process)
            scrapes = "count_over_time(rocketmq_dr_exporter_scrapes_total[5m])"
            counts = await running.query(f"min({scrapes})")
            return bool(counts) and float(counts[0]["value"][1]) > SCRAPED_SECONDS

        await eventually(has_scraped, within=300)
        yield running


async def opened(server: Prometheus, name: str, **choice: str) -> list[Asked]:
    """Return what a dashboard shows when it is opened, or with some choices."""
    known = await choices(server, DASHBOARDS[name])
    default = defaults(DASHBOARDS[name], known)
    return await shown(server, DASHBOARDS[name], {**default, **choice}, time.time())


@dataclass(frozen=True, slots=True)
class Asked:
    """What a query of a panel was answered."""

    panel: str
    expression: str
    legend: str
    series: Sequence[Mapping[str, Any]]
    complaints: Sequence[str]

    @property
    def labels(self) -> set[str]:
        """Return the labels that any series has."""
        return {label for one in self.series for label in one["metric"]}

    @property
    def name(self) -> str:
        """Return what a person would call it."""
        return f"{self.panel}: {self.expression}"


async def choices(
    server: Prometheus, dashboard: Mapping[str, Any]
) -> dict[str, list[str]]:
    """Return the values of each variable, with everything chosen in those before.

    A variable without All has its first value chosen, as Grafana does.
    """
    known: dict[str, list[str]] = {}
    for variable in query_variables(dashboard):
        found = LABEL_VALUES.fullmatch(variable["query"])
        assert found is not None
        selector = filled(found[1], defaults(dashboard, known))
        answer = await server.ask(f"label/{found[2]}/values", **{"match[]": selector})
        assert "warnings" not in answer
        known[variable["name"]] = answer["data"]
    return known


def defaults(
    dashboard: Mapping[str, Any], known: Mapping[str, Sequence[str]]
) -> dict[str, str]:
    """Return what is chosen when a dashboard is opened."""
    return {
        variable["name"]: (
            variable["allValue"]
            if variable.get("includeAll")
            else known[variable["name"]][0]
        )
        for variable in query_variables(dashboard)
        if variable["name"] in known
    }


async def shown(
    server: Prometheus, dashboard: Mapping[str, Any], choice: Choices, at: float
) -> list[Asked]:
    """Return what every query of every panel is answered for the minute up to `at`."""
    filling = {**choice, "__rate_interval": RATE_INTERVAL}
    return [
        await _asked(server, panel["title"], target, filling, at)
        for panel in panels(dashboard)
        for target in panel["targets"]
    ]


async def _asked(
    server: Prometheus,
    panel: str,
    target: Mapping[str, Any],
    filling: Choices,
    at: float,
) -> Asked:
    expression = filled(target["expr"], filling)
    if target.get("instant"):
        path, when = "query", {"time": f"{at}"}
    else:
        path, when = "query_range", {"start": f"{at - 60}", "end": f"{at}", "step": "1"}
    answer = await server.ask(path, query=expression, **when)
    return Asked(
        panel=panel,
        expression=expression,
        legend=target["legendFormat"],
        series=answer["data"]["result"],
        complaints=[*answer.get("warnings", ()), *answer.get("infos", ())],
    )


def values(asked: Asked, label: str) -> set[str]:
    """Return the values of a label in what a query was answered."""
    return {one["metric"][label] for one in asked.series if one["metric"].get(label)}


@pytest.mark.parametrize("name", DASHBOARDS)
async def test_every_query_answers_with_data_and_without_warning(
    server: Prometheus, name: str
) -> None:
    """A legend names labels that the series have; variables have values."""
    known = await choices(server, DASHBOARDS[name])
    asked = await opened(server, name)

    assert known["job"] == ["replica", "rocketmq-dr"]
    # One Prometheus alone has neither.
    assert known["cluster"] == known["namespace"] == []
    assert all(known[name] for name in known.keys() - {"cluster", "namespace"})
    assert [each.name for each in asked if not each.series] == []
    assert [each.name for each in asked if each.complaints] == []
    for each in asked:
        assert set(re.findall(r"{{(\w+)}}", each.legend)) <= each.labels, each.name


@pytest.mark.parametrize("name", ["fleet", "plan"])
async def test_a_replica_changes_nothing(server: Prometheus, name: str) -> None:
    """No series is there twice, and no sum is double."""
    both = await opened(server, name)
    alone = await opened(server, name, job="rocketmq-dr")

    for two, one in zip(both, alone, strict=True):
        assert {"job", "instance"}.isdisjoint(two.labels), two.name
        assert len(two.series) == len(one.series), two.name
        if one.panel in COUNTS:
            assert latest(one) > 0, one.name
            assert latest(two) == pytest.approx(latest(one), rel=0.2), two.name


def latest(asked: Asked) -> float:
    """Return the sum of the newest values of a query's series."""
    newest = [
        one["values"][-1] if "values" in one else one["value"] for one in asked.series
    ]
    return sum(float(value) for _, value in newest)


@pytest.mark.parametrize("is_all", [True, False])
async def test_a_choice_narrows_the_plan(server: Prometheus, *, is_all: bool) -> None:
    """One group, or all by name as a reader picks them: no other is shown."""
    known = await choices(server, DASHBOARDS["plan"])
    groups = known["group"] if is_all else known["group"][:1]
    plan, job = known["plan"][0], chosen(known["job"])
    asked = await opened(server, "plan", plan=plan, group=chosen(groups), job=job)

    assert set().union(*(values(each, "group") for each in asked)) == set(groups)
    assert set().union(*(values(each, "plan_id") for each in asked)) == {plan}


async def test_the_fleet_shows_exactly_the_alerts_that_fire(server: Prometheus) -> None:
    """Each with its severity."""
    labels = ("alertname", "severity", "plan_id")

    async def names_if_equal() -> set[str | None]:
        # Between two queries an alert may begin or end.
        firing = await server.query('ALERTS{alertstate="firing"}')
        fleet = await opened(server, "fleet")
        (asked,) = [each for each in fleet if each.panel == "Alerts firing"]
        wanted, found = (
            {tuple(one["metric"].get(n) for n in labels) for one in alerts}
            for alerts in (firing, asked.series)
        )
        return {name for name, *_ in found} if found == wanted else set()

    names = await eventually(names_if_equal)
    assert {"RocketMQDRSyncStalled", "RocketMQDRItemStopped"} <= names


async def test_without_an_exporter_nothing_is_zero(server: Prometheus) -> None:
    """A dashboard of exporters that do not exist shows no data, not good news."""
    for name in DASHBOARDS:
        asked = await opened(server, name, job="none", instance="none")

        assert {each.panel for each in asked if each.series} <= {"Alerts firing"}
