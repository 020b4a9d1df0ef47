"""When a call is tried again, how long that waits, and who is told.

No test here opens a socket or takes real time.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TypeVar

import pytest
from virtual_time import settled, virtually

from exporter.cloud.credentials import CredentialSource
from exporter.cloud.http import Call, Exchange
from exporter.cloud.limiter import Limiter
from exporter.cloud.retry import (
    ATTEMPTS,
    BACKOFF_SECONDS,
    ApiObserver,
    Deadline,
    Transport,
)
from exporter.cloud.signing import Credentials
from exporter.cloud.wire import Decode
from exporter.model.errors import (
    ClockError,
    CloudError,
    CredentialsError,
    ExpiredCredentialsError,
    MalformedError,
    NonceUsedError,
    NotFoundError,
    Origin,
    PermissionDeniedError,
    Reason,
    RequestTimeoutError,
    ThrottledError,
    UnavailableError,
)

T = TypeVar("T")

ACTION = "ListDisasterRecoveryCheckpoints"
CALL = Call(ACTION, "http://127.0.0.1:1", "/disaster_recovery", {})
# More than every backoff of all attempts together.
AGES = 1_000.0


class Scripted(Exchange):
    """Answers with what a test says, one thing an attempt, the last again and again."""

    def __init__(self, *said: bytes | Exception, seconds: float = 0.0) -> None:
        self._said = list(said)
        self._seconds = seconds
        self.sent_at: list[float] = []
        self.keys: list[str] = []
        self.in_flight = 0
        self.most_in_flight = 0

    async def send(self, call: Call, credentials: Credentials, decode: Decode[T]) -> T:
        """Take some time, then answer."""
        self.sent_at.append(now())
        self.keys.append(credentials.access_key_id)
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            await asyncio.sleep(self._seconds)
        finally:
            self.in_flight -= 1
        said = self._said.pop(0) if len(self._said) > 1 else self._said[0]
        if isinstance(said, Exception):
            raise said
        data = decode(said)
        assert data is not None
        return data


class Keys(CredentialSource):
    """Gives a new key after each one that was refused."""

    def __init__(self, *, seconds: float = 0.0) -> None:
        self.rejected: list[str] = []
        self.broken: CredentialsError | None = None
        self._seconds = seconds

    async def get(self) -> Credentials:
        """Return the present key."""
        await asyncio.sleep(self._seconds)
        if self.broken is not None:
            raise self.broken
        return Credentials(f"key-{len(set(self.rejected))}", "secret")

    def reject(self, rejected: Credentials) -> None:
        """Note that a key was refused."""
        self.rejected.append(rejected.access_key_id)


@dataclass
class Heard(ApiObserver):
    """What an observer was told."""

    requests: list[tuple[float, Reason | None]] = field(default_factory=list)
    retries: int = 0

    def api_request(self, action: str, seconds: float, reason: Reason | None) -> None:
        """Note an attempt."""
        assert action == ACTION
        self.requests.append((seconds, reason))

    def api_retry(self, action: str) -> None:
        """Note a retry."""
        self.retries += 1

    @property
    def reasons(self) -> list[Reason | None]:
        """The reason of each attempt."""
        return [reason for _, reason in self.requests]


def now() -> float:
    """Tell the loop's time."""
    return asyncio.get_running_loop().time()


def whole(body: bytes) -> bytes:
    """Take the body for the data."""
    return body


class Rig:
    """A transport on fakes."""

    def __init__(
        self,
        *said: bytes | Exception,
        rate: float = 1_000.0,
        in_flight: int = 5,
        seconds: float = 0.0,
        key_seconds: float = 0.0,
    ) -> None:
        self.exchange = Scripted(*said, seconds=seconds)
        self.keys = Keys(seconds=key_seconds)
        self.limiter = Limiter(rate)
        self.heard = Heard()
        self.transport = Transport(
            self.exchange,
            self.keys,
            self.limiter,
            self.heard,
            asyncio.Semaphore(in_flight),
        )

    async def get(self, seconds: float = AGES) -> bytes:
        """Send the call, within a deadline of so many seconds."""
        deadline = Deadline(seconds)
        async with deadline.enforced():
            return await self.transport.get(CALL, whole, deadline)

    async def refused(self, seconds: float = AGES) -> CloudError:
        """Return the error that the call ends with."""
        with pytest.raises(CloudError) as caught:
            await self.get(seconds)
        return caught.value

    @property
    def waits(self) -> list[float]:
        """How long it was from each attempt to the next."""
        return [later - at for at, later in pairwise(self.exchange.sent_at)]


@pytest.mark.parametrize(
    "error",
    [UnavailableError("x"), RequestTimeoutError("x"), ThrottledError("x")],
    ids=lambda error: error.reason.value,
)
@virtually
async def test_a_transient_failure_is_tried_again(error: CloudError) -> None:
    """Every attempt counts for the observer, and so does every retry."""
    rig = Rig(error, error, b"data")

    assert await rig.get() == b"data"
    assert rig.heard.reasons == [error.reason, error.reason, None]
    assert rig.heard.retries == 2


@pytest.mark.parametrize(
    "error",
    [
        CredentialsError("x"),
        PermissionDeniedError("x"),
        ClockError("x"),
        NotFoundError("x"),
        MalformedError("x"),
    ],
    ids=lambda error: error.reason.value,
)
@virtually
async def test_a_permanent_failure_is_not_tried_again(error: CloudError) -> None:
    """The next poll does."""
    rig = Rig(error, b"data")

    assert await rig.refused() is error
    assert rig.heard == Heard([(0.0, error.reason)])


@virtually
async def test_a_bug_is_counted_and_not_tried_again() -> None:
    """It comes out as it was raised; the poller's boundary knows what to do."""
    rig = Rig(KeyError("bug"), b"data")

    with pytest.raises(KeyError):
        await rig.get()

    assert rig.heard.reasons == [Reason.INTERNAL]


@virtually
async def test_attempts_have_an_end() -> None:
    """Time left or not: an API that is down is left to the next poll."""
    rig = Rig(UnavailableError("down"))

    assert (await rig.refused()).reason is Reason.UNAVAILABLE
    assert len(rig.exchange.sent_at) == ATTEMPTS
    assert rig.heard.retries == ATTEMPTS - 1


@virtually
async def test_the_wait_doubles_with_full_jitter() -> None:
    """Anything from nothing to twice the last bound, so that routes part."""
    waits = []
    for _ in range(40):
        rig = Rig(UnavailableError("down"))
        await rig.refused()
        waits.append(rig.waits)

    for retry, column in enumerate(zip(*waits, strict=True), start=1):
        longest = BACKOFF_SECONDS * 2**retry
        assert max(column) <= longest + 0.01
        assert min(column) < longest / 2 < max(column)
        assert len(set(column)) == 40


@virtually
async def test_the_wait_that_the_api_asks_for_is_the_least() -> None:
    """The jitter on top parts those it told the same."""
    rig = Rig(ThrottledError("slow", origin=Origin(retry_after=30.0)), b"data")

    await rig.get()

    assert 30.0 < rig.waits[0] <= 30.0 + 2 * BACKOFF_SECONDS + 0.01


@virtually
async def test_a_wait_that_would_outlast_the_deadline_is_not_begun() -> None:
    """The error comes out at once, and the slot is free for others."""
    rig = Rig(ThrottledError("slow", origin=Origin(retry_after=60.0)), b"data")

    error = await rig.refused(seconds=50)

    assert error.reason is Reason.THROTTLED
    assert now() == 0
    assert rig.heard.retries == 0


@virtually
async def test_a_cut_run_of_retries_has_the_last_errors_reason() -> None:
    """Here the last attempt hangs after a failure, and its time is up."""
    rig = Rig(UnavailableError("down"), b"late", seconds=40)

    assert (await rig.refused(seconds=60)).reason is Reason.UNAVAILABLE
    assert now() == 60
    assert rig.heard.reasons == [Reason.UNAVAILABLE, Reason.TIMEOUT]


@virtually
async def test_a_cancelled_attempt_counts_and_is_no_failure() -> None:
    """Another page's error, or a dropped route, says nothing of this request."""
    rig = Rig(b"data", seconds=5)
    task = asyncio.create_task(rig.get())
    await asyncio.sleep(2)

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert rig.heard.requests == [(2, None)]


@pytest.mark.parametrize(
    ("error", "keys"),
    [
        (ExpiredCredentialsError("old"), ["key-0", "key-1"]),
        (NonceUsedError("used"), ["key-0", "key-0"]),
    ],
)
@virtually
async def test_what_another_key_or_nonce_cures_is_tried_again_once_and_at_once(
    error: CloudError, keys: list[str]
) -> None:
    """A refused key is fetched again; each attempt draws its own nonce."""
    lucky, unlucky = Rig(error, b"data"), Rig(error)

    assert await lucky.get() == b"data"
    assert now() < 0.01
    assert await unlucky.refused() is error
    assert lucky.exchange.keys == unlucky.exchange.keys == keys


@virtually
async def test_a_refused_key_is_fetched_again_for_the_next_poll() -> None:
    """Not within this one: it would be refused again."""
    rig = Rig(CredentialsError("wrong"), b"data")

    await rig.refused()

    assert await rig.get() == b"data"
    assert rig.exchange.keys == ["key-0", "key-1"]


@virtually
async def test_without_a_key_nothing_is_sent_or_counted() -> None:
    """Nor does it take a turn from those who have one."""
    rig = Rig(b"data", rate=1)
    rig.keys.broken = CredentialsError("no key")

    assert await rig.refused() is rig.keys.broken
    rig.keys.broken = None
    await rig.get()

    assert rig.heard == Heard([(0.0, None)])
    assert now() == 0


@virtually
async def test_every_attempt_takes_a_turn() -> None:
    """Retries too: the account's rate holds whatever goes wrong."""
    rig = Rig(UnavailableError("down"), rate=0.05)

    await rig.refused()

    assert all(wait > 20 for wait in rig.waits)


@virtually
async def test_turns_do_not_pile_up_while_a_key_is_fetched() -> None:
    """Else they would all be used in the moment when it is there."""
    rig = Rig(b"data", rate=5, key_seconds=10)

    await asyncio.gather(*(rig.get() for _ in range(5)))

    assert rig.waits == pytest.approx([1 / 4.9] * 4)


@virtually
async def test_no_more_are_in_flight_than_allowed() -> None:
    """However many polls there are."""
    rig = Rig(b"data", in_flight=3, seconds=1)

    await asyncio.gather(*(rig.get() for _ in range(12)))

    assert rig.exchange.most_in_flight == 3
    assert now() == pytest.approx(4, abs=0.1)


@virtually
async def test_a_request_that_waits_to_be_tried_again_holds_no_slot() -> None:
    """Others go on meanwhile."""
    rig = Rig(
        ThrottledError("slow", origin=Origin(retry_after=60.0)), b"data", in_flight=1
    )
    slow = asyncio.create_task(rig.get())
    await settled()

    await rig.get()

    assert now() < 1
    assert await slow == b"data"


@virtually
async def test_a_failed_or_cancelled_attempt_gives_its_slot_back() -> None:
    """Else a client would fall silent, slot by slot."""
    rig = Rig(NotFoundError("gone"), in_flight=1, seconds=1)
    cut = asyncio.create_task(rig.get())
    await asyncio.sleep(0.5)
    cut.cancel()

    errors = await asyncio.gather(*(rig.refused() for _ in range(3)))

    assert [error.reason for error in errors] == [Reason.NOT_FOUND] * 3


@virtually
async def test_an_attempt_that_was_tried_again_with_success_is_no_reason() -> None:
    """What hangs afterwards is a timeout."""
    rig = Rig(UnavailableError("down"), b"data")
    deadline = Deadline(60)

    async def poll() -> None:
        async with deadline.enforced():
            await rig.transport.get(CALL, whole, deadline)
            await asyncio.sleep(AGES)

    with pytest.raises(RequestTimeoutError):
        await poll()


@virtually
async def test_a_success_elsewhere_does_not_hide_what_is_tried_again() -> None:
    """Pages are read side by side."""
    ill, well = Rig(ThrottledError("slow"), rate=0.04), Rig(b"data", seconds=30)
    deadline = Deadline(45)

    async def poll() -> None:
        async with deadline.enforced(), asyncio.TaskGroup() as group:
            for rig in (ill, well):
                group.create_task(rig.transport.get(CALL, whole, deadline))

    with pytest.raises(ThrottledError):
        await poll()


@virtually
async def test_what_takes_too_long_is_cut_and_is_a_timeout() -> None:
    """For the poll and for the observer; the time counts from the deadline's start."""
    rig = Rig(b"late", seconds=90)
    deadline = Deadline(60)
    await asyncio.sleep(7)

    async def poll() -> None:
        async with deadline.enforced():
            await rig.transport.get(CALL, whole, deadline)

    with pytest.raises(RequestTimeoutError):
        await poll()

    assert (now(), deadline.left(), deadline.is_up()) == (60, 0, True)
    assert rig.heard.requests == [(53, Reason.TIMEOUT)]


@virtually
async def test_throttling_slows_all_down_and_success_wins_it_back() -> None:
    """One limiter, for the whole account."""
    rig = Rig(ThrottledError("slow"), b"data", rate=10)

    await rig.get()

    assert rig.limiter.rate == pytest.approx(5 + 5 / 20)


@virtually
async def test_each_list_of_a_region_finds_its_own_page_size() -> None:
    """What one region refuses says nothing of another."""
    asked: list[tuple[str, str]] = []
    refusal = Origin(ACTION, "InvalidpageSize", 400)

    class Refusing(Scripted):
        async def send(
            self, call: Call, credentials: Credentials, decode: Decode[T]
        ) -> T:
            asked.append((call.endpoint, call.query["pageSize"]))
            if len(call.query["pageSize"]) > 3 and call.endpoint == "a":
                raise MalformedError("refused", origin=refusal)
            return await super().send(call, credentials, decode)

    rig = Rig()
    rig.transport.exchange = Refusing(b"")
    for endpoint in "aba":
        call = replace(CALL, endpoint=endpoint, query={"pageNumber": "1"})
        await rig.transport.get(call, whole, Deadline(AGES))

    assert asked == [("a", "1000"), ("a", "100"), ("b", "1000"), ("a", "100")]
