"""Which key signs next: the configured values, or what their files hold now."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from pydantic import Secret

from exporter.app.logs import redacted_text
from exporter.cloud.credentials import (
    CHAIN_KEPT_SECONDS,
    Ask,
    CredentialSource,
    configured,
    credential_source,
    in_daemon_thread,
    told,
)
from exporter.cloud.signing import Credentials
from exporter.config.settings import ApiSettings
from exporter.model.errors import CredentialsError, Reason


class FakeClock:
    """Seconds that pass when the test says so."""

    now = 1000.0

    def __call__(self) -> float:
        """Return the present second."""
        return self.now


def source_of(secret: Path, clock: Callable[[], float]) -> CredentialSource:
    """Return the source of a configured key with its secret in a file."""
    ask = configured(ApiSettings(access_key_id="id", access_key_secret_file=secret))
    return CredentialSource(lambda: ask, clock=clock)


async def test_configured_values_are_the_key() -> None:
    """Id, secret and token arrive as they stand in the configuration."""
    source = credential_source(
        ApiSettings(
            access_key_id="id",
            access_key_secret=Secret[str]("secret"),
            security_token=Secret[str]("token"),
        )
    )

    assert await source.get() == Credentials("id", "secret", "token", "static")


@pytest.mark.parametrize("ending", ["", "\n", "\r\n", "\n\n"])
async def test_secret_files_lose_their_line_end(tmp_path: Path, ending: str) -> None:
    """Editors end a file with a newline, which is no part of the secret."""
    secret, token = tmp_path / "secret", tmp_path / "token"
    secret.write_text(f"s3cret{ending}", newline="")
    token.write_text(f"t0ken{ending}", newline="")

    source = credential_source(
        ApiSettings(
            access_key_id="id",
            access_key_secret_file=secret,
            security_token_file=token,
        )
    )

    assert await source.get() == Credentials("id", "s3cret", "t0ken", "static")


@pytest.mark.parametrize("is_rejected", [False, True])
async def test_a_rotated_file_is_read_again(
    *, is_rejected: bool, tmp_path: Path
) -> None:
    """After ten seconds, or at once when the API refuses the key: without a reload."""
    secret, clock = tmp_path / "secret", FakeClock()
    secret.write_text("old")
    source = source_of(secret, clock)
    old = await source.get()

    secret.write_text("newer")
    if is_rejected:
        source.reject(old)
    else:
        clock.now += CHAIN_KEPT_SECONDS

    assert old.access_key_secret == "old"
    assert (await source.get()).access_key_secret == "newer"


async def test_a_pipe_is_read_once_and_off_the_loop(tmp_path: Path) -> None:
    """As a shell's <(command) gives a secret; its writer may be slow."""
    pipe = tmp_path / "secret"
    os.mkfifo(pipe)
    source = source_of(pipe, FakeClock())

    reading = asyncio.create_task(source.get())
    await asyncio.sleep(0)
    await asyncio.to_thread(pipe.write_text, "first\n")
    source.reject(await reading)

    assert (await source.get()).access_key_secret == "first"


async def test_a_file_that_comes_back_is_read(tmp_path: Path) -> None:
    """A missing file is an error that names it, for as long as it is missing."""
    secret, clock = tmp_path / "secret", FakeClock()
    source = source_of(secret, clock)
    with pytest.raises(CredentialsError, match=f"^{secret} cannot be read") as caught:
        await source.get()
    assert caught.value.reason is Reason.CREDENTIALS
    # Not `secret: No`, which a log line would mask.
    told = redacted_text(str(caught.value))
    assert told == f"{secret} cannot be read (No such file or directory)"

    secret.write_text("here")
    clock.now += CHAIN_KEPT_SECONDS

    assert (await source.get()).access_key_secret == "here"


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", "found nothing"),
        (b"  \n", "found nothing"),
        (b"HIDDEN\nHIDDEN\n", "found several lines"),
        (b"HIDDEN\xff", "expected one line of text"),
    ],
)
async def test_a_bad_file_is_named_and_not_quoted(
    tmp_path: Path, content: bytes, found: str
) -> None:
    """The error names the file and what was expected, never what is in it."""
    secret = tmp_path / "secret"
    secret.write_bytes(content)

    with pytest.raises(CredentialsError, match=f"^{secret}: .*{found}") as caught:
        await source_of(secret, FakeClock()).get()

    assert "HIDDEN" not in str(caught.value)


FIRST = Credentials("id-1", "secret-1", "token-1", "oidc_role_arn")
SECOND = Credentials("id-2", "secret-2", "token-2", "oidc_role_arn")


class FakeChain:
    """A chain as the vendor's is: it blocks, and caches until a new one is opened."""

    def __init__(self, *fetched: Credentials | Exception) -> None:
        self.fetched = list(fetched)
        self.opened = 0
        self.asked = 0
        self.entered = threading.Event()
        self.release = threading.Event()
        self.release.set()

    def open(self) -> Ask:
        """Return a new chain, which gives the next answer for ever."""
        self.opened += 1
        answer = self.fetched.pop(0)
        return lambda: self.answer(answer)

    def answer(self, answer: Credentials | Exception) -> Credentials:
        """Wait for the test's leave, then give the key."""
        self.asked += 1
        self.entered.set()
        assert self.release.wait(10)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def until_entered(self) -> None:
        """Return once a thread is inside the chain."""
        assert await asyncio.to_thread(self.entered.wait, 10)


async def key_or_failure(source: CredentialSource) -> Credentials | str:
    """Return what a source gives, or what its error says."""
    try:
        return await source.get()
    except CredentialsError as error:
        return str(error)


async def test_callers_of_one_moment_share_one_refresh() -> None:
    """Twenty requests at once cost the chain one call, and all get its key."""
    chain = FakeChain(FIRST)
    source = CredentialSource(chain.open)

    keys = await asyncio.gather(*(source.get() for _ in range(20)))

    assert keys == [FIRST] * 20
    assert (chain.opened, chain.asked) == (1, 1)


async def test_a_key_is_kept_for_seconds() -> None:
    """Not each request pays for a thread; later the same chain is asked again."""
    chain, clock = FakeChain(FIRST), FakeClock()
    source = CredentialSource(chain.open, clock=clock)
    await source.get()

    clock.now += CHAIN_KEPT_SECONDS - 0.1
    await source.get()
    assert chain.asked == 1
    clock.now += 0.1
    await source.get()
    assert (chain.opened, chain.asked) == (1, 2)


async def test_a_failure_is_kept_for_seconds_then_tried_again() -> None:
    """A thousand routes do not try a broken chain a thousand times a minute."""
    chain, clock = FakeChain(OSError("Connection refused"), FIRST), FakeClock()
    source = CredentialSource(chain.open, clock=clock)
    failure = await key_or_failure(source)

    clock.now += CHAIN_KEPT_SECONDS - 0.1
    assert await key_or_failure(source) == failure
    assert chain.asked == 1
    clock.now += 0.1
    assert await key_or_failure(source) == failure
    assert chain.asked == 2


async def test_a_rejected_key_that_the_chain_still_caches_opens_a_new_chain() -> None:
    """Only a new chain reads the profile again and asks STS before the old key ends."""
    chain = FakeChain(FIRST, SECOND)
    source = CredentialSource(chain.open)

    source.reject(await source.get())

    assert await source.get() == SECOND
    assert chain.opened == 2


async def test_late_rejections_of_an_old_key_are_old_news() -> None:
    """Requests that were in flight with the old key do not throw away the new one."""
    chain = FakeChain(FIRST, SECOND)
    source = CredentialSource(chain.open)
    source.reject(await source.get())
    await source.get()
    asked = chain.asked

    source.reject(FIRST)

    assert await source.get() == SECOND
    assert chain.asked == asked


async def test_a_cancelled_caller_leaves_the_refresh_to_the_others() -> None:
    """Who started the refresh may go: those who wait for it still get its key."""
    chain = FakeChain(FIRST)
    chain.release.clear()
    source = CredentialSource(chain.open)
    starter = asyncio.create_task(source.get())
    other = asyncio.create_task(source.get())
    await chain.until_entered()

    starter.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starter
    chain.release.set()

    assert await other == FIRST
    assert chain.asked == 1


async def test_half_a_key_is_no_key() -> None:
    """A metadata answer without a secret is a failure that names its provider."""
    chain = FakeChain(Credentials("id", "", None, "ecs_ram_role"))
    source = CredentialSource(chain.open)

    assert "ecs_ram_role: answered without" in str(await key_or_failure(source))


async def test_a_failure_carries_no_secret_in_text_or_cause() -> None:
    """The vendor quotes tokens, so its error is neither quoted nor chained."""
    chain = FakeChain(OSError("Max retries exceeded with url: /?OIDCToken=HIDDEN"))

    with pytest.raises(CredentialsError) as caught:
        await CredentialSource(chain.open).get()

    assert "HIDDEN" not in str(caught.value)
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)


def step(name: str, said: str) -> str:
    """Return one step's part of the vendor's message."""
    return f"{name}CredentialsProvider: {said}"


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (
            'oidc_role_arn, http_code: 400, {"Code":"A.Token","Token":"HIDDEN"}',
            'http_code: 400, "Code":"A.Token"',
        ),
        (
            "Pool(host='sts.aliyuncs.com'): url: /?Token=HIDDEN (Connection refused)",
            "host=sts.aliyuncs.com, Connection refused",
        ),
        ("[Errno 2] No such file or directory: '/run/token'", "/run/token"),
        (
            "File contains no section headers.\nfile: 'x', line: 1\n'secret = HIDDEN'",
            "failed",
        ),
        ("failed to execute external command: stderr: HIDDEN", "external command"),
        (
            "failed to get credential from credentials file: $/home/x/credentials.ini",
            "failed to get credential from credentials file: /home/x/credentials.ini",
        ),
    ],
)
def test_a_vendor_error_is_told_without_what_it_quotes(said: str, shown: str) -> None:
    """Host, file, status and code are kept; tokens, keys and lines of files are not."""
    steps: Sequence[str] = [step("A", said), step("EnvironmentVariable", "HIDDEN")]

    alone, among = told(OSError(said)), told(ValueError(f"the chain: {steps}"))

    assert alone.startswith("OSError: ")
    assert shown in alone
    assert among.startswith("A: ")
    assert among.endswith(f"{shown}; EnvironmentVariable: failed")
    assert "HIDDEN" not in alone + among


async def test_a_call_may_end_after_its_waiter_was_cancelled() -> None:
    """At shutdown the refresh itself is cancelled; its thread then ends in peace."""
    entered, release = threading.Event(), threading.Event()
    threads: list[threading.Thread] = []

    def call() -> bool:
        threads.append(threading.current_thread())
        entered.set()
        return release.wait(10)

    waiting = asyncio.create_task(in_daemon_thread(call))
    await asyncio.to_thread(entered.wait, 10)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    release.set()

    # Were its end an error, pytest would turn that into a failure of this test.
    await asyncio.to_thread(threads[0].join, 10)
