"""What stands before the pages: 500, 429, headers and 401, in this order."""

from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from web_config_cases import hashed
from web_server import basic, behind, rewrite

from exporter.web.auth import CACHE_SIZE, BasicAuth, TokenBucket, decoded

PASSWORDS = {"dave": "dave123", "carol": "carol123", "alice": "alice123"}
HASHES = {user: hashed(password) for user, password in PASSWORDS.items()}
USERS = "basic_auth_users: {{{}}}".format(
    ", ".join(f"{user}: '{stored}'" for user, stored in HASHES.items())
)
TEXT = st.text(st.characters(codec="utf-8"))
HEADERS = "http_server_config: {headers: {X-Frame-Options: deny, X-XSS-Protection: 0}}"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return a web configuration with three users and no TLS."""
    file = tmp_path / "web.yml"
    file.write_text(USERS)
    return file


class Clock:
    """A clock that stands until it is moved."""

    now = 0.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


async def test_nobody_is_asked_where_there_is_no_configuration() -> None:
    """Nor where the file is empty."""
    async with behind(None) as server:
        assert (await server.get()).status == 200


async def test_each_user_has_their_own_password(file: Path) -> None:
    """What an unknown user is compared with lets nobody in, remembered or not."""
    refused = [("dave", "carol123"), ("nobody", "dave123"), ("", "")]
    async with behind(file) as server:
        for user, password in PASSWORDS.items():
            assert (await server.get(user=(user, password))).status == 200
        for user, password in (*refused, *[("fakeuser", "fakepassword")] * 2):
            assert (await server.get(user=(user, password))).status == 401


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        ("GET /metrics", 200),
        ("HEAD /metrics", 200),
        ("GET /", 200),
        ("GET /-/healthy", 200),
        ("GET /-/ready", 200),
        ("GET /-/reload", 405),
        ("PUT /-/reload", 403),
        ("PUT /metrics", 405),
        ("GET /no-such-page", 404),
    ],
)
async def test_every_answer_comes_after_the_checks(
    file: Path, request_line: str, status: int
) -> None:
    """The headers are on each from 401 on, a number in the file is their text."""
    rewrite(file, f"{HEADERS}\n{USERS}\nrate_limit: {{interval: 1h, burst: 2}}")
    user = f"Authorization: {basic('dave', 'dave123')}"
    async with behind(file) as server:
        told = [
            await server.told(request_line, each) for each in ("X: y", user, "X: y")
        ]

    assert [each.status for each in told] == [401, status, 429]
    assert told[0].text in ("Unauthorized\n", "")
    assert told[0].headers["WWW-Authenticate"] == "Basic"
    for answer in told[:2]:
        assert answer.headers["X-Frame-Options"] == "deny"
        assert answer.headers["X-XSS-Protection"] == "0"
    assert "X-Frame-Options" not in told[2].headers


async def test_a_password_over_72_bytes_is_refused() -> None:
    """Even if its first 72 bytes are right: bcrypt reads no further."""
    auth, password = BasicAuth(lambda *_: True), "é" * 36

    assert await auth.accepts(basic("dave", password), HASHES)
    assert not await auth.accepts(basic("dave", password + "x"), HASHES)


@pytest.mark.parametrize(
    "header",
    [
        *("", "Basic", "Basic ", "Basic !!!", "Basic ZGF2ZQ==", "Basic é", "basic"),
        *("Bearer ZGF2ZTpkYXZlMTIz", "Basic " + "A" * 4000, "Basic ZGF2ZTpkYXZlMTIz ="),
        # A string of C ends at the zero byte, and bcrypt cannot read the last one.
        *(basic("dave", "dave123\0x"), basic("broken", "dave123")),
    ],
)
async def test_a_login_that_makes_no_sense_is_refused(header: str) -> None:
    """It is no error."""
    users = {**HASHES, "broken": f"$2y$04${'z' * 53}"}
    assert not await BasicAuth().accepts(header, users)


@given(st.text(st.characters(exclude_characters=":", codec="utf-8")), TEXT)
def test_what_a_client_encodes_is_what_is_compared(user: str, password: str) -> None:
    """A password may hold colons, a user may not; both may hold anything else."""
    assert decoded(basic(user, password)) == (user.encode(), password.encode())


async def test_one_password_is_compared_at_a_time_and_each_once() -> None:
    """A burst of logins takes one core, and a repeated one nothing."""
    running = threading.Semaphore(1)
    compared = []

    def matches(password: bytes, _stored: bytes) -> bool:
        assert running.acquire(blocking=False)
        compared.append(password)
        time.sleep(0)
        running.release()
        return True

    auth = BasicAuth(matches)
    async with asyncio.TaskGroup() as group:
        for number in range(40):
            header = basic("dave", f"guess {number % 4}")
            group.create_task(auth.accepts(header, HASHES))

    assert sorted(compared) == [f"guess {number}".encode() for number in range(4)]


async def test_an_unknown_user_costs_what_the_dearest_known_one_does() -> None:
    """Else the time would tell who is known."""
    compared: list[bytes] = []

    def matches(_password: bytes, stored: bytes) -> bool:
        compared.append(stored)
        return True

    auth = BasicAuth(matches)
    users = {each: f"$2y${each}${'z' * 53}" for each in ("05", "12", "04")}

    assert not await auth.accepts(basic("nobody", "dave123"), users)
    assert [stored[:7] for stored in compared] == [b"$2y$12$"]


async def test_only_the_last_answers_are_remembered() -> None:
    """However many passwords are tried, and none of them as it was."""
    auth = BasicAuth()
    async with asyncio.TaskGroup() as group:
        for number in range(CACHE_SIZE + 10):
            group.create_task(auth.accepts(basic("dave", f"guess {number}"), HASHES))

    assert len(auth._answers) == CACHE_SIZE
    assert not any(b"guess" in key for key in auth._answers)


async def test_users_are_read_again_without_a_restart(file: Path) -> None:
    """A password that was changed is refused at once, remembered or not."""
    async with behind(file) as server:
        assert (await server.get(user=("dave", "dave123"))).status == 200
        rewrite(file, f"basic_auth_users: {{dave: '{hashed('new')}'}}")

        assert (await server.get(user=("dave", "dave123"))).status == 401
        assert (await server.get(user=("dave", "new"))).status == 200
        assert (await server.get(user=("carol", "carol123"))).status == 401


@pytest.mark.parametrize("broken", ["hahaha", "basic_auth_users: {dave: x}", None])
async def test_while_the_file_cannot_be_read_every_request_is_500(
    file: Path, broken: str | None
) -> None:
    """Nobody is served by a configuration that is no longer there."""
    async with behind(file) as server:
        rewrite(file, broken)
        answer = await server.get(user=("dave", "dave123"))
        assert (answer.status, answer.text) == (500, "Internal Server Error\n")

        rewrite(file, USERS)
        assert (await server.get(user=("dave", "dave123"))).status == 200


async def test_a_page_s_own_header_gives_way_to_the_configured_one(file: Path) -> None:
    """The status page has a policy of its own until somebody wants another."""
    rewrite(file, "http_server_config: {headers: {Content-Security-Policy: mine}}")
    async with behind(file) as server:
        answer = await server.get("/")

    assert answer.headers["Content-Security-Policy"] == "mine"


async def test_the_rate_limit_stays_as_it_was_at_the_start(file: Path) -> None:
    """A new file changes no limit; one that cannot be read is 500 before any limit."""
    clock = Clock()
    rewrite(file, f"{USERS}\nrate_limit: {{interval: 1s, burst: 2}}")
    async with behind(file, clock) as server:
        statuses = [(await server.get()).status for _ in range(3)]
        rewrite(file, "hahaha")
        broken = await server.get()
        rewrite(file, USERS)
        clock.now += 1
        later = [(await server.get()).status for _ in range(2)]

    assert statuses == [401, 401, 429]
    assert broken.status == 500
    assert later == [401, 429]


def test_tokens_come_back_one_per_interval_and_never_more_than_a_burst() -> None:
    """A long silence earns one burst; an interval of 0 is no limit."""
    clock = Clock()
    bucket = TokenBucket(2, 2, clock)
    assert all(TokenBucket(0, 0, clock).allows() for _ in range(3))
    assert not TokenBucket(1, 0, clock).allows()
    assert [bucket.allows() for _ in range(3)] == [True, True, False]
    clock.now += 2
    assert [bucket.allows() for _ in range(2)] == [True, False]
    clock.now += 1000
    assert [bucket.allows() for _ in range(3)] == [True, True, False]
