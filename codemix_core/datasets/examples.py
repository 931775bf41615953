"""Supervised examples: gold solutions, and the picks of best-of-N.

Guarantees: a gold solution that failed its self-check is left out unless asked for, and so is
a CoT gold without reasoning; an answer comes with the prompt it was sampled from.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from codemix_core.datasets.context import Context
from codemix_core.datasets.rows import Example
from codemix_core.records import Question
from codemix_core.selection.best_of_n import (
    PickDecisions,
    Reasons,
    choose,
    without_pick,
)

BATCH = 4096


def gold_examples(context: Context) -> Iterator[list[Example]]:
    """One example per question whose gold solution can be trusted."""
    flagged = 0
    found = []
    if context.flagged is None:
        context.warnings.append(
            f"the gold solutions of {context.set_name!r} were never checked; run"
            f" 'selfcheck {context.set_name}' to leave out those that fail their own tests"
        )
    for question in context.questions.values():
        if not context.spec.include_flagged and question.question_id in (context.flagged or ()):
            flagged += 1
            context.uncovered.append(question.question_id)
            continue
        example = _gold(context, question, "gold", "gold solution")
        if example is None:
            context.uncovered.append(question.question_id)
        else:
            found.append(example)
    context.counts["gold_flagged"] = flagged
    context.counts["gold_without_reasoning"] = len(context.uncovered) - flagged
    for start in range(0, len(found), BATCH):
        yield found[start : start + BATCH]


def pick_examples(context: Context) -> Iterator[list[Example]]:
    """The picks of every question, then the gold solutions that stand in for missing ones."""
    assert context.scored is not None
    c, rule = context.scored.candidates, context.spec.pick_rule()
    decisions = pick_decisions(context)
    picks = choose(c, rule, decisions)
    reasons = Reasons(c, rule, decisions)
    if rule.tie_break == "highest_logprob" and not np.isfinite(c.logprob).all():
        context.warnings.append(
            "some answers have no log-probabilities; ties with them go by order of sampling"
        )
    for start in range(0, len(picks.rows), BATCH):
        rows = picks.rows[start : start + BATCH]
        ranks = picks.rank[start : start + BATCH]
        yield [
            _pick(context, int(row), answer, reasons.of(int(row), int(rank)))
            for row, rank, answer in zip(rows, ranks, context.answers(rows), strict=True)
        ]
    without = without_pick(c, picks)
    fallbacks = _fallbacks(context, without) if context.spec.gold_fallback else []
    covered = {example.question_id for example in fallbacks}
    context.uncovered += [name for name in without if name not in covered]
    context.counts |= {"gold_fallbacks": len(fallbacks), "conflicting": int(c.conflicting.sum())}
    if fallbacks:
        yield fallbacks


def pick_decisions(context: Context) -> PickDecisions:
    """What people decided, as rows; decisions about answers that cannot be taken are noted."""
    assert context.scored is not None
    c, held = context.scored.candidates, context.decisions
    text = c.code_characters if context.spec.column == "code" else c.characters
    chosen: dict[int, int] = {}
    lost = 0
    for name, annotation in held.picked.items():
        row = c.find(name, annotation.chosen if annotation.chosen is not None else -1)
        if row is None or text[row] <= 0:
            lost += name in context.questions
            continue
        chosen[int(c.question[row])] = row
        context.applied.append(annotation)
    rejected = set()
    for (kind, name, index, _), annotation in held.by_subject.items():
        row = c.find(name, index) if kind == "pick" and index is not None else None
        if row is not None and annotation.action in ("accept", "reject"):
            context.applied.append(annotation)
            if annotation.action == "reject":
                rejected.add(row)
    if lost:
        context.warnings.append(
            f"{lost} answers chosen by a person have no score or nothing to train on"
        )
    return PickDecisions(chosen, frozenset(rejected))


def _pick(context: Context, row: int, answer: str, reason: str) -> Example:
    assert context.scored is not None
    c = context.scored.candidates
    name = c.question_ids[c.question[row]]
    return Example(
        name,
        context.side(name),
        "generation",
        int(c.sample[row]),
        float(c.score[row]),
        context.messages(name),
        answer,
        reason,
    )


def _fallbacks(context: Context, without: list[str]) -> list[Example]:
    flagged = context.flagged or frozenset()
    made = (
        _gold(context, context.questions[name], "gold_fallback", "no answer was acceptable")
        for name in without
        if name not in flagged
    )
    return [example for example in made if example is not None]


def _gold(context: Context, question: Question, source: str, reason: str) -> Example | None:
    answer = context.gold_answer(question)
    if answer is None:
        return None
    name = question.question_id
    return Example(
        name, context.side(name), source, None, None, context.messages(name), answer, reason
    )
