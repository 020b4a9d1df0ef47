"""Which format and coding a request gets, by RFC 9110 and Prometheus' own words."""

from __future__ import annotations

import pytest

from exporter.metrics.formats import Format
from exporter.web.negotiation import LONGEST, accepts_gzip, negotiate

TEXT, TEXT1, OM = Format.TEXT_0_0_4, Format.TEXT_1_0_0, Format.OPENMETRICS_1_0_0

PROMETHEUS_2 = (
    "application/openmetrics-text;version=1.0.0,"
    "application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "application/openmetrics-text;version=0.0.1;q=0.5,"
    "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,"
    "text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)
PROMETHEUS_PROTOBUF = (
    "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;"
    "encoding=delimited;q=0.7,"
) + PROMETHEUS_3
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.mark.parametrize(
    ("accept", "fmt"),
    [
        ("", TEXT),
        ("*/*", TEXT),
        (BROWSER, TEXT),
        (PROMETHEUS_2, OM),
        (PROMETHEUS_3, OM),
        (PROMETHEUS_PROTOBUF, OM),
        ("text/plain", TEXT),
        ("text/plain;version=0.0.4", TEXT),
        ("text/plain;version=1.0.0", TEXT1),
        ("application/openmetrics-text", OM),
        ("application/*", OM),
        ("text/*", TEXT),
        ("application/json", TEXT),
        ("application/openmetrics-text;version=0.0.1", TEXT),
        ("application/openmetrics-text;version=2.0.0", TEXT),
        ("text/plain;version=9", TEXT),
        ("application/openmetrics-text;q=0.1,text/plain;version=0.0.4;q=0.9", TEXT),
        ("application/openmetrics-text;q=0,text/plain;version=1.0.0", TEXT1),
        ("application/openmetrics-text;q=0", TEXT),
        ("*/*,text/plain;version=0.0.4;q=0", OM),
        ("text/plain;version=0.0.4,application/openmetrics-text;version=1.0.0", OM),
        ("text/plain;version=0.0.4,text/plain;version=1.0.0", TEXT1),
        ("*/*,text/plain;version=1.0.0", TEXT1),
        (
            (
                "application/openmetrics-text;version=1.0.0;q=0.1,"
                "application/openmetrics-text;q=0.9,text/plain;q=0.5"
            ),
            TEXT,
        ),
        ("text/plain;q=0.2,text/plain;q=0.8,application/openmetrics-text;q=0.5", TEXT),
        ("application/openmetrics-text;q=high,text/plain;q=0.1", TEXT),
        ("application/openmetrics-text;q=7,text/plain;q=0.1", TEXT),
        ("text/plain;version=1.0.0;escaping=bogus", TEXT1),
        (' Application/OpenMetrics-Text ; Version="1.0.0" ; Q=1.0 ', OM),
        ("application/openmetrics-text".ljust(LONGEST), OM),
        ("application/openmetrics-text".ljust(LONGEST + 1), TEXT),
    ],
)
def test_format_is_what_the_accept_header_prefers(accept: str, fmt: Format) -> None:
    """By weight, then by name over wildcard, then the richer one."""
    assert negotiate(accept) is fmt


@pytest.mark.parametrize(
    ("header", "is_accepted"),
    [
        ("", False),
        ("gzip", True),
        ("GZIP", True),
        ("gzip, deflate, br, zstd", True),
        ("deflate, br", False),
        ("identity", False),
        ("*", True),
        ("gzip;q=0", False),
        ("gzip;q=0.0, *", False),
        ("gzip; q=0.001", True),
        ("*;q=0", False),
        ("*;q=0, gzip;q=0.5", True),
        ("gzip;q=0.5, identity;q=1", False),
        ("gzip;q=1.0, identity;q=0.5", True),
        ("gzip, identity", True),
        ("identity;q=0, *;q=0.1", True),
        ("gzip;q=abc", False),
        ("gzip;q=-1", False),
    ],
)
def test_gzip_is_sent_only_if_it_is_accepted(header: str, *, is_accepted: bool) -> None:
    """Weights count, a wildcard stands for the unnamed, identity may be preferred."""
    assert accepts_gzip(header) is is_accepted


def test_content_types_are_those_of_prometheus() -> None:
    """Prometheus 3 fails a scrape whose content type it does not know."""
    openmetrics = "application/openmetrics-text; version=1.0.0; charset=utf-8"
    assert [fmt.value for fmt in Format] == [
        "text/plain; version=0.0.4; charset=utf-8",
        "text/plain; version=1.0.0; charset=utf-8; escaping=underscores",
        f"{openmetrics}; escaping=underscores",
    ]
