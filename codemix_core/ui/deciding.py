"""Decisions of people: written at once, with author and reason, shown, and taken back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from html import escape

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from codemix_core.errors import CodemixError
from codemix_core.jobs import State
from codemix_core.records import Status
from codemix_core.selection import annotations as decisions
from codemix_core.selection.annotations import Action, Annotation, Decisions, Kind
from codemix_core.selection.decide import Decision
from codemix_core.ui import look, selection_data, words
from codemix_core.workspace import RunDir

SAYS = {
    "accept": ("accepted", look.STATUS[Status.PASSED]),
    "reject": ("rejected", look.STATE[State.FAILED]),
    "swap": ("swapped", look.STATE[State.RUNNING]),
    "pick": ("picked instead", look.STATE[State.RUNNING]),
    "note": ("noted", look.UNSCORED),
}

OWN = "own-decisions"
"""Session state: ids of the decisions made in this session."""


def decide(
    run: RunDir,
    kind: Kind,
    action: Action,
    question_id: str,
    chosen: int,
    rejected: int | None = None,
) -> bool:
    """Write a decision with the reason that stands in the reason field; False when refused.

    The newest decision again, by the same person and without a reason, is the one that is there:
    a press that waited behind another one on a busy machine.
    """
    reason = str(st.session_state.get("reason") or "")
    newest = decisions.read(run)[-1:]
    subject = (kind, question_id, chosen, rejected)
    if not reason and any(
        (made.author, made.subject, made.action) == (selection_data.author(), subject, action)
        for made in newest
    ):
        return True
    try:
        made = decisions.write(
            run,
            kind,
            action,
            question_id,
            chosen,
            rejected,
            author=selection_data.author(),
            reason=reason,
        )
    except CodemixError as error:
        st.toast(words.literal(str(error)), icon=":material/error:")
        return False
    st.session_state["reason"] = ""
    st.session_state[OWN] = [*_own(), made.id]
    return True


def _own() -> list[str]:
    """Ids of the decisions made in this session, in order."""
    return list(st.session_state[OWN]) if OWN in st.session_state else []


def undo(run: RunDir, annotation_id: str | None = None) -> Annotation | None:
    """Take one decision back, or the last one of this session; returns what was taken back."""
    author = selection_data.author()
    try:
        if annotation_id is None:
            done = decisions.undo_last(run, author=author, among=_own())
        else:
            done = decisions.undo(run, annotation_id, author=author)
    except CodemixError as error:
        st.toast(words.literal(str(error)), icon=":material/error:")
        return None
    if done is None:
        st.toast(
            "There is nothing to take back of what was decided in this tab.", icon=":material/undo:"
        )
    return done


def bar() -> DeltaGenerator:
    """Where the buttons go, above what they decide about."""
    return st.container(horizontal=True, vertical_alignment="center", gap="small", key="review-bar")


def has_reason() -> bool:
    """Whether the reason field holds a text."""
    return bool(str(st.session_state.get("reason") or "").strip())


def reason_and_author(noun: str, note: Callable[[], None]) -> None:
    """The fields whose texts are kept with the next decision.

    Args:
        note: called when the field is left with a text after :func:`begin_note`.
    """

    def changed() -> None:
        if st.session_state.pop("noting", False) and has_reason():
            note()
            st.session_state["cursor"] = "blur"

    st.text_input(
        "Reason or note",
        key="reason",
        max_chars=decisions.MAX_TEXT,
        placeholder=f"reason or note, kept with the next decision about this {noun}",
        label_visibility="collapsed",
        width="stretch",
        on_change=changed,
    )
    selection_data.author_field()


def begin_note() -> None:
    """Let the next text of the reason field be a note, and put the cursor there."""
    st.session_state["noting"] = True
    st.session_state["cursor"] = "focus"


def command(run: RunDir, decision: Decision) -> None:
    """The command that decides the same, for a script or a terminal elsewhere."""
    others = [f"`{name}`" for name in decisions.ACTIONS[decision.kind] if name != decision.action]
    with st.popover("Command", icon=":material/terminal:", type="tertiary"):
        st.code(decision.command_line(run.run_id), language="bash", wrap_lines=True)
        st.caption(
            f"Or {', '.join(others)}, each with `--reason TEXT`. `annotations {run.run_id}` lists"
            " what holds, `undo-annotation` takes one back."
        )


def place_cursor() -> None:
    """Put the cursor into the reason field or take it out, so that a note needs no mouse."""
    wanted = st.session_state.pop("cursor", None)
    if wanted is None:
        return
    st.html(
        "<script>setTimeout(() => {"
        "const field = document.querySelector('.st-key-reason input');"
        f"if (field) field.{wanted}(); }}, 60);</script>",
        unsafe_allow_javascript=True,
    )


def history(run: RunDir, found: Sequence[Annotation], after: Callable[[], None]) -> None:
    """What was decided about something: who, what, when and why, each with an undo button."""
    for made in found:
        word, shown = SAYS[made.action]
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            sample = f" sample {made.chosen}" if made.kind == "pick" else ""
            reason = f"“{escape(made.reason)}”" if made.reason else ""
            look.line(
                look.chip(shown, f"{word}{sample}"),
                f"by {escape(made.author)}",
                look.when(datetime.fromisoformat(made.time)),
                reason,
            )
            st.button(
                "Undo",
                key=f"undo-{made.id}",
                type="tertiary",
                icon=":material/undo:",
                on_click=_undo,
                args=(run, made.id, after),
            )


def _undo(run: RunDir, annotation_id: str, after: Callable[[], None]) -> None:
    if undo(run, annotation_id) is not None:
        after()


def about_question(held: Decisions, question_id: str) -> list[Annotation]:
    """Standing decisions and notes about picks of a question, in order of writing."""
    found = [
        a
        for (kind, name, *_), a in held.by_subject.items()
        if kind == "pick" and name == question_id
    ]
    for (kind, name, *_), notes in held.notes.items():
        if kind == "pick" and name == question_id:
            found += notes
    return sorted(found, key=lambda a: a.time)


def about_pair(held: Decisions, question_id: str, chosen: int, rejected: int) -> list[Annotation]:
    """The standing decision and the notes about a pair, in order of writing."""
    deciding = held.pair(question_id, chosen, rejected)
    notes = held.notes.get(("pair", question_id, chosen, rejected), [])
    return sorted([*([deciding] if deciding else []), *notes], key=lambda a: a.time)
