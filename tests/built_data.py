"""Datasets in a workspace, built by the stage itself from answers made by hand."""

from __future__ import annotations

from typing import Any

from codemix_core import files
from codemix_core.datasets.spec import BuildSpec
from codemix_core.datasets.stage import run as build
from codemix_core.progress import Progress
from codemix_core.records import Question
from codemix_core.sampling.spec import SampleSpec
from codemix_core.workspace import RunDir, Workspace
from tests.pages_data import ended
from tests.selection_data import sampled, write_runs


def quiet() -> Progress:
    """Progress that nobody watches."""
    return Progress(lambda snapshot: None)


def built(workspace: Workspace, source: str, method: str, **settings: Any) -> RunDir:
    """A complete dataset."""
    spec = BuildSpec.parse({"run": source, "method": method, **settings})
    assert spec.check(workspace) == []
    made = workspace.new_run(spec)
    build(spec, made, quiet())
    return ended(made, 20, "questions")


def gold(workspace: Workspace, **settings: Any) -> str:
    """The gold solutions of the training questions of the set ``nano``, twelve rows."""
    return built(workspace, "nano", "gold_solution", split="train", **settings).run_id


def scored(workspace: Workspace, nano: list[Question], **settings: Any) -> str:
    """A scoring run over twenty questions with answers of every quality, sampled from nano."""
    sampling, scoring = write_runs(workspace, "nano", nano, *sampled(nano[:20]))
    spec = SampleSpec.parse({"questions": "nano", "model": "nano", **settings})
    files.write_json(sampling.spec_path, spec.model_dump(mode="json"))
    return scoring.run_id
