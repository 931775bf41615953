"""What the selection pages work on: a scoring run's candidates, possible pairs and decisions.

Read once per server and kept as long as the run's shards stay the same, so that moving a slider
or stepping to the next pair reads nothing but the texts it shows.
"""

from __future__ import annotations

import getpass
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from codemix_core import jobs
from codemix_core.datasets.context import CHUNK_PAIRS
from codemix_core.datasets.registry import DatasetInfo, listing
from codemix_core.records import VERDICTS, Question
from codemix_core.selection.annotations import Decisions, current
from codemix_core.selection.best_of_n import PickDecisions
from codemix_core.selection.candidates import Candidates, Column
from codemix_core.selection.pairs import PairTable, possible_pairs
from codemix_core.selection.reading import Scored, load
from codemix_core.ui import data, live, url, words
from codemix_core.workspace import RunDir, Workspace


@dataclass(frozen=True)
class Selection:
    """A scoring run to choose from.

    questions: all of the set, by id. scored: candidates and a reader for their texts.
    complete: the scoring run has ended well.
    """

    run: RunDir
    questions: dict[str, Question]
    scored: Scored
    complete: bool

    @property
    def candidates(self) -> Candidates:
        """The numbers of all scored generations."""
        return self.scored.candidates

    def name(self, place: int) -> str:
        """The id of the question at a position."""
        return self.candidates.question_ids[place]


def pick(workspace: Workspace, clears: Sequence[str]) -> Selection | None:
    """The run picker of the selection pages; None, and a word on what to do, without a run.

    Args:
        clears: URL values that lose their meaning with another run.
    """
    runs = {run.run_id: run for run in data.scoring_runs(workspace) if run.shards(VERDICTS)}
    if not runs:
        st.html(
            '<div class="cm-empty"><b>There is nothing to choose from yet.</b>Sample some answers'
            " and score them; what passes its tests can then be selected here.</div>"
        )
        st.page_link(
            "pages/3_Pass_rates.py", label="Go to Pass rates", icon=":material/query_stats:"
        )
        return None
    wanted = url.get("run")
    if wanted is not None and wanted not in runs:
        st.warning(
            words.literal(
                f"There is no scoring run {wanted!r} in this workspace; the newest is shown."
            )
        )
    chosen = url.choice(
        "Scoring run",
        "run",
        list(runs),
        format_func=lambda name: _label(workspace, runs[name]),
        clears=clears,
        label_visibility="collapsed",
    )
    run = runs[str(chosen)]
    complete = jobs.status(run).state == jobs.State.SUCCEEDED
    if not complete:
        live.panel(run)
    questions = data.questions(data.set_of(workspace, run.run_id))
    scored = _scored(str(workspace.root), run.run_id, data.mark(workspace, run.run_id))
    return Selection(run, questions, scored, complete)


def _label(workspace: Workspace, run: RunDir) -> str:
    sampling = workspace.run(run.load_spec()["run"])
    spec = sampling.load_spec()
    more = [f"n = {spec['n']}"] if "n" in spec else []
    more += ["CoT"] if spec["cot"] else []
    return " · ".join([run.run_id, live.title(sampling), *more])


@st.cache_resource(max_entries=4, show_spinner="Reading the scored generations …")
def _scored(root: str, run_id: str, marks: data.Mark) -> Scored:
    del marks  # Part of the cache key only.
    run = Workspace(Path(root)).run(run_id)
    return load(run.workspace.run(run.load_spec()["run"]), run)


def of_split(selection: Selection, split: str | None) -> Selection:
    """The same run with the questions of one split alone; positions stay."""
    if split is None:
        return selection
    scored = _of_split(
        str(selection.run.workspace.root),
        selection.run.run_id,
        data.mark(selection.run.workspace, selection.run.run_id),
        split,
        selection.scored,
        selection.questions,
    )
    return Selection(selection.run, selection.questions, scored, selection.complete)


@st.cache_resource(max_entries=8, show_spinner=False)
def _of_split(
    root: str,
    run_id: str,
    marks: data.Mark,
    split: str,
    _scored: Scored,
    _questions: dict[str, Question],
) -> Scored:
    del root, run_id, marks
    c = _scored.candidates
    wanted = np.array([_questions[name].split == split for name in c.question_ids], bool)
    fewer = c.only(wanted[c.question])
    return Scored(fewer, _scored.reader.over(fewer))


@dataclass(frozen=True)
class Pairs:
    """Possible pairs of a run; of its first questions alone where there are too many to show.

    questions: number of questions looked at, of all that have scored generations.
    """

    table: PairTable
    questions: int
    of: int


def pairs(selection: Selection, column: Column, split: str | None) -> Pairs:
    """All possible pairs a strategy can choose from."""
    workspace = selection.run.workspace
    marks = data.mark(workspace, selection.run.run_id)
    return _pairs(str(workspace.root), selection.run.run_id, marks, column, split, selection.scored)


@st.cache_resource(max_entries=8, show_spinner="Looking for pairs …")
def _pairs(
    root: str,
    run_id: str,
    marks: data.Mark,
    column: Column,
    split: str | None,
    _scored: Scored,
) -> Pairs:
    del root, run_id, marks, split
    c, reader = _scored.candidates, _scored.reader
    counts = np.diff(c.starts).astype(np.int64)
    end = int(np.searchsorted(np.cumsum(counts**2 // 2), CHUNK_PAIRS, side="right"))
    end = max(1, min(end, len(counts)))
    table = possible_pairs(c, column, lambda rows: reader.answers(rows, "code"), slice(0, end))
    return Pairs(table, int((counts[:end] > 0).sum()), int((counts > 0).sum()))


def decisions(run: RunDir) -> Decisions:
    """What people decided about a run; read again only when somebody decided something."""
    path = run.workspace.annotations_path(run.run_id)
    size = path.stat().st_size if path.exists() else 0
    return _decisions(str(run.workspace.root), run.run_id, size)


@st.cache_resource(max_entries=4, show_spinner=False)
def _decisions(root: str, run_id: str, size: int) -> Decisions:
    del size
    return current(Workspace(Path(root)).run(run_id))


def pick_decisions(candidates: Candidates, held: Decisions, column: Column) -> PickDecisions:
    """Decisions about picks as rows; those about answers that cannot be taken have no effect."""
    text = candidates.code_characters if column == "code" else candidates.characters
    chosen, rejected = {}, set()
    for name, annotation in held.picked.items():
        row = candidates.find(name, -1 if annotation.chosen is None else annotation.chosen)
        if row is not None and text[row] > 0:
            chosen[int(candidates.question[row])] = row
    for (kind, name, index, _), annotation in held.by_subject.items():
        if kind == "pick" and annotation.action == "reject" and index is not None:
            row = candidates.find(name, index)
            if row is not None:
                rejected.add(row)
    return PickDecisions(chosen, frozenset(rejected))


def answers(run: RunDir, question_id: str, samples: Sequence[int]) -> dict[int, pd.Series]:
    """Some generations of a question with their verdicts, by sample index."""
    frame = data.frame(
        run.workspace,
        "answers",
        run.run_id,
        question_id=question_id,
        samples=",".join(str(sample) for sample in samples),
    )
    return {int(row["sample_index"]): row for _, row in frame.iterrows()}


def datasets(workspace: Workspace) -> list[DatasetInfo]:
    """All datasets, newest first."""
    return listing(workspace)


def author() -> str:
    """Who decides: what the person typed into the author field, else the name of the account."""
    return str(st.session_state.get("author") or getpass.getuser())


def author_field() -> None:
    """The field for the name that is kept with every decision."""
    st.text_input(
        "Decided by",
        key="author",
        persist_state="session",
        placeholder=getpass.getuser(),
        help="Kept with every decision, with its time and reason.",
        max_chars=80,
        label_visibility="collapsed",
        icon=":material/person:",
        width=112,
    )


def lengths(row: pd.Series, logprob: Any) -> str:
    """Tokens, characters and log-probability of an answer in a few words.

    Imported answers have neither tokens nor a log-probability.
    """
    parts = []
    tokens = 0 if pd.isna(row["completion_tokens"]) else int(row["completion_tokens"])
    if tokens:
        parts.append(words.count(tokens, "token"))
    parts.append(words.count(len(row["raw_output"]), "character"))
    if not pd.isna(logprob):
        each = f" ({logprob / tokens:.3f} per token)" if tokens else ""
        parts.append(f"log p {logprob:.2f}{each}".replace("-", words.MINUS))
    return " · ".join(parts)
