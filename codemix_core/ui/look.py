"""One visual language for all pages: statuses, run states, chips, and the style sheet.

A status has one colour everywhere, never alone: its sign and word stand beside it. Text colours
come in a light and a dark variant, chosen by the browser with ``light-dark()``; fills of charts
are mid-tones with a contrast of at least 3 : 1 against both backgrounds.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from html import escape
from pathlib import Path

import streamlit as st

from codemix_core.evaluation import compare
from codemix_core.jobs import State
from codemix_core.records import Status, TestStatus
from codemix_core.ui import words


@dataclass(frozen=True, slots=True)
class Look:
    """How a status is shown: word, sign, text colour on light and dark, fill in charts."""

    word: str
    sign: str
    light: str
    dark: str
    fill: str

    @property
    def label(self) -> str:
        return f"{self.sign} {self.word}"


GREEN = ("#1a7f4b", "#5fc992", "#2f9e68")
AMBER = ("#b45f06", "#e8a550", "#cf7f24")
VIOLET = ("#7a3fb5", "#bf94ea", "#9566cf")
BLUE = ("#4a6585", "#93aecb", "#6d8bad")
BROWN = ("#8f3d2e", "#d08a76", "#a8604e")
RED = ("#c1272d", "#f07f7f", "#dc4a4a")
GREY = ("#667080", "#9aa4b2", "#8a94a2")
ACCENT = ("#2855c5", "#7ea6f4", "#4f7fe0")
ACCENT_FILL, OTHER_FILL = ACCENT[2], "#d08700"

STATUS = {
    Status.PASSED: Look("passed", "✓", *GREEN),
    Status.FAILED: Look("failed", "✗", *AMBER),
    Status.COMPILE_ERROR: Look("compile error", "◆", *VIOLET),
    Status.TIMEOUT: Look("timeout", "◔", *BLUE),
    Status.MEMORY_EXCEEDED: Look("memory exceeded", "▣", "#39758a", "#7fbccf", "#5a9aae"),
    Status.OUTPUT_EXCEEDED: Look("output exceeded", "≡", "#5b6a2f", "#b3c274", "#8b9b52"),
    Status.CRASHED: Look("crashed", "↯", *BROWN),
    Status.NO_CODE: Look("no code", "∅", "#85642a", "#cdb07a", "#a88a55"),
    Status.TAMPERED: Look("tampered", "⚑", *RED),
    Status.INFRA_ERROR: Look("infra error", "!", *GREY),
}
TEST = {
    TestStatus.PASSED: STATUS[Status.PASSED],
    TestStatus.FAILED: STATUS[Status.FAILED],
    TestStatus.TIMEOUT: STATUS[Status.TIMEOUT],
    TestStatus.CRASHED: STATUS[Status.CRASHED],
    TestStatus.NOT_RUN: Look("not run", "·", *GREY),
}
STATE = {
    State.QUEUED: Look("queued", "…", *GREY),
    State.RUNNING: Look("running", "●", *ACCENT),
    State.SUCCEEDED: Look("succeeded", "✓", *GREEN),
    State.FAILED: Look("failed", "✗", *RED),
    State.STOPPED: Look("stopped", "■", *BLUE),
    State.CRASHED: Look("crashed", "↯", *BROWN),
}
FINDING = {
    compare.BETTER: Look("better", "▲", *GREEN),
    compare.WORSE: Look("worse", "▼", *RED),
    compare.NO_DIFFERENCE: Look("no difference", "=", *GREY),
    compare.UNKNOWN: Look("unknown", "?", *GREY),
    **{word: Look(word, "▲", *BLUE) for word in (compare.LONGER, compare.MORE)},
    **{word: Look(word, "▼", *BLUE) for word in (compare.SHORTER, compare.FEWER)},
}
"""Looks of what a comparison found."""
UNSCORED = Look("not scored", "·", *GREY)
ANSWERS: dict[str, Look] = {**{s.value: shown for s, shown in STATUS.items()}, "unscored": UNSCORED}
"""Looks by the names of ``summary.verdict_counts``, in its order."""


def of_status(status: str | None) -> Look:
    """The look of a verdict status; of an unscored generation for None."""
    return STATUS[Status(status)] if isinstance(status, str) and status else UNSCORED


def chip(look: Look, text: str | None = None, title: str = "") -> str:
    """A small coloured label as HTML: sign and word, or ``text`` instead of the word."""
    hover = f' title="{escape(title, quote=True)}"' if title else ""
    shown = escape(look.word if text is None else text)
    return (
        f'<span class="cm-chip" style="color:light-dark({look.light},{look.dark})"{hover}>'
        f"<b>{escape(look.sign)}</b>{shown}</span>"
    )


def when(moment: datetime) -> str:
    """A relative time with the exact one on hover, as HTML."""
    return f'<span class="cm-muted" title="{words.exact(moment)}">{words.ago(moment)}</span>'


def prose(text: str, kind: str = "") -> None:
    """A text someone else wrote, letter by letter and line by line: nothing in it is markup."""
    st.html(f'<div class="cm-prose {kind}">{escape(text)}</div>')


def mono(text: str) -> str:
    """An id as HTML."""
    return f'<span class="cm-id">{escape(text)}</span>'


def line(*parts: str, kind: str = "cm-line") -> None:
    """One line of HTML parts, separated evenly; empty parts are left out."""
    st.html(
        f'<div class="{kind}">{"".join(f"<span>{part}</span>" for part in parts if part)}</div>'
    )


def facts(items: dict[str, str]) -> None:
    """Small labelled values in one wrapping row; values are HTML."""
    cells = "".join(
        f'<span class="cm-fact"><i>{escape(label)}</i><span>{value}</span></span>'
        for label, value in items.items()
        if value
    )
    st.html(f'<div class="cm-facts">{cells}</div>')


def heading(text: str, note: str = "") -> None:
    """A section heading with an optional quiet note behind it."""
    quiet = f"<span>{escape(note)}</span>" if note else ""
    st.html(f'<div class="cm-heading"><b>{escape(text)}</b>{quiet}</div>')


def sheet() -> str:
    """The style sheet as HTML, to be drawn with something that is seen.

    Alone it would lie among the toasts, and the first toast of a fragment would take its place.
    """
    return f"<style>{Path(__file__).with_name('style.css').read_text(encoding='utf-8')}</style>"
