"""Which programs may be compiled apart from their tests."""

from __future__ import annotations

import pytest

from sandbox.apart import Halves, Outline, outline
from sandbox.prebuild import FIRST, FIRST_CMATH

HEAD = '#include <gtest/gtest.h>\n#include <vector>\n#include "../solution/solution.cpp"\n'
TESTS = HEAD + "const int LIMIT = 3;\nTEST(F, One) { EXPECT_EQ(f(1), LIMIT); }\n"
SIGNATURE = "int f(int x)"
MACROS = ["EXPECT_EQ", "FAIL", "GTEST_FLAG"]
PLAIN = "#include <string>\nint f(int x) { return x + 1; }\n"

FIT = {
    "plain": PLAIN,
    "std opened first": "#include <map>\nusing namespace std;\nint f(int x) { return x; }",
    "helpers and types of its own": (
        "struct Node { int LIMIT; };\nstatic std::map<int, Node> seen;\n"
        "template <class T> T twice(T x) { return x + x; }\n"
        "int f(int x) { int LIMIT = 1; return twice(x) + LIMIT; }"
    ),
    "aliases": "using ll = long long;\ntypedef std::pair<int, int> pii;\n" + PLAIN,
    "calls itself": "int f(int x) { return x ? f(x - 1) : 0; }",
    "another name of a parameter": "int f(int number) { return number; }",
    "no name of a parameter": "int f(int) { return 1; }",
    "comments": "// #define f g\n/* int main() */\nint f(int x) { return x; }",
    "Windows line ends": PLAIN.replace("\n", "\r\n"),
    "a scope of its own": "namespace detail { int g(int x) { return x; } }\n" + PLAIN,
}
DO_NOT_FIT = {
    "a macro": "#define LIMIT 4\n" + PLAIN,
    "a condition": "#ifdef X\n#endif\n" + PLAIN,
    "a header by path": '#include "other.hpp"\n' + PLAIN,
    "a header that climbs": "#include <../tests/test.cpp>\n" + PLAIN,
    "an absolute header": "#include </dev/zero>\n" + PLAIN,
    "a name of the tests": "int LIMIT = 4;\n" + PLAIN,
    "a function of the tests": "int One(int x) { return x; }\n" + PLAIN,
    "an enumerator of the tests": "enum Kind { LIMIT, OTHER };\n" + PLAIN,
    "an enumerator in a namespace": "namespace { enum { LIMIT }; }\n" + PLAIN,
    "a using-declaration of the tests' names": "using other::LIMIT;\n" + PLAIN,
    "a macro of GoogleTest as a name": "int g() { int FAIL = 1; return FAIL; }\n" + PLAIN,
    "std opened late": PLAIN + "using namespace std;\n",
    "another namespace opened": "namespace a {}\nusing namespace a;\n" + PLAIN,
    "std reopened": "namespace std { struct thing {}; }\n" + PLAIN,
    "a special case": "template <> struct std::hash<X> {};\n" + PLAIN,
    "another type of parameter": "int f(long x) { return x; }\n",
    "a parameter more": "int f(int x, int y = 0) { return x; }\n",
    "a reference": "int f(const int& x) { return x; }\n",
    "noexcept": "int f(int x) noexcept { return x; }\n",
    "a result type behind": "auto f(int x) -> int { return x; }\n",
    "an overload": "int f(long x) { return 1; }\n" + PLAIN,
    "a template of the same name": "template <class T> int f(T x) { return 1; }\n" + PLAIN,
    "no function of the name": "int g(int x) { return x; }\n",
    "a method only": "struct S { int f(int x) { return x; } };\n",
    "an operator": "bool operator==(const V& a, const V& b) { return true; }\n" + PLAIN,
    "its own main": PLAIN + "int main() {}\n",
    "an attribute": "__attribute__((constructor)) void g() {}\n" + PLAIN,
    "a line continued": "int g(); // \\\n" + PLAIN,
    "a line continued beyond its end": PLAIN + "// \\",
    "another spelling of #": "%:define f g\n" + PLAIN,
    "its own file name": "const char* g = __FILE__;\n" + PLAIN,
    "the namespace of the tests' framework": "namespace testing { int g; }\n" + PLAIN,
}


def _fits(code: str, halves: Halves | None = None) -> bool:
    program = outline(code)
    halves = halves or Halves(TESTS, "f", SIGNATURE, MACROS)
    return halves.possible and program is not None and halves.fits(program)


@pytest.mark.parametrize("name", FIT)
def test_programs_that_fit(name: str) -> None:
    assert _fits(FIT[name])


@pytest.mark.parametrize("name", DO_NOT_FIT)
def test_programs_that_are_built_with_the_tests(name: str) -> None:
    assert not _fits(DO_NOT_FIT[name])


def test_an_outline_tells_headers_in_order_and_whether_std_is_open() -> None:
    shown = outline(FIT["std opened first"])
    assert isinstance(shown, Outline)
    assert (shown.includes, shown.opens_std) == (("map",), True)


@pytest.mark.parametrize(
    "tests",
    [
        TESTS.replace("#include <vector>", "#define X 1"),
        TESTS.replace("#include <vector>", "using namespace std;"),
        TESTS.replace("#include <vector>", '#include "helper.hpp"'),
        "#include <vector>\nTEST(A, B) {}\n",
    ],
)
def test_tests_with_more_than_headers_before_the_program_stay_whole(tests: str) -> None:
    assert not Halves(tests, "f", SIGNATURE, MACROS).possible


@pytest.mark.parametrize(
    "signature",
    [
        "int f(int x = 1)",
        "template <class T> int f(T x)",
        "auto f(int x)",
        "int S::f(int x)",
        "class S { int f(int x); };",
        "def f(x: int) -> int:",
        "int g(int x)",
        "",
    ],
)
def test_what_cannot_be_declared_stays_whole(signature: str) -> None:
    assert not Halves(TESTS, "f", signature, MACROS).possible


def test_the_program_sees_what_stands_before_it_in_the_tests_and_no_more() -> None:
    lines = [line for line in _unit(PLAIN).split("\n") if line and not line.startswith("#line")]
    head = [f"#include <{FIRST}>", "#include <vector>"]
    assert lines == [*head, *PLAIN.splitlines(), f"{SIGNATURE};"]


CMATH = "#include <cmath>\n"


@pytest.mark.parametrize(
    ("code", "header"),
    [
        (PLAIN, FIRST),
        (CMATH + PLAIN, FIRST_CMATH),
        (f"// a comment\n\n#include <string>\n{CMATH}{PLAIN}", FIRST_CMATH),
        (f"int g() {{ return std::sqrt(4); }}\n{CMATH}{PLAIN}", FIRST),
        (f"using namespace std;\n{CMATH}{PLAIN}", FIRST),
        (f"/*\n{CMATH}*/\n{PLAIN}", FIRST),
        (f"// {CMATH}{PLAIN}", FIRST),
    ],
)
def test_a_header_comes_early_only_where_nothing_was_before_it(code: str, header: str) -> None:
    assert _unit(code).startswith(f"#include <{header}>\n")


def _unit(code: str) -> str:
    program = outline(code)
    assert program is not None
    return Halves(TESTS, "f", SIGNATURE, MACROS).program(code, program)


@pytest.mark.parametrize(
    ("complaint", "code", "mistaken"),
    [
        ("tests/../solution/solution.cpp:2:1: error: no", PLAIN, True),
        ("/usr/include/c++/12/bits/stl_algo.h:9: fatal error: no", PLAIN, True),
        ("ld: undefined reference to `f(int)'", PLAIN, False),
        ("<declaration>:1:5: error: ambiguating new declaration", PLAIN, False),
        ("a.cpp:2:1: error: no\n<declaration>:1:5: note: candidate", PLAIN, False),
        ("a.cpp:2:1: error: no\n<declaration>:1:5: error: no", PLAIN, True),
        ("<declaration>:1:5: required from here\na.cpp:2:1: error: no", PLAIN, False),
        ("a.cpp:2:1: error: no", "int g() { return RUN_ALL_TESTS(); }\n" + PLAIN, False),
        ("a.cpp:2:1: internal compiler error: no\na.cpp:2: error: no", PLAIN, False),
    ],
)
def test_only_what_is_surely_a_mistake_of_the_program_counts_as_one(
    complaint: str, code: str, mistaken: bool
) -> None:
    program = outline(code)
    assert program is not None
    assert Halves(TESTS, "f", SIGNATURE, MACROS).mistaken(program, complaint) is mistaken


def test_the_tests_see_a_declaration_in_the_place_of_the_program() -> None:
    halves = Halves(TESTS, "f", SIGNATURE + " {", MACROS)
    shown = halves.stand_in(["map"], True)
    assert shown == "#include <map>\nusing namespace std;\nint f(int x);\n"


@pytest.mark.parametrize(
    ("code", "fits"),
    [
        ("int f(vector<pair<int, int>> edges, string& s, double) { return 1; }", True),
        (
            "int f(std::vector<std::pair<int, int>> e, std::string& text, double d) { return 1; }",
            True,
        ),
        ("int f(const vector<pair<int, int>>& edges, string& s, double) { return 1; }", False),
        ("int f(vector<pair<int, long>> edges, string& s, double) { return 1; }", False),
        ("int f(vector<pair<int, int>> edges, string s, double) { return 1; }", False),
    ],
)
def test_parameters_are_compared_by_their_types(code: str, fits: bool) -> None:
    signature = "int f(std::vector<std::pair<int, int>> edges, std::string& s, double x)"
    assert _fits(f"using namespace std;\n{code}", Halves(TESTS, "f", signature, MACROS)) is fits
