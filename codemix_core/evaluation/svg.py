"""Small static pictures of an evaluation, as SVG text for a file that needs no network.

Colours are classes of the style sheet of :mod:`.html_export`, so pictures fit light and dark.
Numbers alone reach these functions, and names only through :func:`html.escape`.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from math import log2
from typing import Any

from codemix_core.evaluation.headline import signed

Row = dict[str, Any]

WIDTH, HEIGHT = 460, 230
LEFT, RIGHT, TOP, BOTTOM = 34, 12, 10, 26


def ladder(curves: Sequence[tuple[str, Sequence[Row]]]) -> str:
    """pass@k of both models against k on a logarithmic axis, intervals as bands.

    Args:
        curves: a CSS class and the rows of ``pass_at_k``: k, value, low, high.
    """
    ks = sorted({int(row["k"]) for _, rows in curves for row in rows})
    if not ks:
        return ""
    span = log2(ks[-1]) or 1.0

    def x(k: int) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * (log2(k) / span if len(ks) > 1 else 0.5)

    parts = [
        f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{_y(v):.1f}" y2="{_y(v):.1f}"/>'
        f'<text x="{LEFT - 6}" y="{_y(v) + 4:.1f}" text-anchor="end">{v:g}</text>'
        for v in (0, 0.25, 0.5, 0.75, 1)
    ]
    parts += [f'<text x="{x(k):.1f}" y="{HEIGHT - 8}" text-anchor="middle">{k}</text>' for k in ks]
    for kind, rows in curves:
        known = [row for row in rows if row["value"] is not None]
        parts.append(_band(kind, [row for row in known if row["low"] is not None], x))
        points = " ".join(f"{x(int(r['k'])):.1f},{_y(r['value']):.1f}" for r in known)
        parts.append(f'<polyline class="{kind} curve" points="{points}"/>')
        parts += [
            f'<circle class="{kind} dot" cx="{x(int(r["k"])):.1f}" cy="{_y(r["value"]):.1f}" r="3">'
            f"<title>pass@{r['k']} = {r['value']:.3f}</title></circle>"
            for r in known
        ]
    return _picture(WIDTH, HEIGHT, "pass@k of both models against k", parts)


def _band(kind: str, rows: Sequence[Row], x: Any) -> str:
    upper = [f"{x(int(r['k'])):.1f},{_y(r['high']):.1f}" for r in rows]
    lower = [f"{x(int(r['k'])):.1f},{_y(r['low']):.1f}" for r in reversed(rows)]
    return f'<polygon class="{kind} band" points="{" ".join(upper + lower)}"/>'


def _y(value: float) -> float:
    return TOP + (HEIGHT - TOP - BOTTOM) * (1 - value)


def whisker(row: Row, reach: float) -> str:
    """A difference with its interval around a zero line.

    Args:
        row: difference, low, high (None where they cannot be told) and finding.
        reach: the largest distance from zero that has to fit.
    """
    width, height = 190, 16

    def x(value: float) -> float:
        return width / 2 + value / reach * (width / 2 - 4)

    parts = [f'<line class="zero" x1="{width / 2}" x2="{width / 2}" y1="0" y2="{height}"/>']
    kind = {"better": "up", "worse": "down"}.get(str(row["finding"]), "none")
    if row["low"] is not None:
        parts.append(
            f'<line class="{kind} range" x1="{x(row["low"]):.1f}" x2="{x(row["high"]):.1f}"'
            f' y1="{height / 2}" y2="{height / 2}"/>'
        )
    if row["difference"] is not None:
        parts.append(
            f'<circle class="{kind} dot" cx="{x(row["difference"]):.1f}" cy="{height / 2}" r="4"/>'
        )
    return _picture(width, height, "difference with its interval", parts)


def pair_map(rows: Sequence[Row]) -> str:
    """Differences per pair of skills as a triangle of cells, in percentage points.

    Green cells are better, red ones worse; cells whose interval holds zero, or that have none,
    stay grey.
    """
    names = sorted({row[side] for row in rows for side in ("skill", "other_skill")})
    if not names:
        return ""
    cell, margin = 26, 8 + max(6 * len(name) for name in names)
    place = {name: at for at, name in enumerate(names)}
    parts = []
    for at, name in enumerate(names):
        shown, middle = escape(_plain(name)), margin + cell * at + cell / 2
        parts.append(
            f'<text x="{margin - 6}" y="{middle + 4:.1f}" text-anchor="end">{shown}</text>'
            f'<text transform="translate({middle + 4:.1f},{margin - 6}) rotate(-90)">{shown}</text>'
        )
    for row in rows:
        first, second = sorted((place[row["skill"]], place[row["other_skill"]]))
        parts.append(_cell(row, margin + cell * first, margin + cell * second, cell))
    size = margin + cell * len(names) + 4
    return _picture(size, size, "difference in pass@1 per pair of skills", parts)


def _cell(row: Row, x: float, y: float, size: float) -> str:
    value = row["difference"]
    if value is None:
        return ""
    kind = {"better": "up", "worse": "down"}.get(str(row["finding"]), "none")
    both = " × ".join(dict.fromkeys(_plain(row[side]) for side in ("skill", "other_skill")))
    interval = "" if row["low"] is None else f" [{row['low']:+.3f}, {row['high']:+.3f}]"
    title = f"{both}: {value:+.3f}{interval}, {row['questions']} questions: {row['finding']}"
    return (
        f'<g><title>{escape(title)}</title><rect class="{kind} cell" x="{x + 1}" y="{y + 1}"'
        f' width="{size - 2}" height="{size - 2}" rx="2"/>'
        f'<text class="in" x="{x + size / 2}" y="{y + size / 2 + 3.5}" text-anchor="middle">'
        f"{signed(100 * value, 0)}</text></g>"
    )


def _plain(name: str) -> str:
    return name.replace("_", " ").replace("-", " ")


def _picture(width: float, height: float, label: str, parts: Sequence[str]) -> str:
    return (
        f'<svg role="img" aria-label="{label}" width="{width:.0f}" height="{height:.0f}"'
        f' viewBox="0 0 {width:.0f} {height:.0f}">{"".join(parts)}</svg>'
    )
