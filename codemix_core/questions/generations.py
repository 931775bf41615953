"""``import-generations``: existing answers as a sampling run, ready to be scored.

Reads the original scripts' generations file, JSON Lines of our own, or the first answers in a
question file (:mod:`codemix_core.questions.answers`). Guarantees: bad input makes no run, with
every problem named; a run killed half-way continues without repeating an answer. Not
guaranteed: token ids and log-probabilities, which most such files lack.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pydantic import field_validator

from codemix_core.errors import InputError, Problem
from codemix_core.progress import Progress
from codemix_core.questions.answer_check import check_answers
from codemix_core.questions.answers import RawAnswers, read_answers
from codemix_core.questions.source import Source
from codemix_core.records import GENERATIONS, PROMPTS, Generation, Question
from codemix_core.sampling.extraction import extract
from codemix_core.specs import Spec, option
from codemix_core.workspace import RunDir, Workspace

BATCH = 1024
"""Answers between two looks at whether the run was asked to stop."""


class ImportGenerationsSpec(Spec):
    """Settings of ``import-generations``."""

    stage = "import_generations"
    command = "import-generations"

    path: str = option(doc="file (or question folder) with answers", argument=True, min_length=1)
    questions: str = option(doc="the question set they answer")
    model: str = option("imported", "label of what gave the answers", min_length=1)
    cot: bool = option(False, "the answers reason step by step before the program")

    @field_validator("path")
    @classmethod
    def _absolute(cls, path: str) -> str:
        """A run is resumed from anywhere, so its spec holds no relative path."""
        return str(Path(path).expanduser().resolve())

    def check(self, workspace: Workspace) -> list[Problem]:
        """Read and check every answer, so that bad input makes no run."""
        try:
            load(self, workspace)
        except InputError as error:
            return error.problems
        return []

    def device(self) -> None:
        """Reading files needs no device."""
        return


def build(raw: RawAnswers, questions: Iterable[Question], set_name: str) -> list[Generation]:
    """The answers as checked generations of the questions.

    Raises:
        FormatError: with every problem of every answer.
    """
    languages = {question.question_id: question.language for question in questions}
    return check_answers(
        raw, languages, set_name, lambda text, name: extract(text, languages[name])
    )


def load(spec: ImportGenerationsSpec, workspace: Workspace) -> tuple[RawAnswers, list[Generation]]:
    """The answers as found, and as generations.

    Raises:
        NotFoundError: there is no such file or question set.
        FormatError: with every problem of every answer.
    """
    questions = workspace.question_set(spec.questions).questions()
    raw = read_answers(Source(Path(spec.path)))
    return raw, build(raw, questions, spec.questions)


def run(spec: ImportGenerationsSpec, run_dir: RunDir, progress: Progress) -> str:
    """Read, check and write the answers; see the module for what is guaranteed."""
    progress.message("reading the answers")
    raw, generations = load(spec, run_dir.workspace)
    done = _existing(run_dir)
    progress.start(len(generations), done=len(done), unit="answers")
    with run_dir.writer(PROMPTS) as prompts:
        known = set(run_dir.read(PROMPTS, ["question_id"])["question_id"].to_pylist())
        prompts.extend(p for p in raw.prompts if p.question_id not in known)
    left = [g for g in generations if (g.question_id, g.sample_index) not in done]
    with run_dir.writer(GENERATIONS) as writer:
        for start in range(0, len(left), BATCH):
            if progress.stopping:
                break
            batch = left[start : start + BATCH]
            writer.extend(batch)
            progress.advance(len(batch))
    return _summary(raw, generations)


def _existing(run_dir: RunDir) -> set[tuple[str, int]]:
    rows = run_dir.read(GENERATIONS, ["question_id", "sample_index"])
    return set(zip(*(rows[name].to_pylist() for name in rows.column_names), strict=True))


def _summary(raw: RawAnswers, generations: list[Generation]) -> str:
    questions = len({generation.question_id for generation in generations})
    without_code = sum(generation.code is None for generation in generations)
    parts = [f"{len(generations)} answers to {questions} questions (layout {raw.layout})"]
    parts += [f"{without_code} without code"] if without_code else []
    return "; ".join(parts + raw.notes)
