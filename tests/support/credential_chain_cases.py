"""Cases for test_credential_chain.py, each run in a process of its own.

There every name and address leads to a stand-in on the loopback, so the vendor's code
runs as it is, and nothing of it leaves the machine.
"""

import asyncio
import contextlib
import email
import json
import logging
import os
import socket
import ssl
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from exporter.cloud.credentials import THREAD_NAME, CredentialSource
from exporter.cloud.signing import Credentials
from exporter.model.errors import CredentialsError

METADATA: Final = "http://100.100.100.200/latest"
ROLES: Final = f"{METADATA}/meta-data/ram/security-credentials/"
STS_HOST: Final = "sts.cn-test.aliyuncs.com"
STS: Final = f"https://{STS_HOST}/"
CERTIFICATE: Final = "STAND_IN_CERTIFICATE"

Report = dict[str, Any]


@dataclass
class StandIn:
    """The metadata service, and STS behind TLS: whatever host is asked, it answers."""

    status: int = 200
    asked: list[str] = field(default_factory=list)
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    release: asyncio.Event = field(default_factory=asyncio.Event)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Listen, and make every connection of this process lead here."""
        start = asyncio.start_server
        async with contextlib.AsyncExitStack() as servers:
            plain = await servers.enter_async_context(
                await start(self.serve, "127.0.0.1", 0)
            )
            secret = await servers.enter_async_context(
                await start(self.serve, "127.0.0.1", 0, ssl=own_tls())
            )
            places = {80: address_of(plain), 443: address_of(secret)}
            for name in ("HTTP_PROXY", "HTTPS_PROXY"):
                del os.environ[name]
            socket.getaddrinfo = lambda host, port, *rest, **named: [
                (socket.AF_INET, socket.SOCK_STREAM, 0, "", places[port])
            ]
            yield

    async def serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Answer one request, once the test releases it."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        method, target, _ = head.partition("\r\n")[0].split(" ")
        host = email.message_from_string(head.partition("\r\n")[2])["host"]
        scheme = "http" if writer.get_extra_info("ssl_object") is None else "https"
        url = f"{scheme}://{host}{target}"
        self.asked.append(f"{method} {url}")
        self.reached.set()
        await self.release.wait()
        body = self.body(url).encode()
        status = f"HTTP/1.1 {self.status} Said\r\nContent-Length: {len(body)}\r\n"
        writer.write(f"{status}Connection: close\r\n\r\n".encode() + body)
        await writer.drain()
        writer.close()

    def body(self, url: str) -> str:
        """Return what the real service says; a key is numbered by its request."""
        ends = datetime.now(UTC) + timedelta(hours=6)
        key = {
            "AccessKeyId": f"STS.{len(self.asked)}",
            "AccessKeySecret": "temporary-secret",
            "SecurityToken": "temporary-token",
            "Expiration": f"{ends:%Y-%m-%dT%H:%M:%SZ}",
        }
        answers = {
            f"{METADATA}/api/token": "metadata-token",
            ROLES: "exporter-role",
            f"{ROLES}exporter-role": json.dumps(key | {"Code": "Success"}),
            "http://keys.example/mine": json.dumps(key | {"Code": "Success"}),
            STS: json.dumps({"Code": "AuthenticationFail", "Credentials": key}),
        }
        return answers[url.partition("?")[0]]


def own_tls() -> ssl.SSLContext | None:
    """Return the TLS of the throwaway certificate, or None where a test has none."""
    if CERTIFICATE not in os.environ:
        return None
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(os.environ[CERTIFICATE])
    return tls


def address_of(server: asyncio.Server) -> tuple[str, int]:
    """Return host and port of a listening server."""
    host, port = server.sockets[0].getsockname()
    return host, port


async def get_once() -> Report:
    """Ask the chain once, with nobody to answer."""
    return await outcome_of(CredentialSource().get())


async def get_refused() -> Report:
    """Ask the chain while the stand-in refuses, with a body that holds secrets."""
    stand_in = StandIn(status=400)
    stand_in.release.set()
    async with stand_in.running():
        return await outcome_of(CredentialSource().get())


async def get_by_twenty() -> Report:
    """Ask twenty times at once, turn the loop while the answer is held, then reject."""
    stand_in, source = StandIn(), CredentialSource()
    async with stand_in.running():
        waiting = [asyncio.create_task(source.get()) for _ in range(20)]
        await stand_in.reached.wait()
        for _ in range(1000):
            await asyncio.sleep(0)
        assert not any(task.done() for task in waiting)
        stand_in.release.set()
        keys = await asyncio.gather(*waiting)
        assert keys == [keys[0]] * 20
        asked = list(stand_in.asked)
        source.reject(keys[0])
        renewed = await outcome_of(source.get())
        for _ in range(5):
            source.reject(await source.get())
    for thread in threading.enumerate():
        if thread.name == THREAD_NAME:
            thread.join(120)  # ours ends by itself, a moment after its answer
    threads = [thread.name for thread in threading.enumerate()]
    return told_of(keys[0]) | {"asked": asked, "then": renewed, "threads": threads}


async def get_from_a_file_that_changes() -> Report:
    """Ask, change the profile's secret, reject, and ask again."""
    source = CredentialSource()
    key = await source.get()
    profile = Path.home() / ".aliyun" / "config.json"
    profile.write_text(profile.read_text().replace("file-secret", "new-secret"))
    source.reject(key)
    return told_of(key) | {"then": await outcome_of(source.get())}


async def leave_while_the_chain_hangs() -> Report:
    """Start a refresh that never ends, and end the program."""
    inside, never = threading.Event(), threading.Event()

    def hang() -> Credentials:
        inside.set()
        never.wait()
        raise AssertionError

    refresh = asyncio.create_task(CredentialSource(lambda: hang).get())
    await asyncio.to_thread(inside.wait)
    return {"is_done": refresh.done()}


async def outcome_of(asked: Awaitable[Credentials]) -> Report:
    """Return the key, or what the error says."""
    try:
        return told_of(await asked)
    except CredentialsError as error:
        return {"failure": str(error)}


def told_of(key: Credentials) -> Report:
    """Return a key's parts; the process's only output may show them."""
    values = (key.access_key_id, key.access_key_secret, key.security_token)
    return {"key": list(values), "provider": key.provider}


async def with_every_log_on_stderr(case: Callable[[], Awaitable[Report]]) -> Report:
    """Run a case with the root logger at DEBUG, so that a leak is seen as output."""
    logging.basicConfig(level=logging.DEBUG)
    async with asyncio.timeout(120):
        return await case()


def main(case: str) -> None:
    """Run one of the cases above, in the process that a test started for it."""
    report = asyncio.run(with_every_log_on_stderr(globals()[case]))
    sys.stdout.write(json.dumps(report))
