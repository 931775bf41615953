"""Judge of ``pytest`` (tier B): test module and program in one process, records outside."""

from __future__ import annotations

import json
import secrets
from typing import Any

from sandbox.outcome import Outcome
from sandbox.reported import run_all, unused_word
from sandbox.watch import Candidate, Limits, Nursery


class PytestQuestion:
    """The tests of one question."""

    def __init__(self, tests: str) -> None:
        self._tests = tests

    def judge(
        self, code: str, limits: Limits, declared: list[str] | None, nursery: Nursery
    ) -> dict[str, Any]:
        """Run the tests against one program."""
        outcome = Outcome(list(declared or ()))
        canary = f"test_{unused_word(self._tests)}"
        number = secrets.randbelow(90)
        must_fail = f"\n\ndef {canary}():\n    assert [{number}] == [{number + 1}]\n"

        def start(nonce: str, wanted: list[str] | None) -> Candidate:
            order = {
                "nonce": nonce,
                "code": code,
                "tests": self._tests + must_fail,
                "canary": canary,
                "wanted": wanted,
            }
            job = json.dumps(order).encode() + b"\n"
            return Candidate(nursery, {"entry": "pytest"}, job, limits)

        run_all(outcome, declared is None, limits, start, canaries=[canary], strict=False)
        return outcome.answer()


def prepare(payload: dict[str, Any], nursery: Nursery) -> PytestQuestion:
    """A question, ready to judge programs."""
    return PytestQuestion(payload["tests"])
