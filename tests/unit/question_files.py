"""Question files in every layout, for the tests of import."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from codemix_core.errors import FormatError
from codemix_core.questions import formats
from codemix_core.questions.check import check
from codemix_core.questions.formats.jsonl import write_jsonl
from codemix_core.records import Question

CPP = {
    "function_name": "twice",
    "signature": "int twice(int x)",
    "gold": "int twice(int x) { return 2 * x; }\n",
    "tests": '#include <gtest/gtest.h>\n#include "../solution/solution.cpp"\n'
    "TEST(Twice, Works) { EXPECT_EQ(twice(2), 4); }\n",
    "language": "cpp",
    "framework": "googletest",
}
PYTEST = {
    "function_name": "twice",
    "signature": "def twice(x: int) -> int:",
    "gold": "def twice(x):\n    return 2 * x\n",
    "tests": "from solution import twice\n\ndef test_twice():\n    assert twice(2) == 4\n",
    "language": "python",
    "framework": "pytest",
}
CASES = {
    **PYTEST,
    "tests": json.dumps({"cases": [{"name": "t1", "args": [2], "expected": 4}]}),
    "framework": "cases",
}


def make_question(question_id: str = "q7", kind: dict[str, str] = CPP, **changes: Any) -> Question:
    question = Question(
        question_id=question_id,
        k=2,
        skills=["sorting", "path_finding"],
        docstring="Doubles.",
        statement="Double the number.",
        **kind,
    )
    return replace(question, **changes)


def scripts_record(question: Question) -> dict[str, Any]:
    record = {
        "k": question.k,
        "skills": ", ".join(question.skills),
        "function_name": question.function_name,
        "function_signature": question.signature,
        "function_docstring": question.docstring,
        "problem_statement": question.statement,
        "sample_solution": "// a first try\n",
        "gold_solution": question.gold,
        "unit_tests": question.tests,
        "language": {"cpp": "c++", "python": "Python"}[question.language],
        "verification_status": True,
    }
    if question.split is not None:
        record["split"] = question.split
    if question.reasoning is not None:
        record["reasoning"] = question.reasoning
    return record


def write_scripts(questions: list[Question], folder: Path) -> Path:
    path = folder / "questions.json"
    path.write_text(json.dumps({q.question_id: scripts_record(q) for q in questions}))
    return path


def write_viewer(questions: list[Question], folder: Path) -> Path:
    entries = {}
    for number, question in enumerate(questions):
        record = scripts_record(question)
        record["claude_solution"] = record.pop("sample_solution")
        del record["language"], record["verification_status"]
        entries[str(2 * number)] = {"qid": question.question_id, **record}
    path = folder / "viewer.json"
    path.write_text(json.dumps(entries))
    return path


def write_folders(questions: list[Question], folder: Path) -> Path:
    root = folder / "folders"
    records = {}
    for question in questions:
        record = scripts_record(question)
        del record["gold_solution"], record["unit_tests"], record["language"]
        records[question.question_id] = record
        suffix = {"cpp": ".cpp", "python": ".py"}[question.language]
        tests = "test.cpp" if question.language == "cpp" else "test_all.py"
        place = root / question.question_id
        for path, text in (
            (place / "solution" / f"solution{suffix}", question.gold),
            (place / "tests" / tests, question.tests),
            (place / "run.bash", "#!/bin/bash\n"),
        ):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="")
    (root / "questions.json").write_text(json.dumps(records))
    return root


def write_own(questions: list[Question], folder: Path) -> Path:
    path = folder / "questions.jsonl"
    write_jsonl(questions, path)
    return path


WRITERS: dict[str, Callable[[list[Question], Path], Path]] = {
    "scripts": write_scripts,
    "viewer": write_viewer,
    "folders": write_folders,
    "jsonl": write_own,
}


def read(path: Path) -> list[Question]:
    return check(formats.read(path)).questions


def problems_of(path: Path, format_name: str = "auto") -> list[str]:
    """Every problem of a bad source; the test fails when it is accepted."""
    with pytest.raises(FormatError) as caught:
        check(formats.read(path, format_name))
    return [str(problem) for problem in caught.value.problems]
