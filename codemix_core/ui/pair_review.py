"""Review of DPO pairs: one at a time, decided from the keyboard.

A step reads the two answers it shows and nothing else; decisions are written at once and never
lost by a reload. A decision about a pair holds for every rule that makes the same pair.
"""

from __future__ import annotations

from html import escape

import pandas as pd
import streamlit as st

from codemix_core.datasets.spec import BuildSpec
from codemix_core.selection.annotations import Action, Decisions
from codemix_core.selection.decide import Decision
from codemix_core.selection.pairs import choose
from codemix_core.ui import (
    answer_view,
    deciding,
    look,
    on_screen,
    pair_queue,
    pair_yield,
    selection_data,
    url,
)
from codemix_core.ui.pair_queue import Filter, Identity, Queue
from codemix_core.ui.selection_data import Pairs, Selection
from codemix_core.workspace import RunDir

Side = tuple[int, pd.Series, float]
"""Sample index, the answer with its verdict, log-probability."""
CLEARS = ("question", "chosen", "rejected")
"""URL values that name the pair shown."""


@st.fragment
def draw(selection: Selection, pairs: Pairs, spec: BuildSpec) -> None:
    """Progress, filters, the buttons and the pair itself."""
    found = choose(pairs.table, spec.pair_rule())
    if not len(found):
        st.caption("This rule gives no pair. Loosen the thresholds, or sample more answers.")
        return
    held = selection_data.decisions(selection.run)
    chosen = _filters()
    shown = pair_queue.queue(pairs.table, found, held, chosen)
    _progress(shown, pair_yield.after_decisions(pairs, found, held))
    if not len(shown.view):
        st.caption("No pair matches these filters.")
        nothing = on_screen.subject(selection.run, "none")
        _undo_button(selection.run, nothing)
        on_screen.shown(nothing)
        return
    place = shown.place(_wanted())
    place = 0 if place is None else place
    identity = shown.identity(place)
    name = on_screen.subject(selection.run, *identity)
    with st.container(gap="xsmall", key="review"):
        bar = deciding.bar()
        _pair(selection, shown, place, identity, held)
        # After the pair: its buttons can be pressed only once its programs were sent.
        with bar:
            _buttons(selection.run, shown, place, name)
    deciding.place_cursor()
    on_screen.shown(name)


def _filters() -> Filter:
    first, second, third, fourth, fifth = st.columns([2, 2, 3, 2.6, 3])
    clears = CLEARS
    with first:
        options = [*pair_queue.SHOW, "noted"]
        show = url.choice("Show", "show", options, empty="all pairs", clears=clears)
    with second:
        length = url.choice(
            "Length",
            "length",
            ["longer", "shorter"],
            empty="any",
            clears=clears,
            format_func=lambda name: f"chosen {name}",
        )
    with third:
        gap = st.slider(
            "Gap below", 0.0, 1.0, 1.0, 0.05, key="gap_below", bind="query-params",
            help="Only pairs whose score gap is below this; 1 shows all.",
        )  # fmt: skip
    with fourth:
        order = url.choice(
            "Order", "order", list(pair_queue.ORDERS[1:]), empty=pair_queue.ORDERS[0], clears=clears
        )
    with fifth:
        text = url.text("Question", "text", clears=clears, placeholder="part of its id")
    return Filter(show or "all", length or "any", gap, text.strip(), order or "as built")


def _progress(shown: Queue, after: str) -> None:
    total = len(shown.pairs)
    width = f"{100 * shown.reviewed / max(1, total):.2f}%"
    counts = [
        f"{shown.count(code):,} {word}"
        for word, code in pair_queue.SHOW.items()
        if code != pair_queue.UNREVIEWED and shown.count(code)
    ]
    counts += [after] if after else []
    st.html(
        f'<div class="cm-review"><span><b>{shown.reviewed:,} of {total:,} reviewed</b> '
        f'<span class="cm-muted">{escape(" · ".join(counts))}</span></span>'
        f'<span class="cm-bar" role="progressbar"><i style="width:{width}"></i></span></div>'
    )


def _wanted() -> Identity | None:
    question, chosen, rejected = url.get("question"), url.get_int("chosen"), url.get_int("rejected")
    if question is None or chosen is None or rejected is None:
        return None
    return question, chosen, rejected


def _go(identity: Identity | None) -> None:
    if identity is not None:
        url.put(question=identity[0], chosen=identity[1], rejected=identity[2])


def _buttons(run: RunDir, shown: Queue, place: int, name: str) -> None:
    """Move and decide; every button has its key.

    Args:
        name: of the pair, in the keys of all buttons that decide about it.
    """
    identity = shown.identity(place)
    before = shown.identity(place - 1) if place else None
    after = shown.identity(place + 1) if place + 1 < len(shown.view) else None
    for label, key, target in (("Previous", "k", before), ("Next", "j", after)):
        st.button(
            label, key=f"pair-{key}", shortcut=key, disabled=target is None,
            on_click=_go, args=(target,),
        )  # fmt: skip
    on_screen.place(name, place, len(shown.view))
    decisions: tuple[tuple[str, str, Action], ...] = (
        ("Accept", "a", "accept"),
        ("Swap", "s", "swap"),
        ("Reject", "x", "reject"),
    )
    for label, key, action in decisions:
        st.button(
            label, key=f"pair-{key}-{name}", shortcut=key,
            on_click=_decide, args=(run, name, action, identity, after or before),
        )  # fmt: skip
    st.button(
        "Note", key=f"pair-n-{name}", shortcut="n",
        help="Keeps the text of the field; without one: type it, then Enter.",
        on_click=_note_button, args=(run, name, identity),
    )  # fmt: skip
    _undo_button(run, name)
    deciding.reason_and_author("pair", lambda: _note(run, identity))


def _undo_button(run: RunDir, name: str) -> None:
    st.button(
        "Undo", key=f"pair-u-{name}", shortcut="u", icon=":material/undo:", type="tertiary",
        help="Take back your last decision about this run.", on_click=_undo, args=(run, name),
    )  # fmt: skip


def _decide(
    run: RunDir, name: str, action: Action, identity: Identity, then: Identity | None
) -> None:
    if not on_screen.take(name):
        _follow(name)
    elif deciding.decide(run, "pair", action, *identity):
        _lead(name, then)


def _lead(name: str, to: Identity | None) -> None:
    if to is not None:
        on_screen.leads(name, to)
    _go(to)


def _follow(name: str) -> None:
    """A second press brings the address of the first, which must not lead back."""
    led = on_screen.led_to(name)
    if led is not None:
        url.put(question=led[0], chosen=led[1], rejected=led[2])


def _note_button(run: RunDir, name: str, identity: Identity) -> None:
    if not deciding.has_reason():
        deciding.begin_note()
    elif on_screen.take(name):
        _note(run, identity)


def _note(run: RunDir, identity: Identity) -> None:
    deciding.decide(run, "pair", "note", *identity)


def _undo(run: RunDir, name: str) -> None:
    if not on_screen.take(name):
        _follow(name)
        return
    done = deciding.undo(run)
    if done is not None and done.kind == "pair":
        assert done.chosen is not None
        assert done.rejected is not None
        _lead(name, (done.question_id, done.chosen, done.rejected))


def _pair(
    selection: Selection, shown: Queue, place: int, identity: Identity, held: Decisions
) -> None:
    """Question, both answers with their difference, and their tests."""
    question_id, chosen, rejected = identity
    question = selection.questions[question_id]
    decided = held.pair(question_id, chosen, rejected)
    swapped = decided is not None and decided.action == "swap"
    rows = selection_data.answers(selection.run, question_id, (chosen, rejected))
    position = shown.pairs[shown.view[place]]
    table = shown.table
    logprob = table.candidates.logprob
    sides = [
        (chosen, rows[chosen], logprob[table.chosen[position]]),
        (rejected, rows[rejected], logprob[table.rejected[position]]),
    ]
    if swapped:
        sides.reverse()
    answer_view.asked(question)
    gap, longer = float(table.gap[position]), int(table.longer_by[position])
    unit = table.candidates.unit(table.column, int(table.chosen[position]))
    look.line(
        f"score gap <b>{gap:.2f}</b>",
        f"chosen {abs(longer):,} {unit} {'longer' if longer > 0 else 'shorter'}"
        if longer
        else "same length",
        f"<b>{escape(deciding.SAYS[decided.action][0])}</b> by a person" if decided else "",
    )
    deciding.history(
        selection.run,
        deciding.about_pair(held, *identity),
        lambda: _go(identity),
    )
    _texts(selection, identity, sides)


def _texts(selection: Selection, identity: Identity, sides: list[Side]) -> None:
    question = selection.questions[identity[0]]
    (one, left, p), (other, right, q) = sides
    heads = (
        answer_view.side("chosen", "chosen", one, left, p),
        answer_view.side("rejected", "rejected", other, right, q),
    )
    with st.container(horizontal=True, gap="medium", vertical_alignment="center"):
        whole = st.toggle("Raw output", key="whole", persist_state="session")
        marked = st.toggle("Mark differences", True, key="marked", persist_state="session")
        deciding.command(selection.run, Decision("accept", *identity))
    answer_view.beside(left, right, question, heads, whole=whole, marked=marked, key="pair-diff")
    labelled = [
        ('<span class="cm-is-chosen">▲ chosen</span>', left),
        ('<span class="cm-is-rejected">▼ rejected</span>', right),
    ]
    answer_view.matrix(labelled)
    answer_view.messages(labelled)
