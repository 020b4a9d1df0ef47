"""How samples become bytes: label sets, numbers and lines.

Pure, and the same in every format; it knows no family and no route.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec


def escaped(value: str) -> str:
    r"""Return a label value as the formats write it between its quotes.

    >>> print(escaped('say "hi"\n'))
    say \"hi\"\n
    """
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


class Escapes(dict[str, str]):
    r"""Escaped label values by the plain ones, each worked out once.

    >>> print(Escapes()['a"b'])
    a\"b
    """

    def __missing__(self, value: str) -> str:
        self[value] = result = escaped(value)
        return result


def pairs(names: Sequence[str], values: Iterable[str]) -> str:
    """Return labels as they stand between the braces.

    >>> pairs(("plan_id", "reason"), ("13", "timeout"))
    'plan_id="13",reason="timeout"'
    """
    return ",".join(
        f'{name}="{escaped(value)}"' for name, value in zip(names, values, strict=True)
    )


def seconds(milliseconds: Iterable[int]) -> list[bytes]:
    """Return milliseconds as the formats write seconds.

    >>> seconds([1500, -20, 1740724080343])
    [b'1.5', b'-0.02', b'1740724080.343']
    """
    return numbers([ms / 1000 for ms in milliseconds])


def numbers(values: list[float]) -> list[bytes]:
    """Return numbers as the formats write them; none of them is NaN or infinite.

    >>> numbers([1.5, 0.0, 1e22])
    [b'1.5', b'0.0', b'1e22']
    """
    # One call of C for all of them, at a third of the cost of repr for each.
    encoded = msgspec.json.encode(values)
    return encoded[1:-1].split(b",") if values else []


def template(name: str, labels: Iterable[bytes]) -> bytes:
    r"""Return sample lines that wait for their values, to be filled in by `%`.

    >>> template("dr_age", [b'{topic="100%"} ']) % (b"1.5",)
    b'dr_age{topic="100%"} 1.5\n'
    """
    start = name.encode()
    return b"".join(
        [b"%b%b%%b\n" % (start, label.replace(b"%", b"%%")) for label in labels]
    )


def lines(name: str, labels: Sequence[bytes], values: Sequence[bytes]) -> bytes:
    r"""Return the sample lines of one name; each of `labels` is `{...} `, closed.

    >>> lines("dr_up", [b'{plan_id="1"} ', b'{plan_id="2"} '], [b"1", b"0"])
    b'dr_up{plan_id="1"} 1\ndr_up{plan_id="2"} 0\n'
    """
    if not labels:
        return b""
    parts = [f"\n{name}".encode()] * (3 * len(labels))
    parts[0] = name.encode()
    parts[1::3] = labels
    parts[2::3] = values
    parts.append(b"\n")
    return b"".join(parts)
