"""From a checkpoint's ``config.json`` to the torchtune builder that makes the same model.

Guarantees: for a supported checkpoint, torchtune's model computes the logits transformers
computes, for sequences up to ``context``; whatever the builder cannot represent is refused with
its name and value. torchtune's builders: ``torchtune.models`` 0.6.1.

Where a checkpoint attends to a sliding window, ``context`` is that window: within it every
token is visible and both models agree, beyond it they would not.

Not applied: dropout of attention, residuals and embeddings. Log-probabilities of a policy that
is compared with its reference or its sampler must not be random.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from codemix_core.errors import ModelError, Problem
from codemix_core.training import config_json
from codemix_core.training.config_json import ConfigJson, Rope

ATTENTION_MODULES = ("q_proj", "k_proj", "v_proj", "output_proj")
"""Linear layers of attention that LoRA can adapt."""

SUPPORTED = (
    "Qwen2 and Qwen2.5 (Coder included), Llama 2, 3, 3.1 and 3.2, Mistral, Gemma (the first),"
    " Phi-3 and Phi-4 without long-rope"
)

_LLAMA3_ROPE = {
    "low_freq_factor": 1,
    "high_freq_factor": 4,
    "original_max_position_embeddings": 8192,
}
"""What torchtune's ``Llama3ScaledRoPE`` has built in."""
_GELU = ("gelu", "gelu_pytorch_tanh")
"""Gemma's two names for the tanh form: transformers reads ``gelu`` as it too."""


@dataclass(frozen=True, slots=True)
class Lora:
    """Which layers get low-rank adapters (Hu et al. 2021, arXiv 2106.09685).

    rank: of the update, 1 or more. alpha: the update is scaled by alpha / rank. dropout: of the
    adapters' input, [0, 1). attn_modules: of :data:`ATTENTION_MODULES`, at least one. mlp: adapt
    the MLP's three layers. output: adapt the output layer.
    """

    rank: int
    alpha: float
    dropout: float
    attn_modules: tuple[str, ...]
    mlp: bool
    output: bool


@dataclass(frozen=True, slots=True)
class Architecture:
    """A model as torchtune builds it.

    family: as people call it. model_type: name of torchtune's ``ModelType``, which decides how
    weights are converted. builder, lora_builder: dotted paths. parameters: all of them, adapters
    not counted. context: longest sequence in tokens that torchtune computes as transformers
    does. rope_base: of the rotary embedding. tied: input and output embeddings are one matrix.
    bias: queries, keys and values have one. more: builder arguments of this family alone.
    """

    family: str
    model_type: str
    builder: str
    lora_builder: str
    context: int
    vocab_size: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    embed_dim: int
    intermediate_dim: int
    norm_eps: float
    rope_base: float
    tied: bool
    bias: bool
    more: Mapping[str, Any] = field(default_factory=dict)

    @property
    def parameters(self) -> int:
        """Number of parameters."""
        queries, keys = self.heads * self.head_dim, self.kv_heads * self.head_dim
        attention = self.embed_dim * (2 * queries + 2 * keys)
        attention += (queries + 2 * keys) if self.bias else 0
        layer = attention + 3 * self.embed_dim * self.intermediate_dim + 2 * self.embed_dim
        embeddings = self.vocab_size * self.embed_dim * (1 if self.tied else 2)
        return embeddings + self.layers * layer + self.embed_dim

    def model(self, lora: Lora | None, max_seq_len: int | None = None) -> dict[str, Any]:
        """The ``model`` block of a torchtune configuration.

        Args:
            lora: adapters; None for a model that is trained whole.
            max_seq_len: longest sequence that will be trained on, at most ``context``. The
                LoRA builders keep tables of this length in every layer, so a whole context of
                128K tokens costs gigabytes.

        Raises:
            ModelError: the builder cannot put adapters where they are wanted.
        """
        length = self.context if max_seq_len is None else min(max_seq_len, self.context)
        dimensions = {
            "vocab_size": self.vocab_size,
            "num_layers": self.layers,
            "num_heads": self.heads,
            "num_kv_heads": self.kv_heads,
            "embed_dim": self.embed_dim,
            "intermediate_dim": self.intermediate_dim,
            "max_seq_len": length,
            "norm_eps": self.norm_eps,
            "rope_base": int(self.rope_base) if self.rope_base.is_integer() else self.rope_base,
            **self.more,
        }
        if lora is None:
            return {"_component_": self.builder, **dimensions}
        return {"_component_": self.lora_builder, **self._adapters(lora), **dimensions}

    def _adapters(self, lora: Lora) -> dict[str, Any]:
        block: dict[str, Any] = {
            "lora_attn_modules": list(lora.attn_modules),
            "apply_lora_to_mlp": lora.mlp,
            "lora_rank": lora.rank,
            "lora_alpha": lora.alpha,
            "lora_dropout": lora.dropout,
        }
        if lora.output and self.tied:
            what = f"is true, and the output layer of this {self.family} model is its embedding."
            raise ModelError(Problem("model.apply_lora_to_output", what, "Set it to false."))
        # The one builder without the argument always ties its embeddings.
        return block if self.family == "Gemma" else block | {"apply_lora_to_output": lora.output}


def read(directory: Path) -> Architecture:
    """The architecture of the checkpoint in ``directory``; only its ``config.json`` is read.

    Raises:
        ModelError: no supported family, or a variant torchtune cannot build; every reason named.
    """
    return from_config(config_json.read(directory), f"model {directory}")


def from_config(values: Mapping[str, Any], where: str) -> Architecture:
    """The architecture that the values of a ``config.json`` describe.

    Raises:
        ModelError: see :func:`read`.
    """
    config = ConfigJson(values, where)
    make = _FAMILIES.get(str(values.get("model_type")))
    if make is None:
        what = f"model_type {values.get('model_type')!r} cannot be trained."
        raise ModelError(Problem(where, what, f"Supported: {SUPPORTED}."))
    names = values.get("architectures") or []
    if names and not any(str(name).endswith("ForCausalLM") for name in names):
        what = f"architectures is {names!r}, not a language model."
        config.refuse(what, "Use the ...ForCausalLM checkpoint of the model.")
    if values.get("quantization_config") is not None:
        config.refuse("the weights are quantized.", "Use the checkpoint it was made from.")
    made = make(config)
    if made.heads % made.kv_heads or made.head_dim % 2:
        what = (
            f"{made.heads} heads over {made.kv_heads} key-value heads of {made.head_dim}"
            " dimensions do not divide evenly."
        )
        config.refuse(what, "The first is a multiple of the second, and the third is even.")
    config.raise_problems()
    return made


def _qwen2(config: ConfigJson) -> Architecture:
    if "tie_word_embeddings" not in config.values:
        config.refuse("lacks tie_word_embeddings.", "Set it to true or false, as the model is.")
    window = config.size("sliding_window") if _qwen2_has_window(config) else None
    tied = config.tied(default=False)
    return _decoder(
        config,
        ("Qwen2", "QWEN2", "torchtune.models.qwen2.", "qwen2"),
        tied=tied,
        bias=True,
        window=window,
        more={"tie_word_embeddings": tied},
    )


def _qwen2_has_window(config: ConfigJson) -> bool:
    """Whether any layer attends to a window only."""
    if not config.values.get("use_sliding_window"):
        return False
    if config.values.get("layer_types"):
        return "sliding_attention" in config.values["layer_types"]
    return config.size("num_hidden_layers") > config.size("max_window_layers")


def _llama(config: ConfigJson) -> Architecture:
    for key in ("attention_bias", "mlp_bias"):
        config.only(key, (None, False), "Only Llama models without biases can be trained.")
    rope, tied = config.rope(), config.tied(default=False)
    if rope.kind not in ("default", "llama3"):
        _refuse_rope(config, rope, "the plain one and Llama 3.1's")
    more: dict[str, Any] = {}
    if rope.kind == "llama3":
        more["scale_factor"] = _llama3_factor(config, rope)
    name = "llama3_1" if more else "llama3"
    if tied:
        # The only builder that ties; with a factor of 1 its rotary embedding is the plain one.
        more = {"scale_factor": 1, **more, "tie_word_embeddings": True}
        name = "llama3_2"
    family = ("Llama", "LLAMA3_2" if tied else "LLAMA3", f"torchtune.models.{name}.", name)
    return _decoder(config, family, tied=tied, rope=rope, more=more)


def _llama3_factor(config: ConfigJson, rope: Rope) -> int:
    for key, built_in in _LLAMA3_ROPE.items():
        if rope.settings.get(key) != built_in:
            what = f"{key} of the rotary embedding is {rope.settings.get(key)!r}."
            config.refuse(what, f"torchtune has {built_in} built in.")
    factor = rope.settings.get("factor")
    if isinstance(factor, int | float) and factor >= 1 and float(factor).is_integer():
        return int(factor)
    config.refuse(f"factor of the rotary embedding is {factor!r}.", "It is a whole number.")
    return 1


def _mistral(config: ConfigJson) -> Architecture:
    if config.tied(default=False):
        config.refuse("tie_word_embeddings is true.", "torchtune's Mistral has an output layer.")
    # transformers assumes a window of 4,096 where the file has no such line; null means none.
    absent = "sliding_window" not in config.values
    window = 4096 if absent else _window(config)
    family = ("Mistral", "MISTRAL", "torchtune.models.mistral.", "mistral")
    return _decoder(config, family, window=window)


def _gemma(config: ConfigJson) -> Architecture:
    if not config.tied(default=True):
        config.refuse("tie_word_embeddings is false.", "torchtune's Gemma has no output layer.")
    for key in ("attention_bias", "use_bidirectional_attention"):
        config.only(key, (None, False), "Only Gemma models without it can be trained.")
    config.only("hidden_activation", (None, *_GELU), "torchtune's Gemma uses the tanh GELU.")
    family = ("Gemma", "GEMMA", "torchtune.models.gemma.", "gemma")
    head = config.size("head_dim")
    more = {"head_dim": head}
    return _decoder(config, family, tied=True, activations=_GELU, head_dim=head, more=more)


def _phi3(config: ConfigJson) -> Architecture:
    if config.tied(default=False):
        config.refuse("tie_word_embeddings is true.", "torchtune's Phi-3 has an output layer.")
    config.only("attention_bias", (None, False), "Only Phi-3 models without can be trained.")
    window = _window(config)
    family = ("Phi-3", "PHI3_MINI", "torchtune.models.phi3.", "phi3")
    return _decoder(config, family, window=window)


_FAMILIES: dict[str, Callable[[ConfigJson], Architecture]] = {
    "qwen2": _qwen2,
    "llama": _llama,
    "mistral": _mistral,
    "gemma": _gemma,
    "phi3": _phi3,
}
"""By the ``model_type`` of config.json."""


def _decoder(
    config: ConfigJson,
    family: tuple[str, str, str, str],
    *,
    tied: bool = False,
    bias: bool = False,
    window: int | None = None,
    rope: Rope | None = None,
    activations: tuple[str, ...] = ("silu",),
    head_dim: int | None = None,
    more: Mapping[str, Any] | None = None,
) -> Architecture:
    """What all families share.

    Args:
        family: its name, torchtune's model type, the builders' module and the builder.
        window: sliding window in tokens, None for none.
        rope: rotary settings that were accepted already; None allows the plain kind only.
        head_dim: where the builder takes it; None where it divides the width by the heads.
    """
    width, heads = config.size("hidden_size"), config.size("num_attention_heads")
    context = config.size("max_position_embeddings")
    if head_dim is None:
        head_dim = width // heads
        given = config.values.get("head_dim")
        if width % heads or given not in (None, head_dim):
            what = f"head_dim is {given!r} with {heads} heads over a width of {width}."
            config.refuse(what, "torchtune's builder needs heads x head_dim = width.")
    fix = f"torchtune's {family[0]} uses {activations[-1]}."
    config.only("hidden_act", activations, fix)
    if rope is None:
        rope = config.rope()
        if rope.kind != "default":
            _refuse_rope(config, rope, "the plain one")
    name, model_type, module, builder = family
    return Architecture(
        family=name,
        model_type=model_type,
        builder=module + builder,
        lora_builder=f"{module}lora_{builder}",
        context=context if window is None else min(context, window),
        vocab_size=config.size("vocab_size"),
        layers=config.size("num_hidden_layers"),
        heads=heads,
        kv_heads=config.size("num_key_value_heads"),
        head_dim=head_dim,
        embed_dim=width,
        intermediate_dim=config.size("intermediate_size"),
        norm_eps=config.positive("rms_norm_eps"),
        rope_base=rope.base,
        tied=tied,
        bias=bias,
        more=more or {},
    )


def _window(config: ConfigJson) -> int | None:
    return None if config.values.get("sliding_window") is None else config.size("sliding_window")


def _refuse_rope(config: ConfigJson, rope: Rope, known: str) -> None:
    what = f"rotary embeddings are scaled by {rope.kind!r}."
    config.refuse(what, f"torchtune builds {known} for this family.")
