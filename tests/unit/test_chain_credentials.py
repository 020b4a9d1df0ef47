"""When the chain is asked, how often, and what becomes of a key that was refused."""

import asyncio
import threading

import pytest

from exporter.cloud.credential_chain import (
    FAILURE_KEPT_SECONDS,
    KEPT_SECONDS,
    Ask,
    ChainCredentials,
)
from exporter.cloud.signing import Credentials
from exporter.model.errors import CredentialsError

FIRST = Credentials("id-1", "secret-1", "token-1", "oidc_role_arn")
SECOND = Credentials("id-2", "secret-2", "token-2", "oidc_role_arn")


class FakeChain:
    """A chain as the vendor's is: it blocks, and caches until it is opened anew."""

    def __init__(self, *fetched: Credentials | Exception) -> None:
        self.fetched = list(fetched)
        self.renewed: Credentials | None = None
        self.opened = 0
        self.asked = 0
        self.in_flight = 0
        self.most_in_flight = 0
        self.entered = threading.Event()
        self.release = threading.Event()
        self.release.set()

    def open(self) -> Ask:
        """Return a new chain, which gives the next answer for ever."""
        self.opened += 1
        answer = self.fetched.pop(0)
        return lambda: self.answer(answer)

    def answer(self, answer: Credentials | Exception) -> Credentials:
        """Wait for the test's leave, then give the cached or the renewed key."""
        self.asked += 1
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        self.entered.set()
        assert self.release.wait(10)
        self.in_flight -= 1
        if isinstance(answer, Exception):
            raise answer
        return self.renewed or answer

    async def until_entered(self) -> None:
        """Return once a thread is inside the chain."""
        assert await asyncio.to_thread(self.entered.wait, 10)


class FakeClock:
    """Seconds that pass when the test says so."""

    now = 1000.0

    def __call__(self) -> float:
        """Return the present second."""
        return self.now


async def key_or_failure(source: ChainCredentials) -> Credentials | str:
    """Return what a source gives, or what its error says."""
    try:
        return await source.get()
    except CredentialsError as error:
        return str(error)


async def test_callers_of_one_moment_share_one_refresh() -> None:
    """Twenty requests at once cost the chain one call, and all get its key."""
    chain = FakeChain(FIRST)
    source = ChainCredentials(open_chain=chain.open)

    keys = await asyncio.gather(*(source.get() for _ in range(20)))

    assert keys == [FIRST] * 20
    assert (chain.opened, chain.asked) == (1, 1)


async def test_the_loop_runs_while_the_chain_blocks() -> None:
    """The chain is asked in a thread: the loop turns while it waits for an answer."""
    chain = FakeChain(FIRST)
    chain.release.clear()
    source = ChainCredentials(open_chain=chain.open)
    waiting = asyncio.create_task(source.get())

    await chain.until_entered()
    assert not waiting.done()
    chain.release.set()

    assert await waiting == FIRST


async def test_a_key_is_kept_for_a_minute() -> None:
    """Not each request pays for a thread; after the minute the same chain is asked."""
    chain, clock = FakeChain(FIRST), FakeClock()
    source = ChainCredentials(open_chain=chain.open, clock=clock)
    await source.get()

    clock.now += KEPT_SECONDS - 0.1
    await source.get()
    assert chain.asked == 1
    clock.now += 0.1
    await source.get()
    assert (chain.opened, chain.asked) == (1, 2)


async def test_a_failure_is_kept_for_seconds_then_tried_again() -> None:
    """A thousand routes do not try a broken chain a thousand times a minute."""
    chain, clock = FakeChain(OSError("Connection refused"), FIRST), FakeClock()
    source = ChainCredentials(open_chain=chain.open, clock=clock)
    failure = await key_or_failure(source)

    clock.now += FAILURE_KEPT_SECONDS - 0.1
    assert await key_or_failure(source) == failure
    assert chain.asked == 1
    clock.now += 0.1
    assert await key_or_failure(source) == failure
    assert chain.asked == 2


async def test_a_chain_that_will_not_open_is_a_failure_and_opened_again() -> None:
    """What breaks before the first answer is told and tried again like the rest."""
    chain, clock = FakeChain(FIRST), FakeClock()
    answers: list[ImportError | FakeChain] = [ImportError("HIDDEN"), chain]

    def open_chain() -> Ask:
        answer = answers.pop(0)
        if isinstance(answer, ImportError):
            raise answer
        return answer.open()

    source = ChainCredentials(open_chain=open_chain, clock=clock)
    assert "(ImportError: failed)" in str(await key_or_failure(source))
    clock.now += FAILURE_KEPT_SECONDS

    assert await key_or_failure(source) == FIRST


async def test_a_rejected_key_that_the_chain_still_caches_opens_a_new_chain() -> None:
    """Only a new chain reads the profile again and asks STS before the old key ends."""
    chain = FakeChain(FIRST, SECOND)
    source = ChainCredentials(open_chain=chain.open)

    source.reject(await source.get())

    assert await source.get() == SECOND
    assert chain.opened == 2


async def test_a_key_that_the_chain_has_renewed_itself_needs_no_new_chain() -> None:
    """A rejection makes the chain be asked; opening it anew would be one call more."""
    chain = FakeChain(FIRST)
    source = ChainCredentials(open_chain=chain.open)
    first = await source.get()
    chain.renewed = SECOND

    source.reject(first)

    assert await source.get() == SECOND
    assert (chain.opened, chain.asked) == (1, 2)


async def test_late_rejections_of_an_old_key_are_old_news() -> None:
    """Requests that were in flight with the old key do not throw away the new one."""
    chain = FakeChain(FIRST, SECOND)
    source = ChainCredentials(open_chain=chain.open)
    source.reject(await source.get())
    await source.get()
    asked = chain.asked

    source.reject(FIRST)

    assert await source.get() == SECOND
    assert chain.asked == asked


async def test_a_key_rejected_while_it_is_fetched_again_is_not_handed_out() -> None:
    """The refresh that was under way finds the rejection, and opens a new chain."""
    chain, clock = FakeChain(FIRST, SECOND), FakeClock()
    source = ChainCredentials(open_chain=chain.open, clock=clock)
    first = await source.get()
    clock.now += KEPT_SECONDS
    chain.entered.clear()
    chain.release.clear()
    waiting = asyncio.create_task(source.get())
    await chain.until_entered()

    source.reject(first)
    chain.release.set()

    assert await waiting == SECOND


async def test_a_rejected_key_that_nothing_replaces_is_fetched_once() -> None:
    """With a wrong key in a profile a rejection costs one fetch, not one a request."""
    chain = FakeChain(FIRST, FIRST)
    source = ChainCredentials(open_chain=chain.open)
    source.reject(await source.get())

    assert [await source.get() for _ in range(5)] == [FIRST] * 5
    assert (chain.opened, chain.asked) == (2, 3)


async def test_a_cancelled_caller_leaves_the_refresh_to_the_others() -> None:
    """Who started the refresh may go: those who wait for it still get its key."""
    chain = FakeChain(FIRST)
    chain.release.clear()
    source = ChainCredentials(open_chain=chain.open)
    starter = asyncio.create_task(source.get())
    other = asyncio.create_task(source.get())
    await chain.until_entered()

    starter.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starter
    chain.release.set()

    assert await other == FIRST
    assert chain.asked == 1


async def test_after_a_cancelled_caller_the_running_refresh_is_joined() -> None:
    """The thread cannot be cancelled, so the next caller waits for it: never two."""
    chain = FakeChain(FIRST)
    chain.release.clear()
    source = ChainCredentials(open_chain=chain.open)
    gone = asyncio.create_task(source.get())
    await chain.until_entered()
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone

    later = asyncio.create_task(source.get())
    chain.release.set()

    assert await later == FIRST
    assert (chain.asked, chain.most_in_flight) == (1, 1)


async def test_half_a_key_is_no_key() -> None:
    """A metadata answer without a secret is a failure that names its provider."""
    chain = FakeChain(Credentials("id", "", None, "ecs_ram_role"))
    source = ChainCredentials(open_chain=chain.open)

    assert "ecs_ram_role: answered without" in str(await key_or_failure(source))


async def test_a_failure_carries_no_secret_in_text_or_cause() -> None:
    """The vendor quotes tokens, so its error is neither quoted nor chained."""
    chain = FakeChain(OSError("Max retries exceeded with url: /?OIDCToken=HIDDEN"))

    with pytest.raises(CredentialsError) as caught:
        await ChainCredentials(open_chain=chain.open).get()

    assert "HIDDEN" not in str(caught.value)
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)
