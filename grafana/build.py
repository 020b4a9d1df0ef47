"""Writes grafana/dashboards/; with --check it only compares.

Exit 1 with --check when a file is not what the code says.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from grafana import exporter, fleet, plan
from grafana.boards import built

ROOT = Path(__file__).parents[1]
FOLDER = Path("grafana", "dashboards")
BOARDS = {"fleet": fleet.board, "plan": plan.board, "exporter": exporter.board}


def dashboards() -> dict[str, dict[str, Any]]:
    """Return each dashboard as Grafana takes it, by the name of its file."""
    texts = {
        name: JSONEncoder(sort_keys=True).encode(built(board()))
        for name, board in BOARDS.items()
    }
    return {name: json.loads(text) for name, text in texts.items()}


def files() -> Mapping[Path, str]:
    """Return what every generated file has to hold, by its place in the repository."""
    return {
        FOLDER / f"{name}.json": json.dumps(one, indent=2, ensure_ascii=False) + "\n"
        for name, one in dashboards().items()
    }


def write(root: Path) -> None:
    """Write the files."""
    for place, text in files().items():
        (root / place).write_text(text, encoding="utf-8")


def stale(root: Path) -> list[str]:
    """Return the files that are not what they have to be, or are too many."""
    wanted = files()
    there = {place.relative_to(root) for place in (root / FOLDER).glob("*.json")}
    wrong = {
        place
        for place, text in wanted.items()
        if not (root / place).exists()
        or (root / place).read_text(encoding="utf-8") != text
    }
    return sorted(map(str, wrong | (there - set(wanted))))


def main(arguments: Sequence[str]) -> int:
    """Write or check the files."""
    if "--check" not in arguments:
        write(ROOT)
        return 0
    wrong = stale(ROOT)
    for place in wrong:
        print(f"{place} is not what grafana/ says: run `make docs`")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
