"""The bundled nano questions: generated Python questions mixing k = 1, 2 or 3 list skills.

Guaranteed:
- the same arguments give the same rows, byte for byte, on every supported Python;
- a pair of skills, in either order, is either in ``train`` or in ``heldout``; single skills
  are in ``train``; every k = 3 question is in ``hard``;
- no composition is degenerate: leaving out steps, or putting another skill in place of one
  step, changes the answer to at least one of its tests.

Not guaranteed: that two steps do not commute. ``double`` then ``drop_first`` does the same as
``drop_first`` then ``double``; both orders are on the same side of the split.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, permutations, product
from pathlib import Path

from codemix_core.questions.nano_skills import SKILLS, Skill, Value
from codemix_core.records import Question

Composition = tuple[Skill, ...]

HELDOUT_SHARE = 0.3
"""Share of skill pairs that are held out."""
TESTS = 14
"""Fewest tests of a question; more where telling compositions apart needs them."""
MIN_DISTINCT_OUTPUTS = 4
"""Fewest different answers among a question's tests; below, guessing one would often pass."""

FUNCTION_NAMES = ("solve", "transform", "process", "compute", "convert", "refine")

EDGE_INPUTS: tuple[tuple[int, ...], ...] = (
    (),
    (0,),
    (7,),
    (-4,),
    (3, 3, 3, 3),
    (-6, -1, -9, -2),
    (0, 0, 5, 0, -5),
    (12, 4, 30, 9, 12, 4),
)

LIST_FRAMES = (
    "Given a list of integers, {steps}. Return the resulting list.",
    "Write a function that takes a list of integers. It should {steps} and return the new list.",
    "You get a list of integers xs. Your task: {steps}. The answer is a list.",
    "Take the integers in xs and {steps}. Give back the list you end up with.",
    "For a list of numbers, {steps}, and return what is left as a list.",
    "Process a list of integers as follows: {steps}. Return the list.",
)
INTEGER_FRAMES = (
    "Given a list of integers, {steps}. The answer is one integer.",
    "Write a function that takes a list of integers. It should {steps}.",
    "You get a list of integers xs. Your task: {steps}. The answer is a single number.",
    "Take the integers in xs and {steps}. Give back one integer.",
    "For a list of numbers, {steps}.",
    "Process a list of integers as follows: {steps}. Return the number.",
)
JOINS: dict[int, tuple[str, ...]] = {
    1: ("{0}",),
    2: (
        "{0}, then {1}",
        "first {0}, then {1}",
        "{0} and after that {1}",
        "first {0}; next {1}",
        "{0} before you {1}",
    ),
    3: (
        "{0}, then {1}, then {2}",
        "first {0}, then {1}, and finally {2}",
        "{0} and after that {1}; last, {2}",
        "first {0}; next {1}; finally {2}",
        "{0} before you {1}, then {2}",
    ),
}
LIST_DOC = "Return the list that is left after {steps}."
INTEGER_DOC = "Return the integer found after {steps}; an empty list gives 0."
STEP_WORDS = {1: "one step", 2: "two steps", 3: "three steps"}


@dataclass(frozen=True, slots=True)
class Task:
    """An accepted composition with the inputs that tell it from its rivals."""

    composition: Composition
    inputs: tuple[tuple[int, ...], ...]

    @property
    def label(self) -> str:
        return "-".join(skill.name for skill in self.composition)


def nano_model_path() -> Path:
    """Directory of the bundled nano model, in Hugging Face layout."""
    return Path(__file__).parent / "nano_model"


def nano_questions(
    seed: int = 0, train: int = 2000, heldout: int = 200, hard: int = 160
) -> list[Question]:
    """The nano question set.

    Every composition of a split is phrased once before any is phrased again.

    Args:
        seed: decides the held-out pairs, the k = 3 compositions, test inputs and phrasings.
        train: number of questions with one skill or a training pair.
        heldout: number of questions with a held-out pair.
        hard: number of questions with three skills, each another composition.

    Raises:
        ValueError: more questions are asked for than there are different phrasings.
    """
    tasks, held = nano_tasks(seed)
    sides = {
        "train": ([task for task in tasks if pair(task) not in held], train),
        "heldout": ([task for task in tasks if pair(task) in held], heldout),
        "hard": (list(hard_tasks(seed, hard)), hard),
    }
    rows: list[Question] = []
    for split, (members, count) in sides.items():
        rng = random.Random(f"nano {seed} phrasings {split}")
        rows += _phrase_all(members, count, split, rng)
    return rows


def nano_tasks(seed: int) -> tuple[list[Task], set[frozenset[str]]]:
    """All accepted compositions of one and two skills, shuffled, and the held-out pairs."""
    rng = random.Random(f"nano {seed} compositions")
    probes = probe_inputs(rng)
    tasks = [task for c in _compositions() if (task := accept(c, probes)) is not None]
    pairs = sorted({pair(task) for task in tasks if len(task.composition) == 2}, key=sorted)
    rng.shuffle(pairs)
    rng.shuffle(tasks)
    return tasks, set(pairs[: round(HELDOUT_SHARE * len(pairs))])


def hard_tasks(seed: int, count: int) -> Iterator[Task]:
    """The first ``count`` accepted compositions of three skills, drawn at random.

    Raises:
        ValueError: there are not so many.
    """
    rng = random.Random(f"nano {seed} hard")
    probes = probe_inputs(rng)
    inner = [skill for skill in SKILLS if not skill.reduces]
    seen: set[Composition] = set()
    while count > 0:
        if len(seen) == len(inner) ** 2 * len(SKILLS):
            raise ValueError(f"nano lacks {count} compositions of three skills")
        drawn = (rng.choice(inner), rng.choice(inner), rng.choice(SKILLS))
        if drawn in seen:
            continue
        seen.add(drawn)
        task = accept(drawn, probes)
        if task is not None:
            count -= 1
            yield task


def pair(task: Task) -> frozenset[str]:
    """The unordered skills of a composition; the split is cut along these."""
    return frozenset(skill.name for skill in task.composition)


def run(composition: Sequence[Skill], xs: Sequence[int]) -> Value:
    """The composition's answer for ``xs``."""
    value: Value = list(xs)
    for skill in composition:
        if isinstance(value, int):
            raise TypeError(f"{skill.name} follows a step that gives one integer")
        value = skill.apply(value)
    return value


def accept(composition: Composition, probes: Sequence[tuple[int, ...]]) -> Task | None:
    """The composition with discriminating inputs, or None when it is degenerate.

    Inputs are the edge cases, then for every rival composition that agrees on all inputs so
    far the first probe on which it differs, then probes up to :data:`TESTS`. A rival that is
    shorter or differs in one skill and agrees on every probe makes the composition
    degenerate; so do answers that hardly vary.
    """
    if len(set(composition)) != len(composition):
        return None
    inputs = list(EDGE_INPUTS)
    truth = {xs: run(composition, xs) for xs in (*inputs, *probes)}
    for rival, may_agree in _rivals(composition):
        if any(run(rival, xs) != truth[xs] for xs in inputs):
            continue
        difference = next((xs for xs in probes if run(rival, xs) != truth[xs]), None)
        if difference is not None:
            inputs.append(difference)
        elif not may_agree:
            return None
    spare = (xs for xs in probes if xs not in inputs)
    while len(inputs) < TESTS:
        inputs.append(next(spare))
    if len({repr(truth[xs]) for xs in inputs}) < MIN_DISTINCT_OUTPUTS:
        return None
    return Task(composition, tuple(inputs))


def probe_inputs(rng: random.Random) -> list[tuple[int, ...]]:
    """Distinct random lists of 3 to 9 integers from −15 to 15, with duplicates and zeros."""
    probes: list[tuple[int, ...]] = []
    while len(probes) < 60:
        xs = [rng.randint(-15, 15) for _ in range(rng.randint(3, 7))]
        for extra in (0, rng.choice(xs)):
            if rng.random() < 0.5:
                xs.insert(rng.randint(0, len(xs)), extra)
        probes.append(tuple(xs))
    return list(dict.fromkeys(probes))


def gold(composition: Composition, function_name: str) -> str:
    """The gold solution: one statement per step."""
    header = signature(composition, function_name)
    return program(header, [(skill.expression, skill.reduces) for skill in composition])


def program(header: str, steps: Sequence[tuple[str, bool]]) -> str:
    """A program from its signature and, per step, the expression and whether it reduces."""
    lines = [("return " if reduces else "xs = ") + expression for expression, reduces in steps]
    if not steps[-1][1]:
        lines.append("return xs")
    return "\n    ".join([header, *lines]) + "\n"


def signature(composition: Composition, function_name: str) -> str:
    """The function's first line, as the question shows it."""
    result = "int" if composition[-1].reduces else "list[int]"
    return f"def {function_name}(xs: list[int]) -> {result}:"


def reasoning(steps: Sequence[str]) -> str:
    """The step-by-step reasoning that precedes the program in a CoT answer."""
    return "\n".join(f"Step {i}: {step}." for i, step in enumerate(steps, 1))


def phrase(composition: Composition, rng: random.Random) -> str:
    """A problem statement for the composition in randomly drawn words."""
    join = rng.choice(JOINS[len(composition)])
    frame = rng.choice(INTEGER_FRAMES if composition[-1].reduces else LIST_FRAMES)
    steps = join.format(*(rng.choice(skill.phrases) for skill in composition))
    return frame.format(steps=steps)


def docstring(composition: Composition) -> str:
    """What the function returns, without naming the steps."""
    text = INTEGER_DOC if composition[-1].reduces else LIST_DOC
    return text.format(steps=STEP_WORDS[len(composition)])


def _compositions() -> Iterator[Composition]:
    inner = [skill for skill in SKILLS if not skill.reduces]
    yield from ((skill,) for skill in SKILLS)
    yield from product(inner, SKILLS)


def _rivals(composition: Composition) -> Iterator[tuple[Composition, bool]]:
    """Compositions a question must be told from, and whether agreeing is still allowed."""
    for length in range(len(composition)):
        for part in combinations(composition, length):
            yield part, False
    for position, skill in enumerate(composition):
        for other in SKILLS:
            if other != skill and other.reduces == skill.reduces:
                yield (*composition[:position], other, *composition[position + 1 :]), False
    if len(composition) > 1:
        for other in SKILLS:
            yield (other,), False
    for order in permutations(composition):
        if order != composition and not any(skill.reduces for skill in order[:-1]):
            yield order, True


def _phrase_all(tasks: list[Task], count: int, split: str, rng: random.Random) -> list[Question]:
    """``count`` questions with distinct statements, going round the tasks."""
    rows: list[Question] = []
    statements: dict[str, set[str]] = {task.label: set() for task in tasks}
    while len(rows) < count:
        before = len(rows)
        for task in tasks:
            used = statements[task.label]
            drawn = (phrase(task.composition, rng) for _ in range(50))
            statement = next((text for text in drawn if text not in used), None)
            if statement is None or len(rows) == count:
                continue
            used.add(statement)
            rows.append(_question(task, statement, len(used), split))
        if len(rows) == before:
            raise ValueError(f"nano has only {before} {split} questions, {count} were asked for")
    return rows


def _question(task: Task, statement: str, phrasing: int, split: str) -> Question:
    composition = task.composition
    name = function_name(composition)
    return Question(
        question_id=f"nano-{task.label}-{phrasing:02d}",
        k=len(composition),
        skills=[skill.name for skill in composition],
        language="python",
        framework="cases",
        function_name=name,
        signature=signature(composition, name),
        docstring=docstring(composition),
        statement=statement,
        gold=gold(composition, name),
        tests=_tests(task),
        split=split,
        reasoning=reasoning([skill.phrases[0] for skill in composition]),
    )


def function_name(composition: Composition) -> str:
    """The same for every phrasing of a composition, so its programs are judged once."""
    place = sum(i * SKILLS.index(skill) for i, skill in enumerate(composition, 1))
    return FUNCTION_NAMES[place % len(FUNCTION_NAMES)]


def _tests(task: Task) -> str:
    cases = [
        {"name": f"t{i:02d}", "args": [list(xs)], "expected": run(task.composition, xs)}
        for i, xs in enumerate(task.inputs, 1)
    ]
    document = {"cases": cases, "tolerance": 0.0, "nan_equal": False}
    return json.dumps(document, separators=(",", ":"))
