"""What can be wrong with rows whatever the model: found while they are written.

Blocking, because training on such rows teaches the wrong thing without any error: blank
answers, rows that occur twice, pairs whose two texts are the same, prompts without a user,
and rows that do not fit the format.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from codemix_core.datasets.formats import Facts, Format
from codemix_core.datasets.formats.base import prompt_of
from codemix_core.errors import Problem

_SHOWN = 3
_ANSWERS = {"examples": ("answer",), "pairs": ("chosen", "rejected"), "groups": ()}


def looked_at(kind: str) -> list[str]:
    """Columns of rows of a kind that the checks need."""
    return ["question_id", "messages", *_ANSWERS[kind]]


@dataclass
class RowChecks:
    """Collects faults of rows of one kind as they pass by. Holds 8 bytes per row.

    blank, repeated, same_text: numbers of rows; examples: question ids of the first few.
    """

    kind: str
    rows: int = 0
    blank: int = 0
    repeated: int = 0
    same_text: int = 0
    examples: dict[str, list[str]] = field(default_factory=dict)
    _seen: set[int] = field(default_factory=set)
    _systems: dict[str | None, None] = field(default_factory=dict)
    _turns: dict[tuple[str, ...], None] = field(default_factory=dict)

    def add(self, row: Mapping[str, Any]) -> None:
        """Look at one row."""
        self.rows += 1
        messages = prompt_of(row)
        if len(self._systems) < _SHOWN:
            has_system = bool(messages) and messages[0]["role"] == "system"
            self._systems.setdefault(messages[0]["content"] if has_system else None)
        if len(self._turns) < _SHOWN:
            self._turns.setdefault(tuple(message["role"] for message in messages))
        answers = [row[name] for name in _ANSWERS[self.kind]]
        if any(not answer.strip() for answer in answers):
            self._note("blank", row)
        if len(answers) == 2 and answers[0] == answers[1]:
            self._note("same_text", row)
        if self._is_repeated(row["messages"], answers):
            self._note("repeated", row)

    def facts(self) -> Facts:
        """What formats need to know of all rows."""
        return Facts(tuple(self._systems), tuple(self._turns))

    def problems(self, entry: Format) -> list[Problem]:
        """Everything that should keep the rows from being trained on in a format."""
        found = []
        if not self.rows:
            fix = "Loosen the rule, or sample more answers."
            found.append(Problem("rows", "there are none.", fix))
        for name, what, fix in (
            ("blank", "have a blank answer.", "Raise min_score, or reject them."),
            ("repeated", "repeat another row.", "Check the questions: some may be the same."),
            ("same_text", "have the same text on both sides.", "Reject them."),
        ):
            count = getattr(self, name)
            if count:
                shown = ", ".join(self.examples[name])
                found.append(Problem("rows", f"{count} {what}", f"{fix} First: {shown}."))
        if any("user" not in turn for turn in self._turns):
            found.append(Problem("rows", "have prompts without a user message.", "Sample anew."))
        return found + entry.misfit(self.facts())

    def document(self) -> dict[str, Any]:
        """The counts as JSON."""
        return {name: getattr(self, name) for name in ("rows", "blank", "repeated", "same_text")}

    def _note(self, name: str, row: Mapping[str, Any]) -> None:
        setattr(self, name, getattr(self, name) + 1)
        shown = self.examples.setdefault(name, [])
        if len(shown) < _SHOWN:
            shown.append(row["question_id"])

    def _is_repeated(self, messages: str, answers: list[str]) -> bool:
        if not answers:
            return False
        text = json.dumps([messages, *answers]).encode()
        key = int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little")
        before = len(self._seen)
        self._seen.add(key)
        return len(self._seen) == before


def side_problems(sides: Collection[str]) -> list[Problem]:
    """Rows that are all held out, so that nothing is left to train on.

    Args:
        sides: those that have rows.
    """
    if not sides or "train" in sides:
        return []
    fix = "Hold out fewer questions, or choose another split_by."
    return [Problem("rows", "are all held out: none is left to train on.", fix)]


def problem_documents(problems: list[Problem]) -> list[dict[str, str]]:
    """Problems as JSON."""
    return [asdict(problem) for problem in problems]
