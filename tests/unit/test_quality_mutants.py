"""Mutants of Python and C++ programs: each differs in one place, and none is noise."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codemix_core.questions import cases
from codemix_core.records import Question
from codemix_core.scoring.quality import cpp_mutants, python_mutants
from codemix_core.scoring.quality.cpp_tokens import tokens
from codemix_core.scoring.quality.mutant import Edit, Mutant, mutants, sample
from codemix_core.scoring.quality.trivial import trivial_solutions


def python(source: str) -> list[Mutant]:
    return mutants(source, python_mutants.edits(source))


def cpp(source: str) -> list[Mutant]:
    return mutants(source, cpp_mutants.edits(source))


def afters(found: list[Mutant]) -> set[str]:
    return {mutant.after for mutant in found}


def test_a_mutant_shows_its_line_before_and_after() -> None:
    (found,) = mutants("a = 1\nb = a + 2\n", [Edit(12, 13, "-", "operator")])
    assert found.code == "a = 1\nb = a - 2\n"
    assert found.difference() == "line 2\n- b = a + 2\n+ b = a - 2"


def test_edits_that_change_nothing_or_agree_give_no_second_mutant() -> None:
    edits = [Edit(0, 1, "b", "x"), Edit(0, 1, "b", "y"), Edit(0, 1, "a", "z")]
    assert [mutant.code for mutant in mutants("a", edits)] == ["b"]


def test_a_sample_keeps_the_order_and_does_not_depend_on_it() -> None:
    found = python("def f(a, b):\n    return a + b * 3 - 4 < 5 and a > 6\n")
    few = sample(found, 5)
    assert len(few) == 5
    assert [m for m in found if m in few] == few
    assert set(sample(found[::-1], 5)) == set(few)
    assert sample(found, 10_000) == found


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("a < b", {"a <= b", "a >= b"}),
        ("a == b", {"a != b"}),
        ("a not in b", {"a in b"}),
        ("a  is not  b", {"a  is  b"}),
        ("a and b and c", {"a or b and c", "a and b or c"}),
        ("not a", {"(a)"}),
        ("-a", {"(a)"}),
        ("a + b", {"a - b"}),
        ("a * b", {"(a + b)"}),
        ("(a) // (b)", {"((a) * (b))"}),
        ("a < b < c", {"a <= b < c", "a >= b < c", "a < b <= c", "a < b >= c"}),
        ("7", {"8", "6"}),
        ("0", {"1", "(-1)"}),
        ("True", {"False"}),
        ("'text'", {"''"}),
        ("''", {"'X'"}),
    ],
)
def test_python_expressions(expression: str, expected: set[str]) -> None:
    assert afters(python(f"x = {expression}")) == {f"x = {text}" for text in expected}


def test_python_statements_are_dropped_where_that_says_something() -> None:
    source = (
        "def f(a):\n"
        "    b = a\n"  # the only value of b: dropping it is a NameError
        "    a = b\n"
        "    a += b\n"
        "    a[b] = b\n"
        "    while a:\n"
        "        g(a)\n"
        "        break\n"
        "    raise ValueError(f'no {a + 1}', 3)\n"
        "    return a\n"
    )
    dropped = {m.line: m.after for m in python(source) if m.kind == "statement"}
    assert dropped == {
        **dict.fromkeys((3, 4, 5, 7, 8, 9), "pass"),
        10: "return None",
    }


def test_python_leaves_alone_what_no_test_can_notice() -> None:
    source = (
        '"""Module 1."""\n'
        "from typing import Literal\n"
        "class K:\n"
        '    """Class 2."""\n'
        "@cache(3)\n"
        'def f(a: Literal[4] = None) -> "x":\n'
        '    """Function 5."""\n'
        "    b: Literal['y'] = a\n"
        "    return f'{b + 6}'\n"
    )
    assert afters(python(source)) == {"return None"}


def test_python_places_are_right_behind_characters_of_several_bytes() -> None:
    assert afters(python("x = 'äö€𝄞' + y * 2\n")) == {
        "x = '' + y * 2",
        "x = 'äö€𝄞' - y * 2",
        "x = 'äö€𝄞' + (y + 2)",
        "x = 'äö€𝄞' + y * 1",
        "x = 'äö€𝄞' + y * 3",
    }


@pytest.mark.parametrize("end", ["\r\n", "\r", "\n"])
def test_python_places_are_right_with_any_line_ends(end: str) -> None:
    found = python(f"x = 1{end}y = x + z{end}")
    assert {m.code for m in found if m.kind == "operator"} == {f"x = 1{end}y = x - z{end}"}


def test_a_program_that_does_not_parse_has_no_mutants() -> None:
    assert python("def f(:\n") == []
    assert python("") == []


def test_every_mutant_of_a_real_module_parses_and_is_different() -> None:
    source = Path(cases.__file__).read_text(encoding="utf-8")
    found = python(source)
    assert len(found) > 50
    assert len({mutant.code for mutant in found}) == len(found)
    original = ast.dump(ast.parse(source))
    assert all(ast.dump(ast.parse(mutant.code)) != original for mutant in found)


names = st.sampled_from("abcde")
atoms = st.one_of(names, st.integers(0, 99).map(str), st.sampled_from(["True", "'s'", "[]"]))
binary = st.sampled_from([" + ", "*", " // ", " % ", " < ", ">=", " == ", " and ", " or ", " in "])
expressions = st.recursive(
    atoms,
    lambda inner: st.one_of(
        st.builds(lambda a, o, b: f"({a}{o}{b})", inner, binary, inner),
        st.builds(lambda a: f"(not {a})", inner),
        st.builds(lambda a, b: f"{a}[{b}]", names, inner),
    ),
    max_leaves=12,
)


@given(expressions)
def test_mutants_of_any_expression_parse_and_differ(expression: str) -> None:
    source = f"def f(a, b):\n    a = {expression}\n    return g({expression})\n"
    found = python(source)
    assert found
    for mutant in found:
        ast.parse(mutant.code)
        assert mutant.code != source
        unchanged = zip(source.split("\n"), mutant.code.split("\n"), strict=True)
        assert sum(before != after for before, after in unchanged) == 1


def test_tokens_see_no_code_in_comments_text_and_directives() -> None:
    source = (
        "#define A(x) \\\n    ((x) + 1) // 2\n"
        "#include <vector> /* 3\n 4 */\n"
        '// 5 \\\n6\n/* 7 */ auto s = "8 \\" // 9";\n'
        "char c = '\\'', d = '/';\n"
        'auto r = R"x(10 )" 11)x" + 1\'000.5e-3f;\n'
    )
    found = [token.text for token in tokens(source)]
    assert found == [
        *("auto", "s", "=", '"8 \\" // 9"', ";"),
        *("char", "c", "=", "'\\''", ",", "d", "=", "'/'", ";"),
        *("auto", "r", "=", 'R"x(10 )" 11)x"', "+", "1'000.5e-3f", ";"),
    ]


@given(st.text(alphabet="ab1\"'/*\\\n#<>&+-=(){};: .R"))
def test_tokens_of_anything_are_in_order_and_are_the_text_at_their_place(source: str) -> None:
    end = 0
    for token in tokens(source):
        assert token.start >= end
        assert token.end > token.start
        assert source[token.start : token.end] == token.text
        end = token.end


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("return a < b;", {"return a <= b;", "return a >= b;"}),
        ("return a*b;", {"return a+b;"}),
        ("return a && !b;", {"return a || !b;", "return a && b;"}),
        ("return x[i] >> k;", {"return x[i] << k;"}),
        ("return -a;", {"return a;"}),
        ("return 0x1Fu;", {"return 32u;", "return 30u;"}),
        ("return 010;", {"return 9;", "return 7;"}),
        ("return 0LL;", {"return 1LL;", "return (-1LL);"}),
        ("return 1.5f;", {"return 2.5f;"}),
        ("return 'a';", {"return 'b';"}),
        ("return true;", {"return false;"}),
        ('return "ab";', {'return "";'}),
        ("throw Error(1 + 2);", {";"}),
        ("x += y;", {"x -= y;", ";"}),
        ("++x;", {"--x;", ";"}),
        ("call(a);", {";"}),
        ("if (a) b = c;", {"if (a) ;"}),
        ("for (;;) { break; }", {"for (;;) { ; }"}),
    ],
)
def test_cpp_statements(statement: str, expected: set[str]) -> None:
    found = cpp(f"int f() {{\n    {statement}\n}}\n")
    assert afters(found) == expected


@pytest.mark.parametrize(
    "text",
    [
        "std::vector<std::vector<int>> table;",
        "std::map<int, std::vector<long>>& cells = other;",
        "Node* next;",
        "const auto& item = first;",
        "std::pair<int, int> p;",
        "int operator<(const K& other);",
        "std::cout << x << y << std::endl;",
        "#define N 5",
        "// a < b && c + 1",
        "static_cast<int>(x);",
    ],
)
def test_cpp_types_streams_and_comments_are_left_alone(text: str) -> None:
    assert [m for m in cpp(f"void f() {{\n    {text}\n}}\n") if m.kind != "statement"] == []


def test_cpp_declarations_and_returns_are_not_dropped() -> None:
    source = (
        "int f() {\n    int a = g();\n    std::vector<int> v(3);\n    K k;\n    Node *p = q;\n"
        "    auto [x, y] = h();\n    return a;\n}\n"
    )
    assert [m for m in cpp(source) if m.kind == "statement"] == []


@given(
    st.lists(
        st.sampled_from(
            [
                *("int", "a", "b", "f", "return", "throw", "if", "for", "else", "std", "template"),
                *("<", ">", ">>", "<<", "(", ")", "{", "}", "[", "]", ";", "::", ",", ":", "=="),
                *(
                    "+",
                    "-",
                    "*",
                    "&",
                    "&&",
                    "!",
                    "=",
                    "+=",
                    "++",
                    "0",
                    "1.5f",
                    "'c'",
                    '"s"',
                    "true",
                ),
            ]
        ),
        max_size=40,
    )
)
def test_cpp_mutants_of_anything_change_one_place(words: list[str]) -> None:
    source = " ".join(words)
    found = cpp_mutants.edits(source)
    places = [(token.start, token.end) for token in tokens(source)]
    starts, ends = {start for start, _ in places}, {end for _, end in places}
    for edit in found:
        assert edit.start in starts
        assert edit.end in ends | starts
        assert edit.text != source[edit.start : edit.end]
    assert len({mutant.code for mutant in cpp(source)}) == len(cpp(source))


def test_trivial_solutions_keep_the_other_names_of_the_gold_solution() -> None:
    gold = "class Problem(Exception):\n    pass\n\ndef asked(a):\n    return a + other\n"
    found = trivial_solutions(_question("python", gold))
    assert found["empty"].startswith("#")
    assert "class Problem" in found["returns 0"]
    assert "return 0" in found["returns 0"]
    assert "other" not in found["returns 0"]

    gold = "struct P { int x; };\nint asked(P p) { if (p.x) { return 5; } return 6; }\nint z;\n"
    found = trivial_solutions(_question("cpp", gold))
    assert "struct P { int x; };\nint asked(P p) { return 1; }\nint z;" in found["returns 1"]
    assert "does nothing" in found


def test_trivial_solutions_of_a_class_empty_its_methods() -> None:
    gold = (
        "class asked:\n    def __init__(self, n):\n        g(n)\n"
        "    def m(self):\n        return 5\n"
    )
    found = trivial_solutions(_question("python", gold))
    space: dict[str, type] = {}
    exec(found["returns -1"], space)
    assert space["asked"](3).m() == -1


def _question(language: str, gold: str) -> Question:
    framework = "pytest" if language == "python" else "googletest"
    return Question(
        "q", 1, ["s"], language, framework, "asked", "asked()", "", "Do it.", gold, "tests"
    )
