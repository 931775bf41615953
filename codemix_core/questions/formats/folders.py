"""A folder per question next to a ``questions.json``.

    questions.json                          the scripts' layout; code fields may be left out
    <question id>/solution/solution.cpp     gold solution (or solution.py)
    <question id>/tests/test.cpp            unit tests (or test.py, test_*.py)
    <question id>/run.bash                  how the scripts ran it; not used

The language follows from the solution's file name when ``questions.json`` gives none. Where a
field and a file both give the code they must agree, since nothing says which one is meant.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from codemix_core.errors import FormatError, Problem
from codemix_core.questions.formats.scripts import read_records
from codemix_core.questions.raw import SOURCE_NAMES, Format, RawQuestion, RawSet
from codemix_core.questions.source import Source, parse_json, read_text

NAME = "folders"
EXPECTS = (
    "a folder with questions.json and, per question, <question id>/solution/solution.cpp and"
    " <question id>/tests/test.cpp (or solution.py and test_*.py)"
)
INDEX = "questions.json"
LANGUAGES = {".cpp": "cpp", ".py": "python"}
SOLUTIONS = ("solution/solution.cpp", "solution/solution.py")
TESTS = ("tests/test.cpp", "tests/test.py", "tests/test_*.py")


def _recognises(source: Source) -> bool:
    """A folder with an index, or an index without tests beside folders that have them."""
    if source.is_folder:
        return (source.path / INDEX).is_file()
    if not source.is_document() or not isinstance(source.document, dict):
        return False
    records = source.document
    has_tests = any(isinstance(r, dict) and SOURCE_NAMES["tests"] in r for r in records.values())
    return not has_tests and any(
        "/" not in name and (source.path.parent / name / "tests").is_dir() for name in records
    )


def _read(source: Source) -> RawSet:
    root = source.path if source.is_folder else source.path.parent
    index = root / INDEX if source.is_folder else source.path
    if not index.is_file():
        what = f"is not a folder with a {INDEX}."
        raise FormatError(Problem(str(source.path), what, f"Expected {EXPECTS}."))
    records, problems = read_records(parse_json(read_text(index), str(index)), str(index))
    questions = []
    for record in records:
        question, faults = _with_files(record, root)
        questions.append(question)
        problems += faults
    known = {record.question_id for record in records}
    for folder in sorted(root.iterdir()):
        holds_question = (folder / "solution").is_dir() or (folder / "tests").is_dir()
        if holds_question and folder.name not in known:
            fix = f"Add it to {INDEX}, or remove the folder."
            problems.append(Problem(f"question {folder.name!r}", f"is not in {INDEX}.", fix))
    return RawSet(NAME, questions, problems)


def _with_files(record: RawQuestion, root: Path) -> tuple[RawQuestion, list[Problem]]:
    """The record with code and language taken from its folder."""
    name = str(record.question_id)
    folder = root / name
    if Path(name).name != name or not folder.is_dir():
        fix = f"Expected {EXPECTS}."
        return record, [Problem(record.where, "has no folder.", fix)]
    values: dict[str, Any] = dict(record.values)
    problems: list[Problem] = []
    for name, patterns in (("gold", SOLUTIONS), ("tests", TESTS)):
        try:
            path = _one_file(record.where, folder, patterns)
            text = read_text(path)
        except FormatError as error:
            problems += error.problems
            continue
        given = values.get(name)
        if isinstance(given, str) and given.strip() and given.strip() != text.strip():
            what = f"differs from {path.relative_to(root)}."
            fix = f"Make them the same, or import {INDEX} itself to take its text."
            problems.append(Problem(f"{record.where}, {record.names[name]}", what, fix))
        elif not (isinstance(given, str) and given.strip()):
            values[name] = text
        if name == "gold" and "language" not in values:
            values["language"] = LANGUAGES[path.suffix]
    return replace(record, values=values), problems


def _one_file(where: str, folder: Path, patterns: tuple[str, ...]) -> Path:
    found = sorted({path for pattern in patterns for path in folder.glob(pattern)})
    if len(found) == 1:
        return found[0]
    names = ", ".join(str(path.relative_to(folder)) for path in found)
    what = f"has several files where one is expected: {names}." if found else "lacks a file."
    fix = f"Give one of {', '.join(patterns)} in its folder."
    raise FormatError(Problem(where, what, fix))


FORMAT = Format(NAME, EXPECTS, _recognises, _read)
