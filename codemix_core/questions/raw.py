"""Questions as a format found them: right fields, unchecked values.

A format only says which of its fields is which of ours. What a value may be is decided in one
place for all formats, :mod:`codemix_core.questions.check`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from codemix_core.errors import Problem
from codemix_core.questions.source import JsonObject, Source

SOURCE_NAMES = {
    "k": "k",
    "skills": "skills",
    "language": "language",
    "framework": "framework",
    "function_name": "function_name",
    "signature": "function_signature",
    "docstring": "function_docstring",
    "statement": "problem_statement",
    "gold": "gold_solution",
    "tests": "unit_tests",
    "split": "split",
    "reasoning": "reasoning",
}
"""Our field names and those of the original scripts, which their viewer shares."""


@dataclass(frozen=True)
class RawQuestion:
    """One question as found.

    where: how to find it in the source, e.g. ``question 'q7'``.
    question_id: its id, unchecked.
    values: our field name -> value as found; a field the source lacks is not there.
    names: our field name -> the source's name for it, used in messages.
    extra: source fields that are none of ours, kept as they are.
    """

    where: str
    question_id: Any
    values: Mapping[str, Any]
    names: Mapping[str, str]
    extra: Mapping[str, Any]


@dataclass(frozen=True)
class RawSet:
    """Everything a format found, with the faults it met on the way."""

    format: str
    questions: list[RawQuestion]
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)


@dataclass(frozen=True)
class Format:
    """A way in which question sets are kept.

    name: what ``--format`` takes.
    expects: one line saying what such a source looks like, used when nothing matches.
    recognises: whether a source is of this format, judged by its shape alone.
    read: the raw questions. Raises FormatError when nothing in the source can be read.
    """

    name: str
    expects: str
    recognises: Callable[[Source], bool]
    read: Callable[[Source], RawSet]


def split_fields(
    record: Mapping[str, Any], names: Mapping[str, str]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """A source record as (our fields, the rest)."""
    values = {ours: record[theirs] for ours, theirs in names.items() if theirs in record}
    known = set(names.values())
    return values, {name: value for name, value in record.items() if name not in known}


def repeated_fields(where: str, record: JsonObject) -> list[Problem]:
    """One problem per field that a record gives more than once."""
    return [
        Problem(f"{where}, {name}", "is given more than once.", "Keep one of them.")
        for name in record.repeated
    ]


def not_an_object(where: str, value: Any) -> Problem:
    """The problem of a question that is not a JSON object."""
    what = f"is {describe(value)}, not an object."
    return Problem(where, what, "Give a JSON object with the question's fields.")


def describe(value: Any) -> str:
    """A value for a message: its JSON kind and the beginning of what it is."""
    kinds = {bool: "a truth value", int: "a number", float: "a number", str: "text"}
    if value is None:
        return "null"
    kind = kinds.get(type(value)) or ("a list" if isinstance(value, list) else "an object")
    if isinstance(value, list | dict):
        return f"{kind} of {len(value)}"
    shown = repr(value)
    return f"{kind} ({shown if len(shown) <= 60 else shown[:57] + '…'})"
