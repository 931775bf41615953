"""131 real C++ questions: gold and first answers get the verdicts that were measured.

All of them in bubblewrap; in docker, whose tool chain is its own, every tenth.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from codemix_core.records import Question, Reference, Verdict
from codemix_core.scoring.backends.base import Backend
from codemix_core.scoring.engine import Scorer
from codemix_core.scoring.limits import Floors
from codemix_core.scoring.program import Work
from codemix_core.scoring.selfcheck import reference_of
from tests.sandbox.addition import question

FLOORS = Floors(seconds=2.0, memory_mb=512, gold_seconds=10.0, gold_memory_mb=2048)
EVERY = {"bubblewrap": 1, "docker": 10}
CLASSES = {
    "ok": {"passed", "failed"},
    "crash": {"crashed", "memory_exceeded"},
    "timeout": {"timeout"},
    "compile_error": {"compile_error"},
}


@pytest.mark.slow
def test_every_verdict_agrees_with_what_was_measured(
    real_questions: Path, backend: Backend
) -> None:
    raw = json.loads((real_questions / "questions.json").read_text())
    measured = {
        entry["qid"]: entry
        for entry in json.loads((real_questions / "measured.json").read_text()).values()
    }
    assert len(raw) == 131
    names = list(raw)[:: EVERY[backend.name]]
    asked = {name: _question(name, raw[name]) for name in names}
    scorer = Scorer(backend, FLOORS)
    gold = _score(scorer, [Work(q, None, 0, q.gold) for q in asked.values()])
    limits = {name: reference_of(verdict, FLOORS) for name, verdict in gold.items()}
    first = _score(
        scorer, [Work(q, limits[n], 0, raw[n]["sample_solution"]) for n, q in asked.items()]
    )
    wrong = [
        problem
        for name, entry in measured.items()
        if name in asked
        for problem in (
            *_disagreement(f"gold of {name}", gold[name], entry["gold"], limits[name]),
            *_disagreement(f"first answer to {name}", first[name], entry["claude"], limits[name]),
        )
    ]
    assert not wrong, "\n".join(wrong)
    golds = [measured[name]["gold"] for name in asked]
    right = sum(gold["status"] == "ok" and gold["passed"] == gold["total"] for gold in golds)
    assert sum(reference.ok for reference in limits.values()) == right
    assert backend.name != "bubblewrap" or right == 124


def _question(name: str, entry: dict[str, Any]) -> Question:
    made = question("googletest", entry["unit_tests"], entry["gold_solution"], name)
    asked = {"question_id": name, "signature": entry["function_signature"]}
    return Question(**{**made.content(), **asked, "function_name": entry["function_name"]})


def _score(scorer: Scorer, works: list[Work]) -> dict[str, Verdict]:
    return {verdict.question_id: verdict for verdict in scorer.score(works)}


def _disagreement(
    what: str, verdict: Verdict, entry: dict[str, Any], reference: Reference
) -> list[str]:
    """Same class of status; never fewer passed tests; more only after a crash or timeout."""
    found = f"{what}: {verdict.status} {verdict.passed}/{verdict.declared}, measured {entry}"
    if verdict.status not in CLASSES[entry["status"]] or verdict.passed < entry["passed"]:
        return [found]
    if entry["status"] == "ok":
        results = {test.name: test.status == "passed" for test in verdict.tests}
        return [] if results == entry["tests"] else [found]
    partial = verdict.passed == 0 or any(t.status in ("crashed", "timeout") for t in verdict.tests)
    return [] if partial and reference.declared else [found]
