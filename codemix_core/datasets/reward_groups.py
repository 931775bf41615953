"""GRPO groups of a scoring run, with token ids and log-probabilities as sampled.

Not guaranteed: that token ids and log-probabilities are there. Imported answers have none; the
columns are null then, and the dataset says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

import numpy as np

from codemix_core.datasets.context import Context, chunks
from codemix_core.datasets.rows import Group
from codemix_core.selection.groups import Groups, group_yield, groups

CHUNK_ROWS = 2048
"""Generations at once: unlike other rows, these carry every sampled token."""


def reward_groups(context: Context) -> Iterator[list[Group]]:
    """The groups a rule keeps, some questions at a time."""
    assert context.scored is not None
    c = context.scored.candidates
    found = groups(c, context.spec.group_rule())
    place_of = {int(question): place for place, question in enumerate(found.question)}
    without_tokens = 0
    for questions in chunks(c, np.diff(c.starts), CHUNK_ROWS):
        kept = [
            place_of[question]
            for question in range(questions.start, questions.stop)
            if question in place_of and found.kept[place_of[question]]
        ]
        if kept:
            made = _records(context, found, kept)
            without_tokens += sum(None in g.token_ids or None in g.logprobs for g in made)
            yield made
    context.uncovered += [c.question_ids[found.question[p]] for p in np.flatnonzero(~found.kept)]
    context.counts |= asdict(group_yield(found))
    if without_tokens:
        context.warnings.append(
            f"{without_tokens} groups lack token ids or log-probabilities of the sampler;"
            " training has to compute them from the text"
        )


def _records(context: Context, found: Groups, kept: list[int]) -> list[Group]:
    assert context.scored is not None
    c, reader = context.scored.candidates, context.scored.reader
    spans = [c.rows_of(int(found.question[place])) for place in kept]
    rows = np.concatenate([np.arange(span.start, span.stop) for span in spans])
    sampled = reader.take(rows, ["token_ids", "logprobs"])
    token_ids = sampled.column("token_ids").to_pylist()
    logprobs = sampled.column("logprobs").to_pylist()
    answers = context.answers(rows)
    records, start = [], 0
    for place, span in zip(kept, spans, strict=True):
        mine = slice(start, start + span.stop - span.start)
        start = mine.stop
        name = c.question_ids[found.question[place]]
        records.append(
            Group(
                name,
                context.side(name),
                context.messages(name),
                context.prompt_token_ids(name),
                c.sample[span].tolist(),
                answers[mine],
                token_ids[mine],
                logprobs[mine],
                found.reward[span].tolist(),
                found.advantage[span].tolist(),
                found.unscaled[span].tolist(),
                float(found.mean[place]),
                float(found.std[place]),
                float(found.pass_rate[place]),
            )
        )
    return records
