"""Whether the API lets us do what the exporter does, region by region.

It prints nothing, publishes nothing, and reads no more of a list than its first page.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

from exporter.app.live.calls import Calls, tell_bug
from exporter.app.live.region import ACTIONS, RegionCheck
from exporter.app.live.verdicts import Outcome, Verdict, clock, key_found
from exporter.cloud.client import connected
from exporter.cloud.credentials import CredentialSource, credential_source
from exporter.cloud.signing import Credentials
from exporter.config import Settings
from exporter.model.errors import CloudError, Reason, RequestTimeoutError, capture_error


async def live_check(
    settings: Settings, *, wall: Callable[[], float] = time.time
) -> tuple[Verdict, ...]:
    """Return the verdicts on the credential, and on actions and clock of each region.

    Each call is bounded by `poll.timeout`, and tried again only when it is throttled;
    the first that shows a region to be out of reach is its last. `wall` is Unix time.
    """
    source = credential_source(settings.api)
    key = await capture_error(_key(source, settings.poll.timeout.total_seconds()))
    if isinstance(key, CloudError):
        tell_bug(key)
        failed = Verdict(Outcome.FAILED, "credential", f"{key}; {key.remedy}")
        return (failed, *_nothing_tried(settings))
    found = key_found(key.provider, is_temporary=key.security_token is not None)
    verdicts = [Verdict(Outcome.OK, "credential", found)]
    watch = _Watch()
    async with connected(
        settings, watch, probe=True, credentials=source, wall=wall
    ) as cloud:
        for region in _regions(settings):
            watch.skew_seconds = None
            verdicts += await RegionCheck(cloud, settings, region).run()
            verdicts.append(clock(region, watch.skew_seconds))
    return tuple(verdicts)


class _Watch:
    """Hears the API's clock; of the rest the verdicts tell."""

    def __init__(self) -> None:
        self.skew_seconds: float | None = None

    def api_request(self, action: str, seconds: float, reason: Reason | None) -> None:
        """Take no note."""

    def api_retry(self, action: str) -> None:
        """Take no note."""

    def api_throttled(self, action: str) -> None:
        """Take no note."""

    def rate_limit(self, per_second: float) -> None:
        """Take no note."""

    def clock_skew(self, seconds: float) -> None:
        """Remember what the last answer told."""
        self.skew_seconds = seconds


async def _key(source: CredentialSource, seconds: float) -> Credentials:
    try:
        async with asyncio.timeout(seconds):
            return await source.get()
    except TimeoutError:
        raise RequestTimeoutError("no key was had within poll.timeout") from None


def _nothing_tried(settings: Settings) -> Sequence[Verdict]:
    verdicts: list[Verdict] = []
    for region in _regions(settings):
        calls = Calls(region)
        calls.skip_rest(ACTIONS, "there is no key to sign it with")
        verdicts += [*calls.verdicts, clock(region, None)]
    return verdicts


def _regions(settings: Settings) -> Sequence[str]:
    """Return the regions that are asked, each once, in the order of their names."""
    plans = settings.plans
    return sorted({settings.region_of(plan) for plan in plans}) or [settings.api.region]
