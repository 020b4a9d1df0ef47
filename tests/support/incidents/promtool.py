"""What Prometheus would keep of scrapes, and which alerts the real promtool fires.

No sample is made up but `up` and the process's start, and no word of promtool's is
overlooked.
"""

from __future__ import annotations

import ast
import json
import re
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml
from programs import real

from exporter.model.durations import parse_duration

JOB = "rocketmq-dr"
PROCESS_START = "process_start_time_seconds"
# Comments, and what tells of the process that runs the tests.
NOT_OURS = ("#", "process_", "python_")
PROMTOOL_FAILED = 1
_YAML_BREAK = re.compile("[\x85\u2028\u2029]")
_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_CASE = re.compile(r"    alertname: (\w+), time: (\S+), $")
_FRAME = re.compile(r"(?:  FAILED:| {8}exp:\[\], | {8}got:\[| {12}\]| {12}\d+:)?$")
_LABELS = re.compile(r" {14}Labels:(\{.*\})$")
_ANNOTATIONS = re.compile(r" {14}Annotations:(\{.*\}),?$")
_PAIR = re.compile(r'(\w+)=("(?:[^"\\]|\\.)*")(?:, )?')
MISSING, STALE = "_", "stale"

Labels = tuple[tuple[str, str], ...]


class Samples:
    """Collects the samples of some names, scrape by scrape.

    `is_wanted` picks by name; Unix times are told as seconds since `start`. `labels_of`
    returns what Prometheus adds for a replica. `missed` are the numbers of the scrapes
    that it was down for.
    """

    def __init__(
        self,
        is_wanted: Callable[[str], bool],
        start: float,
        labels_of: Callable[[str], Mapping[str, str]],
    ) -> None:
        self._is_wanted = is_wanted
        self._start = start
        self._labels_of = labels_of
        self._points: dict[tuple[str, str], dict[int, str]] = {}
        self._alive: dict[str, set[str]] = {}
        self._tick = 0
        self.missed: set[int] = set()

    def take(self, replica: str, body: bytes, started_at: float) -> None:
        """Add a good scrape."""
        found = {"up": 1.0, PROCESS_START: self._since(started_at)}
        # Not splitlines: a label may hold what else is taken for the end of a line.
        for line in body.decode().split("\n"):
            series, _, value = line.rpartition(" ")
            name = series.partition("{")[0]
            if not name.startswith(NOT_OURS) and self._is_wanted(name):
                is_time = name.endswith("_timestamp_seconds")
                found[series] = self._since(float(value)) if is_time else float(value)
        self._keep(replica, found)

    def fail(self, replica: str) -> None:
        """Add a scrape that was not answered."""
        self._keep(replica, {"up": 0.0})

    def forget(self, replica: str) -> None:
        """Have no target any more: even `up` ends."""
        self._keep(replica, {})

    def miss(self) -> None:
        """Have nobody scrape; the next scrape knows nothing of those before."""
        self._alive.clear()
        self.missed.add(self._tick)
        self._tick += 1

    def next(self) -> None:
        """End the scrapes of one moment."""
        self._tick += 1

    def series(self) -> list[dict[str, str]]:
        """Return promtool's `input_series`."""
        return [
            {
                "series": _with_labels(series, self._labels_of(replica)),
                "values": notation(
                    points.get(tick, MISSING) for tick in range(self._tick)
                ),
            }
            for (replica, series), points in self._points.items()
        ]

    def _since(self, unix_seconds: float) -> float:
        return round(unix_seconds - self._start, 6)

    def _keep(self, replica: str, found: Mapping[str, float]) -> None:
        for series, value in found.items():
            self._points.setdefault((replica, series), {})[self._tick] = number(value)
        for series in self._alive.get(replica, set()) - found.keys():
            self._points[replica, series][self._tick] = STALE
        self._alive[replica] = set(found)


def _with_labels(series: str, labels: Mapping[str, str]) -> str:
    """Add labels to a series of the exposition, which promtool reads as it is.

    >>> _with_labels('a{b="c"}', {"job": "x"}), _with_labels("up", {"job": "x"})
    ('a{job="x",b="c"}', 'up{job="x",}')
    """
    name, _, others = series.partition("{")
    added = ",".join(f'{label}="{value}"' for label, value in labels.items())
    return f"{name}{{{added},{others or '}'}"


def notation(values: Iterable[str]) -> str:
    """Return values as promtool reads them, runs of the same value in short.

    >>> notation("1 1 1 4 stale _ _ 5".split())
    '1x2 4 stale _x2 5'
    """
    runs = ((value, len(list(same))) for value, same in groupby(values))
    return " ".join(_run_of(value, length) for value, length in runs)


def _run_of(value: str, length: int) -> str:
    if length == 1:
        return value
    return f"{value}x{length if value == MISSING else length - 1}"


def number(value: float) -> str:
    """Return a float in digits, as exact as it is; promtool knows no exponents.

    >>> number(1e-05), number(-900.0)
    ('0.00001', '-900')
    """
    return f"{Decimal(repr(value)):f}".removesuffix(".0")


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
            at = parse_duration(case[2]).total_seconds()
        elif found := _LABELS.match(line):
            labels = _pairs(found[1])
        elif found := _ANNOTATIONS.match(line):
            yield Alert(at, labels, _pairs(found[1]))
        elif not _FRAME.match(line):
            raise ValueError(f"promtool: {line}")


def _pairs(text: str) -> Labels:
    r"""Read labels as Go prints them.

    >>> _pairs(r'{a="1", b="\"\u00e9"}')
    (('a', '1'), ('b', '"é'))
    """
    inside = text[1:-1]
    # Python knows the escapes of strconv.Quote as well.
    pairs = [(one[1], str(ast.literal_eval(one[2]))) for one in _PAIR.finditer(inside)]
    if "".join(found[0] for found in _PAIR.finditer(inside)) != inside:
        raise ValueError(f"promtool: {text}")
    return tuple(pairs)
