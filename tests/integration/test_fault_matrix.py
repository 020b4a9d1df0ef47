"""Every fault of the matrix, over real sockets, against the whole exporter."""

from __future__ import annotations

import gc
import ssl
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from eventually import eventually
from fault_answers import ROWS
from fault_certificates import server_contexts
from fault_model import HEALTHY
from fault_rows import MATRIX, Effect, Row
from fault_run import ILL, WELL, Run, series
from fault_start import two_routes

from exporter.cloud.http import LARGEST_BODY_BYTES
from exporter.model.errors import Reason

MOST_LINES = 8
POLLS_BESIDE = 3
# The bound of one answer, and what sockets and streams hold beside it.
MOST_READ = LARGEST_BODY_BYTES + 16 * 2**20
Certificates = tuple[Path, Mapping[str, ssl.SSLContext]]


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Return an authority's file, and what it and a stranger have signed."""
    return server_contexts(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(autouse=True)
def _collected() -> Iterator[None]:
    """Collect what a row left open while it is the row's, and not another test's."""
    yield
    gc.collect()


@pytest.mark.parametrize("row", MATRIX, ids=lambda row: row.title)
async def test_a_fault_costs_its_own_route_no_more_than_it_must(
    row: Row, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reason is told, the rest is served, it heals, and no secret is shown."""
    bundle, contexts = certificates
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    async with two_routes(contexts, row.settings, row.rejected) as run:
        await is_whole(run)
        lines = len(run.log_lines())
        polls = run.polls(WELL)

        run.layer.become(row.fault)
        await EXPECTED[row.effect](run, row)
        await kept_up(run, row, polls + POLLS_BESIDE)
        run.look_inside()
        await run.page()

        run.layer.become(HEALTHY)
        await is_whole(run)
        lines = len(run.log_lines()) - lines
        most_sent = run.layer.most_sent
        well = run.failures(WELL)

    assert sum(well.values()) == 0
    assert most_sent < MOST_READ
    assert run.leaks() == []
    assert lines <= MOST_LINES, run.log.getvalue()


async def is_whole(run: Run) -> None:
    """Wait until both routes are up, with all of their checkpoints."""
    await run.exporter.ready.wait()

    async def is_up() -> bool:
        status = run.status()
        if status is None or status.is_up is not True:
            return False
        return series(await run.look()) == ROWS

    await eventually(is_up)


async def kept_up(run: Run, row: Row, polls: int) -> None:
    """Wait until the fault has met requests enough, and the other route polled on."""

    async def is_enough() -> bool:
        await run.look()
        has_met = run.layer.sequence >= row.least_requests
        return has_met and run.polls(WELL) >= polls

    await eventually(is_enough)


async def polls_fail(run: Run, row: Row) -> None:
    """The reason grows, the last poll is served, and withdrawn once it is stale."""

    async def has_failed() -> bool:
        await run.look()
        return any(run.failures().get(reason) for reason in row.reasons)

    async def is_withdrawn() -> bool:
        text = await run.look()
        return series(text) == 0

    await eventually(has_failed)
    await eventually(is_withdrawn)
    await eventually(has_failed)
    status = run.status()
    assert status is not None
    assert status.is_up is False
    assert status.reason in row.reasons
    text = await run.look()
    assert series(text, "rocketmq_dr_up") == 1
    assert series(text, "rocketmq_dr_last_success_timestamp_seconds") == 1
    assert series(text, "rocketmq_dr_max_sync_age_seconds") == 0


async def discovery_fails(run: Run, row: Row) -> None:
    """The reason is counted, and the routes found before are polled on."""
    failed = "rocketmq_dr_exporter_discovery_failures_total"

    async def is_told() -> bool:
        lines = (await run.look()).splitlines()
        return any(
            line.startswith(f'{failed}{{reason="{reason}"}}')
            and line.split()[1] > "0.0"
            for line in lines
            for reason in row.reasons
        )

    await eventually(is_told)
    await nothing_fails(run, row)


async def nothing_fails(run: Run, _row: Row) -> None:
    """Polls go on, and none fails."""
    before = run.polls()

    async def has_polled() -> bool:
        await run.look()
        return run.polls() >= before + POLLS_BESIDE

    await eventually(has_polled)
    assert sum(run.failures().values()) == 0


async def rows_are_rejected(run: Run, row: Row) -> None:
    """Bad rows are counted, and the rest is served."""
    rejected = "rocketmq_dr_checkpoints_rejected"

    async def is_counted() -> bool:
        text = await run.look()
        counts = [line for line in text.splitlines() if line.startswith(rejected)]
        is_told = any(
            ILL in line and "malformed" in line and line.endswith(f" {row.rejected}")
            for line in counts
        )
        return is_told and series(text) == ROWS - row.rejected

    await eventually(is_counted)
    await nothing_fails(run, row)


async def route_goes(run: Run, row: Row) -> None:
    """Nothing is shown of what is not there; what is configured is told missing."""

    async def is_gone() -> bool:
        return series(await run.look(), "rocketmq_dr_up") == 0

    await eventually(is_gone)
    text = await run.look()
    is_told = f'rocketmq_dr_configured_missing{{kind="plan",id="{ILL}"}} 1' in text
    assert is_told == (row.reasons == (Reason.NOT_FOUND,))


EXPECTED = {
    Effect.POLLS: polls_fail,
    Effect.DISCOVERY: discovery_fails,
    Effect.NOTHING: nothing_fails,
    Effect.ROWS: rows_are_rejected,
    Effect.ROUTE: route_goes,
}
