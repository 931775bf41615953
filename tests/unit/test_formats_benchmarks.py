"""HumanEval- and MBPP-shaped files become questions with runnable pytest tests."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from codemix_core.errors import FormatError
from codemix_core.questions import formats
from codemix_core.questions.check import check
from codemix_core.records import Question

HUMANEVAL = {
    "task_id": "HumanEval/7",
    "prompt": "import math\n\n\ndef helper(x):\n    return x\n\n\n"
    'def area(r: float) -> float:\n    """ Area of a circle.\n    """\n',
    "canonical_solution": "    return math.pi * helper(r) ** 2\n",
    "test": "def check(candidate):\n    assert abs(candidate(1) - 3.14159) < 1e-3\n"
    "    assert helper(2) == 2\n",
    "entry_point": "area",
}
MBPP = {
    "task_id": 11,
    "text": "Remove the first and last occurrence of a character.",
    "code": "def drop(s, c):\r\n    return s.replace(c, '', 1)\r\n",
    "test_list": ["assert drop('hello', 'l') == 'helo'", "assert drop(*pair) == 'b'"],
    "test_setup_code": "pair = ('ab', 'a')",
    "challenge_test_list": [],
}


def read(folder: Path, records: list[dict[str, Any]]) -> list[Question]:
    path = folder / "set.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return check(formats.read(path)).questions


@pytest.mark.parametrize(
    ("record", "name", "signature", "tests"),
    [
        (HUMANEVAL, "area", "def area(r: float) -> float:", 1),
        (MBPP, "drop", "def drop(s, c):", 2),
        ({**MBPP, "prompt": MBPP["text"], "text": MBPP["text"]}, "drop", "def drop(s, c):", 2),
    ],
)
def test_a_record_becomes_a_question_whose_gold_passes_its_tests(
    tmp_path: Path, record: dict[str, Any], name: str, signature: str, tests: int
) -> None:
    question = read(tmp_path, [record])[0]
    assert (question.function_name, question.signature) == (name, signature)
    assert (question.language, question.framework, question.k) == ("python", "pytest", 1)
    (tmp_path / "solution.py").write_text(question.gold)
    (tmp_path / "test_it.py").write_text(question.tests)
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "--rootdir",
            ".",
            "test_it.py",
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert f"{tests} passed" in done.stdout, done.stdout


def test_the_shapes_are_told_from_each_other_and_from_our_own(tmp_path: Path) -> None:
    for record, name in ((HUMANEVAL, "humaneval"), (MBPP, "mbpp")):
        path = tmp_path / f"{name}.jsonl"
        path.write_text(json.dumps(record) + "\n")
        assert formats.detect(path) == name


def test_faults_are_named_by_line_and_field(tmp_path: Path) -> None:
    with pytest.raises(FormatError) as caught:
        read(tmp_path, [HUMANEVAL, {**HUMANEVAL, "test": None}])
    assert "line 2, test" in str(caught.value)
    with pytest.raises(FormatError) as caught:
        read(tmp_path, [MBPP, {**MBPP, "task_id": 12, "test_list": []}])
    assert "line 2, test_list" in str(caught.value)


def test_broken_programs_do_not_stop_the_reading(tmp_path: Path) -> None:
    broken = {**MBPP, "code": "def drop(:", "test_list": ["assert ("]}
    assert read(tmp_path, [broken])[0].function_name == "solve"
    assert read(tmp_path, [{**HUMANEVAL, "prompt": "def area("}])[0].signature == "def area"
