"""The rows of a dataset, before any format: one table per kind of training data.

Every export is written from these, so a dataset can be had in another format without being
built again. ``messages`` is the prompt the answers were sampled from, as JSON
``[{role, content}, …]`` without the answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from codemix_core.records import Column, Table
from codemix_core.workspace import RunDir

SIDES = ("train", "heldout")


@dataclass(frozen=True, slots=True)
class Example:
    """One supervised example."""

    question_id: str
    side: str
    source: str
    sample_index: int | None
    score: float | None
    messages: str
    answer: str
    reason: str


@dataclass(frozen=True, slots=True)
class Pair:
    """One preference pair."""

    question_id: str
    side: str
    messages: str
    chosen_index: int
    rejected_index: int
    chosen: str
    rejected: str
    chosen_score: float
    rejected_score: float
    chosen_status: str
    rejected_status: str
    chosen_logprob: float | None
    rejected_logprob: float | None
    decision: str


@dataclass(frozen=True, slots=True)
class Group:
    """All scored generations of one question."""

    question_id: str
    side: str
    messages: str
    prompt_token_ids: list[int] | None
    sample_indexes: list[int]
    answers: list[str]
    token_ids: list[list[int] | None]
    logprobs: list[list[float] | None]
    rewards: list[float]
    advantages: list[float]
    unscaled_advantages: list[float]
    mean_reward: float
    std_reward: float
    pass_rate: float


_STRING, _INT, _FLOAT = pa.string(), pa.int32(), pa.float64()
_SHARED = [
    Column("question_id", _STRING, "the question"),
    Column("side", _STRING, "train | heldout"),
]
_MESSAGES = Column("messages", _STRING, "the prompt as JSON: [{role, content}, …]")

EXAMPLES = Table(
    "examples",
    Example,
    [
        *_SHARED,
        Column("source", _STRING, "generation | gold | gold_fallback"),
        Column("sample_index", _INT, "the generation; null for gold", True),
        Column("score", _FLOAT, "its score, 0 … 1; null for gold", True),
        _MESSAGES,
        Column("answer", _STRING, "what is trained on"),
        Column("reason", _STRING, "why this answer was taken"),
    ],
)

PAIRS = Table(
    "pairs",
    Pair,
    [
        *_SHARED,
        _MESSAGES,
        Column("chosen_index", _INT, "sample index of the chosen generation"),
        Column("rejected_index", _INT, "sample index of the rejected generation"),
        Column("chosen", _STRING, "the chosen answer"),
        Column("rejected", _STRING, "the rejected answer"),
        Column("chosen_score", _FLOAT, "score of the chosen answer, 0 … 1"),
        Column("rejected_score", _FLOAT, "score of the rejected answer, 0 … 1"),
        Column("chosen_status", _STRING, "verdict status of the chosen answer"),
        Column("rejected_status", _STRING, "verdict status of the rejected answer"),
        Column("chosen_logprob", _FLOAT, "sum under the sampler, nats; null when unknown", True),
        Column("rejected_logprob", _FLOAT, "sum under the sampler, nats; null when unknown", True),
        Column("decision", _STRING, "rule | accept | swap: swap means a person turned it round"),
    ],
)

GROUPS = Table(
    "groups",
    Group,
    [
        *_SHARED,
        _MESSAGES,
        Column("prompt_token_ids", pa.list_(_INT), "as sampled; null when unknown", True),
        Column("sample_indexes", pa.list_(_INT), "the members; lists below follow their order"),
        Column("answers", pa.list_(_STRING), "raw output or fenced program"),
        Column("token_ids", pa.list_(pa.list_(_INT)), "sampled tokens; null when unknown"),
        Column("logprobs", pa.list_(pa.list_(pa.float32())), "per sampled token, nats; or null"),
        Column("rewards", pa.list_(_FLOAT), "score of each member, or 1 if correct and else 0"),
        Column("advantages", pa.list_(_FLOAT), "(reward − mean) / std; 0 when all are equal"),
        Column("unscaled_advantages", pa.list_(_FLOAT), "reward − mean"),
        Column("mean_reward", _FLOAT, "mean of the rewards"),
        Column("std_reward", _FLOAT, "standard deviation of the rewards, population"),
        Column("pass_rate", _FLOAT, "share of members with score 1"),
    ],
)

KINDS = {"examples": EXAMPLES, "pairs": PAIRS, "groups": GROUPS}
"""Tables by kind of training data."""

METHODS = {
    "gold_solution": "examples",
    "best_of_n": "examples",
    "dpo": "pairs",
    "grpo": "groups",
}
"""Kind of training data by method."""

BATCH = {"examples": 2048, "pairs": 2048, "groups": 8}
"""Rows in memory at once, by kind: a group holds every token of all its members."""


def read_rows(
    run: RunDir, kind: str, side: str | None = None, columns: Sequence[str] | None = None
) -> Iterator[dict[str, Any]]:
    """Rows of a built dataset as dictionaries, in order, a batch at a time in memory.

    Args:
        side: ``train`` or ``heldout``; both when left out.
        columns: only these, and ``side``.
    """
    wanted = None if columns is None else list(dict.fromkeys([*columns, "side"]))
    for path in run.shards(KINDS[kind]):
        for batch in pq.ParquetFile(path).iter_batches(BATCH[kind], columns=wanted):
            for row in batch.to_pylist():
                if side is None or row["side"] == side:
                    yield row
