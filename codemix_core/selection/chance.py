"""Seeded draws that depend on what is drawn, never on what else there is.

A key is a 64-bit hash of the seed, the question and the sample indexes. So a question's draw
stays the same when other questions come or go, when work is cut into chunks, and on every
machine.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Keys = npt.NDArray[np.uint64]


def question_keys(question_ids: Sequence[str], seed: int) -> Keys:
    """One key per question."""
    digests = b"".join(
        hashlib.blake2b(
            f"{seed}\x1f{name}".encode("utf-8", "surrogatepass"), digest_size=8
        ).digest()
        for name in question_ids
    )
    return np.frombuffer(digests, dtype="<u8").astype(np.uint64)


def mix(keys: Keys, *numbers: npt.NDArray[np.generic]) -> Keys:
    """Keys that also depend on further integer columns (the finaliser of SplitMix64)."""
    state = keys.astype(np.uint64, copy=True)
    for column in numbers:
        state ^= column.astype(np.int64).view(np.uint64) * np.uint64(0xFF51AFD7ED558CCD)
        state += np.uint64(0x9E3779B97F4A7C15)
        state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        state ^= state >> np.uint64(31)
    return state
