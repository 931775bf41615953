"""Per-test results of one program, and the one status they add up to.

Precedence of the overall status, first match wins: ``tampered``, ``compile_error``,
``output_exceeded``, ``memory_exceeded``, ``timeout``, ``crashed``, ``failed``, ``passed``.
Whatever the status, tests that passed keep counting in the score, except after ``tampered``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

_PRECEDENCE = ("output_exceeded", "memory_exceeded", "timeout", "crashed")
_MESSAGE = 1000
_QUICK, _LEAN_MB = 0.5, 64


@dataclass
class Outcome:
    """What happened to one program. Tests are named; a test without a result was not run."""

    declared: list[str]
    results: dict[str, tuple[str, str]] = field(default_factory=dict)
    flags: set[str] = field(default_factory=set)
    message: str = ""
    seconds: float = 0.0
    memory_mb: float = 0.0

    def record(self, name: str, status: str, message: str = "") -> None:
        """Set the result of one test: passed, failed, timeout or crashed."""
        self.results[name] = (status, message[:_MESSAGE])
        if status in _PRECEDENCE:
            self.flags.add(status)

    def remaining(self) -> list[str]:
        """Declared tests that have no result yet, in order."""
        return [name for name in self.declared if name not in self.results]

    def explain(self, message: str) -> None:
        """Keep the first message about the whole program."""
        self.message = self.message or message[: 4 * _MESSAGE]

    def status(self) -> str:
        """The overall status."""
        for flag in ("tampered", "compile_error", *_PRECEDENCE):
            if flag in self.flags:
                return flag
        passed = all(self._status(name) == "passed" for name in self.declared)
        return "passed" if passed and self.declared else "failed"

    def _status(self, name: str) -> str:
        return self.results[name][0] if name in self.results else "not_run"

    def answer(self) -> dict[str, Any]:
        """The verdict as it leaves the wall."""
        status = self.status()
        tests = []
        for name in self.declared:
            outcome, message = self.results.get(name, ("not_run", ""))
            if status == "tampered" and outcome == "passed":
                outcome, message = "failed", "not counted: the program tampered with its result"
            tests.append([name, outcome, message])
        return {
            "status": status,
            "tests": tests,
            "message": self.message,
            "seconds": self.seconds,
            "memory_mb": round(self.memory_mb, 3),
        }


def agree(inside: dict[str, Any], outside: dict[str, Any]) -> bool:
    """Whether tests run outside the program's process find what they find inside, at its cost.

    Args:
        inside, outside: answers of :meth:`Outcome.answer` about a reference solution. Limits of
            candidates come from the first, so calls that cross processes must not cost much.
    """
    found, other = ([(name, status) for name, status, _ in a["tests"]] for a in (inside, outside))
    quick = outside["seconds"] <= max(_QUICK, 2 * inside["seconds"])
    lean = outside["memory_mb"] <= max(_LEAN_MB, 1.5 * inside["memory_mb"])
    return quick and lean and found == other and inside["status"] == outside["status"]


def is_settled(answer: dict[str, Any]) -> bool:
    """Whether every test of an answer passed or failed, and there are any."""
    return bool(answer["tests"]) and {t[1] for t in answer["tests"]} <= {"passed", "failed"}


ENDINGS = {
    "timeout": "timeout",
    "memory": "memory_exceeded",
    "output": "output_exceeded",
    "records": "output_exceeded",
}


def exit_text(code: int | None) -> str:
    """How a process ended, in words."""
    if code is None:
        return "the program was killed"
    if code >= 0:
        return f"the program ended with exit code {code}"
    return f"the program was killed by signal {-code}"
