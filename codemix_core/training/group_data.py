"""GRPO's training data: groups of scored answers, as the tokens that were sampled.

Reads the ``groups`` format (:data:`codemix_core.datasets.rows.GROUPS`). Guarantees:

- where a dataset has token ids and log-probabilities, they are used as they are, the sampled
  end-of-turn token included; an answer that was cut at the sampler's token limit has none, and
  none is added;
- where it has none, prompt and answer are tokenised by
  :mod:`codemix_core.training.tokenizer`, closed with the end of turn, and the old
  log-probabilities are missing (None): the recipe takes them from the model it starts from;
- equal answers of a group are one answer with several members, each with its own advantage and
  old log-probabilities, so the model sees them once and the gradient stays what it is.

Too long: an answer is cut at the end where prompt and answer exceed ``max_seq_len``; what is left
keeps its advantage, as its tokens were sampled as they are. A group whose prompt leaves no room
for a token is left out. Both are counted.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq

from codemix_core.errors import FormatError, Problem

Ids = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

COLUMNS = (
    *("question_id", "side", "messages", "prompt_token_ids", "answers", "token_ids", "logprobs"),
    *("rewards", "advantages", "unscaled_advantages"),
)
FIX = "Build the dataset again with 'build RUN --method grpo'."


@dataclass(frozen=True, slots=True)
class TokenGroup:
    """One question's answers as tokens.

    answers: the distinct ones. member: for each generation, which of them it is.
    old: for each generation the sampler's log-probability of each token, nats; None if unknown.
    rewards, advantages, unscaled_advantages: of each generation.
    """

    question_id: str
    prompt: Ids
    answers: tuple[Ids, ...]
    member: tuple[int, ...]
    old: tuple[npt.NDArray[np.float32] | None, ...]
    rewards: Floats
    advantages: Floats
    unscaled_advantages: Floats


class GroupsDataset:
    """The groups of a file, in order.

    cut: answers cut at ``max_seq_len``. left_out: groups whose prompt fills it.
    tokenised: answers that came without token ids.
    """

    def __init__(self, tokenizer: Any, path: str | Path, side: str | None = None) -> None:
        """Read all groups.

        Args:
            tokenizer: a :class:`codemix_core.training.tokenizer.ChatTemplateTokenizer`.
            path: a Parquet file, or a directory of them.
            side: ``train`` or ``heldout``; both when left out.

        Raises:
            FormatError: no file, another layout, lists of different lengths, or no group is left.
        """
        self.cut = self.left_out = self.tokenised = 0
        self._tokenizer = tokenizer
        self.groups: list[TokenGroup] = []
        for file in _files(Path(path)):
            for batch in file.iter_batches(64, columns=list(COLUMNS)):
                for row in batch.to_pylist():
                    if side is None or row["side"] == side:
                        self._add(row)
        if not self.groups:
            what = f"holds no group that can be trained on ({self.left_out} are too long)."
            fix = "Raise tokenizer.max_seq_len." if self.left_out else FIX
            raise FormatError(Problem(f"dataset {path}", what, fix))

    def __len__(self) -> int:
        return len(self.groups)

    def __getitem__(self, place: int) -> TokenGroup:
        return self.groups[place]

    def _add(self, row: dict[str, Any]) -> None:
        _check(row)
        prompt = row["prompt_token_ids"]
        if prompt is None:
            prompt = self._tokenizer.prompt_ids(json.loads(row["messages"]))
        longest = self._tokenizer.max_seq_len
        room = None if longest is None else longest - len(prompt)
        if room is not None and room < 1:
            self.left_out += 1
            return
        answers: dict[tuple[int, ...], int] = {}
        member, old = [], []
        for text, tokens, logprobs in zip(
            row["answers"], row["token_ids"], row["logprobs"], strict=True
        ):
            self.tokenised += tokens is None
            ids = self._tokenizer.answer_ids(text) if tokens is None else tokens
            self.cut += room is not None and len(ids) > room
            member.append(answers.setdefault(tuple(ids[:room]), len(answers)))
            known = tokens is not None and logprobs is not None
            old.append(np.asarray(logprobs[:room], np.float32) if known else None)
        self.groups.append(
            TokenGroup(
                row["question_id"],
                np.asarray(prompt, np.int64),
                tuple(np.asarray(answer, np.int64) for answer in answers),
                tuple(member),
                tuple(old),
                np.asarray(row["rewards"], float),
                np.asarray(row["advantages"], float),
                np.asarray(row["unscaled_advantages"], float),
            )
        )


def groups_dataset(tokenizer: Any, path: str, side: str | None = None) -> GroupsDataset:
    """The groups of a file, as a component for torchtune configurations::

    dataset:
      _component_: codemix_core.training.group_data.groups_dataset
      path: /data/train.parquet
    """
    return GroupsDataset(tokenizer, path, side)


def _files(path: Path) -> list[pq.ParquetFile]:
    paths: Sequence[Path] = sorted(path.glob("*.parquet")) if path.is_dir() else [path]
    found = []
    for one in paths:
        try:
            file = pq.ParquetFile(one)
        except (OSError, ValueError) as error:
            what = f"cannot be read as Parquet: {error}."
            raise FormatError(Problem(f"dataset {one}", what, FIX)) from error
        missing = [name for name in COLUMNS if name not in file.schema_arrow.names]
        if missing:
            what = f"lacks the columns {', '.join(missing)}."
            raise FormatError(Problem(f"dataset {one}", what, FIX))
        found.append(file)
    return found


def _check(row: dict[str, Any]) -> None:
    """Raise when the lists of a group do not belong together."""
    where = f"dataset, group {row['question_id']!r}"
    lists = ("answers", "token_ids", "logprobs", "rewards", "advantages", "unscaled_advantages")
    sizes = {name: len(row[name]) for name in lists}
    if len(set(sizes.values())) > 1 or not sizes["answers"]:
        raise FormatError(Problem(where, f"has lists of lengths {sizes}.", FIX))
    for place, (tokens, logprobs) in enumerate(zip(row["token_ids"], row["logprobs"], strict=True)):
        if tokens is not None and (not tokens or len(logprobs or tokens) != len(tokens)):
            what = f"has {len(tokens)} tokens and {len(logprobs or ())} log-probabilities."
            raise FormatError(Problem(f"{where}, answer {place}", what, FIX))
