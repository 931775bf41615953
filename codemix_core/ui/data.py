"""What pages read, cached by what lies on disk, so that a rerun costs next to nothing.

Shards never change once written, so the names of a run's shards say exactly what a query can
see. A cached result is used as long as they are the same; a running job's new shards make a
new result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from io import BytesIO
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from codemix_core import chain
from codemix_core.errors import NotFoundError
from codemix_core.jobs import status
from codemix_core.records import (
    GENERATIONS,
    PROMPTS,
    QUALITY,
    REFERENCES,
    VERDICTS,
    Question,
)
from codemix_core.store import Store
from codemix_core.workspace import QuestionSet, RunDir, Workspace

Mark = tuple[tuple[str, int, str], ...]
"""What of a run lies on disk: per run and table, the number of shards and the last one."""

SAMPLING = ("sample", "import_generations")
"""Stages that give generations."""


def mark(workspace: Workspace, run_id: str | None) -> Mark:
    """What a query over the run can see at this moment."""
    if run_id is None:
        return ()
    run = workspace.run(run_id)
    sampling = Store(workspace).sampling_of(run)
    judged = workspace.quality_runs((sampling or run).load_spec()["questions"])
    found = []
    for directory in {run, sampling, *judged} - {None}:
        assert directory is not None
        for table in (GENERATIONS, PROMPTS, VERDICTS, REFERENCES, QUALITY):
            shards = directory.shards(table)
            if shards:
                found.append((f"{directory.run_id}/{table.name}", len(shards), shards[-1].name))
    return tuple(sorted(found))


def frame(
    workspace: Workspace, name: str, run_id: str, baseline: str | None = None, **parameters: Any
) -> pd.DataFrame:
    """A named query over a run, cached until the run (or its baseline) has new rows."""
    arguments = tuple(sorted(parameters.items()))
    marks = mark(workspace, run_id) + mark(workspace, baseline)
    return _frame(str(workspace.root), name, run_id, baseline, arguments, marks)


@st.cache_data(max_entries=256, show_spinner=False)
def _frame(
    root: str,
    name: str,
    run_id: str,
    baseline: str | None,
    arguments: tuple[tuple[str, Any], ...],
    marks: Mark,
) -> pd.DataFrame:
    del marks  # Part of the cache key only.
    return Store(Workspace(Path(root))).frame(name, run_id, baseline, **dict(arguments))


def set_frame(
    workspace: Workspace, name: str, question_set: str, scored: str | None, **parameters: Any
) -> pd.DataFrame:
    """A named query over a question set, what is known about its tests and one scoring run."""
    checked = workspace.references(question_set)
    judged = workspace.quality_runs(question_set)
    runs = [scored, *(run.run_id for run in (checked, *judged) if run is not None)]
    marks = tuple(part for run_id in runs for part in mark(workspace, run_id))
    arguments = tuple(sorted(parameters.items()))
    root, born = str(workspace.root), _written(workspace.question_set(question_set))
    return _set_frame(root, name, question_set, born, scored, arguments, marks)


@st.cache_data(max_entries=128, show_spinner=False)
def _set_frame(
    root: str,
    name: str,
    question_set: str,
    born: int,
    scored: str | None,
    arguments: tuple[tuple[str, Any], ...],
    marks: Mark,
) -> pd.DataFrame:
    del born, marks  # Part of the cache key only.
    return Store(Workspace(Path(root))).set_frame(name, question_set, scored, **dict(arguments))


def questions(question_set: QuestionSet) -> dict[str, Question]:
    """The questions of a set by id, read once per server."""
    return _questions(str(question_set.root), question_set.name, _written(question_set))


@st.cache_resource(max_entries=16, show_spinner=False)
def _questions(root: str, name: str, born: int) -> dict[str, Question]:
    del born
    return {q.question_id: q for q in QuestionSet(name, Path(root)).questions()}


def _written(question_set: QuestionSet) -> int:
    return question_set.questions_path.stat().st_mtime_ns


def set_of(workspace: Workspace, run_id: str) -> QuestionSet:
    """The question set a run looks at.

    Raises:
        NotFoundError: the run, the one it scored, or its question set is gone.
    """
    run = workspace.run(run_id)
    sampling = Store(workspace).sampling_of(run)
    return workspace.question_set((sampling or run).load_spec()["questions"])


def sampling_id(workspace: Workspace, run_id: str) -> str:
    """The sampling run a scoring run scored; a sampling run itself."""
    sampling = Store(workspace).sampling_of(workspace.run(run_id))
    assert sampling is not None, run_id
    return sampling.run_id


def live_runs(workspace: Workspace) -> list[RunDir]:
    """Runs that a process works or waits for, newest first."""
    unfinished = (run for run in workspace.runs() if not run.exit_path.exists())
    return [run for run in unfinished if status(run).state.alive]


def parts_of(parents: Iterable[RunDir]) -> set[str]:
    """Ids of the runs that these runs are made of, those of their steps included."""
    found: set[str] = set()
    for parent in parents:
        steps = set(chain.steps(parent).values())
        found |= steps | parts_of(RunDir(parent.workspace, run_id) for run_id in steps)
    return found


def is_whole(run: RunDir) -> bool:
    """Whether the earlier run and the question set that a run looks at are still there."""
    try:
        set_of(run.workspace, run.run_id)
    except NotFoundError:
        return False
    return True


def sampling_runs(workspace: Workspace) -> list[RunDir]:
    """All runs that give generations and can be shown, newest first."""
    return [run for run in workspace.runs() if run.stage in SAMPLING and is_whole(run)]


def scoring_runs(workspace: Workspace) -> list[RunDir]:
    """All scoring runs that can be shown, newest first."""
    return [run for run in workspace.runs("score") if is_whole(run)]


def scores(workspace: Workspace) -> dict[str, list[RunDir]]:
    """Scoring runs by the sampling run they score, newest first."""
    found: dict[str, list[RunDir]] = {}
    for run in workspace.runs("score"):
        found.setdefault(run.load_spec()["run"], []).append(run)
    return found


def scores_of(workspace: Workspace, run_id: str) -> list[RunDir]:
    """Scoring runs of a sampling run, newest first."""
    return scores(workspace).get(run_id, [])


def newest_score(workspace: Workspace, question_set: str) -> RunDir | None:
    """The newest scoring run with verdicts about a question set."""
    for run in scoring_runs(workspace):
        if set_of(workspace, run.run_id).name == question_set and run.shards(VERDICTS):
            return run
    return None


def rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a small table as dictionaries."""
    return [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]


def csv(make: Callable[[], pd.DataFrame]) -> Callable[[], bytes]:
    """A table as CSV, made when the person asks for it."""
    return lambda: make().to_csv(index=False).encode()


def parquet(make: Callable[[], pd.DataFrame]) -> Callable[[], bytes]:
    """A table as Parquet, made when the person asks for it."""

    def write() -> bytes:
        buffer = BytesIO()
        make().to_parquet(buffer, index=False)
        return buffer.getvalue()

    return write
