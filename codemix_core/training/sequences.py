"""Log-probabilities of answers under a torchtune model, with no work that can be saved.

- A prompt goes through the model once for several of its answers: they are laid out one after
  another, each sees the prompt and itself only, and positions count on from the prompt.
- Rows of like length go together, so little is padded; a batch is bounded in tokens.
- The output layer, the widest of all, is computed only where an answer's token is predicted, and
  in chunks whose logits are computed again in the backward pass, so memory does not grow with
  the vocabulary times the batch.

Guarantees: the values and gradients are those of one row per answer, up to rounding. Float32 from
the logits on, whatever the model's number format.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch.utils.checkpoint import checkpoint

Ids = npt.NDArray[np.int64]

IGNORED = -100
"""Label of a token that is not trained on, torchtune's own."""
ROW_TOKENS = 512
ROW_PROMPTS = 4
"""A row takes further answers up to so many tokens, or so many times its prompt's: attention costs
the square of a row, and what sharing saves is the prompt."""
LOGIT_BYTES = 256 * 2**20
"""Logits in memory at once."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A continuation of a prompt.

    labels: what is to be predicted at each token: the token itself, or :data:`IGNORED`.
    """

    tokens: Ids
    labels: Ids


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a batch: a prompt and some of its answers.

    keys: one for each answer, by which the caller knows it.
    """

    prompt: Ids
    answers: tuple[Answer, ...]
    keys: tuple[Any, ...]

    def __len__(self) -> int:
        return len(self.prompt) + sum(len(answer.tokens) for answer in self.answers)


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows as tensors.

    tokens: ``[rows, length]``. positions, mask: as torchtune's models take them; None where every
    row has one answer. index: where in the flattened tokens each trained token is predicted.
    targets: the trained tokens. keys: of the answers, in order. ends: how many of the trained
    tokens come before the end of each answer. real_tokens: tokens without padding.
    """

    tokens: torch.Tensor
    positions: torch.Tensor | None
    mask: torch.Tensor | None
    index: torch.Tensor
    targets: torch.Tensor
    keys: list[Any]
    ends: list[int]
    real_tokens: int

    def to(self, device: torch.device) -> Batch:
        """The batch on a device."""

        def moved(tensor: torch.Tensor | None) -> torch.Tensor | None:
            return None if tensor is None else tensor.to(device, non_blocking=True)

        return Batch(
            tokens=moved(self.tokens),
            positions=moved(self.positions),
            mask=moved(self.mask),
            index=moved(self.index),
            targets=moved(self.targets),
            keys=self.keys,
            ends=self.ends,
            real_tokens=self.real_tokens,
        )

    def spans(self) -> Iterator[tuple[Any, slice]]:
        """Key and trained tokens of each answer."""
        start = 0
        for key, end in zip(self.keys, self.ends, strict=True):
            yield key, slice(start, end)
            start = end


def rows_of(prompt: Ids, answers: Sequence[Answer], keys: Sequence[Any]) -> list[Row]:
    """The answers of one prompt, in as many rows as they are best computed in."""
    longest = max(ROW_TOKENS, ROW_PROMPTS * len(prompt))
    rows = []
    taken: list[int] = []
    length = len(prompt)
    for place, answer in enumerate(answers):
        if taken and length + len(answer.tokens) > longest:
            rows.append(_row(prompt, answers, keys, taken))
            taken, length = [], len(prompt)
        taken.append(place)
        length += len(answer.tokens)
    if taken:
        rows.append(_row(prompt, answers, keys, taken))
    return rows


def batches(rows: Iterable[Row], budget: int, pad: int) -> Iterator[Batch]:
    """Rows by length, longest first, in batches of at most ``budget`` tokens, or of one row."""
    waiting: list[Row] = []
    for row in sorted(rows, key=len, reverse=True):
        if waiting and len(waiting[0]) * (len(waiting) + 1) > budget:
            yield collate(waiting, pad)
            waiting = []
        waiting.append(row)
    if waiting:
        yield collate(waiting, pad)


def collate(rows: Sequence[Row], pad: int) -> Batch:
    """Rows as one batch, padded at the right."""
    # The last token of the longest row predicts nothing, but answers within a row follow on it.
    length = max(len(row) for row in rows)
    tokens = np.full((len(rows), length), pad, dtype=np.int64)
    positions = np.zeros_like(tokens)
    part = np.full_like(tokens, -1)
    index: list[Ids] = []
    targets: list[Ids] = []
    keys: list[Any] = []
    ends: list[int] = []
    trained = 0
    for place, row in enumerate(rows):
        first = len(row.prompt)
        tokens[place, :first] = row.prompt
        positions[place, :first] = np.arange(first)
        part[place, :first] = 0
        start = first
        for number, answer in enumerate(row.answers, 1):
            end = start + len(answer.tokens)
            tokens[place, start:end] = answer.tokens
            positions[place, start:end] = np.arange(first, first + end - start)
            part[place, start:end] = number
            before = np.arange(start - 1, end - 1)
            before[:1] = first - 1
            wanted = (answer.labels != IGNORED) & (before >= 0)
            index.append(before[wanted] + place * length)
            targets.append(answer.labels[wanted])
            keys.append(row.keys[number - 1])
            trained += int(wanted.sum())
            ends.append(trained)
            start = end
    alone = all(len(row.answers) == 1 for row in rows)
    return Batch(
        tokens=torch.from_numpy(tokens),
        positions=None if alone else torch.from_numpy(positions),
        mask=None if alone else _mask(torch.from_numpy(part)),
        index=torch.from_numpy(np.concatenate(index)),
        targets=torch.from_numpy(np.concatenate(targets)),
        keys=keys,
        ends=ends,
        real_tokens=sum(len(row) for row in rows),
    )


def log_probs(
    model: Any, batch: Batch, temperature: float = 1.0
) -> tuple[torch.Tensor, torch.Tensor]:
    """Log-probability of each trained token, nats, and the entropy of what it was drawn from.

    Both float32 and flat, in the order of ``batch.targets``; the entropy has no gradient.

    Args:
        model: a torchtune ``TransformerDecoder``.
        batch: on the model's device.
        temperature: of the distribution, which is ``softmax(logits / temperature)``.
    """
    hidden = hidden_states(model, batch)
    hidden = hidden.flatten(0, 1).index_select(0, batch.index)
    if not len(hidden):
        empty = hidden.sum(-1).float()
        return empty, empty.detach()
    per_chunk = max(1, LOGIT_BYTES // (4 * model.tok_embeddings.num_embeddings))
    chunks = zip(hidden.split(per_chunk), batch.targets.split(per_chunk), strict=True)
    again = torch.is_grad_enabled() and len(hidden) > per_chunk
    found = [
        checkpoint(_of_tokens, model, part, targets, temperature, use_reentrant=False)
        if again
        else _of_tokens(model, part, targets, temperature)
        for part, targets in chunks
    ]
    return torch.cat([chosen for chosen, _ in found]), torch.cat([entropy for _, entropy in found])


def hidden_states(model: Any, batch: Batch) -> torch.Tensor:
    """What a torchtune ``TransformerDecoder`` gives its output layer, ``[rows, length, width]``."""
    hidden = model.tok_embeddings(batch.tokens)
    for layer in model.layers:
        hidden = layer(hidden, mask=batch.mask, input_pos=batch.positions)
    return model.norm(hidden)


def _of_tokens(
    model: Any, hidden: torch.Tensor, targets: torch.Tensor, temperature: float
) -> tuple[torch.Tensor, torch.Tensor]:
    logits = model.output(hidden).float()
    if temperature != 1.0:
        logits = logits / temperature
    chosen = -F.cross_entropy(logits, targets, reduction="none")
    with torch.no_grad():
        shares = logits.softmax(-1)
        entropy = logits.logsumexp(-1) - (shares * logits).sum(-1)
    return chosen, entropy


def _mask(part: torch.Tensor) -> torch.Tensor:
    """Which tokens each token sees: earlier ones of the prompt (part 0) and of its own part."""
    length = part.shape[1]
    causal = torch.ones(length, length, dtype=torch.bool).tril()
    return causal & ((part[:, None, :] == 0) | (part[:, None, :] == part[:, :, None]))


def _row(prompt: Ids, answers: Sequence[Answer], keys: Sequence[Any], taken: list[int]) -> Row:
    return Row(prompt, tuple(answers[i] for i in taken), tuple(keys[i] for i in taken))
