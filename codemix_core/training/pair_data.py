"""DPO's training data as rows for the model.

Takes torchtune's ``preference_dataset`` (any that gives ``chosen_input_ids``, ``chosen_labels``
and the same of ``rejected``). Guarantees: each pair is tokenised once; the tokens both sides
begin with and neither is trained on are the prompt, which the model sees once for the two.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch

from codemix_core.training.sequences import IGNORED, Answer, Ids, Row, rows_of

SIDES = ("chosen", "rejected")


class Pairs:
    """The pairs of a dataset, by their places in it."""

    def __init__(self, dataset: Any) -> None:
        self._dataset = dataset
        self._made: dict[int, tuple[list[Row], int]] = {}

    def __len__(self) -> int:
        return len(self._dataset)

    def rows(self, places: Sequence[int]) -> list[Row]:
        """Rows of some pairs; keys are (number within ``places``, side), side 0 being chosen."""
        found = []
        for number, place in enumerate(places):
            for row in self._pair(place)[0]:
                keys = tuple((number, side) for side in row.keys)
                found.append(Row(row.prompt, row.answers, keys))
        return found

    def tokens(self, places: Sequence[int]) -> int:
        """Tokens of both sides of some pairs, prompts counted on each, as torchtune does."""
        return sum(self._pair(place)[1] for place in places)

    def _pair(self, place: int) -> tuple[list[Row], int]:
        if place not in self._made:
            item = self._dataset[place]
            sides = [
                (np.asarray(item[f"{s}_input_ids"]), np.asarray(item[f"{s}_labels"])) for s in SIDES
            ]
            shared = _shared(*sides)
            prompt = sides[0][0][:shared].astype(np.int64)
            answers = [
                Answer(ids[shared:].astype(np.int64), labels[shared:].astype(np.int64))
                for ids, labels in sides
            ]
            rows = rows_of(prompt, answers, [0, 1])
            self._made[place] = rows, sum(len(ids) for ids, _ in sides)
        return self._made[place]


def _shared(chosen: tuple[Ids, Ids], rejected: tuple[Ids, Ids]) -> int:
    """How many tokens both sides begin with that neither is trained on."""
    size = min(len(chosen[0]), len(rejected[0]))
    same = chosen[0][:size] == rejected[0][:size]
    same &= (chosen[1][:size] == IGNORED) & (rejected[1][:size] == IGNORED)
    return size if same.all() else int(np.argmin(same))


def sums(
    values: torch.Tensor, spans: Iterator[tuple[Any, slice]], pairs: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Sum and number of an answer's values, both ``[side, pair]``.

    Args:
        values: one per trained token.
        spans: key (pair, side) and values of each answer.
    """
    where = torch.zeros(len(values), dtype=torch.long)
    for (pair, side), span in spans:
        where[span] = side * pairs + pair
    where = where.to(values.device)
    total = torch.zeros(2 * pairs, device=values.device).index_add(0, where, values)
    count = torch.bincount(where, minlength=2 * pairs)
    return total.view(2, pairs), count.view(2, pairs)
