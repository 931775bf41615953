"""Review of best-of-N picks: the pick beside its runners-up, question by question.

Every decision is written at once; keys: j next, k previous, 1–9 pick, x reject, n note, u undo.
"""

from __future__ import annotations

from html import escape
from typing import Any

import pandas as pd
import streamlit as st

from codemix_core.records import Question
from codemix_core.selection.annotations import Action
from codemix_core.selection.decide import Decision
from codemix_core.ui import (
    answer_view,
    deciding,
    look,
    on_screen,
    pick_queue,
    pick_views,
    selection_data,
    url,
    words,
)
from codemix_core.ui.pick_queue import Ranked
from codemix_core.ui.selection_data import Selection
from codemix_core.workspace import RunDir

SHOWN = 9
"""Candidates with a key of their own."""
GOLD = "gold"


def draw(selection: Selection, found: Ranked, *, fallback: bool) -> None:
    """Filters, the buttons, and one question with its pick and runners-up."""
    view = found.view(*_filters())
    if not len(view):
        st.caption("No question matches these filters.")
        return
    ids = found.candidates.question_ids
    names = [ids[int(place)] for place in view]
    wanted = url.get("question")
    at = names.index(wanted) if wanted in names else 0
    if wanted is not None and wanted not in names:
        st.caption(words.literal(f"{wanted} is not among these questions; the first one is shown."))
    place = int(view[at])
    picks = (int(found.candidates.sample[row]) for row in found.picked(place))
    name = on_screen.subject(selection.run, names[at], *picks)
    with st.container(gap="xsmall", key="review"):
        bar = deciding.bar()
        _question(selection, found, place, name, fallback=fallback)
        # After the answers: their buttons can be pressed only once the programs were sent.
        with bar:
            _buttons(selection.run, found, names, at, place, name)
    deciding.place_cursor()
    on_screen.shown(name)


def _filters() -> tuple[str, str, str]:
    first, second, third = st.columns([2, 2, 4])
    with first:
        show = url.choice(
            "Show", "show", list(pick_queue.SHOW), empty="all questions", clears=("question",)
        )
    with second:
        orders = pick_queue.ORDERS
        order = url.choice(
            "Order", "order", list(orders[1:]), empty=orders[0], clears=("question",)
        )
    with third:
        text = url.text("Question", "text", clears=("question",), placeholder="part of its id")
    return show or "", text.strip(), order or ""


def _buttons(run: RunDir, found: Ranked, names: list[str], at: int, place: int, name: str) -> None:
    """Move and decide.

    Args:
        name: of the question with its picks, in the keys of all buttons that decide about it.
    """
    picked = found.picked(place)
    sample = int(found.candidates.sample[picked[0]]) if len(picked) else None
    for label, key, target in (("Previous", "k", at - 1), ("Next", "j", at + 1)):
        there = 0 <= target < len(names)
        st.button(
            label,
            key=f"pick-{key}",
            shortcut=key,
            disabled=not there,
            on_click=lambda question_id: url.put(question=question_id),
            args=(names[target] if there else "",),
        )
    on_screen.place(name, at, len(names))
    st.button(
        "Reject the pick",
        key=f"pick-x-{name}",
        shortcut="x",
        icon=":material/close:",
        disabled=sample is None,
        on_click=_decide,
        args=(run, name, "reject", names[at], sample),
    )
    st.button(
        "Note",
        key=f"pick-n-{name}",
        shortcut="n",
        icon=":material/edit_note:",
        help="Keeps the text of the field; without one: type it, then Enter.",
        on_click=_note_button,
        args=(run, name, names[at], sample),
    )
    st.button(
        "Undo",
        key=f"pick-u-{name}",
        shortcut="u",
        icon=":material/undo:",
        type="tertiary",
        help="Take back your last decision about this run.",
        on_click=_undo,
        args=(run, name),
    )
    deciding.reason_and_author("question", lambda: _note(run, names[at], sample))


def _decide(run: RunDir, name: str, action: Action, question_id: str, sample: int) -> None:
    if on_screen.take(name) and deciding.decide(run, "pick", action, question_id, sample):
        url.put(question=question_id)


def _note_button(run: RunDir, name: str, question_id: str, sample: int | None) -> None:
    if not deciding.has_reason():
        deciding.begin_note()
    elif on_screen.take(name):
        _note(run, question_id, sample)


def _note(run: RunDir, question_id: str, sample: int | None) -> None:
    if deciding.decide(run, "pick", "note", question_id, 0 if sample is None else sample):
        url.put(question=question_id)


def _undo(run: RunDir, name: str) -> None:
    if not on_screen.take(name):
        led = on_screen.led_to(name)  # a second press brings the address of the first
        if led is not None:
            url.put(question=led[0])
        return
    done = deciding.undo(run)
    if done is not None and done.kind == "pick":
        on_screen.leads(name, (done.question_id,))
        url.put(question=done.question_id)


def _question(
    selection: Selection, found: Ranked, place: int, name: str, *, fallback: bool
) -> None:
    question_id = selection.name(place)
    question = selection.questions[question_id]
    c = found.candidates
    rows = found.of(place)[:SHOWN]
    samples = [int(c.sample[row]) for row in rows]
    answers = selection_data.answers(selection.run, question_id, samples) if samples else {}
    picked = [int(row) for row in found.picked(place)]
    answer_view.asked(question)
    deciding.history(
        selection.run,
        deciding.about_question(selection_data.decisions(selection.run), question_id),
        lambda: url.put(question=question_id),
    )
    _why(found, place, picked, question, fallback=fallback)
    if not len(rows):
        st.caption("No answer of this question can be trained on.")
        return
    buttons = st.container(horizontal=True, vertical_alignment="center", gap="xsmall")
    _beside(selection.run, found, question, rows, samples, answers, picked)
    labelled = [
        (_label(found, number, int(row), picked, answers[sample]), answers[sample])
        for number, (row, sample) in enumerate(zip(rows, samples, strict=True), 1)
    ]
    answer_view.matrix(labelled)
    with buttons:
        _pick_buttons(selection.run, name, question_id, rows, samples, picked, found)
    more = len(found.of(place)) - len(rows)
    if more > 0:
        st.caption(f"{words.count(more, 'further program')} of lower rank not shown.")


def _why(
    found: Ranked, place: int, picked: list[int], question: Question, *, fallback: bool
) -> None:
    """Why each pick won, or why there is none."""
    if picked:
        for rank, row in enumerate(picked[:3]):
            look.line(
                f'<b class="cm-is-chosen">▲ pick{f" {rank + 1}" if len(picked) > 1 else ""}</b>',
                f"sample {int(found.candidates.sample[row])}",
                escape(found.reasons.of(row, rank)),
            )
        return
    best = float(found.best()[place])
    instead = (
        pick_views.gold_look("gold solution as fallback") if fallback else "nothing is trained"
    )
    look.line(
        "<b>No acceptable answer</b>",
        f"the best scores {best:.2f}, the rule asks for {found.rule.min_score:.2f}",
        instead,
    )


def _pick_buttons(
    run: RunDir,
    name: str,
    question_id: str,
    rows: Any,
    samples: list[int],
    picked: list[int],
    found: Ranked,
) -> None:
    st.html('<span class="cm-muted">Pick</span>', width="content")
    for number, (row, sample) in enumerate(zip(rows, samples, strict=True), 1):
        st.button(
            f"sample {sample}",
            key=f"take-{number}-{name}-{sample}",
            shortcut=str(number),
            type="primary" if int(row) in picked else "secondary",
            help=f"score {found.candidates.score[row]:.2f}",
            on_click=_decide,
            args=(run, name, "pick", question_id, sample),
        )


def _beside(
    run: RunDir,
    found: Ranked,
    question: Question,
    rows: Any,
    samples: list[int],
    answers: dict[int, pd.Series],
    picked: list[int],
) -> None:
    """The pick (or the best answer) beside a runner-up or the gold solution."""
    c = found.candidates
    first = picked[0] if picked else int(rows[0])
    mine = int(c.sample[first])
    if mine not in answers:
        return
    others = [str(sample) for sample in samples if sample != mine]
    with st.container(horizontal=True, gap="medium", vertical_alignment="center"):
        other = url.segments(
            "Beside it",
            "beside",
            [*others, GOLD],
            format_func=lambda text: text if text == GOLD else f"beside sample {text}",
        )
        whole = st.toggle("Raw output", key="whole", persist_state="session")
        marked = st.toggle("Mark differences", True, key="marked", persist_state="session")
        deciding.command(run, Decision("pick", question.question_id, mine))
    head = answer_view.side(
        "chosen", "pick" if picked else "best", mine, answers[mine], c.logprob[first]
    )
    if other == GOLD:
        gold = pd.Series({"raw_output": question.gold, "code": question.gold})
        note = pick_views.gold_look("gold solution")
        answer_view.beside(
            answers[mine], gold, question, (head, f'<div class="cm-line">{note}</div>'),
            whole=False, marked=marked, key="pick-diff",
        )  # fmt: skip
        return
    row = int(rows[samples.index(int(other))])
    against = answers[int(other)]
    title = "pick too" if row in picked else "runner-up"
    tail = answer_view.side("rejected", title, int(other), against, c.logprob[row])
    answer_view.beside(
        answers[mine], against, question, (head, tail), whole=whole, marked=marked, key="pick-diff"
    )


def _label(found: Ranked, number: int, row: int, picked: list[int], answer: pd.Series) -> str:
    """``1 ▲ sample 4 · 1.00 · 54 tokens · ×17`` in front of a row of the matrix."""
    c = found.candidates
    same = pick_queue.same_program(c, row)
    mark = '<b class="cm-is-chosen">▲</b>' if row in picked else ""
    if row in found.rejected:
        mark = '<b class="cm-is-rejected" title="rejected by a person">✗</b>'
    length = int(c.length(found.rule.column)[row])
    parts = [
        f"<b>{number}</b> {mark}",
        f"sample {int(c.sample[row])}",
        look.chip(look.of_status(answer["status"])),
        f"<b>{float(c.score[row]):.2f}</b>",
        f"{length:,} {c.unit(found.rule.column, row)}",
        f'<span title="samples {", ".join(map(str, same))}">{words.TIMES}{len(same)}</span>',
    ]
    return f'<span class="cm-row">{"".join(f"<span>{part}</span>" for part in parts)}</span>'
