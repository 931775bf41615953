"""Which questions a model was trained on, as far as the workspace knows.

A checkpoint that lies in a training run of this workspace leads to its dataset, and through the
model that training began with to the datasets before. Not known: what a model from elsewhere was
trained on, and datasets that were deleted.
"""

from __future__ import annotations

from codemix_core.datasets import registry
from codemix_core.datasets.rows import read_rows
from codemix_core.errors import NotFoundError
from codemix_core.sampling import models
from codemix_core.workspace import RunDir, Workspace


def trained_questions(workspace: Workspace, model: str, question_set: str) -> frozenset[str]:
    """Ids of the set's questions that were in the training rows of the model or its ancestors."""
    wanted = workspace.question_set(question_set).info()["content_hash"]
    found: set[str] = set()
    visited: set[str] = set()
    run = _training_run(workspace, model)
    while run is not None and run.run_id not in visited:
        visited.add(run.run_id)
        spec = run.load_spec()
        found |= _rows(workspace, str(spec["dataset"]), wanted)
        run = _training_run(workspace, str(spec["model"]))
    return frozenset(found)


def _training_run(workspace: Workspace, model: str) -> RunDir | None:
    """The training run whose directory holds the model."""
    directory = models.locate(model, workspace)
    root = workspace.runs_root.resolve()
    if directory is None or not directory.resolve().is_relative_to(root):
        return None
    run = RunDir(workspace, directory.resolve().relative_to(root).parts[0])
    return run if run.stage == "train" and run.exists() else None


def _rows(workspace: Workspace, dataset: str, content_hash: str) -> set[str]:
    """Questions with a training row in a dataset of the set with this content."""
    try:
        run, document = registry.find(workspace, dataset)
    except NotFoundError:
        return set()
    if document["lineage"]["questions"]["content_hash"] != content_hash:
        return set()
    return {
        row["question_id"] for row in read_rows(run, document["kind"], "train", ["question_id"])
    }
