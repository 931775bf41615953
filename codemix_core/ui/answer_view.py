"""Two answers to one question side by side, and the test × answer matrix."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import pandas as pd
import streamlit as st

from codemix_core.records import Question, TestStatus
from codemix_core.ui import code, look, selection_data, word_diff, words

MOST_TESTS = 60
SIGNS = {"chosen": "▲", "rejected": "▼", "other": "△", "baseline": "○", "model": "●"}
"""Signs by the tone of a side; its colour is the class ``cm-is-<tone>``."""


def side(tone: str, title: str, sample: int, row: pd.Series, logprob: Any, note: str = "") -> str:
    """The head of one answer: what it is, its verdict, score, lengths and log-probability."""
    score = "" if pd.isna(row["score"]) else f"<b>{words.rate(row['score'])}</b>"
    tests = words.tests_passed(row["passed"], row["declared"])
    parts = [
        f'<b class="cm-side cm-is-{tone}">{SIGNS[tone]} {escape(title)}</b>',
        f'<span class="cm-muted">sample {sample}</span>',
        look.chip(look.of_status(row["status"])),
        f"{score} · {tests} tests",
        f'<span class="cm-muted">{escape(selection_data.lengths(row, logprob))}</span>',
        note,
    ]
    return f'<div class="cm-line">{"".join(f"<span>{part}</span>" for part in parts if part)}</div>'


def beside(
    left: pd.Series,
    right: pd.Series,
    question: Question,
    heads: tuple[str, str],
    *,
    whole: bool,
    marked: bool,
    key: str,
    tones: tuple[str, str] = word_diff.TONES,
) -> None:
    """Two answers in columns with the words that differ marked.

    Args:
        heads: HTML above each column. whole: raw outputs instead of the programs alone.
        tones: classes of what only the left or the right side has.
    """
    for column, head in zip(st.columns(2, gap="small"), heads, strict=True):
        column.html(head)
    texts = [
        str(row["raw_output"] if whole else row["code"] or "").rstrip("\n") for row in (left, right)
    ]
    language = "markdown" if whole else code.HIGHLIGHT[question.language]
    with st.container(key=key, height=_height(texts), border=False):
        st.html(word_diff.table(texts[0], texts[1], language, marked=marked, tones=tones))


def _height(texts: Sequence[str]) -> Any:
    """As tall as the longer text, up to half a screen; then it scrolls."""
    lines = max(1 + text.count("\n") + len(text) // 160 for text in texts)
    return "content" if lines <= 20 else 440


def matrix(rows: Sequence[tuple[str, pd.Series]]) -> None:
    """One line per answer, one column per declared test; messages of what failed below.

    Args:
        rows: label as HTML and the answer with its verdict.
    """
    names: dict[str, None] = {}
    for _, row in rows:
        names |= dict.fromkeys(test["name"] for test in _tests(row))
    if not names:
        st.caption("No test ran for any of these answers.")
        return
    shown = list(names)[:MOST_TESTS]
    head = "".join(f'<th title="{escape(n, quote=True)}">{escape(_short(n))}</th>' for n in shown)
    body = "".join(_matrix_row(label, row, shown) for label, row in rows)
    st.html(
        f'<div class="cm-scroll"><table class="cm-table cm-matrix"><thead><tr><th></th>{head}</tr>'
        f"</thead><tbody>{body}</tbody></table></div>"
    )
    if len(names) > MOST_TESTS:
        st.caption(f"The first {MOST_TESTS} of {len(names)} tests.")


def _matrix_row(label: str, row: pd.Series, names: Sequence[str]) -> str:
    results = {test["name"]: test for test in _tests(row)}
    cells = []
    for name in names:
        test = results.get(name)
        status = TestStatus(test["status"]) if test else TestStatus.NOT_RUN
        shown = look.TEST[status]
        message = f": {test['message']}" if test and test["message"] else ""
        title = escape(f"{name} {shown.word}{message}", quote=True)
        colour = f"light-dark({shown.light},{shown.dark})"
        cells.append(
            f'<td><span class="cm-cell" style="color:{colour}" title="{title}">'
            f"{escape(shown.sign)}</span></td>"
        )
    return f'<tr><td class="cm-fit">{label}</td>{"".join(cells)}</tr>'


def messages(rows: Sequence[tuple[str, pd.Series]]) -> None:
    """What the judge said about each answer, and about each test that was not passed."""
    lines = []
    for label, row in rows:
        if row["message"]:
            lines.append((label, "", "", str(row["message"])))
        lines += [
            (label, test["name"], test["status"], test["message"])
            for test in _tests(row)
            if test["status"] != TestStatus.PASSED and test["message"]
        ]
    if not lines:
        return
    body = "".join(
        f'<tr><td class="cm-fit">{label}</td><td class="cm-fit">{look.mono(name)}</td>'
        f"<td class=cm-fit>{look.chip(look.TEST[TestStatus(status)]) if status else ''}</td>"
        f"<td><pre>{escape(text)}</pre></td></tr>"
        for label, name, status, text in lines[:40]
    )
    st.html(f'<div class="cm-some"><table class="cm-table"><tbody>{body}</tbody></table></div>')


def asked(question: Question) -> None:
    """The question in short: skills, statement and signature."""
    facts = {
        "skills": escape(words.skills(question.skills)),
        "k": str(question.k),
        "split": escape(question.split or words.EN_DASH),
        "id": look.mono(question.question_id),
    }
    cells = "".join(
        f'<span><i class="cm-muted">{name}</i> {value}</span>' for name, value in facts.items()
    )
    st.html(f'<div class="cm-line">{cells}</div>')
    long = len(question.statement) > 330 or question.statement.count("\n") > 4
    # A long statement scrolls, so that the answers keep their place from pair to pair.
    with st.container(key="asked", height=118 if long else "content"):
        look.prose(question.statement)


def _tests(row: pd.Series) -> Sequence[Mapping[str, Any]]:
    found = row["tests"]
    return [] if found is None or (isinstance(found, float) and found != found) else list(found)


def _short(name: str) -> str:
    """A test's name without the part all share: ``Suite.Case`` -> ``Case``."""
    last = name.rsplit("::", 1)[-1].rsplit(".", 1)[-1]
    return last if len(last) <= 14 else last[:13] + "…"
