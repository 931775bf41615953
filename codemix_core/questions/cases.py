"""The ``cases`` test document: inputs with the value each must give.

    {"cases": [{"name": "t01", "args": [[1, 2, 3]], "expected": 6}, …],
     "tolerance": 0.0, "nan_equal": false, "tuple_as_list": false}

``args`` and ``expected`` are plain JSON values; integers keep every digit. This checks the
document; what counts as equal is decided where candidates are judged.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping

from codemix_core.errors import FormatError, Problem
from codemix_core.questions.raw import describe
from codemix_core.questions.source import JsonObject, parse_json

CASE_FIELDS = ("name", "args", "expected")
OPTIONS = ("tolerance", "nan_equal", "tuple_as_list")


def is_cases(text: str) -> bool:
    """Whether tests are meant as a cases document: JSON with ``cases``, well-formed or not."""
    try:
        document = parse_json(text, "tests")
    except FormatError:
        return False
    return isinstance(document, dict) and "cases" in document


def check_cases(text: str, where: str) -> list[Problem]:
    """Everything wrong with a cases document.

    Args:
        text: the document.
        where: how to name it, e.g. ``question 'q7', tests``.
    """
    try:
        document = parse_json(text, where)
    except FormatError as error:
        return error.problems
    if not isinstance(document, JsonObject):
        fix = 'Give {"cases": [{"name", "args", "expected"}, …]}.'
        return [Problem(where, f"is {describe(document)}, not an object.", fix)]
    problems = _unknown(where, document, ("cases", *OPTIONS)) + _unstorable(where, document)
    problems += _check_options(where, document)
    cases = document.get("cases")
    if not isinstance(cases, list) or not cases:
        fix = "Give a list of at least one case."
        return [*problems, Problem(f"{where}.cases", "holds no cases.", fix)]
    names: Counter[str] = Counter()
    for position, case in enumerate(cases):
        problems += _check_case(f"{where}.cases[{position}]", case, names)
    for name, count in names.items():
        if count > 1:
            what = f"name {name!r} is used by {count} cases."
            problems.append(Problem(f"{where}.cases", what, "Give each case its own name."))
    return problems


def _check_case(where: str, case: object, names: Counter[str]) -> list[Problem]:
    if not isinstance(case, JsonObject):
        fix = "Give an object with name, args and expected."
        return [Problem(where, f"is {describe(case)}, not an object.", fix)]
    problems = _unknown(where, case, CASE_FIELDS)
    for name in CASE_FIELDS:
        if name not in case:
            problems.append(Problem(f"{where}.{name}", "is missing.", "Give it."))
    if "name" in case:
        name = case["name"]
        if isinstance(name, str) and name.strip():
            names[name] += 1
        else:
            what = f"is {describe(name)}."
            problems.append(Problem(f"{where}.name", what, "Give a name that is not blank."))
    if "args" in case and not isinstance(case["args"], list):
        what = f"is {describe(case['args'])}, not a list."
        fix = "Give the list of the function's arguments, one entry per argument."
        problems.append(Problem(f"{where}.args", what, fix))
    return problems


def _check_options(where: str, document: Mapping[str, object]) -> list[Problem]:
    problems = []
    if "tolerance" in document:
        value = document["tolerance"]
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not math.isfinite(float(str(value))) or float(str(value)) < 0:
            what = f"is {describe(value)}."
            problems.append(Problem(f"{where}.tolerance", what, "Give a finite number ≥ 0."))
    for name in ("nan_equal", "tuple_as_list"):
        if name in document and not isinstance(document[name], bool):
            what = f"is {describe(document[name])}."
            problems.append(Problem(f"{where}.{name}", what, "Give true or false."))
    return problems


def _unstorable(where: str, document: JsonObject) -> list[Problem]:
    """Half a surrogate pair written as an escape: no UTF-8 text, so no reader could take it."""
    try:
        json.dumps(document, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        fix = "Write the whole character, or leave it out."
        return [Problem(where, "holds an escape for half a surrogate pair.", fix)]
    except RecursionError:
        return [Problem(where, "is nested too deeply.", "Nest a few hundred levels at most.")]
    return []


def _unknown(where: str, record: JsonObject, known: tuple[str, ...]) -> list[Problem]:
    fix = f"Fields: {', '.join(known)}."
    unknown = [Problem(f"{where}.{n}", "is not a field.", fix) for n in record if n not in known]
    repeated = [
        Problem(f"{where}.{name}", "is given more than once.", "Keep one of them.")
        for name in record.repeated
    ]
    return unknown + repeated
