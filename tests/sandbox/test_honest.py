"""Honest programs pass, and none is called tampered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest

from codemix_core.records import Verdict
from codemix_core.scoring.backends.base import Backend
from codemix_core.scoring.engine import Scorer
from codemix_core.scoring.program import Work
from tests.sandbox.addition import CPP_FRAMEWORKS, FLOORS, cases_question, question

Table = Callable[[str, Mapping[str, str]], dict[str, Verdict]]
Judge = Callable[..., list[Verdict]]

PYTHON = {
    "plain": "def add(a, b):\n    return a + b",
    "prints": "def add(a, b):\n    print('adding', a, b)\n    return a + b",
    "main guard": "def add(a, b):\n    return a + b\n"
    "def main():\n    raise SystemExit('not when judged')\n"
    "if __name__ == '__main__':\n    main()",
    "threads": "import threading\ndef add(a, b):\n    out = []\n"
    "    ts = [threading.Thread(target=lambda: out.append(a + b)) for _ in range(20)]\n"
    "    [t.start() for t in ts]\n    [t.join() for t in ts]\n    return out[0]",
    "process pool": "import os\ndef add(a, b):\n    r, w = os.pipe()\n"
    "    if os.fork() == 0:\n        os.write(w, b'1')\n        os._exit(0)\n"
    "    os.read(r, 1)\n    os.wait()\n    return a + b",
    "numpy": "import numpy as np\ndef add(a, b):\n"
    "    return a + b if isinstance(a, str) else int(np.array([a, b]).sum())",
    "own class with __eq__": "class P:\n    def __init__(self, v): self.v = v\n"
    "    def __eq__(self, other): return self.v == other.v\n"
    "    def __add__(self, other): return P(self.v + other.v)\n"
    "def add(a, b):\n    p = P(a) + P(b)\n    assert p == P(a + b)\n    return p.v",
    "dataclass": "from dataclasses import dataclass\n@dataclass(order=True)\nclass P:\n    v: object\n"
    "def add(a, b):\n    return P(a + b).v",
    "recursion": "def count(n):\n    return 0 if n == 0 else 1 + count(n - 1)\n"
    "def add(a, b):\n    count(800)\n    return a + b",
    "temporary file": "import tempfile\ndef add(a, b):\n    with tempfile.NamedTemporaryFile('w+') as f:\n"
    "        f.write('x')\n    return a + b",
    "subprocess of itself": "import sys, typing, collections, datetime, decimal\n"
    "def add(a, b):\n    return a + b",
    "type hints of another age": "from __future__ import annotations\nfrom typing import List, Optional\n"
    "def add(a: int | str, b: Optional[int]) -> List[int] | int:\n    return a + b",
}

CPP = {
    "everything included": "#include <bits/stdc++.h>\nusing namespace std;\n"
    "int add(int a, int b) { vector<int> v{a, b}; return accumulate(v.begin(), v.end(), 0); }",
    "templates and classes": "template <class T> struct Sum { T v; T operator+(const Sum& o) const"
    " { return v + o.v; } };\nint add(int a, int b) { return Sum<int>{a} + Sum<int>{b}; }",
    "threads": "#include <thread>\n#include <vector>\nint add(int a, int b) { int r = 0;"
    " std::vector<std::thread> t; for (int i = 0; i < 16; ++i)"
    " t.emplace_back([&, i] { if (i == 3) r = a + b; });"
    " for (auto& x : t) x.join(); return r; }",
    "prints": "#include <iostream>\nint add(int a, int b) { std::cout << a << b << std::endl;"
    " std::cerr << a; return a + b; }",
    "throws and catches": "#include <stdexcept>\nint add(int a, int b) {"
    ' try { throw std::runtime_error("x"); } catch (const std::exception&) {} return a + b; }',
    "macros that paste": "#define SUM(name, T) T name##_of(T a, T b) { return a + b; }\n"
    "SUM(plain, int)\nint add(int a, int b) { return plain_of(a, b); }",
    "relies on a header that gtest brings": "int add(int a, int b) { std::vector<int> v{a, b};"
    " return v[0] + v[1]; }",
}


@pytest.mark.parametrize(("framework", "tier"), [("cases", "A"), ("pytest", "B"), ("lifted", "A")])
def test_honest_python_passes(framework: str, tier: str, judge_table: Table) -> None:
    verdicts = judge_table(framework, PYTHON)
    assert {verdict.tier for verdict in verdicts.values()} == {tier}
    wrong = {n: (str(v.status), v.tests) for n, v in verdicts.items() if v.status != "passed"}
    assert not wrong


@pytest.mark.parametrize("framework", CPP_FRAMEWORKS)
def test_honest_cpp_passes(framework: str, judge_table: Table) -> None:
    verdicts = judge_table(framework, CPP)
    wrong = {n: (str(v.status), v.message) for n, v in verdicts.items() if v.status != "passed"}
    assert not wrong


POINT_TESTS = """
from unittest import mock
import pytest
import solution
from solution import add, Modular, Point, double, Stack

class Anything:
    def __eq__(self, other): return True

def test_own_equality():
    assert add(Point(1), Point(2)) == Point(3)

def test_through_the_module():
    assert solution.add(Point(1), Point(2)) == solution.Point(3)

def test_expected_exception():
    with pytest.raises(TypeError):
        add(1, "a")

@pytest.mark.parametrize("n", range(3))
def test_many(n):
    assert [add(n, n), n] == [2 * n, n]

def test_with_wildcards():
    anything, whatever = Anything(), mock.ANY
    assert add(1, 1) == anything
    assert [add(1, 1), Point(1)] == [whatever, Point(1)]

def test_numbers_modulo():
    number = Modular(10)
    assert number == 3 and number == 10 and Modular(3) == number

def test_cached():
    double.cache_clear()
    assert double(2) == double(2) == 4
    assert double.cache_info().hits == 1

def test_container():
    stack = Stack()
    assert stack == [] and Stack([1, 2]) == (1, 2)

class TestClass:
    def test_method(self, capsys, tmp_path):
        print("x")
        assert capsys.readouterr().out == "x\\n"
        (tmp_path / "f").write_text("x")
"""
POINT = """class Point:
    def __init__(self, v): self.v = v
    def __eq__(self, other): return isinstance(other, Point) and self.v == other.v
    def __add__(self, other): return Point(self.v + other.v)

class Modular:
    def __init__(self, v): self.v = v % 7
    def __eq__(self, other): return self.v == (other.v if isinstance(other, Modular) else other % 7)

class Stack:
    def __init__(self, items=()): self.items = list(items)
    def __eq__(self, other): return self.items == list(other)

import functools

@functools.lru_cache
def double(n):
    return 2 * n

def add(a, b):
    return a + b
"""


def test_own_equality_fixtures_and_parameters_pass_in_pytest(judge: Judge) -> None:
    asked = question("pytest", POINT_TESTS, POINT)
    (verdict,) = judge(asked, [POINT + "# again\n"])
    assert verdict.status == "passed", verdict
    assert [test.name for test in verdict.tests] == [
        "test_own_equality",
        "test_through_the_module",
        "test_expected_exception",
        "test_many[0]",
        "test_many[1]",
        "test_many[2]",
        "test_with_wildcards",
        "test_numbers_modulo",
        "test_cached",
        "test_container",
        "TestClass::test_method",
    ]


VALUES = [
    # (expected, program returns, options, passes)
    (1, "1", {}, True),
    (1, "True", {}, False),
    (True, "1", {}, False),
    (1, "1.0", {}, False),
    (1.0, "1", {}, False),
    (1, "1.0000001", {"tolerance": 1e-3}, True),
    (1, "True", {"tolerance": 1e-3}, False),
    (100.0, "100.05", {"tolerance": 1e-3}, True),
    (100.0, "100.2", {"tolerance": 1e-3}, False),
    (float("nan"), "float('nan')", {}, False),
    (float("nan"), "float('nan')", {"nan_equal": True}, True),
    (float("inf"), "float('inf')", {}, True),
    (float("inf"), "1e308", {"tolerance": 1e-3}, False),
    ([1, 2], "(1, 2)", {}, False),
    ([1, [2]], "(1, (2,))", {"tuple_as_list": True}, True),
    ({"1": 2}, "{1: 2}", {}, False),
    ({"a": 1, "b": 2}, "{'b': 2, 'a': 1}", {}, True),
    ({"a": 1}, "__import__('collections').Counter('a')", {}, True),
    (None, "None", {}, True),
    (None, "...", {}, False),
    ([1, 2], "{1, 2}", {}, False),
    (2**70, "2**70", {}, True),
    (2**70, "2**70 + 1", {}, False),
    (3**2000, "3**2000", {}, True),
    ("é\ud800", "'é\\ud800'", {}, True),
    (0.0, "-0.0", {}, True),
    ([], "x", {}, False),
]


@pytest.fixture(scope="module")
def comparisons(backend: Backend) -> list[Verdict]:
    works = []
    for index, (expected, returned, options, _) in enumerate(VALUES):
        asked = cases_question([{"name": "t", "args": [], "expected": expected}], **options)
        code = f"x = []\nx.append(x)\ndef add():\n    return {returned}"
        works.append(Work(replace(asked, question_id=str(index)), None, index, code))
    verdicts = Scorer(backend, FLOORS).score(works)
    return sorted(verdicts, key=lambda verdict: verdict.sample_index)


@pytest.mark.parametrize("row", range(len(VALUES)), ids=[f"{v[1]} {v[2]}" for v in VALUES])
def test_values_are_compared_with_their_types(row: int, comparisons: list[Verdict]) -> None:
    expected, returned, options, passes = VALUES[row]
    verdict = comparisons[row]
    assert (verdict.status == "passed") is passes, (expected, returned, options, verdict.tests)


def test_every_test_gets_fresh_arguments(judge: Judge) -> None:
    shared = [[1, 2, 3]]
    cases = [{"name": f"t{i}", "args": shared, "expected": 3} for i in range(5)]
    gold = "def add(xs):\n    xs.append(0)\n    return len(xs) - 1"
    (verdict,) = judge(cases_question(cases, gold), [gold + "\n# again"])
    assert verdict.status == "passed"
