"""How the compilation unit of a GoogleTest question is made from its tests."""

from __future__ import annotations

from dataclasses import replace

import pytest

from codemix_core.scoring.program import question_hash
from sandbox.gtest_unit import make, redefined, tampering
from tests.sandbox.addition import ADD, GOOGLE_TESTS

SIGNATURE = "int f(int x)"
HEAD = '#include <gtest/gtest.h>\n#include "../solution/solution.cpp"\n'
CALLS = [
    ("EXPECT_EQ(f(1), 2);", "EXPECT_EQ((W, f(1)), 2);"),
    ("return f(f(g(1)), 2);", "return (W, f((W, f(g(1))), 2));"),
    ('{ f(\')\', "(", R"(()"); }', '{ (W, f(\')\', "(", R"(()")); }'),
    ("EXPECT_TRUE(2 * f(1) > 3 && f(2));", "EXPECT_TRUE(2 * (W, f(1)) > 3 && (W, f(2)));"),
    (
        "{ solver.f(1); ns::f(2); a->b.f(3); }",
        "{ (W, solver.f(1)); (W, ns::f(2)); (W, a->b.f(3)); }",
    ),
    ("for (auto& x : f({1, 2})) {}", "for (auto& x : (W, f({1, 2}))) {}"),
]
NO_CALLS = [
    "int f(int x);",
    "std::vector<int> f(3);",
    "int* f(int x);",
    "int S::f(int x) { return 1; }",
    "Solver f(2);",
    "return ::f(1);",
    "get().f(1);",
    "// f(1)",
    "/* ; f(1) */",
    'auto text = "; f(1)";',
    "g = f; f<int>(1); of(1); f.x(1);",
    "x = f(1;",
]


def _rewritten(text: str) -> str:
    unit = make(f"{HEAD}{text}\n", "f", SIGNATURE, "word")
    return unit.text.splitlines()[-1].replace(unit.word, "W")


@pytest.mark.parametrize(("text", "expected"), CALLS)
def test_a_call_of_the_asked_function_is_marked(text: str, expected: str) -> None:
    assert _rewritten(text) == expected


@pytest.mark.parametrize("text", NO_CALLS)
def test_what_may_be_no_call_is_left_alone(text: str) -> None:
    assert _rewritten(text) == text


@pytest.mark.parametrize(("text", "_"), CALLS)
def test_a_message_loses_the_marks_again(text: str, _: str) -> None:
    unit = make(HEAD + text, "f", SIGNATURE, "word")
    assert unit.plain(unit.text.splitlines()[-1]) == text


@pytest.mark.parametrize(
    ("signature", "checked"),
    [
        ("int f(int x)", True),
        ("const unsigned long long& f()", True),
        ("std::uint32_t f(int x)", True),
        ("static inline std::vector<std::pair<int, string>> f(int x)", True),
        ("std::array<int, 3> f()", True),
        ("void f(int& x)", False),
        ("Node* f(int x)", False),
        ("int* f(int x)", False),
        ("auto f(int x)", False),
        ("std::vector<Point> f(int x)", False),
        ("template <class T> T f(T x)", False),
        ("def f(x: int) -> int:", False),
        ("class f", False),
        ("int g(int x)", False),
        ("", False),
    ],
)
def test_calls_are_checked_where_the_signature_promises_a_number_or_a_type_of_std(
    signature: str, checked: bool
) -> None:
    unit = make(HEAD + "EXPECT_EQ(f(1), 2);", "f", signature, "word")
    assert (f"({unit.word}, f(1))" in unit.text) is checked


def test_every_line_of_the_tests_keeps_its_number() -> None:
    text = make(GOOGLE_TESTS, "add", SIGNATURE.replace("f", "add"), "word").text
    number, seen = 0, {}
    for line in text.splitlines():
        number += 1
        if line.startswith("#line "):
            number = int(line.split()[1]) - 1
        else:
            seen[number] = line
    for number, line in enumerate(GOOGLE_TESTS.splitlines(), 1):
        assert seen[number].startswith(line[:16])


@pytest.mark.parametrize(
    "tests",
    [
        HEAD.replace("gtest/gtest.h", "vector") + "EXPECT_EQ(f(1), 2);",
        "\n".join(reversed(HEAD.splitlines())) + "\nEXPECT_EQ(f(1), 2);",
        HEAD + "namespace std { bool operator==(const P&, const P&); }\nEXPECT_EQ(f(1), 2);",
    ],
)
def test_tests_that_cannot_be_watched_stay_as_they_are(tests: str) -> None:
    unit = make(tests, "f", SIGNATURE, "word")
    assert (unit.text, unit.beside) == (tests, {})


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("#define EXPECT_EQ(a, b)", "EXPECT_EQ"),
        ("  #  undef /* */ EXPECT_EQ", "EXPECT_EQ"),
        ("#define GTEST_TEST_(a)", "GTEST_TEST_"),
        ("#define return", "return"),
        ("#define EXPECT_GT(a, b)", None),
        ("#define int long long", None),
        ("// #define EXPECT_EQ", None),
        ("#define EXPECT_EQUAL", None),
    ],
)
def test_a_program_may_define_macros_but_not_those_of_the_tests(
    code: str, name: str | None
) -> None:
    assert redefined(code, "EXPECT_EQ(1, 2); EXPECT_EQUAL") == name


def test_a_verdict_is_not_taken_over_when_the_signature_has_changed() -> None:
    asked = ADD["googletest"]
    other = replace(asked, signature="long add(long a, long b)")
    assert question_hash(asked, "") != question_hash(other, "")


@pytest.mark.parametrize(
    ("code", "seen"),
    [
        ('int f() { asm("nop"); return 1; }', True),
        ('int f() { __asm__ volatile(""); return 1; }', True),
        ('bool same() __asm__("memcmp");', True),
        ('int f() { return 1; }  // no asm here\nconst char* plasma = "asm";', False),
    ],
)
def test_assembly_is_tampering(code: str, seen: bool) -> None:
    assert (tampering(code, GOOGLE_TESTS) is not None) is seen


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("TEST(f, f) { g(); }", "TEST(f, f) { W_at = 1;  g();  W_at = 2; }"),
        (
            "TEST_F(A, B) { if (x) { g(); } }",
            "TEST_F(A, B) { W_at = 1;  if (x) { g(); }  W_at = 2; }",
        ),
        ("TEST(f, f) { if (x) return; g(); }", "TEST(f, f) { if (x) return; g(); }"),
        ("TEST(f, f) { GTEST_SKIP(); }", "TEST(f, f) { GTEST_SKIP(); }"),
        ('// TEST(f, f) { }\nauto t = "TEST(f, f) { }";', 'auto t = "TEST(f, f) { }";'),
    ],
)
def test_a_test_says_when_it_begins_and_when_it_has_come_to_its_end(
    text: str, expected: str
) -> None:
    assert _rewritten(text) == expected


@pytest.mark.parametrize(
    ("code", "seen"),
    [
        ("int f(int x) { testing::UnitTest::GetInstance(); return x; }", True),
        ("namespace testing { int g; }", True),
        ("using namespace testing;", True),
        ("int f(int x) { return __builtin_return_address(0) != nullptr; }", True),
        ("int f(int x) { bool testing = x > 0; return testing ? Mode::testing : 1; }", False),
    ],
)
def test_reaching_into_the_framework_or_the_stack_is_tampering(code: str, seen: bool) -> None:
    assert (tampering(code, GOOGLE_TESTS) is not None) is seen
