"""Programs that answer tests outside their process with objects made to pass, or with lies."""

from __future__ import annotations

import random

import pytest

from codemix_core.records import Verdict
from codemix_core.scoring.backends.base import Backend
from codemix_core.scoring.engine import Scorer
from codemix_core.scoring.program import Work
from codemix_core.scoring.selfcheck import reference_of
from tests.sandbox.addition import FLOORS, question

AGREES = """class Agrees{base}:
    def __init__(self, *args): pass
    def __getattr__(self, name): return Agrees()
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    __lt__ = __le__ = __gt__ = __ge__ = __contains__ = __eq__
    def __sub__(self, other): return 0
    __rsub__ = __add__ = __radd__ = __mod__ = __rmod__ = __and__ = __rand__ = __sub__
    def __hash__(self): return 0
    def __len__(self): return 1
    def __call__(self, *args): return Agrees()
    def __getitem__(self, index): return Agrees()
    def __iter__(self): return iter([Agrees()] * 3)
    def __float__(self): return float("nan")
    def __index__(self): return 1
    def __str__(self): return "Agrees"
"""
WIRE = """import json, sys
from sandbox import serve_functions as served
server = served._Server
usual = server.answer
def answer(self, line):
    for text in {lines!r}:
        self._link.sendall(text.encode() + b"\\n")
        {after}
server.answer = answer
def secret(n, tell): return 0
"""
LIES = {
    "what the tests lent": ['v[{"yours": 0}, [], []]'],
    "what nobody lent": ['v[{"yours": 99}, [], []]'],
    "a name": ['v[{"named": ["builtins", "exec"]}, [], []]'],
    "an object that compares": ['v[{"mine": [0, "compares", "A"]}, [], []]'],
    "an object of no kind": ['v[{"mine": [0, "list", "A"]}, [], []]'],
    "an object without a kind": ['v[{"mine": [0]}, [], []]'],
    "a long name": ['v[{"mine": [0, "object", "%s"]}, [], []]' % ("A" * 3_000_000)],
    "a name that is none": ['v[{"mine": [0, "iterator", "A\\u0000"]}, [], []]'],
    "iterators without end": ['v[{"mine": [0, "iterator", "A"]}, [], []]'] * 50,
    "changes in what nobody has": ['v[0, [[0, [1]], [7, [1]]], []]'],
    "no change": ["v[0, [[0]], []]"],
    "lets go of what nobody has": ["v[0, [], [0, 1, 2, 77]]"],
    "lets go of everything": ["v[[0], [], [0, 1, 2, 3]]"] * 9,
    "a call": ['c[0, [[[7], {}], [], []]]', "v[0, [], []]"],
    "calls without end": ['c[0, [[[7], {}], [], []]]'] * 5000 + ["v[0, [], []]"],
    "a call with what is not there": ['c[0, [[[{"yours": 4}], {}], [], []]]', "v[0, [], []]"],
    "a call of nothing": ['c[9, [[[7], {}], [], []]]', "v[0, [], []]"],
    "a call by name": ['c["exec", [[["1"], {}], [], []]]', "v[0, [], []]"],
    "a call that is none": ["c7", "v[0, [], []]"],
    "an exception that never was": [
        'e[{"class": {"name": "A", "bases": ["SystemExit"]}, "args": [], "text": "", "state": {}}, [], []]'
    ],
}  # fmt: skip
FORGERS = {
    "an object that agrees": AGREES.format(base="") + "def secret(n, tell): return Agrees()",
    "a function that agrees": AGREES.format(base="") + "secret = Agrees()",
    "a number that agrees": AGREES.format(base="(int)") + "def secret(n, tell): return Agrees()",
    "a list that agrees": AGREES.format(base="(list)") + "def secret(n, tell): return Agrees([1])",
    "objects in a list": AGREES.format(base="") + "def secret(n, tell): return [Agrees()] * 3",
    "a number with more": "class N(int):\n    more = 1\n    def __sub__(self, other): return 0\n"
    "def secret(n, tell): return N(7)",
    "a class of every class": "class C:\n    __class__ = int\ndef secret(n, tell): return C()",
    "tells what it is told": "def secret(n, tell): return tell(tell)",
    "tells without end": "def secret(n, tell):\n    while True: tell(n)",
    "tells from a thread": "import threading\ndef secret(n, tell):\n"
    "    t = threading.Thread(target=tell, args=(1,))\n    t.start()\n    t.join()\n    return 0",
    "looks into what it is lent": "def secret(n, tell):\n"
    "    return [c.cell_contents for c in tell.__closure__ if type(c.cell_contents) is int]",
    "raises an exception that agrees": AGREES.format(base="(Exception)")
    + "def secret(n, tell): raise Agrees()",
    **{name: WIRE.format(lines=lines, after="pass") for name, lines in LIES.items()},
    **{f"{name}, then in earnest": WIRE.format(lines=lines, after="usual(self, line)")
       for name, lines in LIES.items() if "without end" not in name},
}  # fmt: skip


@pytest.fixture(scope="module")
def forged(backend: Backend) -> dict[str, Verdict]:
    numbers = [random.Random(5).getrandbits(60) | 1 << 59 for _ in range(3)]
    gold = f"NUMBERS = {numbers}\ndef secret(n, tell):\n    tell(n)\n    return NUMBERS[n]\n"
    tests = "import pytest\nfrom solution import secret\n" + "".join(
        f"def test_{n}():\n    told = []\n    {line}\n    assert told == [{n}]\n"
        for n, line in enumerate(
            [
                f"assert secret(0, told.append) == {numbers[0]}",
                f"assert secret(1, told.append) - {numbers[1]} == 0",
                f"made = secret(2, told.append)\n    assert made in [{numbers[2]}] and {numbers[2]} <= made",
            ]
        )
    )
    asked = question("pytest", tests, gold, "secret")
    (found,) = Scorer(backend, FLOORS).score([Work(asked, None, 0, gold)])
    assert (found.status, found.tier) == ("passed", "A"), found
    works = [Work(asked, reference_of(found, FLOORS), i, c) for i, c in enumerate(FORGERS.values())]
    verdicts = list(Scorer(backend, FLOORS).score([*works, Work(asked, None, len(works), gold)]))
    verdicts.sort(key=lambda verdict: verdict.sample_index)
    return dict(zip([*FORGERS, "gold"], verdicts, strict=True))


@pytest.mark.parametrize("name", FORGERS)
def test_no_object_passes_a_test_that_wants_a_number(name: str, forged: dict[str, Verdict]) -> None:
    assert forged[name].passed == 0, forged[name]
    assert forged[name].status not in ("passed", "infra_error")


def test_the_judge_is_as_it_was_afterwards(forged: dict[str, Verdict]) -> None:
    assert forged["gold"].status == "passed"
