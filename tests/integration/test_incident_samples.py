"""Scrapes become input series of promtool's without a sample that nobody scraped."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from incidents.samples import Mark, Samples, Value, notation
from programs import real

STARTED = 1_000.0


def samples(*wanted: str) -> Samples:
    """Return what keeps these names, from 1,000 s of Unix time on."""
    return Samples(wanted.__contains__, STARTED, lambda replica: {"instance": replica})


def kept(collected: Samples) -> dict[str, str]:
    """Return values by series, without what Prometheus itself knows of a scrape."""
    return {
        each["series"]: each["values"]
        for each in collected.series()
        if not each["series"].startswith(("up", "process_start"))
    }


@pytest.mark.parametrize(
    "values",
    [
        (0.1, 0.2, 0.30000000000000004, 0.4, 0.5),
        tuple(0.1 + 0.1 * n for n in range(12)),
        (1.0, 1.0),
        (1.0, 3.0, 5.0, 4.0, 3.0, 2.0),
        (-900.0, -870.0, -840.0, 1e-05, 1e21, 12.345678),
        (Mark.MISSING, 1.0, Mark.STALE, Mark.MISSING, Mark.MISSING, 2.0, 2.0, 2.0),
    ],
    ids=notation,
)
def test_promtool_reads_each_value_to_the_bit(
    values: tuple[Value, ...], tmp_path: Path
) -> None:
    """What is written in short is what was scraped, and nothing where nothing was."""
    cases = [
        {
            "expr": "last_over_time(x[1s])",
            "eval_time": f"{30 * tick}s",
            "exp_samples": []
            if isinstance(value, Mark)
            else [{"labels": "x", "value": value}],
        }
        for tick, value in enumerate(values)
    ]
    test = {
        "interval": "30s",
        "input_series": [{"series": "x", "values": notation(values)}],
        "promql_expr_test": cases,
    }
    file = tmp_path / "t.yml"
    file.write_text(json.dumps({"evaluation_interval": "30s", "tests": [test]}))

    done = subprocess.run(
        [real("promtool"), "test", "rules", str(file)], capture_output=True, check=False
    )

    assert done.returncode == 0, done.stderr.decode()
