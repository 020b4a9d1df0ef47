"""One request over a real socket: what goes out, and what comes back or does not."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

import pytest
from aiohttp import web
from certificates import Authority
from cryptography.x509 import DNSName
from fakes import FakeCloud, Reply, fake_cloud, good, raw_server
from leaks import everything_about
from yarl import URL

from exporter.cloud.http import (
    LARGEST_BODY_BYTES,
    Call,
    Exchange,
    new_session,
    proxy_for,
)
from exporter.cloud.signing import Credentials, authorization, canonical_query
from exporter.model.errors import CloudError, NetworkFault, Reason

ACTION = "ListDisasterRecoveryPlans"
PATH = "/disaster_recovery"
KEY = Credentials("LTAI5tTESTakid", "TESTskEXAMPLE", "CAISTESTTOKEN/abc+def==")
NOON = 1_740_724_080.0
SECRETS = ("TESTakid", "TESTsk", "CAISTEST", "Signature=", "CANARY")


def whole(body: bytes) -> bytes:
    """Take the body for the data."""
    return body


@dataclass
class Client:
    """An exchange with what it heard of the clocks."""

    exchange: Exchange
    skews: list[float] = field(default_factory=list)

    async def send(
        self, endpoint: str, path: str = PATH, query: dict[str, str] | None = None
    ) -> bytes:
        """Send one call and return its body."""
        call = Call(ACTION, endpoint, path, query or {})
        return await self.exchange.send(call, KEY, whole)

    async def refused(self, endpoint: str) -> CloudError:
        """Return the error that a call ends with."""
        with pytest.raises(CloudError) as caught:
            await self.send(endpoint)
        return caught.value


@asynccontextmanager
async def client_of(*, timeout: float = 120) -> AsyncIterator[Client]:  # noqa: ASYNC109 - the setting's name
    """Yield a client whose own clock stands at noon."""
    skews: list[float] = []
    async with new_session() as session:
        exchange = Exchange(session, timeout, skews.append, lambda: NOON)
        yield Client(exchange, skews)


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def far_from_greenwich(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Set the machine's own zone to another than GMT."""
    monkeypatch.setenv("TZ", "CST-8")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
async def cloud() -> AsyncIterator[FakeCloud]:
    """Yield a cloud that answers the plans."""
    async with fake_cloud() as one:
        one.answer(PATH, Reply(good({})))
        yield one


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    """Yield a client that waits long enough."""
    async with client_of() as one:
        yield one


@pytest.mark.parametrize(
    "query",
    [{}, {"filter": "a/b+中文% *~&=?#'\"", "pageNumber": "1", "instanceId": ""}],
)
async def test_what_is_sent_is_what_was_signed(
    cloud: FakeCloud, client: Client, query: dict[str, str]
) -> None:
    """The query goes over the wire byte for byte as its signature covers it."""
    await client.send(cloud.url, query=query)

    (asked,) = cloud.asked
    path, _, sent = asked.target.partition("?")
    assert (path, sent) == (PATH, canonical_query(query))
    pairs = dict(pair.split("=") for pair in sent.split("&") if pair)
    assert {name: unquote(value) for name, value in pairs.items()} == query
    signed = {
        name.lower(): value
        for name, value in asked.headers.items()
        if name.lower() == "host" or name.lower().startswith("x-acs-")
    }
    assert asked.headers["authorization"] == authorization(
        KEY, path=path, query=sent, headers=signed
    )
    assert signed["host"] == cloud.url.removeprefix("http://")


async def test_a_request_is_dated_new_each_time_and_asks_for_json(
    cloud: FakeCloud, client: Client
) -> None:
    """A nonce is used once, and without accept the gateway may answer XML."""
    for _ in range(3):
        await client.send(cloud.url)

    first, *_ = (asked.headers for asked in cloud.asked)
    assert len({asked.headers["x-acs-signature-nonce"] for asked in cloud.asked}) == 3
    assert first["x-acs-date"] == "2025-02-28T06:28:00Z"
    assert first["x-acs-action"] == ACTION
    assert first.getall("accept") == ["application/json"]  # type: ignore[attr-defined]  # aiohttp's headers are a multidict
    assert "content-type" not in first


async def test_an_error_of_the_api_comes_with_what_it_asks_for(
    cloud: FakeCloud, client: Client
) -> None:
    """Status, code and headers of a real answer arrive where they are judged."""
    body = {"Code": "Throttling.User", "RequestId": "A-1", "Message": "CANARY"}
    date = "Fri, 28 Feb 2025 06:08:00 GMT"
    headers = {"X-Acs-Retry-After": "1500", "Date": date}
    cloud.answer(PATH, Reply(body, 400, headers))

    error = await client.refused(cloud.url)

    assert (error.reason, error.origin.retry_after) == (Reason.THROTTLED, 1.5)
    assert (error.origin.code, error.origin.status) == ("Throttling.User", 400)
    assert client.skews == [1_200.0]


async def test_cookies_are_not_sent_back(cloud: FakeCloud, client: Client) -> None:
    """What stands before the API may set some; nothing goes out but what we wrote."""
    cloud.answer(PATH, Reply(b"data", 200, {"Set-Cookie": "CANARY=1; Path=/"}))

    for _ in range(2):
        await client.send(cloud.url.replace("127.0.0.1", "localhost"))

    assert "cookie" not in {name.lower() for name in cloud.asked[1].headers}


async def test_a_redirect_is_not_followed(cloud: FakeCloud, client: Client) -> None:
    """It would carry a signature to a host that nobody configured."""
    cloud.answer(PATH, Reply(b"", 302, {"Location": f"{cloud.url}/elsewhere"}))

    assert (await client.refused(cloud.url)).reason is Reason.MALFORMED
    assert len(cloud.asked) == 1


@pytest.mark.parametrize(
    ("date", "skews"),
    [
        ("Fri, 28 Feb 2025 06:27:30 GMT", [30.0]),
        ("Fri, 28 Feb 2025 06:28:10 -0000", [-10.0]),
        ("Fri, 28 Feb 2025 06:28:10", [-10.0]),
        ("yesterday", []),
        ("", []),
        ("Fri, 28 Feb 99999999999999999999 06:28:00 GMT", []),
        ("Fri, 28 Feb 2025 06:28:00 +999999999999", []),
    ],
)
async def test_an_answer_that_tells_the_time_tells_the_skew(
    cloud: FakeCloud,
    client: Client,
    date: str,
    skews: list[float],
    far_from_greenwich: None,
) -> None:
    """Ours minus theirs; what is not a date is ignored."""
    cloud.answer(PATH, Reply(b"data", 200, {"Date": date}))

    assert await client.send(cloud.url) == b"data"
    assert client.skews == skews


async def test_a_slow_answer_is_a_timeout(cloud: FakeCloud) -> None:
    """Whether nothing comes or only a part."""
    released = asyncio.Event()

    async def hang(_: web.BaseRequest) -> Reply:
        await released.wait()
        return Reply()

    async def trickle(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nCANARY")
        await writer.drain()
        await released.wait()

    cloud.answer(PATH, hang)
    async with client_of(timeout=0.05) as client, raw_server(trickle) as slow:
        errors = [await client.refused(url) for url in (cloud.url, slow)]
        released.set()

    assert [error.reason for error in errors] == [Reason.TIMEOUT] * 2
    assert str(errors[0]) == f"{ACTION}: 127.0.0.1 does not answer"
    assert {error.remedy for error in errors} == {NetworkFault.TIMEOUT.remedy}


async def test_a_body_over_the_bound_is_refused_while_it_arrives(
    client: Client,
) -> None:
    """Its end is not waited for, and it is not kept."""
    sent = 0

    async def flood(writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(bytes(2**20))
            await writer.drain()
            sent += 2**20

    async with raw_server(flood) as url:
        error = await client.refused(url)

    assert error.reason is Reason.MALFORMED
    assert str(LARGEST_BODY_BYTES) in str(error)
    assert LARGEST_BODY_BYTES - 2**20 <= sent < 3 * LARGEST_BODY_BYTES


HEAD = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (b"CANARY\r\n\r\n", Reason.MALFORMED),
        (b"HTTP/1.1 CANARY OK\r\n\r\n", Reason.MALFORMED),
        (HEAD + b"CANARY\r\n\r\n", Reason.MALFORMED),
        (HEAD + b"X: " + b"CANARY" * 9_999 + b"\r\n\r\n", Reason.MALFORMED),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\nCANARY\r\n", Reason.MALFORMED),
        (HEAD + b"Content-Encoding: gzip\r\n\r\nCANARY", Reason.UNAVAILABLE),
        (HEAD + b"Content-Length: 99\r\n\r\nCANARY", Reason.UNAVAILABLE),
        (HEAD + b"X-Canary: CANARY", Reason.UNAVAILABLE),
        (b"", Reason.UNAVAILABLE),
    ],
)
async def test_a_broken_answer_is_malformed_and_a_missing_one_unavailable(
    client: Client, said: bytes, reason: Reason
) -> None:
    """In neither is what came repeated, nor anything of what was sent."""

    async def speak(writer: asyncio.StreamWriter) -> None:
        writer.write(said)
        await writer.drain()

    async with raw_server(speak) as url:
        error = await client.refused(url)

    assert error.reason is reason
    assert error.origin.action == ACTION
    assert not any(secret in everything_about(error) for secret in SECRETS)


@pytest.mark.parametrize("said", [b"", HEAD + b"Content-Length: 9\r\n\r\nCANARY"])
async def test_a_reset_connection_is_unavailable_and_sent_once(
    client: Client, said: bytes
) -> None:
    """Aiohttp would send it again by itself, with the same nonce and unseen."""
    connections = 0

    async def reset(writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        writer.write(said)
        await writer.drain()
        writer.transport.abort()

    async with raw_server(reset) as url:
        error = await client.refused(url)

    assert error.origin.fault is NetworkFault.BROKEN
    assert connections == 1
    assert not any(secret in everything_about(error) for secret in SECRETS)


@pytest.mark.parametrize("is_proxied", [False, True])
async def test_a_host_that_cannot_be_reached_is_named_with_what_to_do(
    cloud: FakeCloud,
    client: Client,
    monkeypatch: pytest.MonkeyPatch,
    unused_tcp_port: int,
    *,
    is_proxied: bool,
) -> None:
    """Resolvers and TLS count their errors in numbers of their own: not told."""
    closed, nobody = f"127.0.0.1:{unused_tcp_port}", "rocketmq.invalid"
    if is_proxied:
        wanted = {
            closed: f"cannot use the proxy {closed} (Connection refused)",
            f"me:CANARY@{nobody}:99": f"cannot use the proxy {nobody}:99",
            f"me:CANARY@{nobody}:x/": f"cannot use the proxy {nobody}:x",
        }
    else:
        wanted = {
            f"http://{closed}": "127.0.0.1 refuses connections",
            f"https://{nobody}": f"cannot resolve {nobody}",
            cloud.url.replace("http", "https"): "cannot speak TLS with 127.0.0.1",
        }
    for number, (url, told) in enumerate(wanted.items()):
        if is_proxied:
            monkeypatch.setenv("https_proxy", f"http://{url}")
        # The proxy of an endpoint is looked up once.
        asked = f"https://api{number}.invalid" if is_proxied else url
        error = await client.refused(asked)

        assert error.reason is Reason.UNAVAILABLE
        assert str(error) == f"{ACTION}: {told}"
        assert str(error.origin) == str(error).partition(" (")[0]
        assert error.origin.fault is not None
        assert error.remedy == error.origin.fault.remedy
        assert "CANARY" not in everything_about(error)


@pytest.mark.parametrize(
    ("is_known", "name", "is_sent"),
    [(True, "localhost", True), (False, "localhost", False), (True, "other", False)],
)
async def test_only_the_server_that_is_meant_gets_a_request(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    is_known: bool,
    name: str,
    is_sent: bool,
) -> None:
    """Its certificate is of a known authority, and for the name that was looked up."""
    authority = Authority()
    authority.issue(name, DNSName(name)).write(tmp_path, "server")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(tmp_path / "server.crt", tmp_path / "server.key")
    (tmp_path / "known.crt").write_text((authority if is_known else Authority()).cert)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "known.crt"))
    heard: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(HEAD + b"Content-Length: 2\r\n\r\nok")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    url = f"https://localhost:{server.sockets[0].getsockname()[1]}"
    async with new_session() as session:
        client = Client(Exchange(session, 60, lambda _: None))
        if is_sent:
            assert await client.send(url) == b"ok"
            assert b"\r\nUser-Agent: rocketmq-dr-exporter/" in heard[0]
        else:
            error = await client.refused(url)
            assert error.origin.fault is NetworkFault.CERTIFICATE
            assert (error.reason, heard) == (Reason.UNAVAILABLE, [])
    server.close()


@pytest.mark.parametrize("scheme", ["http://", "http://user:CANARY@", ""])
async def test_the_environments_proxy_is_used_and_no_netrc(
    cloud: FakeCloud,
    client: Client,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    scheme: str,
) -> None:
    """A login from ~/.netrc would take the place of the signature."""
    netrc = tmp_path / ".netrc"
    netrc.write_text("machine rocketmq.invalid login me password CANARY\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    proxy = cloud.url.removeprefix("http://")
    monkeypatch.setenv("http_proxy", f"{scheme}{proxy}")

    await client.send("http://rocketmq.invalid")

    (asked,) = cloud.asked
    assert asked.target == f"http://rocketmq.invalid{PATH}"
    assert asked.headers["host"] == "rocketmq.invalid"
    assert asked.headers["authorization"].startswith("ACS3-HMAC-SHA256 ")


@pytest.mark.parametrize(
    ("scheme", "url", "proxy"),
    [
        (
            "https",
            "https://rocketmq.cn-hangzhou.aliyuncs.com/",
            "http://proxy.invalid:3128",
        ),
        ("https", "https://rocketmq-vpc.cn-hangzhou.aliyuncs.com/", None),
        ("https", "http://rocketmq.cn-hangzhou.aliyuncs.com/", None),
        # Only the loopback may be asked in the clear: no proxy may carry that away.
        *[("http", f"http://{host}:1/", None) for host in ("127.0.0.1", "[::1]")],
    ],
)
def test_what_no_proxy_names_is_asked_directly(
    monkeypatch: pytest.MonkeyPatch, scheme: str, url: str, proxy: str | None
) -> None:
    """An endpoint inside the VPC, say; and a proxy is for its scheme alone."""
    monkeypatch.setenv(f"{scheme}_proxy", "http://proxy.invalid:3128")
    monkeypatch.setenv("no_proxy", "rocketmq-vpc.cn-hangzhou.aliyuncs.com")

    assert proxy_for(URL(url)) == proxy


@pytest.mark.parametrize("status", [407, 503])
async def test_a_proxy_that_lets_nothing_through_is_unavailable(
    client: Client, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    """It is no answer of the API; and its own words and password stay out."""

    async def refuse(writer: asyncio.StreamWriter) -> None:
        writer.write(f"HTTP/1.1 {status} CANARY\r\nX: CANARY\r\n\r\nCANARY".encode())
        await writer.drain()

    async with raw_server(refuse) as url:
        monkeypatch.setenv("https_proxy", url.replace("http://", "http://u:CANARY@"))
        error = await client.refused("https://rocketmq.invalid")

    assert error.origin.fault is NetworkFault.PROXY
    assert str(error).endswith(f"{url.removeprefix('http://')} (HTTP {status})")
    assert not any(secret in everything_about(error) for secret in SECRETS)
