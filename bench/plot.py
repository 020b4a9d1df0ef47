"""The growth plot, as SVG: what each checkpoint costs, by how many there are.

Both axes are logarithmic, so that a cost that does not grow is a flat line.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

Series = Mapping[str, Mapping[int, float]]
"""Values by size, by the name of the line."""

WIDTH, HEIGHT = 900, 420
_COLOURS = ("#d62728", "#7f7f7f", "#1f77b4", "#2ca02c", "#9467bd")
_PLOT_WIDTH, _PLOT_HEIGHT, _TOP = 350, 250, 50


@dataclass(frozen=True, slots=True)
class Panel:
    """One pair of axes; values are in the unit of the title."""

    title: str
    series: Series


@dataclass(frozen=True, slots=True)
class _Axes:
    left: float
    sizes: tuple[float, float]
    values: tuple[float, float]

    def x(self, size: float) -> float:
        return self.left + _PLOT_WIDTH * _share(size, self.sizes)

    def y(self, value: float) -> float:
        return _TOP + _PLOT_HEIGHT * (1 - _share(value, self.values))


def svg(panels: Sequence[Panel]) -> str:
    """Return the picture, panels from left to right under one legend."""
    names = list(dict.fromkeys(name for panel in panels for name in panel.series))
    colours = dict(zip(names, _COLOURS, strict=False))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}">',
        "<style>text {font: 12px sans-serif}</style>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
    ]
    for index, panel in enumerate(panels):
        parts += _panel(panel, 60 + index * (_PLOT_WIDTH + 90), colours)
    parts += _legend(colours)
    return "\n".join((*parts, "</svg>", ""))


def _panel(panel: Panel, left: float, colours: Mapping[str, str]) -> list[str]:
    points = [point for line in panel.series.values() for point in line.items()]
    axes = _Axes(
        left,
        _decades([size for size, _ in points]),
        _decades([value for _, value in points]),
    )
    parts = [_text(left, _TOP - 20, panel.title, "start"), *_grid(axes)]
    for name, line in panel.series.items():
        corners = [(axes.x(size), axes.y(value)) for size, value in line.items()]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in corners)
        colour = colours[name]
        parts.append(
            f'<polyline points="{path}" fill="none" stroke="{colour}" '
            'stroke-width="2.5"/>'
        )
        parts += [
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>'
            for x, y in corners
        ]
    return parts


def _grid(axes: _Axes) -> list[str]:
    bottom = _TOP + _PLOT_HEIGHT
    parts = []
    for size in _powers(axes.sizes):
        x = axes.x(size)
        parts.append(_line(x, _TOP, x, bottom))
        parts.append(_text(x, bottom + 18, f"{size:,.0f}", "middle"))
    for value in _powers(axes.values):
        y = axes.y(value)
        parts.append(_line(axes.left, y, axes.left + _PLOT_WIDTH, y))
        parts.append(_text(axes.left - 6, y + 4, f"{value:g}", "end"))
    middle = axes.left + _PLOT_WIDTH / 2
    parts.append(_text(middle, bottom + 38, "checkpoints", "middle"))
    return parts


def _legend(colours: Mapping[str, str]) -> list[str]:
    parts = []
    for index, (name, colour) in enumerate(colours.items()):
        column, row = index % 3, index // 3
        x, y = 60 + column * 290, HEIGHT - 50 + row * 22
        parts.append(
            f'<rect x="{x}" y="{y - 10}" width="14" height="10" fill="{colour}"/>'
        )
        parts.append(_text(x + 20, y, name, "start"))
    return parts


def _line(x1: float, y1: float, x2: float, y2: float) -> str:
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" '
        'stroke="#dddddd"/>'
    )


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _decades(values: Sequence[float]) -> tuple[float, float]:
    """Return the powers of ten that enclose all values.

    >>> _decades([0.3, 7]), _decades([10, 10])
    ((0.1, 10.0), (10.0, 100.0))
    """
    low = math.floor(math.log10(min(values)))
    high = max(low + 1, math.ceil(math.log10(max(values))))
    return 10.0**low, 10.0**high


def _powers(bounds: tuple[float, float]) -> list[float]:
    low, high = (round(math.log10(bound)) for bound in bounds)
    return [10.0**power for power in range(low, high + 1)]


def _share(value: float, bounds: tuple[float, float]) -> float:
    low, high = (math.log10(bound) for bound in bounds)
    return (math.log10(value) - low) / (high - low)
