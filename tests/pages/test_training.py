"""Training: nothing to train on, a form that explains itself, and runs in every state."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from codemix_core import files, jobs
from codemix_core.jobs import State
from codemix_core.records import Question
from codemix_core.training import checkpoints
from codemix_core.training.spec import TrainSpec
from codemix_core.ui import words
from codemix_core.workspace import RunDir, Workspace
from tests.built_data import built, gold, scored
from tests.conftest import PROJECT
from tests.pages_data import alive, ended, made, press, shown, wrong

Open = Callable[..., AppTest]
PAGE = "6_Training.py"


@pytest.fixture
def dataset(workspace: Workspace, nano: list[Question]) -> str:
    return gold(workspace)


@pytest.fixture
def pairs(workspace: Workspace, nano: list[Question]) -> str:
    return built(workspace, scored(workspace, nano), "dpo").run_id


def text(page: AppTest) -> str:
    return shown(page) + "\n".join(str(e.value) for e in page.error)


def command(page: AppTest) -> str:
    return next(c.value for c in page.code if "codemix_core train" in c.value)


def yaml_area(page: AppTest) -> Any:
    return page.text_area[0]


def edit(page: AppTest, *replacements: tuple[str, str]) -> None:
    before = after = yaml_area(page).value
    for old, new in replacements:
        assert old in after
        after = after.replace(old, new)
    assert after != before
    yaml_area(page).set_value(after).run()
    assert not page.exception, page.exception[0].value


def figures(page: AppTest) -> list[dict[str, Any]]:
    charts = [chart for chart in page.get("plotly_chart") if str(chart.key).startswith("curve-")]
    return [json.loads(chart.proto.spec) for chart in charts]


def numbers(values: Any) -> list[float]:
    """The values of a trace, however plotly packs them."""
    if not isinstance(values, dict):
        return list(values)
    packed = np.frombuffer(base64.b64decode(values["bdata"]), np.dtype(values["dtype"]))
    return [float(value) for value in packed]


def test_an_empty_workspace_says_what_to_do_first(open_page: Open) -> None:
    found = text(open_page(PAGE))
    assert "There is nothing to train on yet." in found
    assert "DPO pairs" in found
    assert "GRPO groups" in found


def test_without_a_run_the_form_shows_the_whole_configuration_and_its_command(
    open_page: Open, workspace: Workspace, dataset: str
) -> None:
    page = open_page(PAGE)
    assert "No run yet." in text(page)
    assert command(page) == f"python -m codemix_core train --dataset {dataset} --model nano"
    shown_yaml = yaml_area(page).value
    assert "recipe: recipes/full_finetune.py" in shown_yaml
    assert f"{dataset}/dataset/train.json" in shown_yaml
    assert "12" in text(page)
    assert "learning rate" in text(page)
    button = next(b for b in page.button if b.label == "Train")
    assert not button.disabled
    assert workspace.runs("train") == []


def test_what_is_edited_becomes_flags_of_the_command(open_page: Open, dataset: str) -> None:
    page = open_page(PAGE)
    edit(page, ("lr: 0.0005", "lr: 1.0e-05"), ("batch_size: 8", "batch_size: 4"))
    found = command(page)
    assert "--set batch_size=4" in found
    assert "--set optimizer.lr=1.0e-05" in found
    assert found.count("--set") == 2
    assert "<i>steps</i><span>9</span>" in text(page), "steps follow the edit"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("batch_size: 8", "batch_size: [", "is not YAML in line"),
        ("batch_size: 8", "batch_size: 0", "batch_size: got 0; allowed: a whole number from 1"),
        ("fused: true", "fuzed: true", "lacks optimizer.fused"),
        ("fused: true", "fused: true\n  rate: 1", "rate: is not an argument of torch.optim.AdamW"),
        ("batch_size: 8", "batch_size: 99", "12 rows do not fill one step"),
    ],
)
def test_a_bad_edit_is_explained_and_blocks_the_launch(
    open_page: Open, dataset: str, old: str, new: str, said: str
) -> None:
    page = open_page(PAGE)
    edit(page, (old, new))
    assert said in text(page) + wrong(page)
    assert next(b for b in page.button if b.label == "Train").disabled
    assert yaml_area(page).value.count(new.partition("\n")[0]) >= 1, "the edit is kept"


def test_all_problems_of_an_edit_are_named_at_once(open_page: Open, dataset: str) -> None:
    page = open_page(PAGE)
    edit(page, ("batch_size: 8", "batch_size: 0"), ("lr: 0.0005", "lr: -1"))
    found = text(page)
    assert "batch_size: got 0" in found
    assert "optimizer.lr: got -1" in found


def test_a_dataset_of_pairs_brings_its_own_recipes(
    open_page: Open, dataset: str, pairs: str
) -> None:
    page = open_page(PAGE, dataset=pairs)
    recipes = page.selectbox(key="train.recipe").options
    assert "dpo_lora" in recipes
    assert "sft_lora" not in recipes
    assert "recipe: recipes/dpo.py" in yaml_area(page).value
    assert "DPO variants" in text(page)
    page.selectbox(key="train.recipe").set_value("nano/dpo_lora").run()
    assert "lora_rank" in yaml_area(page).value
    page.selectbox(key="train.dataset").set_value(dataset).run()
    assert not page.exception
    assert "recipe: recipes/full_finetune.py" in yaml_area(page).value, "auto again"


def test_opening_the_page_loads_no_model_library(workspace: Workspace, dataset: str) -> None:
    script = (
        "import sys\n"
        "from streamlit.testing.v1 import AppTest\n"
        "page = AppTest.from_file('app.py', default_timeout=120)\n"
        f"page.switch_page('pages/{PAGE}').run()\n"
        "assert not page.exception, page.exception[0].value\n"
        "assert any('codemix_core train' in c.value for c in page.code)\n"
        "print(*sorted({'torch', 'torchtune', 'transformers', 'vllm', 'ray'} & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.strip() == ""


def write_metrics(run: RunDir, steps: int, *, dpo: bool = False) -> None:
    """Lines as the recipes log them, the last one torn."""
    lines = []
    for step in range(1, steps + 1):
        line = {"step": step, "time": 1.0 * step, "loss": 2 / step, "lr": 1e-4, "grad_norm": 0.5}
        line |= {"tokens_per_second_per_gpu": 1000.0 + step}
        if dpo:
            line |= {"log_probs/chosen": -10.0 - step, "log_probs/rejected": -20.0 - step}
            line |= {"reference_log_probs/chosen": -10.0, "reference_log_probs/rejected": -20.0}
            line |= {"rewards/margins": 0.1 * step, "rewards/accuracies": 0.5}
        lines.append(json.dumps(line))
    run.metrics_path.write_text("\n".join(lines) + '\n{"step": 99, "lo')


def training(workspace: Workspace, dataset: str, letters: str, **settings: Any) -> RunDir:
    return made(
        workspace, TrainSpec.parse({"dataset": dataset, "model": "nano", **settings}), letters
    )


CHECKS = [
    {"name": "weights", "result": "passed", "what": "Qwen2, 989,000 parameters", "fix": ""},
    {"name": "memory", "result": "passed", "what": "about 0.10 GiB of 8.0 GiB free", "fix": ""},
    {
        "name": "parity",
        "result": "failed",
        "what": "mean log-probability per token -0.030 when sampled, -5.200 in training <b>",
        "fix": "Check chat template.",
    },
    {"name": "disk", "result": "not checked", "what": "who knows", "fix": ""},
]


@pytest.fixture
def running(workspace: Workspace, dataset: str) -> Iterator[RunDir]:
    run = training(workspace, dataset, "live")
    write_metrics(run, 30)
    run.log_path.write_text("INFO: Model is initialized\n  12%|█▏  | 30/250\n")
    files.write_json(run.preflight_path, {"checks": CHECKS[:2], "override": None})
    with alive(run, 30, 250, "steps"):
        yield run


@pytest.fixture
def finished(workspace: Workspace, pairs: str, nano_model: Path) -> RunDir:
    """A DPO run with two checkpoints, the first registered."""
    run = training(workspace, pairs, "done", set=("epochs=2",), override="for science")
    write_metrics(run, 30, dpo=True)
    for epoch in range(2):
        shutil.copytree(nano_model, run.checkpoints_root / f"epoch_{epoch}")
    workspace.write_model("mine", {"path": str(run.checkpoints_root / "epoch_0")})
    result = {"name": "mine", "epoch": 0, "why": "lowest validation loss, 0.4, of 2 epochs"}
    about = {"method": "dpo", "recipe": "nano/dpo_full", "warnings": []}
    files.write_json(run.result_path, {**result, **about})
    files.write_json(run.preflight_path, {"checks": CHECKS, "override": "for science"})
    return ended(run, 30, "steps")


def test_a_run_that_has_not_begun_its_steps_says_when_curves_come(
    open_page: Open, workspace: Workspace, dataset: str
) -> None:
    run = training(workspace, dataset, "wait")
    with alive(run, 0, 0, "steps"):
        page = open_page(PAGE, run=run.run_id)
        assert "Curves appear with the first step." in text(page)
        assert "None yet; every epoch leaves one." in text(page)
        assert not figures(page)


def test_a_running_training_shows_curves_machine_log_and_a_way_to_stop(
    open_page: Open, running: RunDir
) -> None:
    page = open_page(PAGE, run=running.run_id)
    found = text(page)
    assert "30 of 250 steps" in found
    assert "Model is initialized" in found
    assert page.button(key=f"stop-{running.run_id}").label == "Stop"
    for heading in ("Loss", "Gradient norm", "Learning rate", "Speed, tokens/s"):
        assert heading in found
    assert "Rewards" not in found
    assert len(figures(page)) == 4
    assert "CPU" in found
    raw, smooth = figures(page)[0]["data"]
    assert len(numbers(raw["y"])) == 30, "the torn line is left out"
    assert numbers(smooth["y"])[-1] > numbers(raw["y"])[-1], "it follows a fall later"


def test_a_finished_dpo_shows_both_log_probabilities_and_warns_of_a_collapse(
    open_page: Open, finished: RunDir
) -> None:
    page = open_page(PAGE, run=finished.run_id)
    found = text(page)
    assert "has fallen 20.5 nats" in found
    assert "lowest validation loss, 0.4, of 2 epochs" in found
    assert "Evaluate mine" in found
    assert f"stop-{finished.run_id}" not in {b.key for b in page.button}
    names = [t["name"] for t in figures(page)[1]["data"] if t.get("showlegend") is not False]
    assert len(names) == 4


def test_a_failed_check_is_shown_with_its_reason_and_the_override(
    open_page: Open, finished: RunDir
) -> None:
    found = text(open_page(PAGE, run=finished.run_id))
    assert "-0.030 when sampled, -5.200 in training &lt;b&gt; Check chat template." in found
    assert "trained in spite of it: for science" in found
    for word in ("passed", "failed", "not checked"):
        assert word in found


def test_a_run_that_preflight_stopped_says_why(
    open_page: Open, workspace: Workspace, dataset: str
) -> None:
    run = training(workspace, dataset, "stop")
    files.write_json(run.preflight_path, {"checks": CHECKS, "override": None})
    jobs.begin(run)
    jobs.write_exit(run, State.FAILED, "preflight, parity: they differ. Check chat template.")
    page = open_page(PAGE, run=run.run_id)
    found = text(page)
    assert "preflight, parity: they differ." in found
    assert "Check chat template." in found
    assert page.button(key=f"resume-{run.run_id}").label == "Resume"


def test_metrics_without_numbers_break_no_chart(
    open_page: Open, workspace: Workspace, pairs: str
) -> None:
    run = training(workspace, pairs, "nans")
    lines = [
        {"step": n, "loss": None, "log_probs/chosen": None, "reference_log_probs/chosen": -1.0}
        for n in range(1, 12)
    ]
    run.metrics_path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    ended(run, 11, "steps", State.FAILED)
    page = open_page(PAGE, run=run.run_id)
    assert not page.exception
    assert "has fallen" not in text(page)


def test_other_runs_are_drawn_over_the_one_looked_at(
    open_page: Open, running: RunDir, finished: RunDir
) -> None:
    page = open_page(PAGE, run=finished.run_id)
    page.multiselect(key="train.others").set_value([running.run_id]).run()
    assert not page.exception
    drawn = [t for t in figures(page)[0]["data"] if t["x"] != [None]]
    assert len({t["line"]["color"] for t in drawn}) == 2
    found = text(page)
    for run in (finished, running):
        assert f"</b> {'mine · ' if run is finished else ''}train nano on" in found
    probabilities = figures(page)[1]["data"]
    named = {t["name"] for t in probabilities if t.get("showlegend") is not False}
    assert named == {"chosen", "rejected", "chosen, reference", "rejected, reference"}
    page.slider(key="train.smoothing").set_value(0.0).run()
    drawn = [t for t in figures(page)[0]["data"] if t["x"] != [None]]
    assert len(drawn) == 2, "raw lines only"


def test_a_clone_takes_the_settings_over_and_can_be_changed_further(
    open_page: Open, dataset: str, finished: RunDir, pairs: str
) -> None:
    page = open_page(PAGE, run=finished.run_id)
    page.button(key=f"clone-{finished.run_id}").click().run()
    assert not page.exception, page.exception[0].value
    assert page.selectbox(key="train.dataset").value == pairs
    found = command(page)
    assert "--set epochs=2" in found
    assert "--override 'for science'" in found
    edit(page, ("beta: 0.1", "beta: 0.3"))
    assert "--set epochs=2" in command(page)
    assert "--set loss.beta=0.3" in command(page)
    edit(page, ("epochs: 2", "epochs: 1"))
    assert "--set epochs=1" in command(page)
    assert f"Taken over from {finished.run_id}: epochs=2" in text(page)
    page.selectbox(key="train.dataset").set_value(dataset).run()
    assert not page.exception
    assert "epochs=2" not in command(page), "changes of DPO say nothing about SFT"
    page.selectbox(key="train.dataset").set_value(pairs).run()
    assert "--set epochs=2" in command(page)
    page.button(key="train.forget").click().run()
    assert "--set" not in command(page)


def test_a_checkpoint_is_registered_and_a_taken_name_refused(
    open_page: Open, workspace: Workspace, finished: RunDir
) -> None:
    page = open_page(PAGE, run=finished.run_id)
    key = f"{finished.run_id}-1"
    page.text_input(key=f"register-{key}").set_value("mine").run()
    press(page, f"do-register-{key}")
    assert "'mine' is taken" in page.toast[0].value
    page.text_input(key=f"register-{key}").set_value("other").run()
    press(page, f"do-register-{key}")
    assert workspace.models()["other"]["epoch"] == 1
    assert "<b>other</b>" in text(page)


def test_a_checkpoint_is_deleted_with_its_size_told_before(
    open_page: Open, workspace: Workspace, finished: RunDir
) -> None:
    page = open_page(PAGE, run=finished.run_id)
    size = checkpoints.epochs(finished.checkpoints_root)[0].size_bytes
    assert f"Frees {words.size(size)}." in text(page)
    assert f"delete-checkpoint {finished.run_id} --epoch 0" in text(page)
    press(page, f"do-delete-{finished.run_id}-0")
    assert not page.exception
    assert [c.epoch for c in checkpoints.epochs(finished.checkpoints_root)] == [1]
    assert workspace.models() == {}


def test_a_run_whose_dataset_is_gone_is_still_shown(
    open_page: Open, workspace: Workspace, finished: RunDir, pairs: str
) -> None:
    shutil.rmtree(workspace.run(pairs).root)
    page = open_page(PAGE, run=finished.run_id)
    assert "Evaluate mine" in text(page)
    page.button(key=f"clone-{finished.run_id}").click().run()
    assert not page.exception, page.exception[0].value
