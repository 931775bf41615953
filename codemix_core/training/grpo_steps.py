"""From groups to the batches of one optimiser step.

Guarantees: the sum of the batches' losses is the loss of the step, whatever the size of the
batches; an answer sampled several times goes through the model once and counts for each of its
members; without a KL term, answers whose advantages are all 0 are left out of the batches (their
gradient is 0) but stay in the averages.

Old log-probabilities that the dataset lacks, and the reference's, are those of the model that
training starts from. They are one flat array over all answers of a dataset (:class:`Start`), NaN
where nothing needs them, so that a resumed training can go on with them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from codemix_core.training.group_data import TokenGroup
from codemix_core.training.grpo import token_weights
from codemix_core.training.grpo_spec import GrpoSpec
from codemix_core.training.sequences import Answer, Batch, Row, batches, rows_of

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class StepBatch:
    """A batch with what the loss needs of each member's tokens.

    member: where in the batch's trained tokens each token of each member is. old, advantages,
    weights: one per entry of ``member``. reference: the same, or None.
    """

    batch: Batch
    member: torch.Tensor
    old: torch.Tensor
    advantages: torch.Tensor
    weights: torch.Tensor
    reference: torch.Tensor | None

    def to(self, device: torch.device) -> StepBatch:
        """The batch on a device."""
        return StepBatch(
            batch=self.batch.to(device),
            member=self.member.to(device),
            old=self.old.to(device),
            advantages=self.advantages.to(device),
            weights=self.weights.to(device),
            reference=None if self.reference is None else self.reference.to(device),
        )


class Start:
    """Log-probabilities under the model that training starts from, of the answers that need them.

    values: flat, by group and answer, nats; NaN where they are not needed.
    """

    def __init__(self, groups: Sequence[TokenGroup], spec: GrpoSpec) -> None:
        self._groups = groups
        everything = spec.kl_coef > 0 or spec.temperature != 1.0
        self.wanted = [
            place
            for place, group in enumerate(groups)
            if everything or any(old is None for old in group.old)
        ]
        sizes = [len(answer) for group in groups for answer in group.answers]
        ends = np.cumsum([0, *sizes])
        firsts = np.cumsum([0, *(len(group.answers) for group in groups)])
        self._ends, self._firsts = ends, firsts
        self.values = np.full(int(ends[-1]), np.nan, np.float32) if self.wanted else None

    def of(self, group: int, answer: int) -> Floats:
        """The values of one answer's tokens."""
        assert self.values is not None
        place = self._firsts[group] + answer
        return self.values[self._ends[place] : self._ends[place + 1]]

    def compute(
        self,
        log_probs: Callable[[Batch], torch.Tensor],
        budget: int,
        pad: int,
        stopping: Callable[[], bool],
    ) -> None:
        """Fill in what is wanted; ends early, with values missing, when ``stopping``.

        Args:
            log_probs: of a batch's trained tokens under the model, nats.
        """
        rows = [row for place in self.wanted for row in _rows(place, self._groups[place], None)]
        for batch in batches(rows, budget, pad):
            if stopping():
                return
            found = log_probs(batch).float().cpu().numpy()
            for (group, answer), span in batch.spans():
                self.of(group, answer)[:] = found[span]


def step_batches(
    chosen: Sequence[tuple[int, TokenGroup]], start: Start, spec: GrpoSpec, pad: int
) -> Iterator[StepBatch]:
    """The batches of a step over ``chosen``: groups with their places in the dataset."""
    lengths = [[len(group.answers[i]) for i in group.member] for _, group in chosen]
    weights = token_weights(lengths, spec.loss_average)
    members: dict[tuple[int, int], list[int]] = {}
    rows: list[Row] = []
    at = {place: number for number, (place, _) in enumerate(chosen)}
    for place, group in chosen:
        for number, answer in enumerate(group.member):
            members.setdefault((place, answer), []).append(number)
        advantages = _advantages(group, spec)
        used = {
            answer
            for answer, advantage in zip(group.member, advantages, strict=True)
            if advantage or spec.kl_coef
        }
        rows += _rows(place, group, used)
    for batch in batches(rows, spec.tokens_per_micro_batch, pad):
        parts: dict[str, list[Any]] = {name: [] for name in ("member", "old", "adv", "w", "ref")}
        for key, span in batch.spans():
            place, answer = key
            group = chosen[at[place]][1]
            advantages = _advantages(group, spec)
            for number in members[key]:
                size = span.stop - span.start
                parts["member"].append(np.arange(span.start, span.stop))
                parts["old"].append(_old(start, place, group, number, spec))
                parts["adv"].append(np.full(size, advantages[number]))
                parts["w"].append(np.full(size, weights[at[place]][number]))
                if spec.kl_coef:
                    parts["ref"].append(start.of(place, answer))
        yield StepBatch(
            batch,
            torch.from_numpy(np.concatenate(parts["member"])),
            _floats(parts["old"]),
            _floats(parts["adv"]),
            _floats(parts["w"]),
            _floats(parts["ref"]) if spec.kl_coef else None,
        )


def _old(start: Start, place: int, group: TokenGroup, number: int, spec: GrpoSpec) -> Floats:
    stored = group.old[number]
    if stored is None or spec.temperature != 1.0:
        return start.of(place, group.member[number])
    return stored


def _advantages(group: TokenGroup, spec: GrpoSpec) -> npt.NDArray[np.float64]:
    return group.advantages if spec.scale_rewards else group.unscaled_advantages


def _rows(place: int, group: TokenGroup, used: set[int] | None) -> list[Row]:
    """Rows of a group's answers, or of those ``used``; keys are (place, answer)."""
    taken = [i for i in range(len(group.answers)) if used is None or i in used]
    answers = [Answer(group.answers[i], group.answers[i]) for i in taken]
    return rows_of(group.prompt, answers, [(place, i) for i in taken])


def _floats(parts: list[Any]) -> torch.Tensor:
    return torch.from_numpy(np.concatenate(parts).astype(np.float32))
