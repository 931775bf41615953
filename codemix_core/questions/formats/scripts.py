"""The original scripts' ``questions.json``: one object of question id -> fields.

Also carries ``sample_solution`` (a first model's answer) and ``verification_status``, which are
kept among the source fields.
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

NAME = "scripts"
EXPECTS = (
    'a JSON file {"<question id>": {k, skills, function_name, function_signature,'
    " function_docstring, problem_statement, gold_solution, unit_tests, language}, …}"
)


def _recognises(source: Source) -> bool:
    """Objects by id of which at least one has a field of the scripts, and none a ``qid``."""
    if not source.is_document() or not isinstance(source.document, dict):
        return False
    records = [value for value in source.document.values() if isinstance(value, dict)]
    names = set(SOURCE_NAMES.values())
    return any(names & set(record) for record in records) and not any(
        "qid" in record or "responses" in record for record in records
    )


def _read(source: Source) -> RawSet:
    return RawSet(NAME, *read_records(source.document, str(source.path)))


def read_records(document: object, where: str) -> tuple[list[RawQuestion], list[Problem]]:
    """The questions of a ``questions.json`` document, with the faults in its structure.

    Raises:
        FormatError: the document is not an object of questions.
    """
    if not isinstance(document, JsonObject) or not document:
        what = f"is {describe(document)}, not an object of questions."
        raise FormatError(Problem(where, what, f"Expected {EXPECTS}."))
    questions: list[RawQuestion] = []
    problems = [
        Problem(f"question {key!r}", "appears more than once.", "Keep one of them.")
        for key in document.repeated
    ]
    for question_id, record in document.items():
        place = f"question {question_id!r}"
        if not isinstance(record, JsonObject):
            problems.append(not_an_object(place, record))
            continue
        problems += repeated_fields(place, record)
        values, extra = split_fields(record, SOURCE_NAMES)
        questions.append(RawQuestion(place, question_id, values, SOURCE_NAMES, extra))
    return questions, problems


FORMAT = Format(NAME, EXPECTS, _recognises, _read)
