"""The part of the Kubernetes API that keeps Leases: in memory, and over HTTP."""

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

import aiohttp
from aiohttp import web

Json = dict[str, Any]
TOKEN = "canary-lease-token"
FOLDER = "/apis/coordination.k8s.io/v1/namespaces/monitoring/leases"
MICRO_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}(Z|[+-]\d\d:\d\d)")
VERBS = {"GET": "get", "POST": "create", "PUT": "update"}


@dataclass
class LeaseApi:
    """Leases by name, in the namespace `monitoring`, which is the only one.

    `forbidden` are verbs that nobody may use. `answers` are what the next requests get
    instead of an answer: a status, or a body with status 200.
    """

    url: str = ""
    leases: dict[str, Json] = field(default_factory=dict)
    forbidden: set[str] = field(default_factory=set)
    answers: list[int | bytes] = field(default_factory=list)
    version: int = 100

    def spec(self, name: str = "dr") -> Json:
        """Return the spec of a Lease, empty without one."""
        return dict(self.leases.get(name, {}).get("spec", {}))

    def holder(self, name: str = "dr") -> str:
        """Return who holds a Lease, empty if nobody does."""
        return str(self.spec(name).get("holderIdentity") or "")

    def answer(self, method: str, path: str, body: Json | None) -> tuple[int, bytes]:
        """Answer a request with a status and a body."""
        if self.answers:
            answer = self.answers.pop(0)
            return (200, answer) if isinstance(answer, bytes) else (answer, b"refused")
        status, found = self._answer(method, path, body)
        return status, json.dumps(found or {"kind": "Status", "code": status}).encode()

    def _answer(
        self, method: str, path: str, body: Json | None
    ) -> tuple[int, Json | None]:
        if VERBS[method] in self.forbidden:
            return 403, None
        found = self.leases.get(path.removeprefix(FOLDER).removeprefix("/"))
        if body is None:
            return (404, None) if found is None else (200, found)
        if not path.startswith(FOLDER):
            return 404, None
        return self._written(method, body, found) if _is_valid(body) else (422, None)

    def _written(
        self, method: str, lease: Json, before: Json | None
    ) -> tuple[int, Json | None]:
        name = lease["metadata"]["name"]
        if method == "POST":
            is_taken = name in self.leases
            return (409, None) if is_taken else (201, self._keep(name, lease))
        if before is None or _identity(before) != _identity(lease):
            return 409, None
        return 200, self._keep(name, lease)

    def _keep(self, name: str, lease: Json) -> Json:
        self.version += 1
        metadata = {"uid": str(uuid.uuid4())} | lease["metadata"]
        metadata["resourceVersion"] = str(self.version)
        self.leases[name] = lease | {"metadata": metadata}
        return self.leases[name]


def _identity(lease: Json) -> tuple[str, str]:
    return lease["metadata"]["resourceVersion"], lease["metadata"]["uid"]


def _is_valid(lease: Json) -> bool:
    spec = lease["spec"]
    times = [spec[name] for name in ("acquireTime", "renewTime") if spec.get(name)]
    return (
        (lease["apiVersion"], lease["kind"]) == ("coordination.k8s.io/v1", "Lease")
        and all(MICRO_TIME.fullmatch(time) for time in times)
        and spec["leaseDurationSeconds"] > 0
        and spec["leaseTransitions"] >= 0
    )


@dataclass
class Answer:
    """What the client of the Kubernetes API gets."""

    status: int
    body: bytes

    async def read(self) -> bytes:
        """Return the body."""
        return self.body


@dataclass
class ApiLine:
    """Stands in for `kubernetes_asyncio.client.ApiClient`, without a socket.

    `delay` are the seconds before a request arrives. `is_cut` fails all requests.
    """

    api: LeaseApi
    delay: float = 0.0
    is_cut: bool = False

    async def call_api(
        self, path: str, method: str, *, body: Json | None, **_: object
    ) -> Answer:
        """Ask the API."""
        await asyncio.sleep(self.delay)
        if self.is_cut:
            raise aiohttp.ClientConnectionError(f"cut while sending {TOKEN}")
        return Answer(*self.api.answer(method, path, body))


@asynccontextmanager
async def lease_api(tls: ssl.SSLContext | None = None) -> AsyncIterator[LeaseApi]:
    """Serve an API without a Lease; it wants the token."""
    api = LeaseApi()

    async def handle(request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return web.Response(status=401)
        body = await request.json() if request.can_read_body else None
        status, answer = api.answer(request.method, request.path, body)
        return web.Response(status=status, body=answer)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(app, shutdown_timeout=0, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
        host, port = runner.addresses[0][:2]
        api.url = f"{'https' if tls else 'http'}://{host}:{port}"
        yield api
    finally:
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
