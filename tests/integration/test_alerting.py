"""The shipped rules and routes, in the real promtool, Prometheus and Alertmanager."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml
from alerting import (
    ALERTMANAGER,
    PROMETHEUS,
    RULE_FILES,
    Receiver,
    filled_in,
    monitoring,
    receiver,
)
from eventually import eventually
from incidents.promtool import Rules
from paths import ROOT
from programs import (
    free_port,
    real,
    run,
)

from exporter.simulator import motion
from exporter.simulator.server import running
from exporter.simulator.world import Row, World

PLANS, ITEMS = 10, 2
STALLED = "1300000016"


class OneStalledPlan(World):
    """A healthy cloud whose first plan is stalled."""

    def list_rows(
        self, plan_id: str, item_id: str, instance_id: str, now: float
    ) -> tuple[Row, ...]:
        """Stop the first plan's rows."""
        rows = super().list_rows(plan_id, item_id, instance_id, now)
        if plan_id != STALLED:
            return rows
        return tuple(row._replace(motion=motion.stalled) for row in rows)


def world(kind: type[World] = World) -> World:
    """Return a cloud of many routes."""
    return kind("healthy", plans=PLANS, items=ITEMS, groups=3)


INDEX, SHARDS, LEADER = (
    f"rocketmq_dr_exporter_{name}" for name in ("shard_index", "shards", "leader")
)
MISSING, CONFLICT = (f"RocketMQDR{name}" for name in ("ShardMissing", "ShardConflict"))


def shard(
    instance: str, index: int, total: int, leader: int | None = None, **more: str
) -> dict[str, int]:
    """Return what one exporter shows of its shard, by series; `more` are labels."""
    named = {"job": "dr", "instance": instance} | more
    labels = ",".join(f'{name}="{value}"' for name, value in named.items())
    found = {INDEX: index, SHARDS: total} | ({} if leader is None else {LEADER: leader})
    return {f"{name}{{{labels}}}": value for name, value in found.items()}


def promtool(folder: Path, test: dict[str, Any], groups: Sequence[Any] = ()) -> None:
    """Run a test of groups of rules."""
    (folder / "rules.yml").write_text(yaml.safe_dump({"groups": [*groups]}))
    content = {
        "rule_files": ["rules.yml"],
        "evaluation_interval": "1m",
        "tests": [{"interval": "1m"} | test],
    }
    (folder / "test.yml").write_text(yaml.safe_dump(content))
    command = (real("promtool"), "test", "rules", str(folder / "test.yml"))
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


# Incidents in support/ show what fires in one job; here are several jobs and clusters.
@pytest.mark.parametrize(
    ("shown", "firing"),
    [
        (shard("a", 0, 1), {}),
        (
            shard("a", 0, 3) | shard("b", 0, 3) | shard("c", 1, 3),
            {MISSING: [{}], CONFLICT: [{"shard": "0"}]},
        ),
        # A pair without a leader, and one with two.
        (
            shard("a", 0, 2, 1) | shard("c", 1, 2, 0) | shard("d", 1, 2, 0),
            {MISSING: [{}]},
        ),
        (shard("a", 0, 1, 1) | shard("b", 0, 1, 1), {CONFLICT: [{"shard": "0"}]}),
        (
            shard("a", 0, 1, 1, namespace="n") | shard("b", 0, 1, 1, namespace="n"),
            {CONFLICT: [{"shard": "0", "namespace": "n"}]},
        ),
        # Two that poll every route are allowed.
        (shard("a", 0, 1) | shard("b", 0, 1), {}),
        # Another job, cluster or namespace.
        (shard("a", 0, 1) | shard("b", 0, 2, job="x") | shard("c", 1, 2, job="x"), {}),
        (shard("a", 0, 1, job="x") | shard("b", 0, 2), {MISSING: [{}]}),
        (
            shard("a", 0, 2, cluster="c") | shard("a", 1, 2, namespace="n"),
            {MISSING: [{"cluster": "c"}, {"namespace": "n"}]},
        ),
        (
            shard("a", 0, 1, 0, cluster="c") | shard("a", 0, 1, cluster="d"),
            {MISSING: [{"cluster": "c"}]},
        ),
    ],
)
def test_shards_that_are_missing_or_doubled_are_reported_per_job(
    tmp_path: Path, shown: dict[str, int], firing: dict[str, list[dict[str, str]]]
) -> None:
    """And per cluster and namespace."""
    (group,) = yaml.safe_load(RULE_FILES[3].read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]:
        del rule["annotations"], rule["labels"]
    alerts = [
        {
            "eval_time": "30m",
            "alertname": name,
            "exp_alerts": [
                {"exp_labels": {"job": "dr"} | labels}
                for labels in firing.get(name, [])
            ],
        }
        for name in (MISSING, CONFLICT)
    ]
    series = [{"series": name, "values": f"{v}x30"} for name, v in shown.items()]

    promtool(tmp_path, {"input_series": series, "alert_rule_test": alerts}, [group])


@pytest.mark.parametrize(
    ("seconds", "severities"),
    [(300, []), (301, ["warning"]), (900, ["warning"]), (901, ["warning", "critical"])],
)
def test_messages_that_wait_to_be_copied_are_told_by_the_objective(
    tmp_path: Path, seconds: int, severities: list[str]
) -> None:
    """Over it is a ticket, over three times it a page."""
    groups = yaml.safe_load(RULE_FILES[1].read_text(encoding="utf-8"))["groups"]
    for group in groups:
        for rule in group["rules"]:
            rule.pop("annotations", None)
    labels = {"job": "dr", "plan_id": "1", "source_instance_id": "s"}
    told = ",".join(f'{name}="{value}"' for name, value in labels.items())
    objective = 'job="dr",plan_id="1",objective="lag"'
    series = [
        {"series": f'rocketmq_dr_copy_delay_seconds{{{told},topic="t"}}'}
        | {"values": f"{seconds}x30"},
        {"series": f"rocketmq_dr_objective_seconds{{{objective}}}", "values": "300x30"},
    ]
    expected = [
        {"exp_labels": labels | {"severity": severity, "component": "sync"}}
        for severity in severities
    ]
    alert = {"alertname": "RocketMQDRCopyDelayed", "exp_alerts": expected}
    asked = [alert | {"eval_time": "20m"}]

    promtool(tmp_path, {"input_series": series, "alert_rule_test": asked}, groups)


@pytest.mark.parametrize(
    ("late", "never_synced", "named"),
    [(1, 0, 3_000), (0, 0, 0), (1, 2_000, 5_000), (1, 2_001, 0)],
)
def test_the_worst_of_many_thousands_are_not_named(
    tmp_path: Path, late: int, never_synced: int, named: int
) -> None:
    """Of a route with one that is late all count, elsewhere what is not on target."""
    groups = yaml.safe_load(RULE_FILES[0].read_text(encoding="utf-8"))["groups"]
    series = []
    for item, state, count in (("1", "ok", 3_000), ("2", "never_synced", never_synced)):
        route = f'job="dr",plan_id="1",item_id="{item}",source_instance_id="s"'
        over = late if state == "ok" else 0
        of = {
            f'checkpoints{{{route},state="{state}"}}': count,
            f'checkpoints{{{route},state="target_missing"}}': 0,
            f'checkpoints_over_objective{{{route},objective="lag"}}': over,
        }
        series += [
            {"series": f"rocketmq_dr_{name}", "values": f"{v}x5"}
            for name, v in of.items()
        ]
    for name in ('objective_seconds{objective="lag",', "plan_auto_sync{"):
        plan = f'rocketmq_dr_{name}job="dr",plan_id="1"}}'
        series.append({"series": plan, "values": "1x5"})
    samples = [{"labels": '{job="dr"}', "value": named}] if named else []
    wanted = {
        "expr": "sum by (job) (job:rocketmq_dr_checkpoints_named:sum)",
        "eval_time": "5m",
        "exp_samples": samples,
    }

    promtool(tmp_path, {"input_series": series, "promql_expr_test": [wanted]}, groups)


def test_the_page_s_query_reads_two_replicas_as_one(tmp_path: Path) -> None:
    """The one that polled a route last counts, even if its value is smaller."""
    page = (ROOT / "docs" / "high-availability.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```promql\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    (query,) = [each for each in blocks if "topk" in each]
    labels = 'job="dr",plan_id="1",item_id="2",source_instance_id="s"'
    series = []
    for instance, lag, success in (("a", "900x20", "60x20"), ("b", "5x20", "60+60x20")):
        route = f'{{{labels},instance="{instance}"}}'
        of = {"sync_lag_seconds": lag, "last_success_timestamp_seconds": success}
        series += [
            {"series": f"rocketmq_dr_{name}{route}", "values": v}
            for name, v in of.items()
        ]
    wanted = {
        "expr": query,
        "eval_time": "10m",
        "exp_samples": [{"labels": f"{{{labels}}}", "value": 5}],
    }

    promtool(tmp_path, {"input_series": series, "promql_expr_test": [wanted]})


async def test_promtool_accepts_the_shipped_files() -> None:
    """No rule is a duplicate."""
    rules = await run(
        real("promtool"), "check", "rules", "--lint=all", *map(str, RULE_FILES)
    )
    config = await run(
        real("promtool"), "check", "config", str(PROMETHEUS / "prometheus.yml")
    )

    assert (rules.status, config.status) == (0, 0), rules.err + config.err
    assert "FAILED" not in rules.out + config.out


async def test_amtool_accepts_the_routes_once_receivers_are_filled_in(
    tmp_path: Path,
) -> None:
    """Before that it names the placeholder."""
    filled = tmp_path / "alertmanager.yml"
    filled.write_text(filled_in("http://127.0.0.1:9"))

    refused = await run(real("amtool"), "check-config", str(ALERTMANAGER))
    accepted = await run(real("amtool"), "check-config", str(filled))

    assert refused.status == 1
    assert "fill-in-your-pager" in refused.out + refused.err
    assert accepted.status == 0, accepted.err


@pytest.mark.parametrize("component", ["sync", "inventory", "monitor"])
@pytest.mark.parametrize(
    ("severity", "receiver"),
    [("critical", "pager"), ("warning", "tickets")],
)
async def test_each_severity_goes_to_its_receiver(
    tmp_path: Path, severity: str, receiver: str, component: str
) -> None:
    """For every component; amtool says which."""
    config = tmp_path / "alertmanager.yml"
    config.write_text(filled_in("http://127.0.0.1:9"))

    routed = await run(
        real("amtool"),
        "config",
        "routes",
        "test",
        f"--config.file={config}",
        f"--verify.receivers={receiver}",
        f"severity={severity}",
        f"component={component}",
    )

    assert routed.status == 0, routed.out


def test_every_alert_has_the_labels_that_route_it() -> None:
    """A summary is one text for all alerts of a name."""
    rules = Rules(RULE_FILES)

    for alert in rules.alerting:
        notes = alert["annotations"]
        assert alert["alert"].startswith("RocketMQDR")
        assert alert["labels"]["severity"] in {"critical", "warning"}
        assert alert["labels"]["component"] in {"sync", "inventory", "monitor"}
        assert "{{" not in notes["summary"]
        assert notes["description"]
        assert notes["dashboard_url"].startswith("https://grafana.example.com/d/")


def test_the_fragment_has_the_inhibitions_of_the_whole_file() -> None:
    """Whoever merges it into another file gets all of them."""
    fragment = yaml.safe_load((ALERTMANAGER.parent / "inhibit-rules.yml").read_text())
    whole = yaml.safe_load(ALERTMANAGER.read_text())

    assert list(fragment) == ["inhibit_rules"]
    assert fragment["inhibit_rules"] == whole["inhibit_rules"]


async def test_a_stalled_plan_is_one_page_and_an_outage_another(
    tmp_path: Path,
) -> None:
    """Ten plans, twenty routes, two pages; and both are resolved."""
    port = free_port()
    async with receiver() as pages:
        async with (
            running(world(OneStalledPlan), port=port) as url,
            AsyncExitStack() as programs,
        ):
            it = monitoring(url, pages.url, tmp_path)
            await programs.enter_async_context(it)
            stall = await page_of(pages, "RocketMQDRSyncStalled", 1)
            kept = programs.pop_all()
        async with kept:
            async with running(world(), port=port):
                await all_resolved(pages)
            stale = await page_of(pages, "RocketMQDRDataStale", PLANS * ITEMS)
            async with running(world(), port=port):
                await all_resolved(pages)

    assert stall["groupLabels"] == {"job": "rocketmq-dr", "plan_id": STALLED}
    assert stale["groupLabels"] == {
        "job": "rocketmq-dr",
        "alertname": "RocketMQDRDataStale",
    }
    # On a busy machine a scrape may fail, too, which is another page.
    names = {"RocketMQDRSyncStalled", "RocketMQDRDataStale"}
    assert {
        message["groupKey"]
        for message in pages.sent["pager"]
        if names & {one["labels"]["alertname"] for one in message["alerts"]}
    } == {stall["groupKey"], stale["groupKey"]}


async def page_of(pages: Receiver, alert: str, count: int) -> dict[str, Any]:
    """Wait for a page with so many firing alerts of a name."""

    async def page() -> dict[str, Any]:
        for message in pages.last("pager").values():
            firing = [
                one
                for one in message["alerts"]
                if one["status"] == "firing" and one["labels"]["alertname"] == alert
            ]
            if len(firing) == count:
                return message
        return {}

    return await eventually(page, within=300)


async def all_resolved(pages: Receiver) -> None:
    """Wait until every page is resolved."""

    async def is_quiet() -> bool:
        last = pages.last("pager").values()
        return all(message["status"] == "resolved" for message in last)

    await eventually(is_quiet, within=300)
