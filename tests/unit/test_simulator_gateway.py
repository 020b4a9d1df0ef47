"""Whom the simulated cloud lets in, and what it tells the others."""

from __future__ import annotations

import pytest
from simulator_client import Clock, Signing, serving
from simulator_truth import START

from exporter.simulator.gateway import Gateway
from exporter.simulator.refusals import GatewayError
from exporter.simulator.signature import (
    EMPTY_SHA256,
    Received,
    canonical_request,
    sign,
    string_to_sign,
)
from exporter.simulator.stats import Stats
from exporter.simulator.world import World

WORLD = World("healthy", started_at=START)
PLANS = "/disaster_recovery"
MINUTE = 60.0


async def test_a_right_signature_is_answered_at_the_clouds_time() -> None:
    """A signed call succeeds, and the Date is the simulated clock's."""
    async with serving(WORLD) as cloud:
        answer = await cloud.ask(PLANS)

    assert answer.status == 200
    assert answer.json["success"] is True
    assert answer.headers["Date"] == "Fri, 28 Feb 2025 06:28:00 GMT"


@pytest.mark.parametrize(
    ("signing", "status", "code"),
    [
        (Signing(secret="wrong"), 400, "SignatureDoesNotMatch"),
        (Signing(access_key_id="stranger"), 404, "InvalidAccessKeyId.NotFound"),
        (Signing(signed_at=START - 20 * MINUTE), 400, "InvalidTimeStamp.Expired"),
        (Signing(signed_at=START + 20 * MINUTE), 400, "InvalidTimeStamp.Expired"),
        (Signing(leave_unsigned="x-acs-action"), 400, "IncompleteSignature"),
        (Signing(leave_unsigned="host"), 400, "IncompleteSignature"),
    ],
)
async def test_a_wrong_signature_is_refused_by_its_fault(
    signing: Signing, status: int, code: str
) -> None:
    """Each fault has the vendor's code, in the gateway's PascalCase."""
    async with serving(WORLD) as cloud:
        answer = await cloud.ask(PLANS, signing=signing)

    assert (answer.status, answer.code) == (status, code)
    assert {"RequestId", "HostId", "Code", "Message"} <= set(answer.json)


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"x-acs-version": "2019-02-14"}, 400, "InvalidVersion"),
        ({"authorization": "Basic abc"}, 400, "IncompleteSignature"),
        ({"x-acs-date": "yesterday"}, 400, "InvalidTimeStamp.Format"),
        ({"x-acs-content-sha256": "0" * 64}, 400, "SignatureDoesNotMatch"),
        ({"x-acs-action": "GetDisasterRecoveryPlan"}, 404, "InvalidApi.NotFound"),
    ],
)
async def test_a_wrong_header_is_refused_though_it_is_signed(
    headers: dict[str, str], status: int, code: str
) -> None:
    """A signature proves who asks, not that the question is right."""
    async with serving(WORLD) as cloud:
        answer = await cloud.ask(PLANS, headers=headers)

    assert (answer.status, answer.code) == (status, code)


async def test_a_mismatch_echoes_what_was_to_be_signed() -> None:
    """The real gateway echoes headers and tokens; clients must not repeat it."""
    headers = {"x-acs-security-token": "canary-token"}
    async with serving(WORLD) as cloud:
        answer = await cloud.ask(PLANS, headers=headers, signing=Signing(secret="no"))

    assert "string to sign is:ACS3-HMAC-SHA256\n" in answer.json["Message"]
    assert "canary-token" in answer.json["Message"]


async def test_a_nonce_serves_once() -> None:
    """A replayed nonce is refused, a new one is served."""
    async with serving(WORLD) as cloud:
        nonce = {"x-acs-signature-nonce": "once"}
        first = await cloud.ask(PLANS, headers=nonce)
        second = await cloud.ask(PLANS, headers=nonce)
        other = await cloud.ask(PLANS)

    assert (first.status, other.status) == (200, 200)
    assert (second.status, second.code) == (400, "SignatureNonceUsed")


async def test_a_nonce_is_spent_by_genuine_requests_only() -> None:
    """Nobody without the key can use up the nonces of others."""
    async with serving(WORLD) as cloud:
        nonce = {"x-acs-signature-nonce": "once"}
        forged = await cloud.ask(PLANS, headers=nonce, signing=Signing(secret="no"))
        genuine = await cloud.ask(PLANS, headers=nonce)

    assert (forged.status, genuine.status) == (400, 200)


def received(nonce: str, date: str = "2025-02-28T06:28:00Z") -> Received:
    """Sign a request as it arrives at the gateway."""
    headers = {
        "host": "h",
        "x-acs-action": "ListDisasterRecoveryPlans",
        "x-acs-content-sha256": EMPTY_SHA256,
        "x-acs-date": date,
        "x-acs-signature-nonce": nonce,
        "x-acs-version": "2022-08-01",
    }
    names = tuple(headers)
    canonical = canonical_request(Received("GET", PLANS, headers), names)
    signature = sign("simulator", string_to_sign(canonical))
    headers["authorization"] = (
        "ACS3-HMAC-SHA256 Credential=simulator,"
        f"SignedHeaders={';'.join(names)},Signature={signature}"
    )
    return Received("GET", PLANS, headers)


def test_nonces_are_remembered_as_long_as_a_replay_is_valid() -> None:
    """Signed 14 minutes ahead of the cloud's clock, a request is valid for 29."""
    gateway = Gateway()
    gateway.admit(received("n"), START - 14 * MINUTE)

    with pytest.raises(GatewayError, match="SignatureNonceUsed"):
        gateway.admit(received("n"), START + 14 * MINUTE)


def test_nonces_are_forgotten_when_no_replay_can_be_valid() -> None:
    """Half an hour later the same nonce under a new date is a new request."""
    gateway = Gateway()
    gateway.admit(received("n"), START)

    gateway.admit(received("n", "2025-02-28T06:59:00Z"), START + 31 * MINUTE)


def test_nonces_are_forgotten_beyond_a_bound() -> None:
    """The oldest nonce makes room, so that no client can fill the memory."""
    gateway = Gateway(nonces_kept=2)
    for nonce in ("a", "b", "c"):
        gateway.admit(received(nonce), START)

    gateway.admit(received("a"), START)

    with pytest.raises(GatewayError, match="SignatureNonceUsed"):
        gateway.admit(received("c"), START)


async def test_a_client_that_asks_for_no_json_gets_xml() -> None:
    """The gateway's default format is XML, for answers and refusals."""
    async with serving(WORLD) as cloud:
        answer = await cloud.ask(PLANS, headers={"accept": "*/*"})
        refusal = await cloud.ask(
            PLANS, headers={"accept": "*/*"}, signing=Signing(secret="no")
        )

    assert answer.headers["Content-Type"] == "text/xml;charset=utf-8"
    assert answer.body.startswith(b"<Response><requestId>")
    assert b"<planId>1300000016</planId>" in answer.body
    assert refusal.body.startswith(b"<Error><RequestId>")
    assert b"<Code>SignatureDoesNotMatch</Code>" in refusal.body


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "HEAD"])
async def test_a_write_is_refused_and_recorded(method: str) -> None:
    """Nothing but GET is served, even when it is signed."""
    stats = Stats()
    async with serving(WORLD, stats=stats) as cloud:
        answer = await cloud.ask(
            f"{PLANS}/1300000016/items/100070284/checkpoints", method=method
        )

    assert answer.status == 405
    assert [served.method for served in stats.requests] == [method]


@pytest.mark.parametrize("path", ["/", "/disaster_recovery/", "/disaster_recovery/x"])
async def test_a_path_of_no_action_is_not_found(path: str) -> None:
    """There is nothing beside the five calls."""
    async with serving(WORLD, clock=Clock()) as cloud:
        answer = await cloud.ask(path)

    assert (answer.status, answer.code) == (404, "InvalidApi.NotFound")
