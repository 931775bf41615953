"""The question viewer's JSON: numbered entries, each with its ``qid``.

``skills`` is one comma-separated string and there is no language: it is told from the code.
``claude_solution`` (a first model's answer) and the entry's number are kept among the source
fields.
"""

from __future__ import annotations

from codemix_core.errors import FormatError, Problem
from codemix_core.questions.raw import (
    SOURCE_NAMES,
    Format,
    RawQuestion,
    RawSet,
    describe,
    not_an_object,
    repeated_fields,
    split_fields,
)
from codemix_core.questions.source import JsonObject, Source

NAME = "viewer"
EXPECTS = (
    'a JSON file {"<number>": {qid, k, skills, function_name, function_signature,'
    " function_docstring, problem_statement, claude_solution, unit_tests, gold_solution}, …}"
)


def _recognises(source: Source) -> bool:
    if not source.is_document() or not isinstance(source.document, dict):
        return False
    names = set(SOURCE_NAMES.values())
    records = [value for value in source.document.values() if isinstance(value, dict)]
    return any("qid" in record and names & set(record) for record in records)


def _read(source: Source) -> RawSet:
    document = source.document
    if not isinstance(document, JsonObject) or not document:
        what = f"is {describe(document)}, not an object of questions."
        raise FormatError(Problem(str(source.path), what, f"Expected {EXPECTS}."))
    questions: list[RawQuestion] = []
    problems = [
        Problem(f"entry {key!r}", "appears more than once.", "Give each entry its own number.")
        for key in document.repeated
    ]
    for number, record in document.items():
        if not isinstance(record, JsonObject):
            problems.append(not_an_object(f"entry {number!r}", record))
            continue
        if "qid" not in record:
            what = "is missing."
            problems.append(Problem(f"entry {number!r}, qid", what, "Give the question's id."))
            continue
        qid = record["qid"]
        place = f"question {qid!r}" if isinstance(qid, str) else f"entry {number!r}"
        problems += repeated_fields(place, record)
        values, extra = split_fields(record, SOURCE_NAMES)
        question_id = extra.pop("qid")
        extra.setdefault("number", number)
        questions.append(RawQuestion(place, question_id, values, SOURCE_NAMES, extra))
    return RawSet(NAME, questions, problems)


FORMAT = Format(NAME, EXPECTS, _recognises, _read)
