"""Code for reading: highlighted, side by side, and as a difference with the changed words."""

from __future__ import annotations

from html import escape
from itertools import zip_longest

import streamlit as st

from codemix_core.ui import alike

HIGHLIGHT = {"python": "python", "cpp": "cpp"}
"""streamlit's name of a question's language."""

SIMILAR = 0.45
"""Lines at least this alike are shown as one changed line with its changed words marked."""
MOST_PAIRS = 40_000
"""Lines of one block times those of the other that are looked at for similar ones."""


def show(text: str, language: str, *, height: int | None = None) -> None:
    """Highlighted source code."""
    name = HIGHLIGHT[language]
    st.code(
        text or " ", language=name, line_numbers=True, wrap_lines=True, height=height or "content"
    )


def beside(left: str, right: str, language: str, titles: tuple[str, str], *, diff: bool) -> None:
    """Two programs side by side, or their difference line by line."""
    if diff:
        st.html(difference(left, right, titles))
        return
    for column, text, title in zip(st.columns(2), (left, right), titles, strict=True):
        with column:
            st.caption(title)
            show(text, language)


def difference(left: str, right: str, titles: tuple[str, str]) -> str:
    """The difference of two programs as an HTML table of two columns with line numbers."""
    rows = "".join(_row(*pair) for pair in aligned(left.splitlines(), right.splitlines()))
    head = "".join(
        f'<td class="cm-gutter"></td><td class="cm-muted">{escape(title)}</td>' for title in titles
    )
    return f'<table class="cm-diff"><tr>{head}</tr>{rows}</table>'


Line = tuple[int, str] | None
"""A line with its number from 1; None where the other side has no counterpart."""


def aligned(left: list[str], right: list[str]) -> list[tuple[Line, Line]]:
    """Lines of both sides with equal or similar ones in the same row."""
    rows: list[tuple[Line, Line]] = []
    for _, (a, b), (c, d) in alike.blocks(left, right):
        olds: list[Line] = [(i + 1, left[i]) for i in range(a, b)]
        news: list[Line] = [(i + 1, right[i]) for i in range(c, d)]
        if len(olds) != len(news) and 0 < len(olds) * len(news) <= MOST_PAIRS:
            rows += _pair_up(olds, news)
        else:
            rows += list(zip_longest(olds, news))
    return rows


def _pair_up(olds: list[Line], news: list[Line]) -> list[tuple[Line, Line]]:
    """Similar lines of two unequal blocks in one row, the others alone, order kept."""
    rows: list[tuple[Line, Line]] = []
    rest = list(news)
    for old in olds:
        match = next((n for n in rest if _similarity(old, n) >= SIMILAR), None)
        if match is None:
            rows.append((old, None))
            continue
        while rest[0] is not match:
            rows.append((None, rest.pop(0)))
        rows.append((old, rest.pop(0)))
    return rows + [(None, new) for new in rest]


def _similarity(old: Line, new: Line) -> float:
    return 0.0 if old is None or new is None else alike.similarity(old[1], new[1], SIMILAR)


def _row(old: Line, new: Line) -> str:
    same = old is not None and new is not None and old[1] == new[1]
    marked = _mark(old[1], new[1]) if old and new and not same else (None, None)
    cells = []
    for line, kind, text in ((old, "cm-old", marked[0]), (new, "cm-new", marked[1])):
        if line is None:
            cells.append('<td class="cm-gutter"></td><td></td>')
            continue
        colour = "" if same else f' class="{kind}"'
        shown = escape(line[1]) if text is None else text
        cells.append(f'<td class="cm-gutter">{line[0]}</td><td{colour}>{shown}</td>')
    return f"<tr>{''.join(cells)}</tr>"


def _mark(old: str, new: str) -> tuple[str, str]:
    """Both lines as HTML with the words that differ marked."""
    before, after = alike.changed_words(old, new)
    return _marked(old, before), _marked(new, after)


def _marked(text: str, changed: list[alike.Span]) -> str:
    parts, start = [], 0
    for a, b in changed:
        parts.append(f"{escape(text[start:a])}<mark>{escape(text[a:b])}</mark>")
        start = b
    return "".join([*parts, escape(text[start:])])
