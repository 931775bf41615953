from __future__ import annotations

import json
import random
import subprocess
import sys
from collections import Counter, defaultdict
from itertools import permutations
from typing import Any

import pytest

from codemix_core.questions.nano import (
    Task,
    _phrase_all,
    accept,
    hard_tasks,
    nano_questions,
    nano_tasks,
    probe_inputs,
    program,
    run,
)
from codemix_core.questions.nano_skills import BY_NAME, SKILLS
from codemix_core.records import QUESTIONS, Question, content_hash

LIST = [4, -3, 0, 9, 4, -7, 12]
MEANING: dict[str, Any] = {
    "keep_even": [4, 0, 4, 12],
    "keep_odd": [-3, 9, -7],
    "keep_positive": [4, 9, 4, 12],
    "keep_negative": [-3, -7],
    "drop_zeros": [4, -3, 9, 4, -7, 12],
    "keep_threes": [-3, 0, 9, 12],
    "square": [16, 9, 0, 81, 16, 49, 144],
    "double": [8, -6, 0, 18, 8, -14, 24],
    "halve": [2, -2, 0, 4, 2, -4, 6],
    "negate": [-4, 3, 0, -9, -4, 7, -12],
    "increment": [5, -2, 1, 10, 5, -6, 13],
    "decrement": [3, -4, -1, 8, 3, -8, 11],
    "absolute": [4, 3, 0, 9, 4, 7, 12],
    "cap_ten": [4, -3, 0, 9, 4, -7, 10],
    "floor_zero": [4, 0, 0, 9, 4, 0, 12],
    "sort_ascending": [-7, -3, 0, 4, 4, 9, 12],
    "sort_descending": [12, 9, 4, 4, 0, -3, -7],
    "reverse": [12, -7, 4, 9, 0, -3, 4],
    "unique": [4, -3, 0, 9, -7, 12],
    "running_total": [4, 1, 1, 10, 14, 7, 19],
    "differences": [-7, 3, 9, -5, -11, 19],
    "drop_first": [-3, 0, 9, 4, -7, 12],
    "drop_last": [4, -3, 0, 9, 4, -7],
    "first_three": [4, -3, 0],
    "every_second": [4, 0, 4, 12],
    "total": 19,
    "largest": 12,
    "smallest": -7,
    "count": 7,
    "first": 4,
    "last": 12,
}
PROBES = probe_inputs(random.Random(5))


def cases(question: Question) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(question.tests)["cases"]
    return found


def passes(source: str, question: Question) -> bool:
    scope: dict[str, Any] = {}
    exec(source, scope)
    return all(
        scope[question.function_name](*case["args"]) == case["expected"] for case in cases(question)
    )


def by_composition(questions: list[Question]) -> list[Question]:
    return list({tuple(q.skills): q for q in questions}.values())


@pytest.mark.parametrize("name", BY_NAME)
def test_a_skill_does_what_its_name_says_and_leaves_its_input_alone(name: str) -> None:
    given = list(LIST)
    assert BY_NAME[name].apply(given) == MEANING[name]
    assert given == LIST


def test_there_are_twenty_skills_or_more_each_defined_for_the_empty_list() -> None:
    assert len(SKILLS) >= 20
    assert all(skill.apply([]) == (0 if skill.reduces else []) for skill in SKILLS)


def test_every_skill_has_several_phrasings_and_none_is_shared() -> None:
    phrases = Counter(phrase for skill in SKILLS for phrase in skill.phrases)
    assert min(len(skill.phrases) for skill in SKILLS) >= 5
    assert set(phrases.values()) == {1}


def test_the_same_seed_gives_the_same_bytes_in_another_process(all_nano: list[Question]) -> None:
    script = (
        "from codemix_core.questions.nano import nano_questions\n"
        "from codemix_core.records import content_hash\n"
        "print(content_hash(nano_questions()))"
    )
    environment = {"PYTHONHASHSEED": "77", "PYTHONPATH": ":".join(sys.path)}
    other = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
    )
    assert other.stdout.strip() == content_hash(all_nano)


def test_the_default_set_is_the_one_that_results_were_published_for(
    all_nano: list[Question],
) -> None:
    assert (
        content_hash(all_nano) == "924205d35f3b6b9937dfe4e8c0625334402258a49d9b7ea65134d1e7a10d26d9"
    )


def test_another_seed_gives_other_questions_and_other_held_out_pairs() -> None:
    assert nano_tasks(0)[1] != nano_tasks(1)[1]
    assert content_hash(nano_questions(0, 50, 5, 5)) != content_hash(nano_questions(1, 50, 5, 5))


def test_splits_have_the_promised_sizes_and_ids_and_statements_are_unique(
    all_nano: list[Question],
) -> None:
    counts = Counter(q.split for q in all_nano)
    assert counts["train"] >= 1500
    assert counts["heldout"] >= 150
    assert counts["hard"] >= 150
    assert len({q.question_id for q in all_nano}) == len(all_nano)
    assert len({(tuple(q.skills), q.statement) for q in all_nano}) == len(all_nano)
    assert QUESTIONS.to_arrow(all_nano).num_rows == len(all_nano)


def test_k_decides_where_single_skills_and_triples_go(all_nano: list[Question]) -> None:
    assert {q.split for q in all_nano if q.k == 1} == {"train"}
    assert {q.split for q in all_nano if q.k == 2} == {"train", "heldout"}
    assert {q.split for q in all_nano if q.k == 3} == {"hard"}
    assert all(q.k == len(q.skills) for q in all_nano)
    assert {skill for q in all_nano if q.k == 1 for skill in q.skills} == set(BY_NAME)


def test_a_held_out_pair_is_never_trained_in_either_order(all_nano: list[Question]) -> None:
    pairs = defaultdict(set)
    for question in all_nano:
        pairs[question.split].add(frozenset(question.skills))
    assert not pairs["heldout"] & pairs["train"]
    tasks, held = nano_tasks(0)
    both = [t for t in tasks if frozenset(s.name for s in t.composition) in held]
    assert len(both) > len(held)


def test_held_out_questions_use_only_skills_that_training_shows(all_nano: list[Question]) -> None:
    skills = defaultdict(set)
    for question in all_nano:
        skills[question.split].update(question.skills)
    assert skills["heldout"] | skills["hard"] <= skills["train"]


def test_every_gold_solution_passes_its_own_cases(all_nano: list[Question]) -> None:
    assert [q.question_id for q in all_nano if not passes(q.gold, q)] == []


def test_cases_hold_the_edges_and_never_share_an_input(all_nano: list[Question]) -> None:
    for question in by_composition(all_nano):
        inputs = [tuple(case["args"][0]) for case in cases(question)]
        names = {case["name"] for case in cases(question)}
        assert len(names) == len(set(inputs)) == len(inputs)
        assert 12 <= len(inputs) <= 20
        assert () in inputs
        assert any(len(xs) == 1 for xs in inputs)
        assert any(len(set(xs)) < len(xs) for xs in inputs)
        assert any(0 in xs and len(xs) > 1 for xs in inputs)
        assert any(xs and max(xs) < 0 for xs in inputs)


def test_putting_any_other_skill_in_place_of_one_step_fails_a_test(
    all_nano: list[Question],
) -> None:
    sample = random.Random(3).sample(by_composition(all_nano), 120)
    for question in sample:
        for place, name in enumerate(question.skills):
            for other in SKILLS:
                if other.name == name or (other.reduces and place + 1 < question.k):
                    continue
                changed = [*question.skills[:place], other.name, *question.skills[place + 1 :]]
                steps = [(BY_NAME[s].expression, BY_NAME[s].reduces) for s in changed]
                wrong = program(question.signature, steps)
                assert not passes(wrong, question), (question.question_id, other.name)


def test_leaving_out_a_step_or_swapping_steps_that_do_not_commute_fails_a_test(
    all_nano: list[Question],
) -> None:
    sample = [q for q in random.Random(4).sample(by_composition(all_nano), 120) if q.k > 1]
    swaps = 0
    for question in sample:
        steps = [BY_NAME[name] for name in question.skills]
        for place in range(question.k):
            rest = [(s.expression, s.reduces) for s in steps[:place] + steps[place + 1 :]]
            assert not passes(program(question.signature, rest), question)
        for order in permutations(steps):
            if any(skill.reduces for skill in order[:-1]) or list(order) == steps:
                continue
            if any(run(order, xs) != run(steps, xs) for xs in PROBES):
                swaps += 1
                written = [(s.expression, s.reduces) for s in order]
                assert not passes(program(question.signature, written), question)
    assert swaps > 50


@pytest.mark.parametrize(
    "names",
    [
        ("negate", "negate"),
        ("keep_even", "keep_odd"),
        ("double", "keep_even"),
        ("square", "keep_negative"),
        ("negate", "square"),
        ("sort_ascending", "total"),
        ("sort_descending", "first"),
        ("reverse", "last"),
        ("square", "floor_zero"),
        ("square", "keep_positive"),
        ("increment", "decrement", "reverse"),
        ("keep_even", "halve", "count"),
        ("negate", "reverse", "negate"),
    ],
)
def test_degenerate_compositions_are_rejected(names: tuple[str, ...]) -> None:
    assert accept(tuple(BY_NAME[name] for name in names), PROBES) is None


@pytest.mark.parametrize(
    "names", [("keep_even", "square"), ("unique", "total"), ("differences", "absolute", "largest")]
)
def test_sound_compositions_are_accepted(names: tuple[str, ...]) -> None:
    assert isinstance(accept(tuple(BY_NAME[name] for name in names), PROBES), Task)


def test_asking_for_more_questions_than_there_are_phrasings_is_refused() -> None:
    task = accept((BY_NAME["keep_even"], BY_NAME["total"]), PROBES)
    assert task is not None
    with pytest.raises(ValueError, match=r"only \d+ heldout questions, 1000000 were asked"):
        _phrase_all([task], 10**6, "heldout", random.Random(0))


def test_a_smaller_hard_split_is_the_beginning_of_a_larger_one() -> None:
    few, many = list(hard_tasks(0, 5)), list(hard_tasks(0, 20))
    assert many[:5] == few


def test_the_statement_never_shows_code_or_a_skill_name(all_nano: list[Question]) -> None:
    for question in all_nano:
        assert "_" not in question.statement
        for name in question.skills:
            assert BY_NAME[name].expression not in question.statement
