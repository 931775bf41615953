"""A training spec becomes a plan: recipe, configuration and steps, or all that is wrong with it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from codemix_core.errors import SpecError
from codemix_core.records import Question
from codemix_core.training import plan as plans
from codemix_core.training.plan import Plan, auto_recipe, changes_between, config_problems, plan
from codemix_core.training.spec import TrainSpec
from codemix_core.workspace import Workspace
from tests.built_data import built, gold, scored
from tests.conftest import PROJECT


def wrong(workspace: Workspace | None = None, **settings: Any) -> dict[str, str]:
    """Problems by field."""
    with pytest.raises(SpecError) as caught:
        TrainSpec.parse({"dataset": "d", "model": "nano", **settings}, workspace)
    return {problem.field: str(problem) for problem in caught.value.problems}


def test_a_change_that_is_no_key_and_value_is_named() -> None:
    for change in ("lr", "=3", "a b=3", "", "1x=2"):
        assert repr(change) in wrong(set=(change,))["set"]
    spec = TrainSpec.parse(
        {"dataset": "d", "model": "nano", "set": ("optimizer.lr = 1e-5", "a=b=c")}
    )
    assert spec.changes() == {"optimizer.lr": " 1e-5", "a": "b=c"}


def test_machines_need_a_place_to_meet_and_one_machine_none() -> None:
    assert "required for 2 nodes" in wrong(nnodes=2)["rdzv_endpoint"]
    assert "no effect on one machine" in wrong(rdzv_endpoint="host:29500")["rdzv_endpoint"]
    TrainSpec.parse({"dataset": "d", "model": "m", "nnodes": 2, "rdzv_endpoint": "host:29500"})


def test_a_reason_is_not_empty_and_a_name_can_be_a_file() -> None:
    found = wrong(override="  ", name="../mine")
    assert "say why" in found["override"]
    assert "'../mine'" in found["name"]


def test_names_that_are_taken_and_data_that_is_not_there_are_named_together(
    workspace: Workspace,
) -> None:
    workspace.write_model("mine", {"path": "/nowhere/at/all"})
    for name in ("mine", "nano"):
        found = wrong(workspace, name=name, model="/no/model")
        assert f"{name!r} is taken" in found["name"]
        assert "'d'" in found["run"]
        assert "does not exist" in found["model"]


def test_only_a_model_of_the_hub_gets_its_token_and_only_wandb_its_key(tmp_path: Path) -> None:
    def secrets(model: str, *changes: str) -> tuple[str, ...]:
        return TrainSpec.parse({"dataset": "d", "model": model, "set": changes}).secrets()

    assert secrets("nano") == secrets(str(tmp_path)) == ()
    assert secrets("org/name") == ("HF_TOKEN",)
    logger = "metric_logger.also=[{_component_: torchtune.training.metric_logging.WandBLogger}]"
    assert secrets("nano", logger) == ("WANDB_API_KEY",)


def test_the_recipe_follows_dataset_and_size_of_the_model(tmp_path: Path, nano_model: Path) -> None:
    assert auto_recipe("sft", nano_model) == "nano/sft_full"
    assert auto_recipe("grpo", nano_model) == "nano/grpo_full"
    config = json.loads((nano_model / "config.json").read_text())
    large = config | {"vocab_size": 150_000, "hidden_size": 512, "num_attention_heads": 8}
    (tmp_path / "config.json").write_text(json.dumps(large))
    for method in ("sft", "dpo", "grpo"):
        assert auto_recipe(method, tmp_path) == f"{method}_lora"


def test_a_dataset_is_trained_by_its_own_method_only(
    workspace: Workspace, nano: list[Question], nano_model: Path
) -> None:
    spec = TrainSpec.parse({"dataset": gold(workspace), "model": "nano", "recipe": "dpo_lora"})
    with pytest.raises(SpecError, match="trains by dpo, and the dataset is for sft") as caught:
        plan(spec, workspace, nano_model)
    assert "sft_lora" in str(caught.value)
    assert "nano/sft_full" in str(caught.value)
    assert "grpo_lora" not in str(caught.value)
    assert config_problems(spec, workspace, nano_model) == caught.value.problems


def made(workspace: Workspace, model: Path, dataset: str, *changes: str, **more: Any) -> Plan:
    spec = TrainSpec.parse({"dataset": dataset, "model": "nano", "set": changes, **more})
    return plan(spec, workspace, model)


def test_steps_are_counted_as_the_recipe_of_sft_takes_them(
    workspace: Workspace, nano: list[Question], nano_model: Path
) -> None:
    dataset = gold(workspace)

    def steps(*changes: str) -> int:
        found = made(workspace, nano_model, dataset, "epochs=1", *changes)
        assert found.rows == 12
        return found.steps

    assert steps("batch_size=5") == 2, "rows that fill no batch are left out"
    assert steps("batch_size=2", "gradient_accumulation_steps=4", "epochs=3") == 3
    assert steps("batch_size=2", "max_steps_per_epoch=4", "epochs=2") == 8
    assert steps("batch_size=2", "max_steps_per_epoch=40") == 6
    assert steps("batch_size=13") == 0


def test_steps_of_several_processes_count_the_rows_that_are_repeated_to_fill_them() -> None:
    """As ``StatefulDistributedSampler`` pads, and the loader drops the last batch."""
    config = {"epochs": 1, "batch_size": 5, "nproc_per_node": 2}
    assert plans.steps(config, "sft", 9) == 1
    assert plans.steps(config, "sft", 8) == 0
    assert plans.steps(config | {"nnodes": 2, "batch_size": 1}, "sft", 9) == 3


def test_steps_of_grpo_take_every_group_and_repeat_each_batch() -> None:
    config = {"epochs": 2, "nproc_per_node": 1, "grpo": {"groups_per_step": 8}}
    assert plans.steps(config, "grpo", 17) == 6, "the last groups are a step too"
    config["grpo"] = {"groups_per_step": 8, "epochs_per_batch": 3}
    assert plans.steps(config, "grpo", 17) == 18
    assert plans.steps(config | {"max_steps_per_epoch": 4}, "grpo", 17) == 8


def test_steps_of_dpo_and_its_validation_side(
    workspace: Workspace, nano: list[Question], nano_model: Path
) -> None:
    source = scored(workspace, nano)
    every = {"strategy": "all", "minimum_preferred_score": 0.75}
    dataset = built(workspace, source, "dpo", split_by="question", heldout_share=0.2, **every)
    found = made(workspace, nano_model, dataset.run_id, "batch_size=4", "epochs=2")
    assert (found.method, found.recipe) == ("dpo", "nano/dpo_full")
    assert 50 <= found.rows < 100, "five pairs of each question that is not held out"
    assert found.steps == 2 * (found.rows // 4)
    for key, side in (("dataset", "train"), ("dataset_validation", "heldout")):
        assert f"/{side}." in found.config[key]["data_files"]


def test_a_dataset_all_held_out_is_refused(
    workspace: Workspace, nano: list[Question], nano_model: Path
) -> None:
    dataset = built(workspace, "nano", "gold_solution", split_by="k", heldout_k=(1, 2, 3))
    with pytest.raises(SpecError, match="has no train side"):
        made(workspace, nano_model, dataset.run_id)


def test_grpo_learns_at_the_temperature_of_its_answers_unless_told_otherwise(
    workspace: Workspace, nano: list[Question], nano_model: Path
) -> None:
    source = scored(workspace, nano, temperature=0.7)
    dataset = built(workspace, source, "grpo").run_id
    assert made(workspace, nano_model, dataset).config["grpo"]["temperature"] == 0.7
    told = made(workspace, nano_model, dataset, "grpo.temperature=1.0")
    assert told.config["grpo"]["temperature"] == 1.0
    pairs = built(workspace, source, "dpo").run_id
    assert "grpo" not in made(workspace, nano_model, pairs).config


def test_several_nodes_and_processes_reach_the_configuration(
    workspace: Workspace, nano: list[Question], nano_model: Path
) -> None:
    dataset = gold(workspace)
    machines = {"nproc_per_node": 1, "nnodes": 2, "rdzv_endpoint": "host:29500"}
    recipe = {"recipe": "llama3_1_8b/sft_full_distributed"}
    found = made(
        workspace, nano_model, dataset, "batch_size=2", "device=cuda", **machines, **recipe
    )
    assert found.steps == 3 * found.config["epochs"] // found.config["gradient_accumulation_steps"]
    spec = TrainSpec.parse({"dataset": dataset, "model": "nano", **machines, **recipe})
    told = [str(p) for p in config_problems(spec, workspace, nano_model)]
    assert not [text for text in told if "nproc_per_node" in text], told


CONFIG = {
    "optimizer": {"_component_": "torch.optim.AdamW", "lr": 0.0005, "betas": [0.9, 0.95]},
    "epochs": 1,
    "clip": None,
    "also": {},
}


def test_what_a_person_edits_becomes_key_and_value() -> None:
    assert changes_between(CONFIG, yaml.safe_dump(CONFIG)) == ()
    edited: dict[str, Any] = json.loads(json.dumps(CONFIG))
    edited["optimizer"] |= {"lr": 3e-5, "betas": [0.9, 0.99], "eps": 1e-8}
    edited |= {"clip": 1.0, "note": "a: b", "loss": {"beta": 0.2}}
    found = changes_between(CONFIG, yaml.safe_dump(edited))
    assert dict(change.split("=", 1) for change in found) == {
        "optimizer.lr": "3.0e-05",
        "optimizer.betas": "[0.9, 0.99]",
        "optimizer.eps": "1.0e-08",
        "clip": "1.0",
        "note": "'a: b'",
        "loss.beta": "0.2",
    }


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("epochs: 1\noptimizer: [", "is not YAML in line 2"),
        ("- 1", "is not a mapping"),
        ("", "is not a mapping"),
        ("epochs: 1\nclip: null\nalso: {}", "lacks optimizer._component_, optimizer.lr"),
    ],
)
def test_an_edit_that_cannot_be_read_is_explained(text: str, words: str) -> None:
    with pytest.raises(SpecError, match=words):
        changes_between(CONFIG, text)


def test_a_number_typed_as_torchtune_reads_it_is_a_number(
    workspace: Workspace, nano: list[Question], nano_model: Path
) -> None:
    """``1e-5`` is a number for torchtune and a text for PyYAML."""
    found = made(workspace, nano_model, gold(workspace))
    edited = found.text().replace("lr: 0.0005", "lr: 1e-5").replace("epochs: 3", "epochs: 2")
    changes = changes_between(found.config, edited)
    again = made(workspace, nano_model, found_dataset(workspace), *changes)
    assert again.config["optimizer"]["lr"] == 1e-5
    assert again.config["epochs"] == 2
    differing = {k for k in again.config if again.config[k] != found.config[k]}
    assert differing <= {"optimizer", "epochs", "output_dir", "checkpointer", "metric_logger"}


def found_dataset(workspace: Workspace) -> str:
    return workspace.runs("build")[0].run_id


def test_all_problems_of_a_configuration_come_at_once(
    workspace: Workspace, nano: list[Question]
) -> None:
    changes = ("batch_size=0", "optimizer.lr=-1", "optimizer.rate=1", "loss=torch.nn.NoLoss", "x=1")
    with pytest.raises(SpecError) as caught:
        TrainSpec.parse({"dataset": gold(workspace), "model": "nano", "set": changes}, workspace)
    text = str(caught.value)
    for words in (
        "batch_size: got 0",
        "optimizer.lr: got -1",
        "optimizer.rate: is not an argument of torch.optim.AdamW",
        "'torch.nn.NoLoss' cannot be imported",
        "x: is not read by the recipe recipes/full_finetune.py",
    ):
        assert words in text


@pytest.mark.parametrize(
    "change",
    [
        "batch_size=two",
        "epochs=null",
        "gradient_accumulation_steps=-1",
        "optimizer=3",
        "loss={_component_: [1]}",
    ],
)
def test_no_value_however_wrong_breaks_the_check(
    workspace: Workspace, nano: list[Question], change: str
) -> None:
    key = change.partition("=")[0]
    assert key in wrong(workspace, dataset=gold(workspace), set=(change,))


def test_more_rows_than_there_are_for_one_step_is_a_problem_before_launch(
    workspace: Workspace, nano: list[Question]
) -> None:
    with pytest.raises(SpecError, match="12 rows do not fill one step"):
        values = {"dataset": gold(workspace), "model": "nano", "set": ("batch_size=13",)}
        TrainSpec.parse(values, workspace)


def test_checking_a_spec_loads_no_model_library(workspace: Workspace, nano: list[Question]) -> None:
    script = (
        "import sys\n"
        "from codemix_core.training.spec import TrainSpec\n"
        "from codemix_core.workspace import Workspace\n"
        "values = {'dataset': sys.argv[1], 'model': 'nano', 'set': ('optimizer.rate=1',)}\n"
        "try:\n"
        "    TrainSpec.parse(values, Workspace.open())\n"
        "except Exception as error:\n"
        "    print(error)\n"
        "print(*sorted({'torch', 'torchtune', 'transformers', 'vllm'} & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, gold(workspace)],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    )
    problem, loaded = done.stdout.splitlines()
    assert "optimizer.rate: is not an argument of torch.optim.AdamW" in problem
    assert loaded == ""


def test_a_hub_models_configuration_waits_for_its_files(workspace: Workspace) -> None:
    shutil.rmtree(workspace.models_root)
    workspace.models_root.mkdir()
    found = wrong(workspace, model="org/name")
    assert set(found) == {"run"}, "the dataset is looked for; the hub is not asked"
