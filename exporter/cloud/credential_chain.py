"""Answer what key the vendor's default credential chain gives, and only that.

It must not block the event loop, print, log, leave threads behind or quote a secret.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Final, TypeVar

from exporter.cloud.credential_failure import told
from exporter.cloud.daemon_threads import in_daemon_thread
from exporter.cloud.signing import Credentials
from exporter.model.errors import CredentialsError

KEPT_SECONDS: Final = 60.0
# Without it each of a thousand routes would try the whole chain anew.
FAILURE_KEPT_SECONDS: Final = 10.0

# The vendor gives the first two a handler each time a module of it is imported;
# urllib3 tells the whole URL, and that is where STS wants its tokens.
VENDOR_LOGGERS: Final = ("credentials", "alibabacloud-tea", "urllib3")

T = TypeVar("T")

# A chain, ready to be asked. It blocks, and raises whatever the vendor's code meets.
Ask = Callable[[], Credentials]


def vendor_chain() -> Ask:
    """Return a new default chain of the vendor, silenced and without its threads.

    The first call imports the vendor's package, which reads the environment once.
    """
    from alibabacloud_credentials.provider import (  # noqa: PLC0415 - 0.1 s and 8 MB
        DefaultCredentialsProvider,
        EcsRamRoleCredentialsProvider,
    )

    for name in VENDOR_LOGGERS:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    # By default each such provider starts an APScheduler thread that never ends, and
    # neither the chain nor a profile in it takes an argument against that. Without
    # one the metadata is renewed by whoever asks. Drop this when the vendor's
    # DefaultCredentialsProvider can be told.
    defaults = EcsRamRoleCredentialsProvider.__init__.__kwdefaults__
    defaults["async_update_enabled"] = False
    chain = DefaultCredentialsProvider()

    def ask() -> Credentials:
        given = chain.get_credentials()
        return Credentials(
            given.get_access_key_id(),
            given.get_access_key_secret(),
            given.get_security_token() or None,
            given.get_provider_name().removeprefix("default/"),
        )

    return ask


class ChainCredentials:
    """The vendor's chain, asked by one thread at a time, each answer kept for a minute.

    The chain itself caches temporary keys, and renews them 15 minutes before they end;
    profile files it reads once. So when it still hands out a key that the API refused,
    a new chain is made, which reads the files and asks STS or the metadata again. The
    environment of a process never changes: a key from there is good until a restart.
    """

    def __init__(
        self,
        *,
        open_chain: Callable[[], Ask] = vendor_chain,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._open_chain = open_chain
        self._clock = clock
        self._ask: Ask | None = None
        self._outcome: Credentials | str | None = None  # a str says why there is no key
        self._kept_until = 0.0
        self._rejected: Credentials | None = None
        self._refreshing: asyncio.Task[Credentials | str] | None = None

    async def get(self) -> Credentials:
        """Return the chain's key; all who ask during a refresh wait for that one.

        Raises:
            CredentialsError: no step of the chain has a key.
        """
        outcome = self._outcome
        is_kept = self._rejected is None and self._clock() < self._kept_until
        if outcome is None or not is_kept:
            outcome = await self._shared_refresh()
        if isinstance(outcome, str):
            raise CredentialsError(outcome)
        return outcome

    def reject(self, rejected: Credentials) -> None:
        """Fetch anew before the next use, unless a newer key is here already."""
        if rejected == self._outcome:
            self._rejected = rejected

    async def _shared_refresh(self) -> Credentials | str:
        # A task and not a lock around the call: a thread cannot be cancelled, so a
        # caller that is must leave the refresh to those who still wait for it.
        if self._refreshing is None or self._refreshing.done():
            self._refreshing = asyncio.create_task(self._refresh())
        return await asyncio.shield(self._refreshing)

    async def _refresh(self) -> Credentials | str:
        outcome = await in_daemon_thread(self._ask_chain)
        if outcome == self._rejected:
            self._ask = None
            outcome = await in_daemon_thread(self._ask_chain)
        is_key = isinstance(outcome, Credentials)
        self._rejected = None
        self._outcome = outcome
        self._kept_until = self._clock() + (
            KEPT_SECONDS if is_key else FAILURE_KEPT_SECONDS
        )
        return outcome

    def _ask_chain(self) -> Credentials | str:
        try:
            if self._ask is None:
                self._ask = self._open_chain()
            credentials = self._ask()
        except Exception as error:  # noqa: BLE001 - the vendor lets any error through
            return _failure(told(error))
        if not (credentials.access_key_id and credentials.access_key_secret):
            return _failure(f"{credentials.provider}: answered without a whole key")
        return credentials


def _failure(why: str) -> str:
    return (
        f"the Alibaba Cloud credential chain gave no key ({why}); set "
        "api.access_key_id and api.access_key_secret_file, or mend a step of the chain"
    )
