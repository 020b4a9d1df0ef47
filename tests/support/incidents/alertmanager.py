"""Which alerts the real Alertmanager holds back, by the inhibitions we ship."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import yaml
from alerting import alertmanager
from eventually import eventually

from incidents.promtool import Labels

# Two alerts that are told last, with the number of the question. Alertmanager reads in
# order: once it holds back the second, it has also judged all alerts before it.
WITNESSED = {
    "source_matchers": ['alertname = "WitnessSource"'],
    "target_matchers": ['alertname = "WitnessTarget"'],
    "equal": ["question"],
}


class Alertmanager:
    """The API of a running Alertmanager."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self._alerts = f"{url}/api/v2/alerts"
        self._session = session
        self._questions = itertools.count()

    async def inhibited(self, alerts: Iterable[Labels]) -> set[Labels]:
        """Return which of these alerts are held back while all of them fire."""
        told = list(alerts)
        question = ("question", str(next(self._questions)))
        source = ("alertname", "WitnessSource"), question
        target = ("alertname", "WitnessTarget"), question
        await self._tell(told, lasting=timedelta(hours=1))
        await self._tell([source, target], lasting=timedelta(hours=1))
        try:
            held_back = await eventually(partial(self._inhibited_with, target))
        finally:
            await self._tell([*told, source, target], lasting=timedelta(seconds=-1))
        return {labels for labels in told if labels in held_back}

    async def _tell(self, alerts: Iterable[Labels], *, lasting: timedelta) -> None:
        now = datetime.now(UTC)
        begin, end = now - timedelta(minutes=1), now + lasting
        body = [
            {
                "labels": dict(labels),
                "startsAt": begin.isoformat(),
                "endsAt": end.isoformat(),
            }
            for labels in alerts
        ]
        async with self._session.post(self._alerts, json=body) as response:
            assert response.status == 200, await response.text()

    async def _inhibited_with(self, witness: Labels) -> set[Labels]:
        """Return what is held back; nothing until the witness is."""
        async with self._session.get(self._alerts) as response:
            alerts = await response.json()
        found = {
            tuple(sorted(alert["labels"].items()))
            for alert in alerts
            if alert["status"]["inhibitedBy"]
        }
        return found if witness in found else set()


def without_receivers(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a configuration that tells nobody, and holds the witness back."""
    receivers = [{"name": receiver["name"]} for receiver in config["receivers"]]
    inhibitions = [*config.get("inhibit_rules", ()), WITNESSED]
    return {**config, "receivers": receivers, "inhibit_rules": inhibitions}


@asynccontextmanager
async def judge(config: Mapping[str, Any], folder: Path) -> AsyncIterator[Alertmanager]:
    """Run a real Alertmanager with the routes and inhibitions of a configuration."""
    text = yaml.safe_dump(without_receivers(config))
    async with (
        alertmanager(text, folder) as address,
        aiohttp.ClientSession() as session,
    ):
        yield Alertmanager(f"http://{address}", session)
