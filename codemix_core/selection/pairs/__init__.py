"""DPO pairs: a registry of strategies, one small file each, and the choice they share.

Guarantees, for every strategy: both answers belong to one question; the chosen scores strictly
higher; the two are different programs; neither has an infrastructure error, no text to train
on or a verdict that contradicts another; the same candidates and rule give the same pairs.

A new strategy is a new module here with a ``STRATEGY``; nothing else has to know of it.
"""

from __future__ import annotations

import importlib
import pkgutil

import numpy as np

from codemix_core.errors import Problem, SpecError
from codemix_core.selection.candidates import Integers, rank_in_question
from codemix_core.selection.pairs.rule import PairRule, Strategy
from codemix_core.selection.pairs.table import PairTable, Programs, possible_pairs

__all__ = [
    "STRATEGIES",
    "PairRule",
    "PairTable",
    "Programs",
    "Strategy",
    "choose",
    "possible_pairs",
    "strategy",
]

_SHARED = ("rule", "table")


def _discover() -> dict[str, Strategy]:
    names = [m.name for m in pkgutil.iter_modules(__path__) if m.name not in _SHARED]
    found = [importlib.import_module(f"{__name__}.{name}").STRATEGY for name in names]
    return {entry.name: entry for entry in found}


STRATEGIES = _discover()
"""All strategies by name."""


def strategy(name: str) -> Strategy:
    """The strategy called ``name``.

    Raises:
        SpecError: there is none.
    """
    if name not in STRATEGIES:
        known = ", ".join(STRATEGIES)
        raise SpecError(Problem("strategy", f"got {name!r};", f"allowed: {known}."))
    return STRATEGIES[name]


def choose(table: PairTable, rule: PairRule) -> Integers:
    """Positions in the table of the pairs a rule takes, by question and best first.

    Raises:
        SpecError: there is no such strategy.
    """
    chosen = strategy(rule.strategy)
    allowed = chosen.keep(table, rule)
    if chosen.order is None:
        return np.flatnonzero(allowed)
    order = table.ordered(chosen.name, rule.seed, chosen.order)
    order = order[allowed[order]]
    rank = rank_in_question(table.question[order])
    return order[rank < rule.num_preference_pairs_per_question]
