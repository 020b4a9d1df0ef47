"""Takes the pictures in docs/images/ again, both of the demo: `make pictures`."""

from __future__ import annotations

import asyncio
import io
import re
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from browser import browser
from paths import ROOT
from rich.console import Console
from rich.terminal_theme import TerminalTheme

from exporter.app import logs
from exporter.app.demo import DEMO_FLAGS
from exporter.app.exporter import opened
from exporter.app.poll import poll_all
from exporter.app.report import show
from exporter.config.load import load
from exporter.model.assessment import StatusReport
from exporter.simulator.server import running
from exporter.simulator.world import World
from exporter.web.status_page.page import page

IMAGES = ROOT / "docs" / "images"
PAGE_SIZE = 1280, 1240
SCALE = 1.5
COLUMNS = 90
# Few enough for all to be seen, among them what every state looks like.
GROUPS = 6
RUNNING_SECONDS = 600.0
# By this one of the lags is near its objective, others are over it.
OBJECTIVE = "10m"
# As wide as a letter of DejaVu Sans Mono is, of its height.
LETTER_ASPECT = 0.602

_DARK = TerminalTheme(
    (22, 27, 34),
    (201, 209, 217),
    [
        (72, 79, 88),
        (255, 123, 114),
        (63, 185, 80),
        (227, 179, 65),
        (88, 166, 255),
        (188, 140, 255),
        (57, 197, 207),
        (177, 186, 196),
    ],
)


def report() -> StatusReport:
    """Return what the demo finds; its clock stands still at a full minute."""
    return asyncio.run(_report(time.time() // 60 * 60))


async def _report(now: float) -> StatusReport:
    world = World(scenario="mixed", groups=GROUPS, started_at=now - RUNNING_SECONDS)
    async with running(world, now=lambda: now) as url:
        flags = {**DEMO_FLAGS, "api.endpoint": url, "objectives.lag": OBJECTIVE}
        settings = load(flags=flags, environ={}, file=None)
        async with opened(settings) as exporter:
            await poll_all(exporter)
            return replace(exporter.report(), at=now)


def terminal(found: StatusReport) -> str:
    """Return what `poll` shows on a terminal, as HTML with nothing from elsewhere."""
    console = Console(
        file=io.StringIO(),
        width=COLUMNS,
        record=True,
        force_terminal=True,
        color_system="truecolor",
        _environ={},
    )
    show(console, found)
    # The frame cuts what hangs below the last line.
    console.print()
    svg = console.export_svg(
        title="rocketmq-dr-exporter poll",
        theme=_DARK,
        font_aspect_ratio=LETTER_ASPECT,
        unique_id="poll",
    )
    svg = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL)
    svg = svg.replace("Fira Code", "DejaVu Sans Mono").replace("arial", "DejaVu Sans")
    return f"<!DOCTYPE html><body style=margin:0>{svg}</body>"


def status_page(found: StatusReport) -> str:
    """Return the status page."""
    return page(found, uptime_seconds=600.0, telemetry_path="/metrics")


def taken(html: str, size: tuple[int, int]) -> bytes:
    """Return what a browser's window of this size shows, as PNG."""
    width, height = size
    with tempfile.TemporaryDirectory() as folder, browser() as window:
        file = Path(folder) / "page.html"
        file.write_text(html, encoding="utf-8")
        window.open(file.as_uri(), width=width)
        window.look(width, "light", height=height, scale=SCALE)
        return window.picture()


def size_of(html: str) -> tuple[int, int]:
    """Return how large the drawing of a terminal is."""
    match = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', html)
    assert match is not None
    return round(float(match[1])), round(float(match[2]))


if __name__ == "__main__":
    logs.configure("warn", "logfmt")
    demo = report()
    drawing = terminal(demo)
    (IMAGES / "poll.png").write_bytes(taken(drawing, size_of(drawing)))
    (IMAGES / "status-page.png").write_bytes(taken(status_page(demo), PAGE_SIZE))
