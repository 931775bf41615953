"""HumanEval-shaped JSON Lines: ``{task_id, prompt, canonical_solution, test, entry_point}``.

The prompt is the beginning of a Python program, the canonical solution its end, the test a
``check(candidate)`` function, which becomes one pytest test. Such sets have no skills; ``k`` is
1 and the skill is the name of the format. Meant for decontamination and for measuring.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any

from codemix_core.errors import FormatError, Problem
from codemix_core.questions.raw import Format, RawQuestion, RawSet, repeated_fields
from codemix_core.questions.source import Source

NAME = "humaneval"
FIELDS = ("task_id", "prompt", "canonical_solution", "test", "entry_point")
EXPECTS = f"a JSON Lines file in HumanEval's shape, one object per line with {', '.join(FIELDS)}"
_NAMES = {
    "function_name": "entry_point",
    "signature": "prompt",
    "docstring": "prompt",
    "statement": "prompt",
    "gold": "canonical_solution",
    "tests": "test",
    "k": "k",
    "skills": "skills",
    "language": "language",
    "framework": "framework",
}


def _recognises(source: Source) -> bool:
    first = None if source.is_folder else source.peek()
    return isinstance(first, dict) and {"entry_point", "canonical_solution"} <= set(first)


def _read(source: Source) -> RawSet:
    if source.is_folder:
        raise FormatError(Problem(str(source.path), "is a folder.", f"Expected {EXPECTS}."))
    records, problems = source.json_lines()
    questions = []
    for number, record in records:
        place = f"line {number}"
        problems += repeated_fields(place, record)
        bad = [name for name in FIELDS if not isinstance(record.get(name), str)]
        problems += [Problem(f"{place}, {name}", "is no text.", "Give it.") for name in bad]
        if not bad:
            extra = {name: value for name, value in record.items() if name not in FIELDS}
            where = f"{place}, question {record['task_id']!r}"
            questions.append(RawQuestion(where, record["task_id"], _values(record), _NAMES, extra))
    return RawSet(NAME, questions, problems)


def _values(record: Mapping[str, Any]) -> dict[str, Any]:
    name, prompt = record["entry_point"], record["prompt"]
    signature, docstring = signature_and_docstring(f"{prompt}\n    pass\n", name)
    return {
        "function_name": name,
        "signature": signature or f"def {name}",
        "docstring": docstring,
        "statement": docstring or prompt,
        "gold": prompt + record["canonical_solution"],
        "tests": f"from solution import *\n\n{record['test']}\n\n"
        f"def test_{name}():\n    check({name})\n",
        "k": 1,
        "skills": [NAME],
        "language": "python",
        "framework": "pytest",
    }


def signature_and_docstring(program: str, name: str) -> tuple[str, str]:
    """``def`` line and docstring of a function in a program; blank when it is not there."""
    try:
        body = ast.parse(program).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return "", ""
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == name:
            docstring = ast.get_docstring(node) or ""
            node.body, node.decorator_list = [ast.Pass()], []
            return ast.unparse(node).rpartition("\n")[0], docstring
    return "", ""


FORMAT = Format(NAME, EXPECTS, _recognises, _read)
