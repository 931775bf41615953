"""A bad source of questions is refused with every problem named, and nothing is written."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from codemix_core.errors import FormatError, InputError
from codemix_core.questions import formats
from codemix_core.questions.importer import import_questions
from codemix_core.questions.source import MOST_BYTES
from codemix_core.records import Question
from codemix_core.workspace import Workspace
from tests.unit.question_files import (
    CASES,
    CPP,
    WRITERS,
    make_question,
    problems_of,
    read,
    scripts_record,
    write_folders,
    write_own,
    write_scripts,
    write_viewer,
)

BAD_VALUES: list[tuple[str, Any, str]] = [
    ("k", None, "is missing"),
    ("k", 3, "is 3, but skills names 2: sorting, path_finding"),
    ("k", 0, "1 or more"),
    ("k", "2", "is text ('2')"),
    ("k", True, "is a truth value"),
    ("k", 2.0, "is a number (2.0)"),
    ("skills", "sorting, ", "holds a blank name"),
    ("skills", "sorting, sorting", "names 'sorting' 2 times"),
    ("skills", [1, 2], "is a list of 2"),
    ("skills", "sorting, \ud800", "half a surrogate pair"),
    ("function_name", "  ", "is blank"),
    ("function_signature", ["int"], "is a list of 1, not text"),
    ("problem_statement", "", "is blank"),
    ("gold_solution", None, "is null, not text"),
    ("unit_tests", "a \udfff b", "half a surrogate pair ('\\udfff') at character 2"),
    ("language", "rust", "is text ('rust')"),
    ("language", 7, "is a number (7)"),
    ("framework", "unittest", "Allowed: googletest"),
    ("split", "test", "Allowed: train, heldout, hard"),
]


@pytest.mark.parametrize(("field", "value", "message"), BAD_VALUES)
def test_a_bad_value_is_named_by_question_and_field(
    field: str, value: Any, message: str, tmp_path: Path
) -> None:
    path = write_scripts([make_question()], tmp_path)
    document = json.loads(path.read_text())
    document["q7"][field] = value
    path.write_text(json.dumps(document))
    problems = problems_of(path)
    assert len(problems) == 1
    assert problems[0].startswith(f"question 'q7', {field}: ")
    assert message in problems[0]


@pytest.mark.parametrize(
    "field",
    [
        "k",
        "skills",
        "function_name",
        "function_signature",
        "function_docstring",
        "problem_statement",
        "gold_solution",
        "unit_tests",
    ],
)
@pytest.mark.parametrize("writer", [write_scripts, write_viewer])
def test_a_missing_field_is_named_by_question_and_field(
    field: str, writer: Callable[[list[Question], Path], Path], tmp_path: Path
) -> None:
    path = writer([make_question("a"), make_question("q7")], tmp_path)
    document = json.loads(path.read_text())
    del list(document.values())[1][field]
    path.write_text(json.dumps(document))
    assert [p.split(":")[0] for p in problems_of(path)] == [f"question 'q7', {field}"]


def test_all_problems_of_all_questions_come_at_once_and_nothing_is_written(tmp_path: Path) -> None:
    rows = [asdict(make_question(name)) for name in ("a", "b", "c", "c")]
    for row in rows:
        row["extra"] = {}
    rows[0]["k"] = 9
    del rows[1]["gold"]
    rows[1]["statment"] = "misspelt"
    path = tmp_path / "bad.jsonl"
    lines = [json.dumps(row) for row in rows] + ["{broken", "[1]"]
    path.write_text("\n".join(lines))
    workspace = Workspace.open(tmp_path / "ws")
    with pytest.raises(FormatError) as caught:
        import_questions(str(path), "bad", "auto", workspace)
    assert {p.where for p in caught.value.problems} == {
        "line 1, question 'a', k",
        "line 2, question 'b', gold",
        "line 2, question 'b', statment",
        "question 'c'",
        "line 5, column 2",
        "line 6",
    }
    assert workspace.question_sets() == []
    assert list(workspace.questions_root.iterdir()) == []


def test_repeated_question_ids_are_found_even_where_json_would_hide_them(tmp_path: Path) -> None:
    record = json.dumps(scripts_record(make_question()))
    path = tmp_path / "questions.json"
    path.write_text(f'{{"q1": {record}, "q2": {record}, "q1": {record}}}')
    assert problems_of(path) == ["question 'q1': appears more than once. Keep one of them."]
    path.write_text(f'{{"q1": {record[:-1]}, "k": 2}}}}')
    assert problems_of(path) == ["question 'q1', k: is given more than once. Keep one of them."]


@pytest.mark.parametrize(
    "question_id", ["", " ", " a", "a\nb", "\ud800", "x" * 201, 7, None, ["a"], "a\x00"]
)
def test_ids_that_cannot_name_a_question_are_refused(question_id: Any, tmp_path: Path) -> None:
    row = asdict(make_question()) | {"question_id": question_id, "extra": {}}
    path = tmp_path / "questions.jsonl"
    path.write_text(json.dumps(row))
    problems = problems_of(path)
    assert len(problems) == 1
    assert "question id: " in problems[0]


def cases(**changes: Any) -> dict[str, Any]:
    return {"cases": [{"name": "a", "args": [1], "expected": 2}], **changes}


BAD_CASES: list[tuple[Any, str]] = [
    (cases(cases=[]), "tests.cases: holds no cases"),
    (cases(cases={"a": 1}), "tests.cases: holds no cases"),
    (cases(cases=[7]), "tests.cases[0]: is a number (7), not an object"),
    (cases(cases=[{"name": "a", "args": 1, "expected": 2}]), "tests.cases[0].args: is a number"),
    (cases(cases=[{"name": "a", "args": [1]}]), "tests.cases[0].expected: is missing"),
    (cases(cases=[{"name": " ", "args": [], "expected": 1}]), "tests.cases[0].name: is text"),
    (cases(cases=[{"name": 1, "args": [], "expected": 1}]), "tests.cases[0].name: is a number"),
    (
        cases(cases=[{"name": "a", "args": [], "expected": 1, "tol": 1}]),
        "tests.cases[0].tol: is not a field",
    ),
    (cases(cases=cases()["cases"] * 2), "name 'a' is used by 2 cases"),
    (cases(tolerance=-0.1), "tests.tolerance: is a number (-0.1)"),
    (cases(tolerance=float("nan")), "tests.tolerance: is a number (nan)"),
    (cases(tolerance=10**400), "tests.tolerance: is a number"),
    (cases(tolerance=True), "tests.tolerance: is a truth value"),
    (cases(nan_equal=1), "tests.nan_equal: is a number (1)"),
    (cases(tuples=True), "tests.tuples: is not a field"),
    ([1], "tests: is a list of 1, not an object"),
    (
        cases(cases=[{"name": "a", "args": ["\ud800"], "expected": 1}]),
        "tests: holds an escape for half a surrogate pair",
    ),
]


@pytest.mark.parametrize(("document", "message"), BAD_CASES)
def test_a_bad_cases_document_is_named_down_to_the_case(
    document: Any, message: str, tmp_path: Path
) -> None:
    question = make_question(kind=CASES, tests=json.dumps(document))
    problems = problems_of(write_own([question], tmp_path))
    assert len(problems) == 1
    assert message in problems[0]
    assert problems[0].startswith("line 1, question 'q7', tests")


def test_cases_that_are_not_json_are_named_with_line_and_column(tmp_path: Path) -> None:
    question = make_question(kind=CASES, tests='{"cases":\n [}')
    (problem,) = problems_of(write_own([question], tmp_path))
    assert "question 'q7', tests, line 2, column 3: is not JSON" in problem


def test_special_values_and_long_integers_are_allowed_in_cases(tmp_path: Path) -> None:
    rows = [
        {"name": "big", "args": [2**80], "expected": -(2**80)},
        {"name": "special", "args": [float("nan")], "expected": float("-inf")},
        {"name": "null", "args": [], "expected": None},
    ]
    document = {"cases": rows, "tolerance": 1e-9, "nan_equal": True, "tuple_as_list": True}
    question = make_question(kind=CASES, tests=json.dumps(document))
    assert read(write_own([question], tmp_path)) == [question]


BROKEN_FILES: list[tuple[str, bytes, str]] = [
    ("empty", b"", "is empty"),
    ("blank", b" \n\t\n", "is empty"),
    ("not UTF-8", b'{"a":\n "\xff"}', "line 2: is not UTF-8: byte 0xff"),
    ("UTF-16", '{"a": 1}'.encode("utf-16"), "is not UTF-8"),
    ("cut off", b'{"q1": {"k": 2,', "line 1, column 16: is not JSON"),
    ("single quotes", b"{\n'a': 1}", "line 2, column 1: is not JSON"),
    ("deep", b"[" * 200_000 + b"]" * 200_000, "nested too deeply"),
    ("deep in a question", b'{"q": {"k": ' + b"[" * 5000 + b"]" * 5000 + b"}}", "too deeply"),
    ("endless number", b'{"q": {"k": ' + b"9" * 5000 + b"}}", "number that cannot be read"),
    ("a list", b"[1, 2]", "in no format known"),
    ("a number", b"7", "in no format known"),
    ("an empty object", b"{}", "in no format known"),
    ("text", b"hello", "in no format known"),
    ("python", b"def f():\n    return 1\n", "in no format known"),
]


@pytest.mark.parametrize(
    ("content", "message"), [row[1:] for row in BROKEN_FILES], ids=[row[0] for row in BROKEN_FILES]
)
def test_a_broken_file_says_what_is_wrong_with_it(
    content: bytes, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "questions.json"
    path.write_bytes(content)
    assert message in "\n".join(problems_of(path))
    workspace = Workspace.open(tmp_path / "ws")
    with pytest.raises(FormatError):
        import_questions(str(path), "bad", "auto", workspace)
    assert workspace.question_sets() == []


def test_devices_and_pipes_are_refused_unopened_together_with_a_bad_name(tmp_path: Path) -> None:
    pipe, link = tmp_path / "pipe", tmp_path / "link.json"
    os.mkfifo(pipe)
    link.symlink_to("/dev/zero")
    workspace = Workspace.open(tmp_path / "ws")
    for path in (Path("/dev/zero"), pipe, link):
        with pytest.raises(InputError) as caught:
            import_questions(str(path), "../x", "auto", workspace)
        name, where = caught.value.problems
        assert (name.where, where.where) == ("name", str(path))
        assert "device, pipe or socket" in where.what


def test_a_huge_file_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "huge.json"
    with path.open("wb") as stream:
        stream.truncate(MOST_BYTES + 1)
    assert "at most 2,147,483,648 are read" in "\n".join(problems_of(path))


def test_a_pipe_among_the_files_of_a_folder_is_refused(tmp_path: Path) -> None:
    root = write_folders([make_question()], tmp_path)
    (root / "q7" / "tests" / "test.cpp").unlink()
    os.mkfifo(root / "q7" / "tests" / "test.cpp")
    assert "device, pipe or socket" in problems_of(root)[0]


def test_a_file_in_no_format_is_told_what_each_format_expects(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text('{"a": 1}')
    (problem,) = problems_of(path)
    assert set(WRITERS) <= set(formats.FORMATS)
    for name, known in formats.FORMATS.items():
        assert f"\n  {name}: {known.expects}" in problem


def test_a_file_of_answers_is_sent_to_the_other_command(tmp_path: Path) -> None:
    path = tmp_path / "generations.json"
    path.write_text('{"q1": {"system": "s", "user": "u", "responses": []}}')
    (problem,) = problems_of(path)
    assert "import-generations" in problem


def test_one_broken_line_does_not_hide_the_format_of_a_json_lines_file(tmp_path: Path) -> None:
    path = write_own([make_question("a"), make_question("b")], tmp_path)
    path.write_text("{oops\n" + path.read_text())
    (problem,) = problems_of(path)
    assert problem.startswith("line 1, column 2: is not JSON: Expecting property name")


def test_a_byte_order_mark_crlf_and_blank_lines_do_no_harm(tmp_path: Path) -> None:
    questions = [make_question("a"), make_question("b")]
    path = write_own(questions, tmp_path)
    windows = path.read_text().replace("\n", "\r\n\r\n")
    path.write_bytes(b"\xef\xbb\xbf" + windows.encode())
    assert read(path) == questions


def test_a_forced_format_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    path = write_scripts([make_question()], tmp_path)
    assert "is missing" in "\n".join(problems_of(path, "viewer"))
    assert "has no folder" in "\n".join(problems_of(path, "folders"))
    assert "Is a directory" in "\n".join(problems_of(tmp_path, "scripts"))
    assert "line 1" in "\n".join(problems_of(path, "jsonl"))
    (problem,) = problems_of(path, "yaml")
    assert problem.startswith("format: there is no format 'yaml'. Formats: auto, ")


def test_folders_without_their_files_or_their_entry_are_named(tmp_path: Path) -> None:
    root = write_folders([make_question(name) for name in ("a", "b", "c", "d")], tmp_path)
    (root / "a" / "solution" / "solution.cpp").unlink()
    (root / "b" / "tests" / "test.py").write_text("def test_b(): pass\n")
    (root / "c" / "tests" / "test.cpp").write_bytes(b"\xff")
    document = json.loads((root / "questions.json").read_text())
    del document["d"]
    document["../folders"] = dict(document["a"])
    (root / "questions.json").write_text(json.dumps(document))
    problems = "\n".join(problems_of(root))
    assert "question 'a': lacks a file" in problems
    assert "question 'b': has several files where one is expected: tests/test.cpp" in problems
    assert "c/tests/test.cpp, line 1: is not UTF-8" in problems
    assert "question 'd': is not in questions.json" in problems
    assert "question '../folders': has no folder" in problems


def test_folders_whose_files_contradict_their_entry_are_refused(tmp_path: Path) -> None:
    root = write_folders([make_question()], tmp_path)
    document = json.loads((root / "questions.json").read_text())
    document["q7"]["gold_solution"] = CPP["gold"].strip()
    (root / "questions.json").write_text(json.dumps(document))
    assert [q.gold for q in read(root)] == [CPP["gold"].strip()]
    document["q7"]["gold_solution"] = "int twice(int x) { return 3 * x; }"
    (root / "questions.json").write_text(json.dumps(document))
    (problem,) = problems_of(root)
    assert problem.startswith("question 'q7', gold_solution: differs from q7/solution/solution.cpp")


def test_an_index_without_code_is_read_with_the_folders_beside_it(tmp_path: Path) -> None:
    root = write_folders([make_question()], tmp_path)
    assert formats.detect(root / "questions.json") == "folders"
    assert read(root / "questions.json") == read(root)
