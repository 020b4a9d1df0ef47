"""Which clients get a TLS connection, over real sockets."""

from __future__ import annotations

import asyncio
import socket
import ssl
import warnings
from ipaddress import ip_address
from pathlib import Path

import aiohttp
import pytest
from certificates import Authority
from cryptography import x509
from structlog.testing import capture_logs
from web_config_cases import tls, write_folder
from web_server import Server, behind, rewrite

AUTHORITY, STRANGER = Authority(), Authority("another authority")
CLIENT = AUTHORITY.issue("client", x509.DNSName("test3"))
CA = "client_ca_file: ca.crt"
REFUSED = (aiohttp.ClientError, ssl.SSLError, OSError)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return a web configuration beside the certificates that it may name."""
    write_folder(tmp_path, AUTHORITY)
    CLIENT.write(tmp_path, "client")
    STRANGER.issue("stranger", x509.DNSName("test3")).write(tmp_path, "stranger")
    file = tmp_path / "web.yml"
    file.write_text(tls())
    return file


def client(file: Path, identity: str | None = None) -> ssl.SSLContext:
    """Return a client's context that trusts the server, with a certificate or not."""
    context = AUTHORITY.trusted()
    if identity is not None:
        context.load_cert_chain(
            file.parent / f"{identity}.crt", file.parent / f"{identity}.key"
        )
    return context


async def is_served(server: Server, context: ssl.SSLContext) -> bool:
    """Return whether a client gets an answer."""
    try:
        return (await server.get(tls=context)).status == 200
    except REFUSED:
        return False


def presented(server: Server) -> bytes:
    """Return the certificate that a server shows."""
    pem = ssl.get_server_certificate(("127.0.0.1", server.port), timeout=120)
    return ssl.PEM_cert_to_DER_cert(pem)


@pytest.mark.parametrize(
    ("more", "version", "expected"),
    [
        ("", ssl.TLSVersion.TLSv1_1, False),
        ("", ssl.TLSVersion.TLSv1_2, True),
        ("", ssl.TLSVersion.TLSv1_3, True),
        ("min_version: '', max_version: ''", ssl.TLSVersion.TLSv1_1, False),
        ("min_version: '', max_version: ''", ssl.TLSVersion.TLSv1_3, True),
        ("min_version: TLS13", ssl.TLSVersion.TLSv1_2, False),
        ("max_version: TLS12", ssl.TLSVersion.TLSv1_3, False),
        ("min_version: TLS10", ssl.TLSVersion.TLSv1_1, True),
        ("cipher_suites: [TLS_AES_128_GCM_SHA256]", ssl.TLSVersion.TLSv1_2, False),
    ],
)
async def test_versions_are_those_of_the_file(
    file: Path, more: str, version: ssl.TLSVersion, *, expected: bool
) -> None:
    """TLS 1.2 and 1.3 if it says nothing."""
    rewrite(file, tls(more))
    context = client(file)
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = version

    async with behind(file) as server:
        assert await is_served(server, context) == expected


@pytest.mark.parametrize(
    ("cipher", "curve", "expected"),
    [
        ("AES128", "", True),
        ("AES256", "", False),
        ("", "secp521r1", True),
        ("", "secp384r1", False),
    ],
)
async def test_ciphers_and_curves_are_those_of_the_file(
    file: Path, cipher: str, curve: str, *, expected: bool
) -> None:
    """Below TLS 1.3 a client needs one of the file's suites, and always its curve."""
    suites = "cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256]"
    rewrite(file, tls(suites if cipher else "curve_preferences: [CurveP521]"))
    context = client(file)
    if cipher:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(f"ECDHE+{cipher}")
    else:
        context.set_ecdh_curve(curve)

    async with behind(file) as server:
        assert await is_served(server, context) == expected


@pytest.mark.parametrize(
    ("policy", "nobody", "known", "stranger"),
    [
        ("RequestClientCert", True, True, True),
        ("VerifyClientCertIfGiven", True, True, False),
        ("RequireAndVerifyClientCert", False, True, False),
        ("RequireAnyClientCert", False, True, False),
        ("RequireClientCert", False, True, False),
    ],
)
async def test_client_certificates_are_asked_for_as_the_policy_says(
    file: Path, policy: str, *, nobody: bool, known: bool, stranger: bool
) -> None:
    """`RequireAny` is stricter than Go's: what is required is verified too."""
    rewrite(file, tls(f"{CA}, client_auth_type: {policy}"))

    async with behind(file) as server:
        assert await is_served(server, client(file)) == nobody
        assert await is_served(server, client(file, "client")) == known
        assert await is_served(server, client(file, "stranger")) == stranger


async def test_any_certificate_may_be_the_anchor_and_no_other_is(file: Path) -> None:
    """As in Go: an intermediate authority does, or the one client's own."""
    rewrite(file, tls(f"{CA}, client_auth_type: RequireAndVerifyClientCert"))
    rewrite(file.parent / "ca.crt", CLIENT.cert + STRANGER.cert)

    async with behind(file) as server:
        assert await is_served(server, client(file, "client"))
        assert await is_served(server, client(file, "stranger"))
        assert not await is_served(server, client(file, "server"))


async def test_the_system_s_authorities_count_only_if_the_file_has_none(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in Go."""
    policy = "client_auth_type: RequireAndVerifyClientCert"
    system = file.parent / "system.crt"
    system.write_text(STRANGER.cert)
    monkeypatch.setenv("SSL_CERT_FILE", str(system))
    async with behind(file) as server:
        for more, name in (("", "stranger"), (f"{CA}, ", "client")):
            rewrite(file, tls(f"{more}{policy}"))
            for each in ("client", "stranger"):
                is_known = each == name
                assert await is_served(server, client(file, each)) == is_known, more


@pytest.mark.parametrize(
    ("san", "allowed", "expected"),
    [
        (x509.DNSName("test3"), "one, test3, two", True),
        (x509.DNSName("test3"), "TEST3", False),
        (x509.DNSName("test3"), "est3", False),
        (x509.RFC822Name("a@b.example"), "a@b.example", True),
        (x509.UniformResourceIdentifier("spiffe://a/b"), "'spiffe://a/b'", True),
        (x509.IPAddress(ip_address("192.0.2.1")), "192.0.2.1", True),
        (x509.IPAddress(ip_address("2001:db8::1")), "'2001:db8::1'", True),
        (x509.RegisteredID(x509.ObjectIdentifier("1.2.3")), "1.2.3", False),
        (None, "client", False),
    ],
)
async def test_a_client_needs_one_of_the_names_that_are_allowed(
    file: Path, san: x509.GeneralName | None, allowed: str, *, expected: bool
) -> None:
    """The match is exact, on any kind of name; an optional certificate is required."""
    policy = (
        f"client_auth_type: VerifyClientCertIfGiven, client_allowed_sans: [{allowed}]"
    )
    rewrite(file, tls(f"{CA}, {policy}"))
    AUTHORITY.issue("client", *([san] if san else [])).write(file.parent, "client")

    async with behind(file) as server:
        assert await is_served(server, client(file, "client")) == expected
        assert not await is_served(server, client(file, "stranger"))
        assert not await is_served(server, client(file))


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a_wrong_name_gets_not_one_byte_of_an_answer(
    file: Path, version: ssl.TLSVersion
) -> None:
    """In TLS 1.3 a client may send before it is judged: it must not be read."""
    policy = "client_auth_type: RequireAndVerifyClientCert, client_allowed_sans: [bad]"
    rewrite(file, tls(f"{CA}, {policy}"))
    context = client(file, "client")
    context.minimum_version = context.maximum_version = version

    async with behind(file) as server:
        received = b""
        try:
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", server.port, ssl=context, server_hostname="localhost"
            )
            writer.write(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
            received = await reader.read()
            writer.close()
        except OSError:
            pass

    assert received == b""


async def test_a_new_certificate_is_shown_without_a_restart(file: Path) -> None:
    """Also when the new one is another authority's: who trusts the old is out."""
    new = STRANGER.issue("server")
    async with behind(file) as server:
        before = await asyncio.to_thread(presented, server)
        rewrite(file.parent / "server.crt", new.cert)
        assert not await is_served(server, STRANGER.trusted())
        rewrite(file.parent / "server.key", new.key)
        after = await asyncio.to_thread(presented, server)

        assert before != after == ssl.PEM_cert_to_DER_cert(new.cert)
        assert not await is_served(server, client(file))
        assert await is_served(server, STRANGER.trusted())


async def test_a_new_authority_for_clients_holds_at_once(file: Path) -> None:
    """Clients of the old one are refused, with a session ticket too."""
    rewrite(file, tls(f"{CA}, client_auth_type: RequireAndVerifyClientCert"))
    async with behind(file) as server:
        context = client(file, "client")
        assert await is_served(server, context)
        rewrite(file.parent / "ca.crt", STRANGER.cert)

        assert not await is_served(server, context)
        assert await is_served(server, client(file, "stranger"))


@pytest.mark.parametrize("broken", ["hahaha", "", tls("min_version: TLS99")])
async def test_while_the_file_cannot_be_read_every_handshake_fails(
    file: Path, broken: str
) -> None:
    """A TLS listener never answers plain HTTP, whatever becomes of the file."""
    async with behind(file) as server:
        rewrite(file, broken)
        with pytest.raises(ssl.SSLError):
            await asyncio.to_thread(presented, server)
        assert not await is_served(server, client(file))
        with pytest.raises(REFUSED):
            await server.get()
        rewrite(file, tls())
        assert await is_served(server, client(file))
        with pytest.raises(REFUSED):
            await server.get()


async def test_a_client_can_resume_its_session(file: Path) -> None:
    """Its name is known from the session; a new authority voids that."""
    policy = "client_auth_type: RequireAndVerifyClientCert"
    rewrite(file, tls(f"{CA}, {policy}, client_allowed_sans: [test3]"))
    context = client(file, "client")

    def ask(session: ssl.SSLSession | None) -> tuple[ssl.SSLSession | None, bool]:
        address = ("127.0.0.1", server.port)
        with (
            socket.create_connection(address, timeout=120) as plain,
            context.wrap_socket(
                plain, server_hostname="localhost", session=session
            ) as secured,
        ):
            secured.sendall(b"GET /-/healthy HTTP/1.0\r\n\r\n")
            assert secured.recv(100).startswith(b"HTTP/1.0 200")
            return secured.session, bool(secured.session_reused)

    async with behind(file) as server:
        session, is_reused = await asyncio.to_thread(ask, None)
        assert not is_reused
        session, is_reused = await asyncio.to_thread(ask, session)
        assert is_reused
        rewrite(file.parent / "ca.crt", AUTHORITY.cert)
        _, is_reused = await asyncio.to_thread(ask, session)
        assert not is_reused


async def test_what_is_wrong_is_logged_once_for_each_change(file: Path) -> None:
    """Not once for each client: those may be many."""
    with capture_logs() as lines:
        async with behind(file) as server:
            for broken in ("hahaha", "", None):
                rewrite(file, broken)
                for _ in range(3):
                    assert not await is_served(server, client(file))

    assert [line["event"] for line in lines] == ["web_configuration_refused"] * 3
    assert "expected a mapping" in lines[0]["faults"][0]


async def test_an_open_connection_outlives_a_new_certificate(file: Path) -> None:
    """Only new connections use it; until its key is there too, each request is 500."""
    connector, new = aiohttp.TCPConnector(ssl=client(file)), STRANGER.issue("server")
    files = ((".crt", new.cert, 500), (".key", new.key, 200))
    async with (
        behind(file) as server,
        aiohttp.ClientSession(
            f"https://localhost:{server.port}", connector=connector
        ) as session,
    ):
        async with session.get("/-/healthy") as response:
            assert response.status == 200
        for suffix, pem, status in files:
            rewrite(file.parent / f"server{suffix}", pem)
            async with session.get("/-/healthy") as response:
                assert response.status == status
