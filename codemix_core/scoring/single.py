"""One program, judged at once: for a quick look and for tests."""

from __future__ import annotations

from codemix_core.records import Question, Reference, Verdict
from codemix_core.scoring import backends
from codemix_core.scoring.engine import Scorer
from codemix_core.scoring.limits import Floors
from codemix_core.scoring.program import Work


def judge_one(
    question: Question,
    code: str | None,
    *,
    floors: Floors,
    reference: Reference | None = None,
    sandbox: str = backends.AUTO,
) -> Verdict:
    """The verdict on one program. Builds a wall for it, so it takes some 0.1 s more.

    Args:
        floors: limits when there is no reference run.
        reference: declared tests and limits; None judges the program as a gold solution.

    Raises:
        SandboxUnavailable: no backend can be used here.
    """
    scorer = Scorer(backends.choose(sandbox), floors, workers=1)
    (verdict,) = scorer.score([Work(question, reference, 0, code)])
    return verdict
