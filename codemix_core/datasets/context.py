"""What a build works on: the questions, prompts, scored generations and decisions it uses."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from codemix_core.datasets.spec import NO_SELFCHECK, BuildSpec
from codemix_core.errors import Problem, SpecError
from codemix_core.records import PROMPTS, REFERENCES, Question
from codemix_core.sampling.languages import fenced
from codemix_core.sampling.prompts import build_messages
from codemix_core.selection.annotations import Annotation, Decisions, current
from codemix_core.selection.candidates import Candidates, Integers
from codemix_core.selection.reading import Scored, load_run
from codemix_core.selection.splits import Split, SplitQuestion, split
from codemix_core.workspace import RunDir, Workspace

CHUNK_ROWS = 16_384
CHUNK_PAIRS = 2_000_000
"""Limits of what is handled at once: generations, and possible pairs of them."""


@dataclass
class Context:
    """One build's input, and notes on what it did with it.

    style: prompt style of the answers, ``direct`` or ``cot``.
    questions: those on a side of the split, by id, in the order of the set.
    selfcheck: the self-check that tells which gold fails; None without one, or without gold.
    flagged: ids of questions whose gold failed it; None without one.
    scored: None for gold solutions.
    applied: decisions of people that changed or confirmed a row.
    counts, uncovered, warnings: what people should know of the outcome.
    """

    spec: BuildSpec
    workspace: Workspace
    set_name: str
    sampling: RunDir | None
    scoring: RunDir | None
    style: str
    questions: dict[str, Question]
    selfcheck: RunDir | None
    flagged: frozenset[str] | None
    split: Split
    scored: Scored | None
    decisions: Decisions
    _prompts: dict[str, tuple[str, list[int] | None]]
    applied: list[Annotation] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    uncovered: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def side(self, question_id: str) -> str:
        """``train`` or ``heldout``."""
        return self.split.side[question_id]

    def messages(self, question_id: str) -> str:
        """The prompt of a question as JSON: as it was sampled, else from the bundled template."""
        if question_id in self._prompts:
            return self._prompts[question_id][0]
        made = build_messages(self.questions[question_id], self.style)
        return json.dumps(made, ensure_ascii=False)

    def prompt_token_ids(self, question_id: str) -> list[int] | None:
        """The prompt's tokens as sampled, or None when they are not known."""
        return self._prompts[question_id][1] if question_id in self._prompts else None

    def gold_answer(self, question: Question) -> str | None:
        """The gold solution as an answer in this style; None when a CoT one has no reasoning."""
        program = fenced(question.gold, question.language)
        if self.style == "direct":
            return program
        return None if question.reasoning is None else f"{question.reasoning}\n\n{program}"

    def answers(self, rows: Integers) -> list[str]:
        """What would be trained on of the candidates in ``rows``."""
        assert self.scored is not None
        texts = self.scored.reader.answers(rows, self.spec.column)
        if self.spec.column == "raw_output":
            return texts
        c = self.scored.candidates
        languages = [c.languages[place] for place in c.question[rows]]
        return [fenced(text, name) for text, name in zip(texts, languages, strict=True)]


def resolve(
    spec: BuildSpec, workspace: Workspace, progress: Callable[[int], None] = lambda rows: None
) -> Context:
    """Read everything a build needs.

    Raises:
        SpecError: nothing is left to build from.
    """
    from_set = any(found.name == spec.run for found in workspace.question_sets())
    scoring = None if from_set else workspace.run(spec.run)
    sampling = None if scoring is None else workspace.run(scoring.load_spec()["run"])
    set_name = spec.set_name(workspace)
    style = "cot" if (spec.cot if sampling is None else sampling.load_spec()["cot"]) else "direct"
    questions = [
        question
        for question in workspace.question_set(set_name).questions()
        if spec.split is None or question.split == spec.split
    ]
    scored = None
    decisions = Decisions()
    if spec.method != "gold_solution":
        assert scoring is not None
        scored = load_run(scoring, progress)
        # A share of the questions is one of those that can give a row.
        questions = [q for q in questions if q.question_id in scored.candidates.covered]
        if spec.method != "grpo":
            decisions = current(scoring, spec.annotations)
    sides = split(
        [
            SplitQuestion(q.question_id, tuple(q.skills), q.k, q.split, q.statement)
            for q in questions
        ],
        spec.split_rule(),
    )
    kept = {q.question_id: q for q in questions if q.question_id in sides.side}
    if not kept:
        what = f"no question of {set_name!r} is left by split {spec.split} and {spec.split_by}."
        raise SpecError(Problem("split", what, "Choose another split."))
    if scored is not None:
        scored = _of_questions(scored, kept)
    selfcheck = _selfcheck(spec, workspace, set_name)
    return Context(
        spec,
        workspace,
        set_name,
        sampling,
        scoring,
        style,
        kept,
        selfcheck,
        _flagged(selfcheck),
        sides,
        scored,
        decisions,
        {} if sampling is None else _prompts(sampling, token_ids=spec.method == "grpo"),
    )


def chunks(
    candidates: Candidates, counts: Sequence[int] | Integers, most: int = CHUNK_ROWS
) -> Iterator[slice]:
    """Ranges of question positions small enough to be handled at once, but at least one each.

    Args:
        counts: rows per question position, after what a rule leaves out.
        most: generations at once.
    """
    start, rows, pairs = 0, 0, 0
    for place, count in enumerate(counts):
        too_many = rows + count > most or pairs + count * count > 2 * CHUNK_PAIRS
        if too_many and rows:
            yield slice(start, place)
            start, rows, pairs = place, 0, 0
        rows, pairs = rows + int(count), pairs + int(count) ** 2
    if start < len(candidates.question_ids):
        yield slice(start, len(candidates.question_ids))


def _of_questions(scored: Scored, kept: dict[str, Question]) -> Scored:
    """The candidates of the given questions; positions stay those of the whole set."""
    c = scored.candidates
    places = [place for place, name in enumerate(c.question_ids) if name in kept]
    if len(places) == len(c.question_ids):
        return scored
    import numpy as np

    fewer = c.only(np.isin(c.question, places))
    return Scored(fewer, scored.reader.over(fewer))


def _selfcheck(spec: BuildSpec, workspace: Workspace, set_name: str) -> RunDir | None:
    """The self-check that a build rests on.

    Raises:
        SpecError: it is about another question set.
    """
    if not spec.takes_gold or spec.selfcheck == NO_SELFCHECK:
        return None
    if spec.selfcheck is None:
        return workspace.references(set_name)
    run = workspace.run(spec.selfcheck)
    about = run.load_spec()["questions"]
    if about != set_name:
        what = f"{spec.selfcheck!r} is about {about!r}, not {set_name!r}."
        raise SpecError(Problem("selfcheck", what, "Give a self-check of these questions."))
    return run


def _flagged(run: RunDir | None) -> frozenset[str] | None:
    if run is None:
        return None
    table = run.read(REFERENCES, ["question_id", "ok"])
    rows: list[dict[str, Any]] = table.to_pylist()
    return frozenset(row["question_id"] for row in rows if not row["ok"])


def _prompts(sampling: RunDir, *, token_ids: bool) -> dict[str, tuple[str, list[int] | None]]:
    columns = ["question_id", "messages", *(["token_ids"] if token_ids else [])]
    table = sampling.read(PROMPTS, columns)
    ids = table.column("token_ids").to_pylist() if token_ids else [None] * table.num_rows
    names, texts = (table.column(name).to_pylist() for name in columns[:2])
    return {n: (text, tokens) for n, text, tokens in zip(names, texts, ids, strict=True)}
