"""Which language and test framework a question is in, told from its code.

Evidence only: where the code does not say, nothing is assumed and the caller has to ask.
"""

from __future__ import annotations

import ast
import re
import warnings

from codemix_core.questions.cases import is_cases

ALIASES = {
    "python": "python",
    "python3": "python",
    "py": "python",
    "c++": "cpp",
    "cpp": "cpp",
    "cxx": "cpp",
    "cc": "cpp",
}
"""What sources call a language, in lower case -> our name."""

FRAMEWORKS = {"python": ("cases", "pytest"), "cpp": ("googletest",)}
"""Test frameworks that can judge each language."""

_GOOGLETEST = re.compile(r"^[ \t]*(?:TEST|TEST_F|TEST_P|TYPED_TEST)[ \t]*\(", re.MULTILINE)
_INCLUDE = re.compile(r"^[ \t]*#[ \t]*include[ \t]*[<\"]", re.MULTILINE)
_PYTEST = re.compile(r"^(?:async )?def test|^class Test|^[ \t]+def test", re.MULTILINE)
_PYTHON_IN_CPP = re.compile(
    r"^\s*(?:async\s+)?def\s|(?<![:\w])(?:list|dict|str)\s+[A-Za-z_]|\b(?:List|Dict|Tuple|Optional)\["
)


def tell_language(gold: str, tests: str) -> str | None:
    """The language of a question's code, or None when the code does not show it."""
    if _INCLUDE.search(tests) or _GOOGLETEST.search(tests):
        return "cpp"
    if is_cases(tests):
        return "cpp" if _INCLUDE.search(gold) else ("python" if parses_as_python(gold) else None)
    return "python" if parses_as_python(tests) and parses_as_python(gold) else None


def tell_framework(language: str, tests: str) -> str:
    """The framework the tests of a question are written for."""
    if is_cases(tests):
        return "cases"
    return "googletest" if language == "cpp" else "pytest"


def has_tests(framework: str, tests: str) -> bool:
    """Whether test source shows at least one test of its framework."""
    return bool((_GOOGLETEST if framework == "googletest" else _PYTEST).search(tests))


def signature_fits(language: str, signature: str) -> bool:
    """Whether a signature looks like one of its language. A guess, good enough for a warning."""
    if language == "cpp":
        return not _PYTHON_IN_CPP.search(signature)
    text = signature.strip()
    if text.startswith(("@", "class ")):
        return True
    head = text if text.startswith(("def ", "async ")) else f"def {text}"
    return parses_as_python(f"{head.rstrip().removesuffix(':')}: pass")


def parses_as_python(code: str) -> bool:
    """Whether code is Python with at least one statement."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return bool(ast.parse(code).body)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return False
