"""What comes out of a training: the best epoch, its warnings, its name, and its end."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from codemix_core import files
from codemix_core.errors import InputError, StageError
from codemix_core.records import Question
from codemix_core.sampling import models
from codemix_core.sampling.spec import SampleSpec
from codemix_core.training import checkpoints, outcome
from codemix_core.training.checkpoints import Checkpoint
from codemix_core.training.plan import Plan
from codemix_core.training.spec import TrainSpec
from codemix_core.workspace import NAME, RunDir, Workspace
from tests.built_data import gold
from tests.pages_data import made

EPOCHS = [Checkpoint(Path(f"/c/epoch_{n}"), n, 100) for n in range(3)]
CONFIG = {"dtype": "fp32", "epochs": 3, "nproc_per_node": 1, "batch_size": 8}
PLAN = Plan("nano/sft_full", "sft", CONFIG, 12)


def validated(*losses: float) -> list[dict[str, Any]]:
    """Metrics of a run: a training line and a validation line an epoch."""
    lines: list[dict[str, Any]] = []
    for epoch, loss in enumerate(losses):
        lines.append({"step": epoch + 1, "loss": 9.0 - epoch})
        lines.append({"step": epoch + 1, "epoch": epoch, "validation/loss": loss})
    return lines


def test_the_best_epoch_has_the_lowest_validation_loss() -> None:
    best = outcome.best(EPOCHS, validated(0.6, 0.4, 0.7))
    assert best.checkpoint.epoch == 1
    assert best.why == "lowest validation loss, 0.4000, of 3 epochs"


def test_an_epoch_whose_checkpoint_is_gone_is_not_chosen() -> None:
    assert outcome.best(EPOCHS[::2], validated(0.6, 0.4, 0.7)).checkpoint.epoch == 0


def test_a_validation_loss_that_is_not_a_number_is_never_the_best() -> None:
    lines = [{"step": 1, "epoch": 0, "validation/loss": None}, *validated(0.1, 0.5)[2:]]
    best = outcome.best(EPOCHS, lines)
    assert (best.checkpoint.epoch, best.why) == (1, "lowest validation loss, 0.5000, of 1 epoch")


def test_without_validation_the_last_epoch_is_taken() -> None:
    best = outcome.best(EPOCHS, [{"step": 1, "epoch": 0, "loss": 0.1}])
    assert (best.checkpoint.epoch, best.why) == (2, "the last epoch")


def log_probs(values: Sequence[tuple[float, float]]) -> list[dict[str, float]]:
    return [
        {"step": n, "log_probs/chosen": now, "reference_log_probs/chosen": before}
        for n, (now, before) in enumerate(values)
    ]


def test_the_fall_of_the_chosen_is_the_mean_of_the_last_steps() -> None:
    lines = log_probs([(-90.0, -10.0)] * 5 + [(-13.0, -10.0)] * 10 + [(-14.0, -10.0)] * 10)
    assert outcome.fall(lines) == pytest.approx(3.5)
    assert outcome.fall(log_probs([(-8.0, -10.0)])) == pytest.approx(-2.0)
    assert outcome.fall([{"step": 1, "loss": 1.0}]) is None
    assert outcome.fall([]) is None


def test_a_step_without_a_number_does_not_hide_the_fall() -> None:
    lines: list[dict[str, Any]] = [*log_probs([(-13.0, -10.0)])]
    lines.append({"step": 2, "log_probs/chosen": None, "reference_log_probs/chosen": -10.0})
    assert outcome.fall(lines) == pytest.approx(3.0)


def test_a_warning_comes_from_two_nats_on_and_says_what_to_do() -> None:
    assert outcome.warnings(log_probs([(-11.99, -10.0)])) == []
    (text,) = outcome.warnings(log_probs([(-12.0, -10.0)]))
    assert "fallen 2.0 nats" in text
    assert "lower the learning rate" in text
    assert outcome.warnings([{"step": 1, "loss": 1.0}]) == []


@pytest.fixture
def dataset(workspace: Workspace, nano: list[Question]) -> str:
    return gold(workspace)


@pytest.fixture
def trained(workspace: Workspace, dataset: str, nano_model: Path) -> RunDir:
    """A training run with three checkpoints, the state of the second, and metrics."""
    spec = TrainSpec.parse({"dataset": dataset, "model": "nano"})
    run = made(workspace, spec, "done")
    for epoch in range(3):
        shutil.copytree(nano_model, run.checkpoints_root / f"epoch_{epoch}")
    (run.checkpoints_root / "recipe_state").mkdir()
    lines = [json.dumps(line) for line in validated(0.6, 0.4, 0.7)]
    run.metrics_path.write_text("\n".join(lines) + "\n")
    return run


def finished(run: RunDir, **settings: Any) -> dict[str, Any]:
    spec = TrainSpec.parse({"dataset": run.load_spec()["dataset"], "model": "nano", **settings})
    return outcome.finish(spec, run, PLAN)


def test_the_best_epoch_is_registered_with_where_it_came_from(
    workspace: Workspace, trained: RunDir, dataset: str
) -> None:
    result = finished(trained)
    assert result == files.read_json(trained.result_path)
    assert (result["name"], result["epoch"]) == ("nano-sft-done", 1)
    path = trained.checkpoints_root / "epoch_1"
    entry = workspace.models()["nano-sft-done"]
    assert entry == {
        "path": str(path),
        "base": "nano",
        "base_revision": None,
        "run": trained.run_id,
        "epoch": 1,
        "dataset": dataset,
        "method": "gold_solution",
        "style": "direct",
        "questions": "nano",
        "size_bytes": sum(p.stat().st_size for p in path.iterdir()),
    }
    assert models.find("nano-sft-done", None, workspace).directory == path


def test_every_checkpoint_says_the_format_it_was_trained_in(trained: RunDir) -> None:
    before = json.loads((trained.checkpoints_root / "epoch_0" / "config.json").read_text())
    assert before["dtype"] == "bfloat16"
    finished(trained)
    for checkpoint in checkpoints.epochs(trained.checkpoints_root):
        config = json.loads((checkpoint.path / "config.json").read_text())
        assert config == before | {"dtype": "float32"}
    assert checkpoints.last_state(trained.checkpoints_root) is None
    assert not (trained.checkpoints_root / "recipe_state").exists()


def test_a_training_that_left_no_checkpoint_is_a_failure(trained: RunDir) -> None:
    for path in trained.checkpoints_root.glob("epoch_*"):
        (path / "model.safetensors").unlink()
    with pytest.raises(StageError, match="without a complete checkpoint"):
        finished(trained)
    assert trained.workspace.models() == {}


@pytest.mark.parametrize(
    ("model", "begins"),
    [
        ("nano", "nano-"),
        ("/models/Qwen2.5 Coder (1.5B)/", "Qwen2.5_Coder__1.5B_-"),
        ("org/-_.odd", "odd-"),
        ("/models/模型", "model-"),
        ("/models/é", "model-"),
        ("/" + "x" * 200, "x" * 20),
        ("/models/...", "model-"),
    ],
)
def test_a_made_up_name_can_be_a_file_whatever_the_model_is_called(
    trained: RunDir, model: str, begins: str
) -> None:
    spec = TrainSpec.parse({"dataset": "d", "model": model})
    name = outcome.default_name(spec, trained, "dpo")
    assert NAME.fullmatch(name), name
    assert name.startswith(begins)
    assert name.endswith("-dpo-done")


def test_a_name_taken_since_the_launch_is_not_overwritten(
    workspace: Workspace, trained: RunDir
) -> None:
    theirs = {"path": "/other", "run": "train-20200101T000000-abcd"}
    workspace.write_model("best", theirs)
    name = finished(trained, name="best")["name"]
    assert workspace.models()["best"] == theirs
    assert name != "best"
    assert workspace.models()[name]["run"] == trained.run_id


def test_a_resumed_run_that_had_registered_its_model_keeps_its_name(
    workspace: Workspace, trained: RunDir
) -> None:
    assert finished(trained, name="best")["name"] == "best"
    assert finished(trained, name="best")["name"] == "best"
    assert list(workspace.models()) == ["best"]


def test_a_person_registers_any_epoch_under_a_free_name(
    workspace: Workspace, trained: RunDir
) -> None:
    finished(trained)
    first = outcome.checkpoint_of(trained, 0)
    outcome.register_as(workspace, trained, first, "early")
    assert workspace.models()["early"]["epoch"] == 0
    assert outcome.names_of(workspace, first) == ["early"]
    for name in ("early", "nano", "nano-sft-done"):
        with pytest.raises(InputError, match="is taken"):
            outcome.register_as(workspace, trained, first, name)
    for name in ("", "../up", ".hidden", "a b", "x" * 65):
        with pytest.raises(InputError, match="not a usable name"):
            outcome.register_as(workspace, trained, first, name)
    with pytest.raises(InputError, match=r"got 7; .* has: 0, 1, 2"):
        outcome.checkpoint_of(trained, 7)


def test_a_checkpoint_outlives_the_dataset_it_was_trained_on(
    workspace: Workspace, trained: RunDir, dataset: str
) -> None:
    shutil.rmtree(workspace.run(dataset).root)
    outcome.register_as(workspace, trained, outcome.checkpoint_of(trained, 2), "late")
    assert workspace.models()["late"]["dataset"] == dataset
    assert workspace.models()["late"]["method"] is None


def test_deleting_frees_its_files_and_forgets_its_names(
    workspace: Workspace, trained: RunDir
) -> None:
    finished(trained)
    size = outcome.checkpoint_of(trained, 1).size_bytes
    assert outcome.delete(workspace, trained, 1) == size > 1_000_000
    assert [c.epoch for c in checkpoints.epochs(trained.checkpoints_root)] == [0, 2]
    assert workspace.models() == {}
    with pytest.raises(InputError, match="got 1;"):
        outcome.delete(workspace, trained, 1)


def test_a_checkpoint_that_runs_use_is_deleted_only_by_force(
    workspace: Workspace, trained: RunDir
) -> None:
    finished(trained)
    path = outcome.checkpoint_of(trained, 1).path
    by_name = made(
        workspace, SampleSpec.parse({"questions": "nano", "model": "nano-sft-done"}), "a" * 4
    )
    by_path = made(workspace, SampleSpec.parse({"questions": "nano", "model": str(path)}), "b" * 4)
    with pytest.raises(InputError, match="--force") as caught:
        outcome.delete(workspace, trained, 1)
    assert by_name.run_id in str(caught.value)
    assert by_path.run_id in str(caught.value)
    assert path.exists()
    assert list(workspace.models()) == ["nano-sft-done"]
    outcome.delete(workspace, trained, 0)
    assert outcome.delete(workspace, trained, 1, force=True) > 0
    assert not path.exists()
