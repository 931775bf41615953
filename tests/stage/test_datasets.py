"""Datasets from the command line, as jobs: build, list, check, export, delete, stop."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from codemix_core.records import Question
from codemix_core.workspace import RunDir, Workspace
from tests.conftest import PROJECT
from tests.selection_data import PROGRAMS, generation, verdict, write_runs


def command(*argv: str, code: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "codemix_core", *argv],
        capture_output=True,
        text=True,
        env=os.environ,
        cwd=PROJECT,
        check=False,
        timeout=180,
    )
    assert done.returncode == code, done.stderr
    return done.stdout + (done.stderr if code else "")


def document(*argv: str) -> Any:
    return json.loads(command(*argv, "--json"))


@pytest.fixture
def scoring(workspace: Workspace, nano: list[Question]) -> RunDir:
    made = [generation(q.question_id, i, PROGRAMS[i]) for q in nano[:10] for i in range(4)]
    verdicts = [verdict(g.question_id, g.sample_index, 4 - g.sample_index) for g in made]
    return write_runs(workspace, "nano", nano, made, verdicts)[1]


def test_a_dataset_is_built_checked_exported_and_deleted_by_command(
    workspace: Workspace, scoring: RunDir, tmp_path: Path
) -> None:
    built = document("build", scoring.run_id, "--method", "dpo", "--strategy", "nearest")
    run_id = built["run_id"]
    assert built["state"] == "succeeded"
    assert built["message"].startswith("10 rows (10 train) of dpo in format preference")
    assert [entry["run_id"] for entry in document("datasets")] == [run_id]
    shown = document("show-dataset", run_id, "--limit", "1")
    assert shown["preview"][0]["chosen_score"] > shown["preview"][0]["rejected_score"]
    checked = document("preflight", run_id, "--model", "nano")
    assert "10 rows load" in checked["message"]
    out = tmp_path / "out"
    command("export-dataset", run_id, "-o", str(out), "--template", "trl_preference")
    assert sorted(path.name for path in out.iterdir()) == ["dataset.json", "train.json"]
    assert len(json.loads((out / "train.json").read_text())) == 10
    assert "is used by preflight" in command("delete-dataset", run_id, code=2)
    command("delete-dataset", run_id, "--force")
    assert document("datasets") == []


def test_bad_input_writes_no_run(workspace: Workspace, scoring: RunDir) -> None:
    before = {path.name for path in workspace.runs_root.iterdir()}
    for argv in (
        ("build", scoring.run_id, "--method", "dpo", "--template", "chat"),
        ("build", "nano", "--method", "best_of_n"),
        ("build", scoring.run_id, "--method", "best_of_n", "--min-score", "2"),
        ("preflight", scoring.run_id, "--model", "nano"),
    ):
        assert "error: " in command(*argv, code=2)
    assert {path.name for path in workspace.runs_root.iterdir()} == before


def test_overlap_and_the_scripts_configuration_work_by_command(
    workspace: Workspace, nano: list[Question], tmp_path: Path
) -> None:
    run_id = document("build", "nano", "--method", "gold_solution")["run_id"]
    found = document("decontaminate", run_id, "--against", "nano")
    assert found["by_text"] == found["by_program"] == found["questions"] == len(nano)
    data = {
        "q": {
            "user": "x",
            "responses": [{"raw_output": f"y{n}", "code": f"z = {n}", "score": n} for n in (0, 1)],
        }
    }
    (tmp_path / "scored.json").write_text(json.dumps(data))
    config = tmp_path / "dataset_config.yaml"
    config.write_text(
        "data_path: scored.json\noutput_path: out.json\ntraining_method: dpo\n"
        "preference_config: {minimum_preferred_score: 1.0}\n"
    )
    assert command("prepare-dataset", str(config)).startswith("1 rows of 1 questions")
    assert json.loads((tmp_path / "out.json").read_text())[0]["chosen"][-1]["content"] == "y1"
