"""The part of the Kubernetes API that keeps Leases, over real HTTP, and its bad days.

A reading of its own: it shares nothing with the client that it tests. What it answers
on good days `test_lease_contract` asks of a real one too.
"""

from __future__ import annotations

import asyncio
import json
import re
import ssl
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

Json = dict[str, Any]
TOKEN = "canary-lease-token"
PATH = "/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"
MICRO_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}(Z|[+-]\d\d:\d\d)")
VERBS = {"GET": "get", "POST": "create", "PUT": "update", "DELETE": "delete"}


class _DropError(Exception):
    """Whoever asked hears nothing, and loses the connection."""


@dataclass
class LeaseApi:
    """Leases by namespace and name, and what goes wrong with requests for them.

    `statuses` are what the next requests are answered with, whatever they ask; 0 drops
    the connection. `deaf` are the verbs whose answers never come, though what they ask
    is done. `forbidden` are verbs.
    """

    url: str = ""
    namespaces: set[str] = field(default_factory=lambda: {"monitoring"})
    leases: dict[tuple[str, str], Json] = field(default_factory=dict)
    statuses: list[int] = field(default_factory=list)
    forbidden: set[str] = field(default_factory=set)
    deaf: set[str] = field(default_factory=set)
    garbage: list[bytes] = field(default_factory=list)
    asked: list[tuple[str, str]] = field(default_factory=list)
    version: int = 100
    over: asyncio.Event = field(default_factory=asyncio.Event)

    def holder(self, name: str) -> str:
        """Return who holds the lease of a name, empty if nobody does."""
        lease = self.leases.get(("monitoring", name), {})
        return str(lease.get("spec", {}).get("holderIdentity", ""))

    async def handle(self, request: web.Request) -> web.Response:
        """Answer a request."""
        verb = VERBS[request.method]
        self.asked.append((verb, request.path_qs))
        try:
            status, body = self._answer(verb, request, await request.read())
        except _DropError:
            if request.transport is not None:
                request.transport.abort()
            return web.Response()
        if verb in self.deaf:
            await self.over.wait()
        if self.garbage:
            return web.Response(body=self.garbage.pop(0), content_type="text/html")
        return web.json_response(body, status=status)

    def _answer(self, verb: str, request: web.Request, body: bytes) -> tuple[int, Json]:
        if refused := self._refusal(verb, request):
            return _failure(refused, "Refused")
        namespace, name = (request.match_info.get(x, "") for x in ("namespace", "name"))
        found = self.leases.get((namespace, name))
        if verb in {"get", "delete"}:
            if verb == "delete":
                self.leases.pop((namespace, name), None)
            return (200, found) if found else _failure(404, "NotFound")
        lease = json.loads(body)
        is_dry = "dryRun" in request.query
        if complaint := _unreadable(lease) or _misnamed(lease, name):
            return _failure(400, complaint)
        if verb == "create":
            return self._create(namespace, lease, is_dry=is_dry)
        return self._update(namespace, lease, found, is_dry=is_dry)

    def _refusal(self, verb: str, request: web.Request) -> int:
        """Return the status of what comes before any lease is looked at, or 0."""
        if self.statuses:
            if (status := self.statuses.pop(0)) == 0:
                raise _DropError
            return status
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return 401
        return 403 if verb in self.forbidden else 0

    def _create(self, namespace: str, lease: Json, *, is_dry: bool) -> tuple[int, Json]:
        if namespace not in self.namespaces:
            return _failure(404, "NotFound")
        if (namespace, lease["metadata"]["name"]) in self.leases:
            return _failure(409, "AlreadyExists")
        if complaint := _invalid(lease):
            return _failure(422, complaint)
        if "resourceVersion" in lease["metadata"] and not is_dry:
            return _failure(500, "resourceVersion should not be set on what is created")
        new = {"uid": str(uuid.uuid4()), "creationTimestamp": "2026-01-02T03:04:05Z"}
        return 201, lease if is_dry else self._stored(namespace, lease, new)

    def _update(
        self, namespace: str, lease: Json, before: Json | None, *, is_dry: bool
    ) -> tuple[int, Json]:
        if before is None:
            return self._create_by_update(namespace, lease, is_dry=is_dry)
        own = before["metadata"]
        version, uid = (lease["metadata"].get(x) for x in ("resourceVersion", "uid"))
        if version is None:
            return _failure(422, "metadata.resourceVersion: must be specified")
        if version != own["resourceVersion"] or uid not in {None, own["uid"]}:
            return _failure(409, "Conflict")
        if complaint := _invalid(lease):
            return _failure(422, complaint)
        return 200, lease if is_dry else self._stored(namespace, lease, own)

    def _create_by_update(
        self, namespace: str, lease: Json, *, is_dry: bool
    ) -> tuple[int, Json]:
        """Create what an update names and is not there, unless it says what it was."""
        if "uid" in lease["metadata"]:
            return _failure(409, "Conflict")
        if "create" in self.forbidden:
            return _failure(403, "Forbidden")
        lease["metadata"].pop("resourceVersion", None)
        return self._create(namespace, lease, is_dry=is_dry)

    def _stored(self, namespace: str, lease: Json, before: Json) -> Json:
        """Keep it, with what is the server's to say: of metadata from `before`."""
        self.version += 1
        metadata = lease["metadata"] | {
            "namespace": namespace,
            "resourceVersion": str(self.version),
            **{name: before[name] for name in ("uid", "creationTimestamp")},
        }
        kept = lease | {"metadata": metadata}
        self.leases[namespace, metadata["name"]] = kept
        return kept


def _unreadable(lease: Json) -> str:
    """Return what keeps the API server from reading it as a Lease."""
    if (lease["apiVersion"], lease["kind"]) != ("coordination.k8s.io/v1", "Lease"):
        return "no kind is registered"
    times = (lease["spec"].get(name) for name in ("acquireTime", "renewTime"))
    if not all(MICRO_TIME.fullmatch(time) for time in times if time is not None):
        return "parsing time"
    return ""


def _misnamed(lease: Json, name: str) -> str:
    """Return what it has against a name beside that of the URL, where that has one."""
    if name in {"", lease["metadata"]["name"]}:
        return ""
    return "the name of the object does not match the name on the URL"


def _invalid(lease: Json) -> str:
    """Return what the API server's validation would say."""
    spec = lease["spec"]
    if (seconds := spec.get("leaseDurationSeconds")) is not None and seconds <= 0:
        return "spec.leaseDurationSeconds: must be greater than 0"
    if spec.get("leaseTransitions", 0) < 0:
        return "spec.leaseTransitions: must be greater than or equal to 0"
    return ""


def _failure(status: int, reason: str) -> tuple[int, Json]:
    return status, {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "message": f"{reason} {TOKEN}",
        "reason": reason,
        "code": status,
    }


@asynccontextmanager
async def lease_api(tls: ssl.SSLContext | None = None) -> AsyncIterator[LeaseApi]:
    """Serve an API that keeps no lease yet."""
    api = LeaseApi()
    app = web.Application()
    app.router.add_route("POST", PATH, api.handle)
    for method in ("GET", "PUT", "DELETE"):
        app.router.add_route(method, f"{PATH}/{{name}}", api.handle)
    runner = web.AppRunner(app, shutdown_timeout=0, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
        host, port = runner.addresses[0][:2]
        api.url = f"{'https' if tls else 'http'}://{host}:{port}"
        yield api
    finally:
        api.over.set()
        await runner.cleanup()


def kubeconfig(
    folder: Path, url: str, token: str = TOKEN, authority: Path | None = None
) -> Path:
    """Write what says how to reach an API, as kubectl reads it."""
    file = folder / "kubeconfig"
    name = {"name": "x"}
    cluster = {"server": url}
    if authority is not None:
        cluster["certificate-authority"] = str(authority)
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "x",
        "contexts": [name | {"context": {"cluster": "x", "user": "x"}}],
        "clusters": [name | {"cluster": cluster}],
        "users": [name | {"user": {"token": token}}],
    }
    file.write_text(json.dumps(content))
    return file
