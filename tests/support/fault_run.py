"""The whole exporter with two routes: one behind a fault layer, one that is well.

Whoever looks at it looks at both, and at what holds at any moment under any fault.
"""

from __future__ import annotations

import asyncio
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import aiohttp
from fault_answers import ROWS
from fault_layer import FaultLayer
from leaks import everything_about

from exporter.app.exporter import Exporter
from exporter.model.errors import Reason
from exporter.model.types import RouteStatus
from exporter.simulator import bodies

WELL, ILL = "1300000016", "1300000017"
KEY_ID, SECRET, TOKEN = "canarykeyid4711", "canary-secret-0815", "canary-token-2342"
LAG = "rocketmq_dr_sync_lag_seconds"


@dataclass
class Run:
    """A running exporter, and what of it was ever shown."""

    exporter: Exporter
    layer: FaultLayer
    client: aiohttp.ClientSession
    log: io.StringIO
    stale_after: float
    rejected: int = 0
    shown: set[str] = field(default_factory=set)

    def status(self, plan_id: str = ILL) -> RouteStatus | None:
        """Return what is known of a plan's route, None if there is none."""
        found = (
            s for s in self.exporter.store.statuses() if s.route.plan_id == plan_id
        )
        return next(found, None)

    def polls(self, plan_id: str = ILL) -> int:
        """Return how often a plan's route was polled."""
        status = self.status(plan_id)
        return 0 if status is None else status.polls

    def failures(self, plan_id: str = ILL) -> Mapping[Reason, int]:
        """Return how often each reason was met by a plan's route."""
        status = self.status(plan_id)
        return MappingProxyType({}) if status is None else status.failures

    async def look(self) -> str:
        """Scrape, hold what was read against what must always hold, and return it."""
        before = self._age()
        text = await self._text("/metrics")
        after = self._age()
        seen = series(text)

        assert series(text, plan_id=WELL) == ROWS, "the other route has a gap"
        assert f'rocketmq_dr_up{{plan_id="{WELL}"' in text
        # A fault may begin or end amid a poll, and spoil a row of some pages only.
        possible = {0, *range(ROWS - self.rejected, ROWS + 1)}
        assert seen in possible, "part of a poll is shown"
        if before is not None and before > self.stale_after:
            assert seen == 0, "stale checkpoints are shown"
        if after is not None and after < self.stale_after:
            assert seen, "good checkpoints are withdrawn"
        return text

    async def page(self) -> None:
        """Open the other pages; they never depend on the cloud."""
        await self._text("/")
        assert "Healthy" in await self._text("/-/healthy")
        assert "Ready" in await self._text("/-/ready")

    def look_inside(self) -> None:
        """Note what a debugger or a traceback would show of what has failed."""
        exporter = self.exporter
        errors = [
            *exporter.poller._failing.values(),
            *exporter.discovery._failing.values(),
        ]
        self.shown.update(everything_about(error) for error in errors)
        self.shown.update(
            repr(thing)
            for thing in (
                exporter.store.statuses(),
                exporter.discovery.inventory,
                exporter._settings,
                vars(exporter._cloud._transport),
                exporter._cloud._transport._credentials,
            )
        )

    def leaks(self) -> list[str]:
        """Return the secrets that were shown, or logged, anywhere."""
        everything = "\n".join([*self.shown, self.log.getvalue()])
        signatures = {
            found[1]
            for header in self.layer.authorizations
            if (found := re.search(r"Signature=(\w+)", header))
        }
        secrets = {KEY_ID, SECRET, TOKEN, bodies.USERNAME_CANARY, *signatures}
        secrets |= {bodies.PASSWORD_CANARY, "Signature=", "string to sign", "CANARY"}
        return sorted(secret for secret in secrets if secret in everything)

    def log_lines(self) -> list[str]:
        """Return what was logged."""
        return self.log.getvalue().splitlines()

    def _age(self) -> float | None:
        status = self.status()
        if status is None or status.last_success_at is None:
            return None
        return asyncio.get_running_loop().time() - status.published_at

    async def _text(self, path: str) -> str:
        async with self.client.get(path) as response:
            text = await response.text()
        self.shown.add(text)
        return text


def series(text: str, name: str = LAG, plan_id: str = ILL) -> int:
    """Return how many samples of a name a plan has in a scrape."""
    return text.count(f'\n{name}{{plan_id="{plan_id}"')
