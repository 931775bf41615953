"""Our own JSON Lines: one question per line, fields as in :class:`codemix_core.records.Question`.

``extra`` is a JSON object here. ``split``, ``reasoning`` and ``extra`` may be left out; a field
of any other name is refused, so that a misspelt ``split`` is not silently lost.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, fields
from pathlib import Path

from codemix_core import files
from codemix_core.errors import FormatError, Problem
from codemix_core.questions.raw import (
    Format,
    RawQuestion,
    RawSet,
    repeated_fields,
    split_fields,
)
from codemix_core.questions.source import JsonObject, Source
from codemix_core.records import Question

NAME = "jsonl"
FIELDS = tuple(field.name for field in fields(Question))
EXPECTS = f"a JSON Lines file, one object per line with {', '.join(FIELDS)}"
_NAMES = {name: name for name in FIELDS if name not in ("question_id", "extra")}


def write_jsonl(questions: Iterable[Question], path: Path) -> None:
    """Write questions as JSON Lines, atomically; reading the file gives the same questions."""
    text = "".join(_line(question) + "\n" for question in questions)
    files.write_atomic(path, lambda temporary: _write(temporary, text))


def _line(question: Question) -> str:
    row = asdict(question)
    row["extra"] = json.loads(question.extra)
    return json.dumps(row, ensure_ascii=False)


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")


def _recognises(source: Source) -> bool:
    """The first line is a question, or the file calls itself JSON Lines and says nothing else."""
    if source.is_folder:
        return False
    first = source.peek()
    if isinstance(first, dict):
        return "question_id" in first and "raw_output" not in first
    return first is None and source.path.suffix in (".jsonl", ".ndjson")


def _read(source: Source) -> RawSet:
    if source.is_folder:
        raise FormatError(Problem(str(source.path), "is a folder.", f"Expected {EXPECTS}."))
    questions: list[RawQuestion] = []
    records, problems = source.json_lines()
    for number, record in records:
        question, faults = _question(number, record)
        problems += faults
        questions.append(question)
    return RawSet(NAME, questions, problems)


def _question(number: int, record: JsonObject) -> tuple[RawQuestion, list[Problem]]:
    place = f"line {number}"
    if "question_id" in record and isinstance(record["question_id"], str):
        place += f", question {record['question_id']!r}"
    problems = repeated_fields(place, record)
    values, rest = split_fields(record, _NAMES)
    question_id = rest.pop("question_id") if "question_id" in rest else None
    extra = rest.pop("extra") if "extra" in rest else {}
    if not isinstance(extra, dict):
        fix = "Give a JSON object, or leave it out."
        problems.append(Problem(f"{place}, extra", "is not an object.", fix))
        extra = {}
    for name in rest:
        fix = f"Fields: {', '.join(FIELDS)}. Put anything else into extra."
        problems.append(Problem(f"{place}, {name}", "is not a field of a question.", fix))
    return RawQuestion(place, question_id, values, _NAMES, extra), problems


FORMAT = Format(NAME, EXPECTS, _recognises, _read)
