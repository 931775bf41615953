"""Existing answers in the layouts people have them in, unchecked.

    answers   {"<question id>": {system, user, responses: [{raw_output, code, …}, …]}}, as the
              original scripts write it, scored or not
    jsonl     one generation per line, fields as in records.Generation; only question_id,
              sample_index and raw_output are required
    first     a question file of the scripts or of the viewer: its ``sample_solution`` or
              ``claude_solution`` is one answer per question

Scores in such a file are not taken over: only the sandbox gives verdicts. What a value may be
is decided in :mod:`codemix_core.questions.answer_check`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from codemix_core.errors import FormatError, Problem
from codemix_core.questions import formats
from codemix_core.questions.check import storable_problem
from codemix_core.questions.raw import describe, not_an_object, repeated_fields
from codemix_core.questions.source import JsonObject, Source
from codemix_core.records import Generation, Prompt

FIRST_ANSWERS = ("sample_solution", "claude_solution")
GENERATION_FIELDS = tuple(f.name for f in fields(Generation))
EXPECTED = (
    'Expected {"<question id>": {system, user, responses: [{raw_output, code}, …]}, …}, JSON'
    " Lines with question_id, sample_index and raw_output, or a question file with"
    f" {' or '.join(FIRST_ANSWERS)}."
)


@dataclass(frozen=True)
class RawAnswer:
    """One answer as found: where, whose, which, and its unchecked values by our field names."""

    where: str
    question_id: Any
    sample_index: Any
    values: Mapping[str, Any]


@dataclass
class RawAnswers:
    """Everything found in a source of answers.

    layout: ``answers``, ``jsonl`` or ``first``.
    prompts: the messages of each question that the source has prompts for.
    notes: what a person should know, one sentence each.
    """

    layout: str
    answers: list[RawAnswer] = field(default_factory=list)
    prompts: list[Prompt] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def read_answers(source: Source) -> RawAnswers:
    """The answers in a source, whichever layout it has.

    Raises:
        FormatError: no layout fits, or the file cannot be read at all.
    """
    if source.is_folder:
        return _first_answers(source)
    first = source.peek()
    if isinstance(first, dict) and "raw_output" in first:
        return _jsonl(source)
    if source.is_document() and isinstance(source.document, JsonObject):
        if any(isinstance(v, dict) and "responses" in v for v in source.document.values()):
            return _responses(source.document)
        return _first_answers(source)
    if first is None and source.path.suffix == ".json":
        _ = source.document
    if first is None:
        return _jsonl(source)
    raise FormatError(Problem(str(source.path), "holds no answers in a known layout.", EXPECTED))


def _responses(document: JsonObject) -> RawAnswers:
    found = RawAnswers("answers")
    found.problems += [
        Problem(f"question {key!r}", "appears more than once.", "Keep one of them.")
        for key in document.repeated
    ]
    scored = 0
    for question_id, record in document.items():
        place = f"question {question_id!r}"
        responses = record["responses"] if isinstance(record, dict) and "responses" in record else 0
        if not isinstance(record, JsonObject) or not isinstance(responses, list):
            fix = "Give an object with a list of responses."
            found.problems.append(Problem(f"{place}, responses", "is not a list.", fix))
            continue
        found.problems += repeated_fields(place, record)
        _add_prompt(found, place, question_id, record)
        for index, response in enumerate(responses):
            where = f"{place}, response {index}"
            if not isinstance(response, JsonObject):
                found.problems.append(not_an_object(where, response))
                continue
            values = {n: response[n] for n in ("raw_output", "code") if n in response}
            scored += len(response) > len(values)
            found.answers.append(RawAnswer(where, question_id, index, values))
    if scored:
        found.notes.append(
            f"{scored} answers carried scores or other fields, which were not taken over: only"
            " the sandbox gives verdicts"
        )
    return found


def _add_prompt(found: RawAnswers, place: str, question_id: str, record: JsonObject) -> None:
    """Keep the messages an answer was sampled from."""
    messages = []
    for role in ("system", "user"):
        if role not in record or record[role] is None:
            continue
        content = record[role]
        if not isinstance(content, str):
            what = f"is {describe(content)}, not text."
            found.problems.append(Problem(f"{place}, {role}", what, "Give it as text."))
            continue
        unstorable = storable_problem(f"{place}, {role}", content)
        found.problems += [unstorable] if unstorable else []
        messages.append({"role": role, "content": content})
    if messages:
        text = json.dumps(messages, ensure_ascii=False)
        found.prompts.append(Prompt(question_id, text, None, None, None, None))


def _jsonl(source: Source) -> RawAnswers:
    found = RawAnswers("jsonl")
    records, found.problems = source.json_lines()
    for number, record in records:
        place = f"line {number}"
        found.problems += repeated_fields(place, record)
        for name in record:
            if name not in GENERATION_FIELDS:
                fix = f"Fields: {', '.join(GENERATION_FIELDS)}."
                found.problems.append(Problem(f"{place}, {name}", "is not a field.", fix))
        values = {name: record[name] for name in GENERATION_FIELDS if name in record}
        question_id = values.pop("question_id") if "question_id" in values else None
        index = values.pop("sample_index") if "sample_index" in values else None
        if isinstance(question_id, str):
            place += f", question {question_id!r}"
        found.answers.append(RawAnswer(place, question_id, index, values))
    return found


def _first_answers(source: Source) -> RawAnswers:
    try:
        layout = formats.format_of(source)
    except FormatError:
        what = "holds no answers in a known layout."
        raise FormatError(Problem(str(source.path), what, EXPECTED)) from None
    raw = layout.read(source)
    found = RawAnswers("first", problems=list(raw.problems))
    without = 0
    for question in raw.questions:
        names = [n for n in FIRST_ANSWERS if n in question.extra and question.extra[n] is not None]
        without += not names
        for name in names[:1]:
            answer = question.extra[name]
            values = {"raw_output": answer}
            if isinstance(answer, str) and "```" not in answer:
                values["code"] = answer
            where = f"{question.where}, {name}"
            found.answers.append(RawAnswer(where, question.question_id, 0, values))
    if without:
        found.notes.append(f"{without} questions have no first answer")
    if not found.answers and not found.problems:
        what = f"has questions, but none with {' or '.join(FIRST_ANSWERS)}."
        found.problems.append(Problem(str(source.path), what, EXPECTED))
    return found
