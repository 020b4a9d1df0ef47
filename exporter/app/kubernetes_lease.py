"""The lease as a Kubernetes Lease: the only module that knows kubernetes_asyncio.

Imported only where `ha.lease` is set, for the package is an extra.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from typing import cast

import aiohttp
from kubernetes_asyncio.client import (
    ApiClient,
    ApiException,
    Configuration,
    CoordinationV1Api,
    V1Lease,
    V1LeaseSpec,
    V1ObjectMeta,
)
from kubernetes_asyncio.config import (
    ConfigException,
    incluster_config,
    load_kube_config,
)

from exporter.app.lease import (
    Lease,
    LeaseError,
    LeaseRefusedError,
    LeaseTakenError,
)

DRY_RUN = "All"
# Of no record: the store counts on from it with its first write.
NO_VERSION = "1"
MALFORMED = "the Kubernetes API answered what is no Lease"
# Waiting mends none of these: the account, its rights, or what was asked.
_PERMANENT = {
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.NOT_FOUND,
    HTTPStatus.METHOD_NOT_ALLOWED,
    HTTPStatus.UNPROCESSABLE_ENTITY,
}


class _AbsentError(LeaseRefusedError):
    """What was asked for is not there: where it was to be written, its namespace."""


class KubernetesLeases:
    """One Lease of a cluster, by `name` in `namespace`."""

    def __init__(self, api: CoordinationV1Api, namespace: str, name: str) -> None:
        self._api = api
        self._namespace = namespace
        self._name = name
        # What others wrote on it, such as labels, goes back with each replacement. So
        # does its UID: without, the API would write anew what was deleted meanwhile.
        self._metadata = V1ObjectMeta(name=name, namespace=namespace)

    async def read(self) -> Lease | None:
        """Return what is on record, None where nothing is."""
        reading = self._api.read_namespaced_lease(self._name, self._namespace)
        try:
            found = await self._answer("get", reading)
        except _AbsentError:
            return None
        self._metadata = found.metadata
        return _lease(found.spec, found.metadata.resource_version or "")

    async def create(self, lease: Lease) -> None:
        """Put the first record down, unless there is one."""
        await self._create(lease)

    async def replace(self, lease: Lease) -> None:
        """Put it in the place of the record whose version it names."""
        await self._replace(lease)

    async def rehearse(self, lease: Lease) -> None:
        """Fail where a first record or a replacement would, and write nothing.

        That there is another record, or none, is no failure: rights come before.
        """
        # In this order: to replace what is not there is to create it, and refused to
        # whoever may not, which would be told as the wrong right.
        with suppress(LeaseTakenError):
            await self._create(lease, dry_run=DRY_RUN)
        # Without a version it would be at fault where another creates it meanwhile.
        named = replace(lease, version=lease.version or NO_VERSION)
        with suppress(LeaseTakenError):
            await self._replace(named, dry_run=DRY_RUN)

    async def _create(self, lease: Lease, dry_run: str | None = None) -> None:
        first = replace(lease, version="")
        body = self._body(first, V1ObjectMeta(name=self._name))
        writing = self._api.create_namespaced_lease(
            self._namespace,
            body,
            dry_run=dry_run,  # type: ignore[arg-type]  # None is its default
        )
        await self._answer("create", writing)

    async def _replace(self, lease: Lease, dry_run: str | None = None) -> None:
        body = self._body(lease, self._metadata)
        writing = self._api.replace_namespaced_lease(
            self._name,
            self._namespace,
            body,
            dry_run=dry_run,  # type: ignore[arg-type]  # None is its default
        )
        await self._answer("update", writing)

    def _body(self, lease: Lease, metadata: V1ObjectMeta) -> V1Lease:
        if lease.version:
            metadata.resource_version = lease.version
        return V1Lease(
            api_version="coordination.k8s.io/v1",
            kind="Lease",
            metadata=metadata,
            spec=V1LeaseSpec(
                holder_identity=lease.holder or None,
                lease_duration_seconds=lease.duration,
                acquire_time=_micro(lease.acquired_at),
                renew_time=_micro(lease.renewed_at),
                lease_transitions=lease.transitions,
            ),
        )

    async def _answer(self, verb: str, asking: Awaitable[V1Lease]) -> V1Lease:
        """Return the answer, which is a Lease also to whoever writes one."""
        try:
            found = await asking
        except ApiException as error:
            raise self._error(verb, error) from None
        except (aiohttp.ClientError, ConfigException, OSError) as error:
            # Its text may hold what was sent; its name says what happened. A token that
            # is just being replaced is no configuration either.
            raise LeaseError(
                f"the Kubernetes API cannot be reached: {type(error).__name__}"
            ) from None
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
            raise LeaseError(MALFORMED) from None
        # None is what the client makes of `null`, and of a proxy's page an empty one.
        if not (found and found.metadata and found.spec):
            raise LeaseError(MALFORMED)
        return found

    def _error(self, verb: str, error: ApiException) -> LeaseError:
        status = error.status
        if status == HTTPStatus.CONFLICT:
            return LeaseTakenError("the Lease has changed")
        told = f"the Kubernetes API answered {status} to {verb} of {self._shown()}"
        if status == HTTPStatus.FORBIDDEN:
            return LeaseRefusedError(
                f"{told}: allow this pod's service account to get, create and update"
                " leases of coordination.k8s.io, see docs/high-availability.md"
            )
        if status == HTTPStatus.NOT_FOUND:
            return _AbsentError(f"{told}: there is no such namespace")
        return LeaseRefusedError(told) if status in _PERMANENT else LeaseError(told)

    def _shown(self) -> str:
        return f"the Lease {self._name} in namespace {self._namespace}"


@asynccontextmanager
async def kubernetes_leases(
    namespace: str, name: str, kubeconfig: Path | None
) -> AsyncIterator[KubernetesLeases]:
    """Connect to the cluster that the file names, or else to the pod's own.

    Raises:
        LeaseRefusedError: nothing says how to reach a cluster.
    """
    configuration = Configuration()
    try:
        if kubeconfig is None:
            _load_pod(configuration)
        else:
            await load_kube_config(
                config_file=str(kubeconfig),
                client_configuration=configuration,
                persist_config=False,
            )
    except (ConfigException, OSError, ValueError, TypeError) as error:
        where = "as a pod does" if kubeconfig is None else f"by {kubeconfig}"
        told = str(error) if isinstance(error, ConfigException) else "cannot be read"
        raise LeaseRefusedError(
            f"cannot reach the Kubernetes API {where}: {told}"
        ) from None
    async with ApiClient(configuration) as client:
        yield KubernetesLeases(CoordinationV1Api(client), namespace, name)


def _load_pod(configuration: Configuration) -> None:
    """Read how a pod reaches its cluster, and its token anew for each request.

    The client reads it once a minute by the wall clock, which may be stepped back.
    """
    loader = incluster_config.InClusterConfigLoader(
        token_filename=incluster_config.SERVICE_TOKEN_FILENAME,
        cert_filename=incluster_config.SERVICE_CERT_FILENAME,
    )
    loader.load_and_set(configuration)
    # Its type says coroutine; it is a function.
    reread = cast("Callable[[Configuration], None]", configuration.refresh_api_key_hook)

    def reread_at_once(of: Configuration) -> None:
        loader.token_expires_at = datetime.min  # noqa: DTZ901 - compared with such
        reread(of)

    configuration.refresh_api_key_hook = reread_at_once


def _lease(spec: V1LeaseSpec, version: str) -> Lease:
    return Lease(
        holder=spec.holder_identity or "",
        duration=spec.lease_duration_seconds or 0,
        acquired_at=spec.acquire_time,
        renewed_at=spec.renew_time,
        transitions=spec.lease_transitions or 0,
        version=version,
    )


def _micro(at: datetime | None) -> datetime | None:
    """Return a time that is written with six decimals, as the API insists on.

    Python leaves them out where they are zeros.
    """
    return at.replace(microsecond=at.microsecond or 1) if at else None
