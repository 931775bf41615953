"""Programs to be judged, and the identity by which equal programs are judged once."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from codemix_core.records import Question, Reference

MAX_SOURCE_BYTES = 1 << 20


@dataclass(frozen=True)
class Work:
    """One generation to be scored.

    reference: the question's reference run; without one the program is judged as a gold
        solution: with the reference limits, declaring the tests itself.
    code: the exact program, or None when nothing could be extracted.
    """

    question: Question
    reference: Reference | None
    sample_index: int
    code: str | None


def question_hash(question: Question, fingerprint: str) -> str:
    """Identity of a question's tests under a tool chain."""
    parts = [
        question.tests,
        question.language,
        question.framework,
        question.function_name,
        question.signature,
        fingerprint,
    ]
    return _digest(json.dumps(parts))


def program_hash(question_key: str, code: str) -> str:
    """Identity of a program under a question's tests. Limits play no part in it."""
    return _digest(f"{question_key}\n{code}")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
