"""Sparse traffic under the shipped rules, sixty times as fast, in real programs.

    PYTHONPATH=tests/support python -m bench.alerts [--seconds N]

For N seconds (300) nothing may fire. Then one group gets stuck: its route is a ticket,
and a page at three times the objective. It exits with 1 where it is otherwise.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from alerting import RULE_FILES, Receiver, monitoring, receiver
from programs import Prometheus

from exporter.simulator.motion import Progress
from exporter.simulator.server import running
from exporter.simulator.world import Row, World

SPEED = 60
STUCK_SECONDS = 60
# In the cloud's time: so late that the lag of a route is nearly always a whole gap.
SYNCED_SECONDS = 60
ALERT, RECEIVERS = "RocketMQDRSyncDelayed", ("ticket-system", "pager")
# Each default by a sixtieth.
SETTINGS = (
    *("--api.requests-per-second=300", "--poll.interval=1s", "--poll.timeout=1s"),
    *("--poll.stale-after=5s", "--poll.discovery-interval=10s"),
    *("--objectives.lag=5s", "--objectives.age=10s"),
)
FLAGS = ("--query.lookback-delta=5s", "--rules.alert.resend-delay=1s")
_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_DURATION = re.compile(r"(?<![\w.])(\d+)([smhd])\b")


def sped_up(text: str) -> str:
    """Return a shipped file with each duration a sixtieth, and all rules loaded.

    >>> sped_up("for: &gap 5m"), sped_up("x[7d:15m] rate5m"), sped_up("<= 1500")
    ('for: &gap 5000ms', 'x[10080000ms:15000ms] rate5m', '<= 25')
    """

    def scaled(found: re.Match[str]) -> str:
        return f"{int(found[1]) * _UNITS[found[2]] * 1000 // SPEED}ms"

    files = ", ".join(f"rules/{path.name}" for path in RULE_FILES)
    text = re.sub(r"(?m)^rule_files: .*", f"rule_files: [{files}]", text)
    return _DURATION.sub(scaled, text).replace("<= 1500", f"<= {1500 // SPEED}")


@dataclass(frozen=True)
class FastWorld(World):
    """A world that moves so fast from its start on, and some of whose groups stop.

    `stuck` tells since when by the id of a checkpoint: it is synced, and moves no more.
    """

    stuck: dict[str, float] = field(default_factory=dict, compare=False)

    def progress(self, row: Row, now: float) -> Progress:
        """Say how far a row is at ``now``."""
        well = self._fast(row, now)
        since = self.stuck.get(row.checkpoint_id)
        if since is None:
            return well
        return well._replace(target_ms=self._fast(row, since).target_ms)

    def get_stuck(self) -> str:
        """Stop a group that gets a message each minute, and return its item."""
        plan = self.list_plans()[1]
        item = self.list_items(plan.plan_id)[0]
        route = plan.plan_id, item.item_id, plan.instances[0].instance_id
        row = next(each for each in self.list_rows(*route, 0.0) if each.salt % 4 == 1)
        self.stuck[row.checkpoint_id] = time.time()
        return item.item_id

    def _fast(self, row: Row, now: float) -> Progress:
        start = self.started_at
        then = start + (now - start) * SPEED
        target_ms = super().progress(row, then - SYNCED_SECONDS).target_ms
        found = super().progress(row, then)._replace(target_ms=target_ms)
        start_ms = int(start * 1000)
        return Progress._make(
            ms and start_ms + (ms - start_ms) // SPEED for ms in found
        )


def told(box: Receiver) -> Iterator[str]:
    """Yield a line for each alert of each notification."""
    for path, messages in box.sent.items():
        for alert in (each for message in messages for each in message["alerts"]):
            labels = alert["labels"]
            item, about = labels.get("item_id"), alert["annotations"]["description"]
            yield f"{path} {alert['status']} {labels['alertname']} {item} {about}"


async def seen(server: Prometheus, seconds: float) -> dict[str, object]:
    """Return what Prometheus remembers of so many seconds."""
    past = f"[{seconds:.0f}s:500ms]"
    lag = "max(rocketmq_dr_max_sync_lag_seconds)"
    asked = {
        "looks": f"count_over_time(({lag}){past})",
        "share with a lag over the objective": f"avg_over_time(({lag} > bool 5){past})",
        "largest lag, s": f"max_over_time(({lag}){past})",
        "largest delay, s": "max(max_over_time("
        f"rocketmq_dr_max_sync_delay_seconds{past}))",
        "least readiness": "min(min_over_time("
        f"plan:rocketmq_dr_failover_ready:min{past}))",
    }
    found = {what: (await server.query(asked[what]))[0]["value"][1] for what in asked}
    alerts = await server.query(f"max_over_time(ALERTS{past})")
    return found | {"alerts, pending ones too": [each["metric"] for each in alerts]}


async def run(seconds: float) -> bool:
    """Run it, print what was seen, and tell whether it is as it has to be."""
    world = FastWorld("sparse", plans=2, items=1, groups=400)
    with tempfile.TemporaryDirectory() as folder:
        async with (
            receiver() as box,
            running(world) as url,
            monitoring(
                *(url, box.url, Path(folder)),
                shortened=sped_up,
                settings=SETTINGS,
                flags=FLAGS,
            ) as server,
        ):
            await asyncio.sleep(seconds)
            quiet = list(told(box))
            for name, value in (await seen(server, seconds)).items():
                print(f"{name:40} {value}")
            print(f"{'notifications':40} {quiet}", flush=True)
            item = world.get_stuck()
            print(f"a group of item {item} gets stuck", flush=True)
            await asyncio.sleep(STUCK_SECONDS)
            lines = list(told(box))
            print(*lines, sep="\n")
    heads = [line.split()[:4] for line in lines if "Worst: GID" in line]
    wanted = [[at, "firing", ALERT, item] for at in RECEIVERS]
    return not quiet and len(lines) == len(heads) and heads == wanted


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="bench.alerts", description=__doc__)
    parser.add_argument("--seconds", type=float, default=300.0)
    sys.exit(0 if asyncio.run(run(parser.parse_args().seconds)) else 1)
