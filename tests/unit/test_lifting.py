"""Which test modules may run outside the program's process."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from codemix_core.questions.starter import starter_questions
from sandbox.lifting import names_tested
from sandbox.remote import Program
from sandbox.serve_tests import Suite

HEAD = "import math\nimport pytest\nfrom solution import add\n\n"
LIFTABLE = {
    "equality": "def test_a():\n    assert add(1, 2) == 3\n    assert add(1, 2) != 4\n",
    "one of a kind": "def test_a():\n    assert add(1, 2) is None\n"
    "    assert add(1, 1) is not True\n",
    "nearly": "def test_a():\n    assert add(1, 2) == pytest.approx(3)\n"
    "    assert math.isclose(add(1, 2), 3.0)\n",
    "exceptions": "def test_a():\n    with pytest.raises(ValueError, match='x') as caught:\n"
    "        add(1, 2)\n    assert str(caught.value) == 'x'\n",
    "parameters": "@pytest.mark.parametrize('a', [1, 2])\n"
    "@pytest.mark.parametrize(('b', 'c'), [(1, 2), pytest.param(3, 4, id='x')], ids=str)\n"
    "def test_a(a, b, c):\n    assert add(a, b) == c\n",
    "helpers and constants": "ROWS = [(1, 2)]\ndef twice(x):\n    return add(x, x)\n"
    "def test_a():\n    for a, b in ROWS:\n        assert twice(a) == b\n",
    "arguments that change": "def test_a():\n    xs = [1]\n    add(xs, 2)\n    assert xs == [1]\n",
}
REFUSED = {
    "identity": "def test_a():\n    xs = []\n    assert add(xs, 1) is xs\n",
    "a fixture": "@pytest.fixture\ndef one():\n    return 1\n"
    "def test_a(one):\n    assert add(1, one)\n",
    "a mark": "@pytest.mark.xfail\ndef test_a():\n    assert add(1, 1) == 3\n",
    "a marked parameter": "@pytest.mark.parametrize(\n"
    "    'a', [pytest.param(1, marks=pytest.mark.skip)])\n"
    "def test_a(a):\n    assert add(1, a) == 3\n",
    "a class": "class TestA:\n    def test_a(self):\n        assert add(1, 1) == 2\n",
    "another module": "import os\ndef test_a():\n    assert add(1, 1) == 2\n",
    "an import inside": "def test_a():\n    import os\n    assert add(1, 1) == 2\n",
    "an attribute of a function": "def test_a():\n    assert add.__name__ == 'add'\n",
    "a cache": "def test_a():\n    add.cache_clear()\n    assert add(1, 1) == 2\n",
    "the type": "def test_a():\n    assert type(add(1, 1)) is None\n",
    "a call while importing": "X = add(1, 2)\ndef test_a():\n    assert X == 3\n",
    "set up": "def setup_function():\n    pass\ndef test_a():\n    assert add(1, 1) == 2\n",
    "skipping": "def test_a():\n    pytest.skip('x')\n    assert add(1, 1) == 2\n",
    "warnings": "def test_a():\n    with pytest.warns(UserWarning):\n        add(1, 1)\n",
    "another test": "from solution import test_add\ndef test_a():\n    assert add(1, 1) == 2\n",
    "statements": "if True:\n    def test_a():\n        assert add(1, 1) == 2\n",
    "no Python": "def test_a(:\n",
}


@pytest.mark.parametrize("name", LIFTABLE)
def test_tests_that_look_at_plain_data_are_liftable(name: str) -> None:
    assert names_tested(HEAD + LIFTABLE[name]) == ["add"]


@pytest.mark.parametrize("name", REFUSED)
def test_tests_that_need_the_programs_process_are_not(name: str) -> None:
    assert names_tested(HEAD + REFUSED[name]) is None


def test_what_is_taken_from_the_program_is_found_through_the_module_too() -> None:
    tests = (
        "import solution as s\ndef test_a():\n    with s.pytest: pass\n    assert s.add(1) == 1\n"
    )
    assert names_tested(tests) == ["add", "pytest"]
    assert names_tested("import solution as s\ndef test_a():\n    assert dir(s)\n") is None
    assert names_tested("import solution as s\ndef test_a():\n    assert s.f.x == 1\n") is None
    assert names_tested("def test_a():\n    assert True\n") is None


def test_starter_questions_are_liftable_where_nothing_but_data_is_looked_at() -> None:
    questions = [question for question in starter_questions() if question.language == "python"]
    assert len(questions) == 12
    assert all(names_tested(question.tests) for question in questions)


def test_every_parameter_makes_the_test_that_pytest_makes_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(Path.cwd())  # collecting goes elsewhere; this comes back in the end
    monkeypatch.setitem(sys.modules, "solution", sys)
    suite = Suite(HEAD + LIFTABLE["parameters"], ["add"])
    assert suite.names == ["test_a[1-2-1]", "test_a[1-2-2]", "test_a[x-1]", "test_a[x-2]"]
    asked: list[tuple[int, int]] = []

    def add(a: int, b: int) -> int | None:
        asked.append((a, b))
        return {(1, 1): 2}.get((a, b))

    records: list[tuple[str, ...]] = []
    suite.run(Loaded(add), suite.names, lambda *record: records.append(record))
    assert asked == [(1, 1), (2, 1), (1, 3), (2, 3)]
    assert [(r[0], r[1]) for r in records if r[0] in "PF"] == [
        ("P", "test_a[1-2-1]"), ("F", "test_a[1-2-2]"), ("F", "test_a[x-1]"), ("F", "test_a[x-2]"),
    ]  # fmt: skip


class Loaded(Program):
    """A program in this very process."""

    def __init__(self, add: Callable[..., Any]) -> None:
        super().__init__(socket.socketpair()[0])
        self.module.__dict__["add"] = add

    def load(self) -> None:
        return None
