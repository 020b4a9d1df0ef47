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
HEADERS = "http_server_config: {headers: {X-Frame-Options: deny}}"


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
    """Everybody else is told to authenticate, on every page."""
    async with behind(file) as server:
        for user, password in PASSWORDS.items():
            assert (await server.get(user=(user, password))).status == 200
        for user, password in (("dave", "carol123"), ("nobody", "dave123"), ("", "")):
            assert (await server.get(user=(user, password))).status == 401
        for path in ("/", "/-/healthy", "/-/ready", "/metrics", "/no-such-page"):
            answer = await server.get(path)
            assert (answer.status, answer.text) == (401, "Unauthorized\n")
            assert answer.headers["WWW-Authenticate"] == "Basic"


async def test_the_password_that_unknown_users_are_compared_with_opens_nothing(
    file: Path,
) -> None:
    """Neither the first time nor from what is remembered."""
    async with behind(file) as server:
        for _ in range(2):
            answer = await server.get(user=("fakeuser", "fakepassword"))
            assert answer.status == 401


async def test_no_user_can_be_made_to_look_like_another() -> None:
    """The parts of what is remembered cannot be shifted into each other."""
    auth = BasicAuth()
    users = {"dave": HASHES["dave"]}
    assert await auth.accepts(basic("dave", "dave123"), users)

    for user, password in (
        ("dave", f"{HASHES['dave']}:dave123"),
        (f"dave{HASHES['dave']}", "dave123"),
        ("dav", "edave123"),
    ):
        assert not await auth.accepts(basic(user, password), users)


async def test_a_password_over_72_bytes_is_refused(file: Path) -> None:
    """Even if its first 72 bytes are right: bcrypt reads no further."""
    password = "é" * 36
    rewrite(file, f"basic_auth_users: {{long: '{hashed(password)}'}}")
    async with behind(file) as server:
        assert (await server.get(user=("long", password))).status == 200
        assert (await server.get(user=("long", password + "x"))).status == 401


@pytest.mark.parametrize(
    "header",
    [
        *("", "Basic", "Basic ", "Basic !!!", "Basic ZGF2ZQ==", "Bearer ZGF2ZTpkYXZl"),
        *("Basic é", "basic", "Basic " + "A" * 4000, "Basic ZGF2ZTpkYXZlMTIz ="),
    ],
)
async def test_a_header_that_makes_no_sense_is_refused(header: str) -> None:
    """It is no error, and costs no comparison."""
    assert not await BasicAuth().accepts(header, HASHES)


@given(st.text(st.characters(exclude_characters=":", codec="utf-8")), TEXT)
def test_what_a_client_encodes_is_what_is_compared(user: str, password: str) -> None:
    """A password may hold colons, a user may not; both may hold anything else."""
    assert decoded(basic(user, password)) == (user.encode(), password.encode())


async def test_a_password_with_a_zero_byte_is_not_the_one_before_it() -> None:
    """A string of C ends there."""
    assert not await BasicAuth().accepts(basic("dave", "dave123\0x"), HASHES)


async def test_a_hash_that_bcrypt_cannot_read_fits_no_password() -> None:
    """Its form is right and its salt is not: that is a 401 and no error."""
    stored = f"$2y$04${'z' * 53}"
    assert not await BasicAuth().accepts(basic("dave", "dave123"), {"dave": stored})


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


async def test_headers_are_on_every_answer_from_401_on(file: Path) -> None:
    """Refusals and pages that are not there have them too."""
    rewrite(file, f"{HEADERS}\n{USERS}")
    user = ("dave", "dave123")
    async with behind(file) as server:
        for path, who, status in (
            ("/metrics", None, 401),
            ("/metrics", user, 200),
            ("/", user, 200),
            ("/no-such-page", user, 404),
            ("/-/reload", user, 405),
        ):
            answer = await server.get(path, user=who)
            assert answer.status == status, path
            assert answer.headers["X-Frame-Options"] == "deny", path


async def test_a_page_s_own_header_gives_way_to_the_configured_one(file: Path) -> None:
    """The status page has a policy of its own until somebody wants another."""
    rewrite(file, "http_server_config: {headers: {Content-Security-Policy: mine}}")
    async with behind(file) as server:
        answer = await server.get("/")

    assert answer.headers["Content-Security-Policy"] == "mine"


async def test_the_rate_limit_comes_before_headers_and_users(file: Path) -> None:
    """A client over the limit is not asked for a password."""
    clock = Clock()
    rewrite(file, f"{HEADERS}\n{USERS}\nrate_limit: {{interval: 1s, burst: 2}}")
    async with behind(file, clock) as server:
        statuses = [(await server.get()).status for _ in range(3)]
        refused = await server.get()
        rewrite(file, "hahaha")
        broken = await server.get()
        rewrite(file, USERS)
        clock.now += 1
        later = [(await server.get()).status for _ in range(2)]

    assert statuses == [401, 401, 429]
    assert refused.text == "Too Many Requests\n"
    assert "X-Frame-Options" not in refused.headers
    assert broken.status == 500
    assert later == [401, 429]


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        ("HEAD /metrics", 200),
        ("GET /", 200),
        ("GET /-/healthy", 200),
        ("PUT /-/reload", 403),
        ("PUT /metrics", 405),
        ("GET /no-such-page", 404),
    ],
)
async def test_no_path_is_answered_before_the_checks(
    file: Path, request_line: str, status: int
) -> None:
    """Neither a page, nor what is missing or not allowed."""
    head = f"{request_line} HTTP/1.1"
    user = f"{head}\r\nAuthorization: {basic('dave', 'dave123')}"
    rewrite(file, f"{HEADERS}\n{USERS}\nrate_limit: {{interval: 1h, burst: 2}}")
    async with behind(file) as server:
        statuses = [await server.status_of(each) for each in (head, user, head)]

    assert statuses == [401, status, 429]


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
