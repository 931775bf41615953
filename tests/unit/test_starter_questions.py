"""The bundled starter set as data: counts, splits, layout, and that it is imported whole."""

from __future__ import annotations

import ast
from collections import Counter

import pytest

from codemix_core.errors import InputError
from codemix_core.questions.check import check
from codemix_core.questions.importer import BUNDLED, ImportSpec, import_questions
from codemix_core.questions.raw import RawQuestion, RawSet
from codemix_core.questions.starter import FOLDER, starter_questions
from codemix_core.records import Question
from codemix_core.scoring.frameworks import framework_of
from codemix_core.workspace import Workspace

QUESTIONS = starter_questions()


def test_there_are_twelve_questions_of_each_language() -> None:
    assert Counter((q.language, q.framework) for q in QUESTIONS) == {
        ("python", "pytest"): 12,
        ("cpp", "googletest"): 12,
    }
    assert len(list(FOLDER.iterdir())) == 24
    assert len({q.question_id for q in QUESTIONS}) == 24


def test_they_mix_one_or_two_of_many_skills() -> None:
    assert {q.k for q in QUESTIONS} == {1, 2}
    assert all(q.k == len(set(q.skills)) for q in QUESTIONS)
    assert len({skill for q in QUESTIONS for skill in q.skills}) >= 12
    for language in ("python", "cpp"):
        assert {q.k for q in QUESTIONS if q.language == language} == {1, 2}


def test_a_pair_of_skills_is_on_one_side_of_the_split() -> None:
    sides: dict[frozenset[str], set[str | None]] = {}
    for question in QUESTIONS:
        sides.setdefault(frozenset(question.skills), set()).add(question.split)
    assert all(len(splits) == 1 for splits in sides.values())
    assert {frozenset(("hash_counting", "custom_sorting"))} & set(sides)
    assert {q.split for q in QUESTIONS if q.k == 1} == {"train"}
    for language in ("python", "cpp"):
        assert {q.split for q in QUESTIONS if q.language == language} == {"train", "heldout"}


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda q: q.question_id)
def test_a_question_is_whole(question: Question) -> None:
    assert len(framework_of(question).declared(question.tests)) >= 6
    assert len(question.statement) > 200
    assert question.reasoning is not None
    assert len(question.reasoning) > 200
    assert question.docstring
    assert question.function_name in question.signature
    if question.language == "cpp":
        first = '#include <gtest/gtest.h>\n#include "../solution/solution.cpp"\n'
        assert question.tests.startswith(first)
        assert question.function_name in question.gold
    else:
        assert "from solution import" in question.tests
        defined = {getattr(node, "name", "") for node in ast.parse(question.gold).body}
        assert question.function_name in defined


def test_the_checks_of_imported_questions_find_nothing_wrong() -> None:
    fields = list(QUESTIONS[0].content())
    raw = [
        RawQuestion(
            f"question {q.question_id!r}",
            q.question_id,
            {name: value for name, value in q.content().items() if name != "question_id"},
            {name: name for name in fields},
            {},
        )
        for q in QUESTIONS
    ]
    found = check(RawSet("starter", raw, [], []))
    assert found.warnings == []
    assert found.questions == QUESTIONS


def test_bundled_sets_are_imported_by_name(workspace: Workspace) -> None:
    outcome = import_questions("starter", None, "auto", workspace)
    assert outcome.new
    assert outcome.question_set.name == "starter"
    assert outcome.question_set.info()["source"] == "bundled"
    assert outcome.question_set.questions() == QUESTIONS
    assert not import_questions("starter", "starter", "auto", workspace).new
    assert import_questions("starter", "mine", "auto", workspace).question_set.name == "mine"
    assert set(BUNDLED) == {"nano", "starter"}


def test_a_set_of_ones_own_needs_a_name() -> None:
    with pytest.raises(InputError, match="name"):
        ImportSpec.parse({"path": "questions.json"})
