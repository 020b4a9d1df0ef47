"""Which alerts fire when, by the real promtool and rules of the tests' own."""

from __future__ import annotations

from pathlib import Path

import pytest
from incidents.incident import MINUTE
from incidents.promtool import Alert, Rules, _alerts, firing
from paths import TESTDATA

RULES = Rules((TESTDATA / "incident_rules.yml",))
ODD = '{{ "\\ \n 消 \u2028'


def fire(
    values: str, *, series: str = "rocketmq_dr_max_sync_lag_seconds"
) -> list[Alert]:
    """Return what fires in five minutes of a series."""
    given = [{"series": series, "values": values}]
    return firing(RULES, given, lasts=300.0, scrape_every=30.0, evaluate_every=60.0)


def test_an_alert_fires_at_each_evaluation_from_its_for_on() -> None:
    """The moment is the evaluation's, labels and annotations are whole."""
    alerts = fire(
        "0 0 301+0x6 0 0", series='rocketmq_dr_max_sync_lag_seconds{plan_id="1"}'
    )

    assert [alert.at for alert in alerts] == [3 * MINUTE, 4 * MINUTE]
    assert alerts[0].labels == (
        ("alertname", "Behind"),
        ("plan_id", "1"),
        ("severity", "warning"),
    )
    assert dict(alerts[0].annotations)["description"] == "1 by 5m 1s: ."


def test_where_nothing_fires_nothing_is_found() -> None:
    """Promtool agrees with silence, and says so."""
    assert fire("0+0x10") == []


def test_labels_of_any_kind_are_read_as_they_are() -> None:
    """Go's quotes are undone to the letter."""
    quoted = ODD.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    series = f'rocketmq_dr_max_sync_lag_seconds{{plan_id="{quoted}"}}'

    alerts = fire("400+0x10", series=series)

    assert {dict(alert.labels)["plan_id"] for alert in alerts} == {ODD}
    assert dict(alerts[0].annotations)["description"].startswith(ODD)


def test_what_promtool_cannot_read_is_an_error_and_no_silence() -> None:
    """A typing error must not look like a quiet night."""
    with pytest.raises(ValueError, match="promtool"):
        fire("no number")


def test_a_line_that_nobody_expects_is_an_error() -> None:
    """Another promtool may speak otherwise; what it says must not be lost."""
    with pytest.raises(ValueError, match="surprise"):
        list(_alerts("  FAILED:\n    surprise\n"))


def test_the_metrics_that_rules_read_are_known_by_name() -> None:
    """Annotations ask for some as well."""
    assert {
        "rocketmq_dr_max_sync_lag_seconds",
        "up",
        "rocketmq_dr_exporter_build_info",
    } <= RULES.names
    assert "rocketmq_dr_up" not in RULES.names
    assert RULES.alerts == ["Behind", "Down"]


def test_a_rule_that_picks_names_by_pattern_is_refused(tmp_path: Path) -> None:
    """Nobody could tell which samples it needs."""
    file = tmp_path / "r.yml"
    rule = "{record: a, expr: \"count({__name__=~'rocketmq.+'})\"}"
    file.write_text(f"groups: [{{name: g, rules: [{rule}]}}]")

    with pytest.raises(ValueError, match="pattern"):
        _ = Rules((file,)).names
