"""What a running process holds, and what it counts, as seen from outside."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Vitals:
    """Memory in KiB, and what is open."""

    rss_kib: int
    files: int
    sockets: int
    threads: int


def vitals_of(pid: int) -> Vitals:
    """Return what a process holds at present; Linux alone tells."""
    folder = Path(f"/proc/{pid}")
    targets = [_target(link) for link in (folder / "fd").iterdir()]
    opened = [target for target in targets if target is not None]
    status = (folder / "status").read_text()
    (line,) = (ln for ln in status.splitlines() if ln.startswith("VmRSS"))
    return Vitals(
        rss_kib=int(line.split()[1]),
        files=len(opened),
        sockets=sum(target.startswith("socket:") for target in opened),
        threads=len(list((folder / "task").iterdir())),
    )


def _target(link: Path) -> str | None:
    try:
        return str(link.readlink())
    except FileNotFoundError:
        return None  # it was closed since it was listed


def totals(text: str) -> dict[str, float]:
    r"""Return the sum of the samples of each name in an exposition.

    >>> totals('up{a="1"} 1\nup{a="2 3"} 1\n# TYPE x gauge\nx 5\n')
    {'up': 2.0, 'x': 5.0}
    """
    sums: dict[str, float] = defaultdict(float)
    for line in text.splitlines():
        if line and not line.startswith("#"):
            series, _, value = line.rpartition(" ")
            sums[series.partition("{")[0]] += float(value)
    return dict(sums)
