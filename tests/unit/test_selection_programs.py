"""Same program or not: comments, layout and docstrings never matter, behaviour always does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codemix_core.records import Question
from codemix_core.selection.programs import anonymous, normalise, program_key

PYTHON = "def f(xs):\n    total = 0\n    for x in xs:\n        total += x\n    return total\n"
CPP = "#include <vector>\nint f(const std::vector<int>& v) {\n  int s = 0; // sum\n  return s;\n}\n"


@pytest.mark.parametrize(
    "same",
    [
        PYTHON.replace("    ", "  "),
        "# header\n\n" + PYTHON.replace("total = 0", "total = (0)  # start"),
        PYTHON.replace("(xs):\n", '(xs):\n    """Adds."""\n'),
        PYTHON.replace("\n", "\r\n"),
        PYTHON.replace("0", "0x0"),
    ],
)
def test_layout_comments_and_docstrings_make_no_other_python_program(same: str) -> None:
    assert normalise(same, "python") == normalise(PYTHON, "python")


@pytest.mark.parametrize(
    "other",
    [
        PYTHON.replace("+=", "-="),
        PYTHON.replace("0", "0.0"),
        PYTHON.replace("total", "other"),
        PYTHON.replace("    return total", "        return total"),
        PYTHON.replace("0", "'0'"),
    ],
)
def test_another_python_program_is_told_apart(other: str) -> None:
    assert normalise(other, "python") != normalise(PYTHON, "python")


@pytest.mark.parametrize(
    "same",
    [
        CPP.replace(" // sum", ""),
        CPP.replace("int s = 0; // sum\n", "int s\n=\n0;/* a\nb */"),
        "// first\n\n  " + CPP,
        CPP.replace("\n", "\r\n"),
        CPP.replace("#include", "#  include"),
    ],
)
def test_layout_and_comments_make_no_other_cpp_program(same: str) -> None:
    assert normalise(same, "cpp") == normalise(CPP, "cpp")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ('s = "a//b";', 's = "a";'),
        ('s = "a  b";', 's = "a b";'),
        ("a - -b;", "a--b;"),
        ("int x;", "intx;"),
        ('R"(a /* b */ c)"', 'R"(a  c)"'),
        ("#define A 1\nint b;", "#define A 1 int b;"),
        ("c = '\"'; // x", "c = '\"'; d();"),
        ("1'000 + x", "1000 + x"),
    ],
)
def test_strings_and_token_borders_of_cpp_are_kept(one: str, other: str) -> None:
    assert normalise(one, "cpp") != normalise(other, "cpp")


def test_a_quote_in_a_comment_does_not_open_a_string() -> None:
    assert normalise("// don't\nint a;", "cpp") == normalise("int a;", "cpp")


@given(st.text())
def test_any_text_has_a_normal_form_in_every_language(text: str) -> None:
    for language in ("python", "cpp"):
        assert normalise(text, language) == normalise(text, language)
        assert isinstance(anonymous(text, language), str)


@given(st.text(alphabet="ab1 \t\n/*\"'#\\()", max_size=30), st.sampled_from(["python", "cpp"]))
def test_blanks_at_the_end_never_matter(text: str, language: str) -> None:
    if language == "python" and text.endswith("\\"):
        return
    assert normalise(text + "\n", language) == normalise(text + "\n\n  \n", language)


def test_deep_nesting_is_compared_and_does_not_crash() -> None:
    deep = "x = " + "-" * 5000 + "1"
    assert program_key(deep, "", "python") == program_key(deep + "\n", "", "python")


def test_answers_without_code_are_the_same_only_when_their_text_is() -> None:
    assert program_key(None, "sorry", "python") == program_key(None, "sorry", "cpp")
    assert program_key(None, "sorry", "python") != program_key(None, "Sorry", "python")
    assert program_key(None, "x = 1", "python") != program_key("x = 1", "", "python")


def test_a_renamed_copy_has_the_same_anonymous_form() -> None:
    renamed = PYTHON.replace("total", "s").replace("xs", "values").replace("def f", "def g")
    assert anonymous(renamed, "python") == anonymous(PYTHON, "python")
    assert anonymous(PYTHON.replace("+=", "-="), "python") != anonymous(PYTHON, "python")
    assert anonymous(CPP.replace("s =", "t =").replace("s;", "t;"), "cpp") == anonymous(CPP, "cpp")


def test_names_from_outside_the_program_are_kept_when_it_is_made_anonymous() -> None:
    assert anonymous("def f(a):\n    return len(a)", "python") != anonymous(
        "def f(a):\n    return sum(a)", "python"
    )


def test_gold_solutions_of_different_nano_compositions_are_different_programs(
    all_nano: list[Question],
) -> None:
    by_form: dict[str, set[tuple[str, ...]]] = {}
    for question in all_nano[:400]:
        by_form.setdefault(anonymous(question.gold, "python"), set()).add(tuple(question.skills))
    assert len(by_form) > 50
    assert all(len(compositions) == 1 for compositions in by_form.values())
