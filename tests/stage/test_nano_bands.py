"""The bundled model is as good and as bad as promised, through the product's own commands."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from codemix_core.evaluation.summary import per_question
from codemix_core.records import Question
from codemix_core.store import Store
from codemix_core.workspace import Workspace

PROJECT = Path(__file__).resolve().parents[2]
QUESTIONS = {"train": 80, "heldout": 100, "hard": 80}
SAMPLES = 16


def command(*arguments: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "codemix_core", *arguments, "--json"],
        cwd=PROJECT,
        env=os.environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


@pytest.mark.slow
@pytest.mark.parametrize("style", ["direct", "cot"])
def test_pass_at_1_lies_in_the_bands_and_nearly_every_question_is_mixed(
    style: str, workspace: Workspace, all_nano: list[Question]
) -> None:
    chosen = [
        question
        for split, count in QUESTIONS.items()
        for question in [q for q in all_nano if q.split == split][:count]
    ]
    workspace.write_question_set("nano", chosen, {"source": "nano", "format": "nano"})
    flags = ["--questions=nano", "--model=nano", "-n", str(SAMPLES), "-t", "0.8"]
    sampled = command("sample", *flags, *(["--cot"] if style == "cot" else []))
    scored = command("score", sampled["run_id"])
    counts = Store(workspace).question_counts(scored["run_id"])
    assert counts["scored"].sum() == SAMPLES * len(chosen)
    rates = {split: per_question(counts[counts["split"] == split], 1) for split in QUESTIONS}
    means = {split: float(values.mean()) for split, values in rates.items()}
    assert 0.4 < means["train"] < 0.7, means
    assert 0.4 < means["heldout"] < 0.7, means
    assert 0.0 < means["hard"] < 0.3, means
    pairs = pd.concat([pd.Series(rates["train"]), pd.Series(rates["heldout"])])
    assert ((pairs > 0) & (pairs < 1)).mean() >= 0.85
    assert counts["no_code"].sum() <= 0.02 * SAMPLES * len(chosen)
