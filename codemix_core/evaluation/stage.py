"""``evaluate``: a tuned model against its baseline, both sampled and scored the same way.

Four runs per split (sample and score, baseline and model), each a run of its own; then one
document with both models' figures and their paired differences over the questions both answered.

Guarantees: both models get the same questions, prompts' template, settings and seed; a run that
is complete, of exactly these settings and newer than the model and the questions is used again,
so a baseline is sampled once; stopping keeps what is done; a difference whose interval holds zero
is called no difference; questions a model is known to have been trained on are named.

Not guaranteed: that a model from elsewhere has never seen the questions.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from codemix_core import chain, files
from codemix_core.errors import Stopped
from codemix_core.evaluation import headline, report
from codemix_core.evaluation.intervals import METHOD
from codemix_core.evaluation.seen import trained_questions
from codemix_core.evaluation.spec import SHARED, EvaluateSpec
from codemix_core.progress import Progress
from codemix_core.sampling import models
from codemix_core.sampling.spec import SampleSpec
from codemix_core.store import Store
from codemix_core.workspace import RunDir, Workspace

__all__ = ["EvaluateSpec", "build", "run"]

ROLES = ("baseline", "model")
Scored = tuple[pd.DataFrame, dict[str, Any]]
"""A scoring run: its counts per question, and what it is, as :mod:`.report` puts it first."""


def build(split: str, model: Scored, baseline: Scored) -> headline.Part:
    """Both models on the questions of one split.

    Returns:
        split, title, headline (one line), model and baseline (each as ``report``), comparison.
    """
    counts, about = model
    other, other_about = baseline
    ks = sorted({int(k) for k in counts["k"]})
    part: headline.Part = {
        "split": split,
        "title": headline.title(split, ks),
        "model": report.report_document(counts, about),
        "baseline": report.report_document(other, other_about),
        "comparison": report.comparison(counts, other, other_about["run"]),
    }
    return {"headline": headline.line(part), **part}


def run(spec: EvaluateSpec, run: RunDir, progress: Progress) -> str:
    """Have both models sampled and scored, compare them, and return the headline.

    Raises:
        Stopped: asked to stop; what was sampled and scored stays.
        StageError: a sampling or scoring run failed.
    """
    scorings = _scorings(spec, run, progress)
    progress.message("comparing")
    store = Store(run.workspace)
    parts = []
    for split in spec.split:
        model, baseline = (
            (store.question_counts(found.run_id), report.about_run(run.workspace, found))
            for found in (scorings[split, "model"], scorings[split, "baseline"])
        )
        parts.append(build(split, model, baseline))
    settings = spec.model_dump(mode="json")
    document = {
        "run": run.run_id,
        "model": spec.model,
        "baseline": spec.baseline,
        "question_set": spec.questions,
        "content_hash": run.workspace.question_set(spec.questions).info()["content_hash"],
        "style": "cot" if spec.cot else "direct",
        "settings": {name: settings[name] for name in SHARED},
        "command": spec.command_line(),
        "interval_method": METHOD,
        "warnings": [*_seen(spec, run.workspace, parts), *_left_out(parts)],
        "parts": parts,
    }
    files.write_json(run.evaluation_path, document)
    warned = "".join(f"; warning: {text}" for text in document["warnings"])
    return "; ".join(part["headline"] for part in parts) + warned


def _scorings(spec: EvaluateSpec, run: RunDir, progress: Progress) -> dict[tuple[str, str], RunDir]:
    """The complete scoring runs by split and role."""
    steps, done = 2 * len(ROLES) * len(spec.split), 0

    def advance() -> None:
        # Not Progress.advance: steps take so different times that a rate of them says nothing.
        nonlocal done
        done += 1
        progress.start(steps, done=done, unit="steps")
        if progress.stopping:
            raise Stopped(f"stopped after {done} of {steps} steps; resume to do the rest")

    progress.start(steps, unit="steps")
    scorings: dict[tuple[str, str], RunDir] = {}
    for split in spec.split:
        for role in ROLES:
            wanted = spec.sampling(getattr(spec, role), split)
            current = is_current(wanted, run.workspace)
            name = f"{role} on {headline.TITLES[split]}"
            sampling = chain.step(run, f"sample {name}", wanted, progress, reuse=current)
            advance()
            scoring = spec.scoring(sampling.run_id)
            scorings[split, role] = chain.step(run, f"score {name}", scoring, progress, reuse=True)
            advance()
    return scorings


def is_current(spec: SampleSpec, workspace: Workspace) -> bool:
    """Whether an earlier sampling run of exactly this spec would come out the same today.

    It would not when the checkpoint's files, the model's registration or the question set are
    newer than the run. Nobody here can tell what a remote server serves under a name.
    """
    earlier = chain.earlier(workspace, spec)
    if earlier is None or spec.engine == "openai":
        return False
    read = [workspace.question_set(spec.questions).questions_path]
    directory = models.locate(spec.model, workspace)
    if directory is not None:
        read += [path for path in directory.iterdir() if path.is_file()]
    if spec.model in workspace.models():
        read.append(workspace.model_path(spec.model))
    if spec.template is not None:
        read.append(Path(spec.template))
    made = earlier.spec_path.stat().st_mtime
    return all(path.exists() and path.stat().st_mtime <= made for path in read)


def _seen(spec: EvaluateSpec, workspace: Workspace, parts: list[headline.Part]) -> list[str]:
    """A warning for each model and split with questions the model was trained on."""
    found = []
    for role in ROLES:
        name = getattr(spec, role)
        trained = trained_questions(workspace, name, spec.questions)
        for part in parts:
            asked = {row["question_id"] for row in part[role]["by_question"]}
            if asked & trained:
                found.append(
                    f"{part['title']}: {name} was trained on {len(asked & trained):,} of the"
                    f" {len(asked):,} questions; its pass rate there is too high"
                )
    return found


def _left_out(parts: list[headline.Part]) -> list[str]:
    """A warning for each split whose models have not answered the same questions."""
    found = []
    for part in parts:
        comparison = part["comparison"]
        lonely = comparison["only_in_run"], comparison["only_in_baseline"]
        if any(lonely):
            found.append(
                f"{part['title']}: {lonely[0]:,} questions have scored answers of the model alone"
                f" and {lonely[1]:,} of the baseline alone; they are left out of the differences"
            )
    return found
