"""One question and one generation in full: the drill-down shared by the pages."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

import pandas as pd
import streamlit as st

from codemix_core.records import Question, TestStatus
from codemix_core.ui import code, look, url, words

VIEWS = ("Code and gold", "Tests", "Raw output", "Prompt")


def question_facts(question: Question, **more: str) -> None:
    """The question's k, split, language and framework in one row."""
    look.facts(
        {
            "k": str(question.k),
            "split": escape(question.split or words.EN_DASH),
            "language": escape(question.language),
            "tests": escape(question.framework),
            "id": look.mono(question.question_id),
            **more,
        }
    )


def statement(question: Question) -> None:
    """What the model is asked: statement, signature, docstring."""
    with st.container(border=True):
        look.prose(question.statement)
        code.show(question.signature, question.language)
        if question.docstring.strip():
            look.prose(question.docstring, "cm-muted")


def tests_source(question: Question) -> None:
    """The question's unit tests: a table of calls for ``cases``, otherwise the source."""
    if question.framework != "cases":
        code.show(question.tests, question.language, height=420)
        return
    document = json.loads(question.tests)
    rows = [
        [
            escape(case["name"]),
            _call(question.function_name, case["args"]),
            _value(case["expected"]),
        ]
        for case in document["cases"]
    ]
    table(["test", "call", "expected"], rows, fit=(0,))
    options = {name: value for name, value in document.items() if name != "cases" and value}
    if options:
        compared = ", ".join(f"{name} = {value}" for name, value in options.items())
        st.caption(words.literal(f"compared with {compared}"))


def _call(name: str, arguments: Iterable[Any]) -> str:
    return f"<pre>{escape(name)}({escape(', '.join(repr(a) for a in arguments))})</pre>"


def _value(value: Any) -> str:
    return f"<pre>{escape(repr(value))}</pre>"


def table(heads: list[str], rows: Iterable[list[str]], *, fit: tuple[int, ...] = ()) -> None:
    """A small HTML table; cells are HTML, columns in ``fit`` as narrow as their content."""
    head = "".join(f"<th>{escape(text)}</th>" for text in heads)
    body = "".join(
        "<tr>"
        + "".join(
            f"<td{' class=cm-fit' if place in fit else ''}>{cell}</td>"
            for place, cell in enumerate(row)
        )
        + "</tr>"
        for row in rows
    )
    st.html(f'<table class="cm-table"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>')


def test_results(tests: Iterable[Mapping[str, Any]] | None, question: Question) -> None:
    """Each declared test with its result and message, and what it calls where that is known."""
    found = list(tests) if tests is not None else []
    if not found:
        st.caption("No test ran.")
        return
    calls = _calls(question)
    rows = []
    for test in found:
        shown = look.TEST[TestStatus(test["status"])]
        message = f"<pre>{escape(test['message'])}</pre>" if test["message"] else ""
        call = [calls.get(test["name"], "")] if calls else []
        rows.append([look.mono(test["name"]), look.chip(shown), *call, message])
    heads = ["test", "result", *(["call"] if calls else []), "message"]
    table(heads, rows, fit=(0, 1))


def _calls(question: Question) -> dict[str, str]:
    """The call of each test of a ``cases`` question, as HTML; empty for other frameworks."""
    if question.framework != "cases":
        return {}
    cases = json.loads(question.tests)["cases"]
    return {case["name"]: _call(question.function_name, case["args"]) for case in cases}


def show(run_id: str, row: pd.Series, question: Question, prompt: Mapping[str, Any] | None) -> None:
    """One generation: facts, then code beside gold, tests, raw output or prompt.

    Args:
        run_id: the run of the page, for the generation's own link.
        row: the result of query ``generation``.
        prompt: the row of query ``prompt``, when the run has one.
    """
    facts(row)
    with st.container(horizontal=True, vertical_alignment="center"):
        view = url.segments("View", "view", VIEWS)
        with st.popover("Link", icon=":material/link:", type="tertiary"):
            st.caption("This generation, for someone else or for later")
            at = {"question": row["question_id"], "sample": int(row["sample_index"])}
            st.code(url.link(run=run_id, **at), language=None, wrap_lines=True)
    if view == "Tests":
        message(row)
        test_results(row["tests"] if _known(row["status"]) else None, question)
    elif view == "Raw output":
        st.code(row["raw_output"] or " ", language=None, wrap_lines=True)
    elif view == "Prompt":
        _prompt(prompt)
    else:
        message(row)
        program(row, question)


def facts(row: pd.Series) -> None:
    """The verdict and the measurements of a generation in one row."""
    status = row["status"] if _known(row["status"]) else None
    scored = status is not None and _known(row["score"])
    tests = words.tests_passed(row["passed"], row["declared"]) if status else ""
    look.facts(
        {
            "verdict": look.chip(look.of_status(status)),
            "tests passed": tests,
            "score": words.rate(row["score"]) if scored else "",
            "tokens": _number(row["completion_tokens"], "{:,.0f}"),
            "ended by": escape(str(row["finish_reason"])) if _known(row["finish_reason"]) else "",
            "ran for": _number(row["seconds"], "{:.3f} s"),
            "memory": _number(row["memory_mb"] or None, "{:.0f} MiB"),
            "judged by": escape(_judge(row)) if status else "",
        }
    )


def message(row: pd.Series) -> None:
    """What the compiler, the program or the judge said."""
    text = row["message"] if _known(row["message"]) else ""
    if text:
        st.code(text, language=None, wrap_lines=True)


def program(row: pd.Series, question: Question) -> None:
    """The extracted program beside the gold solution, with a switch for the difference."""
    text = row["code"].rstrip() if _known(row["code"]) else ""
    if not text:
        st.caption("No program could be extracted from this answer; see the raw output.")
        return
    diff = st.toggle("Show the difference", key="diff", persist_state="session")
    code.beside(text, question.gold.rstrip(), question.language, ("generation", "gold"), diff=diff)


def _prompt(prompt: Mapping[str, Any] | None) -> None:
    if prompt is None:
        st.caption("This run stores no prompts.")
        return
    if prompt["rendered"]:
        st.code(prompt["rendered"], language=None, wrap_lines=True)
        return
    for turn in json.loads(prompt["messages"]):
        st.caption(turn["role"])
        st.code(turn["content"], language=None, wrap_lines=True)


def _judge(row: pd.Series) -> str:
    if not _known(row["backend"]):
        return "nothing ran"
    reused = ", reused" if row["reused"] else ""
    return f"{row['backend']}, tier {row['tier']}{reused}"


def _number(value: Any, form: str) -> str:
    return form.format(value) if _known(value) else ""


def _known(value: Any) -> bool:
    """Whether a cell of a query's result holds something."""
    return (
        value is not None
        and not (isinstance(value, float) and value != value)
        and value is not pd.NA
    )
