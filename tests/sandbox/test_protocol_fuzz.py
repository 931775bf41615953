"""Programs that write nonsense where results go: the judge survives, and nothing passes.

Every program writes malformed records to each descriptor it can find, from many seeds; some of
them are nearly right. What counts: no pass, no failure of ours, no hang, and a right program is
judged as ever afterwards.
"""

from __future__ import annotations

import contextlib
import json
import random
import socket
import threading
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codemix_core.records import Question, Verdict
from sandbox.outcome import Outcome
from sandbox.remote import Program, Unanswered
from sandbox.reported import Report, _take
from sandbox.serve_tests import Suite
from tests.sandbox.secret import secret_questions

Judge = Callable[[Question, Iterable[str]], list[Verdict]]

SEEDS = 24
NUMBERS, ASKED = secret_questions(7, 4)
PROGRAM = """import os, sys
DATA = {data!r}
def flood():
    for fd in [*range(3, 12), *range(95, 110)]:
        for data in DATA:
            try: os.write(fd, data)
            except OSError: break
if {early}: flood()
def secret(n):
    if n in {when}: flood()
    {end}
"""
ENDS = ["return 0", "return 0", "raise KeyError(n)", "os._exit(0)", "sys.exit(0)", "return [n] * n"]


def _records(rng: random.Random) -> list[bytes]:
    """Lines as the candidates' sides write them, and what is left of them after an accident."""
    name = rng.choice([b"test_0", b"test_1", b"test_9", b"", b"\xff\0"]).hex().encode()
    nonce = bytes(rng.choice(b"0123456789abcdef") for _ in range(32))
    deep = b"[" * rng.choice([10, 20_000])
    makers = [
        *(nonce + b" " + kind + b" " + name + b" 61\n" for kind in (b"S", b"P", b"E", b"D", b"T")),
        *(b"r\n", b"r{}\n", b'r{"secret": {"value": 3}}\n', b'r{"secret": {"class": {}}}\n'),
        *(b"v0\n", b"v[0, [], []]\n", b"v[0, [[1]], []]\n", b"v[NaN, [], []]\n", b"v-0\n"),
        *(b"v" + deep + b"\n", b"v[" + deep + b", [], []]\n", b"v" + b"9" * 200_001 + b"\n"),
        *(
            b'v[{"ref": 9}, [], []]\n',
            b'v[{"set": [[]]}, [], []]\n',
            b'v[{"numpy": ["O", [1]]}, [], []]\n',
            b'v[{"mine": [0, "A", "", [], ["__len__"]]}, [], []]\n',
            b'v[{"more": [{"mine": [0, "A", "", [], []]}, 3]}, [], []]\n',
            b"c[0, [[[], {}], [], []]]\n",
        ),
        b'e[{"class": {"name": null, "bases": ["int"]}, "args": [], "text": "", "state": {}}, [], []]\n',
        b'e[{"class": {"name": "E", "bases": ["OSError", "KeyError"]}, "args": [], "text": 3,'
        b' "state": []}, [], []]\n',
        *(b"n\n", b"e\n", b"l\n", b'l{"kind": "syntax"}\n', b'l{"kind": [], "message": {}}\n'),
        *(b"\n", b"\0\n", b"\xff\xfe\n", b" \n", b"P\n", rng.randbytes(rng.randrange(1, 400))),
        *(b"x" * (1 << 16), b"v" + b" " * (1 << 16)),
    ]
    chosen = [rng.choice(makers) for _ in range(rng.randrange(1, 12))]
    return [_damaged(rng, line) if rng.random() < 0.3 else line for line in chosen]


def _damaged(rng: random.Random, line: bytes) -> bytes:
    cut = rng.randrange(len(line))
    return rng.choice(
        [line[:cut], line[cut:], line[:cut] + rng.randbytes(2) + line[cut:], line * 3]
    )


def _programs() -> list[str]:
    programs = []
    for seed in range(SEEDS):
        rng = random.Random(seed)
        fields = {"data": _records(rng), "early": rng.random() < 0.5, "end": rng.choice(ENDS)}
        programs.append(PROGRAM.format(when=rng.sample(range(4), 2), **fields))
    return programs


@pytest.mark.parametrize("framework", ASKED)
def test_nonsense_on_every_descriptor_passes_nothing_and_breaks_nothing(
    framework: str, judge: Judge
) -> None:
    programs = _programs()
    *found, after = judge(ASKED[framework], [*programs, f"{ASKED[framework].gold}# after\n"])
    wrong = {
        code: (str(verdict.status), verdict.message)
        for code, verdict in zip(programs, found, strict=True)
        if verdict.status in ("passed", "infra_error") or verdict.passed
    }
    assert not wrong
    assert after.status == "passed"


LINES = st.binary(max_size=60) | st.sampled_from([b"N S 61 ", b"N P 61 ", b"N E  ", b"N D 61 62"])


@given(st.lists(LINES, max_size=8))
@settings(max_examples=150, deadline=None)
def test_records_without_the_nonce_never_pass_a_test(lines: list[bytes]) -> None:
    report, outcome = Report("another", []), Outcome(["a"])
    for line in lines:
        _take(line, report, outcome)
    assert outcome.results == {}
    assert bool(report.tampered) is bool(lines)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["ref", "tuple", "mine", "more", "class", "args", "x"]), inner
        )
    ),
    max_leaves=8,
)
ANSWERS = st.one_of(
    st.binary(max_size=40).map(lambda data: data.replace(b"\n", b"")),
    st.tuples(st.sampled_from("vernlc"), JSON).map(lambda p: (p[0] + json.dumps(p[1])).encode()),
    st.tuples(st.sampled_from("ve"), JSON).map(
        lambda p: (p[0] + json.dumps([p[1], None])).encode()
    ),
)


@given(st.lists(ANSWERS, max_size=5))
@settings(max_examples=80, deadline=None)
def test_tests_survive_whatever_a_program_answers(answers: list[bytes]) -> None:
    records = _run_against([b'r{"secret": {"function": true}}', *answers])
    assert "P" not in records
    assert records.count("S") == records.count("F") + (records[-1] != "E")


@given(st.lists(ANSWERS, max_size=2))
@settings(max_examples=40, deadline=None)
def test_tests_survive_whatever_a_program_says_when_it_is_loaded(answers: list[bytes]) -> None:
    assert "P" not in _run_against(answers)


_SUITE: list[Suite] = []


def _run_against(lines: list[bytes]) -> list[str]:
    """The kinds of record that the tests write about a program which only says these lines."""
    if not _SUITE:
        with contextlib.chdir(Path.cwd()):  # collecting goes elsewhere
            _SUITE.append(Suite(ASKED["lifted"].tests, ["secret"]))
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(b"".join(line + b"\n" for line in lines))
        theirs.shutdown(socket.SHUT_WR)
        records: list[str] = []

        def run() -> None:
            suite = _SUITE[0]
            suite.run(Program(ours), suite.names, lambda *record: records.append(record[0]))
            records.append("end")

        runner = threading.Thread(target=run)
        runner.start()
        runner.join(timeout=20)
        assert records[-1:] == ["end"]
    return records[:-1]


def test_a_program_that_is_gone_answers_nothing() -> None:
    ours, theirs = socket.socketpair()
    theirs.close()
    with ours, pytest.raises(Unanswered):
        Program(ours).load()
