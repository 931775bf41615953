"""Measures a nano model with the workbench's own commands: ``import``, ``sample``, ``score``.

Prints pass@1 per split and prompt style with a 95% interval over questions, and the share of
questions answered sometimes right and sometimes wrong, beside the bands the shipped model keeps.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from codemix_core.questions.nano import nano_questions
from codemix_core.workspace import Workspace

if TYPE_CHECKING:
    import pandas as pd

ROOT = Path(__file__).resolve().parents[1]
QUESTIONS = {"train": 150, "heldout": 200, "hard": 160}
"""Questions measured, by split."""
SAMPLES = 32
TEMPERATURE = 0.8
BANDS = {"train": (0.4, 0.7), "heldout": (0.4, 0.7), "hard": (0.0, 0.3)}
"""Where pass@1 of the bundled model lies, by split: as it must be, imperfect but capable."""


def measure(model: Path, seed: int) -> None:
    """Samples and scores in a workspace of its own and prints what came out."""
    with tempfile.TemporaryDirectory(prefix="nano-measure-") as folder:
        workspace = Workspace.open(Path(folder))
        questions = nano_questions(seed, **QUESTIONS)
        workspace.write_question_set("nano", questions, {"source": "nano", "format": "nano"})
        print(f"\n{'style':<8}{'split':<9}{'questions':>9}  pass@1               mixed  band")
        for style in ("direct", "cot"):
            began = time.monotonic()
            counts = _counts(workspace, model.absolute(), style)
            for split in QUESTIONS:
                print(_line(style, split, counts[counts["split"] == split]), flush=True)
            print(f"{'':<8}n = {SAMPLES}, t = {TEMPERATURE}, {time.monotonic() - began:.0f} s")


def _counts(workspace: Workspace, model: Path, style: str) -> pd.DataFrame:
    """One row per question: answers scored and correct."""
    from codemix_core.store import Store

    flags = ["--questions=nano", f"--model={model}", "-n", str(SAMPLES), "-t", str(TEMPERATURE)]
    sampled = _command(workspace, "sample", *flags, *(["--cot"] if style == "cot" else []))
    scored = _command(workspace, "score", str(sampled["run_id"]))
    return Store(workspace).question_counts(str(scored["run_id"]))


def _command(workspace: Workspace, *arguments: str) -> dict[str, Any]:
    """Runs a command of the workbench and returns its JSON document."""
    environment = {**os.environ, "CODEMIX_HOME": str(workspace.root)}
    command = [sys.executable, "-m", "codemix_core", *arguments, "--json"]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=False
    )
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(arguments)} failed:\n{done.stdout}")
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def _line(style: str, split: str, counts: pd.DataFrame) -> str:
    from codemix_core.evaluation.intervals import mean_interval
    from codemix_core.evaluation.summary import per_question

    rates = per_question(counts, 1)
    found = mean_interval(rates)
    mixed = float(((rates > 0) & (rates < 1)).mean())
    low, high = BANDS[split]
    verdict = "in" if low < found.value < high else "OUTSIDE"
    text = f"{found.value:.3f} [{found.low:.3f}, {found.high:.3f}]"
    return (
        f"{style:<8}{split:<9}{found.questions:>9}  {text}  {mixed:>5.0%}"
        f"  {verdict} {low:g} … {high:g}"
    )
