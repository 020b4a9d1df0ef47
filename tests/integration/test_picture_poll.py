"""The picture of `poll`, which README shows."""

from __future__ import annotations

import stat
import struct
from pathlib import Path

import pytest
from paths import ROOT

from docs.picture_poll import PICTURE, drawing, rasterised

FAKE_BROWSER = """#!/bin/sh
for flag; do
    case $flag in
        --screenshot=*) printf '%s\\n' "$@" > "${flag#--screenshot=}" ;;
    esac
done
"""


def size_of(picture: Path) -> tuple[int, int]:
    """Return width and height from the head of a PNG."""
    head = picture.read_bytes()[:24]
    assert head[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", head[16:])
    return width, height


def test_the_drawing_is_of_the_demo_and_needs_nothing_from_elsewhere() -> None:
    """Every color is there, the last note too, and no address of a font."""
    svg = drawing()

    text = svg.replace("&#160;", " ")
    for words in ("source_missing", "target_ahead", "24 checkpoints on 6 routes", "!"):
        assert words in text
    assert "DejaVu Sans Mono" in svg
    assert "url(http" not in svg
    assert "Fira" not in svg
    for color in ("#ff7b72", "#3fb950", "#e3b341", "#39c5cf"):
        assert color in svg


def test_the_picture_is_there_and_large_enough_to_be_read() -> None:
    """A PNG, wider than a page of GitHub's shows it."""
    width, height = size_of(PICTURE)

    assert width > 1200
    assert height > 800


def test_the_picture_can_be_taken_anew(tmp_path: Path) -> None:
    """By a real browser: as wide as the one in README, and not blank."""
    anew = tmp_path / "poll.png"

    rasterised(drawing(), anew)

    assert size_of(anew) == size_of(PICTURE)
    assert len(anew.read_bytes()) > len(PICTURE.read_bytes()) / 2
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "(docs/images/poll.png)" in readme


def test_a_browser_is_asked_for_the_whole_of_the_drawing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The window is as large as the SVG."""
    browser = tmp_path / "chromium"
    browser.write_text(FAKE_BROWSER)
    browser.chmod(browser.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    rasterised('<svg viewBox="0 0 100.4 50.6"></svg>', tmp_path / "out.png")

    asked = (tmp_path / "out.png").read_text().splitlines()
    assert "--window-size=100,51" in asked
    assert asked[-1].startswith("file://")


def test_without_a_browser_it_is_told_which_would_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The picture that was there stays."""
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(LookupError, match="chromium"):
        rasterised('<svg viewBox="0 0 1 1"></svg>', tmp_path / "out.png")
