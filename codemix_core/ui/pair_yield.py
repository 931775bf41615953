"""What a pair rule yields, while its sliders move: figures, histograms, strategies side by side."""

from __future__ import annotations

from html import escape

import plotly.graph_objects as go
import streamlit as st

from codemix_core.datasets.spec import BuildSpec
from codemix_core.selection.annotations import Decisions
from codemix_core.selection.candidates import Integers
from codemix_core.selection.decided import UNREVIEWED, decide_pairs
from codemix_core.selection.pairs import STRATEGIES, choose
from codemix_core.selection.pairs.rule import LIMIT
from codemix_core.selection.yields import Histogram, PairYield, compare
from codemix_core.ui import charts, look, selection_data, selection_rules, words
from codemix_core.ui.selection_data import Pairs, Selection
from codemix_core.ui.selection_rules import Values

HEIGHT = 190
_LABELS = {
    "minimum_preferred_score": "Chosen scores at least",
    "maximum_dispreferred_score": "Rejected scores at most",
    "margin": "Score gap at least",
}


def rule(selection: Selection) -> Values:
    """The strategy and the settings it uses, as widgets."""
    values: Values = {"run": selection.run.run_id, "method": "dpo"}
    first, second, third, fourth, fifth, sixth = st.columns(
        [2.6, 3.2, 3.2, 2, 2, 3.6], vertical_alignment="top"
    )
    with first:
        selection_rules.choice(values, "strategy", "Strategy", list(STRATEGIES))
    chosen = STRATEGIES[values["strategy"]]
    settings = [name for name in chosen.uses if name in _LABELS]
    for column, name in zip((second, third), settings, strict=False):
        with column:
            selection_rules.slider(values, name, _LABELS[name])
    with fourth:
        if LIMIT in chosen.uses:
            selection_rules.number(values, LIMIT, "Pairs each", 1, 100_000)
    with fifth:
        selection_rules.choice(
            values, "column", "Train on", list(selection_rules.COLUMNS), _column_name
        )
    with sixth:
        a, b = st.columns([3, 2])
        with a:
            selection_rules.questions_of(values, selection)
        with b:
            selection_rules.number(values, "seed", "Seed", 0, 2**31 - 1)
    return values


def said(pairs: Pairs, spec: BuildSpec) -> None:
    """The strategy and what it yields in one line, for above the review too."""
    found = len(choose(pairs.table, spec.pair_rule()))
    st.caption(f"{words.count(found, 'pair')} by the rule. {STRATEGIES[spec.strategy].doc}")


def _column_name(name: str) -> str:
    return selection_rules.COLUMNS[name]


def after_decisions(pairs: Pairs, found: Integers, held: Decisions) -> str:
    """How many pairs a build takes, in words; empty when people change nothing.

    Args:
        found: positions of the pairs of the rule.
    """
    only = selection_rules.switched("dpo", "reviewed_only")
    left = decide_pairs(pairs.table, found, held, reviewed_only=only)
    if not left.applied and not only:
        return ""
    parts = [f"{left.tally['reject']:,} rejected", f"{left.tally['swap']:,} swapped"]
    parts += [f"{left.tally[UNREVIEWED]:,} not reviewed"] if only else []
    return f"{len(left.kept):,} after decisions: {', '.join(parts)}"


def draw(pairs: Pairs, spec: BuildSpec, held: Decisions) -> None:
    """Cards, histograms and the strategies side by side."""
    found = {each.strategy: each for each in compare(pairs.table, spec.pair_rule())}
    shown = found[spec.strategy]
    _cards(shown, after_decisions(pairs, choose(pairs.table, spec.pair_rule()), held))
    if pairs.questions < pairs.of:
        st.caption(
            f"There are too many possible pairs to follow a slider: figures and review are over"
            f" the first {pairs.questions:,} of {pairs.of:,} questions. The dataset takes all."
        )
    left, middle, right = st.columns([7, 7, 10], gap="small")
    with left:
        look.heading("Score gap", "chosen − rejected")
        charts.show(_gap(shown.gap), "gap", "Histogram of score gaps")
    with middle:
        look.heading("Length difference", f"chosen − rejected, {shown.unit}")
        charts.show(_lengths(shown), "length", "Histogram of length differences")
    with right:
        look.heading("Strategies side by side", "same thresholds and limit")
        st.html(_strategies(list(found.values()), spec.strategy))


def _cards(shown: PairYield, after: str) -> None:
    covered = shown.questions / max(1, shown.questions_total)
    cards = [
        _card("pairs", f"{shown.pairs:,}" + (f"<small>{escape(after)}</small>" if after else "")),
        _card(
            "questions covered",
            f"{shown.questions:,}<small>of {shown.questions_total:,}, "
            f"{words.share(covered, 0)}</small>",
        ),
        _card("mean score gap", words.rate(shown.mean_gap)),
        _card("chosen longer than rejected", words.share(shown.longer_share)),
    ]
    st.html(f'<div class="cm-cards" data-testid="yield">{"".join(cards)}</div>')


def _card(name: str, value: str) -> str:
    return f'<span class="cm-card"><i>{escape(name)}</i><b>{value}</b></span>'


def _gap(found: Histogram) -> go.Figure:
    low, high = found.edges[:-1], found.edges[1:]
    bars = go.Bar(
        x=[(a + b) / 2 for a, b in zip(low, high, strict=True)],
        y=found.counts,
        customdata=[[f"{a:.1f}", f"{b:.1f}"] for a, b in zip(low, high, strict=True)],
        hovertemplate="gap > %{customdata[0]}, ≤ %{customdata[1]}: %{y} pairs<extra></extra>",
        marker_color=look.ACCENT_FILL,
        width=0.085,
    )
    made = charts.figure([bars], height=HEIGHT, y="pairs")
    made.update_xaxes(range=[0, 1], dtick=0.2, showgrid=False)
    return made


def _lengths(shown: PairYield) -> go.Figure:
    found = shown.length_difference
    low, high = found.edges[:-1], found.edges[1:]
    middle = [(a + b) / 2 for a, b in zip(low, high, strict=True)]
    colours = [
        look.OTHER_FILL if m > 0.5 * (high[0] - low[0]) else look.ACCENT_FILL for m in middle
    ]
    bars = go.Bar(
        x=middle,
        y=found.counts,
        customdata=[[f"{a:+.0f}", f"{b:+.0f}"] for a, b in zip(low, high, strict=True)],
        hovertemplate="%{customdata[0]} to %{customdata[1]} " + shown.unit + ": %{y} pairs"
        "<extra></extra>",
        marker_color=colours,
    )
    made = charts.figure([bars], height=HEIGHT, y="pairs")
    made.add_vline(x=0, line_width=1, line_color=charts.GRID)
    made.update_xaxes(range=[found.edges[0], found.edges[-1]], showgrid=False)
    return made


def _strategies(found: list[PairYield], chosen: str) -> str:
    """A table with a bar for the number of pairs; the strategy in use is marked."""
    most = max((each.pairs for each in found), default=0) or 1
    rows = []
    for each in sorted(found, key=lambda y: (y.strategy != chosen, y.strategy)):
        bar = f'<span class="cm-bar"><i style="width:{100 * each.pairs / most:.1f}%"></i></span>'
        doc = escape(STRATEGIES[each.strategy].doc, quote=True)
        cells = [
            f'<td class="cm-fit" title="{doc}">{escape(each.strategy)}</td>',
            f"<td>{bar}</td>",
            *(
                f'<td class="cm-right">{text}</td>'
                for text in (
                    f"{each.pairs:,}",
                    f"{each.questions:,}",
                    words.rate(each.mean_gap),
                    words.share(each.longer_share, 0),
                )
            ),
        ]
        mark = ' class="cm-on"' if each.strategy == chosen else ""
        rows.append(f"<tr{mark}>{''.join(cells)}</tr>")
    heads = ("strategy", "", "pairs", "questions", "mean gap", "longer")
    head = "".join(
        f"<th{' class=cm-right' if place > 1 else ''}>{name}</th>"
        for place, name in enumerate(heads)
    )
    return (
        f'<table class="cm-table cm-strategies"><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table>"
    )


def possible(selection: Selection, spec: BuildSpec) -> Pairs:
    """The pairs a rule chooses from."""
    return selection_data.pairs(selection, spec.column, spec.split)
