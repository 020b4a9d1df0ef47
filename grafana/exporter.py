"""The exporter itself: what it asks of the API, what it polls, what it costs."""

from __future__ import annotations

from grafana.boards import BUILD_INFO, EXPORTER, Board
from grafana.panels import (
    NONE_IS_GOOD,
    OBJECTIVE,
    ONE_IS_GOOD,
    Ask,
    Column,
    Look,
    Panel,
    Steps,
    Words,
    big,
    lines,
    rows,
)
from grafana.promql import (
    ROUTE,
    TARGET,
    Scope,
    most,
    of_exporters,
    pick,
    rate,
)

ALL = Scope()
OWN = "rocketmq_dr_exporter_"
DAY = 86_400
# The API refuses what is signed over 15 minutes off; ages are off by as much.
SKEW: Steps = (
    (None, "red"),
    (-60, "orange"),
    (-5, "green"),
    (5, "orange"),
    (60, "red"),
)
EACH = "{{instance}}"


def board() -> Board:
    """Return the dashboard."""
    return Board(
        uid=EXPORTER,
        description="The exporter itself: can it be believed, and what does it cost?",
        variables=(),
        rows=[
            ("Health", [*health()]),
            (
                "The API",
                [requests(), failures(), throttled(), pace(), latency(), calls()],
            ),
            ("Polls", [poll_duration(), poll_failures(), freshness(), skipped()]),
            (
                "Scrapes and process",
                [scrape_duration(), scrape_size(), series(), memory(), cpu(), files()],
            ),
        ],
    )


def health() -> list[Panel]:
    """Return the row of big answers."""
    discovery = pick(f"{OWN}discovery_last_success_timestamp_seconds")
    return [
        versions(),
        big(
            Words(
                "Configuration",
                "1 when the last loading of the configuration succeeded, the worst "
                "exporter's. When red, the old one is still in force: the log names "
                "the setting; `check` tells it beforehand.",
            ),
            Look("none", 4, 5, ONE_IS_GOOD),
            Ask(f"min({pick(f'{OWN}config_last_reload_successful')})", "loaded"),
        ),
        big(
            Words(
                "Discovery age",
                "How long ago plans and items were last discovered as a whole, the "
                "worst exporter's. poll.discovery_interval is 10 minutes by default; "
                "when red, new plans go unseen: see the failures of the actions "
                "below. Empty before the first success.",
            ),
            Look("s", 4, 5, ((None, "green"), (1800, "orange"), (3600, "red"))),
            Ask(f"max(time() - {discovery})", "age"),
        ),
        big(
            Words(
                "Clock skew",
                "The exporter's clock minus the API's, the lowest and the highest. "
                "Ages are off by as much, and the API refuses what is signed 15 "
                "minutes off: repair time synchronisation on the exporter's machine.",
            ),
            Look("s", 4, 5, SKEW),
            Ask(f"min({pick(f'{OWN}clock_skew_seconds')})", "lowest"),
            Ask(f"max({pick(f'{OWN}clock_skew_seconds')})", "highest"),
        ),
        big(
            Words(
                "Checkpoints dropped",
                "Checkpoints over metrics.max_checkpoints, of all exporters: in the "
                "sums of their route, without series of their own. When red, raise "
                "the setting, leave groups out, or share the routes among more "
                "exporters.",
            ),
            Look("none", 4, 5, NONE_IS_GOOD),
            Ask(f"sum({pick(f'{OWN}checkpoints_dropped')})", "dropped"),
        ),
        big(
            Words(
                "Failures in discovery",
                "Failures in discovery within the last hour. When red, some plans or "
                "items may be unseen: look for the reason in the panels below.",
            ),
            Look("none", 4, 5, NONE_IS_GOOD),
            Ask(
                f"sum(increase({pick(f'{OWN}discovery_failures_total')}[1h]))", "failed"
            ),
        ),
    ]


def versions() -> Panel:
    """Return which exporters there are."""
    info = f"{TARGET}, version, revision, python_version"
    return rows(
        Words(
            "Exporters",
            "The exporters that Prometheus scrapes. One that is missing is down or no "
            "longer discovered; two versions for long are a rollout that got stuck.",
        ),
        Look("none", 4, 5),
        Column(Ask(most(info, BUILD_INFO)), "", "none"),
        order="instance",
    )


def requests() -> Panel:
    """Return how often the API is asked."""
    return lines(
        Words(
            "Requests by action",
            "Requests per second to the API of all exporters together, retries "
            "included. A step without a change of the configuration: plans or "
            "checkpoints became more, or retries did.",
        ),
        Look("reqps", 8),
        Ask(rate("action", f"{OWN}api_requests_total"), "{{action}}"),
        stacked=True,
    )


def failures() -> Panel:
    """Return why requests failed."""
    return lines(
        Words(
            "Failed requests by reason",
            "Attempts per second that failed. A few are retried and cost nothing; "
            "what stays fails whole polls. docs/metrics.md says what to do about each "
            "reason.",
        ),
        Look("reqps", 8),
        Ask(
            rate("action, reason", f"{OWN}api_request_failures_total"),
            "{{action}} {{reason}}",
        ),
        stacked=True,
    )


def throttled() -> Panel:
    """Return how often the API said that it is too much."""
    return lines(
        Words(
            "Throttled and retried",
            "Attempts per second that the API throttled, and attempts that follow a "
            "failed one. Throttling that lasts: ask for a higher quota, raise "
            "poll.interval, or lower api.requests_per_second.",
        ),
        Look("reqps", 8),
        Ask(rate("action", f"{OWN}api_throttled_total"), "throttled {{action}}"),
        Ask(rate("action", f"{OWN}api_retries_total"), "retried {{action}}"),
    )


def pace() -> Panel:
    """Return how much of the rate limit is used."""
    used = rate(TARGET, f"{OWN}api_requests_total")
    allowed = most(TARGET, f"{OWN}api_rate_limit")
    return lines(
        Words(
            "Use of the rate limit",
            "Requests per second as a share of what each exporter allows itself at "
            "present; the limit is halved when the API throttles, and won back. At "
            "100 % polls wait for the limiter: raise api.requests_per_second within "
            "your quota, or poll.interval.",
        ),
        Look("percentunit", 8, steps=OBJECTIVE),
        Ask(f"({used}) / on ({TARGET}) ({allowed})", EACH),
    )


def latency() -> Panel:
    """Return how long the API takes."""
    buckets = rate("le, action", f"{OWN}api_request_duration_seconds_bucket")
    return lines(
        Words(
            "Request duration",
            "Half and 99 % of the requests took at most this long, without waiting for "
            "the limiter. Near api.timeout: look at the network between exporter and "
            "API, then at the cloud's status page.",
        ),
        Look("s", 8),
        Ask(f"histogram_quantile(0.5, {buckets})", "p50 {{action}}"),
        Ask(f"histogram_quantile(0.99, {buckets})", "p99 {{action}}"),
    )


def calls() -> Panel:
    """Return the budget of calls per day."""
    total = pick(f"{OWN}api_requests_total")
    return lines(
        Words(
            "API calls per day",
            "Calls of all exporters in the last 24 hours, a day at the present pace, "
            "and a day at the rate that they allow themselves. Calls count against "
            "the account's quota: raise poll.interval if the pace is too much.",
        ),
        Look("none", 8),
        Ask(f"sum(increase({total}[24h]))", "last 24 hours"),
        Ask(f"{DAY} * sum(rate({total}[$__rate_interval]))", "at the present pace"),
        Ask(f"{DAY} * sum({pick(f'{OWN}api_rate_limit')})", "limit"),
    )


def poll_duration() -> Panel:
    """Return how long polls take, of the interval."""
    poll = most(f"{TARGET}, {ROUTE}", "rocketmq_dr_poll_duration_seconds")
    interval = most(TARGET, f"{OWN}poll_interval_seconds")
    share = f"{poll} / on ({TARGET}) group_left () {interval}"
    return lines(
        Words(
            "Longest poll, of poll.interval",
            "The longest of the routes' last polls on each exporter. Over 100 % polls "
            "are skipped: raise poll.interval, ask for a higher quota, or share the "
            "routes among more exporters.",
        ),
        Look("percentunit", 6, steps=OBJECTIVE),
        Ask(f"max by ({TARGET}) ({share})", EACH),
    )


def poll_failures() -> Panel:
    """Return why polls failed."""
    return lines(
        Words(
            "Failed polls by reason",
            "Polls per second that were not complete, of all routes and exporters. "
            "docs/metrics.md says what to do about each reason.",
        ),
        Look("ops", 6),
        Ask(rate("reason", "rocketmq_dr_poll_failures_total"), "{{reason}}"),
        stacked=True,
    )


def freshness() -> Panel:
    """Return how near to withdrawal the data is."""
    last = pick("rocketmq_dr_last_success_timestamp_seconds")
    limit = most(TARGET, f"{OWN}stale_after_seconds")
    share = f"(time() - {last}) / on ({TARGET}) group_left () {limit}"
    return lines(
        Words(
            "Oldest data, of poll.stale_after",
            "How long ago the route that was polled longest ago was polled whole, on "
            "each exporter. Over 100 % its checkpoints are withdrawn: see why its "
            "polls fail.",
        ),
        Look("percentunit", 6, steps=OBJECTIVE),
        Ask(f"max by ({TARGET}) ({share})", EACH),
    )


def skipped() -> Panel:
    """Return how often a poll was due too early."""
    return lines(
        Words(
            "Polls skipped",
            "Times per second that a route was due while its poll was still running. "
            "Any that lasts: polls take longer than poll.interval; see beside this.",
        ),
        Look("ops", 6),
        Ask(rate(TARGET, f"{OWN}polls_skipped_total"), EACH),
    )


def scrape_duration() -> Panel:
    """Return how long answers take."""
    return lines(
        Words(
            "Scrape duration",
            "How long each exporter took to answer the last scrape. Near Prometheus' "
            "scrape_timeout, 10 seconds by default: the machine is too small, or there "
            "are too many series.",
        ),
        Look("s", 8),
        Ask(most(TARGET, f"{OWN}scrape_duration_seconds"), EACH),
    )


def scrape_size() -> Panel:
    """Return how large answers are."""
    return lines(
        Words(
            "Scrape size",
            "Bytes on the wire of the last answer. A step up: more checkpoints, or a "
            "Prometheus that asks without compression.",
        ),
        Look("bytes", 8),
        Ask(most(TARGET, f"{OWN}scrape_size_bytes"), EACH),
    )


def series() -> Panel:
    """Return how many series there are."""
    return lines(
        Words(
            "Series",
            "Series that Prometheus got from each exporter, as Prometheus counts them. "
            "Too many: leave groups and topics out, or set metrics.max_checkpoints.",
        ),
        Look("short", 8),
        Ask(of_exporters("scrape_samples_scraped"), EACH),
    )


def memory() -> Panel:
    """Return how much memory is used."""
    return lines(
        Words(
            "Memory",
            "Resident memory. It follows the number of checkpoints; if it climbs while "
            "that stays, report it. Compare with the container's limit.",
        ),
        Look("bytes", 8),
        Ask(of_exporters("process_resident_memory_bytes"), EACH),
    )


def cpu() -> Panel:
    """Return how much of a core is used."""
    used = pick("process_cpu_seconds_total")
    own = pick(BUILD_INFO)
    return lines(
        Words(
            "CPU",
            "Share of one core. Near 100 % answers and polls wait for each other: "
            "raise poll.interval, or share the routes among more exporters.",
        ),
        Look("percentunit", 8, steps=OBJECTIVE),
        Ask(f"rate({used}[$__rate_interval]) and on ({TARGET}) {own}", EACH),
    )


def files() -> Panel:
    """Return how near to its limit of open files the process is."""
    share = f"{pick('process_open_fds')} / {pick('process_max_fds')}"
    return lines(
        Words(
            "Open files",
            "Open file descriptors as a share of the limit. Climbing: connections are "
            "left open; restart the exporter, and report it.",
        ),
        Look("percentunit", 8, steps=OBJECTIVE),
        Ask(f"{share} and on ({TARGET}) {pick(BUILD_INFO)}", EACH),
    )
