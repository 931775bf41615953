"""One way to draw: the Plotly layout shared by every chart, and the skill × skill heat map.

Text and axis colours come from streamlit's theme in the browser, so a chart fits light and dark
without being drawn again; fills are the mid-tones of :mod:`codemix_core.ui.look`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from codemix_core.ui import words

GRID = "rgba(128, 138, 150, 0.22)"
BLUES = ["#e9f0fb", "#c9daf5", "#9fbdec", "#7099de", "#4677cd", "#2855c5", "#1d3f95"]
BLUES_ON_DARK = ["#1c2a44", "#24406f", "#2f589f", "#4576c8", "#6c98e2", "#9bbcf5", "#d3e2fd"]
"""From few to many: away from the background, so that much always stands out."""
DIFFERENCES = [[0, "#b3403a"], [0.5, "#d7dbe1"], [1, "#23865a"]]
DIFFERENCES_ON_DARK = [[0, "#d0524a"], [0.5, "#2a313c"], [1, "#2f9e68"]]
"""From worse through equal to better; equal is close to the background."""
FEW = 22
"""Most skills whose cells have room for a number at half the page's width."""


def figure(
    traces: Sequence[Any], *, height: int, x: str = "", y: str = "", **layout: Any
) -> go.Figure:
    """A figure in the house style: small margins, thin grid, no chrome.

    Args:
        x, y: axis titles, with the unit.
        layout: further Plotly layout settings; ``xaxis`` and ``yaxis`` are merged.
    """
    made = go.Figure(data=list(traces))
    axis = {
        "gridcolor": GRID,
        "zeroline": False,
        "title": {"standoff": 6, "font": {"size": 12}},
        "tickfont": {"size": 11},
        "automargin": True,
        "fixedrange": True,
    }
    made.update_layout(
        height=height,
        margin={"l": 4, "r": 8, "t": 8, "b": 4},
        hovermode="closest",
        bargap=0.12,
        dragmode=False,
        showlegend=False,
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "font": {"size": 12}},
        xaxis=axis,
        yaxis=axis,
    )
    made.update_xaxes(title_text=x)
    made.update_yaxes(title_text=y)
    made.update_layout(**layout)
    return made


def show(made: go.Figure, key: str, alt: str, **events: Any) -> Any:
    """Put a figure on the page, without Plotly's own buttons.

    Args:
        alt: what the chart shows, for a screen reader.
    """
    config = {"displayModeBar": False, "responsive": True}
    return st.plotly_chart(made, key=key, config=config, alt=alt, **events)


def skill_map(
    names: Sequence[str],
    cell: Callable[[str, str], tuple[float, str, str] | None],
    *,
    bar_title: str,
    low: float | None = None,
    high: float | None = None,
    differences: bool = False,
    texts: bool | None = None,
) -> go.Figure:
    """A symmetric skill × skill heat map whose cells can be clicked.

    Args:
        names: skills in the order of both axes.
        cell: of an ordered pair of skills (equal for the diagonal): value, text in the cell and
            text on hover; None where there is no question.
        low, high: ends of the colour scale; the data's when None.
        differences: colour by sign around zero instead of by size.
        texts: show the text in the cells; None: when there are few skills.
    """
    shown = [skill(name) for name in names]
    found = [[cell(*sorted((row, column))) for column in names] for row in names]
    values = [[None if c is None else c[0] for c in line] for line in found]
    filled = [c for line in found for c in line if c is not None]
    dark = st.context.theme.type == "dark"
    scale: Sequence[Any] = BLUES_ON_DARK if dark else BLUES
    if differences:
        scale = DIFFERENCES_ON_DARK if dark else DIFFERENCES
    bottom = min((c[0] for c in filled), default=0) if low is None else low
    most = max((c[0] for c in filled), default=1) if high is None else high
    top = max(most, bottom + 1e-9)
    heat = go.Heatmap(
        z=values,
        x=shown,
        y=shown,
        colorscale=scale,
        zmin=bottom,
        zmax=top,
        xgap=1.5,
        ygap=1.5,
        hoverinfo="skip",
        colorbar={
            "thickness": 8,
            "outlinewidth": 0,
            "title": {"text": bar_title, "side": "right", "font": {"size": 11}},
            "tickfont": {"size": 10},
            "len": 0.9,
            "x": 1.01,
        },
    )

    def deep(value: float) -> bool:
        return dark if differences else ((value - bottom) / (top - bottom) > 0.5) != dark

    targets = _targets(names, found, deep)
    targets.mode = "markers+text" if texts or (texts is None and len(names) <= FEW) else "markers"
    made = figure([heat, targets], height=120 + max(17 * len(names), min(30 * len(names), 330)))
    end = len(names) - 0.5
    made.update_yaxes(range=[end, -0.5], showgrid=False, tickfont_size=10.5, dtick=1)
    made.update_xaxes(range=[-0.5, end], showgrid=False, tickangle=-60, tickfont_size=10.5, dtick=1)
    return made


def skill(*names: str) -> str:
    """Skills as words in a chart, where ``vector<int>`` would be read as a tag."""
    return escape(words.skills(names), quote=False)


def _targets(
    names: Sequence[str],
    found: Sequence[Sequence[tuple[float, str, str] | None]],
    deep: Callable[[float], bool],
) -> go.Scatter:
    """Cell texts that can be hovered and clicked: Plotly selects points, never heat map cells.

    Args:
        deep: whether a value's cell is so dark that its text has to be white.
    """
    xs, ys, texts, hovers, pairs, colours = [], [], [], [], [], []
    for row, line in zip(names, found, strict=True):
        for column, value in zip(names, line, strict=True):
            if value is None:
                continue
            xs.append(skill(column))
            ys.append(skill(row))
            texts.append(value[1])
            hovers.append(value[2])
            pairs.append(sorted((row, column)))
            colours.append("#ffffff" if deep(value[0]) else "#1d2430")
    return go.Scatter(
        x=xs,
        y=ys,
        text=texts,
        customdata=pairs,
        hovertext=hovers,
        hovertemplate="%{hovertext}<extra></extra>",
        textfont={"size": 9, "color": colours},
        marker={"symbol": "square", "size": 15, "color": "rgba(0, 0, 0, 0)"},
        selected={"marker": {"color": "rgba(0, 0, 0, 0)"}, "textfont": {"color": "#d08700"}},
        unselected={"marker": {"opacity": 1}},
    )


def clicked_pair(event: Any) -> tuple[str, str] | None:
    """The pair of skills of the clicked cell, from the event of :func:`skill_map`."""
    points = event["selection"]["points"] if event else []
    for point in points:
        pair = point.get("customdata")
        if pair:
            return str(pair[0]), str(pair[1])
    return None
