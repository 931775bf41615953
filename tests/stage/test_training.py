"""Training as a person starts it: real torchtune on the real model, killed, refused and failing.

The model is a copy of nano, sampled by the real vLLM before anything is done to it, so that
preflight has something true to compare with.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from codemix_core import files, jobs
from codemix_core.datasets.stage import BuildSpec
from codemix_core.jobs import State
from codemix_core.records import Question
from codemix_core.sampling.stage import SampleSpec
from codemix_core.scoring.stage import ScoreSpec
from codemix_core.specs import Spec
from codemix_core.training import checkpoints, metrics, parity
from codemix_core.training.plan import plan
from codemix_core.training.readiness import judged
from codemix_core.training.spec import TrainSpec
from codemix_core.workspace import RunDir, Workspace
from tests.processes import processes_of

pytestmark = pytest.mark.slow

PROJECT = Path(__file__).resolve().parents[2]
GOLD, ASKED, N = 48, 20, 6
TEMPLATE = "chat_template.jinja"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, all_nano: list[Question]) -> Workspace:
    """A workspace with some of the bundled questions."""
    workspace = Workspace.open(tmp_path_factory.mktemp("training") / "workspace")
    few = [q for q in all_nano if q.split == "train"][:GOLD]
    workspace.write_question_set("few", few, {"source": "nano", "format": "nano"})
    return workspace


@pytest.fixture(scope="module")
def model(home: Workspace, nano_model: Path) -> Path:
    """The copy of nano that is trained."""
    return Path(shutil.copytree(nano_model, home.root / "copy"))


@pytest.fixture(scope="module")
def scored(home: Workspace, model: Path) -> RunDir:
    """Its answers, sampled and scored."""
    settings = {"questions": "few", "model": str(model), "n": N, "temperature": 1.0}
    sampled = done(home, SampleSpec.parse({**settings, "limit": ASKED, "max_tokens": 256}))
    return done(home, ScoreSpec.parse({"run": sampled.run_id}))


@pytest.fixture(scope="module")
def gold(home: Workspace, scored: RunDir) -> str:
    return done(home, BuildSpec.parse({"run": "few", "method": "gold_solution"})).run_id


@pytest.fixture(scope="module")
def pairs(home: Workspace, scored: RunDir) -> str:
    """Pairs with a validation side."""
    split = {"split_by": "question", "heldout_share": 0.3}
    settings = {"method": "dpo", "num_preference_pairs_per_question": 3, **split}
    return done(home, BuildSpec.parse({"run": scored.run_id, **settings})).run_id


@pytest.fixture(scope="module")
def groups(home: Workspace, scored: RunDir) -> str:
    return done(home, BuildSpec.parse({"run": scored.run_id, "method": "grpo"})).run_id


def done(home: Workspace, spec: Spec) -> RunDir:
    """A run of the spec, as the command starts it, at its successful end."""
    run = jobs.launch(home, spec)
    assert wait(run).state is State.SUCCEEDED, jobs.tail(run, 60)
    return run


def wait(
    run: RunDir, until: Callable[[], bool] | None = None, patience: float = 300.0
) -> jobs.Status:
    """The status once the run has ended, or once ``until`` holds."""
    deadline = time.monotonic() + patience
    while (status := jobs.status(run)).state.alive and not (until and until()):
        assert time.monotonic() < deadline, jobs.tail(run, 60)
        time.sleep(0.02)
    return status


def training(dataset: str, model: Path, *changes: str, **more: Any) -> TrainSpec:
    return TrainSpec.parse({"dataset": dataset, "model": str(model), "set": changes, **more})


def command(home: Workspace, *argv: str) -> tuple[int, dict[str, Any]]:
    ended = subprocess.run(
        [sys.executable, "-m", "codemix_core", *argv, "--json"],
        cwd=PROJECT,
        env={**os.environ, "CODEMIX_HOME": str(home.root)},
        capture_output=True,
        text=True,
        check=False,
        timeout=400,
    )
    assert ended.stdout, ended.stderr
    document: dict[str, Any] = json.loads(ended.stdout)
    return ended.returncode, document


def preflight(run: RunDir) -> dict[str, dict[str, str]]:
    """The checks by name."""
    return {check["name"]: check for check in files.read_json(run.preflight_path)["checks"]}


def changed_weights(base: Path, path: Path) -> float:
    """The largest change of a weight, both loaded by transformers as anybody would."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    before, after = (AutoModelForCausalLM.from_pretrained(p) for p in (base, path))
    assert after.dtype == torch.float32, "it was trained in fp32"
    assert AutoTokenizer.from_pretrained(path).chat_template
    ids = torch.tensor([[1, 5, 7]])
    assert torch.isfinite(after(ids).logits).all()
    pairs = zip(before.parameters(), after.parameters(), strict=True)
    return max(float((a.float() - b).abs().max()) for a, b in pairs)


def test_sft_by_command_checks_trains_and_registers_a_model(
    home: Workspace, model: Path, gold: str
) -> None:
    flags = ["--dataset", gold, "--model", str(model), "--name", "first"]
    code, document = command(home, "train", *flags)
    assert code == 0, document
    run = home.run(document["run_id"])
    checks = preflight(run)
    assert set(checks) == {"weights", "length", "memory", "disk", "parity"}
    assert {check["result"] for check in checks.values()} == {"passed"}, checks
    compared = files.read_json(run.parity_path)
    assert compared["answers"] >= 15
    assert compared["gap"] < 0.02, "the same model, template and tokens on both sides"
    lines = [line for line in metrics.read(run.metrics_path) if "loss" in line]
    assert [line["step"] for line in lines] == list(range(1, 3 * GOLD // 8 + 1))
    status = jobs.status(run)
    assert (status.done, status.total, status.unit) == (18, 18, "steps")
    assert status.message.startswith("18 steps of nano/sft_full on 48 rows -> first (epoch 2")
    entry = home.models()["first"]
    assert (entry["base"], entry["run"], entry["epoch"]) == (str(model), run.run_id, 2)
    assert (entry["dataset"], entry["method"], entry["questions"]) == (gold, "gold_solution", "few")
    assert changed_weights(model, Path(entry["path"])) > 1e-4


@pytest.mark.parametrize("method", ["dpo", "grpo"])
def test_pairs_and_groups_train_with_the_recipe_made_for_them(
    home: Workspace, model: Path, method: str, request: pytest.FixtureRequest
) -> None:
    dataset = request.getfixturevalue({"dpo": "pairs", "grpo": "groups"}[method])
    changes = {
        "dpo": ("max_steps_per_epoch=3", "epochs=2", "optimizer.lr=1e-4"),
        "grpo": ("grpo.groups_per_step=4", "max_steps_per_epoch=3", "optimizer.lr=1e-4"),
    }[method]
    run = done(home, training(dataset, model, *changes))
    checks = preflight(run)
    assert checks["parity"]["result"] == "passed", checks
    assert "of the dataset's own run" in checks["parity"]["what"]
    lines = metrics.read(run.metrics_path)
    named = {name for line in lines for name in line}
    if method == "dpo":
        assert {"log_probs/chosen", "reference_log_probs/chosen", "validation/loss"} <= named
        assert "lowest validation loss" in jobs.status(run).message
    else:
        assert {"rewards/mean", "clip_fraction"} <= named
        assert lines[0]["old_kl"] == pytest.approx(0, abs=0.01), "sampled by this very model"
    (name, entry), *_ = [(n, e) for n, e in home.models().items() if e["run"] == run.run_id]
    assert re.fullmatch(rf"copy-{method}-{run.run_id[-4:]}", name)
    assert changed_weights(model, Path(entry["path"])) > 1e-5


def test_a_killed_training_goes_on_from_its_last_checkpoint(
    home: Workspace, model: Path, gold: str
) -> None:
    run = jobs.launch(
        home, training(gold, model, "epochs=3", "batch_size=1", "log_every_n_steps=1")
    )

    def in_second_epoch() -> bool:
        lines = metrics.read(run.metrics_path)
        return bool(lines) and lines[-1]["step"] > GOLD + 4

    assert wait(run, in_second_epoch).state is State.RUNNING, jobs.tail(run, 60)
    working = processes_of(run)
    (worker,) = (p for p in working if "codemix_core.worker" in p.cmdline())
    assert any("tune" in part for p in working for part in p.cmdline()), working
    worker.kill()
    assert wait(run).state is State.CRASHED
    _, left = psutil.wait_procs(working, timeout=10)
    assert not [p for p in left if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]
    assert not processes_of(run)
    kept = checkpoints.last_state(run.checkpoints_root)
    assert kept is not None
    epoch = kept.checkpoint.epoch
    logged = len(run.metrics_path.read_text().splitlines())

    code, document = command(home, "resume", run.run_id)
    assert (code, document["state"]) == (0, State.SUCCEEDED), jobs.tail(run, 60)
    again = [json.loads(line) for line in run.metrics_path.read_text().splitlines()[logged:]]
    first = next(line["step"] for line in again if "loss" in line)
    assert first == (epoch + 1) * GOLD + 1, "what the checkpoint holds was not trained again"
    steps = [line["step"] for line in metrics.read(run.metrics_path) if "loss" in line]
    assert steps == list(range(1, 3 * GOLD + 1))
    assert document["done"] == document["total"] == 3 * GOLD
    assert [c.epoch for c in checkpoints.epochs(run.checkpoints_root)] == [0, 1, 2]
    assert checkpoints.last_state(run.checkpoints_root) is None
    assert not processes_of(run)


@pytest.fixture
def mended(model: Path, tmp_path: Path) -> Iterator[Path]:
    """The model, put right again after the test."""
    kept = {path.name: path.read_bytes() for path in model.iterdir() if path.is_file()}
    yield model
    for name, data in kept.items():
        (model / name).write_bytes(data)


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def other_rope(model: Path) -> None:
    replace(model / "config.json", '"rope_theta": 10000.0', '"rope_theta": 1000000.0')


SPOILED: dict[str, Callable[[Path], None]] = {
    "a space after the role": lambda m: replace(m / TEMPLATE, "assistant\\n'", "assistant\\n '"),
    "another name of the role": lambda m: replace(m / TEMPLATE, "assistant\\n'", "model\\n'"),
    "no line after the role": lambda m: replace(m / TEMPLATE, "assistant\\n'", "assistant: '"),
    "another rotary base": other_rope,
    "another activation's scale": lambda m: replace(m / "config.json", "1e-06", "0.01"),
}


@pytest.mark.parametrize("how", SPOILED)
def test_parity_sees_every_way_to_read_a_model_otherwise_than_it_was_sampled(
    home: Workspace, mended: Path, gold: str, scored: RunDir, how: str
) -> None:
    spec = training(gold, mended)
    answers = parity.sampled_answers(home.run(scored.load_spec()["run"]))
    right = parity.compare(plan(spec, home, mended).config, answers)
    assert judged(right.document(), "").result == "passed"
    assert right.gap < 0.02
    SPOILED[how](mended)
    found = parity.compare(plan(spec, home, mended).config, answers)
    assert judged(found.document(), "").result == "failed"
    assert (found.other_prompts == len(answers)) is ("role" in how)
    if how != "another name of the role":  # nano does not care how the role is called
        assert found.gap > parity.MAX_GAP


def test_parity_passes_over_answers_longer_than_what_is_trained_on(
    home: Workspace, model: Path, gold: str, scored: RunDir
) -> None:
    answers = parity.sampled_answers(home.run(scored.load_spec()["run"]))
    whole = parity.compare(plan(training(gold, model), home, model).config, answers)
    for length, most in (("150", whole.answers - 1), ("16", 0)):
        spec = training(gold, model, f"tokenizer.max_seq_len={length}")
        found = parity.compare(plan(spec, home, model).config, answers)
        assert found.answers <= most
        assert found.gap < 0.02
    assert judged(found.document(), "").result == "not checked"


def test_a_model_that_reads_otherwise_than_it_was_sampled_is_refused(
    home: Workspace, mended: Path, gold: str
) -> None:
    SPOILED["no line after the role"](mended)
    before = set(home.models())
    run = jobs.launch(home, training(gold, mended))
    status = wait(run)
    assert status.state is State.FAILED
    found = files.read_json(run.parity_path)
    assert found["gap"] > 0.05
    assert f"{found['sampler']:.3f} when sampled" in status.message
    assert f"{found['trainer']:.3f} in training" in status.message
    assert "--override" in status.message
    assert preflight(run)["parity"]["result"] == "failed"
    assert preflight(run)["memory"]["result"] == "passed", "the other checks are made all the same"
    assert not run.metrics_path.exists()
    assert set(home.models()) == before


def test_an_override_trains_in_spite_of_a_gap_and_its_reason_is_kept(
    home: Workspace, mended: Path, gold: str
) -> None:
    other_rope(mended)
    run = done(home, training(gold, mended, "max_steps_per_epoch=2", override="a longer context"))
    assert preflight(run)["parity"]["result"] == "failed"
    assert files.read_json(run.preflight_path)["override"] == "a longer context"
    assert run.load_spec()["override"] == "a longer context"
    assert any(entry["run"] == run.run_id for entry in home.models().values())


def test_a_failing_recipe_says_its_reason_in_the_runs_message(
    home: Workspace, model: Path, gold: str
) -> None:
    run = jobs.launch(home, training(gold, model, "optimizer.betas=[2.0, 0.9]"))
    status = wait(run)
    said = "torchtune failed: ValueError: Invalid beta parameter at index 0: 2.0 (see the log)"
    assert (status.state, status.message) == (State.FAILED, said)
    assert "Traceback" in jobs.tail(run, 80)
