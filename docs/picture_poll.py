"""Draws docs/images/poll.png: what `poll` shows of the demo in a terminal.

Chromium turns rich's SVG into pixels. The demo's clock stands still, so that the same
program draws the same picture.
"""

from __future__ import annotations

import asyncio
import io
import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import TerminalTheme

from exporter.app import logs
from exporter.app.demo import DEMO_FLAGS
from exporter.app.exporter import opened
from exporter.app.poll import surveyed
from exporter.app.report.survey import Survey
from exporter.app.screen import show
from exporter.app.serve import poll_all
from exporter.config import load
from exporter.simulator.server import running
from exporter.simulator.world import World

PICTURE = Path(__file__).parent / "images" / "poll.png"
COMMAND = "rocketmq-dr-exporter poll"
COLUMNS = 90
# Few enough for all to be seen, among them what every state looks like.
GROUPS = 6
RUNNING_SECONDS = 600.0
# By this one of the lags is near its objective, others are over it.
OBJECTIVE = "10m"
PIXELS_PER_POINT = 1.5
# As wide as a letter of DejaVu Sans Mono is, of its height.
LETTER_ASPECT = 0.602
SECONDS = 60
BROWSERS = ("chromium", "chromium-headless-shell", "google-chrome")

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


def drawing() -> str:
    """Return what a terminal shows, as an SVG that needs nothing from elsewhere."""
    console = Console(
        file=io.StringIO(),
        width=COLUMNS,
        record=True,
        force_terminal=True,
        color_system="truecolor",
        _environ={},
    )
    show(console, asyncio.run(_surveyed()))
    # The frame cuts what hangs below the last line.
    console.print()
    svg = console.export_svg(
        title=COMMAND, theme=_DARK, font_aspect_ratio=LETTER_ASPECT, unique_id="poll"
    )
    svg = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL)
    return svg.replace("Fira Code", "DejaVu Sans Mono").replace("arial", "DejaVu Sans")


async def _surveyed() -> Survey:
    # At the full minute all that moves in turns is where it was.
    now = time.time() // 60 * 60
    world = World(scenario="mixed", groups=GROUPS, started_at=now - RUNNING_SECONDS)
    async with running(world, now=lambda: now) as url:
        flags = {**DEMO_FLAGS, "api.endpoint": url, "objectives.lag": OBJECTIVE}
        settings = load(flags=flags, environ={}, file=None).settings
        async with opened(settings) as exporter:
            await poll_all(exporter)
            return surveyed(exporter, settings, now)


def rasterised(svg: str, picture: Path) -> None:
    """Write an SVG as PNG.

    Raises:
        LookupError: there is no browser to do it.
    """
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        raise LookupError(f"none of {', '.join(BROWSERS)} is installed")
    width, height = _size(svg)
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "poll.html"
        page.write_text(f"<!DOCTYPE html><body style=margin:0>{svg}</body>")
        subprocess.run(  # noqa: S603 - no word of it is from outside
            [
                browser,
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--hide-scrollbars",
                "--default-background-color=00000000",
                f"--user-data-dir={folder}/profile",
                f"--force-device-scale-factor={PIXELS_PER_POINT}",
                f"--window-size={width},{height}",
                f"--screenshot={picture}",
                page.as_uri(),
            ],
            check=True,
            capture_output=True,
            timeout=SECONDS,
        )


def _size(svg: str) -> tuple[int, int]:
    match = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg)
    if match is None:
        raise ValueError("the SVG has no size")
    return round(float(match[1])), round(float(match[2]))


if __name__ == "__main__":
    logs.configure("warn", "logfmt")
    rasterised(drawing(), PICTURE)
    print(f"wrote {PICTURE}")
