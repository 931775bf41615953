"""Which questions of a set a sampling run takes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from codemix_core.errors import Problem, SpecError
from codemix_core.records import PROMPTS, REFERENCES, Question
from codemix_core.sampling.spec import SampleSpec
from codemix_core.workspace import RunDir, Workspace


def questions_of(spec: SampleSpec, run: RunDir) -> list[Question]:
    """The questions of a sampling run, the same at every attempt.

    The first attempt chooses. Its prompts are written in one shard and are the record of that
    choice: a self-check that ends between two attempts changes nothing.

    Raises:
        NotFoundError: there is no such set.
        SpecError: no question is left, or the set no longer holds what the run began with.
    """
    begun = run.read(PROMPTS, ["question_id"]).column("question_id").to_pylist()
    if not begun:
        return chosen_questions(spec, run.workspace)
    known = {q.question_id: q for q in run.workspace.question_set(spec.questions).questions()}
    gone = [question_id for question_id in begun if question_id not in known]
    if gone:
        what = f"{spec.questions!r} no longer holds {len(gone)} of the questions this run asks."
        raise SpecError(Problem("questions", what, "Start a new run."))
    return [known[question_id] for question_id in begun]


def chosen_questions(spec: SampleSpec, workspace: Workspace) -> list[Question]:
    """The questions a spec asks for, flagged ones left out unless it includes them.

    Raises:
        NotFoundError: there is no such set.
        SpecError: no question is left.
    """
    questions = workspace.question_set(spec.questions).questions()
    checked = workspace.references(spec.questions)
    flagged: frozenset[str] = frozenset()
    if checked is not None:
        rows = checked.read(REFERENCES, ["question_id", "ok"]).to_pylist()
        flagged = frozenset(row["question_id"] for row in rows if not row["ok"])
    return choose(questions, spec, flagged)


def choose(
    questions: Iterable[Question], spec: SampleSpec, flagged: frozenset[str] = frozenset()
) -> list[Question]:
    """The questions a spec asks for, in set order.

    Args:
        flagged: ids of questions whose gold solution failed the self-check.

    Raises:
        SpecError: no question is left; says what left how many out.
    """
    chosen = []
    left_out: Counter[str] = Counter()
    for question in questions:
        reason = _left_out(question, spec, flagged)
        if reason is None:
            chosen.append(question)
        else:
            left_out[reason] += 1
    if not chosen:
        counts = ", ".join(f"{count} by {name}" for name, count in left_out.items())
        what = f"no question of {spec.questions!r} is left ({counts or 'the set is empty'})."
        raise SpecError(Problem("questions", what, "Widen the filter."))
    return chosen[: spec.limit]


def _left_out(question: Question, spec: SampleSpec, flagged: frozenset[str]) -> str | None:
    """Which setting leaves a question out; None when it is wanted."""
    if spec.split is not None and question.split != spec.split:
        return "split"
    if not set(spec.skills) <= set(question.skills):
        return "skills"
    if spec.k is not None and question.k != spec.k:
        return "k"
    if question.question_id in flagged and not spec.include_flagged:
        return "the self-check (their gold solution fails)"
    return None
