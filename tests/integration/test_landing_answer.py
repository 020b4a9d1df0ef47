"""The landing page over HTTP: its headers, how often it is made, and what it costs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import aiohttp
from exposition_cases import FakeClock
from paths import ROOT
from web_server import SITE

from exporter.web.server import application, serving
from exporter.web.status_page.answer import (
    LandingPage,
)
from exporter.web.status_page.facts import Facts


@dataclass
class Known:
    """What is known, which counts how often it is asked for."""

    facts: Facts
    asked: int = 0
    clock: FakeClock = field(default_factory=FakeClock)

    def __call__(self) -> Facts:
        """Return what is known."""
        self.asked += 1
        return self.facts

    def page(self) -> LandingPage:
        """Return a page of it."""
        return LandingPage(self, self.clock)


@asynccontextmanager
async def client_of(facts: Facts) -> AsyncIterator[aiohttp.ClientSession]:
    """Serve the page of these facts, and yield a client."""
    app = application(replace(SITE, facts=lambda: facts))
    async with (
        serving(app, ["127.0.0.1:0"]) as (address,),
        aiohttp.ClientSession(f"http://{address}") as client,
    ):
        yield client


def test_a_hundred_thousand_checkpoints_cost_little() -> None:
    """Under 100 ms and 200 kB, with the search for the worst and over HTTP."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("COV")}
    paths = f"{ROOT}{os.pathsep}{ROOT / 'tests'}"
    found = json.loads(
        subprocess.run(
            [sys.executable, ROOT / "tests" / "landing_bench.py"],
            env={**environment, "PYTHONPATH": paths},
            stdout=subprocess.PIPE,
            check=True,
        ).stdout
    )

    assert found["is_whole"]
    assert found["bytes"] < 200_000
    assert found["seconds"] < 0.1


def test_a_start_costs_no_template_engine() -> None:
    """Nor what puts the page into words: that is imported by the first visitor."""
    imported = "import sys, exporter.app.serve; print(*sys.modules)"
    found = subprocess.run(
        [sys.executable, "-c", imported], capture_output=True, text=True, check=True
    ).stdout.split()

    assert "exporter.web.status_page.answer" in found
    assert {"jinja2", "exporter.web.status_page.view"}.isdisjoint(found)
