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
from enum import Enum
from functools import cached_property, lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import yaml
from programs import real
from prometheus_client.parser import text_string_to_metric_families

JOB = "rocketmq-dr"
PROCESS_START = "process_start_time_seconds"
# Comments, and what tells of the process that runs the tests.
NOT_OURS = ("#", "process_", "python_")
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


class Mark(Enum):
    """What may stand in a series in the place of a value."""

    MISSING = "_"
    STALE = "stale"


Value = float | Mark
Labels = tuple[tuple[str, str], ...]


class Key(NamedTuple):
    """A series, as the exporter names it."""

    name: str
    labels: Labels


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
        self._points: dict[tuple[str, Key], dict[int, Value]] = {}
        self._alive: dict[str, set[Key]] = {}
        self._tick = 0
        self.missed: set[int] = set()

    def take(self, replica: str, body: bytes, started_at: float) -> None:
        """Take in a good scrape."""
        found = {Key("up", ()): 1.0, Key(PROCESS_START, ()): self._since(started_at)}
        for line in body.decode().splitlines():
            name = line[: line.find("{")] if "{" in line else line.partition(" ")[0]
            if self._is_kept(name):
                head, _, value = line.rpartition(" ")
                key = _parsed(head)
                is_time = key.name.endswith("_timestamp_seconds")
                found[key] = self._since(float(value)) if is_time else float(value)
        self._keep(replica, found)

    def fail(self, replica: str) -> None:
        """Take in that a scrape was not answered."""
        self._keep(replica, {Key("up", ()): 0.0})

    def miss(self) -> None:
        """Take in that nobody scraped; whoever does next knows nothing of before."""
        self._alive.clear()
        self.missed.add(self._tick)
        self._tick += 1

    def next(self) -> None:
        """End a round of scrapes."""
        self._tick += 1

    def series(self) -> list[dict[str, str]]:
        """Return promtool's `input_series`."""
        return [
            {
                "series": _selector(key, self._labels_of(replica)),
                "values": notation(_filled(points, self._tick)),
            }
            for (replica, key), points in self._points.items()
        ]

    def _is_kept(self, name: str) -> bool:
        return not name.startswith(NOT_OURS) and self._is_wanted(name)

    def _since(self, unix_seconds: float) -> float:
        return round(unix_seconds - self._start, 6)

    def _keep(self, replica: str, found: Mapping[Key, float]) -> None:
        for key, value in found.items():
            self._points.setdefault((replica, key), {})[self._tick] = value
        for key in self._alive.get(replica, set()) - found.keys():
            self._points[replica, key][self._tick] = Mark.STALE
        self._alive[replica] = set(found)


@lru_cache(maxsize=2**17)
def _parsed(head: str) -> Key:
    """Return the series of a line, without its value, by the client's own parser.

    The same lines come at each scrape, and parsing one takes ten times a look-up.
    """
    (family,) = text_string_to_metric_families(f"{head} 0\n")
    (sample,) = family.samples
    return Key(sample.name, tuple(sorted(sample.labels.items())))


def _selector(key: Key, added: Mapping[str, str]) -> str:
    labels = sorted([*key.labels, *added.items()])
    inside = ",".join(f"{name}={_quoted(value)}" for name, value in labels)
    return f"{key.name}{{{inside}}}"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _filled(points: Mapping[int, Value], ticks: int) -> list[Value]:
    return [points.get(tick, Mark.MISSING) for tick in range(ticks)]


def notation(values: Sequence[Value]) -> str:
    """Return values as promtool reads them, runs of equal steps in short.

    >>> notation([1.0, 1.0, 1.0, 4.0, Mark.STALE, Mark.MISSING, Mark.MISSING, 5.0, 6.5])
    '1+0x2 4 stale _x2 5 6.5'
    """
    written = []
    at = 0
    while at < len(values):
        length = _run_length(values, at)
        written.append(_written(values, at, length))
        at += length
    return " ".join(written)


def _run_length(values: Sequence[Value], at: int) -> int:
    """Return how many values from a place on can be written as one.

    Steps are added up as promtool does, so that what it reads is the value to the bit.
    """
    first, end = values[at], at + 1
    if isinstance(first, Mark):
        while end < len(values) and values[end] is first is Mark.MISSING:
            end += 1
        return end - at
    if end == len(values) or isinstance(second := values[end], Mark):
        return 1
    step, sum_ = second - first, first
    while end < len(values) and values[end] == (sum_ := sum_ + step):
        end += 1
    return end - at if end - at > 2 else 1


def _written(values: Sequence[Value], at: int, length: int) -> str:
    first = values[at]
    if isinstance(first, Mark):
        return first.value if length == 1 else f"{first.value}x{length}"
    if length == 1:
        return _number(first)
    second = values[at + 1]
    assert not isinstance(second, Mark)
    step = second - first
    sign = "-" if step < 0 else "+"
    return f"{_number(first)}{sign}{_number(abs(step))}x{length - 1}"


def _number(value: float) -> str:
    """Return a float in digits, as exact as it is; promtool knows no exponents.

    >>> _number(1e-05), _number(-900.0)
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
