"""Rows that carry every token are never all in memory at once."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from codemix_core.datasets import reward_groups
from codemix_core.datasets.context import resolve
from codemix_core.datasets.formats import format_for
from codemix_core.datasets.rows import GROUPS, Group, read_rows
from codemix_core.datasets.spec import BuildSpec
from codemix_core.records import Question
from codemix_core.workspace import RunDir, Workspace
from tests.selection_data import sampled, write_runs

COUNT, MEMBERS, TOKENS = 96, 4, 200


def _group(number: int) -> Group:
    ids = [[1000 + number] * TOKENS for _ in range(MEMBERS)]
    logprobs = [[-0.5 - number] * TOKENS for _ in range(MEMBERS)]
    flat = [0.0] * MEMBERS
    return Group(
        *(f"q{number:03}", "train", "[]", [1, 2], list(range(MEMBERS)), ["x"] * MEMBERS),
        *(ids, logprobs, flat, flat, flat, 0.0, 0.0, 0.0),
    )


@pytest.fixture
def built(workspace: Workspace) -> RunDir:
    """Many groups in one shard."""
    run = workspace.new_run(BuildSpec(run="score-20260102T030405-abcd", method="grpo"))
    with run.writer(GROUPS) as writer:
        writer.extend(_group(number) for number in range(COUNT))
    assert len(run.shards(GROUPS)) == 1
    return run


def _peak(work: Callable[[], object]) -> int:
    """Bytes of Python objects that were alive at once."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def _walk(rows: Iterator[dict[str, Any]]) -> int:
    return sum(1 for _ in rows)


def test_groups_are_read_a_few_at_a_time(built: RunDir) -> None:
    everything = _peak(lambda: list(read_rows(built, "groups")))
    assert _peak(lambda: _walk(read_rows(built, "groups"))) < everything / 4


def test_groups_are_written_a_few_at_a_time_and_come_back_whole(
    built: RunDir, tmp_path: Path
) -> None:
    path = tmp_path / "train.parquet"
    entry = format_for("groups", "groups")
    everything = _peak(lambda: list(read_rows(built, "groups")))
    assert _peak(lambda: entry.write(read_rows(built, "groups"), path)) < everything / 4
    assert pq.read_table(path).to_pylist() == list(read_rows(built, "groups"))
    assert pq.ParquetFile(path).num_row_groups == 2


def test_groups_are_selected_for_some_thousand_generations_at_a_time(
    workspace: Workspace, nano: list[Question], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, scoring = write_runs(workspace, "nano", nano, *sampled(nano[:9]))
    spec = BuildSpec(run=scoring.run_id, method="grpo")
    whole = list(chain(*reward_groups.reward_groups(resolve(spec, workspace))))
    monkeypatch.setattr(reward_groups, "CHUNK_ROWS", 12)
    parts = list(reward_groups.reward_groups(resolve(spec, workspace)))
    # Four scored answers to each question.
    assert [len(some) for some in parts] == [3, 3, 3]
    assert list(chain(*parts)) == whole
