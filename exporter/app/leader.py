"""Leader election: of several exporters, the holder of a Kubernetes Lease polls."""

from __future__ import annotations

import asyncio
import json
import math
import secrets
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from http import HTTPStatus
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Never

import aiohttp
import structlog

from exporter.config.load import ConfigurationError
from exporter.config.settings import Settings

if TYPE_CHECKING:
    from kubernetes_asyncio.client import ApiClient, Configuration

log = structlog.get_logger(__name__)

# A process that is told to stop has seconds, however long its lease lasts.
REQUEST_SECONDS = 3.0
RELEASE_SECONDS = 1.0
POD_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
METHODS = {"get": "GET", "create": "POST", "update": "PUT"}
# What a retry cannot change.
REFUSED = {400, 401, 403, 404, 405, 422}
ADVICE = (
    ": allow this pod's service account to get, create and update leases of"
    " coordination.k8s.io, see docs/high-availability.md"
)

Json = dict[str, Any]


class LeaseError(Exception):
    """The Lease could not be read or written; a retry may succeed."""


class LeaseClient:
    """Reads and writes one Lease of the Kubernetes API, by namespace and name.

    Both methods raise LeaseError, or ConfigurationError if no retry can help.
    """

    def __init__(self, client: ApiClient, namespace: str, name: str) -> None:
        self._client = client
        self._name = name
        self._path = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"
        self._lease = f"the Lease {name} in namespace {namespace}"

    async def read(self) -> Json:
        """Return metadata and spec of the Lease, or what a new one begins with."""
        new = {"metadata": {"name": self._name}, "spec": {}}
        return await self._request("get") or new

    async def write(self, lease: Json, spec: Json) -> bool:
        """Give a Lease that was read this spec, and create it if it is new.

        Returns False if another process has written it meanwhile: the API compares
        version and UID. What others wrote in the metadata, such as labels, stays.
        """
        kind = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease"}
        verb = "update" if "uid" in lease["metadata"] else "create"
        return await self._request(verb, {**lease, **kind, "spec": spec}) is not None

    async def _request(self, verb: str, body: Json | None = None) -> Json | None:
        """Return the answer; None if the Lease is not there, or not as it was read."""
        path = self._path if verb == "create" else f"{self._path}/{self._name}"
        try:
            response = await self._client.call_api(
                path,
                METHODS[verb],
                body=body,
                auth_settings=["BearerToken"],
                _preload_content=False,
            )
            answer = await response.read()
        except (aiohttp.ClientError, OSError) as error:
            # Its text may hold what was sent, a token for one.
            name = type(error).__name__
            raise LeaseError(f"the Kubernetes API cannot be reached: {name}") from None
        status = response.status
        if status == (404 if verb == "get" else 409):
            return None
        if status in {200, 201}:
            return _parsed(answer)
        told = f"the Kubernetes API answered {status} to {verb} of {self._lease}"
        if status in REFUSED:
            raise _fault(told + ADVICE * (status == HTTPStatus.FORBIDDEN))
        raise LeaseError(told)


def _parsed(answer: bytes) -> Json:
    """Return what is a Lease; a proxy may answer with a page of its own."""
    with suppress(ValueError):
        match json.loads(answer):
            case {"metadata": dict(metadata), "spec": dict(spec)}:
                return {"metadata": metadata, "spec": spec}
    raise LeaseError("the Kubernetes API did not answer with a Lease")


class Elector:
    """One candidate for a Lease; no two candidates may have the same `identity`.

    The others wait `lease_duration` seconds for a renewal before they take over.
    `on_change` is called with whether this process leads, `on_follow` if another does.
    """

    def __init__(
        self,
        lease: LeaseClient,
        identity: str,
        *,
        lease_duration: int,
        on_change: Callable[[bool], None],
        on_follow: Callable[[], None],
    ) -> None:
        self.identity = identity
        self._lease = lease
        self._lease_duration = lease_duration
        # A leader that cannot renew steps down before the others may take over.
        self._renew_deadline = lease_duration * 0.7
        self._retry_period = lease_duration / 5
        self._request_timeout = min(REQUEST_SECONDS, self._retry_period)
        self._on_change = on_change
        self._on_follow = on_follow
        self._now = asyncio.get_running_loop().time
        self._renewed_at = -math.inf
        self._observed: Json = {}
        self._expires_at = -math.inf
        self._failure: str | None = None

    def is_leader(self) -> bool:
        """Return whether this process holds the Lease and has renewed it in time."""
        return self._now() < self._renewed_at + self._renew_deadline

    async def attempt(self) -> None:
        """Read the Lease once; acquire or renew it unless another holds it.

        Raises:
            ConfigurationError: the account lacks a right, or there is no namespace.
            LeaseError, TimeoutError: it failed; a retry may succeed.
        """
        # From before it is sent: others may see a renewal at any time after.
        started = self._now()
        async with asyncio.timeout(self._request_timeout):
            lease = await self._lease.read()
            if self._is_held_by_another(lease["spec"]):
                self._renewed_at = -math.inf
                self._on_follow()
            elif await self._lease.write(lease, self._mine(lease["spec"])):
                self._renewed_at = started

    async def run(self, work: Callable[[], Coroutine[Any, Any, None]]) -> Never:
        """Acquire the Lease, work while it is renewed, step down; then start over."""
        while True:
            if not self.is_leader():
                self._on_change(False)  # noqa: FBT003 - a callback
                await self._try()
            while not self.is_leader():
                await asyncio.sleep(self._retry_period)
                await self._try()
            self._on_change(True)  # noqa: FBT003 - a callback
            log.info("leading", identity=self.identity)
            async with asyncio.TaskGroup() as group:
                working = group.create_task(work())
                await self._renew()
                working.cancel()
            log.warning("not_leading", identity=self.identity)

    async def release(self) -> None:
        """Let another take over at once; the work must have ended."""
        self._renewed_at = -math.inf
        # A Lease that is not released expires.
        with suppress(LeaseError, ConfigurationError, TimeoutError):
            async with asyncio.timeout(RELEASE_SECONDS):
                lease = await self._lease.read()
                if lease["spec"].get("holderIdentity") == self.identity:
                    free = {"holderIdentity": "", "leaseDurationSeconds": 1}
                    await self._lease.write(lease, lease["spec"] | free)

    async def _renew(self) -> None:
        """Renew the Lease until another holds it or the renew deadline has passed."""
        try:
            while self.is_leader():
                async with asyncio.timeout_at(self._renewed_at + self._renew_deadline):
                    await asyncio.sleep(self._retry_period)
                    await self._try()
        except TimeoutError:
            self._renewed_at = -math.inf

    async def _try(self) -> None:
        """Make an attempt; log a failure once, and when it is over."""
        failure = None
        try:
            await self.attempt()
        except (LeaseError, ConfigurationError, TimeoutError) as error:
            failure = str(error) or f"no answer within {self._request_timeout:g} s"
        if failure is not None and failure != self._failure:
            log.warning("lease_failed", error=failure)
        elif failure is None and self._failure is not None:
            log.info("lease_recovered")
        self._failure = failure

    def _is_held_by_another(self, spec: Json) -> bool:
        """Judge by our clock: a Lease lasts from when we saw it change."""
        before, self._observed = self._observed, spec
        holder = spec.get("holderIdentity")
        if spec != before:
            self._expires_at = self._now() + spec.get("leaseDurationSeconds", 0)
        if not holder or holder == self.identity:
            return False
        if holder != before.get("holderIdentity"):
            log.info("following", leader=holder)
        return self._now() < self._expires_at

    def _mine(self, before: Json) -> Json:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        mine = before | {
            "holderIdentity": self.identity,
            "leaseDurationSeconds": self._lease_duration,
            "renewTime": now,
        }
        if before.get("holderIdentity") == self.identity:
            return mine
        transitions = before.get("leaseTransitions", -1) + 1
        return mine | {"acquireTime": now, "leaseTransitions": transitions}


def lease_name(settings: Settings) -> str | None:
    """Return the name of the Lease, one for each shard; None without an election."""
    name, shard = settings.ha.lease, settings.shard
    return f"{name}-{shard.index}" if name and shard.total > 1 else name


def require_extra() -> None:
    """Raise ConfigurationError if the package for the Kubernetes API is missing."""
    if find_spec("kubernetes_asyncio") is None:
        raise _fault("needs a package: pip install 'rocketmq-dr-exporter[kubernetes]'")


@asynccontextmanager
async def election(
    settings: Settings,
    *,
    on_change: Callable[[bool], None],
    on_follow: Callable[[], None],
) -> AsyncIterator[Elector | None]:
    """Take part in the election, and release the Lease at the end; None without one.

    Raises:
        ConfigurationError: no cluster is configured, or it refuses the Lease.
    """
    name = lease_name(settings)
    if name is None:
        yield None
        return
    require_extra()
    from kubernetes_asyncio.client import ApiClient  # noqa: PLC0415 - an extra

    namespace = settings.ha.namespace or _pod_namespace()
    cluster = await _cluster(settings.ha.kubeconfig_file)
    async with ApiClient(cluster) as client:
        elector = Elector(
            LeaseClient(client, namespace, name),
            f"{socket.gethostname()}_{secrets.token_hex(4)}",
            lease_duration=int(settings.ha.lease_duration.total_seconds()),
            on_change=on_change,
            on_follow=on_follow,
        )
        # `run` retries what may pass, and logs it.
        with suppress(LeaseError, TimeoutError):
            await elector.attempt()
        try:
            yield elector
        finally:
            await elector.release()


async def _cluster(kubeconfig: Path | None) -> Configuration:
    """Return how to reach the cluster of a file, or else the pod's own."""
    from kubernetes_asyncio import client, config  # noqa: PLC0415 - an extra

    cluster = client.Configuration()
    try:
        if kubeconfig is None:
            config.load_incluster_config(cluster)  # type: ignore[no-untyped-call]
        else:
            await config.load_kube_config(
                str(kubeconfig), client_configuration=cluster, persist_config=False
            )
    except (config.ConfigException, OSError, ValueError, TypeError) as error:
        where = "as a pod does" if kubeconfig is None else f"by {kubeconfig}"
        why = error if isinstance(error, config.ConfigException) else "cannot be read"
        raise _fault(f"cannot reach the Kubernetes API {where}: {why}") from None
    return cluster


def _pod_namespace() -> str:
    try:
        return POD_NAMESPACE.read_text(encoding="utf-8").strip()
    except OSError:
        fault = "ha.namespace: required: no pod is here, or no token in it"
        raise ConfigurationError((fault,)) from None


def _fault(text: str) -> ConfigurationError:
    return ConfigurationError((f"ha.lease: {text}",))
