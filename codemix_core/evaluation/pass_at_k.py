"""pass@k: the chance that at least one of k answers to a question is correct.

The unbiased estimator of Chen et al. 2021, "Evaluating Large Language Models Trained on Code",
arXiv 2107.03374, equation 1: from n scored answers of which c are correct,

    pass@k = 1 − C(n − c, k) / C(n, k)

Guaranteed: never a k above n. Estimating pass@k from fewer than k answers would be a guess.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def pass_at_k(n: ArrayLike, c: ArrayLike, k: int) -> NDArray[np.float64]:
    """The estimate for each question.

    Computed as a sum of logarithms, so it keeps its relative precision where the plain product
    is close to 1 and neither binomial coefficient could be represented.

    Args:
        n: scored answers per question.
        c: correct ones among them, same shape or broadcastable.
        k: answers drawn, 1 … min(n).

    Returns:
        Values in [0, 1], of the broadcast shape of ``n`` and ``c``.

    Raises:
        ValueError: k is below 1 or above some n, c is outside 0 … n, or counts are not integers.
    """
    total, correct = np.broadcast_arrays(np.asarray(n), np.asarray(c))
    for name, counts in (("n", total), ("c", correct)):
        if counts.size and not np.issubdtype(counts.dtype, np.integer):
            raise ValueError(f"{name} must hold integers, got {counts.dtype}")
    if k < 1 or (total.size and k > int(total.min())):
        raise ValueError(f"k must be 1 … n, got k = {k} with n = {total.min(initial=0)}")
    if np.any(correct < 0) or np.any(correct > total):
        raise ValueError("c must be 0 … n")
    if k == 1:
        # Exact, so that 1 of 4 and 2 of 8 are the same rate.
        rates: NDArray[np.float64] = correct / np.maximum(total, 1)
        return rates
    wrong = total - correct
    certain = wrong < k
    safe_total = np.where(certain, k + 1, total).astype(np.float64)
    safe_correct = np.where(certain, 0, correct).astype(np.float64)
    log_none = np.zeros(total.shape)
    for drawn in range(k):
        log_none += np.log1p(-safe_correct / (safe_total - drawn))
    estimate: NDArray[np.float64] = np.where(certain, 1.0, -np.expm1(log_none) + 0.0)
    return estimate


def ladder(n: int) -> list[int]:
    """The values of k to show for n answers: 1, 2, 4, 8, … and n itself.

    Raises:
        ValueError: n is below 1.
    """
    if n < 1:
        raise ValueError(f"n must be at least 1, got {n}")
    steps = [2**power for power in range(n.bit_length()) if 2**power <= n]
    return steps if steps[-1] == n else [*steps, n]
