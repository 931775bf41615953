"""Training data and a model for tests: small, real, and made without the stages before."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from codemix_core.datasets.formats.groups import FORMAT as GROUPS_FORMAT
from codemix_core.records import Question
from codemix_core.sampling.languages import fenced
from codemix_core.sampling.prompts import build_messages
from codemix_core.training.tokenizer import ChatTemplateTokenizer


def model_block(directory: Path, lora: bool = False) -> dict[str, Any]:
    """The torchtune ``model`` block of the bundled checkpoint."""
    config = json.loads((directory / "config.json").read_text())
    block = {
        "_component_": "torchtune.models.qwen2.qwen2",
        "vocab_size": config["vocab_size"],
        "num_layers": config["num_hidden_layers"],
        "num_heads": config["num_attention_heads"],
        "num_kv_heads": config["num_key_value_heads"],
        "embed_dim": config["hidden_size"],
        "intermediate_dim": config["intermediate_size"],
        "max_seq_len": config["max_position_embeddings"],
        "norm_eps": config["rms_norm_eps"],
        "rope_base": config["rope_parameters"]["rope_theta"],
        "tie_word_embeddings": config["tie_word_embeddings"],
    }
    if lora:
        block |= {
            "_component_": "torchtune.models.qwen2.lora_qwen2",
            "lora_attn_modules": ["q_proj", "v_proj", "output_proj"],
            "apply_lora_to_mlp": True,
            "lora_rank": 8,
            "lora_alpha": 16,
            "lora_dropout": 0.0,
        }
    return block


def checkpointer_block(directory: Path, output: Path) -> dict[str, Any]:
    """The ``checkpointer`` block of the bundled checkpoint."""
    return {
        "_component_": "torchtune.training.FullModelHFCheckpointer",
        "checkpoint_dir": str(directory),
        "checkpoint_files": ["model.safetensors"],
        "output_dir": str(output),
        "model_type": "QWEN2",
    }


def recipe_config(directory: Path, output: Path, *, lora: bool, **more: Any) -> dict[str, Any]:
    """A recipe's configuration without dataset and method: fp32 on the CPU, two epochs."""
    base = {
        "output_dir": str(output),
        "device": "cpu",
        "dtype": "fp32",
        "seed": 5,
        "epochs": 2,
        "max_steps_per_epoch": None,
        "resume_from_checkpoint": False,
        "shuffle": True,
        "batch_size": 2,
        "gradient_accumulation_steps": 1,
        "compile": False,
        "enable_activation_checkpointing": False,
        "enable_activation_offloading": False,
        "tokenizer": {
            "_component_": "codemix_core.training.tokenizer.chat_tokenizer",
            "path": str(directory),
            "max_seq_len": 1024,
        },
        "model": model_block(directory, lora),
        "checkpointer": checkpointer_block(directory, output),
        "optimizer": {"_component_": "torch.optim.AdamW", "lr": 1e-3},
        "lr_scheduler": {
            "_component_": "torchtune.training.lr_schedulers.get_cosine_schedule_with_warmup",
            "num_warmup_steps": 2,
        },
        "metric_logger": {
            "_component_": "codemix_core.training.metrics.JsonLinesLogger",
            "path": str(output / "metrics.jsonl"),
        },
    }
    return base | more


def load_model(directory: Path, scratch: Path) -> Any:
    """The bundled checkpoint as a torchtune model, float32."""
    from omegaconf import OmegaConf
    from torchtune import config

    block = OmegaConf.create(checkpointer_block(directory, scratch))
    model = config.instantiate(OmegaConf.create(model_block(directory)))
    model.load_state_dict(config.instantiate(block).load_checkpoint()["model"])
    return model


def right_and_wrong(question: Question) -> tuple[str, str]:
    """The gold answer, and one that gives back what it was given."""
    head = question.gold.split("\n", 1)[0]
    return fenced(question.gold, "python"), fenced(f"{head}\n    return xs\n", "python")


def group_row(
    question: Question,
    tokenizer: ChatTemplateTokenizer,
    answers: Sequence[str],
    rewards: Sequence[float],
    logprobs: Sequence[list[float] | None] | None,
) -> dict[str, Any]:
    """A row of the ``groups`` table; without ``logprobs`` it has no token ids either."""
    messages = build_messages(question, "direct")
    mean = sum(rewards) / len(rewards)
    std = (sum((r - mean) ** 2 for r in rewards) / len(rewards)) ** 0.5
    known = logprobs is not None
    return {
        "question_id": question.question_id,
        "side": "train",
        "messages": json.dumps(messages),
        "prompt_token_ids": tokenizer.prompt_ids(messages) if known else None,
        "sample_indexes": list(range(len(answers))),
        "answers": list(answers),
        "token_ids": [tokenizer.answer_ids(a) if known else None for a in answers],
        "logprobs": [None] * len(answers) if logprobs is None else list(logprobs),
        "rewards": list(rewards),
        "advantages": [(r - mean) / std if std else 0.0 for r in rewards],
        "unscaled_advantages": [r - mean for r in rewards],
        "mean_reward": mean,
        "std_reward": std,
        "pass_rate": sum(r == 1 for r in rewards) / len(rewards),
    }


def write_groups(rows: Sequence[dict[str, Any]], path: Path) -> Path:
    """Rows as the ``groups`` format writes them."""
    GROUPS_FORMAT.write(rows, path)
    return path


def pair_item(question: Question, chosen: str, rejected: str) -> dict[str, Any]:
    """An item of the ``preference`` format."""
    prompt = build_messages(question, "direct")
    return {
        side: [*prompt, {"role": "assistant", "content": text}]
        for side, text in (("chosen", chosen), ("rejected", rejected))
    }
