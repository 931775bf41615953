"""Judge of ``cases`` (tier A): sends inputs, receives values, compares outside the candidate.

The candidate's process holds the arguments and nothing else. Results are taken in order, one
line per test, so a test can only be answered by its own line; surplus lines are ignored.
Each test has the time limit; after a crash, a timeout or a MemoryError (what it filled may
still be held) the remaining tests go on in a new process, as long as the program has used no
more than three time limits in total.
"""

from __future__ import annotations

import json
import math
import sys
import time
from typing import Any

from sandbox.outcome import ENDINGS, Outcome, exit_text
from sandbox.serve_cases import MAX_DIGITS, encoded
from sandbox.watch import Candidate, Limits, Nursery

_LIMITS_PER_PROGRAM = 3
_SHOWN = 200
_ROOM_FACTOR, _ROOM = 32, 65536


class CaseQuestion:
    """The tests of one question, prepared once for many programs."""

    def __init__(self, payload: dict[str, Any]) -> None:
        sys.set_int_max_str_digits(MAX_DIGITS)
        document = json.loads(payload["tests"])
        self.function: str = payload["function"]
        self.tolerance = float(_option(document, "tolerance", 0.0))
        self.nan_equal = bool(_option(document, "nan_equal", False))
        self.tuples = bool(_option(document, "tuple_as_list", False))
        self.names = [case["name"] for case in document["cases"]]
        self.expected = [case["expected"] for case in document["cases"]]
        self.inputs = [encoded(case["args"]) + b"\n" for case in document["cases"]]
        self._texts = [encoded(value) for value in self.expected]
        self._by_text = [b"NaN" not in text for text in self._texts]

    def judge(
        self, code: str, limits: Limits, declared: list[str] | None, nursery: Nursery
    ) -> dict[str, Any]:
        """Run one program on all tests; the document is the declared list."""
        return _judge(self, code, limits, nursery)

    def job(self, code: str, first: int) -> bytes:
        """What the candidate reads: the program and the inputs from test ``first`` on."""
        header = {"code": code, "function": self.function, "tuple_as_list": self.tuples}
        return json.dumps(header).encode() + b"\n" + b"".join(self.inputs[first:])

    def check(self, index: int, line: bytes) -> tuple[str, str]:
        """Status and message of one answer line."""
        if line[:1] == b"v":
            text = line[1:]
            if self._by_text[index] and text == self._texts[index]:
                return "passed", ""
            return self._compare(index, text)
        try:
            message = str(json.loads(line[1:1000])) if line[:1] == b"e" else "no answer"
        except (ValueError, RecursionError):
            message = "no answer"
        return ("crashed" if message.startswith("MemoryError") else "failed"), message

    def _compare(self, index: int, text: bytes) -> tuple[str, str]:
        wanted = self._texts[index].decode()[:_SHOWN]
        if len(text) > _ROOM_FACTOR * len(self._texts[index]) + _ROOM:
            return "failed", f"expected {wanted}, got {len(text)} bytes of JSON"
        try:
            value = json.loads(text)
            same = equal(self.expected[index], value, self.tolerance, self.nan_equal)
        except (ValueError, RecursionError):
            return "failed", "the answer is no JSON value"
        if same:
            return "passed", ""
        return "failed", f"expected {wanted}, got {text.decode('ascii', 'replace')[:_SHOWN]}"


def _option(document: dict[str, Any], name: str, absent: Any) -> Any:
    """An optional field of the ``cases`` document; its meaning when absent is its format's."""
    return document.get(name, absent)


def equal(expected: Any, value: Any, tolerance: float, nan_equal: bool) -> bool:
    """Equality of plain JSON values in which the type counts.

    ``True`` is not ``1`` and ``1`` is not ``1.0``; with a tolerance > 0 numbers (not booleans)
    are equal when |a - b| <= tolerance * max(1, |a|). NaN equals NaN only when declared.
    """
    number = (int, float)
    if tolerance > 0 and type(expected) in number and type(value) in number:
        return _close(expected, value, tolerance, nan_equal)
    if type(expected) is not type(value):
        return False
    if isinstance(expected, list):
        pairs = zip(expected, value, strict=False)
        return len(expected) == len(value) and all(
            equal(a, b, tolerance, nan_equal) for a, b in pairs
        )
    if isinstance(expected, dict):
        return expected.keys() == value.keys() and all(
            equal(item, value[key], tolerance, nan_equal) for key, item in expected.items()
        )
    if isinstance(expected, float) and math.isnan(expected):
        return nan_equal and math.isnan(value)
    return bool(expected == value)


def _close(expected: float, value: float, tolerance: float, nan_equal: bool) -> bool:
    if expected == value:
        return True
    try:
        first, second = float(expected), float(value)
    except OverflowError:
        return False
    if math.isnan(first) or math.isnan(second):
        return nan_equal and math.isnan(first) and math.isnan(second)
    if math.isinf(first) or math.isinf(second):
        return False
    return abs(first - second) <= tolerance * max(1.0, abs(first))


def prepare(payload: dict[str, Any], nursery: Nursery) -> CaseQuestion:
    """A question, ready to judge programs."""
    return CaseQuestion(payload)


def _judge(question: CaseQuestion, code: str, limits: Limits, nursery: Nursery) -> dict[str, Any]:
    """Run one program on all tests of a question."""
    outcome = Outcome(list(question.names))
    budget = _LIMITS_PER_PROGRAM * limits.seconds
    first = 0
    while first < len(question.names) and outcome.seconds < budget:
        run = Candidate(nursery, {"entry": "cases"}, question.job(code, first), limits)
        started = time.monotonic()
        try:
            last_moment = started + budget - outcome.seconds
            following = _serve(question, run, first, outcome, limits.seconds, last_moment)
        finally:
            run.close()
            outcome.seconds += time.monotonic() - started - run.stolen
            outcome.memory_mb = max(outcome.memory_mb, run.peak_mb)
        if following is None:
            _blame_load(outcome, run)
            break
        unanswered = question.names[following : following + 1]
        if unanswered and unanswered[0] in outcome.results:
            unanswered = []
        if unanswered and not _blame_test(outcome, unanswered[0], run):
            break
        first = following + 1
    return outcome.answer()


def _serve(
    question: CaseQuestion,
    run: Candidate,
    first: int,
    outcome: Outcome,
    seconds: float,
    last_moment: float,
) -> int | None:
    """Take answers until the program ends or is spent; the index of the test it ended in.

    None when it never got ready (``outcome`` then says why if the program said so). A program
    that answered everything and flooded its output ended in its last test.
    """
    line = run.next_record(min(time.monotonic() + seconds, last_moment))
    if line != b"r":
        if line is not None:
            _not_loaded(outcome, line)
        return None
    for index in range(first, len(question.names)):
        line = run.next_record(min(time.monotonic() + seconds, last_moment + run.stolen))
        if line is None:
            return index
        status, message = question.check(index, line)
        outcome.record(question.names[index], status, message)
        if message.startswith("MemoryError"):
            outcome.flags.add("memory_exceeded")
            return index
    flooded = run.end in ("output", "records")
    return len(question.names) - 1 if flooded else len(question.names)


def _not_loaded(outcome: Outcome, line: bytes) -> None:
    try:
        problem = json.loads(line[1:]) if line[:1] == b"l" else {}
        kind, message = str(problem["kind"]), str(problem["message"])
    except (ValueError, RecursionError, KeyError, TypeError):
        kind, message = "error", "the program did not load"
    outcome.explain(message)
    if kind == "syntax":
        outcome.flags.add("compile_error")
        return
    if message.startswith("MemoryError"):
        outcome.flags.add("memory_exceeded")
    for name in outcome.remaining():
        outcome.record(name, "failed", message)


def _blame_load(outcome: Outcome, run: Candidate) -> None:
    """The program ended before its first test: no test of it can be run."""
    if outcome.message or not outcome.remaining():
        return
    first = outcome.remaining()[0]
    _blame_test(outcome, first, run, "while loading, ")


def _blame_test(outcome: Outcome, name: str, run: Candidate, when: str = "") -> bool:
    """Record why the program ended in a test; whether the later tests may still run."""
    if run.end == "timeout":
        outcome.record(name, "timeout", when + "no answer within the time limit")
    elif run.end in ENDINGS:
        outcome.record(name, "crashed", f"{when}{run.end} limit exceeded")
        outcome.flags.add(ENDINGS[run.end])
    else:
        outcome.record(name, "crashed", when + exit_text(run.exit_code))
        if run.said:
            outcome.explain(run.said[-1000:])
    return run.end not in ("output", "records")
