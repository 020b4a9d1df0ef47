"""What the reliability page tells of beside the fault matrix: bad input, and load."""

from __future__ import annotations

from typing import NamedTuple


class Proof(NamedTuple):
    """What was tried, what came of it, and the test that shows it."""

    tried: str
    outcome: str
    test: str


BAD_INPUTS = (
    Proof(
        "a setting that does not fit, from flag, variable or file",
        "exit 2, one line for each fault, no value",
        "tests/test_cli.py::test_each_fault_is_one_line_with_file_and_setting_and_no_secret",
    ),
    Proof(
        "a secret's file that is not there, or cannot be read, at the start",
        "exit 2, one line with setting, file and reason",
        "tests/test_cli.py::test_a_secret_that_is_not_there_ends_the_start",
    ),
    Proof(
        "YAML that is none, with a place and without what stands there",
        "exit 2, one line",
        "tests/test_settings.py::test_what_is_no_yaml_is_one_fault_with_its_place",
    ),
    Proof(
        "a variable under our prefix that names no setting",
        "a warning at start, by name",
        "tests/test_settings.py::test_unknown_variables_are_warnings_by_name",
    ),
    Proof(
        "a bad file at a reload",
        "500 with the faults; the old configuration goes on",
        "tests/test_reload.py::test_a_bad_file_is_answered_and_the_old_one_goes_on",
    ),
    Proof(
        "a web configuration that exporter-toolkit refuses",
        "exit 2, in its words; promtool agrees where it knows the field",
        "tests/test_web_config.py::test_promtool_agrees_on_every_file_that_its_version_knows",
    ),
    Proof(
        "a web configuration that cannot be read any more",
        "500 for every request, until it can",
        "tests/test_web_guard.py::test_while_the_file_cannot_be_read_every_request_is_500",
    ),
    Proof(
        "a malformed row: bad UTF-8, half a surrogate, a number that is none",
        "rejected and counted; the rest is kept",
        "tests/test_decoding.py::test_a_bad_row_costs_only_itself",
    ),
    Proof(
        "any bytes in place of a page",
        "`malformed`, or a page; never a crash",
        "tests/test_decoding.py::test_no_body_makes_the_decoders_crash",
    ),
    Proof(
        "names of any Unicode, quotes, backslashes, newlines",
        "they arrive in Prometheus as they were",
        "tests/test_prometheus.py::test_any_name_arrives_in_prometheus_as_it_was",
    ),
    Proof(
        "any `Accept` and `Accept-Encoding`",
        "an answer in a format that was asked for, or text 0.0.4",
        "tests/test_negotiation.py::test_no_header_makes_it_fail",
    ),
    Proof(
        "any `Authorization`",
        "401",
        "tests/test_web_guard.py::test_no_header_is_an_error",
    ),
    Proof(
        "whatever is read, at random, for as long as one likes (`make fuzz`)",
        "no crash",
        "tests/test_fuzz.py::test_nothing_that_is_read_makes_the_reader_fail",
    ),
    Proof(
        "secrets in settings, plan bodies and answers, at `log.level=debug`",
        "none in a log, a metric or a page",
        "tests/test_app.py::test_no_secret_is_shown_anywhere",
    ),
)
LOADS = (
    Proof(
        "500 clients that never finish a request",
        "nobody notices",
        "tests/test_overload.py::test_five_hundred_slow_clients_are_not_noticed",
    ),
    Proof(
        "more connections than the process may have files",
        "polling keeps its files",
        "tests/test_overload.py::test_more_clients_than_files_leave_room_for_polls",
    ),
    Proof(
        "clients that ask and do not read",
        "they count towards `web.max_requests`; the others get 503 or an answer",
        "tests/test_overload.py::test_those_who_do_not_read_count_as_requests",
    ),
    Proof(
        "a megabyte of headers",
        "refused",
        "tests/test_overload.py::test_a_megabyte_of_headers_is_refused",
    ),
    Proof(
        "as many scrapes as a core can answer",
        "the polls keep their schedule, `/-/healthy` answers",
        "tests/test_overload.py::test_as_many_scrapes_as_fit_leave_the_schedule_alone",
    ),
    Proof(
        "fifty reloads in a row, and ten at once",
        "no task, socket or failed request is left over",
        "tests/test_reload.py::test_fifty_reloads_at_once_and_in_a_row_leave_nothing_behind",
    ),
    Proof(
        "churn, outages and reloads for as long as one likes (`make soak`)",
        "nothing grows, no poll is missed",
        "tests/test_soak.py::test_nothing_grows_while_the_cloud_and_the_configuration_change",
    ),
    Proof(
        "100,000 checkpoints over real HTTP",
        "each page once, within the rate and the number in flight",
        "tests/test_scale.py::"
        "test_a_hundred_thousand_lags_are_right_and_the_limits_hold",
    ),
)
