"""GRPO groups: what a rule keeps, and the advantages each generation would be trained with."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from codemix_core.selection.candidates import Candidates, Integers
from codemix_core.selection.groups import GroupRule, Groups, group_yield, groups
from codemix_core.ui import (
    answer_view,
    charts,
    code,
    data,
    look,
    selection_data,
    selection_rules,
    url,
    words,
)
from codemix_core.ui.selection_data import Selection
from codemix_core.ui.selection_rules import Values

BINS = 16
REWARDS = {"score": "share of tests passed", "correct": "1 if all tests passed, else 0"}
SHOW = ("kept", "zero variance", "out of band")
KEPT, ZERO, OUT = look.ACCENT_FILL, look.GREY[2], look.OTHER_FILL


def rule(selection: Selection) -> Values:
    """Settings of GRPO groups as widgets."""
    values: Values = {"run": selection.run.run_id, "method": "grpo"}
    first, second, third = st.columns([5, 5, 2], gap="large", vertical_alignment="top")
    with first:
        selection_rules.band(
            values, "min_pass_rate", "max_pass_rate", "Difficulty: pass rate of the group"
        )
    with second:
        selection_rules.choice(values, "reward", "Reward", list(REWARDS), REWARDS.__getitem__)
        selection_rules.toggle(
            values, "keep_zero_variance", "Keep groups whose rewards are all equal"
        )
    with third:
        selection_rules.questions_of(values, selection)
    return values


def made(selection: Selection, rule_: GroupRule, split: str | None) -> Groups:
    """The groups of a run under a rule."""
    marks = data.mark(selection.run.workspace, selection.run.run_id)
    key = (selection.run.run_id, marks, split, tuple(sorted(vars(rule_).items())))
    return _groups(str(selection.run.workspace.root), key, selection.candidates, rule_)


@st.cache_resource(max_entries=8, show_spinner=False)
def _groups(root: str, key: Any, _c: Candidates, _rule: GroupRule) -> Groups:
    del key, root
    return groups(_c, _rule)


def overview(selection: Selection, found: Groups) -> None:
    """Figures, and the groups by pass rate and by spread of their rewards."""
    got = group_yield(found)
    c = selection.candidates
    with_tokens = int(np.isfinite(c.logprob).sum())
    equal = f"<small>{got.all_correct:,} all right, {got.all_wrong:,} all at 0</small>"
    cards = [
        ("groups kept", f"{got.kept:,}<small>of {got.groups:,}</small>"),
        ("zero variance", f"{got.zero_variance:,}{equal}"),
        ("outside the band", f"{got.out_of_band:,}"),
        ("generations kept", f"{got.generations:,}"),
        (
            "with token log-probabilities",
            words.share(with_tokens / max(1, len(c)), 0),
        ),
    ]
    body = "".join(
        f'<span class="cm-card"><i>{escape(name)}</i><b>{value}</b></span>' for name, value in cards
    )
    st.html(f'<div class="cm-cards" data-testid="yield">{body}</div>')
    left, right = st.columns(2, gap="medium")
    with left:
        look.heading("Groups by pass rate", "share of members with every test passed")
        charts.show(_by_pass_rate(found), "group-rates", "Groups by pass rate, kept or not")
    with right:
        look.heading("Groups by spread", "standard deviation of the rewards")
        charts.show(_by_spread(found), "group-spread", "Groups by standard deviation, kept or not")


def _classes(found: Groups) -> list[tuple[str, Any, str]]:
    """Kept, dropped for zero variance, dropped for the band; the band goes first."""
    out = ~found.in_band
    return [
        ("kept", found.kept, KEPT),
        ("zero variance", ~found.kept & ~out, ZERO),
        ("out of band", out, OUT),
    ]


def _by_pass_rate(found: Groups) -> go.Figure:
    return _stacked(found, found.pass_rate, 1.0, "pass rate")


def _by_spread(found: Groups) -> go.Figure:
    return _stacked(found, found.std, 0.5, "std of rewards")


def _stacked(found: Groups, values: Any, top: float, name: str) -> go.Figure:
    edges = np.linspace(0.0, top, BINS + 1)
    middle = (edges[:-1] + edges[1:]) / 2
    bars = []
    for label, mask, colour in _classes(found):
        counts, _ = np.histogram(np.clip(values[mask], 0.0, top), edges)
        if mask.any():
            bars.append(
                go.Bar(
                    x=middle,
                    y=counts,
                    name=label,
                    marker_color=colour,
                    hovertemplate=f"%{{y}} groups {label}<extra></extra>",
                )
            )
    figure = charts.figure(bars, height=200, x=name, y="groups", barmode="stack", showlegend=True)
    figure.update_xaxes(range=[0, top], showgrid=False)
    return figure


@dataclass(frozen=True)
class View:
    """The groups a filter shows: places in :class:`Groups`, and which one is open."""

    places: Integers
    at: int


def browse(selection: Selection, found: Groups) -> None:
    """One group at a time: rewards, both advantages, and the member one clicks."""
    view = _view(selection, found)
    if view is None:
        st.caption("No group matches these filters.")
        return
    place = int(view.places[view.at])
    name = selection.name(int(found.question[place]))
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        for label, key, at in (("Previous", "k", view.at - 1), ("Next", "j", view.at + 1)):
            there = 0 <= at < len(view.places)
            target = selection.name(int(found.question[view.places[at]])) if there else ""
            st.button(
                label,
                key=f"group-{key}",
                shortcut=key,
                disabled=not there,
                on_click=lambda target: url.put(question=target, sample=None),
                args=(target,),
            )
        st.html(
            f'<span class="cm-place-in"><b>{view.at + 1:,}</b> of {len(view.places):,}</span>',
            width="content",
        )
    answer_view.asked(selection.questions[name])
    _facts(found, place)
    _members(selection, found, place, name)


def _view(selection: Selection, found: Groups) -> View | None:
    first, second = st.columns([2, 5])
    with first:
        show = url.choice("Show", "show", list(SHOW), empty="all groups", clears=("question",))
    with second:
        text = url.text("Question", "text", clears=("question",), placeholder="part of its id")
    mask = np.ones(len(found.question), bool)
    for label, chosen, _ in _classes(found):
        if show == label:
            mask = chosen
    if show == SHOW[1]:
        mask = found.zero_variance
    names = selection.candidates.question_ids
    places = [
        int(place)
        for place in np.flatnonzero(mask)
        if text.strip().lower() in names[int(found.question[place])].lower()
    ]
    if not places:
        return None
    shown = [names[int(found.question[place])] for place in places]
    wanted = url.get("question")
    return View(np.array(places), shown.index(wanted) if wanted in shown else 0)


def _facts(found: Groups, place: int) -> None:
    reason = "kept" if found.kept[place] else ""
    if not reason:
        reason = "outside the band" if not found.in_band[place] else "dropped: all rewards equal"
    look.facts(
        {
            "members": f"{int(found.size[place]):,}",
            "mean reward": f"{found.mean[place]:.3f}",
            "std": f"{found.std[place]:.3f}",
            "pass rate": f"{found.pass_rate[place]:.2f}",
            "this rule": f"<b>{reason}</b>",
        }
    )


def _members(selection: Selection, found: Groups, place: int, name: str) -> None:
    """A row per different program, with both advantages; the chosen one's code below."""
    c = selection.candidates
    span = c.rows_of(int(found.question[place]))
    rows = np.arange(span.start, span.stop)
    order = np.lexsort((c.sample[rows], -c.score[rows]))
    first: dict[int, list[int]] = {}
    for row in rows[order]:
        first.setdefault(int(c.program[row]), []).append(int(row))
    most = float(np.abs(found.advantage[span]).max(initial=1e-9))
    samples = [int(c.sample[same[0]]) for same in first.values()]
    answers = selection_data.answers(selection.run, name, samples)
    wanted = url.get_int("sample")
    wanted = wanted if wanted in samples else samples[0]
    left, right = st.columns([6, 5], gap="medium")
    with left:
        body = "".join(
            _member(c, found, same, answers[int(c.sample[same[0]])], most)
            for same in first.values()
        )
        st.html(
            '<div class="cm-tall"><table class="cm-table cm-members"><thead><tr><th>sample</th>'
            '<th class="cm-right">×</th><th>verdict</th><th class="cm-right">reward</th><th></th>'
            '<th class="cm-right" title="(reward − mean) / std">advantage</th>'
            '<th class="cm-right" title="reward − mean">unscaled</th>'
            '<th class="cm-right">tokens</th><th class="cm-right" title="sum under the sampler,'
            f' nats">log p</th></tr></thead><tbody>{body}</tbody></table></div>'
        )
    with right:
        chosen = st.selectbox(
            "Program",
            samples,
            index=samples.index(wanted),
            format_func=lambda sample: f"sample {sample}",
            key=f"member-{name}",
        )
        row = answers[int(chosen)]
        question = selection.questions[name]
        code.show(str(row["code"] or row["raw_output"]).rstrip("\n"), question.language)
        answer_view.matrix([(f"sample {chosen}", row)])


def _member(c: Candidates, found: Groups, same: list[int], answer: Any, most: float) -> str:
    row = same[0]
    advantage, unscaled = float(found.advantage[row]), float(found.unscaled[row])
    width = 50 * abs(advantage) / most
    side = "right:50%" if advantage < 0 else "left:50%"
    tone = "cm-down" if advantage < 0 else "cm-up"
    bar = f'<span class="cm-signed {tone}"><i style="{side};width:{width:.1f}%"></i></span>'
    logprob = float(c.logprob[row])
    cells = [
        (f"{int(c.sample[row])}", ""),
        (f"{len(same)}", "cm-right"),
        (look.chip(look.of_status(answer["status"])), "cm-fit"),
        (f"{float(found.reward[row]):.3f}", "cm-right"),
        (bar, ""),
        (words.signed(advantage), "cm-right"),
        (words.signed(unscaled, 3), "cm-right"),
        (f"{int(c.tokens[row]):,}" if c.tokens[row] >= 0 else words.EN_DASH, "cm-right"),
        (words.signed(logprob, 1).lstrip("+"), "cm-right"),
    ]
    inside = "".join(f'<td class="{kind}">{text}</td>' for text, kind in cells)
    others = ", ".join(str(int(c.sample[r])) for r in same)
    return f'<tr title="samples {others}">{inside}</tr>'
