"""Prometheus' own linter on a whole answer."""

from __future__ import annotations

import asyncio
from asyncio.subprocess import PIPE, STDOUT

import pytest
from exposition_cases import NOW, small_bench, text_of

from exporter.config.settings import Settings
from exporter.metrics.formats import Format
from exporter.metrics.telemetry import Telemetry


@pytest.mark.parametrize("fmt", [Format.TEXT_0_0_4, Format.TEXT_1_0_0])
async def test_promtool_finds_nothing_to_say(fmt: Format) -> None:
    """Prometheus' own linter reads a whole body, our telemetry included."""
    telemetry = Telemetry()
    telemetry.configured(Settings())
    telemetry.elected(is_leader=True)
    telemetry.rate_limit(5)
    telemetry.clock_skew(-0.5)
    telemetry.discovered(NOW)
    telemetry.reloaded(ok=True, at=NOW)
    telemetry.scraped(0.03, 1024)
    body = await text_of(small_bench(telemetry).exposition, fmt)

    lint = await asyncio.create_subprocess_exec(
        *("promtool", "check", "metrics"), stdin=PIPE, stdout=PIPE, stderr=STDOUT
    )
    said, _ = await lint.communicate(body)

    assert (lint.returncode, said) == (0, b"")
