"""Splits leak nothing: no skill pair and no task is on both sides."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from codemix_core.records import Question
from codemix_core.selection.splits import SplitQuestion, SplitRule, skill_pairs, split

SKILLS = ["sum", "map", "sort", "zip", "rev", "odd"]
WAYS = ["none", "question", "skill_pair", "k", "source"]


@st.composite
def question_lists(draw: st.DrawFn) -> list[SplitQuestion]:
    found = []
    for number in range(draw(st.integers(0, 25))):
        skills = draw(st.lists(st.sampled_from(SKILLS), max_size=3, unique=True))
        source = draw(st.sampled_from(["train", "heldout", "hard", None]))
        found.append(SplitQuestion(f"q{number}", tuple(skills), max(1, len(skills)), source))
    return found


@st.composite
def rules(draw: st.DrawFn) -> SplitRule:
    way = draw(st.sampled_from(WAYS))
    k = draw(st.lists(st.integers(1, 3), min_size=1, unique=True))
    share = draw(st.floats(0.01, 0.99))
    return SplitRule(way, share, tuple(k), draw(st.integers(0, 3)))  # type: ignore[arg-type]


@given(question_lists(), rules())
def test_no_skill_pair_and_no_task_is_on_both_sides(
    questions: list[SplitQuestion], rule: SplitRule
) -> None:
    found = split(questions, rule)
    sides: dict[str, set[frozenset[str]]] = {"train": set(), "heldout": set()}
    tasks: dict[str, set[frozenset[str]]] = {"train": set(), "heldout": set()}
    for question in questions:
        if question.question_id in found.side and question.skills:
            side = found.side[question.question_id]
            sides[side] |= skill_pairs(question.skills)
            tasks[side].add(frozenset(question.skills))
    assert sides["train"].isdisjoint(sides["heldout"])
    assert tasks["train"].isdisjoint(tasks["heldout"])


@given(question_lists(), rules())
def test_every_question_is_on_one_side_or_left_out_with_a_reason(
    questions: list[SplitQuestion], rule: SplitRule
) -> None:
    found = split(questions, rule)
    assert set(found.side).isdisjoint(found.left_out)
    assert set(found.side) | set(found.left_out) == {q.question_id for q in questions}
    assert all(found.left_out.values())
    counts = found.counts()
    assert sum(counts.values()) == len(questions)
    if rule.way == "none":
        assert counts["train"] == len(questions)


@given(question_lists(), rules(), st.randoms())
def test_a_split_does_not_depend_on_the_order_of_the_questions(
    questions: list[SplitQuestion], rule: SplitRule, random: object
) -> None:
    shuffled = list(questions)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    one, other = split(questions, rule), split(shuffled, rule)
    assert one.side == other.side


@given(question_lists(), rules())
def test_what_is_held_out_by_k_or_source_is_what_was_asked_for(
    questions: list[SplitQuestion], rule: SplitRule
) -> None:
    found = split(questions, rule)
    for question in questions:
        if found.side.get(question.question_id) == "heldout":
            assert rule.way != "k" or question.k in rule.k
            assert rule.way != "source" or question.split != "train"


def _nano(all_nano: list[Question], *splits: str) -> list[SplitQuestion]:
    return [
        SplitQuestion(q.question_id, tuple(q.skills), q.k, q.split)
        for q in all_nano
        if q.split in splits
    ]


def test_the_nano_sets_own_split_is_kept_whole_between_training_and_heldout_pairs(
    all_nano: list[Question],
) -> None:
    counts = split(_nano(all_nano, "train", "heldout"), SplitRule("source", 0.1, (), 0)).counts()
    assert counts == {"train": 2000, "heldout": 200, "left_out": 0}


def test_shares_are_roughly_what_was_asked_for(all_nano: list[Question]) -> None:
    questions = _nano(all_nano, "train")
    for way in ("question", "skill_pair"):
        counts = split(questions, SplitRule(way, 0.2, (), 0)).counts()  # type: ignore[arg-type]
        assert 0.15 < counts["heldout"] / len(questions) < 0.25
        assert counts["left_out"] == 0


def test_another_seed_holds_out_others(all_nano: list[Question]) -> None:
    questions = _nano(all_nano, "train")
    sides = [split(questions, SplitRule("question", 0.2, (), seed)).side for seed in (0, 1, 0)]
    assert sides[0] == sides[2] != sides[1]


def test_skills_written_otherwise_and_statements_written_otherwise_are_the_same() -> None:
    def one(name: str, skills: tuple[str, ...], source: str, statement: str = "") -> SplitQuestion:
        return SplitQuestion(name, skills, max(1, len(skills)), source, statement)

    questions = [
        one("a", ("Sorting", "maps"), "train"),
        one("b", (" sorting ", "MAPS"), "heldout"),
        one("c", (), "train", "Reverse  the list."),
        one("d", (), "heldout", " reverse the\nLIST."),
        one("e", (), "heldout", "Something else."),
        one("f", (), "heldout"),
    ]
    found = split(questions, SplitRule("source", 0.5, (), 0))
    assert found.side == {"a": "train", "c": "train", "e": "heldout", "f": "heldout"}
    assert "skills" in found.left_out["b"]
    assert "statement" in found.left_out["d"]
    for seed in range(8):
        side = split(questions, SplitRule("question", 0.4, (), seed)).side
        assert side["a"] == side["b"]
        assert side["c"] == side["d"]
