"""Tests outside the program's process find what they find inside it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from codemix_core.questions.starter import starter_questions
from codemix_core.records import Question, Verdict
from codemix_core.scoring.backends.base import Backend
from codemix_core.scoring.engine import Scorer
from codemix_core.scoring.program import Work
from codemix_core.scoring.selfcheck import reference_of
from tests.sandbox.addition import ADD, FLOORS, question, statuses

Judge = Callable[..., list[Verdict]]

TESTS = """import collections
import pytest
from solution import Refused, LIMIT, tidy

def test_sorted():
    assert tidy([3, 1, 2]) == [1, 2, 3]

def test_the_argument_is_left_alone():
    rows = [[2], [1]]
    tidy(rows)
    assert rows == [[2], [1]]

def test_calls_share_an_argument():
    xs = [3, 1]
    assert tidy(xs) == [1, 3] and tidy(xs) == [1, 3]

def test_the_result_is_another_list():
    xs = [1]
    made = tidy(xs)
    made.append(2)
    assert xs == [1]

def test_own_exception():
    with pytest.raises(Refused, match="too many") as caught:
        tidy(list(range(LIMIT + 1)))
    assert caught.value.count == 6

def test_it_is_a_value_error():
    assert issubclass(Refused, ValueError) and not issubclass(Refused, KeyError)

def test_a_type_error():
    with pytest.raises(TypeError):
        tidy(["a", 1])

def test_listed():
    assert list(tidy((2, 1))) == [1, 2]

@pytest.mark.parametrize("xs", [[], [0.5, 0.25], ["b", "a"], [(1, 2), (0,)]])
def test_length(xs):
    assert len(tidy(xs)) == len(xs)
"""
GOLD = """LIMIT = 5
class Refused(ValueError):
    def __init__(self, count):
        super().__init__(f"too many: {count}")
        self.count = count

def tidy(xs):
    if len(xs) > LIMIT:
        raise Refused(len(xs))
    return sorted(xs)
"""
OTHERS = {
    "changes its argument": GOLD.replace("return sorted(xs)", "xs.sort()\n    return xs"),
    "changes a copy": GOLD.replace("return sorted(xs)", "xs = list(xs)\n    xs.sort()\n    return xs"),
    "a generator": GOLD.replace("return sorted(xs)", "yield from sorted(xs)"),
    "an iterator": GOLD.replace("sorted(xs)", "iter(sorted(xs))"),
    "a tuple": GOLD.replace("sorted(xs)", "tuple(sorted(xs))"),
    "a named tuple": "from collections import namedtuple\nT = namedtuple('T', 'a b')\n"
    + GOLD.replace("sorted(xs)", "T(*sorted(xs)) if len(xs) == 2 else sorted(xs)"),
    "a deque": "from collections import deque\n" + GOLD.replace("sorted(xs)", "deque(sorted(xs))"),
    "a dictionary's keys": GOLD.replace("sorted(xs)", "dict.fromkeys(sorted(xs)).keys()"),
    "a subclass of list": "class L(list): pass\n" + GOLD.replace("sorted(xs)", "L(sorted(xs))"),
    "numpy": "import numpy as np\n" + GOLD.replace("sorted(xs)", "list(np.sort(xs))"),
    "an object": "class O: pass\n" + GOLD.replace("sorted(xs)", "O()"),
    "itself": GOLD.replace("sorted(xs)", "tidy"),
    "nothing": GOLD.replace("sorted(xs)", "None"),
    "another exception": GOLD.replace("(ValueError)", "(KeyError)"),
    "no attribute": GOLD.replace("self.count = count", "pass"),
    "an exception of an exception": GOLD.replace("raise Refused", "class R(Refused): pass\n        raise R"),
    "no exception class": GOLD.replace("(ValueError)", ""),
    "another limit": GOLD.replace("LIMIT = 5", "LIMIT = 9"),
    "no limit": "del_ = 1\n" + GOLD.replace("LIMIT = 5\n", "").replace("LIMIT", "5"),
    "exits": GOLD.replace("return sorted(xs)", "raise SystemExit"),
    "leaves": "import os\n" + GOLD.replace("return sorted(xs)", "os._exit(0)"),
    "remembers": "seen = []\n" + GOLD.replace("return", "seen.append(1)\n    if len(seen) > 3: xs = []\n    return"),
    "does not load": GOLD + "1 / 0\n",
}  # fmt: skip
ASKED = question("pytest", TESTS, GOLD, "tidy")


@pytest.fixture(scope="module")
def both(backend: Backend) -> dict[str, dict[str, Verdict]]:
    """Verdicts by tier and program."""
    scorer = Scorer(backend, FLOORS)
    (gold,) = scorer.score([Work(ASKED, None, 0, GOLD)])
    assert (gold.status, gold.tier) == ("passed", "A"), gold
    found = {}
    for tier in "AB":
        reference = replace(reference_of(gold, FLOORS), tier=tier)
        works = [Work(ASKED, reference, i, code) for i, code in enumerate(OTHERS.values())]
        verdicts = sorted(Scorer(backend, FLOORS).score(works), key=lambda v: v.sample_index)
        found[tier] = dict(zip(OTHERS, verdicts, strict=True))
    return found


@pytest.mark.parametrize("name", OTHERS)
def test_verdicts_are_the_same_outside_and_inside(
    name: str, both: dict[str, dict[str, Verdict]]
) -> None:
    outside, inside = both["A"][name], both["B"][name]
    assert (outside.tier, inside.tier) == ("A", "B")
    assert statuses(outside) == statuses(inside), (outside.tests, inside.tests)
    assert outside.status == inside.status


def test_the_programs_tell_right_from_wrong(both: dict[str, dict[str, Verdict]]) -> None:
    passed = {name for name, verdict in both["A"].items() if verdict.status == "passed"}
    assert passed == {"changes a copy", "a subclass of list", "an exception of an exception"}


def _tiers(backend: Backend, questions: list[Question]) -> dict[str, str | None]:
    works = [Work(asked, None, 0, asked.gold) for asked in questions]
    verdicts = list(Scorer(backend, FLOORS).score(works))
    assert {verdict.status for verdict in verdicts} == {"passed"}
    return {verdict.question_id: verdict.tier for verdict in verdicts}


def test_all_starter_questions_but_the_one_of_a_class_are_lifted(backend: Backend) -> None:
    tiers = _tiers(backend, [q for q in starter_questions() if q.language == "python"])
    assert len(tiers) == 12
    assert [name for name, tier in tiers.items() if tier == "B"] == ["py-room-sheet"]


def test_the_gold_solution_decides_and_no_candidate(backend: Backend) -> None:
    tests = "from solution import add\ndef test_a():\n    assert add(1, 2) == add(2, 1)\n"
    gold = (
        "class P:\n    def __eq__(self, other):\n        return isinstance(other, P)\n"
        "def add(a, b):\n    return P()\n"
    )
    objects = replace(question("pytest", tests, gold), question_id="objects")
    assert _tiers(backend, [objects, ADD["lifted"]]) == {"objects": "B", "lifted-add": "A"}


def test_tests_that_never_end_cost_the_program_and_not_the_next(judge: Judge) -> None:
    tests = "from solution import add\ndef test_a():\n    n = 0\n    while n != 8:\n        n = add(n, 1)\n"
    gold = "def add(a, b):\n    return a + b\n"
    asked = replace(question("pytest", tests, gold), question_id="loops")
    codes = [f"def add(a, b):\n    return 9\n# {i}\n" for i in range(2)] + [
        f"{gold}# {i}\n" for i in range(4)
    ]
    verdicts = judge(asked, codes)
    assert [str(verdict.status) for verdict in verdicts] == ["timeout"] * 2 + ["passed"] * 4
    assert {verdict.tier for verdict in verdicts} == {"A"}
