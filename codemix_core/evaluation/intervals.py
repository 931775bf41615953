"""95% intervals for means over questions: the percentile bootstrap.

Questions are resampled with replacement and the 2.5% and 97.5% quantiles of the resampled means
are the interval (Efron & Tibshirani 1993, "An Introduction to the Bootstrap", chapter 13).
Questions are the unit because they are what varies between test sets; the n answers of a
question are already inside its value.

A resampled mean depends only on how often each *distinct* value is drawn. Where few values are
distinct, as pass rates of n answers are, the draws are one multinomial over them: the same
distribution as drawing questions, at a fraction of the cost.

Limits: with few questions (below about 20) the percentile bootstrap covers less than 95%. With
one question there is no interval (NaN). When all values are equal the interval has no width,
which says nothing about questions unlike them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

METHOD = (
    "95% percentile bootstrap over questions, 2,000 resamples (Efron & Tibshirani 1993, chapter 13)"
)
LEVEL = 0.95
RESAMPLES = 2000
CHUNK_CELLS = 8_000_000
"""Most draws held at once, so memory stays bounded for any number of questions."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean over questions with its interval.

    value: the mean; NaN without questions. low, high: the interval; NaN below two questions.
    questions: how many questions the mean is over.
    """

    value: float
    low: float
    high: float
    questions: int

    @property
    def margin(self) -> float:
        """Half the interval's width; NaN when there is no interval."""
        return (self.high - self.low) / 2

    def document(self) -> dict[str, float | int | None]:
        """For JSON: NaN becomes null."""
        return {
            "value": finite(self.value),
            "low": finite(self.low),
            "high": finite(self.high),
            "questions": self.questions,
        }


def finite(value: float) -> float | None:
    """The number, or None when it is NaN or infinite."""
    return float(value) if np.isfinite(value) else None


def mean_interval(values: ArrayLike, seed: int = 0, level: float = LEVEL) -> Interval:
    """The mean of one value per question, with its interval.

    Args:
        values: shape (questions,); NaN marks a question without a value, which is left out.
        seed: of the resampling; the same values and seed give the same interval.
        level: coverage, between 0 and 1.
    """
    array = np.asarray(values, dtype=np.float64).ravel()
    array = array[np.isfinite(array)]
    if array.size == 0:
        return Interval(np.nan, np.nan, np.nan, 0)
    least, most = float(array.min()), float(array.max())
    mean = min(max(float(array.mean()), least), most)  # rounding may carry a mean past its values
    if array.size == 1:
        return Interval(mean, np.nan, np.nan, 1)
    if np.ptp(array) == 0:
        return Interval(mean, mean, mean, int(array.size))
    tail = (1.0 - level) / 2
    bounds = np.quantile(_resampled_means(array, seed), [tail, 1.0 - tail])
    low, high = np.clip(bounds, least, most)
    return Interval(mean, float(low), float(high), int(array.size))


def difference_interval(after: ArrayLike, before: ArrayLike, seed: int = 0) -> Interval:
    """The mean paired difference ``after − before`` over the same questions, with its interval.

    Args:
        after: shape (questions,); NaN where the run has no value for a question.
        before: the other run, same questions in the same order.
        seed: of the resampling.

    Raises:
        ValueError: the shapes differ.
    """
    first, second = np.asarray(after, dtype=np.float64), np.asarray(before, dtype=np.float64)
    if first.shape != second.shape:
        raise ValueError(f"runs differ in questions: {first.shape} and {second.shape}")
    return mean_interval(first - second, seed)


def _resampled_means(values: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    generator = np.random.default_rng(seed)
    distinct, counts = np.unique(values, return_counts=True)
    few_distinct = 3 * distinct.size < values.size
    cells = distinct.size if few_distinct else values.size
    rows = max(1, CHUNK_CELLS // cells)
    means = np.empty(RESAMPLES)
    for start in range(0, RESAMPLES, rows):
        size = min(rows, RESAMPLES - start)
        if few_distinct:
            drawn = generator.multinomial(values.size, counts / values.size, size=size)
            means[start : start + size] = drawn @ distinct / values.size
        else:
            chosen = generator.integers(0, values.size, (size, values.size), dtype=np.int32)
            means[start : start + size] = values.take(chosen).mean(axis=1)
    return np.clip(means, values.min(), values.max())
