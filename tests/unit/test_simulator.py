"""What the simulated cloud answers over HTTP, and whom it refuses."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from typing import Any
from urllib.parse import quote, urlencode

import aiohttp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from paths import TESTDATA
from recording import Stats
from simulated import START, Clock, SignedClient, Signing, everything, serving

from exporter.simulator import bodies, server
from exporter.simulator.gateway import canonical_request, sign
from exporter.simulator.server import DROPPED
from exporter.simulator.world import World

MIXED = World("mixed", started_at=START)
WIDE = World("healthy", plans=1, items=1, groups=25, started_at=START)
PLANS = "/disaster_recovery"
PLAN = f"{PLANS}/1300000016"
ITEMS = f"{PLAN}/items"
ITEM = f"{ITEMS}/100070284"
SOURCE = "rmq-cn-7e22ody0001"
CHECKPOINTS = "ListDisasterRecoveryCheckpoints"
MINUTE = 60.0
VECTORS: dict[str, Any] = json.loads((TESTDATA / "sign_vectors.json").read_text())


@pytest.mark.parametrize("name", VECTORS)
def test_a_vector_of_the_vendor_is_verified(name: str) -> None:
    """Canonical form and signature come out as the vendor's own code has them."""
    vector = VECTORS[name]
    query = urlencode(vector["query"])
    target = vector["path"] + ("?" + query if query else "")
    _, _, parameters = vector["authorization"].partition(" ")
    parts = dict(part.split("=", 1) for part in parameters.split(","))
    signed = parts["SignedHeaders"].split(";")

    canonical = canonical_request(vector["method"], target, vector["headers"], signed)

    assert canonical == vector["canonical_request"]
    secret = vector["access_key_secret"]
    assert sign(secret, canonical) == parts["Signature"]


@given(value=st.text(st.characters(exclude_categories=["Cs"]), max_size=20))
@settings(deadline=None)
def test_the_spelling_on_the_wire_does_not_matter(value: str) -> None:
    """Form encoding, percent encoding and the SDK's mixture mean the same query."""
    percent = quote(value, safe="~")
    spellings = (
        percent,
        urlencode({"": value})[1:],
        percent.replace("%2F", "/").replace("%2A", "*").replace("%20", "+"),
    )

    canonical = {
        canonical_request("GET", f"/p?filter={spelling}&a=1", {}, ["host"])
        for spelling in spellings
    }

    assert len(canonical) == 1
    assert f"\na=1&filter={percent}\n" in canonical.pop()


@pytest.mark.parametrize(
    ("signing", "headers", "code"),
    [
        (Signing(secret="wrong"), {}, "SignatureDoesNotMatch"),
        (Signing(access_key_id="x"), {}, "InvalidAccessKeyId.NotFound"),
        (Signing(signed_at=START - 20 * MINUTE), {}, "InvalidTimeStamp.Expired"),
        (Signing(signed_at=START + 20 * MINUTE), {}, "InvalidTimeStamp.Expired"),
        (Signing(leave_unsigned="x-acs-action"), {}, "IncompleteSignature"),
        (Signing(leave_unsigned="host"), {}, "IncompleteSignature"),
        (
            Signing(leave_unsigned="x-acs-security-token"),
            {"x-acs-security-token": "t"},
            "IncompleteSignature",
        ),
        (Signing(), {"authorization": "acs simulator:c2ln"}, "IncompleteSignature"),
        (Signing(), {"x-acs-version": "2019-01-01"}, "InvalidVersion"),
        (Signing(), {"x-acs-date": "yesterday"}, "InvalidTimeStamp.Format"),
        (Signing(), {"x-acs-content-sha256": "0" * 64}, "SignatureDoesNotMatch"),
        (Signing(), {"x-acs-action": CHECKPOINTS}, "InvalidApi.NotFound"),
    ],
)
async def test_a_request_that_is_not_genuine_is_refused(
    signing: Signing, headers: dict[str, str], code: str
) -> None:
    """The code says what is wrong, and no answer shows the secret."""
    async with serving(MIXED) as cloud:
        answer = await cloud.ask(PLANS, headers=headers, signing=signing)

    assert (answer.status, answer.code) == (404 if "NotFound" in code else 400, code)


async def test_a_nonce_is_used_once_while_a_replay_is_valid() -> None:
    """Signed 14 minutes ahead of the cloud's clock, a request is valid for 29."""
    clock = Clock(START - 14 * MINUTE)
    headers = {"x-acs-signature-nonce": "once"}
    answers = []
    async with serving(MIXED, clock=clock) as cloud:
        for signed_at, at in ((0, -14), (0, 14), (31, 31)):
            clock.seconds = START + at * MINUTE
            signing = Signing(signed_at=START + signed_at * MINUTE)
            answers.append(await cloud.ask(PLANS, headers=headers, signing=signing))

    assert [answer.status for answer in answers] == [200, 400, 200]
    assert answers[1].code == "SignatureNonceUsed"
    assert answers[2].headers["Date"] == "Fri, 28 Feb 2025 06:59:00 GMT"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "HEAD"])
async def test_a_write_is_refused(method: str) -> None:
    """Nothing but GET is served, even when it is signed."""
    async with serving(MIXED) as cloud:
        answer = await cloud.ask(f"{ITEM}/checkpoints", method=method)

    assert answer.status == 405


async def test_credentials_are_in_plan_bodies_and_nowhere_else() -> None:
    """The vendor's plans carry passwords; no other answer does."""
    async with serving(MIXED) as cloud:
        with_plans = [await cloud.ask(PLANS), await cloud.ask(PLAN)]
        others = [
            await cloud.ask(ITEMS),
            await cloud.ask(ITEM),
            await cloud.checkpoints(0, 0, SOURCE),
            await cloud.ask(f"{PLANS}/1"),
        ]

    for canary in (bodies.USERNAME_CANARY, bodies.PASSWORD_CANARY):
        assert all(canary.encode() in answer.body for answer in with_plans)
    assert not any(b"canary" in answer.body for answer in others)


@pytest.mark.parametrize(
    ("path", "query", "status", "code"),
    [
        (f"{PLANS}/1", {}, 404, "DisasterRecoveryPlan.NotFound"),
        (f"{PLANS}/1/items", {}, 404, "DisasterRecoveryPlan.NotFound"),
        (f"{ITEMS}/1", {}, 404, "DisasterRecoveryItem.NotFound"),
        (
            f"{ITEMS}/1/checkpoints",
            {"instanceId": SOURCE},
            404,
            "DisasterRecoveryItem.NotFound",
        ),
        (f"{ITEM}/checkpoints", {"instanceId": "rmq-cn-x"}, 404, "Instance.NotFound"),
        (f"{ITEM}/checkpoints", {}, 400, "MissinginstanceId"),
        (PLANS, {"pageNumber": "0"}, 400, "InvalidpageNumber"),
        (PLANS, {"pageSize": "ten"}, 400, "InvalidpageSize"),
        (PLANS, {"pageSize": "9"}, 400, "InvalidpageSize"),
        (ITEMS, {"pageSize": "10001"}, 400, "InvalidpageSize"),
    ],
)
async def test_what_is_not_there_has_a_code(
    path: str, query: dict[str, str], status: int, code: str
) -> None:
    """The service refuses in camelCase, with success false and no data."""
    async with serving(MIXED) as cloud:
        answer = await cloud.ask(path, query)

    assert (answer.status, answer.json["code"]) == (status, code)
    assert (answer.json["success"], answer.json["httpStatusCode"]) == (False, status)
    assert "data" not in answer.json


async def test_what_is_unknown_is_spelled_in_every_way() -> None:
    """Missing, null, zero and negative all stand for a time that nobody knows."""
    async with serving(World("never_synced", started_at=START)) as cloud:
        rows = (await cloud.checkpoints(0, 0, SOURCE)).rows

    syncs = {repr(row.get("lastSyncTime", "missing")) for row in rows}
    reads = {repr(row["targetProgress"]["progressData"]) for row in rows}
    assert syncs == {"'missing'", "None", "0", "-1"}
    assert reads == {
        "{}",
        "None",
        "{'consumeTimestamp': None}",
        "{'consumeTimestamp': 0}",
        "{'consumeTimestamp': -1}",
    }


@pytest.mark.parametrize(
    ("paging", "asked", "size", "count"),
    [
        ("refuse", {}, 10, 10),
        ("refuse", {"pageSize": "20"}, 20, 20),
        ("refuse", {"pageNumber": "4"}, 10, 0),
        ("clamp", {"pageSize": "1"}, 10, 10),
        ("clamp", {"pageSize": "-5", "pageNumber": "3"}, 10, 5),
        ("clamp", {"pageSize": "1000"}, 20, 20),
        ("unstated", {"pageSize": "1000"}, None, 20),
        ("nonsense", {"pageSize": "1000"}, -1, 20),
        ("nonsense", {"pageSize": "1000", "pageNumber": "2"}, "many", 5),
    ],
)
async def test_a_page_is_cut_and_states_its_size_as_the_mode_says(
    paging: str, asked: dict[str, str], size: object, count: int
) -> None:
    """At a bound of 20; beyond the end the list is empty."""
    world = replace(WIDE, paging=paging, largest_page=20)
    async with serving(world) as cloud:
        query = {"instanceId": SOURCE, **asked}
        answer = await cloud.ask(f"{ITEM}/checkpoints", query)
        refused = await cloud.ask(
            f"{ITEM}/checkpoints", {"instanceId": SOURCE, "pageSize": "21"}
        )

    data = answer.json["data"]
    found = data.get("pageSize"), len(data["list"]), data["totalCount"]
    assert found == (size, count, 25)
    assert data["pageNumber"] == int(asked.get("pageNumber", "1"))
    if paging == "refuse":
        told = refused.json["code"], refused.json["dynamicCode"]
        assert told == ("InvalidpageSize", "pageSize")


async def test_throttling_comes_in_short_bursts_with_a_time_to_wait() -> None:
    """Three of twelve requests are refused with HTTP 400 and milliseconds."""
    async with serving(World("throttled", started_at=START)) as cloud:
        answers = [await cloud.ask(PLANS) for _ in range(24)]

    refused = [answer for answer in answers if answer.status != 200]
    places = [number for number, answer in enumerate(answers) if answer in refused]
    assert places == [4, 5, 6, 16, 17, 18]
    assert {(each.status, each.code) for each in refused} == {(400, "Throttling.User")}
    waits = [answer.headers["x-acs-retry-after"] for answer in refused]
    assert waits == ["200", "400", "600"] * 2


async def test_an_outage_takes_turns_with_health() -> None:
    """It starts healthy, then refuses or breaks connections, then is healthy again."""
    clock, stats = Clock(), Stats()
    async with serving(
        World("outage", started_at=START), clock=clock, stats=stats
    ) as cloud:
        for wait in (0.0, server.HEALTHY_SECONDS, server.OUTAGE_SECONDS):
            clock.seconds += wait
            for _ in range(2):
                with suppress(aiohttp.ServerDisconnectedError):
                    await cloud.ask(PLANS)

    statuses = [served.status for served in stats.requests]
    assert statuses[:2] == statuses[-2:] == [200, 200]
    # aiohttp itself repeats a request once after a broken connection: a used nonce.
    assert set(statuses[2:-2]) == {503, DROPPED, 400}


async def test_the_last_plans_checkpoints_are_forbidden() -> None:
    """The gateway says which RAM action it denies; the other plan is served."""
    async with serving(World("forbidden", started_at=START)) as cloud:
        allowed = await cloud.checkpoints(0, 0, SOURCE)
        denied = await cloud.checkpoints(1, 2, "rmq-cn-7e22ody0002")

    assert allowed.status == 200
    assert (denied.status, denied.code) == (403, "NoPermission")
    detail = denied.json["AccessDeniedDetail"]
    assert detail["AuthAction"] == "rocketmq:ListDisasterRecoveryCheckpoints"


async def polled(cloud: SignedClient) -> tuple[set[int], set[int], int]:
    """Poll a route once: the totals its pages name, the ids, and the rows seen."""
    totals: set[int] = set()
    ids: list[int] = []
    for number in ("1", "2", "3"):
        answer = await cloud.checkpoints(0, 0, SOURCE, pageSize="10", pageNumber=number)
        totals.add(answer.json["data"]["totalCount"])
        ids += [row["checkpointId"] for row in answer.rows]
    return totals, set(ids), len(ids)


@pytest.mark.parametrize("phase", range(4))
async def test_churn_disturbs_every_other_poll_and_no_second(phase: int) -> None:
    """The first poll cannot add up; who polls again finds exactly what there is."""
    clock = Clock(START + 30 * phase)
    world = World("churn", plans=1, items=1, groups=25, started_at=START)
    async with serving(world, clock=clock) as cloud:
        first_totals, first_ids, _ = await polled(cloud)
        totals, ids, seen = await polled(cloud)
        third_totals, third_ids, _ = await polled(cloud)

    truth = {int(each.row.checkpoint_id) for each in everything(world, clock())}
    assert (totals, ids, seen) == ({len(truth)}, truth, len(truth))
    assert len(first_totals) > 1 or len(first_ids) != first_totals.pop()
    assert len(third_totals) > 1 or len(third_ids) != third_totals.pop()
