"""MBPP-shaped JSON Lines: ``{task_id, text, code, test_list}``, or ``prompt`` for ``text``.

Every assertion of ``test_list`` becomes one pytest test. ``test_setup_code`` and
``test_imports`` go before them. Such sets have no skills; ``k`` is 1 and the skill is the name
of the format. Meant for decontamination and for measuring.
"""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Mapping
from typing import Any

from codemix_core.errors import FormatError, Problem
from codemix_core.questions.formats.humaneval import signature_and_docstring
from codemix_core.questions.raw import Format, RawQuestion, RawSet, repeated_fields
from codemix_core.questions.source import Source

NAME = "mbpp"
EXPECTS = (
    "a JSON Lines file in MBPP's shape, one object per line with task_id, text (or prompt),"
    " code and test_list"
)
_NAMES = {
    "function_name": "test_list",
    "signature": "code",
    "docstring": "text",
    "statement": "text",
    "gold": "code",
    "tests": "test_list",
    "k": "k",
    "skills": "skills",
    "language": "language",
    "framework": "framework",
}
_USED = ("task_id", "text", "prompt", "code", "test_list", "test_setup_code", "test_imports")


def _recognises(source: Source) -> bool:
    first = None if source.is_folder else source.peek()
    return isinstance(first, dict) and {"task_id", "test_list", "code"} <= set(first)


def _read(source: Source) -> RawSet:
    if source.is_folder:
        raise FormatError(Problem(str(source.path), "is a folder.", f"Expected {EXPECTS}."))
    records, problems = source.json_lines()
    questions = []
    for number, record in records:
        place = f"line {number}"
        faults = [*repeated_fields(place, record), *_faults(place, record)]
        problems += faults
        if not faults:
            question_id = f"{NAME}/{record['task_id']}"
            extra = {name: value for name, value in record.items() if name not in _USED}
            where = f"{place}, question {question_id!r}"
            questions.append(RawQuestion(where, question_id, _values(record), _NAMES, extra))
    return RawSet(NAME, questions, problems)


def _faults(place: str, record: Mapping[str, Any]) -> list[Problem]:
    found = []
    if not isinstance(record.get("task_id"), int | str):
        found.append(Problem(f"{place}, task_id", "is missing.", "Give a number or a name."))
    if not isinstance(_statement(record), str):
        found.append(Problem(f"{place}, text", "is no text.", "Give the task in words."))
    if not isinstance(record.get("code"), str):
        found.append(Problem(f"{place}, code", "is no text.", "Give the solution."))
    tests = record.get("test_list")
    if not isinstance(tests, list) or not tests or not all(isinstance(t, str) for t in tests):
        found.append(Problem(f"{place}, test_list", "is no list of texts.", "Give assertions."))
    return found


def _statement(record: Mapping[str, Any]) -> Any:
    return record["text"] if "text" in record else record.get("prompt")


def _values(record: Mapping[str, Any]) -> dict[str, Any]:
    code, tests = record["code"], record["test_list"]
    name = _function_name(code, tests[0])
    signature, _ = signature_and_docstring(code, name)
    setup = [record["test_setup_code"]] if isinstance(record.get("test_setup_code"), str) else []
    if isinstance(record.get("test_imports"), list):
        setup += [str(line) for line in record["test_imports"]]
    cases = [
        f"def test_{number}():\n{textwrap.indent(test.strip(), '    ')}\n"
        for number, test in enumerate(tests, 1)
    ]
    return {
        "function_name": name,
        "signature": signature or f"def {name}",
        "docstring": "",
        "statement": _statement(record),
        "gold": code,
        "tests": "\n\n".join(["\n".join(["from solution import *", *setup]), *cases]),
        "k": 1,
        "skills": [NAME],
        "language": "python",
        "framework": "pytest",
    }


def _function_name(code: str, test: str) -> str:
    """The function of the solution that the assertion calls; else the last one it defines."""
    defined = _names(code, ast.FunctionDef)
    called = _names(test, ast.Call)
    return next((name for name in called if name in defined), defined[-1] if defined else "solve")


def _names(source: str, kind: type[ast.AST]) -> list[str]:
    try:
        nodes = [node for node in ast.walk(ast.parse(source)) if isinstance(node, kind)]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    names = []
    for node in nodes:
        if isinstance(node, ast.FunctionDef):
            names.append(node.name)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            names.append(node.func.id)
    return names


FORMAT = Format(NAME, EXPECTS, _recognises, _read)
