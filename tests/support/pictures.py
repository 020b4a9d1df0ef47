"""Takes the pictures in docs/images/ again, of the demo's cloud: `make pictures`."""

from __future__ import annotations

import asyncio
import io
import re
import tempfile
import time
from pathlib import Path

from browser import browser
from incidents.cloud import Cloud
from incidents.process import Process
from lease_api import ApiLine, LeaseApi
from paths import ROOT
from rich.console import Console
from rich.terminal_theme import TerminalTheme
from virtual_time import run_virtually

from exporter.app import logs
from exporter.app.demo import DEMO_FLAGS
from exporter.app.report import MOST_ROWS, show
from exporter.config.load import load
from exporter.config.settings import Settings
from exporter.model.assessment import StatusReport, assess
from exporter.simulator.world import World
from exporter.web.status_page.page import page

IMAGES = ROOT / "docs" / "images"
PAGE_SIZE = 1280, 1430
SCALE = 1.5
COLUMNS = 100
# Few enough for all to be seen, among them what every state looks like.
GROUPS = 6
RUNNING_SECONDS = 1_720.0
FLAGS = {
    **DEMO_FLAGS,
    "api.endpoint": "http://127.0.0.1:1",
    "poll.interval": "1m",
    "poll.stale_after": "5m",
    "poll.discovery_interval": "10m",
}
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


async def found() -> tuple[StatusReport, Settings]:
    """Return what an exporter knows of the demo's cloud after a while."""
    loop, started_at = asyncio.get_running_loop(), time.time() // 60 * 60
    world = World(scenario="mixed", groups=GROUPS, started_at=started_at - 600)
    settings = load(flags=FLAGS, environ={}, file=None)

    def wall() -> float:
        return started_at + loop.time()

    cloud, line = Cloud(world, wall), ApiLine(LeaseApi())
    running = Process("demo", settings, cloud, line, wall)
    running.start()
    await asyncio.sleep(RUNNING_SECONDS)
    report = running.exporter.report()
    await running.stop()
    return report, settings


def terminal(report: StatusReport) -> str:
    """Return what `poll` shows on a terminal, as HTML with nothing from elsewhere."""
    console = Console(
        file=io.StringIO(),
        width=COLUMNS,
        record=True,
        force_terminal=True,
        color_system="truecolor",
        _environ={},
    )
    show(console, assess(report, MOST_ROWS))
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
    demo, in_force = run_virtually(found())
    drawing = terminal(demo)
    (IMAGES / "poll.png").write_bytes(taken(drawing, size_of(drawing)))
    html = page(demo, RUNNING_SECONDS, in_force)
    (IMAGES / "status-page.png").write_bytes(taken(html, PAGE_SIZE))
