"""Planted bugs: how the nano pretraining corpus is wrong on purpose.

For every skill there are *slips*, wrong expressions of the kind people write (off-by-one
constants, swapped operators, a wrong end of the list), and *neighbours*, other skills that
are easily taken for it. Each step of a solution is replaced independently, so a model
trained on such solutions samples a right program with a probability below one, and knows
the right step well enough for later training to raise it.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from codemix_core.questions.nano_skills import BY_NAME, SKILLS, Skill

SLIPS: dict[str, tuple[str, ...]] = {
    "keep_even": ("[x for x in xs if x % 2 == 1]", "[x for x in xs if x % 2 != 0]"),
    "keep_odd": ("[x for x in xs if x % 2 == 0]", "[x for x in xs if x % 3 == 1]"),
    "keep_positive": ("[x for x in xs if x >= 0]", "[x for x in xs if x > 1]"),
    "keep_negative": ("[x for x in xs if x <= 0]", "[x for x in xs if x < 1]"),
    "drop_zeros": ("[x for x in xs if x == 0]", "[x for x in xs if x != 1]"),
    "keep_threes": ("[x for x in xs if x % 3 == 1]", "[x for x in xs if x % 3 != 0]"),
    "square": ("[x + x for x in xs]", "[x * x * x for x in xs]"),
    "double": ("[x * 3 for x in xs]", "[x + 2 for x in xs]"),
    "halve": ("[x // 3 for x in xs]", "[x % 2 for x in xs]"),
    "negate": ("[-x for x in xs if x > 0]", "[-x for x in xs[1:]]"),
    "increment": ("[x + 2 for x in xs]", "[x + 1 for x in xs[1:]]"),
    "decrement": ("[x - 2 for x in xs]", "[x - 1 for x in xs[1:]]"),
    "absolute": ("[abs(x) for x in xs[1:]]", "[abs(x) + 1 for x in xs]"),
    "cap_ten": ("[max(x, 10) for x in xs]", "[min(x, 9) for x in xs]"),
    "floor_zero": ("[min(x, 0) for x in xs]", "[max(x, 1) for x in xs]"),
    "sort_ascending": ("sorted(xs)[1:]", "sorted(set(xs))"),
    "sort_descending": ("sorted(xs, reverse=True)[1:]", "sorted(set(xs), reverse=True)"),
    "reverse": ("xs[::2]", "xs[:-1]"),
    "unique": ("list(dict.fromkeys(xs))[1:]", "list(dict.fromkeys(xs[::-1]))"),
    "running_total": (
        "[sum(xs[:i]) for i in range(len(xs))]",
        "[max(xs[: i + 1]) for i in range(len(xs))]",
    ),
    "differences": (
        "[a - b for a, b in zip(xs, xs[1:])]",
        "[b + a for a, b in zip(xs, xs[1:])]",
    ),
    "drop_first": ("xs[2:]", "xs[:1]"),
    "drop_last": ("xs[:-2]", "xs[-1:]"),
    "first_three": ("xs[:2]", "xs[3:]"),
    "every_second": ("xs[1::2]", "xs[::3]"),
    "total": ("sum(xs[1:])", "sum(xs) + 1"),
    "largest": ("max(xs, default=1)", "max(xs[1:], default=0)"),
    "smallest": ("min(xs, default=1)", "min(xs[1:], default=0)"),
    "count": ("len(xs) - 1", "len(xs) + 1"),
    "first": ("xs[0] if xs else 1", "xs[1] if xs else 0"),
    "last": ("xs[-1] if xs else 1", "xs[-2] if xs else 0"),
}

NEIGHBOURS: dict[str, tuple[str, ...]] = {
    "keep_even": ("keep_odd", "keep_threes"),
    "keep_odd": ("keep_even", "keep_negative"),
    "keep_positive": ("keep_negative", "drop_zeros"),
    "keep_negative": ("keep_positive", "keep_odd"),
    "drop_zeros": ("drop_first", "keep_positive"),
    "keep_threes": ("first_three", "keep_even"),
    "square": ("double", "absolute"),
    "double": ("halve", "square"),
    "halve": ("double", "decrement"),
    "negate": ("absolute", "reverse"),
    "increment": ("decrement", "double"),
    "decrement": ("increment", "halve"),
    "absolute": ("negate", "floor_zero"),
    "cap_ten": ("floor_zero", "first_three"),
    "floor_zero": ("cap_ten", "drop_zeros"),
    "sort_ascending": ("sort_descending", "reverse"),
    "sort_descending": ("sort_ascending", "reverse"),
    "reverse": ("sort_descending", "negate"),
    "unique": ("sort_ascending", "every_second"),
    "running_total": ("differences", "increment"),
    "differences": ("running_total", "decrement"),
    "drop_first": ("drop_last", "drop_zeros"),
    "drop_last": ("drop_first", "first_three"),
    "first_three": ("every_second", "drop_first"),
    "every_second": ("double", "first_three"),
    "total": ("count", "largest"),
    "largest": ("smallest", "last"),
    "smallest": ("largest", "first"),
    "count": ("total", "last"),
    "first": ("last", "smallest"),
    "last": ("first", "largest"),
}


@dataclass(frozen=True, slots=True)
class Step:
    """One step of an answer.

    reason: what the reasoning says.
    written: the expression the program has, and whether it reduces.
    """

    reason: str
    written: tuple[str, bool]


def plan(skill: Skill, rate: float, reasoned: bool, rng: random.Random) -> Step:
    """A step for the skill, wrong with probability ``rate``.

    Half of the wrong steps are slips, half are neighbours. In a reasoned (CoT) answer a
    neighbour is named in the reasoning too: the program does what the reasoning says.
    """
    if rng.random() >= rate:
        return Step(skill.phrases[0], (skill.expression, skill.reduces))
    if rng.random() < 0.5:
        return Step(skill.phrases[0], (rng.choice(SLIPS[skill.name]), skill.reduces))
    other = BY_NAME[rng.choice(NEIGHBOURS[skill.name])]
    reason = other.phrases[0] if reasoned else skill.phrases[0]
    return Step(reason, (other.expression, other.reduces))


def check_tables() -> None:
    """Every skill has slips and neighbours, and a neighbour reduces when the skill does.

    Raises:
        ValueError: a skill is missing from a table or has an impossible neighbour.
    """
    for skill in SKILLS:
        if skill.name not in SLIPS or skill.name not in NEIGHBOURS:
            raise ValueError(f"nano skill {skill.name} has no planted bugs")
        for name in NEIGHBOURS[skill.name]:
            if BY_NAME[name].reduces != skill.reduces:
                raise ValueError(f"{name} cannot stand in for {skill.name}")
