"""Judge of ``pytest`` (tier B): test module and program in one process, records outside.

A reference run (nothing declared yet) also finds out whether the tests can be lifted out of the
program's process (tier A, :mod:`sandbox.lifted`): they can if every test then has the same result.
The answer's ``tier`` says so; it is a property of the question, and no candidate decides it.
"""

from __future__ import annotations

import json
import secrets
from typing import Any

from sandbox import lifted, rewritten
from sandbox.lifted import LiftedQuestion, NotLiftable
from sandbox.outcome import Outcome, agree, is_settled
from sandbox.reported import run_all, unused_word
from sandbox.watch import Candidate, Limits, Nursery

_PROGRAMS_PER_CANARY = 50


class PytestQuestion:
    """The tests of one question."""

    def __init__(self, tests: str) -> None:
        self._tests = tests
        self._imports = rewritten.imports(tests)
        self._turn = 0
        self._canary = "", "", b""
        self._lifted: LiftedQuestion | None = None

    def judge(
        self, code: str, limits: Limits, declared: list[str] | None, nursery: Nursery
    ) -> dict[str, Any]:
        """Run the tests against one program; without a declared list also see if they lift."""
        answer = self._run(code, limits, declared, nursery)
        if declared is None:
            answer["tier"] = "A" if self._lifts(code, limits, answer, nursery) else "B"
        return answer

    def _lifts(self, code: str, limits: Limits, answer: dict[str, Any], nursery: Nursery) -> bool:
        """Whether lifted tests find what ``answer`` holds."""
        if not is_settled(answer):
            return False
        try:
            self._lifted = self._lifted or lifted.prepare({"tests": self._tests}, nursery)
        except NotLiftable:
            return False
        return agree(answer, self._lifted.judge(code, limits, None, nursery))

    def _run(
        self, code: str, limits: Limits, declared: list[str] | None, nursery: Nursery
    ) -> dict[str, Any]:
        nursery.warm("sandbox.serve_pytest")
        outcome = Outcome(list(declared or ()))
        canary, tests, compiled = self._with_canary()

        def start(nonce: str, wanted: list[str] | None) -> Candidate:
            order = {
                "nonce": nonce,
                "code": code,
                "tests": tests,
                "imports": self._imports,
                "canary": canary,
                "wanted": wanted,
            }
            job = json.dumps(order).encode() + b"\n" + compiled
            return Candidate(nursery, {"entry": "pytest"}, job, limits)

        run_all(outcome, declared is None, limits, start, canaries=[canary], strict=False)
        return outcome.answer()

    def _with_canary(self) -> tuple[str, str, bytes]:
        """A test that must fail, the tests with it, and their code; now and then another one."""
        if self._turn % _PROGRAMS_PER_CANARY == 0:
            canary = f"test_{unused_word(self._tests)}"
            number = secrets.randbelow(90)
            must_fail = f"\n\ndef {canary}():\n    assert [{number}] == [{number + 1}]\n"
            tests = self._tests + must_fail
            self._canary = canary, tests, rewritten.compiled(tests)
        self._turn += 1
        return self._canary


def prepare(payload: dict[str, Any], nursery: Nursery) -> PytestQuestion:
    """A question, ready to judge programs."""
    return PytestQuestion(payload["tests"])
