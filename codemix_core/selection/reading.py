"""Reads a scoring run into :class:`~codemix_core.selection.candidates.Candidates`.

Shards are read one at a time and only numbers are kept, so memory grows by about 80 bytes per
generation, not by its text. Every distinct program is normalised once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from codemix_core.records import GENERATIONS, VERDICTS, Status
from codemix_core.selection.candidates import STATUSES, Candidates, Integers
from codemix_core.selection.programs import program_key
from codemix_core.workspace import RunDir

_READ = (
    "question_id",
    "sample_index",
    "raw_output",
    "code",
    "finish_reason",
    "completion_tokens",
    "logprobs",
)


@dataclass(frozen=True)
class Scored:
    """A scoring run ready for selection: its numbers, and a reader for its texts."""

    candidates: Candidates
    reader: GenerationReader


class GenerationReader:
    """Reads columns of chosen generations again. Cheap to make, holds nothing open."""

    def __init__(self, paths: Sequence[Path], candidates: Candidates) -> None:
        self._paths = paths
        self._candidates = candidates

    def over(self, candidates: Candidates) -> GenerationReader:
        """A reader of the same shards for fewer candidates."""
        return GenerationReader(self._paths, candidates)

    def take(self, rows: Integers, columns: Sequence[str]) -> pa.Table:
        """The columns of the candidates in ``rows``, in that order."""
        shards, offsets = self._candidates.shard[rows], self._candidates.offset[rows]
        order = np.argsort(shards, kind="stable")
        found = [pa.schema([GENERATIONS.schema.field(c) for c in columns]).empty_table()]
        for shard in np.unique(shards):
            wanted = offsets[order][shards[order] == shard]
            found.append(pq.read_table(self._paths[int(shard)], columns=list(columns)).take(wanted))
        return pa.concat_tables(found).combine_chunks().take(np.argsort(order, kind="stable"))

    def answers(self, rows: Integers, column: str) -> list[str]:
        """Raw outputs or programs of the candidates in ``rows``; an absent program is ''."""
        return [text or "" for text in self.take(rows, [column]).column(column).to_pylist()]


def load(
    sampling: RunDir, scoring: RunDir, progress: Callable[[int], None] = lambda rows: None
) -> Scored:
    """The scored generations of ``sampling``, with the verdicts of ``scoring``.

    Args:
        progress: called with the number of generations read since the last call.
    """
    name = sampling.load_spec()["questions"]
    path = sampling.workspace.question_set(name).questions_path
    questions = pq.read_table(path, columns=["question_id", "language"])
    paths = sampling.shards(GENERATIONS)
    candidates = assemble(
        questions.column("question_id").to_pylist(),
        questions.column("language").to_pylist(),
        [_shard(p) for p in paths],
        scoring.read(VERDICTS, ["question_id", "sample_index", "status", "score"]),
        progress,
    )
    return Scored(candidates, GenerationReader(paths, candidates))


def load_run(scoring: RunDir, progress: Callable[[int], None] = lambda rows: None) -> Scored:
    """The scored generations of a scoring run."""
    sampling = scoring.workspace.run(scoring.load_spec()["run"])
    return load(sampling, scoring, progress)


def assemble(
    question_ids: list[str],
    languages: list[str],
    shards: Sequence[Callable[[], pa.Table]],
    verdicts: pa.Table,
    progress: Callable[[int], None] = lambda rows: None,
) -> Candidates:
    """Candidates from generations (a function per shard that reads it) and their verdicts."""
    known = pa.array(question_ids, pa.string())
    programs = _Programs(languages)
    pieces: list[dict[str, Any]] = []
    for number, read in enumerate(shards):
        table = read()
        pieces.append(_numbers(table, known, programs, number))
        progress(table.num_rows)
    columns = {
        name: np.concatenate([piece[name] for piece in pieces]) if pieces else np.zeros(0, int)
        for name in _EMPTY
    }
    columns["finished"] = columns["finished"].astype(bool)
    score, status = _join(columns, verdicts, known)
    unscored = int((status < 0).sum())
    infra = int((status == STATUSES.index(Status.INFRA_ERROR)).sum())
    kept = np.flatnonzero(np.isfinite(score) & (columns["question"] >= 0))
    order = kept[np.lexsort((columns["sample"][kept], columns["question"][kept]))]
    return Candidates(
        question_ids,
        languages,
        score=score[order],
        status=status[order],
        left_out={Status.INFRA_ERROR.value: infra, "not_scored": unscored},
        **{name: values[order] for name, values in columns.items()},
    )


_EMPTY = [
    "question",
    "sample",
    "tokens",
    "characters",
    "code_characters",
    "logprob",
    "finished",
    "program",
    "shard",
    "offset",
]


class _Programs:
    """Program keys of answers; every distinct text is normalised once."""

    def __init__(self, languages: list[str]) -> None:
        self._languages = languages
        self._known: dict[int, int] = {}

    def key(self, question: int, code: str | None, raw_output: str) -> int:
        language = self._languages[question] if question >= 0 else "python"
        text = hash((language, code, raw_output if code is None else ""))
        if text not in self._known:
            self._known[text] = program_key(code, raw_output, language)
        return self._known[text]


def _shard(path: Path) -> Callable[[], pa.Table]:
    return lambda: pq.read_table(path, columns=list(_READ))


def _numbers(table: pa.Table, known: pa.Array, programs: _Programs, number: int) -> dict[str, Any]:
    """One shard as number columns."""
    table = table.combine_chunks()
    question = _integers(pc.index_in(table.column("question_id"), value_set=known))
    codes, raw = table.column("code").to_pylist(), table.column("raw_output").to_pylist()
    keys = (
        programs.key(q, code, text)
        for q, code, text in zip(question.tolist(), codes, raw, strict=True)
    )
    return {
        "question": question,
        "sample": _integers(table.column("sample_index")),
        "tokens": _integers(table.column("completion_tokens")),
        "characters": _integers(pc.utf8_length(table.column("raw_output"))),
        "code_characters": _integers(pc.utf8_length(table.column("code"))),
        "logprob": _sums(table.column("logprobs")),
        "finished": pc.fill_null(pc.not_equal(table.column("finish_reason"), "length"), True)
        .to_numpy(zero_copy_only=False)
        .astype(bool),
        "program": np.fromiter(keys, np.int64, table.num_rows),
        "shard": np.full(table.num_rows, number, np.int32),
        "offset": np.arange(table.num_rows, dtype=np.int32),
    }


def _integers(column: Any) -> Integers:
    """An integer column as int32, null as −1."""
    filled = pc.fill_null(column, -1)
    return np.asarray(filled.to_numpy(zero_copy_only=False)).astype(np.int32)


def _sums(column: pa.ChunkedArray) -> Any:
    """Sum of each list, NaN for null and for lists whose sum is not finite."""
    lists = column.combine_chunks()
    lists = lists.chunk(0) if isinstance(lists, pa.ChunkedArray) and lists.num_chunks else lists
    if not len(lists):
        return np.zeros(0)
    present = pc.is_valid(lists).to_numpy(zero_copy_only=False)
    values = pc.cast(lists.flatten(), pa.float64()).to_numpy(zero_copy_only=False)
    lengths = pc.fill_null(pc.list_value_length(lists), 0).to_numpy(zero_copy_only=False)
    sums = np.where(present, 0.0, np.nan)
    filled = lengths > 0
    starts = (np.cumsum(lengths) - lengths)[filled]
    # Each list on its own: a difference of running totals would depend on its neighbours.
    own = np.add.reduceat(values, starts) if len(starts) else np.zeros(0)
    sums[filled] = np.where(np.isfinite(own), own, np.nan)
    return sums


def _join(columns: dict[str, Any], verdicts: pa.Table, known: pa.Array) -> tuple[Any, Any]:
    """Score (NaN when there is none) and status (−1 when there is none) of every generation."""
    if not verdicts.num_rows:
        count = len(columns["question"])
        return np.full(count, np.nan), np.full(count, -1, np.int8)
    theirs = _keys(
        _integers(pc.index_in(verdicts.column("question_id"), value_set=known)),
        _integers(verdicts.column("sample_index")),
    )
    order = np.argsort(theirs, kind="stable")
    ours = _keys(columns["question"], columns["sample"])
    place = np.minimum(np.searchsorted(theirs[order], ours), len(theirs) - 1)
    hit = theirs[order][place] == ours
    score = verdicts.column("score").to_numpy()[order][place].astype(float)
    names = pa.array([status.value for status in STATUSES])
    status = _integers(pc.index_in(verdicts.column("status"), value_set=names))[order][place]
    score[(status == STATUSES.index(Status.INFRA_ERROR)) | ~hit] = np.nan
    return score, np.where(hit, status, -1).astype(np.int8)


def _keys(question: Integers, sample: Integers) -> Any:
    return question.astype(np.int64) << 32 | sample.astype(np.int64)
