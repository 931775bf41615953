"""The figures of the Pass rates page. Each takes one run, or two to show beside each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from codemix_core.evaluation import compare
from codemix_core.evaluation.summary import PassAtK
from codemix_core.records import Status
from codemix_core.ui import charts, data, look, words

FILLS = (look.ACCENT_FILL, look.OTHER_FILL)
BANDS = ("rgba(79, 127, 224, 0.20)", "rgba(208, 135, 0, 0.20)")
HEIGHT = 250
ROW = 21


def ladder(runs: Sequence[tuple[str, list[PassAtK]]]) -> go.Figure:
    """pass@k against k, with the interval as a band."""
    traces: list[go.Scatter] = []
    for (name, steps), fill, band in zip(runs, FILLS, BANDS, strict=False):
        ks = [step.k for step in steps]
        values = [step.interval.value for step in steps]
        low = [_or(step.interval.low, step.interval.value) for step in steps]
        high = [_or(step.interval.high, step.interval.value) for step in steps]
        hovers = [
            f"<b>pass@{step.k} = {step.interval.value:.3f}</b> "
            f"{words.interval(a, b, 3)}<br>{words.count(step.interval.questions, 'question')}"
            for step, a, b in zip(steps, low, high, strict=True)
        ]
        traces.append(
            go.Scatter(
                x=ks + ks[::-1],
                y=high + low[::-1],
                fill="toself",
                fillcolor=band,
                line={"width": 0},
                hoverinfo="skip",
                showlegend=False,
                mode="lines",
            )
        )
        traces.append(
            go.Scatter(
                x=ks,
                y=values,
                name=name,
                mode="lines+markers",
                hovertext=hovers,
                line={"color": fill, "width": 2},
                marker={"size": 7, "color": fill},
                hovertemplate="%{hovertext}<extra></extra>",
            )
        )
    steps = max((steps for _, steps in runs), key=len, default=[])
    made = charts.figure(traces, height=HEIGHT, x="k", showlegend=len(runs) > 1)
    made.update_xaxes(type="log", tickvals=[s.k for s in steps], ticktext=[str(s.k) for s in steps])
    made.update_yaxes(range=[0, 1.02], tickformat=".1f")
    return made


def histogram(runs: Sequence[tuple[str, pd.DataFrame]]) -> go.Figure:
    """Number of questions per band of pass rate; never and always solved have their own bars."""
    traces = []
    for (name, bands), fill in zip(runs, FILLS, strict=False):
        total = max(1, int(bands["questions"].sum()))
        hovers = [
            f"pass rate {_band(row)}<br><b>{words.count(row['questions'], 'question')}</b>"
            f" · {words.share(row['questions'] / total)}"
            for row in data.rows(bands)
        ]
        colour = [fill] * len(bands) if len(runs) > 1 else _ends(fill, len(bands))
        traces.append(
            go.Bar(
                x=list(range(len(bands))),
                y=bands["questions"],
                name=name,
                hovertext=hovers,
                marker={"color": colour},
                hovertemplate="%{hovertext}<extra></extra>",
            )
        )
    made = charts.figure(
        traces, height=HEIGHT, x="pass rate of a question", showlegend=len(runs) > 1
    )
    # Ticks stand at the bars of 0 and 1 and at the borders between the bands.
    borders = {0: "never", 2.5: "0.2", 4.5: "0.4", 6.5: "0.6", 8.5: "0.8", 11: "always"}
    made.update_xaxes(tickvals=list(borders), ticktext=list(borders.values()), showgrid=False)
    return made


def _ends(fill: str, bars: int) -> list[str]:
    """Never solved in amber, always solved in green, the rest in the accent."""
    never, always = look.STATUS[Status.FAILED].fill, look.STATUS[Status.PASSED].fill
    return [never, *[fill] * (bars - 2), always]


def _band(row: dict[str, Any]) -> str:
    low, high = row["low"], row["high"]
    if low == high:
        return "0: never solved" if low == 0 else "1: always solved"
    return f"{low:.1f} to {high:.1f}"


def verdicts(runs: Sequence[tuple[str, dict[str, int]]]) -> go.Figure:
    """Shares of the verdicts, one bar per run."""
    traces = []
    for status, shown in look.ANSWERS.items():
        counts = [verdicts[status] for _, verdicts in runs]
        if not any(counts):
            continue
        totals = [max(1, sum(verdicts.values())) for _, verdicts in runs]
        shares = [count / total for count, total in zip(counts, totals, strict=True)]
        hovers = [
            f"<b>{shown.label}</b><br>{words.count(count)} · {words.share(share)}"
            for count, share in zip(counts, shares, strict=True)
        ]
        traces.append(
            go.Bar(
                y=[name for name, _ in runs],
                x=shares,
                name=shown.label,
                orientation="h",
                marker={"color": shown.fill},
                hovertext=hovers,
                hovertemplate="%{hovertext}<extra></extra>",
            )
        )
    made = charts.figure(traces, height=26 + 26 * len(runs), barmode="stack", bargap=0.15)
    made.update_xaxes(range=[0, 1], visible=False)
    made.update_yaxes(autorange="reversed", visible=len(runs) > 1)
    return made


def rates_by(
    runs: Sequence[tuple[str, pd.DataFrame]], column: str, *, height: int | None = None
) -> go.Figure:
    """pass@1 with its interval per group: horizontal points on whiskers, best group first.

    Args:
        runs: name and a table with the columns of ``summary.by_skill``.
        column: the group's column.
    """
    first = runs[0][1]
    ascending = column != "skill"
    order = first.sort_values(column if ascending else "pass_at_1", ascending=ascending)
    names = [_name(column, value) for value in order[column]]
    traces = []
    for (run, table), fill, shift in zip(runs, FILLS, _shifts(len(runs)), strict=False):
        rows = table.set_index(column).reindex(order[column]).reset_index()
        hovers = [_hover(column, row) for row in data.rows(rows)]
        traces.append(
            go.Scatter(
                x=rows["pass_at_1"],
                y=[place + shift for place in range(len(rows))],
                name=run,
                mode="markers",
                marker={"color": fill, "size": 8},
                error_x={
                    "type": "data",
                    "symmetric": False,
                    "array": (rows["high"] - rows["pass_at_1"]).fillna(0),
                    "arrayminus": (rows["pass_at_1"] - rows["low"]).fillna(0),
                    "thickness": 1.6,
                    "width": 3,
                    "color": fill,
                },
                hovertext=hovers,
                hovertemplate="%{hovertext}<extra></extra>",
            )
        )
    size = height or max(120, 44 + ROW * len(names))
    made = charts.figure(traces, height=size, x="pass@1", showlegend=len(runs) > 1)
    made.update_xaxes(range=[-0.02, 1.02], tickformat=".1f")
    made.update_yaxes(
        tickvals=list(range(len(names))), ticktext=names, range=[len(names) - 0.4, -0.6]
    )
    return made


def _shifts(runs: int) -> tuple[float, ...]:
    return (0.0,) if runs == 1 else (-0.16, 0.16)


def _name(column: str, value: object) -> str:
    return charts.skill(str(value)) if column == "skill" else f"{column} {value}"


def _hover(column: str, row: dict[str, Any]) -> str:
    value = float(row["pass_at_1"])
    if value != value:
        return f"<b>{_name(column, row[column])}</b><br>not in this run"
    return (
        f"<b>{_name(column, row[column])}</b><br>pass@1 {value:.3f} {_interval(row)}"
        f"<br>{words.count(row['questions'], 'question')},"
        f" {words.count(row['answers'], 'answer')}"
        f"<br>mean score {row['mean_score']:.3f}"
    )


def _interval(row: dict[str, Any]) -> str:
    low, high = row["low"], row["high"]
    return words.interval(low, high, 3) if low == low else "(one question, no interval)"


def pair_map(pairs: pd.DataFrame, *, texts: bool | None) -> go.Figure:
    """Skill × skill heat map of pass@1, in % when ``texts`` are shown."""
    rows = {(row["skill"], row["other_skill"]): row for row in data.rows(pairs)}

    def cell(skill: str, other: str) -> tuple[float, str, str] | None:
        if (skill, other) not in rows:
            return None
        row = rows[skill, other]
        value = float(row["pass_at_1"])
        if value != value:
            return None
        both = charts.skill(skill) if skill == other else charts.skill(skill, other)
        hover = (
            f"<b>{both}</b><br>pass@1 {value:.3f} {_interval(row)}"
            f"<br>{words.count(row['questions'], 'question')},"
            f" {words.count(row['answers'], 'answer')}"
        )
        return value, f"{100 * value:.0f}", hover

    names = sorted(set(pairs["skill"]) | set(pairs["other_skill"]))
    return charts.skill_map(names, cell, bar_title="pass@1", low=0.0, high=1.0, texts=texts)


def difference_map(
    pairs: pd.DataFrame, *, texts: bool | None = None, clear_only: bool = False
) -> go.Figure:
    """Skill × skill heat map of the difference in pass@1 between two runs.

    Args:
        texts: show the difference in percentage points in the cells; None: when there is room.
        clear_only: leave cells grey that are no difference, or too few questions to tell.
    """
    rows = {(row["skill"], row["other_skill"]): row for row in data.rows(pairs)}

    def cell(skill: str, other: str) -> tuple[float, str, str] | None:
        if (skill, other) not in rows:
            return None
        row = rows[skill, other]
        value = float(row["difference"])
        if value != value:
            return None
        both = charts.skill(skill) if skill == other else charts.skill(skill, other)
        hover = (
            f"<b>{both}</b><br>{words.signed(value, 3)} {_interval(row)}: {row['finding']}"
            f"<br>{words.count(row['questions'], 'question')} in both runs"
        )
        told = row["finding"] in (compare.BETTER, compare.WORSE)
        shade = value if told or not clear_only else 0.0
        return shade, words.signed(100 * value, 0), hover

    names = sorted(set(pairs["skill"]) | set(pairs["other_skill"]))
    top = max(0.05, float(pairs["difference"].abs().max()))
    return charts.skill_map(
        names, cell, bar_title="difference", low=-top, high=top, differences=True, texts=texts
    )


def _or(value: float, fallback: float) -> float:
    """The value, or the fallback when it is NaN: one question has no interval."""
    return value if value == value else fallback
