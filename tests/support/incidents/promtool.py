"""Which alerts fire when, as the real promtool finds: it evaluates the shipped rules.

It must not evaluate anything itself, nor overlook a word of what promtool says.
"""

from __future__ import annotations

import ast
import json
import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml
from programs import real

from incidents.samples import PROCESS_START, Labels

PROMTOOL_FAILED = 1
# What is no metric of the exporter's, and yet Prometheus has it of each scrape.
SCRAPED = frozenset({"up", PROCESS_START})

_YAML_BREAK = re.compile("[\x85\u2028\u2029]")
_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_CASE = re.compile(r"    alertname: (\w+), time: (\S+), $")
_FRAME = re.compile(r"(?:  FAILED:| {8}exp:\[\], | {8}got:\[| {12}\]| {12}\d+:)?$")
_LABELS = re.compile(r" {14}Labels:(\{.*\})$")
_ANNOTATIONS = re.compile(r" {14}Annotations:(\{.*\}),?$")
_PAIR = re.compile(r'(\w+)=("(?:[^"\\]|\\.)*")(?:, )?')
_DURATION = re.compile(r"(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$")
_UNITS = (604_800.0, 86_400.0, 3_600.0, 60.0, 1.0)


@dataclass(frozen=True)
class Rules:
    """Rule files as they are shipped."""

    files: tuple[Path, ...]

    @cached_property
    def groups(self) -> list[dict[str, Any]]:
        """Every group, as the files spell it and in their order."""
        files = (yaml.safe_load(file.read_text()) for file in self.files)
        return [group for file in files for group in file["groups"]]

    @cached_property
    def rules(self) -> list[dict[str, Any]]:
        """Every rule."""
        return [rule for group in self.groups for rule in group["rules"]]

    @cached_property
    def alerting(self) -> list[dict[str, Any]]:
        """The rules that alert; one alert may have several."""
        return [rule for rule in self.rules if "alert" in rule]

    @cached_property
    def alerts(self) -> list[str]:
        """The name of every alert, once."""
        return list(dict.fromkeys(rule["alert"] for rule in self.alerting))

    @cached_property
    def names(self) -> frozenset[str]:
        """Every word of expressions and annotations, among them the metrics they read.

        Raises:
            ValueError: a metric is chosen by another way than its name.
        """
        texts = [
            text
            for rule in self.rules
            for text in (str(rule["expr"]), *rule.get("annotations", {}).values())
        ]
        text = "\n".join(texts)
        if "__name__" in text:
            raise ValueError("a rule chooses metrics by a pattern of their name")
        return frozenset(_NAME.findall(text))


@dataclass(frozen=True, slots=True)
class Alert:
    """A firing alert at a moment, in seconds, as Alertmanager would be told of it."""

    at: float
    labels: Labels
    annotations: Labels


def firing(
    rules: Rules,
    series: Sequence[Mapping[str, str]],
    *,
    lasts: float,
    scrape_every: float,
    evaluate_every: float,
) -> list[Alert]:
    """Return every alert that fires, at each evaluation.

    Raises:
        ValueError: promtool says something that is no answer to what was asked.
    """
    evaluations = int(lasts // evaluate_every) + 1
    asked = [
        # That nothing fires is asserted everywhere: what is refuted is what fires.
        {
            "eval_time": f"{round(n * evaluate_every)}s",
            "alertname": name,
            "exp_alerts": [],
        }
        for n in range(evaluations)
        for name in rules.alerts
    ]
    case = {"interval": f"{round(scrape_every)}s", "alert_rule_test": asked}
    return list(_alerts(_refuted(rules, series, case, evaluate_every)))


@dataclass(frozen=True, slots=True)
class Expected:
    """What an expression must come to at a moment: a value for each series named."""

    expression: str
    at: float
    samples: Mapping[str, float]


def refuted(
    rules: Rules,
    series: Sequence[Mapping[str, str]],
    expected: Iterable[Expected],
    *,
    scrape_every: float,
    evaluate_every: float,
) -> str:
    """Return what promtool has against what is expected; nothing where it agrees."""
    asked = [
        {
            "expr": one.expression,
            "eval_time": f"{round(one.at)}s",
            "exp_samples": [
                {"labels": labels, "value": value}
                for labels, value in one.samples.items()
            ],
        }
        for one in expected
    ]
    case = {"interval": f"{round(scrape_every)}s", "promql_expr_test": asked}
    return _refuted(rules, series, case, evaluate_every)


def _refuted(
    rules: Rules,
    series: Sequence[Mapping[str, str]],
    case: Mapping[str, object],
    evaluate_every: float,
) -> str:
    test = {
        "rule_files": [str(file) for file in rules.files],
        "evaluation_interval": f"{round(evaluate_every)}s",
        # Left to itself, promtool draws lots.
        "group_eval_order": [group["name"] for group in rules.groups],
        "tests": [{**case, "input_series": list(series)}],
    }
    with TemporaryDirectory() as folder:
        file = Path(folder) / "incident.yml"
        file.write_text(_yaml(test), encoding="utf-8")
        return _run(file)


def _yaml(test: Mapping[str, object]) -> str:
    """Return YAML, as JSON: it is written in a tenth of the time.

    Beyond ASCII only that is escaped which YAML takes for the end of a line; JSON would
    escape in halves what YAML has no halves of.
    """
    text = json.dumps(test, ensure_ascii=False)
    return _YAML_BREAK.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _run(file: Path) -> str:
    """Return what promtool refutes; nothing where it agrees."""
    done = subprocess.run(
        [real("promtool"), "test", "rules", str(file)],
        capture_output=True,
        check=False,
    )
    out, found = done.stdout.decode(), done.stderr.decode()
    if done.returncode not in {0, PROMTOOL_FAILED} or (done.returncode == 0) == (
        "SUCCESS" not in out
    ):
        raise ValueError(f"promtool: {out}{found}")
    return found


def _alerts(refuted: str) -> Iterator[Alert]:
    at = 0.0
    labels: Labels = ()
    # Not splitlines: a label may hold what else is taken for the end of a line.
    for line in refuted.split("\n"):
        if case := _CASE.match(line):
            at = _seconds(case[2])
        elif found := _LABELS.match(line):
            labels = _pairs(found[1])
        elif found := _ANNOTATIONS.match(line):
            yield Alert(at, labels, _pairs(found[1]))
        elif not _FRAME.match(line):
            raise ValueError(f"promtool: {line}")


def _seconds(duration: str) -> float:
    """Read a duration as Prometheus writes it.

    >>> _seconds("1d1h2m30s")
    90150.0
    """
    found = _DURATION.match(duration)
    if found is None:
        raise ValueError(f"promtool: {duration}")
    parts = zip(found.groups(), _UNITS, strict=True)
    return sum(float(part) * unit for part, unit in parts if part is not None)


def _pairs(text: str) -> Labels:
    r"""Read labels as Go prints them.

    >>> _pairs(r'{a="1", b="\"\u00e9"}')
    (('a', '1'), ('b', '"é'))
    """
    inside = text[1:-1]
    pairs = [(found[1], _unquoted(found[2])) for found in _PAIR.finditer(inside)]
    if "".join(found[0] for found in _PAIR.finditer(inside)) != inside:
        raise ValueError(f"promtool: {text}")
    return tuple(pairs)


def _unquoted(text: str) -> str:
    """Undo strconv.Quote, whose escapes Python knows as well."""
    return str(ast.literal_eval(text))
