"""Tier B: tests that run in the candidate's own process and report over a private descriptor.

Nothing counts but a record that begins with the run's nonce and names a declared test. A
record without the nonce means that the program wrote to the channel: ``tampered``. A program
that ends in a test, however it ends, has crashed in it; the tests after it then run in a new
process, so an honest crash costs one test. The same after a test that ran out of memory: what
it filled may never be freed. Passed tests count only if the tests that must fail
(canaries) were seen to fail in a process of the same program; if they were not, because the
program ended before them, they are run once more alone. What a program could still do, being
in the same process, is find the nonce in memory: this is why the tier is shown.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence

from sandbox.outcome import ENDINGS, Outcome, exit_text
from sandbox.watch import Candidate, Limits

LIMITS_PER_PROGRAM = 3
_SAID = 1500
_MEMORY_ERRORS = ("std::bad_alloc", "MemoryError")

Start = Callable[[str, list[str] | None], Candidate]
"""Start the program with a nonce; the tests to run, or None for all."""


class Report:
    """What one process reported."""

    def __init__(self, nonce: str, canaries: Sequence[str]) -> None:
        self.nonce = nonce
        self.canaries = set(canaries)
        self.declared: list[str] = []
        self.running: str | None = None
        self.complete = False
        self.spent = False
        self.tampered = ""


def run_all(
    outcome: Outcome,
    declare: bool,
    limits: Limits,
    start: Start,
    *,
    canaries: Sequence[str],
    strict: bool,
) -> None:
    """Run the program until every declared test has a result or nothing more can be had.

    Args:
        outcome: filled; with ``declare`` its declared list is taken from the program.
        limits: ``seconds`` for each test; the whole program gets three times as long.
        canaries: tests that must fail; a program under which one passes has tampered.
        strict: a canary that does not report, though all tests returned, is tampering too.
    """
    budget = LIMITS_PER_PROGRAM * limits.seconds
    wanted: list[str] | None = None
    proven = False
    while outcome.seconds < budget:
        known = len(outcome.results)
        report, run = _run_once(outcome, limits, start, wanted, canaries, budget)
        if declare and wanted is None:
            _declare(outcome, report.declared)
        ran = report.complete and "compile_error" not in outcome.flags
        if strict and ran and report.canaries and not report.tampered:
            report.tampered = "a test that must fail did not report"
        proven = proven or not report.canaries
        if report.complete or report.tampered:
            break
        if not report.spent and not _blame(outcome, report, run):
            break
        wanted = outcome.remaining()
        if not wanted or len(outcome.results) == known:
            break
    if not report.tampered and not proven and _any_passed(outcome):
        report = _prove(outcome, limits, start, canaries)
    if report.tampered:
        outcome.flags.add("tampered")
        outcome.message = report.tampered


def _run_once(
    outcome: Outcome,
    limits: Limits,
    start: Start,
    wanted: list[str] | None,
    canaries: Sequence[str],
    budget: float,
) -> tuple[Report, Candidate]:
    """One process and what it reported, with its time and memory added to the outcome's."""
    nonce = secrets.token_hex(16)
    run = start(nonce, wanted)
    began = time.monotonic()
    report = Report(nonce, canaries)
    try:
        _listen(run, report, outcome, limits.seconds, began + budget - outcome.seconds)
    finally:
        run.close()
        outcome.seconds += time.monotonic() - began - run.stolen
        outcome.memory_mb = max(outcome.memory_mb, run.peak_mb)
    return report, run


def _any_passed(outcome: Outcome) -> bool:
    return any(status == "passed" for status, _ in outcome.results.values())


def _prove(outcome: Outcome, limits: Limits, start: Start, canaries: Sequence[str]) -> Report:
    """Run the canaries alone; unless each fails, what has passed was not passed in earnest."""
    alone = Outcome([])
    report, _ = _run_once(alone, limits, start, [], canaries, limits.seconds)
    if report.canaries and not report.tampered:
        report.tampered = "the program ends when a test that must fail is run"
    return report


def unused_word(text: str) -> str:
    """A random word that a test might be called by and that ``text`` does not hold."""
    pairs = [consonant + vowel for consonant in "bdfgklmnprstv" for vowel in "aeiou"]
    while True:
        word = "".join(secrets.choice(pairs) for _ in range(4 + secrets.randbelow(2)))
        if word not in text.lower():
            return word


def _declare(outcome: Outcome, names: list[str]) -> None:
    outcome.declared = list(dict.fromkeys(names))


def _listen(
    run: Candidate,
    report: Report,
    outcome: Outcome,
    seconds: float,
    last_moment: float,
) -> None:
    while not (report.complete or report.tampered or report.spent):
        line = run.next_record(min(time.monotonic() + seconds, last_moment + run.stolen))
        if line is None:
            return
        _take(line, report, outcome)


def _take(line: bytes, report: Report, outcome: Outcome) -> None:
    try:
        given, kind, name, message = line.decode("ascii").split(" ")
        if given != report.nonce:
            raise ValueError("wrong nonce")
        test = bytes.fromhex(name).decode("utf-8", "replace")
        text = bytes.fromhex(message).decode("utf-8", "replace")
    except ValueError:
        report.tampered = "the program wrote to the result channel"
        return
    if test in report.canaries:
        _take_canary(kind, test, report)
    elif kind == "D" and outcome.declared and test not in outcome.declared:
        report.tampered = "the program brings tests of its own"
    elif kind == "D":
        report.declared.append(test)
    elif kind == "S":
        report.running = test
    elif kind in "PF" and test == report.running:
        outcome.record(test, "passed" if kind == "P" else "failed", text)
        report.running = None
        if kind == "F" and any(word in text for word in _MEMORY_ERRORS):
            outcome.flags.add("memory_exceeded")
            report.spent = True
    elif kind == "E":
        report.complete = True
    elif kind == "X":
        outcome.flags.add("compile_error")
        outcome.explain(text)
        report.complete = True
    elif kind == "M":
        outcome.explain(text)
    else:
        report.tampered = text or "the program forged a record"


def _take_canary(kind: str, test: str, report: Report) -> None:
    if kind == "F":
        report.canaries.discard(test)
    elif kind == "P":
        report.tampered = "a test that must fail passed"


def _blame(outcome: Outcome, report: Report, run: Candidate) -> bool:
    """Record why the program ended early; whether the tests after it may still run."""
    said = f"\n{run.said[-_SAID:]}" if run.said else ""
    outcome.explain(_ending(run) + said)
    name = report.running
    left = outcome.remaining()
    if name is None and not left:
        outcome.flags.add(_flag(run))
        if report.canaries and _left_by_itself(run):
            report.tampered = "the program left when only tests that must fail were left to run"
        return False
    if name is None and run.end == "exit" and run.exit_code == 0:
        return False  # it ended by itself without a test under way: what is missing has failed
    if name is None:
        name = left[0]
    if run.end == "timeout":
        outcome.record(name, "timeout", "not finished within the time limit")
    else:
        outcome.record(name, "crashed", _ending(run))
        if run.end in ENDINGS:
            outcome.flags.add(ENDINGS[run.end])
    return report.running is not None and run.end not in ("output", "records")


def _left_by_itself(run: Candidate) -> bool:
    return run.end == "exit" and run.exit_code is not None and run.exit_code >= 0


def _flag(run: Candidate) -> str:
    if run.end in ENDINGS:
        return ENDINGS[run.end]
    return "crashed"


def _ending(run: Candidate) -> str:
    if run.end == "timeout":
        return "the time limit was reached"
    if run.end in ENDINGS:
        return f"the {run.end} limit was exceeded"
    return exit_text(run.exit_code)
