"""The nano pretraining corpus: freshly phrased questions with answers that carry planted bugs.

Guaranteed: held-out pairs never occur, not even inside a longer composition, and no k = 3
composition of the hard split occurs. Prompts are rendered as sampling renders them.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

from nano_bugs import plan

from codemix_core.questions import nano
from codemix_core.questions.nano_skills import SKILLS
from codemix_core.records import Question
from codemix_core.sampling.languages import fenced
from codemix_core.sampling.prompts import build_messages

HARD_RESERVED = 2000
"""The first k = 3 compositions of a seed are kept out of the corpus, whatever set is asked for."""


@dataclass(frozen=True, slots=True)
class Mix:
    """What the corpus is made of.

    bug_rate: probability that a step is wrong, by number of steps k, in [0, 1).
    share: share of examples by number of steps k; sums to 1.
    cot_share: share of examples in the CoT prompt style, in [0, 1].
    """

    bug_rate: dict[int, float]
    share: dict[int, float]
    cot_share: float


@dataclass(frozen=True, slots=True)
class Example:
    """One pretraining example: chat messages and the answer that follows them."""

    messages: list[dict[str, str]]
    answer: str


def examples(seed: int, count: int, mix: Mix, faulty: bool) -> Iterator[Example]:
    """``count`` examples, the same for the same arguments; with planted bugs when ``faulty``."""
    rng = random.Random(f"nano {seed} corpus {faulty}")
    known = _allowed(seed)
    for _ in range(count):
        k = rng.choices(list(mix.share), list(mix.share.values()))[0]
        composition = rng.choice(known[k])
        style = "cot" if rng.random() < mix.cot_share else "direct"
        bug_rate = mix.bug_rate[k] if faulty else 0.0
        yield _example(composition, style, bug_rate, rng)


def _allowed(seed: int) -> dict[int, list[nano.Composition]]:
    """Compositions the corpus may use, by number of steps k."""
    tasks, held = nano.nano_tasks(seed)
    hard = {task.composition for task in nano.hard_tasks(seed, HARD_RESERVED)}
    known: dict[int, list[nano.Composition]] = {1: [], 2: [], 3: []}
    for task in tasks:
        if nano.pair(task) not in held:
            known[len(task.composition)].append(task.composition)
    for first, second in known[2]:
        for last in SKILLS:
            triple = (first, second, last)
            pairs = {frozenset(skill.name for skill in two) for two in combinations(triple, 2)}
            if not (first.reduces or second.reduces or pairs & held or triple in hard):
                known[3].append(triple)
    return known


def _example(
    composition: nano.Composition, style: str, bug_rate: float, rng: random.Random
) -> Example:
    name = rng.choice(nano.FUNCTION_NAMES)
    question = Question(
        question_id="nano",
        k=len(composition),
        skills=[skill.name for skill in composition],
        language="python",
        framework="cases",
        function_name=name,
        signature=nano.signature(composition, name),
        docstring=nano.docstring(composition),
        statement=nano.phrase(composition, rng),
        gold="",
        tests="",
    )
    steps = [plan(skill, bug_rate, style == "cot", rng) for skill in composition]
    program = nano.program(question.signature, [step.written for step in steps])
    answer = fenced(program, "python")
    if style == "cot":
        answer = nano.reasoning([step.reason for step in steps]) + "\n\n" + answer
    return Example(build_messages(question, style), answer)
