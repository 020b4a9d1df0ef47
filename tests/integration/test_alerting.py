"""What arrives at a pager: real exporter, Prometheus, Alertmanager, and receiver."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from alerting import (
    ALERTMANAGER,
    PROMETHEUS,
    RULE_FILES,
    Receiver,
    alertmanager,
    filled_in,
    in_seconds,
    receiver,
)
from eventually import eventually
from programs import (
    clean_environment,
    exporter_command,
    free_port,
    real,
    run,
    started,
)

from exporter.simulator import motion
from exporter.simulator.server import running
from exporter.simulator.world import Row, World

PLANS, ITEMS = 10, 2
STALLED = "1300000016"


class OneStalledPlan(World):
    """A healthy cloud, but for the first plan."""

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


async def test_the_shipped_files_are_what_the_real_programs_accept() -> None:
    """Promtool has no complaint, and none of the rules is a duplicate."""
    rules = await run(real("promtool"), "check", "rules", *map(str, RULE_FILES))
    config = await run(
        real("promtool"), "check", "config", str(PROMETHEUS / "prometheus.yml")
    )

    assert (rules.status, config.status) == (0, 0), rules.err + config.err
    assert "FAILED" not in rules.out + config.out


async def test_receivers_have_to_be_filled_in(tmp_path: Path) -> None:
    """Amtool names the placeholder, and accepts the file once there is none."""
    filled = tmp_path / "alertmanager.yml"
    filled.write_text(filled_in("http://127.0.0.1:9"))

    refused = await run(real("amtool"), "check-config", str(ALERTMANAGER))
    accepted = await run(real("amtool"), "check-config", str(filled))

    assert refused.status == 1
    assert "fill-in-your-pager" in refused.out + refused.err
    assert accepted.status == 0, accepted.err


@pytest.mark.parametrize("component", ["sync", "inventory", "monitor"])
@pytest.mark.parametrize(
    ("severity", "hears"),
    [("critical", "pager"), ("warning", "tickets"), ("info", "nobody")],
)
async def test_each_severity_reaches_who_it_is_for(
    tmp_path: Path, severity: str, hears: str, component: str
) -> None:
    """Whatever an alert is about; amtool says where the tree of routes leads it."""
    if (severity, component) == ("info", "monitor"):
        hears = "tickets"  # no such alert is shipped, and one of yours should be read
    config = tmp_path / "alertmanager.yml"
    config.write_text(filled_in("http://127.0.0.1:9"))

    routed = await run(
        real("amtool"),
        "config",
        "routes",
        "test",
        f"--config.file={config}",
        f"--verify.receivers={hears}",
        f"severity={severity}",
        f"component={component}",
    )

    assert routed.status == 0, routed.out


def test_every_alert_has_the_labels_that_route_it() -> None:
    """A summary is one text for all alerts of a name."""
    rules = yaml.safe_load(RULE_FILES[1].read_text())
    alerts = [rule for group in rules["groups"] for rule in group["rules"]]

    for alert in alerts:
        notes = alert["annotations"]
        assert alert["alert"].startswith("RocketMQDR")
        assert alert["labels"]["severity"] in {"critical", "warning", "info"}
        assert alert["labels"]["component"] in {"sync", "inventory", "monitor"}
        assert "{{" not in notes["summary"]
        assert notes["description"]


async def test_a_stalled_plan_is_one_page_and_an_outage_another(
    tmp_path: Path,
) -> None:
    """Ten plans, twenty routes, two pages; and both are taken back."""
    port = free_port()
    async with receiver() as pages:
        async with (
            running(world(OneStalledPlan), port=port) as url,
            AsyncExitStack() as programs,
        ):
            await programs.enter_async_context(monitoring(url, pages, tmp_path))
            stall = await told(pages, "RocketMQDRSyncStalled", ITEMS)
            kept = programs.pop_all()
        async with kept:
            async with running(world(), port=port):
                await taken_back(pages)
            stale = await told(pages, "RocketMQDRDataStale", PLANS * ITEMS)
            async with running(world(), port=port):
                await taken_back(pages)

    assert stall["groupLabels"] == {"job": "rocketmq-dr", "plan_id": STALLED}
    assert stale["groupLabels"] == {
        "job": "rocketmq-dr",
        "alertname": "RocketMQDRDataStale",
    }
    # On a busy machine a scrape may fail too; that is a page of its own.
    told_of = {"RocketMQDRSyncStalled", "RocketMQDRDataStale"}
    assert {
        message["groupKey"]
        for message in pages.sent["pager"]
        if told_of & {one["labels"]["alertname"] for one in message["alerts"]}
    } == {stall["groupKey"], stale["groupKey"]}


async def told(pages: Receiver, alert: str, count: int) -> dict[str, Any]:
    """Wait for a page that tells of so many firing alerts of a name."""

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


async def taken_back(pages: Receiver) -> None:
    """Wait until every page has been resolved."""

    async def is_quiet() -> bool:
        last = pages.last("pager").values()
        return all(message["status"] == "resolved" for message in last)

    await eventually(is_quiet, within=300)


@asynccontextmanager
async def monitoring(cloud: str, pages: Receiver, folder: Path) -> AsyncIterator[None]:
    """Run exporter, Prometheus and Alertmanager as shipped, all in a hurry."""
    target = f"127.0.0.1:{free_port()}"
    environment = clean_environment(
        folder,
        ROCKETMQ_DR_API__ACCESS_KEY_ID="simulator",
        ROCKETMQ_DR_API__ACCESS_KEY_SECRET="simulator",
        ROCKETMQ_DR_API__ENDPOINT=cloud,
    )
    exporter = exporter_command(
        "serve",
        f"--web.listen-address={target}",
        "--api.requests-per-second=200",
        "--poll.interval=1s",
        "--poll.timeout=5s",
        "--poll.stale-after=5s",
    )
    routing = in_seconds(filled_in(pages.url))
    async with (
        started(*exporter, env=environment),
        alertmanager(routing, folder) as manager,
    ):
        (folder / "rules").mkdir()
        for path in RULE_FILES:
            (folder / "rules" / path.name).write_text(in_seconds(path.read_text()))
        config = (PROMETHEUS / "prometheus.yml").read_text()
        config = config.replace("localhost:10063", target)
        config = config.replace("localhost:9093", manager).replace("30s", "1s")
        (folder / "prometheus.yml").write_text(config)
        command = (
            real("prometheus"),
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{free_port()}",
        )
        async with started(*command):
            yield
