"""The words of the incidents do what they say, through the real exporter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import pytest
from incidents import actions
from incidents.incident import (
    GROUP,
    ITEM,
    MINUTE,
    OTHER_GROUP,
    OTHER_ITEM,
    OTHER_PLAN,
    PLAN,
    Incident,
)
from incidents.running import samples_of
from incidents.stage import Action
from prometheus_client.parser import text_string_to_metric_families

PREFIX = "rocketmq_dr_"
FAILURES = f"{PREFIX}poll_failures_total"


class Series(NamedTuple):
    """A series as promtool would read it; None where it has no sample."""

    name: str
    labels: Mapping[str, str]
    values: list[float | None]


def expanded(values: str) -> list[float | None]:
    """Return values as promtool reads them."""
    found: list[float | None] = []
    for word in values.split():
        head, _, times = word.partition("x")
        if head in {"_", "stale"}:
            found += [None] * int(times or 1)
            continue
        at = max(head.rfind("+"), head.rfind("-"), 0) if times else 0
        first, step = (head[:at], head[at:]) if at else (head, "0")
        value = float(first)
        for _ in range(int(times or 0) + 1):
            found.append(value)
            value += float(step)
    return found


class Told:
    """What Prometheus has after an incident."""

    def __init__(self, incident: Incident) -> None:
        self._series = []
        for each in samples_of(incident, lambda _: True).series():
            line = f"{each['series']} 0\n"
            (family,) = text_string_to_metric_families(line)
            (sample,) = family.samples
            values = expanded(each["values"])
            self._series.append(Series(sample.name, sample.labels, values))

    def all(self, name: str, **labels: str) -> list[Series]:
        """Return every series of a name and these labels."""
        return [
            series
            for series in self._series
            if series.name == name and labels.items() <= series.labels.items()
        ]

    def one(self, name: str, **labels: str) -> list[float | None]:
        """Return the values of the one series that there is."""
        (series,) = self.all(name, **labels)
        return series.values


def told(
    *timeline: Action, at: float = 2 * MINUTE, lasts: float = 5 * MINUTE, **more: object
) -> Told:
    """Have something befall a small world after two minutes, and five in all."""
    settings = {"poll.interval": "30s", "poll.discovery_interval": "1m"}
    settings |= {name.replace("__", "."): str(value) for name, value in more.items()}
    happens = {at: actions.all_of(*timeline)} if timeline else {}
    return Told(Incident("a test", lasts, happens, settings=settings))


@pytest.mark.parametrize(
    ("reason", "action"),
    [
        ("throttled", actions.throttle()),
        ("unavailable", actions.break_down()),
        ("unavailable", actions.refuse()),
        ("timeout", actions.silence()),
        ("timeout", actions.silence(15)),
        ("permission", actions.forbid()),
        ("credentials", actions.revoke_key()),
        ("clock", actions.cloud_clock(ahead=1_000)),
        ("clock", actions.clock(ahead=-1_000)),
        ("malformed", actions.garble()),
        ("incomplete", actions.miscount(action="Checkpoints")),
        ("not_found", actions.lose(action="Checkpoints")),
        ("internal", actions.trip()),
    ],
)
def test_polls_fail_for_the_reason_that_the_word_says(
    reason: str, action: Action
) -> None:
    """Until then all is well, and from then on no poll is complete."""
    after = told(action, poll__discovery_interval="1h", poll__timeout="20s")

    failing = after.all(FAILURES, plan_id=PLAN)
    assert {s.labels["reason"] for s in failing if s.values[-1]} == {reason}
    assert {s.values[4] for s in failing} == {0}
    up = after.one(f"{PREFIX}up", plan_id=PLAN)
    assert (up[0], up[-1]) == (1, 0)


def test_calls_are_picked_by_plan_action_and_number() -> None:
    """What is not meant goes on, and one in two is enough for a retry."""
    one = told(actions.forbid(plan=PLAN, action="Checkpoints"))
    some = told(actions.break_down(every=2))

    assert one.one(f"{PREFIX}up", plan_id=PLAN)[-1] == 0
    assert one.one(f"{PREFIX}up", plan_id=OTHER_PLAN)[-1] == 1
    assert some.one(f"{PREFIX}up", plan_id=PLAN)[-1] == 1
    retries = some.all(f"{PREFIX}exporter_api_retries_total")
    assert sum(series.values[-1] or 0 for series in retries) > 0


def test_all_faults_end_together() -> None:
    """Whatever was wrong with the API is mended by one word."""
    wrong = (actions.refuse(), actions.revoke_key(), actions.cloud_clock(2_000))
    after = told(*wrong, actions.work_again())

    assert after.one(f"{PREFIX}up", plan_id=PLAN) == [1] * 11


def lags_and_age(after: Told, group: str) -> tuple[float, float, float]:
    """Return a group's lag before and at the end, and its age at the end."""
    labels = {"plan_id": PLAN, "group": group}
    lags = after.one(f"{PREFIX}sync_lag_seconds", **labels)
    ages = after.one(f"{PREFIX}sync_age_seconds", **labels)
    assert lags[0] is not None
    assert lags[-1] is not None
    assert ages[-1] is not None
    return lags[0], lags[-1], ages[-1]


def test_a_stall_makes_lag_and_age_grow_with_the_time() -> None:
    """Both grow by a second each second; other groups are well."""
    after = told(actions.stall(plan=PLAN, group=GROUP))

    before, lag, age = lags_and_age(after, GROUP)
    assert 110 < lag - before < 180
    assert 170 < age < 200
    assert lags_and_age(after, OTHER_GROUP)[1] < 15


def test_a_lag_grows_and_shrinks_while_it_is_synced() -> None:
    """The age stays low, and heal ends it."""
    grown = lags_and_age(told(actions.lag(600, growing=2)), GROUP)
    shrunk = lags_and_age(told(actions.lag(600, growing=-2)), GROUP)
    caught_up = lags_and_age(told(actions.lag(60, growing=-2)), GROUP)
    healed = lags_and_age(told(actions.lag(600), actions.heal()), GROUP)

    assert 850 < grown[1] < 970
    assert 240 < shrunk[1] < 400
    assert caught_up[1] == caught_up[0]
    assert healed[1] < 15
    assert max(grown[2], shrunk[2]) < 70


def test_an_idle_topic_has_neither_lag_nor_age() -> None:
    """Its timestamps stand still, and it is in sync."""
    _, lag, age = lags_and_age(told(actions.idle()), GROUP)

    assert lag == 0
    assert age < 70


@pytest.mark.parametrize(
    ("problem", "action"),
    [
        ("never_synced", actions.never_sync(plan=PLAN, group=GROUP)),
        ("target_missing", actions.lose_target(plan=PLAN, group=GROUP)),
        ("source_missing", actions.lose_source(plan=PLAN, group=GROUP)),
    ],
)
def test_a_checkpoint_becomes_a_problem(problem: str, action: Action) -> None:
    """One checkpoint is in that state, and shown as such."""
    after = told(action)

    assert after.one(f"{PREFIX}checkpoints", plan_id=PLAN, state=problem)[-1] == 1
    (shown,) = after.all(f"{PREFIX}checkpoint_problem")
    assert (shown.labels["group"], shown.labels["problem"]) == (GROUP, problem)


def test_nothing_moves_that_is_not_there() -> None:
    """A misspelt group is an error, and no silent incident."""
    with pytest.raises(ValueError, match="GID_none"):
        told(actions.stall(group="GID_none"))


def test_the_inventory_changes_at_a_word() -> None:
    """Status, name, type and what is listed are the incident's to say."""
    after = told(
        actions.plan_is(PLAN, name="renamed", status="CREATED"),
        actions.item_is(OTHER_ITEM, "OVERDUE_STOPPED"),
        actions.two_way(OTHER_PLAN),
        poll__discovery_interval="30s",
    )

    names = after.all(f"{PREFIX}plan_info", plan_id=PLAN)
    assert [s.labels["plan_name"] for s in names] == ["dr_trade", "renamed"]
    assert after.one(f"{PREFIX}plan_auto_sync", plan_id=OTHER_PLAN)[-1] == 0
    assert after.one(f"{PREFIX}plan_auto_sync", plan_id=OTHER_PLAN)[0] == 1
    assert after.one(f"{PREFIX}item_status", status="OVERDUE_STOPPED")[-1] == 1
    sources = after.all(f"{PREFIX}max_sync_lag_seconds", plan_id=OTHER_PLAN)
    assert len(sources) == 2, "each side of a two-way plan is a source"


def test_what_vanishes_has_no_series_and_may_come_back() -> None:
    """Checkpoints go one by one, plans as a whole."""
    gone = told(actions.vanish(plan=PLAN, group="GID_[bs]*"))
    back = told(actions.vanish(plan=PLAN), actions.come_back())
    deleted = told(actions.delete(PLAN), poll__discovery_interval="30s")
    without_item = told(actions.delete(ITEM), poll__discovery_interval="30s")

    def last(after: Told) -> list[float | None]:
        return [
            s.values[-1] for s in after.all(f"{PREFIX}sync_lag_seconds", plan_id=PLAN)
        ]

    assert last(gone).count(None) == 2
    assert None not in last(back)
    assert last(deleted) == last(without_item) == [None] * 3
    assert without_item.one(f"{PREFIX}plan_auto_sync", plan_id=PLAN)[-1] == 1
    assert deleted.one(f"{PREFIX}up", plan_id=PLAN)[-1] is None


def test_a_process_that_stops_cannot_be_scraped_and_starts_at_zero() -> None:
    """Its counters and its start are new."""
    stopped = told(actions.stop())
    restarted = told(actions.restart())

    assert stopped.one("up") == [1, 1, 1, 1, *[0] * 7]
    polls = restarted.one(f"{PREFIX}polls_total", plan_id=PLAN)
    assert max(poll for poll in polls[:4] if poll) > min(w for w in polls[4:] if w)
    starts = restarted.one("process_start_time_seconds")
    assert (starts[0], starts[-1]) == (-120, 120)


def test_a_process_that_is_cut_off_goes_on_and_cannot_be_scraped() -> None:
    """Between it and Prometheus lies the network."""
    after = told(actions.cut_off())
    back = told(actions.cut_off(), actions.connect())

    assert after.one("up") == [1, 1, 1, 1, *[0] * 7]
    assert after.one(f"{PREFIX}polls_total", plan_id=PLAN)[-1] is None
    assert back.one("up") == [1] * 11
    assert back.one("process_start_time_seconds") == [-120] * 11


def test_a_clock_that_jumps_is_told_as_skew() -> None:
    """Ages jump with it, for they are computed by it."""
    after = told(actions.clock(ahead=300))

    skew = after.one(f"{PREFIX}exporter_clock_skew_seconds")
    assert skew[0] is not None
    assert skew[-1] is not None
    assert 299 < skew[-1] - skew[0] < 301
    assert lags_and_age(after, GROUP)[2] > 300


def test_settings_change_by_a_reload_and_not_by_one_that_fails() -> None:
    """Objectives are what rules compare with."""
    labels = {"plan_id": PLAN, "objective": "lag"}
    good = told(actions.reload(objectives__lag="2m"))
    bad = told(actions.fail_reload())

    assert good.one(f"{PREFIX}objective_seconds", **labels)[::10] == [300, 120]
    name = f"{PREFIX}exporter_config_last_reload_successful"
    assert (good.one(name)[-1], bad.one(name)[0], bad.one(name)[-1]) == (1, 1, 0)


def test_while_prometheus_is_down_there_is_no_sample_at_all() -> None:
    """Not even `up`, and the exporter goes on."""
    timeline = {
        MINUTE: actions.stop_prometheus(),
        3 * MINUTE: actions.start_prometheus(),
    }
    after = Told(Incident("a test", 4 * MINUTE, timeline))

    assert after.one("up") == [1, 1, None, None, None, None, 1, 1, 1]


def test_two_replicas_are_told_apart_as_prometheus_does() -> None:
    """Each has its own instance and pod, and polls by itself."""
    after = Told(Incident("a test", 2 * MINUTE, replicas=("a", "b")))

    ups = [series.labels for series in after.all("up")]
    assert [(up["instance"], up["pod"]) for up in ups] == [
        ("exporter-a:10063", "exporter-a"),
        ("exporter-b:10063", "exporter-b"),
    ]
    assert len(after.all(f"{PREFIX}up", plan_id=PLAN)) == 2


def test_replicas_of_different_teams_are_told_apart_by_namespace() -> None:
    """Where one is named; else there is no such label."""
    spaces = {"a": "orders"}
    replicas = ("a", "b")
    after = Told(Incident("a test", MINUTE, replicas=replicas, namespaces=spaces))

    ups = [series.labels.get("namespace") for series in after.all("up")]
    assert ups == ["orders", None]


def test_a_replica_may_lose_the_cloud_alone() -> None:
    """The other one goes on polling."""
    timeline = {MINUTE: actions.lose_the_cloud("b")}
    after = Told(Incident("a test", 4 * MINUTE, timeline, replicas=("a", "b")))

    ups = after.all(f"{PREFIX}up", plan_id=PLAN)
    assert {up.labels["pod"]: up.values[-1] for up in ups} == {
        "exporter-a": 1,
        "exporter-b": 0,
    }


def test_replicas_may_have_settings_of_their_own_and_keep_them_at_a_reload() -> None:
    """All else is the same for all."""
    own = {name: {"shard.index": n, "shard.total": 2} for n, name in enumerate("ab")}
    timeline = {MINUTE: actions.reload(poll__interval="20s")}
    settings = {"poll.interval": "30s"}
    after = Told(
        Incident(
            "a test",
            2 * MINUTE,
            timeline,
            replicas=("a", "b"),
            settings=settings,
            own_settings=own,
        )
    )

    indices = [each.values for each in after.all(f"{PREFIX}exporter_shard_index")]
    assert indices == [[0] * 5, [1] * 5]
    for each in after.all(f"{PREFIX}exporter_poll_interval_seconds"):
        assert each.values == [30, 30, 20, 20, 20]


def test_of_a_pair_one_leads_and_neither_without_the_lease() -> None:
    """By the exporter's own election, on a lease that the stage keeps."""
    timeline = {MINUTE: actions.lose_the_lease("a"), 3 * MINUTE: actions.stop("b")}
    settings = {"ha.lease": "dr"}
    after = Told(
        Incident("a test", 4 * MINUTE, timeline, replicas=("a", "b"), settings=settings)
    )

    a, b = (each.values for each in after.all(f"{PREFIX}exporter_leader"))
    assert a == [1, 1, 1, 0, 0, 0, 0, 0, 0]
    assert b == [0, 0, 0, 1, 1, 1, None, None, None]


def test_what_is_so_from_the_first_is_so_before_the_first_scrape() -> None:
    """The exporter warms up in a world that is so already."""
    after = told(actions.two_way(PLAN), at=0)

    assert after.one(f"{PREFIX}plan_auto_sync", plan_id=PLAN) == [0] * 11


def test_an_incident_is_the_same_each_time() -> None:
    """No clock, port or chance of this machine has a part in it."""

    def happen() -> list[dict[str, str]]:
        timeline = {MINUTE: actions.throttle(every=2)}
        incident = Incident("a test", 5 * MINUTE, timeline)
        return samples_of(incident, lambda _: True).series()

    assert happen() == happen()
