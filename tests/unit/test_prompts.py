"""Prompt templates: what a model is asked, and what is refused as a template."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codemix_core.errors import SpecError
from codemix_core.records import PROMPT_STYLES, Question
from codemix_core.sampling import prompts

QUESTION = Question(
    question_id="q1",
    k=2,
    skills=["keep_even", "sum"],
    language="python",
    framework="cases",
    function_name="solve",
    signature="def solve(xs: list[int]) -> int:",
    docstring="Return the sum of the even numbers.",
    statement="Keep the even numbers, then add them up.",
    gold="def solve(xs):\n    return 0\n",
    tests="{}",
)


def test_every_prompt_style_has_a_bundled_template() -> None:
    assert prompts.template_names() == sorted(PROMPT_STYLES)


@pytest.mark.parametrize("style", PROMPT_STYLES)
@pytest.mark.parametrize(
    ("language", "fence", "spoken"), [("python", "```python", "Python"), ("cpp", "```cpp", "C++")]
)
def test_a_prompt_shows_the_whole_question_and_asks_for_the_right_fence(
    style: str, language: str, fence: str, spoken: str
) -> None:
    question = replace(QUESTION, language=language)
    system, user = prompts.build_messages(question, style)
    assert (system["role"], user["role"]) == ("system", "user")
    assert spoken in system["content"]
    for part in (
        question.statement,
        question.signature,
        question.docstring,
        question.function_name,
    ):
        assert part in user["content"]
    assert user["content"].count(fence) == 2
    assert ("```cpp" if language == "python" else "```python") not in user["content"]


def test_only_the_cot_prompt_asks_for_reasoning() -> None:
    asked = {s: prompts.build_messages(QUESTION, s)[-1]["content"] for s in PROMPT_STYLES}
    assert "step by step" in asked["cot"]
    assert "step by step" not in asked["direct"]


@given(text=st.text(st.characters(exclude_categories=("Cs",))))
def test_text_of_the_question_is_never_read_as_a_template(text: str) -> None:
    statement = f"a{text}{{signature}} $description {{{{0}}}} [user]z"
    user = prompts.build_messages(replace(QUESTION, statement=statement), "direct")[-1]["content"]
    assert statement in user
    assert user.count(QUESTION.signature) == 1 + statement.count(QUESTION.signature)


@pytest.mark.parametrize("style", PROMPT_STYLES)
def test_an_empty_docstring_leaves_no_hole(style: str) -> None:
    user = prompts.build_messages(replace(QUESTION, docstring=" \n"), style)[-1]["content"]
    assert "\n\n\n" not in user
    assert "{docstring}" not in user


def test_every_problem_of_a_template_is_named_at_once(tmp_path: Path) -> None:
    path = tmp_path / "mine.txt"
    path.write_text("[user]\n{signature} {tests} {0} {gold!r} {k:>3}\n[system]\n\n[user]\nx }\n")
    with pytest.raises(SpecError) as caught:
        prompts.from_file(path)
    text = str(caught.value)
    expected = (
        "{tests} is not a field",
        "{0}",
        "{gold!r}",
        "{k:>3}",
        "[user], [system], [user]",
        "[system] part is empty",
        "unpaired brace",
        "does not use {description}",
    )
    for part in expected:
        assert part in text, part
    assert len(caught.value.problems) == 8


@pytest.mark.parametrize("content", [None, b"\xff\xfe{description}"])
def test_an_unreadable_template_is_a_clear_error(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "mine.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SpecError, match=r"mine\.txt: (cannot be read|is not UTF-8)"):
        prompts.from_file(path)


def test_an_own_template_without_markers_is_the_user_message(tmp_path: Path) -> None:
    path = tmp_path / "mine.txt"
    path.write_text("Solve {{this}} in {language}:\r\n{description}\r\n", newline="")
    template = prompts.choose("direct", str(path))
    assert template.messages(QUESTION) == [
        {"role": "user", "content": f"Solve {{this}} in Python:\n{QUESTION.statement}"}
    ]


def test_an_unknown_style_lists_those_there_are() -> None:
    with pytest.raises(SpecError, match="cot, direct"):
        prompts.build_messages(QUESTION, "tree")
