"""Measures the status page of a hundred thousand checkpoints, served over HTTP.

A program, so that it is measured without what counts the lines that tests run.
"""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import replace
from typing import Any

import aiohttp
from core_cases import ROUTE
from report_cases import large, report_of
from web_server import SITE

from exporter.model.assessment import StatusReport
from exporter.web.server import application, serving

ROUTES, CHECKPOINTS_EACH, TRIES = 100, 1_000, 5


def large_report() -> StatusReport:
    """Return routes that have a hundred thousand checkpoints together."""
    return report_of(
        *(
            large(replace(ROUTE, item_id=str(number)), CHECKPOINTS_EACH)
            for number in range(ROUTES)
        )
    )


async def measured() -> dict[str, Any]:
    """Return the size of the page, and what of the processor the best answer took.

    That is of client and server together, and nothing of what else the machine does.
    The first answer, with its imports, does not count.
    """
    report = large_report()
    body, took = b"", []
    for _ in range(TRIES + 1):
        app = application(replace(SITE, report=lambda: report))
        async with (
            serving(app, ["127.0.0.1:0"]) as (address,),
            aiohttp.ClientSession() as client,
        ):
            started = time.process_time()
            async with client.get(f"http://{address}/") as response:
                body = await response.read()
            took.append(time.process_time() - started)
    more = f"{ROUTES * CHECKPOINTS_EACH - 50:,} more checkpoints".encode()
    return {"seconds": min(took[1:]), "bytes": len(body), "is_whole": more in body}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(measured())))  # noqa: T201 - a program
