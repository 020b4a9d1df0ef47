"""The candidate that this process is, where `ha.lease` says that only one may poll.

It joins the settings, the lease and whoever keeps it, and decides nothing.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib.util import find_spec
from pathlib import Path

from exporter.app.leadership import Elector
from exporter.app.lease import LeaseRefusedError
from exporter.config import ConfigurationError, Settings

EXTRA = "kubernetes_asyncio"
POD_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


def lease_name(settings: Settings) -> str | None:
    """Return the name of this shard's lease, None where nothing is elected.

    Each shard has a lease of its own: on one for all, but one would wait for ever.

    >>> from exporter.config import HaSettings, ShardSettings
    >>> ha = HaSettings(lease="dr")
    >>> lease_name(Settings(ha=ha, shard=ShardSettings(index=1, total=3)))
    'dr-1'
    """
    name = settings.ha.lease
    if name is None or settings.shard.total == 1:
        return name
    return f"{name}-{settings.shard.index}"


def require_extra() -> None:
    """Look whether what an election needs is installed.

    Raises:
        ConfigurationError: it is not.
    """
    if find_spec(EXTRA) is None:
        raise _fault("needs a package: pip install 'rocketmq-dr-exporter[kubernetes]'")


@asynccontextmanager
async def candidate(
    settings: Settings,
    *,
    on_change: Callable[[bool], None],
    on_follow: Callable[[], None],
) -> AsyncIterator[Elector | None]:
    """Stand for election, and give back at the end what was won; None: nobody does.

    Raises:
        ConfigurationError: there is no lease to be had here.
    """
    name = lease_name(settings)
    if name is None:
        yield None
        return
    require_extra()
    from exporter.app.kubernetes_lease import (  # noqa: PLC0415 - an extra
        kubernetes_leases,
    )

    namespace = settings.ha.namespace
    if namespace is None:
        namespace = await asyncio.to_thread(_pod_namespace)
    # No other process may ever take itself for this one, not even in the same pod.
    identity = f"{socket.gethostname()}_{secrets.token_hex(4)}"
    try:
        async with kubernetes_leases(
            namespace, name, settings.ha.kubeconfig_file
        ) as leases:
            elector = Elector(
                leases,
                identity,
                duration=int(settings.ha.lease_duration.total_seconds()),
                on_change=on_change,
                on_follow=on_follow,
            )
            await elector.start()
            try:
                yield elector
            finally:
                await elector.resign()
    except LeaseRefusedError as error:
        raise _fault(str(error)) from None


def _pod_namespace() -> str:
    try:
        return POD_NAMESPACE.read_text(encoding="utf-8").strip()
    except OSError:
        raise ConfigurationError(
            ("ha.namespace: required: no pod is here, or no token in it",)
        ) from None


def _fault(told: str) -> ConfigurationError:
    return ConfigurationError((f"ha.lease: {told}",))
