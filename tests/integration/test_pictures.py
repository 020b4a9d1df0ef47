"""The pictures in README."""

from __future__ import annotations

import pytest
from paths import ROOT
from pictures import (
    IMAGES,
    PAGE_SIZE,
    SCALE,
    report,
    size_of,
    status_page,
    taken,
    terminal,
)


def png_size(picture: bytes) -> tuple[int, int]:
    """Return width and height from the head of a PNG."""
    assert picture[:8] == b"\x89PNG\r\n\x1a\n"
    return int.from_bytes(picture[16:20], "big"), int.from_bytes(picture[20:24], "big")


def test_the_drawing_of_a_terminal_needs_nothing_from_elsewhere() -> None:
    """Every color is there, the last note too, and no address of a font."""
    text = terminal(report()).replace("&#160;", " ")

    for words in ("source_missing", "target_ahead", "24 checkpoints on 6 routes", "!"):
        assert words in text
    assert "DejaVu Sans Mono" in text
    assert "url(http" not in text
    for color in ("#ff7b72", "#3fb950", "#e3b341", "#39c5cf"):
        assert color in text


@pytest.mark.parametrize("name", ["poll.png", "status-page.png"])
def test_a_picture_can_be_taken_again(name: str) -> None:
    """By a real browser, as wide as the one that README shows."""
    kept = (IMAGES / name).read_bytes()
    html = terminal(report()) if name == "poll.png" else status_page(report())
    size = size_of(html) if name == "poll.png" else PAGE_SIZE

    again = taken(html, size)

    assert png_size(again)[0] == png_size(kept)[0] == round(size[0] * SCALE)
    assert len(again) > len(kept) / 2
    assert f"(docs/images/{name})" in (ROOT / "README.md").read_text(encoding="utf-8")
