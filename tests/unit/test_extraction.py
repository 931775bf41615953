"""Extraction of the program from a model's answer: rules, and attacks on them."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codemix_core.sampling.extraction import extract, fenced_blocks
from codemix_core.sampling.languages import LANGUAGES, fenced

PYTHON = "def f(xs):\n    return sum(xs)\n"
CPP = "#include <vector>\nint f(const std::vector<int>& xs) {\n    return 1;\n}\n"
PROGRAM = {"python": PYTHON, "cpp": CPP}
TAGS = {
    "python": ["python", "Python", "py", "PY", "python3", "python3.11", "py3", "ipython"],
    "cpp": ["cpp", "CPP", "c++", "C++", "cc", "cxx", "c++17", "cpp20", "c++2a", "hpp", "C"],
}
SPELLINGS = [(name, tag) for name, tags in TAGS.items() for tag in tags]

_FENCE_LINE = re.compile(r"^[ \t]*(`{3,}|~{3,})", re.MULTILINE)


def _programs() -> st.SearchStrategy[str]:
    """Any text that is not blank, has no fence line and does not end in a fence character."""
    characters = st.characters(exclude_characters="\r", exclude_categories=("Cs",))
    return st.text(characters, min_size=1, max_size=200).filter(
        lambda text: text.strip() and not _FENCE_LINE.search(text) and text[-1] not in "`~"
    )


@given(
    program=_programs(),
    spelling=st.sampled_from(SPELLINGS),
    fence=st.sampled_from(["```", "````", "~~~", "~~~~~"]),
    indent=st.sampled_from(["", "  ", "\t", "    "]),
    ends=st.sampled_from(["\n", "\r\n"]),
    closed=st.booleans(),
    before=st.sampled_from(["", "Let me think.\n", "1. Keep {x}\n\n"]),
    after=st.sampled_from(["", "\nThat is all.", "\n```text\n6\n```\n"]),
)
def test_a_program_without_fence_lines_survives_every_dialect(
    program: str,
    spelling: tuple[str, str],
    fence: str,
    indent: str,
    ends: str,
    closed: bool,
    before: str,
    after: str,
) -> None:
    name, tag = spelling
    body = program if program.endswith("\n") else program + "\n"
    inside = "".join(indent + line + "\n" for line in body[:-1].split("\n"))
    answer = f"{before}{indent}{fence}{tag}\n{inside}" + (
        f"{indent}{fence}{after}" if closed else ""
    )
    if not closed:
        # Blank lines at the very end of an unfinished answer cannot be told from its end.
        assert (extract(answer.replace("\n", ends), name) or "").rstrip() == program.rstrip()
    else:
        assert extract(answer.replace("\n", ends), name) == body


@given(program=st.text(st.characters(exclude_characters="\r", exclude_categories=("Cs",))))
def test_our_own_fence_gives_back_even_programs_that_contain_fences(program: str) -> None:
    body = program if program.endswith("\n") else program + "\n"
    expected = body if body.strip() else None
    # A tilde line needs no longer fence: it cannot close a block of backticks.
    assert extract(f"So:\n\n{fenced(program, 'cpp')}\nDone.", "cpp") == expected


@given(answer=st.text(), name=st.sampled_from(sorted(LANGUAGES)))
def test_no_answer_makes_extraction_fail(answer: str, name: str) -> None:
    code = extract(answer, name)
    assert code is None or (code.strip() and code.endswith("\n"))


@given(
    pieces=st.lists(
        st.sampled_from(
            ["```python\n", "```\n", "~~~\n", "```cpp\n", "x = 1\n", "  ```\n", "````\n"]
        )
    )
)
def test_blocks_hold_only_text_of_the_answer_in_order(pieces: list[str]) -> None:
    answer = "".join(pieces)
    position = 0
    for block in fenced_blocks(answer):
        for line in block.text.splitlines():
            position = answer.index(line, position)


@pytest.mark.parametrize("name", sorted(PROGRAM))
def test_the_last_block_of_the_language_wins(name: str) -> None:
    first = fenced("def draft(): ...\n", name)
    answer = (
        f"First try:\n{first}\nWrong. Better:\n{fenced(PROGRAM[name], name)}\nOutput:\n```\n6\n```"
    )
    assert extract(answer, name) == PROGRAM[name]


def test_a_block_of_another_language_is_never_taken() -> None:
    answer = f"{fenced(PYTHON, 'python')}\nRun it:\n```bash\npython f.py\n```\n```text\n6\n```"
    assert extract(answer, "python") == PYTHON
    assert extract("```bash\nmake\n```", "cpp") is None
    assert extract(fenced(CPP, "cpp"), "python") is None


def test_an_unlabelled_program_counts_when_none_is_labelled() -> None:
    assert extract(f"```\n{PYTHON}```", "python") == PYTHON


def test_unlabelled_output_after_an_unlabelled_program_is_not_the_program() -> None:
    assert extract(f"```\n{PYTHON}```\nprints\n```\n6\n```", "python") == PYTHON


def test_an_empty_last_block_does_not_hide_the_program_before_it() -> None:
    assert extract(f"{fenced(PYTHON, 'python')}\n```python\n\n```", "python") == PYTHON


def test_a_block_the_model_forgot_to_close_ends_where_the_next_begins() -> None:
    answer = f"```python\nx = 1\n\nNow the real one:\n```python\n{PYTHON}```"
    assert extract(answer, "python") == PYTHON


def test_a_closing_fence_glued_to_the_last_line_is_taken_off() -> None:
    assert extract("```python\ndef f(): return 1```", "python") == "def f(): return 1\n"


@pytest.mark.parametrize("name", sorted(PROGRAM))
def test_an_answer_without_fences_that_is_a_program_counts_whole(name: str) -> None:
    assert extract(PROGRAM[name], name) == PROGRAM[name]


@pytest.mark.parametrize(
    "answer",
    [
        "",
        " \n\t",
        "Sorry",
        "I would sum the list with a loop.",
        "Use sum(xs) { and think }.",
        "def f(xs) returns the sum",
        "```",
        "```python",
        "```python\n```",
        "`sum`",
    ],
)
@pytest.mark.parametrize("name", sorted(PROGRAM))
def test_prose_and_empty_answers_hold_no_code(answer: str, name: str) -> None:
    assert extract(answer, name) is None


def test_attributes_after_the_language_do_not_hide_it() -> None:
    for opening in (
        "``` python",
        "```python title=f.py",
        "```{.python}",
        "```{python}",
        "```python,x",
    ):
        assert extract(f"{opening}\n{PYTHON}```", "python") == PYTHON


def test_a_megabyte_of_fences_is_extracted_in_a_moment() -> None:
    answer = "```python\nx\n" * 80_000 + "{" * 100_000
    code = extract(answer, "python")
    assert code is not None
    assert code.startswith("x\n")


DOCUMENTED = '''def f(xs):
    """Sum.

    ```FENCE
    f([1])
    ```
    """
    return sum(xs)
'''


@pytest.mark.parametrize("name", sorted(PROGRAM))
@pytest.mark.parametrize(
    ("opening", "inner"),
    [("- ", "  "), ("1. ", "   "), ("* ", "    "), ("> ", "> "), ("> - ", ">   ")],
)
def test_a_block_that_opens_on_a_list_or_quote_line_is_found(
    opening: str, inner: str, name: str
) -> None:
    body = "".join(f"{inner}{line}\n" for line in PROGRAM[name].splitlines())
    answer = f"Steps:\n\n{opening}```{name}\n{body}{inner}```\n\nThat is all."
    assert extract(answer, name) == PROGRAM[name]


def test_a_fence_in_a_doc_comment_of_a_bare_program_opens_no_block() -> None:
    program = f"/**\n * ```cpp\n * f({{}});\n * ```\n */\n{CPP}"
    assert extract(program, "cpp") == program
    program = f'"""Sum.\n\n- ```python\n  f([])\n"""\n\n{PYTHON}'
    assert extract(program, "python") == program


@pytest.mark.parametrize(
    ("label", "name"), [("solution.py", "python"), ("main.cpp", "cpp"), ("src/f.hpp", "cpp")]
)
def test_a_label_that_is_a_file_of_the_language_counts_but_less_than_the_language(
    label: str, name: str
) -> None:
    named = f"```{label}\n{PROGRAM[name]}```"
    assert extract(named, name) == PROGRAM[name]
    assert extract(f"{fenced('int x;', name)}\n{named}", name) == "int x;\n"
    assert extract(f"```{label}.txt\n{PROGRAM[name]}```", name) is None


def test_lone_carriage_returns_end_lines() -> None:
    assert extract(f"So:\n```python\n{PYTHON}```".replace("\n", "\r"), "python") == PYTHON


@pytest.mark.parametrize("inner", ["", "python", "pycon"])
@pytest.mark.parametrize("outer", ["", "python", "solution.py"])
def test_a_fence_inside_a_docstring_does_not_cut_the_program(outer: str, inner: str) -> None:
    program = DOCUMENTED.replace("FENCE", inner)
    answer = f"So:\n```{outer}\n{program}```\nIt prints\n```text\n1\n```"
    assert extract(answer, "python") == program


def test_a_docstring_that_never_ends_does_not_swallow_the_next_block() -> None:
    first = '```python\ndef f(xs):\n    """Sum.\n```\nOops, again:\n'
    assert extract(f"{first}```python\n{DOCUMENTED}```", "python") is not None
    assert extract(f"{first}```python\n{PYTHON}```", "python") == PYTHON


@pytest.mark.parametrize(
    "prose",
    [
        "So the answer is 1.",
        "\nDone\n\nIt's linear: every number is added once.",
        "Explanation:\n\n- sums\n- returns",
        "**Complexity**: O(n)",
        "Run it:\n```bash\nmake\n```",
    ],
)
@pytest.mark.parametrize("name", sorted(PROGRAM))
def test_prose_after_a_forgotten_closing_fence_is_left_out(name: str, prose: str) -> None:
    assert extract(f"```{name}\n{PROGRAM[name]}{prose}", name) == PROGRAM[name]


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("python", "\nclass Sum:\n    def g(self):\n        return ("),
        ("python", "Sum = f\n"),
        ("cpp", "Matrix g() {\n    return"),
        ("cpp", "Matrix one;\n"),
    ],
)
def test_code_after_the_last_whole_block_of_an_unfinished_answer_stays(
    name: str, more: str
) -> None:
    program = PROGRAM[name] + more
    assert (extract(f"```{name}\n{program}", name) or "").rstrip() == program.rstrip()


@pytest.mark.parametrize(
    "piece",
    [
        '```python\nx = """\n```\n',
        '```\n"""\n',
        "Prose here\n",
        "> - > - 1. \n",
        "- ```python\n  x\n",
        "/*\n{}\n",
        "'\\\\'\\",
        "def f():\n    return 1\nX (\n",
    ],
)
@pytest.mark.parametrize("name", sorted(PROGRAM))
def test_a_megabyte_of_anything_takes_no_more_than_linear_time(piece: str, name: str) -> None:
    started = time.process_time()
    extract(f"```{name}\n" + piece * (1_000_000 // len(piece)), name)
    extract(piece * (1_000_000 // len(piece)), name)
    assert time.process_time() - started < 20
