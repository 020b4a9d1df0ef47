"""The matrix: each fault, what is to come of it, and why the polls say they failed.

It runs nothing; `test_fault_matrix` does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from fault_answers import ROWS
from fault_model import Fault
from fault_sending import cut, drip, endless, garbage, half, silence
from fault_shapes import SHAPES, Shape

from exporter.model.errors import Reason


class Effect(StrEnum):
    """What a fault costs the route that meets it; others it never costs a thing."""

    NOTHING = "nothing"
    ROWS = "rows"
    POLLS = "polls"
    DISCOVERY = "discovery"
    ROUTE = "route"


@dataclass(frozen=True, slots=True)
class Row:
    """One fault; `reasons` are what a poll, or discovery, may say it failed of.

    It is kept up for `least_requests` at least.
    """

    title: str
    fault: Fault
    effect: Effect
    reasons: tuple[Reason, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)
    rejected: int = 0
    least_requests: int = 0


def _polls(title: str, fault: Fault, *reasons: Reason) -> Row:
    return Row(title, fault, Effect.POLLS, reasons)


_UNAVAILABLE, _TIMEOUT = Reason.UNAVAILABLE, Reason.TIMEOUT
_TOO_LONG = ".".join(["x" * 63] * 5)  # no resolver asks anybody for such a name

CONNECTIONS = (
    _polls("connection refused", Fault(listens=False), _UNAVAILABLE),
    _polls("name that does not resolve", Fault(host=_TOO_LONG), _UNAVAILABLE),
    _polls("certificate of a stranger", Fault(certificate="stranger"), _UNAVAILABLE),
    _polls("certificate that has expired", Fault(certificate="expired"), _UNAVAILABLE),
    _polls("certificate for another name", Fault(host="127.0.0.1"), _UNAVAILABLE),
    _polls("reset amid the body", Fault(send=cut), _UNAVAILABLE),
    _polls("end amid the body", Fault(send=half), _UNAVAILABLE),
    _polls("no HTTP", Fault(send=garbage), Reason.MALFORMED),
    _polls("body that never ends", Fault(send=endless), Reason.MALFORMED, _TIMEOUT),
    _polls("body that drips", Fault(send=drip), _TIMEOUT),
    _polls("silence", Fault(send=silence), _TIMEOUT),
    _polls("cloud's clock 20 minutes ahead", Fault(clock_ahead=1200), Reason.CLOCK),
    _polls("cloud's clock 20 minutes behind", Fault(clock_ahead=-1200), Reason.CLOCK),
)


def _from_shape(shape: Shape) -> Row:
    effect = Effect(shape.effect)
    return Row(
        shape.title,
        Fault(change=shape.change),
        effect,
        shape.reasons,
        dict(shape.settings),
        rejected=-(-ROWS // 10) if effect is Effect.ROWS else 0,
        least_requests=shape.least_requests,
    )


MATRIX: tuple[Row, ...] = (*CONNECTIONS, *(_from_shape(shape) for shape in SHAPES))
