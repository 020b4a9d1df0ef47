"""The container's own check: is the exporter there, however it is configured."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from certificates import Authority
from programs import clean_environment, free_port, started
from web_config_cases import hashed, tls, write_folder
from web_server import behind, rewrite

from exporter.app.healthcheck import arguments_of, main
from exporter.simulator.server import running
from exporter.simulator.world import World

AUTHORITY = Authority()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return a web configuration beside the certificates that it may name."""
    write_folder(tmp_path, AUTHORITY)
    return tmp_path / "web.yml"


async def status(*arguments: str) -> int:
    """Return what the check ends with."""
    return await asyncio.to_thread(main, arguments)


async def answered(configured: Path, file: Path | None) -> int:
    """Return what the check says, as configured, of an exporter behind a file."""
    async with behind(file) as server:
        return await status(
            f"--web.listen-address=127.0.0.1:{server.port}",
            f"--web.config.file={configured}",
        )


@asynccontextmanager
async def answering(code: int) -> AsyncIterator[str]:
    """Run a server that answers everything with one status."""
    app = web.Application()

    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=code)

    app.router.add_get("/{any:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await runner.cleanup()


async def test_an_exporter_that_answers_is_well(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """And nothing is said of it."""
    async with behind(None) as server:
        found = await status(f"--web.listen-address=127.0.0.1:{server.port}")

    assert (found, *capsys.readouterr()) == (0, "", "")


async def test_every_interface_is_asked_on_this_machine() -> None:
    """An address without a host, as by default."""
    async with behind(None) as server:
        assert await status(f"--web.listen-address=:{server.port}") == 0


async def test_an_exporter_that_is_not_there_is_unwell(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The reason is told, for `docker inspect` shows it."""
    found = await status(f"--web.listen-address=127.0.0.1:{free_port()}")

    assert found == 1
    assert capsys.readouterr().err.startswith("no answer: ")


async def test_who_does_not_speak_http_is_unwell(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Somebody else has the port."""

    async def say(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail\r\n\r\n")
        writer.close()

    port = free_port()
    async with await asyncio.start_server(say, "127.0.0.1", port):
        found = await status(f"--web.listen-address=127.0.0.1:{port}")

    assert found == 1
    assert capsys.readouterr().err.startswith("no answer: ")


def test_who_accepts_and_says_nothing_is_unwell() -> None:
    """An event loop that hangs leaves the kernel to accept."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"

        assert main([f"--web.listen-address={address}"], timeout_seconds=0.05) == 1


@pytest.mark.parametrize(
    ("code", "expected"), [(200, 0), (404, 0), (429, 0), (500, 1), (503, 1)]
)
async def test_it_is_unwell_when_it_says_so(code: int, expected: int) -> None:
    """Who refuses a stranger or a crowd is there; who is broken is of no use."""
    async with answering(code) as address:
        assert await status(f"--web.listen-address={address}") == expected


async def test_the_environment_says_where_it_listens(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As it does for the exporter."""
    async with behind(None) as server:
        monkeypatch.setenv(
            "ROCKETMQ_DR_WEB__LISTEN_ADDRESS", f"127.0.0.1:{server.port}"
        )

        assert await status("serve") == 0


async def test_the_demo_is_asked_as_it_was_started(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Neither environment nor file has a part in it, nor have their faults."""
    monkeypatch.setenv("ROCKETMQ_DR_POLL__INTERVAL", "often")
    async with behind(None) as server:
        address = f"--web.listen-address=127.0.0.1:{server.port}"

        assert await status("demo", address) == 0
        assert await status("serve", address) == 1


async def test_the_file_says_where_it_listens(tmp_path: Path) -> None:
    """A container is often given one."""
    async with behind(None) as server:
        file = tmp_path / "config.yml"
        file.write_text(f"web: {{listen_address: ['127.0.0.1:{server.port}']}}\n")

        assert await status("serve", f"--config.file={file}") == 0


async def test_the_simulated_cloud_is_asked_where_it_listens() -> None:
    """It has no settings, and refuses who does not sign."""
    async with running(World(), host="127.0.0.1", port=0) as url:
        address = url.removeprefix("http://")

        assert await status("simulate", f"--listen-address={address}") == 0
    assert await status("simulate", f"--listen-address={address}") == 1


async def test_faults_of_the_configuration_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line for each, as the exporter itself says it."""
    file = tmp_path / "config.yml"
    file.write_text("poll: {intervall: 1m}\n")

    assert await status(f"--config.file={file}") == 1
    assert "poll.intervall" in capsys.readouterr().err


@pytest.mark.parametrize(
    "text",
    [
        tls(),
        tls("client_auth_type: RequireAndVerifyClientCert, client_ca_file: ca.crt"),
        tls(
            "client_auth_type: RequireAndVerifyClientCert, client_ca_file: ca.crt, "
            "max_version: TLS12"
        ),
        f"basic_auth_users: {{alice: '{hashed('secret')}'}}\n",
        "rate_limit: {interval: 1h, burst: 0}\n",
        "",
    ],
    ids=["tls", "mutual", "mutual-1.2", "users", "limit", "none"],
)
async def test_a_door_that_is_closed_to_strangers_is_no_illness(
    text: str, file: Path
) -> None:
    """The check has neither a password nor a certificate, and needs none."""
    rewrite(file, text)

    assert await answered(file, file) == 0


async def test_tls_is_not_taken_for_plain_http(file: Path) -> None:
    """Without the web configuration the check would not be answered."""
    rewrite(file, tls())
    async with behind(file) as server:
        assert await status(f"--web.listen-address=127.0.0.1:{server.port}") == 1


async def test_plain_http_where_tls_is_configured_is_unwell(file: Path) -> None:
    """It was started with something else, and Prometheus gets no answer."""
    rewrite(file, tls())

    assert await answered(file, None) == 1


async def test_a_web_configuration_that_cannot_be_read_is_told(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The exporter lets nobody in then."""
    rewrite(file, "tls_server: {}\n")

    assert await answered(file, None) == 1
    assert "tls_server" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("command_line", "expected"),
    [
        (b"/opt/venv/bin/python\0/opt/venv/bin/rocketmq-dr-exporter\0serve\0", "serve"),
        (b"rocketmq-dr-exporter\0", ""),
        (b"/sbin/docker-init\0--\0rocketmq-dr-exporter\0--a=b c\0", "--a=b c"),
        (b"python\0-m\0exporter\0demo\0", "demo"),
        (b"python\0-m\0other\0exporter\0demo\0", ""),
        (b"exporter\0-m\0", ""),
        (b"", ""),
    ],
)
def test_the_flags_are_what_follows_the_program(
    command_line: bytes, expected: str
) -> None:
    """Whatever started it, and however it is written."""
    assert arguments_of(command_line) == ([expected] if expected else [])


async def ended(home: Path, *arguments: str) -> tuple[int | None, str]:
    """Run the check as a program; return its exit status and what it complains of."""
    command = (sys.executable, "-m", "exporter.app.healthcheck", *arguments)
    async with started(*command, env=clean_environment(home)) as process:
        _, err = await process.communicate()
    return process.returncode, err.decode()
