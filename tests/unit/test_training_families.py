"""torchtune builds the model that transformers loads, or says why it cannot."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from codemix_core.errors import ModelError
from codemix_core.training import checkpoints, families
from codemix_core.training.families import ATTENTION_MODULES, Architecture, Lora
from tests.unit import tiny_checkpoints
from tests.unit.tiny_checkpoints import CASES

TOLERANCE = 1e-4
EVERYWHERE = Lora(4, 8.0, 0.0, ATTENTION_MODULES, mlp=True, output=False)


@dataclass(frozen=True)
class Tiny:
    """A checkpoint on disk, its architecture, and the logits transformers computes."""

    directory: Path
    architecture: Architecture
    logits: Any


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Models this small only wait for each other's threads."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Tiny]:
    """All tiny checkpoints, written once."""
    return {name: _tiny(tmp_path_factory.mktemp("tiny"), case) for name, case in CASES.items()}


def _tiny(directory: Path, case: tiny_checkpoints.Case) -> Tiny:
    import torch

    model = tiny_checkpoints.write(case, directory)
    with torch.no_grad():
        logits = model(tiny_checkpoints.tokens()).logits
    return Tiny(directory, families.read(directory), logits)


def load(directory: Path, output: Path, lora: Lora | None = None) -> tuple[Any, Any]:
    """torchtune's model with the checkpoint's weights, and the checkpointer."""
    import torch
    from omegaconf import OmegaConf
    from torchtune import config, training

    architecture = families.read(directory)
    block = checkpoints.block(directory, output, architecture.model_type, False, resume=False)
    checkpointer = config.instantiate(OmegaConf.create(block))
    weights = checkpointer.load_checkpoint()[training.MODEL_KEY]
    torch.manual_seed(2)
    model = config.instantiate(OmegaConf.create(architecture.model(lora)))
    found = model.load_state_dict({k: v.float() for k, v in weights.items()}, strict=lora is None)
    assert all("lora" in key for key in found.missing_keys)
    assert not found.unexpected_keys
    return model.eval(), checkpointer


def logits_of(model: Any, tokens: Any) -> Any:
    import torch

    with torch.no_grad():
        found = model(tokens)
    return getattr(found, "logits", found)


def reloaded(directory: Path) -> Any:
    import torch
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32).eval()


def distance(one: Any, other: Any) -> float:
    return float((one - other).abs().max())


@pytest.mark.parametrize("name", CASES)
def test_logits_are_those_of_transformers(
    made: dict[str, Tiny], name: str, tmp_path: Path, record_property: Any
) -> None:
    tiny, tokens = made[name], tiny_checkpoints.tokens()
    model, checkpointer = load(tiny.directory, tmp_path)
    ours = logits_of(model, tokens)
    record_property("distance", distance(ours, tiny.logits))
    assert float(tiny.logits.std()) > 0.5, "logits too flat to tell models apart"
    assert distance(ours, tiny.logits) <= TOLERANCE
    assert sum(p.numel() for p in model.parameters()) == tiny.architecture.parameters

    checkpointer.save_checkpoint({"model": model.state_dict()}, epoch=0)
    again = logits_of(reloaded(tmp_path / "epoch_0"), tokens)
    assert distance(again, tiny.logits) <= TOLERANCE


@pytest.mark.parametrize("name", CASES)
def test_a_fresh_adapter_changes_nothing_and_a_trained_one_is_merged_into_what_is_saved(
    made: dict[str, Tiny], name: str, tmp_path: Path
) -> None:
    import torch
    from torchtune.modules.peft import get_merged_lora_ckpt

    tiny, tokens = made[name], tiny_checkpoints.tokens()
    model, checkpointer = load(tiny.directory, tmp_path, EVERYWHERE)
    assert distance(logits_of(model, tokens), tiny.logits) <= TOLERANCE
    adapted = [p for key, p in model.named_parameters() if "lora_b" in key]
    assert len(adapted) == 7 * tiny.architecture.layers
    with torch.no_grad():
        for parameter in adapted:
            parameter.normal_(0.0, 0.05)
    trained = logits_of(model, tokens)
    assert distance(trained, tiny.logits) > 100 * TOLERANCE
    merged = get_merged_lora_ckpt(model.state_dict(), rank=4, alpha=8.0)
    checkpointer.save_checkpoint({"model": merged}, epoch=0)
    assert distance(logits_of(reloaded(tmp_path / "epoch_0"), tokens), trained) <= TOLERANCE


def test_nano_is_the_same_model_in_both_libraries(nano_model: Path, tmp_path: Path) -> None:
    import torch

    tokens = torch.randint(3, 1000, (2, 200), generator=torch.Generator().manual_seed(1))
    model, checkpointer = load(nano_model, tmp_path)
    reference = logits_of(reloaded(nano_model), tokens)
    assert distance(logits_of(model, tokens), reference) <= TOLERANCE
    checkpointer.save_checkpoint({"model": model.state_dict()}, epoch=0)
    assert distance(logits_of(reloaded(tmp_path / "epoch_0"), tokens), reference) <= TOLERANCE
    assert families.read(nano_model).parameters == sum(p.numel() for p in model.parameters())


def test_the_comparison_sees_a_wrong_rotary_base_and_a_missing_scale(
    made: dict[str, Tiny], tmp_path: Path
) -> None:
    copy = tmp_path / "model"
    plain = {"rope_type": "default", "rope_theta": 20_000.0}
    unscaled = {"rope_type": "default", "rope_theta": 500_000.0}
    for name, rope in (("qwen2 untied", plain), ("mistral", plain), ("llama 3.1", unscaled)):
        tiny = made[name]
        shutil.copytree(tiny.directory, copy)
        change(copy, rope_parameters=rope)
        ours = logits_of(load(copy, tmp_path / name)[0], tiny_checkpoints.tokens())
        assert distance(ours, tiny.logits) > 100 * TOLERANCE
        shutil.rmtree(copy)


@pytest.mark.parametrize("name", [name for name in CASES if "window" in name])
def test_a_sliding_window_bounds_the_context_and_longer_sequences_are_refused(
    made: dict[str, Tiny], name: str, tmp_path: Path
) -> None:
    import torch

    assert made[name].architecture.context == 64
    model, _ = load(made[name].directory, tmp_path)
    with pytest.raises(ValueError, match="max_seq_len"):
        model(torch.zeros(1, 65, dtype=torch.long))


def change(directory: Path, drop: tuple[str, ...] = (), **values: Any) -> None:
    """Change the config.json of a checkpoint."""
    path = directory / "config.json"
    config = {**json.loads(path.read_text()), **values}
    path.write_text(json.dumps({k: v for k, v in config.items() if k not in drop}))


def test_both_layouts_of_rotary_settings_are_read(made: dict[str, Tiny], tmp_path: Path) -> None:
    copy = tmp_path / "model"
    shutil.copytree(made["llama 3.1"].directory, copy)
    rope = json.loads((copy / "config.json").read_text())["rope_parameters"]
    base = rope.pop("rope_theta")
    change(copy, drop=("rope_parameters",), rope_theta=base, rope_scaling=rope)
    assert families.read(copy) == made["llama 3.1"].architecture
    change(copy, rope_scaling=None)
    assert families.read(copy).builder == "torchtune.models.llama3.llama3"
    change(copy, drop=("rope_theta",))
    assert families.read(copy).rope_base == 10_000.0


LLAMA3 = {
    "rope_type": "llama3",
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 8192,
}
LONG = {"rope_type": "longrope", "short_factor": [1.0] * 8, "long_factor": [4.0] * 8}
REFUSED = [
    ("qwen2 tied", {"model_type": "qwen3"}, "model_type 'qwen3'.*Qwen2 and Qwen2.5"),
    ("qwen2 tied", {"model_type": None}, "Supported: Qwen2"),
    ("qwen2 tied", {"architectures": ["Qwen2ForSequenceClassification"]}, "ForSequenceClass"),
    ("qwen2 tied", {"quantization_config": {"bits": 4}}, "quantized"),
    ("qwen2 tied", {"hidden_act": "gelu"}, "hidden_act is 'gelu'.*silu"),
    ("qwen2 tied", {"rope_scaling": {"type": "yarn", "factor": 4.0}}, "'yarn'"),
    ("qwen2 tied", {"head_dim": 32}, "head_dim is 32"),
    ("qwen2 tied", {"num_key_value_heads": 3}, "3 key-value heads"),
    ("qwen2 tied", {"hidden_size": 0}, "hidden_size is 0"),
    ("qwen2 tied", {"rms_norm_eps": "small"}, "rms_norm_eps is 'small'"),
    ("llama 3", {"attention_bias": True}, "attention_bias is True"),
    ("llama 3", {"mlp_bias": True}, "mlp_bias is True"),
    ("llama 3", {"head_dim": 32}, "head_dim is 32"),
    ("llama 3", {"rope_scaling": {"rope_type": "linear", "factor": 2.0}}, "'linear'"),
    ("llama 3.1", {"rope_scaling": LLAMA3 | {"low_freq_factor": 2.0}}, "low_freq_factor.*2.0"),
    ("llama 3.1", {"rope_scaling": LLAMA3 | {"factor": 8.5}}, "factor.*8.5"),
    ("llama 3", {"rope_parameters": {"full_attention": {"rope_theta": 1e4}}}, "layer to layer"),
    ("llama 3", {"rope_parameters": {"rope_theta": -1.0}}, "rope_theta is -1.0"),
    ("mistral", {"tie_word_embeddings": True}, "tie_word_embeddings is true"),
    ("mistral", {"head_dim": 8}, "head_dim is 8"),
    ("mistral", {"sliding_window": "wide"}, "sliding_window is 'wide'"),
    ("gemma", {"tie_word_embeddings": False}, "tie_word_embeddings is false"),
    ("gemma", {"hidden_act": "silu"}, "hidden_act is 'silu'"),
    ("gemma", {"hidden_activation": "relu"}, "hidden_activation is 'relu'"),
    ("gemma", {"use_bidirectional_attention": True}, "use_bidirectional_attention is True"),
    ("phi-3", {"tie_word_embeddings": True}, "tie_word_embeddings is true"),
    ("phi-3", {"rope_scaling": LONG}, "'longrope'"),
    ("phi-3", {"partial_rotary_factor": 0.75, "rope_parameters": {}}, "partial_rotary_factor"),
    ("phi-3", {"attention_bias": True}, "attention_bias is True"),
]


@pytest.mark.parametrize(("name", "values", "words"), REFUSED)
def test_what_torchtune_cannot_build_is_refused_by_name(
    made: dict[str, Tiny], tmp_path: Path, name: str, values: dict[str, Any], words: str
) -> None:
    shutil.copy(made[name].directory / "config.json", tmp_path)
    change(tmp_path, **values)
    with pytest.raises(ModelError, match=words):
        families.read(tmp_path)


def test_every_reason_is_named_at_once(made: dict[str, Tiny], tmp_path: Path) -> None:
    shutil.copy(made["llama 3"].directory / "config.json", tmp_path)
    change(tmp_path, drop=("num_key_value_heads",), attention_bias=True, hidden_act="relu")
    with pytest.raises(ModelError) as found:
        families.read(tmp_path)
    assert len(found.value.problems) == 3


@pytest.mark.parametrize("text", [None, "[]", "{", '"llama"'])
def test_a_missing_or_broken_config_is_explained(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "config.json").write_text(text)
    with pytest.raises(ModelError, match=r"config\.json"):
        families.read(tmp_path)


def test_an_adapter_on_a_tied_output_layer_is_refused(made: dict[str, Tiny]) -> None:
    output = Lora(4, 8.0, 0.0, ("q_proj",), mlp=False, output=True)
    for tiny in made.values():
        if tiny.architecture.tied:
            with pytest.raises(ModelError, match="its embedding"):
                tiny.architecture.model(output)
        else:
            assert tiny.architecture.model(output)["apply_lora_to_output"] is True
