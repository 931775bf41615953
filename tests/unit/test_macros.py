"""Macros by which a program reaches into its tests."""

from __future__ import annotations

import pytest

from sandbox.macros import expansions, identifiers, reaching

TESTS = 'TEST(S, A) { std::vector<int> v{1}; EXPECT_EQ(f(v), 8191); /* noise */ print("word"); }'
WORDS = identifiers(TESTS) | {"Compare"}
REACHES = {
    "the asked function": "#define f(x) 0), (0)) ; (void)((0",
    "by other signs": "%:define f(x) 0",
    "over two lines": "#def\\\nine f(x) 0",
    "the suite": "int f(int); namespace { } \n#define S Q",
    "a test": "# define A A1",
    "what assertions are made of": "#define Compare(x, y, a, b) 0",
    "taken away": "#undef EXPECT_EQ",
    "a keyword": "#define const",
    "a type that is another": "#define int Mine",
    "tests of its own": "TEST(S, A) {}",
    "tests with fixtures": "TEST_F (S, A) {}",
    "an alias": "namespace t = testing;",
    "an alias from the top": "namespace t = :: testing ;",
    "an alias by a macro": "#define T testing\nnamespace t = T;",
}
HONEST = [
    "#define int long long\nint f(int x) { return x; }",
    "#include <cstdint>\n#define int std::int64_t",
    "#define all(x) (x).begin(), (x).end()\n#define pb push_back\n#define MOD 1000000007",
    "#define word 1\n#define noise 2",
    'const char* s = "TEST(S, A) #define f";  // #define f\n',
    "bool testing = false; int TEST = 3;",
    "#define x first\n#define y second\n#define ll long long",
]


@pytest.mark.parametrize("name", REACHES)
def test_programs_that_reach_into_their_tests(name: str) -> None:
    assert reaching(REACHES[name], WORDS) is not None


@pytest.mark.parametrize("code", HONEST)
def test_programs_that_do_not(code: str) -> None:
    assert reaching(code, WORDS) is None


def test_expansions_are_names_and_bodies_without_parameters() -> None:
    text = '#define EXPECT_IT(a, b) \\\n  Same(#a, a, b) << "words"\n#define HELP(x) e Catch(x)\n'
    assert expansions(text) == {"EXPECT_IT", "Same", "HELP", "Catch"}
