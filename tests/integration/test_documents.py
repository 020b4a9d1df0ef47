"""The shell blocks of documents that are marked to be run: they work as they stand."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from paths import ROOT
from programs import clean_environment, run

from exporter.simulator.server import running
from exporter.simulator.world import World

# A block without "run" needs an account, a cluster, or is not to be repeated.
MARKED = re.compile(r"^```sh run\n(.*?)^```$", re.MULTILINE | re.DOTALL)
BLOCKS = [
    pytest.param(text, id=f"{page.relative_to(ROOT)}-{number}")
    for page in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"))
    for number, text in enumerate(MARKED.findall(page.read_text(encoding="utf-8")), 1)
]


@pytest.mark.parametrize("text", BLOCKS)
async def test_a_block_that_is_marked_works(text: str, tmp_path: Path) -> None:
    """In the shell of a user who has a key for a cloud in which all is well."""
    programs = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    async with running(World(scenario="healthy", groups=5)) as url:
        result = await run(
            *("bash", "-euo", "pipefail", "-c", text),
            env=clean_environment(
                tmp_path,
                PATH=programs,
                ROCKETMQ_DR_API__ENDPOINT=url,
                ALIBABA_CLOUD_ACCESS_KEY_ID="simulator",
                ALIBABA_CLOUD_ACCESS_KEY_SECRET="simulator",
            ),
        )

    assert result.status == 0, result.out + result.err
