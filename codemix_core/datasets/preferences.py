"""Preference pairs of a scoring run, with what people decided about them.

Guarantees: those of :mod:`codemix_core.selection.pairs`, except where a person swapped a pair:
that is taken as it was decided, and marked. A rejected pair is left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np

from codemix_core.datasets.context import Context, chunks
from codemix_core.datasets.rows import Pair
from codemix_core.selection.candidates import STATUSES
from codemix_core.selection.decided import UNREVIEWED, decide_pairs
from codemix_core.selection.pairs import choose, possible_pairs


def pairs(context: Context) -> Iterator[list[Pair]]:
    """The pairs of every question, some questions at a time."""
    assert context.scored is not None
    c, reader = context.scored.candidates, context.scored.reader
    covered: set[int] = set()
    tally: Counter[str] = Counter()
    cut = 0
    for questions in chunks(c, np.diff(c.starts)):
        table = possible_pairs(
            c, context.spec.column, lambda rows: reader.answers(rows, "code"), questions
        )
        decided = decide_pairs(
            table,
            choose(table, context.spec.pair_rule()),
            context.decisions,
            reviewed_only=context.spec.reviewed_only,
        )
        made = decided.kept
        tally.update(decided.tally)
        context.applied += decided.applied
        covered.update(int(c.question[chosen]) for chosen, _, _ in made)
        cut += sum(not c.finished[rejected] for _, rejected, _ in made)
        if made:
            yield _records(context, made)
    left = sorted(set(np.unique(c.question).tolist()) - covered)
    context.uncovered += [c.question_ids[place] for place in left]
    context.counts |= {
        "pairs_rejected": tally["reject"],
        "pairs_swapped": tally["swap"],
        "pairs_accepted": tally["accept"],
        "pairs_unreviewed": tally[UNREVIEWED],
        "conflicting": int(c.conflicting.sum()),
    }
    if cut and context.spec.column == "raw_output":
        context.warnings.append(
            f"{cut} rejected answers were cut at the token limit; training closes them with an"
            " end of turn that was not sampled"
        )


def _records(context: Context, made: list[tuple[int, int, str]]) -> list[Pair]:
    assert context.scored is not None
    c = context.scored.candidates
    rows = np.unique(np.array([pair[:2] for pair in made]))
    text = dict(zip(rows.tolist(), context.answers(rows), strict=True))
    records = []
    for chosen, rejected, decision in made:
        name = c.question_ids[c.question[chosen]]
        records.append(
            Pair(
                name,
                context.side(name),
                context.messages(name),
                int(c.sample[chosen]),
                int(c.sample[rejected]),
                text[chosen],
                text[rejected],
                float(c.score[chosen]),
                float(c.score[rejected]),
                STATUSES[c.status[chosen]].value,
                STATUSES[c.status[rejected]].value,
                _finite(c.logprob[chosen]),
                _finite(c.logprob[rejected]),
                decision,
            )
        )
    return records


def _finite(value: Any) -> float | None:
    return float(value) if np.isfinite(value) else None
