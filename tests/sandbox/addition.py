"""One small task under every framework: ``add(a, b)``, with five tests."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from codemix_core.records import Question, Verdict
from codemix_core.scoring.limits import Floors

FLOORS = Floors(seconds=2.0, memory_mb=256, gold_seconds=10.0, gold_memory_mb=1024)

LIFTED_TESTS = """
import pytest
from solution import add

def test_small():
    assert add(1, 2) == 3

def test_negative():
    assert add(-1, 2) == 1

def test_five():
    assert add(5, 5) == 10

def test_text():
    assert add("a", "b") == "ab"

def test_last():
    assert add(8, 5) == 13
"""

PYTEST_TESTS = f"import sys\n{LIFTED_TESTS}"
"""The same, and something that keeps them in the program's process."""

GOOGLE_LIFTED_TESTS = """#include <gtest/gtest.h>
#include "../solution/solution.cpp"

TEST(Add, Small) { EXPECT_EQ(add(1, 2), 3); }
TEST(Add, Negative) { EXPECT_EQ(add(-1, 2), 1); }
TEST(Add, Five) { ASSERT_TRUE(add(5, 5) == 10); }
TEST(Add, Near) { EXPECT_NEAR(add(7, 5), 12.0, 1e-9); }
TEST(Add, Last) { EXPECT_EQ(add(8, 5), 13); }
"""

GOOGLE_KEPT = "extern int kept;\n"
"""Keeps GoogleTest tests in the program's process."""
GOOGLE_TESTS = f"{GOOGLE_LIFTED_TESTS}{GOOGLE_KEPT}"

CASES = [
    {"name": "small", "args": [1, 2], "expected": 3},
    {"name": "negative", "args": [-1, 2], "expected": 1},
    {"name": "five", "args": [5, 5], "expected": 10},
    {"name": "text", "args": ["a", "b"], "expected": "ab"},
    {"name": "last", "args": [8, 5], "expected": 13},
]


def question(framework: str, tests: str, gold: str, function: str = "add") -> Question:
    """A question about ``function``."""
    return Question(
        question_id=f"{framework}-{function}",
        k=1,
        skills=["addition"],
        language="cpp" if framework == "googletest" else "python",
        framework=framework,
        function_name=function,
        signature="",
        docstring="",
        statement="",
        gold=gold,
        tests=tests,
    )


def cases_question(cases: list[dict[str, Any]], gold: str = "", **options: Any) -> Question:
    """A ``cases`` question about ``add``."""
    return question("cases", json.dumps({"cases": cases, **options}), gold)


PYTHON_GOLD = "def add(a, b):\n    return a + b\n"
ADD = {
    "cases": cases_question(CASES, PYTHON_GOLD),
    "pytest": question("pytest", PYTEST_TESTS, PYTHON_GOLD),
    "lifted": replace(question("pytest", LIFTED_TESTS, PYTHON_GOLD), question_id="lifted-add"),
    "googletest": replace(
        question("googletest", GOOGLE_TESTS, "int add(int a, int b) { return a + b; }\n"),
        signature="int add(int a, int b)",
    ),
}
ADD["googletest, lifted"] = replace(
    ADD["googletest"], question_id="lifted-googletest", tests=GOOGLE_LIFTED_TESTS
)
CPP_FRAMEWORKS = ("googletest", "googletest, lifted")


BUSY = {
    "python": "def add(a, b):\n    for _ in range(50_000):\n        pass\n    return a + b  # {number}\n",
    "cpp": "int add(int a, int b) {{ for (volatile int i = 0; i < 1000000; i = i + 1) {{}}"
    " return a + b; }} // {number}\n",
}
"""Honest programs that keep a core busy, different for each number."""


def statuses(verdict: Verdict) -> list[str]:
    """Per-test statuses, in declared order."""
    return [str(test.status) for test in verdict.tests]
