"""The settings of GRPO: the ``grpo`` block of a recipe's YAML.

Temperature. The sampler's stored log-probabilities are of the model as it is, before
temperature, top-p and top-k. So is the policy's side of the ratio: it compares like with like and
starts at 1. What that cannot mend is that answers sampled at another temperature than 1 come
more often from the likely ones than the policy would give them. ``temperature`` other than 1
takes both sides of the ratio, and the reference, of the model at that temperature; the stored
values cannot be used then and are computed from the model the training starts from. With the
sampling temperature here, and no top-p or top-k, the first step is exactly on-policy.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from codemix_core.errors import Problem, SpecError

AVERAGES = ("sequence", "token")


@dataclass(frozen=True, slots=True)
class GrpoSpec:
    """Settings of GRPO.

    clip_low, clip_high: how far the ratio may fall below and rise above 1.
    clip_max: how large the ratio may count for an answer worse than its group's mean; None: any.
        Where the policy has come to prefer a token of such an answer, an unbounded ratio makes
        one token outweigh the rest of the step. Above 1.
    kl_coef: weight of the KL to the reference, which is the model the training starts from; 0
        does without.
    scale_rewards: divide advantages by the standard deviation of their group's rewards.
    loss_average: ``sequence`` or ``token``, see :func:`codemix_core.training.grpo.token_weights`.
    groups_per_step: groups whose gradients are summed before the optimiser steps.
    epochs_per_batch: optimiser steps in a row on the same groups, old log-probabilities fixed.
    tokens_per_micro_batch: tokens, padding included, that go through the model at once.
    temperature: of the distribution that is trained, see the module.
    """

    clip_low: float = 0.2
    clip_high: float = 0.2
    clip_max: float | None = None
    kl_coef: float = 0.0
    scale_rewards: bool = True
    loss_average: str = "sequence"
    groups_per_step: int = 8
    epochs_per_batch: int = 1
    tokens_per_micro_batch: int = 8192
    temperature: float = 1.0


def parse(block: Mapping[str, Any]) -> GrpoSpec:
    """The settings of a ``grpo`` block; what is left out has its default.

    Raises:
        SpecError: unknown keys and impossible values, all of them.
    """
    problems = _problems(block)
    if problems:
        raise SpecError(problems)
    return GrpoSpec(**block)


def _problems(block: Mapping[str, Any]) -> list[Problem]:
    known = [field.name for field in fields(GrpoSpec)]
    found = [
        Problem(f"grpo.{key}", "is no setting of GRPO.", f"Settings are {', '.join(known)}.")
        for key in block
        if key not in known
    ]
    values = asdict(GrpoSpec()) | dict(block)
    for name in ("groups_per_step", "epochs_per_batch", "tokens_per_micro_batch"):
        if not _whole(values[name]) or values[name] < 1:
            found.append(Problem(f"grpo.{name}", f"is {values[name]!r}.", "Give 1 or more."))
    for name in ("clip_low", "clip_high", "kl_coef", "temperature"):
        low = "above 0" if name in ("clip_high", "temperature") else "from 0 on"
        value = values[name]
        if not _number(value) or value < 0 or (low == "above 0" and value == 0):
            found.append(Problem(f"grpo.{name}", f"is {value!r}.", f"Give a number {low}."))
        elif name == "clip_low" and value > 1:
            what = f"is {value!r}, but a ratio cannot fall by more than 1."
            found.append(Problem("grpo.clip_low", what, "Give a number from 0 to 1."))
    bound = values["clip_max"]
    if bound is not None and not (_number(bound) and bound > 1):
        found.append(Problem("grpo.clip_max", f"is {bound!r}.", "Give a number above 1, or null."))
    if not isinstance(values["scale_rewards"], bool):
        what = f"is {values['scale_rewards']!r}."
        found.append(Problem("grpo.scale_rewards", what, "Give true or false."))
    if values["loss_average"] not in AVERAGES:
        what = f"is {values['loss_average']!r}."
        found.append(Problem("grpo.loss_average", what, f"Give {' or '.join(AVERAGES)}."))
    return found


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
