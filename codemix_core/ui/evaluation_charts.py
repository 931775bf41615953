"""Figures of an evaluation: differences with intervals, and who gained how much."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from codemix_core.evaluation import compare
from codemix_core.ui import charts, data, look, words
from codemix_core.ui.rate_charts import HEIGHT, ROW

NO_LINE = "rgba(128, 138, 150, 0.75)"
BARS = 20
"""Bars of the histogram of gains, half of them on either side of the questions that stayed."""


def differences(rows: pd.DataFrame, column: str, *, height: int | None = None) -> go.Figure:
    """Paired differences with intervals, one line each, coloured by what they say.

    Args:
        rows: ``column``, difference, low, high, questions, run, baseline, finding.
    """
    names = [_name(column, value) for value in rows[column]]
    traces = []
    for finding, shown in look.FINDING.items():
        mine = [at for at, found in enumerate(rows["finding"]) if found == finding]
        if not mine:
            continue
        part = rows.iloc[mine]
        traces.append(
            go.Scatter(
                x=part["difference"],
                y=mine,
                name=shown.label,
                mode="markers",
                marker={"color": shown.fill, "size": 8, "symbol": _symbol(finding)},
                error_x={
                    "type": "data",
                    "symmetric": False,
                    "array": (part["high"] - part["difference"]).fillna(0),
                    "arrayminus": (part["difference"] - part["low"]).fillna(0),
                    "thickness": 1.6,
                    "width": 3,
                    "color": shown.fill,
                },
                hovertext=[_hover(column, row) for row in data.rows(part)],
                hovertemplate="%{hovertext}<extra></extra>",
            )
        )
    size = height or max(150, 62 + ROW * len(names))
    made = charts.figure(traces, height=size, x="difference in pass@1", showlegend=True)
    ends = rows[["difference", "low", "high"]].abs().to_numpy(dtype=np.float64)
    reach = 1.06 * max(0.05, float(np.nanmax(ends)) if np.isfinite(ends).any() else 0.05)
    made.update_xaxes(range=[-reach, reach], tickformat="+.2~f")
    made.update_yaxes(
        tickvals=list(range(len(names))), ticktext=names, range=[len(names) - 0.4, -0.6]
    )
    made.add_vline(x=0, line={"color": NO_LINE, "width": 1})
    return made


def _symbol(finding: str) -> str:
    return "circle-open" if finding in (compare.NO_DIFFERENCE, compare.UNKNOWN) else "circle"


def _name(column: str, value: object) -> str:
    return charts.skill(str(value)) if column == "skill" else f"{column} {value}"


def _hover(column: str, row: dict[str, Any]) -> str:
    low, high = row["low"], row["high"]
    interval = words.interval(low, high, 3) if low == low else "(no interval)"
    return (
        f"<b>{_name(column, row[column])}</b>: {row['finding']}"
        f"<br>{words.signed(row['difference'], 3)} {interval}"
        f"<br>{words.rate(row['baseline'], 3)} → {words.rate(row['run'], 3)},"
        f" {words.count(row['questions'], 'question')}"
    )


def gains(outcomes: pd.DataFrame) -> go.Figure:
    """Number of questions by how much their pass rate changed."""
    values = outcomes["difference"].to_numpy(dtype=np.float64)
    edges = np.linspace(-1, 1, BARS + 1)
    sizes, _ = np.histogram(values[values != 0], edges)
    middles = (edges[:-1] + edges[1:]) / 2
    same = int((values == 0).sum())
    traces = [
        _bar("lost", look.RED[2], middles[middles < 0], sizes[middles < 0]),
        _bar("won", look.GREEN[2], middles[middles > 0], sizes[middles > 0]),
        go.Bar(
            x=[0],
            y=[same],
            width=0.03,
            name=f"same {same:,}",
            marker={"color": look.GREY[2]},
            hovertemplate=f"unchanged<br><b>{words.count(same, 'question')}</b><extra></extra>",
        ),
    ]
    made = charts.figure(
        traces, height=HEIGHT, x="change of a question's pass rate", showlegend=True
    )
    made.update_layout(barmode="overlay")
    made.update_xaxes(range=[-1.04, 1.04], tickformat="+.1~f", showgrid=False)
    return made


def _bar(name: str, fill: str, middles: Any, sizes: Any) -> go.Bar:
    half = 1 / BARS
    hovers = [
        f"{words.signed(m - half, 1)} to {words.signed(m + half, 1)}"
        f"<br><b>{words.count(size, 'question')}</b>"
        for m, size in zip(middles, sizes, strict=True)
    ]
    return go.Bar(
        x=list(middles),
        y=list(sizes),
        width=1.7 * half,
        name=f"{name} {int(sizes.sum()):,}",
        marker={"color": fill},
        hovertext=hovers,
        hovertemplate="%{hovertext}<extra></extra>",
    )
