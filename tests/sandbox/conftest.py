"""One batch of programs per table: every row is judged once, beside the others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import pytest

from codemix_core.records import Question, Reference, Verdict
from codemix_core.scoring import backends
from codemix_core.scoring.backends.base import Backend
from codemix_core.scoring.engine import Scorer
from codemix_core.scoring.program import Work
from codemix_core.scoring.selfcheck import reference_of
from tests.sandbox.addition import ADD, FLOORS

Judge = Callable[[Question, Iterable[str]], list[Verdict]]


@pytest.fixture(scope="session")
def backend() -> Backend:
    """The sandbox of this machine; without one nothing here can be tested."""
    return backends.choose()


@pytest.fixture(scope="session")
def judge(backend: Backend) -> Judge:
    """Judges programs under a question, in order, with limits from its gold solution."""

    def run(asked: Question, codes: Iterable[str]) -> list[Verdict]:
        scorer = Scorer(backend, FLOORS)
        reference = references(scorer, asked)
        works = [Work(asked, reference, index, code) for index, code in enumerate(codes)]
        return sorted(scorer.score(works), key=lambda verdict: verdict.sample_index)

    return run


def references(scorer: Scorer, asked: Question) -> Reference:
    """The reference run of a question, which has to pass."""
    (gold,) = scorer.score([Work(asked, None, 0, asked.gold)])
    assert gold.status == "passed", gold
    return reference_of(gold, FLOORS)


@pytest.fixture(scope="session")
def judge_table(judge: Judge) -> Callable[[str, Mapping[str, str]], dict[str, Verdict]]:
    """Judges a named table of programs against the ``add`` question of a framework."""

    def run(framework: str, programs: Mapping[str, str]) -> dict[str, Verdict]:
        return dict(zip(programs, judge(ADD[framework], programs.values()), strict=True))

    return run
