"""Every path and file name of the workspace; with :mod:`.run_dir`, nothing else knows them.

    questions/<set>/questions.parquet, set.json
    runs/<run_id>/spec.json, status.json, log.txt, lock, stop, exit.json, parts/*.parquet
    runs/<build run>/dataset.json, dataset/<side>.<format's ending>, exports.jsonl
    runs/<preflight run>/preflight.json
    runs/<train run>/config.yaml, preflight.json, parity.json, metrics.jsonl, checkpoints/
    runs/<train run>/result.json
    runs/<evaluate run>/evaluation.json
    runs/<evaluate or loop run>/steps.json
    models/<name>.json
    annotations/<run_id>.jsonl
    exports/<run_id>/
    uploads/<hash>-<file name>
    slots/<device>.lock, queue/<ticket>

Names given by people are checked here before they become a path.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import string
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from codemix_core import files
from codemix_core.errors import InputError, NotFoundError, Problem
from codemix_core.records import QUESTIONS, Question, content_hash
from codemix_core.run_dir import RunDir
from codemix_core.specs import Spec

__all__ = ["NAME", "RUN_ID", "QuestionSet", "RunDir", "Workspace", "check_name", "new_run_id"]

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
RUN_ID = re.compile(r"[a-z_]+-\d{8}T\d{6}-[a-z]{4}")


def check_name(field: str, name: str) -> str:
    """``name`` when it can safely be a directory name.

    Raises:
        InputError: it cannot.
    """
    if not NAME.fullmatch(name):
        raise InputError(
            Problem(
                field,
                f"{name!r} is not a usable name;",
                "allowed: 1 to 64 letters, digits, '.', '_' or '-', beginning with a letter or"
                " digit.",
            )
        )
    return name


def new_run_id(stage: str) -> str:
    """``<stage>-<UTC time>-<4 letters>``; sorts by time within a stage."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    letters = "".join(random.SystemRandom().choices(string.ascii_lowercase, k=4))
    return f"{stage}-{stamp}-{letters}"


@dataclass(frozen=True)
class QuestionSet:
    """One imported or generated question set; immutable once written."""

    name: str
    root: Path

    @property
    def questions_path(self) -> Path:
        return self.root / "questions.parquet"

    def info(self) -> dict[str, Any]:
        """``set.json``: source, format, counts, content hash, warnings, creation time."""
        document: dict[str, Any] = files.read_json(self.root / "set.json")
        return document

    def questions(self) -> list[Question]:
        """All questions, in source order."""
        records: list[Question] = QUESTIONS.from_rows(
            pq.read_table(self.questions_path).to_pylist()
        )
        return records


class Workspace:
    """The directory with everything a person made. Opening one creates it."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @classmethod
    def open(cls, path: Path | None = None) -> Workspace:
        """The workspace at ``path``, ``$CODEMIX_HOME`` or ``./workspace``.

        Raises:
            InputError: the directory cannot be created or written.
        """
        root = (path or Path(os.environ.get("CODEMIX_HOME") or "workspace")).expanduser().resolve()
        workspace = cls(root)
        try:
            for directory in (
                workspace.questions_root,
                workspace.runs_root,
                workspace.models_root,
                workspace.annotations_root,
                workspace.queue_root,
            ):
                directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            problem = f"cannot be used: {error.strerror}."
            fix = "Set CODEMIX_HOME to a directory you can write."
            raise InputError(Problem(f"workspace {root}", problem, fix)) from error
        return workspace

    @property
    def questions_root(self) -> Path:
        return self.root / "questions"

    @property
    def runs_root(self) -> Path:
        return self.root / "runs"

    @property
    def models_root(self) -> Path:
        return self.root / "models"

    @property
    def annotations_root(self) -> Path:
        return self.root / "annotations"

    @property
    def exports_root(self) -> Path:
        """Where datasets are exported to when a person names no other directory."""
        return self.root / "exports"

    @property
    def uploads_root(self) -> Path:
        """Question files that came through a browser."""
        return self.root / "uploads"

    def annotations_path(self, run_id: str) -> Path:
        """What people decided about the generations of a scoring run; append-only JSON lines."""
        return self.annotations_root / f"{check_name('run', run_id)}.jsonl"

    @property
    def slots_root(self) -> Path:
        return self.root / "slots"

    @property
    def queue_root(self) -> Path:
        return self.slots_root / "queue"

    def slot_path(self, device: str) -> Path:
        """The lock file of a device slot."""
        return self.slots_root / f"{check_name('device', device)}.lock"

    # Question sets

    def question_sets(self) -> list[QuestionSet]:
        """All question sets, by name."""
        roots = sorted(path.parent for path in self.questions_root.glob("*/set.json"))
        return [QuestionSet(root.name, root) for root in roots if not root.name.startswith(".")]

    def question_set(self, name: str) -> QuestionSet:
        """The set called ``name``.

        Raises:
            NotFoundError: there is none; the message lists those there are.
        """
        root = self.questions_root / check_name("questions", name)
        if not (root / "set.json").exists():
            names = ", ".join(s.name for s in self.question_sets()) or "none yet"
            fix = f"Sets in this workspace: {names}. Import one with 'import PATH --name NAME'."
            raise NotFoundError(Problem("questions", f"there is no question set {name!r}.", fix))
        return QuestionSet(name, root)

    def write_question_set(
        self, name: str, questions: Iterable[Question], info: Mapping[str, Any]
    ) -> QuestionSet:
        """Write a new set in one step: it appears whole or not at all.

        Raises:
            FileExistsError: a set of that name exists; sets are immutable.
        """
        root = self.questions_root / check_name("name", name)
        rows = list(questions)
        document = {
            **info,
            "name": name,
            "questions": len(rows),
            "content_hash": content_hash(rows),
            "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        staging = self.questions_root / f".new-{name}-{os.getpid()}"
        shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir()
        try:
            files.write_parquet(staging / "questions.parquet", QUESTIONS.to_arrow(rows))
            files.write_json(staging / "set.json", document)
            try:
                os.rename(staging, root)
            except OSError as error:
                if root.exists():
                    raise FileExistsError(f"question set {name!r} exists") from error
                raise
        finally:
            shutil.rmtree(staging, ignore_errors=True)
        return QuestionSet(name, root)

    # Runs

    def run(self, run_id: str) -> RunDir:
        """The run called ``run_id``.

        Raises:
            NotFoundError: there is none.
        """
        run = RunDir(self, run_id)
        if not RUN_ID.fullmatch(run_id) or not run.exists():
            fix = "List the runs with 'python -m codemix_core runs'."
            raise NotFoundError(Problem("run", f"there is no run {run_id!r}.", fix))
        return run

    def runs(self, stage: str | None = None) -> list[RunDir]:
        """All runs, or those of one stage, newest first; damaged ones are left out."""
        found = [run for run in self._run_directories(stage) if files.is_document(run.spec_path)]
        return sorted(found, key=lambda run: run.run_id.split("-", 1)[1], reverse=True)

    def damaged_runs(self) -> list[RunDir]:
        """Runs whose ``spec.json`` cannot be read; all one can do is delete them."""
        return [run for run in self._run_directories() if not files.is_document(run.spec_path)]

    def _run_directories(self, stage: str | None = None) -> list[RunDir]:
        paths = self.runs_root.glob("*-*")
        found = [RunDir(self, path.name) for path in paths if RUN_ID.fullmatch(path.name)]
        return [run for run in found if run.exists() and stage in (None, run.stage)]

    def new_run(self, spec: Spec, run_id: str | None = None) -> RunDir:
        """Create the directory of a run and write its ``spec.json``.

        Raises:
            FileExistsError: a run with the given id exists, so a form sent twice starts one run.
        """
        run = RunDir(self, run_id or new_run_id(spec.stage))
        if not RUN_ID.fullmatch(run.run_id) or run.stage != spec.stage:
            raise ValueError(f"{run.run_id!r} is not a run id of stage {spec.stage}")
        try:
            run.root.mkdir()
        except FileExistsError:
            if run_id is not None:
                raise
            return self.new_run(spec)  # by chance, within the same second
        run.parts_root.mkdir()
        files.write_json(run.spec_path, spec.model_dump(mode="json"))
        return run

    def references(self, questions: str) -> RunDir | None:
        """The newest complete self-check of the set called ``questions``, or None."""
        for run in self._about_set("selfcheck", questions):
            finished = run.exit()
            if finished is not None and finished["state"] == "succeeded":
                return run
        return None

    def quality_runs(self, questions: str) -> list[RunDir]:
        """Test-quality runs of the set called ``questions``, newest first.

        Unfinished ones too: every row they have written is complete.
        """
        return list(self._about_set("quality", questions))

    def _about_set(self, stage: str, questions: str) -> Iterator[RunDir]:
        """Runs of a stage made since the set was written, newest first."""
        created = datetime.fromisoformat(self.question_set(questions).info()["created_at"])
        since = created.astimezone(UTC).strftime("%Y%m%dT%H%M%S")
        for run in self.runs(stage):
            if run.run_id.split("-")[1] >= since and run.load_spec()["questions"] == questions:
                yield run

    # Models

    def models(self) -> dict[str, dict[str, Any]]:
        """Registered checkpoints by name: path, base model, run that made it."""
        paths = sorted(self.models_root.glob("*.json"))
        return {path.stem: files.read_json(path) for path in paths if files.is_document(path)}

    def model_path(self, name: str) -> Path:
        """Where a checkpoint is registered under ``name``."""
        return self.models_root / f"{check_name('name', name)}.json"

    def write_model(self, name: str, document: Mapping[str, Any]) -> None:
        """Register a checkpoint under ``name``."""
        files.write_json(self.model_path(name), dict(document))

    def forget_model(self, name: str) -> None:
        """Take a registered name away; the checkpoint stays where it is."""
        self.model_path(name).unlink(missing_ok=True)
