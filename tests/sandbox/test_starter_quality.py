"""The starter set in the real sandbox: gold passes, trivial solutions fail, mutants die."""

from __future__ import annotations

import pytest

from codemix_core.progress import Progress
from codemix_core.questions.starter import starter_questions
from codemix_core.records import Quality
from codemix_core.scoring.backends.base import Backend
from codemix_core.scoring.backends.docker import Docker
from codemix_core.scoring.engine import Scorer
from codemix_core.scoring.limits import Floors
from codemix_core.scoring.program import Work
from codemix_core.scoring.quality.programs import trial
from codemix_core.scoring.quality.stage import build
from codemix_core.scoring.selfcheck import reference_of

FLOORS = Floors(seconds=3.0, memory_mb=512, gold_seconds=20.0, gold_memory_mb=2048)
MUTANTS = 3
"""Mutants per question: a sample, for all of them take minutes."""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def findings(bubblewrap: Backend) -> dict[str, Quality]:
    questions = {q.question_id: q for q in starter_questions()}
    scorer = Scorer(bubblewrap, FLOORS)
    golds = scorer.score(Work(q, None, 0, q.gold) for q in questions.values())
    references = {v.question_id: reference_of(v, FLOORS) for v in golds}
    bad = [r for r in references.values() if not r.ok or len(r.declared) < 6]
    assert bad == []
    trials = [(trial(q, MUTANTS, 1), references[name]) for name, q in questions.items()]
    found = build(trials, scorer, FLOORS.gold_seconds, Progress(lambda _: None))
    return {quality.question_id: quality for quality in found}


def test_every_gold_solution_passes_and_no_test_is_flaky(findings: dict[str, Quality]) -> None:
    assert len(findings) == 24
    assert all(quality.ok for quality in findings.values())
    assert [name for name, quality in findings.items() if quality.flaky] == []


def test_every_gold_solution_passes_in_docker_too(
    findings: dict[str, Quality], docker_host: str
) -> None:
    works = [Work(q, None, i, q.gold) for i, q in enumerate(starter_questions())]
    verdicts = list(Scorer(Docker(docker_host), FLOORS).score(works))
    assert len(verdicts) == len(findings)
    assert [v for v in verdicts if v.status != "passed"] == []


def test_no_solution_that_does_nothing_passes(findings: dict[str, Quality]) -> None:
    assert all(quality.trivial >= 2 for quality in findings.values())
    assert {name: q.trivial_passed for name, q in findings.items() if q.trivial_passed} == {}


def test_the_tests_kill_at_least_nine_mutants_in_ten(findings: dict[str, Quality]) -> None:
    for language in ("py-", "cpp-"):
        mine = [quality for name, quality in findings.items() if name.startswith(language)]
        mutants = sum(quality.mutants for quality in mine)
        killed = sum(quality.killed for quality in mine)
        assert mutants >= 30
        assert killed >= 0.9 * mutants, [quality.survivors for quality in mine]
