"""Writes the YAML files of this folder, so that what they share is said once.

Example:
  python recipes/write_recipes.py

A test says when the files are not what this script writes: change the script, not the files.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

import yaml
from recipe_models import MODELS, PROJECT, ReadyModel

from codemix_core.training.families import ATTENTION_MODULES, Lora

MISSING = "???"
LORA = Lora(16, 32, 0.0, ATTENTION_MODULES, mlp=True, output=False)
SETTINGS = "codemix_core.training"
OPTIMIZER = "torch.optim.AdamW"
OPTIMIZER_8BIT = "torchao.optim.AdamW8bit"
"""Keeps its two moments in 8 bits each, so that 14B parameters fit 80 GB."""
SCHEDULE = "torchtune.training.lr_schedulers.get_cosine_schedule_with_warmup"


@dataclass(frozen=True)
class Method:
    """One way to train.

    method: sft, dpo or grpo. lora: adapters only. recipe: torchtune's or ours. distributed: runs
    in several processes. length: longest sequence, tokens. lr: of AdamW. rows: of a step's
    forward pass (pairs for DPO), or groups of a step for GRPO. accumulation: such passes for one
    step. epochs: passes over the data. title: in words. in_backward: weights change during the
    backward pass, so that no gradients are kept. optimizer: dotted path. grpo: settings that
    differ from the other recipes'. decays: the learning rate falls; that of SFT and DPO always.
    alpha: DPO with so much weight on the likelihood of the chosen answer; None: DPO-Positive.
    """

    method: str
    lora: bool
    recipe: str
    title: str
    lr: float
    rows: int = 4
    accumulation: int = 4
    length: int = 2048
    epochs: int = 1
    distributed: bool = False
    in_backward: bool = False
    optimizer: str = OPTIMIZER
    grpo: Mapping[str, Any] = field(default_factory=dict)
    decays: bool = False
    alpha: float | None = None

    @property
    def name(self) -> str:
        """File name without ending."""
        base = f"{self.method}_{'lora' if self.lora else 'full'}"
        return f"{base}_distributed" if self.distributed else base


SFT_LORA = Method("sft", True, "lora_finetune_single_device", "LoRA SFT", 2e-4)
SFT_FULL = Method("sft", False, "full_finetune_single_device", "Full-parameter SFT", 1e-5)
DPO_LORA = Method("dpo", True, "recipes/dpo.py", "LoRA DPO", 2e-5, rows=2, accumulation=8)
DPO_FULL = Method(
    "dpo", False, "recipes/dpo.py", "Full-parameter DPO", 5e-7, rows=2, accumulation=8
)
GRPO_LORA = Method("grpo", True, "recipes/grpo.py", "LoRA GRPO", 2e-5)
GRPO_FULL = Method("grpo", False, "recipes/grpo.py", "Full-parameter GRPO", 1e-6)
SFT_LORA_MANY = Method(
    "sft", True, "lora_finetune_distributed", "LoRA SFT", 2e-4, accumulation=2, distributed=True
)
SFT_FULL_MANY = Method(
    *("sft", False, "full_finetune_distributed", "Full-parameter SFT", 1e-5),
    accumulation=2,
    distributed=True,
)
DPO_LORA_MANY = Method(
    *("dpo", True, "lora_dpo_distributed", "LoRA DPO", 2e-5, 2, 4), distributed=True
)

ANY = (SFT_LORA, SFT_FULL, DPO_LORA, DPO_FULL, GRPO_LORA, GRPO_FULL)
SFT_FULL_LARGE = replace(SFT_FULL, accumulation=1, in_backward=True)
SFT_FULL_HUGE = replace(SFT_FULL_LARGE, optimizer=OPTIMIZER_8BIT)
MANY = (SFT_LORA_MANY, SFT_FULL_MANY, DPO_LORA_MANY)
CODER = (SFT_LORA, SFT_FULL, DPO_LORA, GRPO_LORA)
NANO = (
    Method("sft", False, SFT_FULL.recipe, SFT_FULL.title, 5e-4, 8, 1, epochs=3),
    Method("dpo", False, DPO_FULL.recipe, DPO_FULL.title, 1e-4, 4, 1, alpha=10.0),
    Method("dpo", True, DPO_LORA.recipe, DPO_LORA.title, 1.2e-4, 4, 1),
    Method(
        *("grpo", False, GRPO_FULL.recipe, GRPO_FULL.title, 6e-4),
        grpo={
            "clip_low": 0.1,
            "clip_high": 4.0,
            "clip_max": 3.0,
            "tokens_per_micro_batch": 1024,
        },
        decays=True,
    ),
)
READY = {
    "llama3_1_8b": (SFT_LORA, SFT_FULL_LARGE, DPO_LORA, *MANY),
    "qwen2_5_14b": (SFT_LORA, SFT_FULL_HUGE, DPO_LORA, *MANY),
    "qwen2_5_coder_0_5b": CODER,
    "qwen2_5_coder_1_5b": CODER,
    "qwen2_5_coder_7b": (SFT_LORA, SFT_FULL_LARGE, DPO_LORA, GRPO_LORA),
    "nano": NANO,
}

DATASETS: dict[str, dict[str, Any]] = {
    "sft": {
        "_component_": "torchtune.datasets.instruct_dataset",
        "source": "json",
        "data_files": MISSING,
        "split": "train",
    },
    "dpo": {
        "_component_": "torchtune.datasets.preference_dataset",
        "source": "json",
        "data_files": MISSING,
        "split": "train",
    },
    "grpo": {"_component_": f"{SETTINGS}.group_data.groups_dataset", "path": MISSING},
}
DATA_ARGUMENT = {
    "sft": "dataset.data_files=TRAIN.json",
    "dpo": "dataset.data_files=TRAIN.json",
    "grpo": "dataset.path=TRAIN.parquet",
}


def documents() -> Iterator[tuple[str, str]]:
    """Every recipe: its path in this folder, and its text."""
    for method in ANY:
        yield f"{method.name}.yaml", text(method, None, None)
    for folder, methods in READY.items():
        for method in methods:
            yield f"{folder}/{method.name}.yaml", text(method, folder, MODELS[folder])


def text(method: Method, folder: str | None, model: ReadyModel | None) -> str:
    """A recipe as YAML, its commands on top and a blank line between its parts."""
    parts = [
        yaml.safe_dump(part, sort_keys=False, width=96) for part in parts_of(method, folder, model)
    ]
    return "\n".join([header(method, folder, model), *parts])


def name_of(method: Method, folder: str | None) -> str:
    """Name of the recipe, as ``train --recipe`` is given."""
    return method.name if folder is None else f"{folder}/{method.name}"


def header(method: Method, folder: str | None, model: ReadyModel | None) -> str:
    """What the recipe is, and the commands that run it."""
    name = name_of(method, folder)
    argument = "MODEL" if model is None else model.argument
    title = "any supported checkpoint" if model is None else model.title
    count = processes(method, model)
    devices = f"{count} devices" if method.distributed else "one device"
    train = f"python -m codemix_core train --dataset DATASET --model {argument} --recipe {name}"
    lines = [f"{method.title} of {title} on {devices}.", "", f"  {train}", ""]
    if model is None:
        lines += ["Model, tokenizer, checkpoint and dataset are filled in by this command."]
        return "".join(f"# {line}".rstrip() + "\n" for line in lines)
    lines += ["Without the workbench, from the project's folder:", ""]
    if model.source:
        lines += [f"  hf download {model.source} --local-dir {model.directory}"]
    run = f"{method.recipe} --config recipes/{name}.yaml {DATA_ARGUMENT[method.method]}"
    if method.distributed:
        lines += [
            f"  tune run --nproc_per_node {count} {run}",
            "",
            "On several machines, each:",
            "",
        ]
        meeting = "--rdzv_backend c10d --rdzv_endpoint HOST:PORT --rdzv_id ID"
        lines += [f"  tune run --nnodes 2 {meeting} --nproc_per_node {count} {run}"]
    else:
        ours = "PYTHONPATH=. " if method.recipe.endswith(".py") else ""
        lines += [f"  {ours}tune run {run}"]
    return "".join(f"# {line}".rstrip() + "\n" for line in lines)


def processes(method: Method, model: ReadyModel | None) -> int:
    """Processes on one machine."""
    if not method.distributed or model is None:
        return 1
    return model.processes[0 if method.lora else 1]


def parts_of(
    method: Method, folder: str | None, model: ReadyModel | None
) -> Iterator[dict[str, Any]]:
    """The settings, in groups that belong together."""
    yield {
        "recipe": method.recipe,
        "method": method.method,
        "nproc_per_node": processes(method, model),
    }
    yield {"output_dir": f"outputs/{name_of(method, folder)}"}
    yield from model_parts(method, model)
    yield {"dataset": DATASETS[method.method], "seed": 0, "shuffle": True}
    yield {"epochs": method.epochs, "max_steps_per_epoch": None, **batch(method)}
    yield from learning(method)
    yield {
        "metric_logger": {
            "_component_": f"{SETTINGS}.metrics.JsonLinesLogger",
            "path": "${output_dir}/metrics.jsonl",
        },
        "log_every_n_steps": 1,
        "log_peak_memory_stats": True,
    }
    yield environment(method, model)


def model_parts(method: Method, model: ReadyModel | None) -> Iterator[dict[str, Any]]:
    """Model, tokenizer and checkpointer; with gaps where any checkpoint may come."""
    lora = LORA if method.lora else None
    if model is None:
        block: dict[str, Any] = {"_component_": MISSING}
        if lora:
            block |= {
                "lora_attn_modules": list(lora.attn_modules),
                "apply_lora_to_mlp": lora.mlp,
                "lora_rank": lora.rank,
                "lora_alpha": lora.alpha,
                "lora_dropout": lora.dropout,
            }
    else:
        block = model.architecture.model(lora, method.length)
    yield {"model": block}
    yield {
        "tokenizer": {
            "_component_": f"{SETTINGS}.tokenizer.chat_tokenizer",
            "path": MISSING if model is None else model.directory,
            "max_seq_len": method.length,
        }
    }
    yield {
        "checkpointer": {
            "_component_": "torchtune.training.FullModelHFCheckpointer",
            "checkpoint_dir": MISSING if model is None else model.directory,
            "checkpoint_files": MISSING if model is None else model.weight_files,
            "model_type": MISSING if model is None else model.architecture.model_type,
            "output_dir": "${output_dir}",
        },
        "resume_from_checkpoint": False,
    }


def batch(method: Method) -> dict[str, Any]:
    """How many rows make a step."""
    if method.method == "grpo":
        return {
            "grpo": {
                "clip_low": 0.2,
                "clip_high": 0.28,  # Yu et al. 2025, DAPO, arXiv 2503.14476
                "kl_coef": 0.0,
                "scale_rewards": True,
                "loss_average": "sequence",
                "epochs_per_batch": 1,
                "groups_per_step": method.rows,
                **method.grpo,
            }
        }
    return {"batch_size": method.rows, "gradient_accumulation_steps": method.accumulation}


def learning(method: Method) -> Iterator[dict[str, Any]]:
    """Optimizer, schedule and loss."""
    optimizer = {"_component_": method.optimizer, "weight_decay": 0.0, "lr": method.lr}
    yield {"optimizer": optimizer | ({"fused": True} if method.optimizer == OPTIMIZER else {})}
    if method.method != "grpo" or method.decays:
        yield {"lr_scheduler": {"_component_": SCHEDULE, "num_warmup_steps": 10}}
    if method.method == "sft":
        yield {"loss": {"_component_": "torchtune.modules.loss.CEWithChunkedOutputLoss"}}
    if method.method == "dpo":
        yield {"loss": preference_loss(method)}
    if method.recipe != DPO_LORA_MANY.recipe:  # torchtune's clips nothing
        yield {"clip_grad_norm": None if method.in_backward else 1.0}


def preference_loss(method: Method) -> dict[str, Any]:
    """The loss of DPO."""
    losses = f"{SETTINGS}.losses"
    if method.alpha is None:
        return {"_component_": f"{losses}.DPOPositiveLoss", "beta": 0.1, "dpop_lambda": 5.0}
    kind = f"{losses}.NLLRegularisedDPOLoss"
    return {"_component_": kind, "beta": 0.1, "alpha": method.alpha}


def environment(method: Method, model: ReadyModel | None) -> dict[str, Any]:
    """Device, number format and what saves memory."""
    small = model is not None and model.source is None
    found: dict[str, Any] = {
        "device": "cpu" if small else "cuda",
        "dtype": "fp32" if small else "bf16",
        "enable_activation_checkpointing": not small,
        "enable_activation_offloading": False,
    }
    if not method.distributed:
        found["compile"] = False
    if not method.lora and method.method == "sft":
        found["optimizer_in_bwd"] = method.in_backward
        if method.distributed:
            found["custom_sharded_layers"] = ["tok_embeddings", "output"]
    return found


def main() -> None:
    """Write all files, and say which."""
    for name, content in documents():
        path = PROJECT / "recipes" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(content, encoding="utf-8")
        print(path.relative_to(PROJECT))


if __name__ == "__main__":
    main()
