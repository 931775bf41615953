"""Preference losses that hold the chosen answer up, drop-ins for torchtune's ``DPOLoss``.

Plain DPO only widens the gap between two log-probabilities. Where the answers of a pair differ
by a few tokens it does so by pushing both down, and the model forgets the chosen answer while
every reward margin looks well. Both losses here work against that:

- :class:`DPOPositiveLoss` pays for a chosen answer that is less likely than under the reference;
- :class:`NLLRegularisedDPOLoss` also maximises the likelihood of the chosen answer itself.

Both are called as torchtune's is, with the summed log-probabilities of the answers (nats, one
per pair), and return ``(losses, chosen rewards, rejected rewards)``, one each per pair; rewards
are ``beta * (log pi - log pi_ref)`` and carry no gradient. With their weight at 0 both are DPO
(Rafailov et al. 2023, arXiv 2305.18290), to the last bit.

    loss:
      _component_: codemix_core.training.losses.DPOPositiveLoss
      beta: 0.1
      dpop_lambda: 50
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from codemix_core.errors import Problem, SpecError

Losses = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


class DPOPositiveLoss(nn.Module):  # type: ignore[misc]
    """DPO-Positive (Pal et al. 2024, "Smaug", arXiv 2402.13228, equation 3)::

    -log sigmoid(beta * (log pi(w)/ref(w) - log pi(l)/ref(l) - lambda * max(0, log ref(w)/pi(w))))

    ``w`` is the chosen answer, ``l`` the rejected one. The paper uses lambda from 5 to 500.
    """

    def __init__(self, beta: float = 0.1, dpop_lambda: float = 50.0) -> None:
        """Keep the weights.

        Raises:
            SpecError: beta is not above 0, or lambda is below 0.
        """
        super().__init__()
        _check("loss.beta", beta, above=True)
        _check("loss.dpop_lambda", dpop_lambda, above=False)
        self.beta = beta
        self.dpop_lambda = dpop_lambda

    def forward(
        self,
        policy_chosen_logps: torch.Tensor,
        policy_rejected_logps: torch.Tensor,
        reference_chosen_logps: torch.Tensor,
        reference_rejected_logps: torch.Tensor,
    ) -> Losses:
        """Losses and rewards of each pair."""
        logits = policy_chosen_logps - policy_rejected_logps
        logits = logits - (reference_chosen_logps - reference_rejected_logps)
        penalty = F.relu(reference_chosen_logps - policy_chosen_logps)
        losses = -F.logsigmoid(self.beta * (logits - self.dpop_lambda * penalty))
        chosen = self.beta * (policy_chosen_logps - reference_chosen_logps).detach()
        rejected = self.beta * (policy_rejected_logps - reference_rejected_logps).detach()
        return losses, chosen, rejected


class NLLRegularisedDPOLoss(nn.Module):  # type: ignore[misc]
    """DPO with a likelihood term (Pang et al. 2024, "Iterative RPO", arXiv 2404.19733, eq. 1)::

    -log sigmoid(beta * (log pi(w)/ref(w) - log pi(l)/ref(l))) - alpha * log pi(w) / |w|

    ``|w|`` is the number of trained tokens of the chosen answer, which torchtune's interface does
    not pass. A loss that needs it says so with :attr:`needs_lengths`, and ``recipes/dpo.py``
    passes it as ``chosen_lengths``. torchtune's own recipes, the distributed ones included, do
    not: with them this loss stops at the first step, unless alpha is 0. The paper uses alpha 1.
    """

    needs_lengths = True

    def __init__(self, beta: float = 0.1, alpha: float = 1.0) -> None:
        """Keep the weights.

        Raises:
            SpecError: beta is not above 0, or alpha is below 0.
        """
        super().__init__()
        _check("loss.beta", beta, above=True)
        _check("loss.alpha", alpha, above=False)
        self.beta = beta
        self.alpha = alpha

    def forward(
        self,
        policy_chosen_logps: torch.Tensor,
        policy_rejected_logps: torch.Tensor,
        reference_chosen_logps: torch.Tensor,
        reference_rejected_logps: torch.Tensor,
        chosen_lengths: torch.Tensor | None = None,
    ) -> Losses:
        """Losses and rewards of each pair.

        Args:
            chosen_lengths: trained tokens of each chosen answer; an answer without any (its
                prompt filled the context) adds nothing.

        Raises:
            SpecError: the lengths were not passed and alpha is not 0.
        """
        logits = policy_chosen_logps - policy_rejected_logps
        logits = logits - (reference_chosen_logps - reference_rejected_logps)
        losses = -F.logsigmoid(self.beta * logits)
        if self.alpha:
            if chosen_lengths is None:
                what = "NLLRegularisedDPOLoss was not given the lengths of the answers."
                fix = "Train with recipes/dpo.py, or take DPOPositiveLoss in torchtune's recipes."
                raise SpecError(Problem("loss", what, fix))
            losses = losses - self.alpha * policy_chosen_logps / chosen_lengths.clamp(min=1)
        chosen = self.beta * (policy_chosen_logps - reference_chosen_logps).detach()
        rejected = self.beta * (policy_rejected_logps - reference_rejected_logps).detach()
        return losses, chosen, rejected


def _check(where: str, value: Any, *, above: bool) -> None:
    """Raise when ``value`` is no number above 0 (``above``), or none from 0 on."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not (value > 0 if above else value >= 0) or value == float("inf"):
        fix = "Give a number above 0." if above else "Give a number, 0 or above."
        raise SpecError(Problem(where, f"is {value!r}.", fix))
