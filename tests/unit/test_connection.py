"""How persistently a client asks: for polls, and for a diagnosis."""

from __future__ import annotations

import pytest
from fakes import FakeCloud, Reply, fake_cloud, item_row, page_of

from exporter.cloud.connection import POLLING, PROBING, Manner, connected
from exporter.config import load
from exporter.metrics.telemetry import Telemetry
from exporter.model.errors import UnavailableError

ITEMS = "/disaster_recovery/1/items"


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")


async def listed(cloud: FakeCloud, manner: Manner | None) -> int:
    """Return how many items a client finds, None for one that is told no manner."""
    flags = {
        "api.endpoint": cloud.url,
        "api.access_key_id": "simulator",
        "api.access_key_secret": "simulator",
        "api.requests_per_second": "1000",
    }
    settings = load(flags=flags, environ={}, file=None).settings
    telemetry = Telemetry()
    opening = (
        connected(settings, telemetry)
        if manner is None
        else connected(settings, telemetry, manner=manner)
    )
    async with opening as client:
        return len(await client.list_items("cn-hangzhou", "1"))


@pytest.mark.parametrize(
    ("manner", "items"), [(None, 25), (POLLING, 25), (PROBING, 10)]
)
async def test_a_poll_reads_every_page_and_a_diagnosis_the_first(
    manner: Manner | None, items: int
) -> None:
    """Unless it is told otherwise a client leaves nothing out."""
    async with fake_cloud() as cloud:
        cloud.answer_pages(ITEMS, [item_row(number) for number in range(25)], size=10)

        assert await listed(cloud, manner) == items


async def test_a_poll_outlasts_what_a_diagnosis_tells() -> None:
    """Unless it is told otherwise a client tries again after a server error."""
    async with fake_cloud() as cloud:
        good = Reply(page_of([item_row(10)]))
        cloud.answer(ITEMS, Reply(status=503), good, page=1)
        assert await listed(cloud, None) == 1

        cloud.answer(ITEMS, Reply(status=503), good, page=1)
        with pytest.raises(UnavailableError):
            await listed(cloud, PROBING)
