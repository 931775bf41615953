"""What scoring needs to know about a test framework."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from codemix_core.records import Question


@dataclass(frozen=True)
class Framework:
    """One test framework.

    name: as in :attr:`Question.framework`; also the judge's name inside the wall.
    language: the language its programs are in.
    tier: ``A`` value oracle, outside the candidate's process; ``B`` same process, detected.
    flavour: the wall its programs run behind.
    overhead_seconds: what the judge may take beside the program's own time (compilation).
    declared: test names as far as the source alone shows them, for questions whose gold
        solution does not even start.
    """

    name: str
    language: str
    tier: str
    flavour: str
    overhead_seconds: float
    declared: Callable[[str], list[str]]
    lifted: Mapping[str, Any] = field(default_factory=dict)
    """What the judge is told besides when tests run outside the program's process (tier A)."""

    def payload(self, question: Question) -> dict[str, Any]:
        """What the judge is told about a question."""
        return {
            "framework": self.name,
            "tests": question.tests,
            "function": question.function_name,
            "signature": question.signature,
        }


def matches(pattern: str, text: str) -> list[str]:
    """All matches of a pattern with one or two groups, joined by a dot, without repetition."""
    found = [".".join(match.groups()) for match in re.finditer(pattern, text, re.MULTILINE)]
    return list(dict.fromkeys(found))
