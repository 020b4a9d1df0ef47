"""Scrapes become input series of promtool's without a sample that nobody scraped."""

from __future__ import annotations

from incidents.samples import Mark, Samples, notation

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


def test_a_series_that_vanishes_is_stale_and_then_missing() -> None:
    """As Prometheus marks it: a rule sees it no more, at once."""
    collected = samples("lag")
    for body in (b'lag{g="a"} 1\n', b"", b"", b'lag{g="a"} 2\n'):
        collected.take("a", body, STARTED)
        collected.next()

    assert kept(collected) == {'lag{g="a",instance="a"}': "1 stale _ 2"}


def test_a_scrape_that_fails_leaves_up_at_0_and_nothing_else() -> None:
    """Prometheus writes `up`, and marks the rest as stale."""
    collected = samples("lag")
    collected.take("a", b"lag 1\n", STARTED)
    collected.next()
    collected.fail("a")
    collected.next()

    assert {each["series"]: each["values"] for each in collected.series()} == {
        'up{instance="a"}': "1 0",
        'process_start_time_seconds{instance="a"}': "0 stale",
        'lag{instance="a"}': "1 stale",
    }


def test_where_prometheus_was_down_all_is_missing_and_nothing_is_stale() -> None:
    """Who comes back knows nothing of the series before."""
    collected = samples("lag")
    collected.take("a", b"lag 1\n", STARTED)
    collected.next()
    collected.miss()
    collected.take("a", b"", STARTED)
    collected.next()

    assert kept(collected) == {'lag{instance="a"}': "1 _x2"}


def test_unix_times_are_told_as_seconds_since_the_start() -> None:
    """To promtool the first moment is 0, so that ``time() - x`` is right."""
    collected = samples("sync_timestamp_seconds", "lag")
    collected.take("a", b"sync_timestamp_seconds 970.25\nlag 970.25\n", 990.0)
    collected.next()

    assert kept(collected) == {
        'sync_timestamp_seconds{instance="a"}': "-29.75",
        'lag{instance="a"}': "970.25",
    }


def test_names_of_any_kind_arrive_as_they_were() -> None:
    """Quotes, backslashes, newlines and braces are escaped anew."""
    collected = samples("lag")
    body = 'lag{g="\\"{{ a }} \\\\ \\n 消"} 1\nother{g="b"} 2\n'
    collected.take("a", body.encode(), STARTED)
    collected.next()

    assert kept(collected) == {
        'lag{g="\\"{{ a }} \\\\ \\n 消",instance="a"}': "1",
    }


def test_runs_of_equal_steps_are_written_in_short() -> None:
    """A day of one value takes no more room than a minute."""
    assert notation([5.0] * 1000) == "5+0x999"
    assert notation([float(n) for n in range(0, 3000, 30)]) == "0+30x99"
    assert notation([Mark.MISSING] * 3) == "_x3"
    assert notation([Mark.STALE] * 2) == "stale stale", "promtool knows no staleness x2"
