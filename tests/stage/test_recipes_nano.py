"""The recipes train the bundled model for real: a few steps, on the CPU."""

from __future__ import annotations

import json
import math
import os
import runpy
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from omegaconf import OmegaConf

from codemix_core.errors import InputError
from codemix_core.records import Question
from codemix_core.training.metrics import read
from codemix_core.training.stopping import EXIT_STOPPED
from codemix_core.training.tokenizer import ChatTemplateTokenizer
from recipes.dpo import DpoRecipe
from recipes.grpo import GrpoRecipe
from tests.conftest import PROJECT
from tests.training_data import (
    group_row,
    pair_item,
    recipe_config,
    right_and_wrong,
    write_groups,
)

GROUPS = 6


class StopAt:
    """A stop that is asked for once the recipe has done so many steps."""

    def __init__(self, step: float) -> None:
        self.step = step
        self.recipe: Any = None

    def __bool__(self) -> bool:
        return bool(self.recipe._learner.step >= self.step)


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """At this size threads wait for each other, the more so where other tests run beside."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def questions(all_nano: list[Question]) -> list[Question]:
    return [q for q in all_nano if q.split == "train" and q.k == 2][: 2 * GROUPS : 2]


@pytest.fixture(scope="module")
def answers(nano_model: Path, questions: list[Question]) -> list[tuple[list[int], list[int], int]]:
    """(prompt, answer, reward) of a right and a wrong answer to each question."""
    tokenizer = ChatTemplateTokenizer(nano_model)
    found = []
    for question in questions:
        row = group_row(question, tokenizer, right_and_wrong(question), [1, 0], [[], []])
        for tokens, reward in zip(row["token_ids"], (1, 0), strict=True):
            found.append((row["prompt_token_ids"], tokens, reward))
    return found


def score(folder: Path, answers: Any) -> list[list[float]]:
    """Log-probabilities of answers under a checkpoint, computed by transformers."""
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    found = []
    for prompt, tokens, _ in answers:
        with torch.no_grad():
            logits = model(torch.tensor([prompt + tokens])).logits[0, len(prompt) - 1 : -1]
        found.append(logits.log_softmax(-1).gather(1, torch.tensor(tokens)[:, None])[:, 0].tolist())
    return found


@pytest.fixture(scope="module")
def before(nano_model: Path, answers: Any) -> list[list[float]]:
    return score(nano_model, answers)


@pytest.fixture(scope="module")
def data(
    nano_model: Path,
    questions: list[Question],
    before: list[list[float]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """Groups (the last one without tokens, as imported ones are) and pairs."""
    folder = tmp_path_factory.mktemp("data")
    tokenizer = ChatTemplateTokenizer(nano_model)
    rows, pairs = [], []
    for number, question in enumerate(questions):
        right, wrong = right_and_wrong(question)
        old = [before[2 * number + i] for i in (0, 1, 1, 0)]
        known = None if number == len(questions) - 1 else old
        rows.append(
            group_row(question, tokenizer, [right, wrong, wrong, right], [1, 0, 0, 1], known)
        )
        pairs.append(pair_item(question, right, wrong))
    write_groups(rows, folder / "groups.parquet")
    (folder / "pairs.json").write_text(json.dumps(pairs))
    return folder


def grpo(nano_model: Path, data: Path, output: Path, *, lora: bool, **more: Any) -> Any:
    block = {"_component_": "codemix_core.training.group_data.groups_dataset"}
    settings = {"groups_per_step": 3, "epochs_per_batch": 2, **more.pop("grpo", {})}
    dataset = block | {"path": str(data / "groups.parquet")}
    return recipe_config(nano_model, output, lora=lora, dataset=dataset, grpo=settings, **more)


def dpo(nano_model: Path, data: Path, output: Path, *, lora: bool, **more: Any) -> Any:
    dataset = {
        "_component_": "torchtune.datasets.preference_dataset",
        "source": "json",
        "data_files": str(data / "pairs.json"),
        "split": "train",
    }
    loss = {"_component_": "torchtune.rlhf.loss.DPOLoss", "beta": 0.1}
    base = {"dataset": dataset, "loss": loss, "dataset_validation": dataset}
    return recipe_config(nano_model, output, lora=lora, **(base | more))


def train(
    recipe: type, config: Any, stop_at: float = math.inf
) -> tuple[bool, list[dict[str, Any]]]:
    """Whether it was done to the end, and its metrics."""
    stop = StopAt(stop_at)
    stop.recipe = made = recipe(OmegaConf.create(config), stop)
    done = made.train()
    made.close()
    return done, read(config["metric_logger"]["path"])


def tune(recipe: str, config: Any, folder: Path) -> subprocess.Popen[str]:
    """`tune run` of a recipe, as the documentation says it is started."""
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(config))
    return subprocess.Popen(
        [str(Path(sys.executable).with_name("tune")), "run", recipe, "--config", str(path)],
        cwd=PROJECT,
        env={**os.environ, "PYTHONPATH": str(PROJECT), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_grpo_makes_rewarded_answers_likelier_and_others_less_likely(
    nano_model: Path, data: Path, before: Any, answers: Any, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    process = tune("recipes/grpo.py", grpo(nano_model, data, out, lora=False), tmp_path)
    said, _ = process.communicate(timeout=240)
    assert process.returncode == 0, said
    assert "6 groups; 0 left out as too long, 0 answers cut, 4 without sampled tokens" in said
    lines = read(out / "metrics.jsonl")
    assert [line["step"] for line in lines] == list(range(1, 9))
    # The first pass is on-policy, so transformers' and our log-probabilities have ratio 1.
    assert lines[0]["ratio_mean"] == pytest.approx(1, abs=1e-4)
    assert lines[0]["old_kl"] == pytest.approx(0, abs=1e-6)
    assert lines[0]["loss"] == pytest.approx(0, abs=1e-4)
    assert lines[0]["rewards/mean"] == 0.5
    after = score(out / "epoch_1", answers)
    change = [sum(a) - sum(b) for a, b in zip(after, before, strict=True)]
    rewarded = [c for c, (_, _, reward) in zip(change, answers, strict=True) if reward]
    others = [c for c, (_, _, reward) in zip(change, answers, strict=True) if not reward]
    assert sum(rewarded) > 0.1
    assert sum(others) < -0.1


@pytest.mark.parametrize(
    ("recipe", "make", "lora", "more"),
    [
        (GrpoRecipe, grpo, False, {"grpo": {"kl_coef": 0.1, "loss_average": "token"}}),
        (GrpoRecipe, grpo, True, {"grpo": {"kl_coef": 0.1}}),
        (DpoRecipe, dpo, False, {}),
        (DpoRecipe, dpo, True, {}),
    ],
    ids=["grpo full", "grpo lora", "dpo full", "dpo lora"],
)
def test_a_stopped_training_goes_on_as_if_it_had_not_been_stopped(
    nano_model: Path, data: Path, tmp_path: Path, recipe: Any, make: Any, lora: bool, more: Any
) -> None:
    whole = make(nano_model, data, tmp_path / "whole", lora=lora, **more)
    done, expected = train(recipe, whole)
    assert done
    parts = make(nano_model, data, tmp_path / "parts", lora=lora, **more)
    # Stops at the end of the first epoch, within the second, and at once; resumed each time.
    assert not train(recipe, parts, stop_at=3 if recipe is DpoRecipe else 4)[0]
    parts["resume_from_checkpoint"] = True
    done, first = train(recipe, parts, stop_at=len(expected) // 2 + 1)
    assert not done
    assert 0 < len(first) < len(expected) - 1
    assert _state(tmp_path / "parts")["steps_into_epoch"] > 0
    assert not train(recipe, parts, stop_at=0)[0]
    done, lines = train(recipe, parts)
    assert done
    assert [line["step"] for line in lines] == [line["step"] for line in expected]
    for ours, theirs in zip(lines, expected, strict=True):
        assert ours.keys() == theirs.keys()
        for name in ours.keys() - {"time", "tokens_per_second_per_gpu", "answers_per_second"}:
            assert ours[name] == pytest.approx(theirs[name], rel=2e-3, abs=2e-4), name
    assert _weights(tmp_path / "parts/epoch_1") == pytest.approx(
        _weights(tmp_path / "whole/epoch_1"), abs=1e-5
    )
    assert train(recipe, parts) == (True, lines), "there was nothing left to do"
    left = {path.name for path in (tmp_path / "parts").iterdir()}
    assert left == {"epoch_0", "epoch_1", "recipe_state", "metrics.jsonl", "torchtune_config.yaml"}


def _state(output: Path) -> dict[str, Any]:
    state: dict[str, Any] = torch.load(output / "recipe_state/recipe_state.pt", weights_only=True)
    return state


def _weights(folder: Path) -> Any:
    from safetensors.torch import load_file

    (file,) = folder.glob("model-*.safetensors")
    return torch.cat([v.flatten() for _, v in sorted(load_file(file).items())]).numpy()


def test_dpo_gives_the_losses_of_torchtunes_recipe(
    nano_model: Path, data: Path, tmp_path: Path
) -> None:
    import torchtune

    # One epoch: when it saves on a CPU, torchtune's recipe adds the adapter to the base weights.
    # Whatever the seed, it shuffles with 0.
    more = {"epochs": 1, "batch_size": 1, "dataset_validation": None, "seed": 0}
    config = dpo(nano_model, data, tmp_path / "ours", lora=True, **more)
    _, ours = train(DpoRecipe, config)
    path = Path(torchtune.__file__).parents[1] / "recipes/lora_dpo_single_device.py"
    theirs = runpy.run_path(str(path))["LoRADPORecipeSingleDevice"]
    config = OmegaConf.create(dpo(nano_model, data, tmp_path / "theirs", lora=True, **more))
    recipe = theirs(config)
    recipe.setup(config)
    recipe.train()
    recipe.cleanup()
    expected = read(tmp_path / "theirs/metrics.jsonl")
    assert len(ours) == len(expected) == GROUPS
    for mine, line in zip(ours, expected, strict=True):
        same = line.keys() & mine.keys() - {"time", "lr", "tokens_per_second_per_gpu"}
        assert {"loss", "log_probs/chosen", "rewards/margins"} <= same
        for name in same:
            assert mine[name] == pytest.approx(line[name], rel=1e-4, abs=1e-5), name
    assert _weights(tmp_path / "ours/epoch_0") == pytest.approx(
        _weights(tmp_path / "theirs/epoch_0"), abs=1e-5
    )


def test_a_terminated_dpo_run_saves_what_it_learned_and_says_so_by_its_status(
    nano_model: Path, data: Path, before: Any, answers: Any, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    config = dpo(nano_model, data, out, lora=True, epochs=5000, max_steps_per_epoch=None)
    process = tune("recipes/dpo.py", config, tmp_path)
    deadline = time.monotonic() + 120
    while len(read(out / "metrics.jsonl")) < 3 and time.monotonic() < deadline:
        time.sleep(0.05)
    for _ in range(3):  # a group and each of its processes may be told
        process.send_signal(signal.SIGTERM)
    said, _ = process.communicate(timeout=120)
    assert process.returncode == EXIT_STOPPED, said
    last = max(out.glob("epoch_*"), key=lambda path: int(path.name.partition("_")[2]))
    assert score(last, answers[:2]) != before[:2]
    assert (last / "adapter/adapter_config.json").is_file()
    assert not (last / "adapter_config.json").exists(), "transformers would take it for an adapter"
    assert _state(out)["weights_of"] == last.name


def test_validation_is_logged_for_every_epoch_and_the_reference_beside_the_policy(
    nano_model: Path, data: Path, tmp_path: Path
) -> None:
    loss = {
        "_component_": "codemix_core.training.losses.NLLRegularisedDPOLoss",
        "beta": 0.1,
        "alpha": 1.0,
    }
    config = dpo(nano_model, data, tmp_path / "out", lora=False, loss=loss)
    _, lines = train(DpoRecipe, config)
    found = [line for line in lines if "epoch" in line]
    assert [line["epoch"] for line in found] == [0, 1]
    assert [line["step"] for line in found] == [3, 6]
    assert found[1]["validation/loss"] < found[0]["validation/loss"]
    assert (
        found[1]["validation/log_probs_chosen"] > found[1]["validation/reference_log_probs_chosen"]
    )
    assert found[1]["validation/accuracy"] == 1
    first = lines[0]
    assert first["log_probs/chosen"] == pytest.approx(first["reference_log_probs/chosen"], abs=1e-4)
    assert first["loss"] > 0.6931  # log 2, and the likelihood term
    assert first["grad_norm"] > 0


def test_bfloat16_with_checkpointed_activations_and_clipping_trains(
    nano_model: Path, data: Path, tmp_path: Path
) -> None:
    more = {"dtype": "bf16", "enable_activation_checkpointing": True, "clip_grad_norm": 1.0}
    config = grpo(nano_model, data, tmp_path / "out", lora=True, epochs=1, **more)
    done, lines = train(GrpoRecipe, config)
    assert done
    assert lines[0]["ratio_mean"] == pytest.approx(1, abs=0.05)
    assert all(abs(line["loss"]) < 2 for line in lines)


def test_grpo_says_how_many_steps_are_left_without_groups_that_are_too_long(
    nano_model: Path, data: Path, answers: Any, tmp_path: Path
) -> None:
    config = grpo(nano_model, data, tmp_path / "out", lora=False, epochs=1)
    prompts = sorted(len(prompt) for prompt, _, _ in answers[::2])
    config["tokenizer"]["max_seq_len"] = prompts[2] + 1
    config["grpo"]["groups_per_step"] = 1
    _, lines = train(GrpoRecipe, config)
    room = sum(length <= prompts[2] for length in prompts)
    assert room < GROUPS
    assert lines[0] == {"step": 0, "time": lines[0]["time"], "steps": 2 * room}
    assert [line["step"] for line in lines[1:]] == list(range(1, 2 * room + 1))


def test_nothing_to_resume_from_and_other_data_are_said(
    nano_model: Path, data: Path, tmp_path: Path
) -> None:
    config = dpo(nano_model, data, tmp_path / "out", lora=False, resume_from_checkpoint=True)
    with pytest.raises(InputError, match="there is no"):
        train(DpoRecipe, config)
    config |= {"resume_from_checkpoint": False, "batch_size": 100}
    with pytest.raises(InputError, match=r"6 pairs(.|\n)*batch_size"):
        train(DpoRecipe, config)
    with pytest.raises(InputError, match="fp16"):
        train(DpoRecipe, config | {"dtype": "fp16"})
