"""The arithmetic of GRPO, per token, without a model.

A token of an answer has ``log_probs`` under the policy, ``old`` under the model that sampled it,
perhaps ``reference`` under the model to stay near, and the advantage of its answer. With
``r = exp(log_probs - old)`` its loss is::

    -min(r * A, clip(r, 1 - clip_low, 1 + clip_high) * A) + kl_coef * k3(log_probs, reference)

where ``clip_max`` is given, the first ``r`` counts as no more than that for a negative advantage.

Sources: the clipped ratio, Schulman et al. 2017, arXiv 1707.06347, equation 7; GRPO, Shao et
al. 2024, arXiv 2402.03300, equations 3 and 4; a higher upper bound of the ratio and the mean
over all tokens, Yu et al. 2025 ("DAPO"), arXiv 2503.14476; a bound of the ratio for negative
advantages, Ye et al. 2020 ("dual clip"), arXiv 1912.09729; advantages without division by the
standard deviation, Liu et al. 2025 ("Dr. GRPO"), arXiv 2503.20783.

Everything here works on flat tensors, one entry per token of any number of answers, so there is
no padding to mask. How tokens are averaged is a weight per token (:func:`token_weights`): the
loss of a step is the weighted sum, in one piece or in as many as memory wants.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from codemix_core.training.grpo_spec import GrpoSpec


@dataclass(frozen=True, slots=True)
class TokenLoss:
    """Loss of each token, and what to watch; all of one shape.

    loss: what is weighted and summed. ratio: policy over sampler. clipped: the clipped side was
    the smaller one, so the token gives no gradient. old_kl: k3 from policy to sampler, nats.
    kl: k3 from policy to reference, nats; zeros without one. All but ``loss`` carry no gradient.
    """

    loss: torch.Tensor
    ratio: torch.Tensor
    clipped: torch.Tensor
    old_kl: torch.Tensor
    kl: torch.Tensor


def token_loss(
    log_probs: torch.Tensor,
    old: torch.Tensor,
    advantages: torch.Tensor,
    reference: torch.Tensor | None,
    spec: GrpoSpec,
) -> TokenLoss:
    """The loss of each token; see the module.

    Args:
        log_probs: under the policy, nats; the only one with a gradient.
        old: under the sampler, of the same distribution (same temperature) as ``log_probs``.
        advantages: of the answer each token belongs to.
        reference: under the reference; must be given when ``spec.kl_coef`` is above 0.
    """
    log_ratio = log_probs - old
    ratio = log_ratio.exp()
    counted = ratio
    if spec.clip_max is not None:
        counted = torch.where(advantages < 0, ratio.clamp(max=spec.clip_max), ratio)
    free = counted * advantages
    bound = ratio.clamp(1 - spec.clip_low, 1 + spec.clip_high) * advantages
    loss = -torch.minimum(free, bound)
    kl = torch.zeros_like(old)
    if reference is not None:
        kl = k3(log_probs, reference)
        if spec.kl_coef:
            loss = loss + spec.kl_coef * kl
    with torch.no_grad():
        clipped = (bound < free) | (counted < ratio)
        return TokenLoss(loss, ratio.detach(), clipped, k3(log_probs, old), kl.detach())


def k3(log_probs: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """Estimate of KL(policy || other) per sampled token, unbiased and never negative.

    ``exp(d) - d - 1`` with ``d = other - log_probs`` (Schulman 2020, "Approximating KL
    divergence", k3; Shao et al. 2024, equation 4).
    """
    difference = other - log_probs
    return torch.expm1(difference) - difference


def token_weights(group_lengths: Sequence[Sequence[int]], average: str) -> list[np.ndarray]:
    """What each token of an answer weighs in the loss of a step; all weights sum to 1.

    Args:
        group_lengths: for each group of the step, the tokens of each of its answers.
        average: ``sequence``: mean over groups, over a group's answers, over an answer's tokens
            (GRPO); ``token``: mean over all tokens of the step (DAPO).

    Returns:
        for each group the weight of one token of each answer, float64.
    """
    if average == "token":
        total = sum(sum(lengths) for lengths in group_lengths)
        return [np.full(len(lengths), 1 / total) for lengths in group_lengths]
    groups = len(group_lengths)
    return [1 / (groups * len(lengths) * np.asarray(lengths, float)) for lengths in group_lengths]
