"""The rules and queries on the pages on scaling and availability do what they say."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from alerting import RULE_FILES
from paths import ROOT
from programs import real

DOCS = ROOT / "docs"
INDEX, SHARDS, LEADER = (
    f"rocketmq_dr_exporter_{name}" for name in ("shard_index", "shards", "leader")
)
MISSING, DISAGREE, TWICE = (
    f"RocketMQDR{name}" for name in ("ShardMissing", "ShardsDisagree", "ShardTwice")
)


def block(page: str, language: str, having: str) -> str:
    """Return the code block of a page in a language that has some text in it."""
    text = (DOCS / page).read_text(encoding="utf-8")
    blocks = re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    (found,) = [each for each in blocks if having in each]
    return str(found)


def shipped() -> str:
    """Return the rules of shards, without what they tell people."""
    groups = yaml.safe_load(RULE_FILES[1].read_text(encoding="utf-8"))["groups"]
    (group,) = [each for each in groups if each["name"] == "rocketmq-dr-shards"]
    for rule in group["rules"]:
        del rule["annotations"], rule["labels"]
    return yaml.safe_dump({"groups": [group]})


def shard(
    instance: str,
    index: int,
    total: int,
    *,
    leader: int | None = None,
    **more: str,
) -> dict[str, int]:
    """Return what one exporter shows of its shard, by series; `more` are labels."""
    named = {"job": "dr", "instance": instance} | more
    labels = ",".join(f'{name}="{value}"' for name, value in named.items())
    labels = f"{{{labels}}}"
    shown = {f"{INDEX}{labels}": index, f"{SHARDS}{labels}": total}
    return shown if leader is None else shown | {f"{LEADER}{labels}": leader}


def promtool(folder: Path, test: dict[str, Any], rules: str = "groups: []") -> None:
    """Run a test of rules."""
    (folder / "rules.yml").write_text(rules)
    content = {
        "rule_files": ["rules.yml"],
        "evaluation_interval": "1m",
        "tests": [{"interval": "1m"} | test],
    }
    (folder / "test.yml").write_text(yaml.safe_dump(content))
    command = (real("promtool"), "test", "rules", "test.yml")
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("shown", "firing"),
    [
        pytest.param(shard("a", 0, 1), {}, id="one alone"),
        pytest.param(shard("a", 0, 2) | shard("b", 1, 2), {}, id="all there"),
        pytest.param(shard("a", 0, 2), {MISSING: [{}]}, id="one is missing"),
        pytest.param(
            shard("a", 0, 3) | shard("b", 0, 3) | shard("c", 1, 3),
            {MISSING: [{}], TWICE: [{"shard": "0"}]},
            id="one is there twice in the place of another",
        ),
        pytest.param(
            shard("a", 0, 2) | shard("b", 1, 3) | shard("c", 2, 3),
            {DISAGREE: [{}]},
            id="a rollout that is stuck",
        ),
        pytest.param(
            shard("a", 0, 2, leader=1)
            | shard("b", 0, 2, leader=0)
            | shard("c", 1, 2, leader=0)
            | shard("d", 1, 2, leader=1),
            {},
            id="pairs",
        ),
        pytest.param(
            shard("a", 0, 2, leader=1)
            | shard("c", 1, 2, leader=0)
            | shard("d", 1, 2, leader=0),
            {MISSING: [{}]},
            id="a pair without a leader",
        ),
        pytest.param(
            shard("a", 0, 1, leader=0) | shard("b", 0, 1, leader=0),
            {MISSING: [{}]},
            id="nobody leads",
        ),
        pytest.param(
            shard("a", 0, 1) | shard("b", 0, 2, job="x") | shard("c", 1, 2, job="x"),
            {},
            id="another job",
        ),
        pytest.param(
            shard("a", 0, 1, job="x") | shard("b", 0, 2),
            {MISSING: [{}]},
            id="another job's does not count",
        ),
        pytest.param(
            shard("a", 0, 2, cluster="c") | shard("a", 1, 2, namespace="n"),
            {MISSING: [{"cluster": "c"}, {"namespace": "n"}]},
            id="nor does another cluster's or namespace's",
        ),
        pytest.param(
            shard("a", 0, 1, cluster="c", leader=0) | shard("a", 0, 1, cluster="d"),
            {MISSING: [{"cluster": "c"}]},
            id="a standby of the same name elsewhere",
        ),
        pytest.param(
            shard("a", 0, 1) | shard("b", 0, 1), {}, id="two of the whole, both poll"
        ),
        pytest.param(
            shard("a", 0, 1, leader=1) | shard("b", 0, 1, leader=1),
            {TWICE: [{"shard": "0"}]},
            id="two leaders",
        ),
    ],
)
def test_shards_that_are_missing_doubled_or_at_odds_are_told(
    tmp_path: Path, shown: dict[str, int], firing: dict[str, list[dict[str, str]]]
) -> None:
    """And nothing is told of what is as it should be, pairs and other jobs included."""
    alerts = [
        {
            "eval_time": "30m",
            "alertname": name,
            "exp_alerts": [
                {"exp_labels": {"job": "dr"} | labels}
                for labels in firing.get(name, [])
            ],
        }
        for name in (MISSING, DISAGREE, TWICE)
    ]
    series = [
        {"series": name, "values": f"{value}x30"} for name, value in shown.items()
    ]

    promtool(
        tmp_path,
        {"input_series": series, "alert_rule_test": alerts},
        shipped(),
    )


def test_two_that_both_poll_are_read_as_one(tmp_path: Path) -> None:
    """Of each route the one counts that polled it last, also if its value is less."""
    series = []
    for instance, lag, success in (("a", "900x20", "60x20"), ("b", "5x20", "60+60x20")):
        route = f'job="dr",instance="{instance}",plan_id="1",item_id="2"'
        route += ',source_instance_id="rmq-a"'
        more = ',target_instance_id="rmq-b",group="g",topic="t"'
        series += [
            {"series": f"rocketmq_dr_sync_lag_seconds{{{route}{more}}}", "values": lag},
            {
                "series": f"rocketmq_dr_last_success_timestamp_seconds{{{route}}}",
                "values": success,
            },
        ]
    labels = '{group="g",item_id="2",job="dr",plan_id="1",source_instance_id="rmq-a"'
    labels += ',target_instance_id="rmq-b",topic="t"}'
    wanted = {
        "expr": block("high-availability.md", "promql", "topk"),
        "eval_time": "10m",
        "exp_samples": [{"labels": labels, "value": 5}],
    }

    promtool(tmp_path, {"input_series": series, "promql_expr_test": [wanted]})
