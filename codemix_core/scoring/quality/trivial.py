"""Solutions that do nothing: good tests let none of them pass.

Made from the gold solution, whose types and further names the tests may need: the body of the
asked function (or, for a class, of each of its methods) is replaced by one that returns a
constant. The first of all is the empty source.
"""

from __future__ import annotations

import ast

from codemix_core.records import Question
from codemix_core.scoring.quality.cpp_tokens import pairs, tokens

_PYTHON_CONSTANTS = ("None", "0", "1", "-1", "True", "False", "''", "[]", "{}", "()")
_CPP_BODIES = {
    "returns {}": "return {};",
    "returns 1": "return 1;",
    "returns -1": "return -1;",
    "does nothing": "return;",
}


def trivial_solutions(question: Question) -> dict[str, str]:
    """Programs by what they do, e.g. ``returns 0``."""
    found = {"empty": "# empty\n" if question.language == "python" else "// empty\n"}
    if question.language == "python":
        for constant in _PYTHON_CONSTANTS:
            code = _python_returning(question.gold, question.function_name, constant)
            if code is not None:
                found[f"returns {constant}"] = code
        return found
    for name, body in _CPP_BODIES.items():
        code = _cpp_with_body(question.gold, question.function_name, body)
        if code is not None:
            found[name] = code
    return found


def _python_returning(gold: str, name: str, constant: str) -> str | None:
    """The gold source with the asked function's body replaced; None when it is not found."""
    try:
        tree = ast.parse(gold)
    except (SyntaxError, ValueError):
        return None
    asked = [
        node
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        and node.name == name
    ]
    for node in asked:
        functions = [
            n for n in ast.walk(node) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)
        ]
        for function in functions:
            returned = "None" if function.name.startswith("__init") else constant
            function.body = ast.parse(f"return {returned}").body
    return ast.unparse(tree) + "\n" if asked else None


def _cpp_with_body(gold: str, name: str, body: str) -> str | None:
    """The gold source with the asked function's body replaced; None when it is not found."""
    found = tokens(gold)
    partner = pairs(found)
    for position, token in enumerate(found[:-1]):
        if token.text != name or found[position + 1].text != "(" or position + 1 not in partner:
            continue
        after = partner[position + 1] + 1
        while after < len(found) and found[after].text in ("const", "noexcept"):
            after += 1
        if after < len(found) and found[after].text == "{" and after in partner:
            start, end = found[after].end, found[partner[after]].start
            return f"{gold[:start]} {body} {gold[end:]}"
    return None
