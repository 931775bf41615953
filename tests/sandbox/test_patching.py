"""Tier B: who replaces functions of pytest and of libraries, a program or its honest tests."""

from __future__ import annotations

from dataclasses import replace

import pytest

from codemix_core.records import Verdict
from tests.sandbox.addition import ADD, statuses
from tests.sandbox.conftest import Judge

TESTS = """import builtins, inspect, json, math, sys, time
from unittest import mock
import pytest
import solution
from solution import f

def test_keys(monkeypatch):
    monkeypatch.setattr("builtins.input", lambda *_: "3")
    assert f(1) == 3

def test_mock():
    with mock.patch("builtins.input", return_value="4"):
        assert f(2) == 4

def test_close(monkeypatch):
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    assert math.isclose(f(3), 9.5)

def test_approx():
    assert f(5) == pytest.approx(11.5)

def test_json(capsys):
    print("x")
    assert json.dumps(f(6)) == "13.5" and capsys.readouterr().out == "x\\n"

def test_raises():
    with pytest.raises(ValueError, match="too much"):
        f(99)

def test_helper(monkeypatch):
    monkeypatch.setattr(solution, "half", lambda: 0.25)
    assert f(8) == 17.25

def test_half_is_back():
    assert solution.f(8) == 17.5

def test_state():
    solution.count()
    assert solution.calls == 1 and solution.f is f

def test_kinds():
    assert inspect.isgeneratorfunction(solution.numbers) and list(solution.numbers()) == [1]

def test_for_good():
    builtins.input = lambda *_: "5"
    assert f(1) == 5
"""
GOLD = """import time
calls = 0
def count():
    global calls
    calls += 1
def numbers():
    yield 1
def half():
    return 0.5
def f(x):
    if x < 3:
        return int(input())
    if x > 50:
        raise ValueError("too much")
    time.sleep(0)
    return 2 * x + (3.5 if x == 3 else 1.5 if x < 8 else 1 + half())
"""
ASKED = replace(
    ADD["pytest"], question_id="pytest-patching", function_name="f", tests=TESTS, gold=GOLD
)
FOR_GOOD = "import {module}\n{module}.{name} = lambda *a, **k: {value}\ndef f(x): return 0\n"
AT_ONCE = """import {module}
def f(x):
    old = {module}.{name}
    def cheat(*a, **k):
        {module}.{name} = old
        return {value}
    {module}.{name} = cheat
    return 0
"""
CLASS = """import pytest
kind = {kind}
def f(x):
    old = kind.{name}
    def cheat(self, *a):
        kind.{name} = old
        return True
    kind.{name} = cheat
    return 0
"""
REPLACED = [
    ("math", "isclose", "True"),
    ("pytest", "approx", "0"),
    ("json", "dumps", "'13.5'"),
    ("builtins", "abs", "0"),
]
FORGERIES = {
    f"{module}.{name} {when}": text.format(module=module, name=name, value=value)
    for module, name, value in REPLACED
    for when, text in (("for good", FOR_GOOD), ("for one call", AT_ONCE))
} | {
    "approx that is equal": CLASS.format(kind="type(pytest.approx(1.0))", name="__eq__"),
    "raises that lets all pass": CLASS.format(
        kind="type(pytest.raises(ValueError))", name="__exit__"
    ),
    "a tolerance": "import pytest\nkind = type(pytest.approx(1.0))\n"
    "def f(x):\n    kind.tolerance = property(lambda self: 1e9)\n    return 0\n",
    "a method of one object": "import json\n"
    "json._default_encoder.encode = lambda o: '13.5'\ndef f(x): return 0\n",
    "a method of one object for one call": "import json\ndef f(x):\n    def cheat(o):\n"
    "        del json._default_encoder.encode\n        return '13.5'\n"
    "    json._default_encoder.encode = cheat\n    return 0\n",
    "a method": "import math\nclass Value:\n    def __float__(self):\n"
    "        math.isclose = lambda *a, **k: True\n        return 0.0\n"
    "def f(x): return Value()\n",
    "a module that only the tests import": "import unittest.mock as m\nclass Never:\n"
    "    def __init__(self, *a, **k): pass\n    def __enter__(self): return self\n"
    "    def __exit__(self, *a): return True\nm.patch = Never\ndef f(x): return 0\n",
}

LETS_ALL_PASS = (
    "import sandbox.simple as p\n"
    "p._error_of = lambda item: None if item is not item.session.items[-1] else AssertionError()\n"
)
FORGERIES |= {
    f"the judge's own {name}": f"import {module} as s\n{change}\n{LETS_ALL_PASS}def f(x): return 0\n"
    for name, module, change in (
        ("words", "sandbox.snapshot", "s.said = lambda n: None"),
        ("comparison", "sandbox.snapshot", "s.Snapshot.changed = lambda *a: None"),
        ("accusation", "sandbox.serve_pytest", "s._Recorder._accuse = lambda *a: None"),
        ("limits", "sandbox.probe", "s._MAX_VALUES = 0"),
        ("builtins", "sandbox.simple", "s.hasattr = lambda o, n: n in dir(o)"),
        ("list of libraries", "sandbox.integrity", "s._LIBRARIES = ('',)"),
    )
} | {
    "a builtin before that of a library": "import pytest, sys\n"
    "sys.modules[type(pytest.approx(1.0)).__module__].abs = lambda x: 0\ndef f(x): return 0\n",
    "an attribute before that of a base": "import pytest\nkind = type(pytest.approx(1.0))\n"
    "kind.__getattribute__ = lambda self, name: 1e9\ndef f(x): return 0\n",
    "the code of a library": "import json\n"
    "json.dumps.__code__ = (lambda *a, **k: '13.5').__code__\ndef f(x): return 0\n",
    "frames from pytest": "import _pytest._code as c\ndef f(x):\n    try:\n        1 / 0\n"
    "    except Exception as e:\n"
    "        frame = c.ExceptionInfo.from_exception(e).traceback[0].frame.raw\n"
    "    return frame.f_back.f_locals.get('y', 0)\n",
}


@pytest.fixture(scope="module")
def forged(judge: Judge) -> dict[str, Verdict]:
    verdicts = judge(ASKED, FORGERIES.values())
    return dict(zip(FORGERIES, verdicts, strict=True))


def test_honest_tests_may_replace_what_they_like(judge: Judge) -> None:
    (verdict,) = judge(ASKED, [f"{GOLD}# once more\n"])
    assert statuses(verdict) == ["passed"] * 11
    assert (verdict.status, verdict.tier) == ("passed", "B")


@pytest.mark.parametrize("name", FORGERIES)
def test_a_program_may_not(name: str, forged: dict[str, Verdict]) -> None:
    assert forged[name].status == "tampered", forged[name]
