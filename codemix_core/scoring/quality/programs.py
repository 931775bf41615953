"""What is run to judge the tests of one question, and what the verdicts mean.

Every program is told apart by its sample index: first the repetitions of the gold solution, then
trivial solutions, then mutants. A repetition carries a comment of its own, for identical
programs would be judged once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from codemix_core.records import Quality, Question, Status, TestStatus, Verdict
from codemix_core.scoring.quality import cpp_mutants, python_mutants
from codemix_core.scoring.quality.mutant import Mutant, mutants, sample
from codemix_core.scoring.quality.trivial import trivial_solutions

_EDITS = {"python": python_mutants.edits, "cpp": cpp_mutants.edits}
_COMMENT = {"python": "#", "cpp": "//"}


@dataclass(frozen=True)
class Trial:
    """The programs that one question's tests are judged by.

    left_out: mutants beyond the limit.
    """

    question: Question
    repetitions: list[str]
    trivial: dict[str, str]
    mutants: list[Mutant]
    left_out: int

    def programs(self) -> list[str]:
        """All programs; the position is the sample index."""
        return [*self.repetitions, *self.trivial.values(), *(m.code for m in self.mutants)]


def trial(question: Question, limit: int, repetitions: int) -> Trial:
    """What to run for one question.

    Args:
        limit: mutants at most; which ones depends on the question's gold solution alone.
        repetitions: how often the gold solution is run.
    """
    found = mutants(question.gold, _EDITS[question.language](question.gold))
    chosen = sample(found, limit)
    comment = _COMMENT[question.language]
    return Trial(
        question=question,
        repetitions=[f"{question.gold}\n{comment} run {n}\n" for n in range(repetitions)],
        trivial=trivial_solutions(question),
        mutants=chosen,
        left_out=len(found) - len(chosen),
    )


def judge_tests(tried: Trial, verdicts: Mapping[int, Verdict]) -> Quality:
    """What the verdicts on all programs of a trial, by sample index, say about the tests."""
    first_trivial = len(tried.repetitions)
    first_mutant = first_trivial + len(tried.trivial)
    passed_trivial = [
        name
        for index, name in enumerate(tried.trivial, start=first_trivial)
        if verdicts[index].status == Status.PASSED
    ]
    judged = [
        (mutant, verdicts[index])
        for index, mutant in enumerate(tried.mutants, start=first_mutant)
        if verdicts[index].status != Status.COMPILE_ERROR
    ]
    survivors = [mutant for mutant, verdict in judged if verdict.status == Status.PASSED]
    return Quality(
        question_id=tried.question.question_id,
        ok=True,
        mutants=len(judged),
        killed=len(judged) - len(survivors),
        survivors=[mutant.difference() for mutant in survivors],
        not_compiled=len(tried.mutants) - len(judged),
        left_out=tried.left_out,
        trivial=len(tried.trivial),
        trivial_passed=passed_trivial,
        repetitions=len(tried.repetitions),
        flaky=_flaky(verdicts[index] for index in range(first_trivial)),
    )


def untried(question: Question) -> Quality:
    """A question whose gold solution fails its tests: nothing can be said about them."""
    return Quality(question.question_id, False, 0, 0, [], 0, 0, 0, [], 0, [])


def _flaky(repetitions: Iterable[Verdict]) -> list[str]:
    """Tests that a program which passed them once did not pass every time."""
    failed = {
        test.name: None
        for verdict in repetitions
        for test in verdict.tests
        if test.status != TestStatus.PASSED
    }
    return list(failed)
