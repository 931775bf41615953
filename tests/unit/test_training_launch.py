"""How torchtune is started, why it failed, and what a training will need."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from codemix_core import procs
from codemix_core.progress import Progress
from codemix_core.training import families, launch, memory, metrics
from codemix_core.training.plan import Plan
from codemix_core.training.spec import TrainSpec
from codemix_core.workspace import RunDir, Workspace
from tests.conftest import PROJECT
from tests.pages_data import made

TUNE = [sys.executable, "-m", "torchtune._cli.tune", "run"]
CONFIG = Path("/runs/train-1/config.yaml")


def argv(recipe: str, processes: int = 1, **settings: Any) -> list[str]:
    spec = TrainSpec.parse({"dataset": "d", "model": "nano", **settings})
    config = {"recipe": recipe, "nproc_per_node": processes}
    return launch.argv(spec, Plan("r", "sft", config, 10), CONFIG)


def test_one_process_is_started_without_a_launcher() -> None:
    tail = ["recipes/dpo.py", "--config", str(CONFIG)]
    assert argv("recipes/dpo.py") == [*TUNE, *tail]


def test_several_processes_of_one_machine_need_no_meeting() -> None:
    expected = ["--nproc_per_node=4", "--nnodes=1", "full_finetune_distributed"]
    assert argv("full_finetune_distributed", 4) == [*TUNE, *expected, "--config", str(CONFIG)]


def test_several_machines_are_told_where_they_meet() -> None:
    machines = {"nnodes": 2, "rdzv_endpoint": "host:29500", "rdzv_id": "night"}
    expected = [
        *("--nproc_per_node=1", "--nnodes=2"),
        *("--rdzv_backend=c10d", "--rdzv_endpoint=host:29500", "--rdzv_id=night"),
        "lora_finetune_distributed",
    ]
    found = argv("lora_finetune_distributed", **machines)
    assert found == [*TUNE, *expected, "--config", str(CONFIG)]


def test_torchtune_knows_every_flag_it_is_given() -> None:
    done = subprocess.run(
        [*TUNE, "--help"], capture_output=True, text=True, check=True, cwd=PROJECT
    )
    machines = {"nnodes": 2, "rdzv_endpoint": "host:29500", "rdzv_id": "night"}
    flags = [part.split("=")[0] for part in argv("x", **machines) if part.startswith("--")]
    assert len(flags) == 6
    for flag in flags[:-1]:  # --config is the recipe's
        assert flag.strip("-").replace("_", "-") in done.stdout.replace("_", "-"), flag


def test_a_training_gets_no_secret_its_spec_does_not_name(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HF_TOKEN", "WANDB_API_KEY", "OPENAI_API_KEY", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "s3cret")
    for changes, allowed in ((), set()), (("metric_logger.also=wandb",), {"WANDB_API_KEY"}):
        spec = TrainSpec.parse({"dataset": "d", "model": "nano", "set": changes})
        given = procs.scrubbed_environment(dict(launch.os.environ), spec.secrets())
        assert {name for name, value in given.items() if value == "s3cret"} == allowed
        run = made(workspace, spec, "abcd" if allowed else "efgh")
        assert "s3cret" not in run.spec_path.read_text()


def test_a_recipe_finds_our_components_and_leaves_a_core_to_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    given = launch.environment()
    assert given["PYTHONPATH"] == str(PROJECT)
    assert int(given["OMP_NUM_THREADS"]) >= 1
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert launch.environment()["OMP_NUM_THREADS"] == "3", "a person's choice stands"


def test_a_recipe_that_takes_fewer_steps_than_planned_ends_at_the_last_of_them(
    tmp_path: Path,
) -> None:
    published: list[dict[str, Any]] = []
    progress = Progress(published.append)
    progress.start(9, unit="steps")
    path = tmp_path / "metrics.jsonl"
    logger = metrics.JsonLinesLogger(path)
    logger.log_dict({"steps": 2}, step=0)
    for step in (1, 2):
        logger.log_dict({"loss": 0.5}, step=step)
    logger.close()
    assert launch._publish(metrics.Tail(path), progress, 0) == 2
    progress.finish()
    assert (published[-1]["done"], published[-1]["total"]) == (2, 2)


TRACEBACK = """\
INFO:torchtune.utils._logging:Model is initialized with precision torch.float32.
  0%|          | 0/6 [00:00<?, ?it/s]
Traceback (most recent call last):
  File "/venv/bin/tune", line 8, in <module>
    sys.exit(main())
  File "torchtune/modules/attention.py", line 30, in forward
    raise ValueError(message)
"""
LOGS = [
    (
        TRACEBACK + "ValueError: Invalid beta parameter at index 0: 2.0\n",
        1,
        "torchtune failed: ValueError: Invalid beta parameter at index 0: 2.0 (see the log)",
    ),
    (
        "[rank1]: Traceback (most recent call last):\n[rank1]: ValueError: no such module\n"
        + TRACEBACK
        + "torch.distributed.elastic.multiprocessing.errors.ChildFailedError: \n"
        "============\nrecipes/x.py FAILED\n------------\nRoot Cause (first observed failure):\n",
        1,
        "torchtune failed: ValueError: no such module (see the log)",
    ),
    (
        TRACEBACK + "torch.distributed.elastic.multiprocessing.errors.ChildFailedError: \n"
        "  exitcode  : -9 (pid: 71)\n  traceback : Signal 9 (SIGKILL) received by PID 71\n",
        1,
        "torchtune was killed, most likely for want of memory: lower batch_size",
    ),
    (
        TRACEBACK + "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0"
        " has a total capacity of 79.10 GiB of which 1.2 GiB is free.\n",
        1,
        "out of memory: lower batch_size or tokenizer.max_seq_len",
    ),
    (
        TRACEBACK + "RuntimeError: [enforce fail at alloc_cpu.cpp:114] err == 0."
        " DefaultCPUAllocator: can't allocate memory: you tried to allocate 99999999999 bytes.\n",
        1,
        "out of memory: lower batch_size or tokenizer.max_seq_len",
    ),
    (
        "  3%|▎         | 8/250\r  4%|▍         | 9/250",
        -9,
        "torchtune was killed, most likely for want",
    ),
    ("nothing of note\n", 3, "torchtune failed: exit code 3 (see the log)"),
    ("", -11, "torchtune failed: it was ended by SIGSEGV (see the log)"),
    (
        "  4%|▍  | 9/250\rTraceback (most recent call last):\r\nKeyError: 'messages'\r\n",
        1,
        "torchtune failed: KeyError: 'messages' (see the log)",
    ),
    (
        TRACEBACK + "AssertionError\n[rank0]:[W1125 ProcessGroup.cpp:1] Warning: destroy\n",
        1,
        "torchtune failed: AssertionError (see the log)",
    ),
    (
        TRACEBACK + "codemix_core.errors.InputError: dataset: has 3 pairs, fewer than one step"
        " takes. Lower batch_size.\n",
        1,
        "torchtune failed: codemix_core.errors.InputError: dataset: has 3 pairs",
    ),
]


@pytest.mark.parametrize(("log", "code", "expected"), LOGS)
def test_the_reason_of_a_failure_is_one_line_out_of_its_log(
    workspace: Workspace, log: str, code: int, expected: str
) -> None:
    run = made(workspace, TrainSpec.parse({"dataset": "d", "model": "nano"}), "fail")
    earlier = "OSError: of an earlier attempt\n"
    run.log_path.write_text(earlier + log)
    found = launch.reason(run, len(earlier.encode()), code)
    assert found.startswith(expected)
    assert "\n" not in found


def test_a_torn_character_in_a_log_hides_no_reason(workspace: Workspace) -> None:
    run: RunDir = made(workspace, TrainSpec.parse({"dataset": "d", "model": "nano"}), "torn")
    run.log_path.write_bytes("▎".encode()[1:] + b"\nValueError: " + b"x" * 5000)
    found = launch.reason(run, 0, 1)
    assert "ValueError: xxx" in found
    assert len(found) < 600


ARCHITECTURE = families.Architecture(
    family="Qwen2",
    model_type="QWEN2",
    builder="b",
    lora_builder="l",
    context=2048,
    vocab_size=1000,
    layers=3,
    heads=4,
    kv_heads=2,
    head_dim=8,
    embed_dim=32,
    intermediate_dim=96,
    norm_eps=1e-6,
    rope_base=10000.0,
    tied=True,
    bias=True,
)
# A layer: 32*(2*32 + 2*16) attention, 64 biases, 3*32*96 of the MLP, 64 of the norms.
LAYER = 3072 + 64 + 9216 + 64
PARAMETERS = 32_000 + 3 * LAYER + 32


def estimate(
    method: str = "sft", longest: int = 100, rows: int = 2, **more: Any
) -> memory.Estimate:
    config = {"method": method, "dtype": "fp32", "device": "cpu", "epochs": 2, "model": {}}
    config |= {"recipe": "full_finetune_single_device", "nproc_per_node": 1, **more}
    return memory.estimate(ARCHITECTURE, config, longest, rows, Path("/nowhere/yet/checkpoints"))


def test_memory_is_weights_three_more_of_them_and_activations() -> None:
    assert PARAMETERS == ARCHITECTURE.parameters == 69_280
    found = estimate()
    assert found.weights == 4 * PARAMETERS
    assert found.optimizer == 3 * 4 * PARAMETERS, "gradients and AdamW's two moments"
    assert found.reference == 0
    # 200 tokens: 17 numbers a token, unit and layer in 4 bytes, and logits three times in fp32.
    assert found.activations == 200 * 32 * 17 * 4 * 3 + 200 * 1000 * 4 * 3
    parts = found.weights + found.optimizer + found.activations
    assert found.total == int(1.1 * parts)
    assert found.disk == 2 * 4 * PARAMETERS + 2 * 4 * PARAMETERS, "two epochs and a state"
    assert estimate(epochs=1).disk == 4 * PARAMETERS
    assert found.free_disk > 0
    assert found.available > 0


def test_half_the_bytes_and_recomputed_activations_need_less() -> None:
    half = estimate(dtype="bf16")
    assert half.weights == 2 * PARAMETERS
    assert half.optimizer == 6 * PARAMETERS
    once = estimate(enable_activation_checkpointing=True)
    assert once.activations == 200 * 32 * 4 * (17 + 3) + 200 * 1000 * 4 * 3


def test_only_recipes_that_load_a_reference_need_room_for_it() -> None:
    """Those of ours compute its log-probabilities before the first step."""
    grpo = {"grpo": {"kl_coef": 0.1}, "recipe": "recipes/grpo.py"}
    assert estimate("dpo", recipe="recipes/dpo.py").reference == 0
    assert estimate("grpo", **grpo).reference == 0
    two = {"recipe": "full_dpo_distributed", "ref_checkpointer": {}, "nproc_per_node": 2}
    assert estimate("dpo", **two).reference == 2 * PARAMETERS


def test_adapters_alone_have_gradients_and_moments() -> None:
    lora = {"lora_rank": 4}
    # Rank 4: in and out of four attention projections, and of the MLP's three.
    adapters = 3 * 4 * (4 * (32 + 32) + 3 * (32 + 96))
    found = estimate(model=lora, recipe="lora_finetune_single_device")
    assert found.weights == 4 * PARAMETERS
    assert found.optimizer == 3 * 4 * adapters
    assert found.total < estimate().total
    assert found.disk == 2 * 4 * PARAMETERS + 2 * 4 * adapters
    assert estimate("dpo", model=lora, recipe="recipes/dpo.py").reference == 0


def test_processes_share_the_weights_of_a_distributed_recipe() -> None:
    found = estimate(recipe="full_finetune_distributed", nproc_per_node=4)
    assert (found.weights, found.optimizer) == (PARAMETERS, 3 * PARAMETERS)
    assert found.activations == estimate().activations
    document = json.loads(json.dumps(found.document()))
    assert document["total"] == found.total
