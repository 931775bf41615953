"""``preflight``: a dataset through the real torchtune classes, before anybody trains on it.

Guarantees: rows are read by the torchtune dataset class of the dataset's own configuration
block and tokenised by the tokenizer training uses, so what is counted and shown is what would
be trained on. What is found wrong blocks the export until a person overrides it.

Not checked here: log-probabilities under the model itself, which need its weights.
"""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from codemix_core import files
from codemix_core.datasets.checks import problem_documents
from codemix_core.datasets.measure import Measured, load_side, measure
from codemix_core.datasets.registry import find
from codemix_core.datasets.rows import SIDES
from codemix_core.datasets.sampled import Comparison, compare_with_sampled
from codemix_core.errors import NotFoundError, Problem
from codemix_core.progress import Progress
from codemix_core.specs import Spec, option
from codemix_core.workspace import RunDir, Workspace

MAX_TRUNCATED = 0.05
"""A larger share of rows that lose their end blocks the export, and a training."""
BINS = 30


class PreflightSpec(Spec):
    """Check a dataset with torchtune's own classes and a model's tokenizer."""

    stage: ClassVar[str] = "preflight"
    command: ClassVar[str] = "preflight"

    dataset: str = option(doc="the dataset to check, see 'datasets'", argument=True)
    model: str = option(doc="model to be trained: nano, a directory, a registered one, an HF id")
    revision: str | None = option(None, "branch, tag or commit of a Hugging Face model")
    max_seq_len: int | None = option(
        None, "tokens per row; left out: the model's context", ge=1, le=10_000_000
    )
    rows: int = option(20_000, "tokenise at most this many rows, evenly spread", ge=1)

    def device(self) -> None:
        """Tokenising needs no device."""
        return

    def check(self, workspace: Workspace) -> list[Problem]:
        """A dataset that is not there or not complete."""
        try:
            find(workspace, self.dataset)
        except NotFoundError as error:
            return error.problems
        return []


def run(spec: PreflightSpec, run_dir: RunDir, progress: Progress) -> str:
    """Check the dataset and write ``preflight.json``."""
    from codemix_core.sampling import models
    from codemix_core.training.tokenizer import ChatTemplateTokenizer

    workspace = run_dir.workspace
    dataset, document = find(workspace, spec.dataset)
    progress.message("loading the tokenizer")
    model = models.find(spec.model, spec.revision, workspace)
    limit = spec.max_seq_len or model.context
    tokenizer = ChatTemplateTokenizer(model.directory)
    measured = {}
    loaded = {}
    with tempfile.TemporaryDirectory(prefix="codemix-preflight-") as scratch:
        sides = [side for side in SIDES if side in document["files"]]
        progress.start(sum(document["files"][s]["rows"] for s in sides), unit="rows")
        for side in sides:
            rows = load_side(dataset, document, side, tokenizer, Path(scratch))
            loaded[side] = len(rows)
            measured[side] = measure(rows, tokenizer, limit, spec.rows, progress)
            progress.advance(loaded[side] - len(measured[side].lengths))
    sampled = compare_with_sampled(workspace, dataset, document, tokenizer, spec.model)
    report = _report(spec, document, loaded, measured, sampled, limit)
    files.write_json(run_dir.preflight_path, report)
    return _summary(report)


def _report(
    spec: PreflightSpec,
    document: dict[str, Any],
    loaded: dict[str, int],
    measured: dict[str, Measured],
    sampled: Comparison,
    limit: int | None,
) -> dict[str, Any]:
    everything = list(measured.values())
    lengths = np.array([n for side in everything for n in side.lengths])
    trained = np.array([n for side in everything for n in side.trained])
    examined = max(1, len(lengths))
    cut = sum(side.cut for side in everything)
    untrained = sum(side.untrained for side in everything)
    report: dict[str, Any] = {
        "dataset": spec.dataset,
        "checked_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "model": spec.model,
        "template": document["template"],
        "max_seq_len": limit,
        "rows_loaded": loaded,
        "rows_examined": len(lengths),
        "lengths": _histogram(lengths),
        "trained_tokens": int(trained.sum()),
        "mean_trained_tokens": float(trained.mean()) if len(trained) else 0.0,
        "truncated_share": cut / examined,
        "untrained_rows": untrained,
        "first": everything[0].first if everything else {},
        "sampled": sampled.document(),
        "warnings": sampled.warnings(),
    }
    found = list(sampled.problems())
    for side, count in loaded.items():
        if count != document["files"][side]["rows"]:
            what = f"torchtune loads {count} of {document['files'][side]['rows']} {side} rows."
            found.append(Problem("rows", what, "Build the dataset again."))
    if cut / examined > MAX_TRUNCATED:
        what = f"{cut / examined:.1%} of the rows exceed {limit} tokens and lose their end."
        found.append(Problem("max_seq_len", what, "Raise it, or leave out long answers."))
    if untrained:
        what = f"{untrained} rows have no token left to train on."
        found.append(Problem("max_seq_len", what, "Their prompts alone are too long."))
    report["build_problems"] = document["problems"]
    report["problems"] = problem_documents(found)
    return report


def _histogram(lengths: Any) -> dict[str, Any]:
    if not len(lengths):
        return {"edges": [], "counts": [], "median": 0, "p95": 0, "max": 0}
    counts, edges = np.histogram(lengths, BINS)
    return {
        "edges": edges.tolist(),
        "counts": counts.tolist(),
        "median": float(np.median(lengths)),
        "p95": float(np.percentile(lengths, 95)),
        "max": int(lengths.max()),
    }


def _summary(report: dict[str, Any]) -> str:
    lengths = report["lengths"]
    text = (
        f"{sum(report['rows_loaded'].values()):,} rows load; median {lengths['median']:.0f},"
        f" longest {lengths['max']:,} tokens; {report['truncated_share']:.1%} truncated"
    )
    names = [f"{p['where']}: {p['what']}" for p in report["problems"]]
    names += [f"{p['where']}: {p['what']}" for p in report["build_problems"]]
    return f"{text}; blocked by {'; '.join(names)}" if names else f"{text}; no problem found"
