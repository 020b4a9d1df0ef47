"""A cloud of real HTTP and no cloud: it answers what a test says, and notes who asked.

It must not know the API's rules; the simulated cloud does.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

Json = dict[str, Any]
NOON_MS = 1_740_724_080_343


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer; what is no bytes is sent as JSON."""

    body: bytes | Json = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


Answering = Callable[[web.BaseRequest], Awaitable[Reply]]


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it arrived; `target` is the bytes of its request line."""

    method: str
    target: str
    headers: Mapping[str, str]
    page: int | None
    at: float


class FakeCloud:
    """Answers by path and page, each list of replies in turn and its last for good."""

    def __init__(self) -> None:
        self.url = ""
        self.asked: list[Asked] = []
        self.in_flight = 0
        self.most_in_flight = 0
        self._replies: dict[tuple[str, int | None], list[Reply | Answering]] = {}

    def answer(
        self, path: str, *replies: Reply | Answering, page: int | None = None
    ) -> None:
        """Say what is answered at a path, to one page of it or to all the others."""
        self._replies[path, page] = list(replies)

    def answer_pages(self, path: str, rows: Sequence[Json], *, size: int) -> None:
        """Answer a path with a list cut into pages."""
        for page in range(1, max(1, -(-len(rows) // size)) + 1):
            cut = rows[(page - 1) * size : page * size]
            self.answer(
                path, Reply(page_of(cut, total=len(rows), size=size)), page=page
            )

    @property
    def pages(self) -> list[int | None]:
        """The page numbers asked for, in their order."""
        return [asked.page for asked in self.asked]

    async def handle(self, request: web.BaseRequest) -> web.Response:
        """Note a request and answer it."""
        text = request.query.get("pageNumber")
        page = None if text is None else int(text)
        now = asyncio.get_running_loop().time()
        self.asked.append(
            Asked(request.method, request.raw_path, request.headers, page, now)
        )
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            reply = await self._next(request, page)
        finally:
            self.in_flight -= 1
        body = reply.body
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return web.Response(body=raw, status=reply.status, headers=reply.headers)

    async def _next(self, request: web.BaseRequest, page: int | None) -> Reply:
        replies = self._replies.get((request.path, page))
        if replies is None:
            replies = self._replies[request.path, None]
        reply = replies.pop(0) if len(replies) > 1 else replies[0]
        return reply if isinstance(reply, Reply) else await reply(request)


@asynccontextmanager
async def fake_cloud() -> AsyncIterator[FakeCloud]:
    """Serve a cloud that has no answers yet, on a free port."""
    cloud = FakeCloud()
    runner = web.ServerRunner(web.Server(cloud.handle), shutdown_timeout=0)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0]
        cloud.url = f"http://{host}:{port}"
        yield cloud
    finally:
        await runner.cleanup()


@asynccontextmanager
async def raw_server(
    speak: Callable[[asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[str]:
    """Serve what is no HTTP: `speak` has the connection once the request was read."""

    async def handle(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            await speak(writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    try:
        host, port = server.sockets[0].getsockname()
        yield f"http://{host}:{port}"
    finally:
        server.close()


def good(data: Any, **beside: Any) -> Json:
    """Return the envelope of a good answer, with the vendor's odd code beside it."""
    return {"requestId": "AF9A8B10", "success": True, "code": "200", "data": data} | (
        beside
    )


def page_of(rows: Sequence[Any], *, total: int | None = None, size: int = 10) -> Json:
    """Return a page as the API sends it; `total` is what there is if not said."""
    count = len(rows) if total is None else total
    return good({"totalCount": count, "pageSize": size, "list": list(rows)})


def checkpoint_row(
    checkpoint_id: int,
    group: str = "GID_orders",
    topic: str = "orders",
    *,
    source_ms: object = NOON_MS,
    target_ms: object = NOON_MS - 5_000,
    **beside: object,
) -> Json:
    """Return a checkpoint that trails by five seconds."""

    def side(instance: str, millis: object) -> Json:
        return {
            "regionId": "cn-hangzhou",
            "instanceId": instance,
            "instanceType": "ALIYUN_ROCKETMQ",
            "consumerGroupId": group,
            "topicName": topic,
            "lastFetchTime": NOON_MS,
            "progressData": {"consumeTimestamp": millis},
        }

    return {
        "checkpointId": checkpoint_id,
        "lastSyncTime": NOON_MS,
        "sourceProgress": side("rmq-source", source_ms),
        "targetProgress": side("rmq-target", target_ms),
    } | beside


def plan_row(plan_id: int | str, **beside: object) -> Json:
    """Return a one-way plan whose body carries a password, as they do."""
    return {
        "planId": plan_id,
        "planName": "orders-dr",
        "planType": "ACTIVE_PASSIVE",
        "planStatus": "RUNNING",
        "syncCheckpointEnabled": True,
        "autoSyncCheckpoint": True,
        "instances": [
            {"instanceId": "rmq-source", "instanceRole": "ACTIVE", "password": "pw"},
            {"instanceId": "rmq-target", "instanceRole": "Passive", "username": "u"},
        ],
    } | beside


def item_row(item_id: int | str, **beside: object) -> Json:
    """Return an item that maps a topic of one instance to one of the other."""
    topics = [{"instanceId": name} for name in ("rmq-source", "rmq-target")]
    return {"itemId": item_id, "itemStatus": "RUNNING", "topics": topics} | beside
