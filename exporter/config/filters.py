"""Which names are wanted: RE2 expressions to include and to exclude.

It must not remember names: whoever asks often keeps the answers.
"""

from functools import lru_cache
from typing import Annotated, Protocol, cast

import re2
from pydantic import AfterValidator, Field

from exporter.config.kinds import Expected, fault
from exporter.config.section import Section


class _Pattern(Protocol):
    """The part of a compiled expression that is used here."""

    def fullmatch(self, text: str) -> object | None:
        """Return a match of the whole text, or None."""


@lru_cache(maxsize=1024)
def _compiled(expression: str) -> _Pattern:
    """Compile an expression whose dot means any character, as in Prometheus."""
    options = re2.Options()
    options.log_errors = False  # it would write the expression to stderr
    options.dot_nl = True
    return cast("_Pattern", re2.compile(expression, options))


def _expression(text: str) -> str:
    """Refuse what RE2 refuses, and say why."""
    try:
        _compiled(text)
    except re2.error as error:
        reason = error.args[0] if error.args else b""
        told = reason.decode(errors="replace") if isinstance(reason, bytes) else reason
        why = str(told).partition(":")[0]
        raise fault(f"expected an RE2 regular expression: {why}") from None
    except UnicodeEncodeError:
        raise fault("expected an RE2 regular expression: not Unicode text") from None
    return text


Expressions = Annotated[
    tuple[Annotated[str, AfterValidator(_expression)], ...],
    Expected("a list of RE2 regular expressions"),
]


class NameFilter(Section):
    """Names that an expression of `include` and none of `exclude` matches whole.

    >>> orders = NameFilter(include=("order.*",), exclude=(".*_test",))
    >>> orders.admits("orders"), orders.admits("order_test"), orders.admits("reorder")
    (True, False, False)
    """

    include: Expressions = Field(
        (".*",), description="Names to export: one of these matches the whole name."
    )
    exclude: Expressions = Field(
        (), description="Names to leave out, even where `include` matches them."
    )

    def admits(self, name: str) -> bool:
        """Tell whether the name is wanted."""
        return _matches(self.include, name) and not _matches(self.exclude, name)


def _matches(expressions: tuple[str, ...], name: str) -> bool:
    """Tell whether any of the expressions matches the whole name."""
    return any(_compiled(each).fullmatch(name) is not None for each in expressions)
