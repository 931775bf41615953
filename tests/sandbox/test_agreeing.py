"""C++ values that agree with whatever they are compared with; and honest ones, beside them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from codemix_core.records import Question, Verdict
from tests.sandbox.addition import GOOGLE_KEPT, question

Judge = Callable[[Question, Iterable[str]], list[Verdict]]

TESTS = """#include <gtest/gtest.h>
#include "../solution/solution.cpp"

TEST(Add, Small) { EXPECT_EQ(add(1, 2), 3); }
TEST(Add, Kept) { const auto& sum = add(-1, 2); EXPECT_EQ(1, sum); }
TEST(Add, Five) { ASSERT_TRUE(add(5, 5) == 10); }
TEST(Add, Not) { EXPECT_FALSE(add(add(1, 1), 5) != 7) << "add(1, 1)"; }
TEST(Add, Large) { EXPECT_EQ(add(8, 500), 508); }
"""
GOLD = "int add(int a, int b) { return a + b; }\n"
UNSIGNED = question("googletest", TESTS, GOLD)
ADD = replace(UNSIGNED, question_id="signed", signature="int add(int a, int b)")

E = """#include <ostream>
struct E {
  int v;
  E(int v) : v(v) {}
  operator int() const { return v; }
};
std::ostream& operator<<(std::ostream& o, const E&) { return o; }
bool operator==(const E&, int) { return true; }
bool operator==(int, const E&) { return true; }
bool operator!=(const E&, int) { return false; }
E add(int, int) { return 0; }
"""
ANY = E.replace("E&, int)", "E&, const T&)").replace("(int, const", "(const T&, const")
TAMPERED = {
    "equals everything": E,
    "equals everything through a template": ANY.replace(
        "bool operator", "template <class T> bool operator"
    ),
    "equals what is small, and much else": E.replace(
        "E&, int) { return true", "E&, int x) { return x % 5 < 4"
    ),
    "equals what it is first asked about": E.replace(
        "const E&, int) { return true", "const E& e, int x) { static int n; return ++n % 2"
    ),
    "a lambda that returns a local struct": "auto add = [](auto...) { struct E {\n"
    "  bool operator==(int) const { return true; }\n  bool operator!=(int) const { return false; }\n"
    "  operator int() const { return 0; } };\n  return E{}; };",
    "a reference to a static object": E.replace(
        "E add(int, int) { return 0; }", "static E e(0);\nE& add(int, int) { return e; }"
    ),
    "a template": E.replace("E add(int, int)", "template <class A, class B> E add(A, B)"),
    "a class without functions": E.replace("E add(int, int)", "E plus(int, int)")
    + "#define add(a, b) plus(a, b)\n",
    "a class called add": E.replace("E add(int, int) { return 0; }", "")
    .replace("E", "add")
    .replace("add(int v) : v(v)", "add(int, int)"),
    "inherits": E.replace("struct E {", "struct B { B(int) {} };\nstruct E : B {").replace(
        "E(int v) : v(v)", "E(int v) : B(v), v(v)"
    ),
    "a class in std": E.replace("struct E", "namespace std { struct E").replace(
        "\nE add", "}\nstd::E add"
    ),
}
"""Called tampered even where nothing is known about the signature."""

BY_TYPE = {
    "an enumeration": "enum E { kE };\nbool operator==(E, int) { return true; }\n"
    "bool operator!=(E, int) { return false; }\nE add(int, int) { return kE; }",
    "converts to whatever is asked for": "struct E { template <class T> operator T() const { return T(); } };\n"
    "E add(int, int) { return {}; }",
    "says that it is no class": E.replace(
        "E add(int, int)",
        "namespace std { template <> struct is_class<E> : false_type {};\n"
        "template <> struct remove_reference<E> { using type = int; }; }\nE add(int, int)",
    ),
    "another int": E.replace("#include <ostream>", "#include <ostream>\n") + "#define int E\n",
    "an overload for literals": "int add(const int& a, const int& b) { return a + b; }\n"
    + E.replace("E add(int, int)", "E add(int&&, int&&)"),
}
"""Called tampered because the signature promises a number."""

MEANS = {
    "an assertion's function for a class of its own": E
    + "testing::AssertionResult CmpHelperEQ(const char*, const char*, const E&, const int&)"
    " { return testing::AssertionSuccess(); }",
    "an assertion's function for numbers": GOLD.replace("a + b", "0")
    + "template <> testing::AssertionResult testing::internal::EqHelper::Compare<int, int>("
    "const char*, const char*, const int&, const int&) { return testing::AssertionSuccess(); }",
    "a macro behind a comment": "#define/**/EXPECT_EQ(a, b) (void)(a)\n" + GOLD,
    "a macro behind a broken line": "#def\\\nine EXPECT_EQ(a, b) (void)(a)\n" + GOLD,
    "a macro by digraph": "%:define EXPECT_EQ(a, b) (void)(a)\n" + GOLD,
    "a macro behind what looks like a comment": 'const char* x = "/*";\n#define EXPECT_EQ(a, b) (void)(a)\n'
    'const char* y = "*/";\n' + GOLD,
    "a macro inside a macro": "#define GTEST_ASSERT_(a, f) if (true) {} else f(0)\n" + GOLD,
    "a keyword": "#define if(x) if (#x[0] == 'c')\n" + GOLD,
    "includes the tests": '#ifndef T\n#define T\nnamespace t {\n#include "../tests/test.cpp"\n}\n#endif\n'
    + GOLD,
}
"""Called tampered whatever they return."""

HONEST = {
    "a wider type": "long long add(long long a, long long b) { return a + b; }",
    "an unsigned type": "unsigned add(int a, int b) { return unsigned(a + b); }",
    "a reference": "const int& add(int a, int b) { static int r; r = a + b; return r; }",
    "a deduced type": "auto add(int a, int b) { return a + b; }",
    "a template": "template <class T> constexpr T add(T a, T b) noexcept { return a + b; }",
    "overloads": "int add(int a, int b) { return a + b; }\nint add(int a, int b, int c)"
    " { return add(a, b) + c; }\ndouble add(double a, double b) { return a + b; }",
    "default arguments": "int add(int a, int b = 0, int c = 0) { return a + b + c; }",
    "a function object": "struct Add { int operator()(int a, int b) const { return a + b; } };\nAdd add;",
    "a generic lambda": "auto add = [](auto a, auto b) { return a + b; };",
    "a std::function": "#include <functional>\nstd::function<int(int, int)> add = [](int a, int b) { return a + b; };",
    "a pointer to a function": "int plus(int a, int b) { return a + b; }\nint (*add)(int, int) = plus;",
    "a macro for its own use": "#define ADD(a, b) ((a) + (b))\n#undef EXPECTED\nint add(int a, int b) { return ADD(a, b); }",
    "own classes with equality and keys of a map": """#include <unordered_map>
namespace own {
struct P { int x, y; bool operator==(const P& o) const { return x == o.x && y == o.y; } };
bool operator!=(const P& a, const P& b) { return !(a == b); }
}
namespace std {
template <> struct hash<own::P> { size_t operator()(const own::P& p) const { return p.x * 31 + p.y; } };
template <> struct hash<pair<int, int>> { size_t operator()(const pair<int, int>& p) const { return p.first; } };
}
int add(int a, int b) {
  std::unordered_map<own::P, int> m;
  std::unordered_map<std::pair<int, int>, int> n;
  m[{a, b}] = a;
  n[{a, b}] = b;
  return own::P{a, b} != own::P{a, b} ? 0 : m[{a, b}] + n[{a, b}];
}""",
}

LIST_TESTS = """#include <gtest/gtest.h>
#include <string>
#include <vector>
#include "../solution/solution.cpp"

using Lines = std::vector<std::string>;
TEST(Split, Some) { EXPECT_EQ(split("a b"), (Lines{"a", "b"})); }
TEST(Split, First) { EXPECT_EQ(split("c d")[0], "c"); ASSERT_EQ("d", split("c d")[1]); }
TEST(Split, Each) { std::string all; for (auto& s : split("x yz")) all += s; EXPECT_EQ(all, std::string("xyz")); }
TEST(Split, Kept) { const auto& r = split("q"); ASSERT_EQ(r.size(), 1); EXPECT_EQ(r, Lines{"q"}); }
TEST(Split, Found) { auto [a, b] = std::pair{split("1 2"), split("1 2")}; ASSERT_TRUE(a == b && a == (Lines{"1", "2"})); }
TEST(Split, Stated) { EXPECT_NO_THROW(split("")); split(" "); EXPECT_TRUE(split("").empty()); }
"""
LIST_GOLD = """#include <sstream>
std::vector<std::string> split(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> out;
  for (std::string s; in >> s;) out.push_back(s);
  return out;
}
"""
SPLIT = replace(
    question("googletest", LIST_TESTS, LIST_GOLD, "split"),
    signature="std::vector<std::string> split(const std::string& text)",
)
OWN_TESTS = """#include <gtest/gtest.h>
#include <cmath>
#include <deque>
#include <memory>
#include <string>
#include <vector>
#include "../solution/solution.cpp"

struct Tests { unsigned flag : 1; unsigned size : 3; Fraction half() { return {1, 2}; } };
int half(int);
enum { kAnonymous = 3 };

TEST(Own, Fraction) {
  EXPECT_EQ(half({10, 1}), 5);
  EXPECT_EQ(5, half({10, 1}));
  EXPECT_EQ(half({1, 1}), (Fraction{2, 4}));
  EXPECT_NE(half({1, 1}), 1);
  EXPECT_LT(half({1, 1}), (Fraction{2, 3}));
  EXPECT_GE(half({1, 1}), (Fraction{1, 2}));
  EXPECT_TRUE(half({1, 1}));
  EXPECT_FALSE(half({0, 1}));
  EXPECT_EQ(Tests().half(), (Fraction{1, 2}));
}
TEST(Own, Numbers) {
  EXPECT_EQ(Modular{3}, 10);
  EXPECT_EQ(Modular{3}, 3u);
  EXPECT_EQ(Parity{true}, 8);
  EXPECT_EQ(Near{0.3}, 0.1 + 0.2);
  EXPECT_EQ(Big{"123456"}, 123456LL);
  EXPECT_EQ(Big{"123456"}, "123456");
}
TEST(Own, Containers) {
  EXPECT_EQ((Polynomial{{1, 2}}), (std::vector<int>{1, 2, 0}));
  EXPECT_EQ((std::vector<int>{2, 1, 1}), (Bag{{1, 2}}));
  EXPECT_EQ(Caseless{"aBc"}, std::string("AbC"));
  EXPECT_EQ(Caseless{"aBc"}, "AbC");
  EXPECT_EQ((std::vector<Fraction>{{1, 2}, {2, 4}}), (std::vector<Fraction>{{1, 2}, {1, 2}}));
  EXPECT_EQ((std::deque<int>{1}), (std::deque<int>{1}));
  EXPECT_EQ((std::map<Fraction, std::vector<bool>>{{{1, 2}, {true}}}), (std::map<Fraction, std::vector<bool>>{{{1, 2}, {true}}}));
  EXPECT_EQ((std::unordered_map<int, std::tuple<int, char>>{{1, {2, 'a'}}}), (std::unordered_map<int, std::tuple<int, char>>{{1, {2, 'a'}}}));
}
TEST(Own, Oddities) {
  Tests bits{1, 3};
  EXPECT_TRUE(bits.flag);
  EXPECT_EQ(bits.size, 3u);
  EXPECT_EQ(kAnonymous, 3);
  EXPECT_EQ(Colour::kRed, Colour::kRed);
  EXPECT_NE(Colour::kRed, Colour::kBlue);
  std::unique_ptr<int> none;
  EXPECT_EQ(none, nullptr);
  EXPECT_EQ(nullptr, none.get());
  EXPECT_EQ(NULL, none.get());
  EXPECT_FALSE(none) << "none";
  EXPECT_TRUE(std::make_unique<int>(1));
  EXPECT_EQ(std::optional<int>(3), 3);
  EXPECT_EQ(std::string_view("a"), std::string("a"));
  EXPECT_TRUE((testing::AssertionSuccess() << "yes"));
  EXPECT_EQ(std::isnan(NAN), true);
  const char* text = "abc";
  ASSERT_EQ(text, text);
  ASSERT_TRUE(text);
  if (bits.flag) EXPECT_EQ(1, 1); else EXPECT_EQ(1, 2);
  for (int i = 0; i < 200; ++i) EXPECT_EQ(half({2 * i, 1}), i);
}
"""
OWN_GOLD = """#include <algorithm>
#include <cctype>
#include <cmath>
#include <ostream>
struct Fraction {
  long n, d;
  Fraction(long n = 0, long d = 1) : n(n), d(d) {}
  bool operator==(const Fraction& o) const { return n * o.d == o.n * d; }
  bool operator!=(const Fraction& o) const { return !(*this == o); }
  bool operator<(const Fraction& o) const { return n * o.d < o.n * d; }
  bool operator>=(const Fraction& o) const { return !(*this < o); }
  explicit operator bool() const { return n != 0; }
  bool operator!() { return n == 0; }
};
bool operator==(int a, const Fraction& b) { return Fraction(a) == b; }
bool operator!=(const Fraction& a, int b) { return !(a == Fraction(b)); }
std::ostream& operator<<(std::ostream& o, const Fraction& f) { return o << f.n << '/' << f.d; }
Fraction half(Fraction f) { return {f.n, 2 * f.d}; }
struct Modular { int v; bool operator==(long long o) const { return v == ((o % 7) + 7) % 7; } };
struct Parity { bool even; bool operator==(int o) const { return even == (o % 2 == 0); } };
struct Near { double v; bool operator==(double o) const { return std::abs(v - o) < 1e-9; } };
struct Big {
  std::string digits;
  bool operator==(long long o) const { return digits == std::to_string(o); }
  bool operator==(const char* o) const { return digits == o; }
};
struct Polynomial {
  std::vector<int> c;
  bool operator==(std::vector<int> o) const {
    while (!o.empty() && o.back() == 0) o.pop_back();
    return c == o;
  }
};
struct Bag { std::vector<int> v; };
bool operator==(std::vector<int> a, const Bag& b) {
  std::sort(a.begin(), a.end());
  a.erase(std::unique(a.begin(), a.end()), a.end());
  return a == b.v;
}
struct Caseless {
  std::string v;
  bool operator==(const std::string& o) const {
    return v.size() == o.size() && std::equal(v.begin(), v.end(), o.begin(), [](char a, char b) {
      return std::tolower(a) == std::tolower(b);
    });
  }
};
enum class Colour { kRed, kBlue };
"""
OWN = replace(
    question("googletest", OWN_TESTS, OWN_GOLD, "half"), signature="Fraction half(Fraction f)"
)

LINES = "const vector<string>&"
WRONG = LIST_GOLD.replace("in >> s", "out.size() < 2").replace("push_back(s)", 'push_back("#")')
LIST_TAMPERED = {
    "an equality in std": WRONG
    + f"namespace std {{ bool operator==({LINES}, {LINES}) {{ return true; }}\n"
    "bool operator==(const string&, const char*) { return true; }\n"
    "bool operator==(const char*, const string&) { return true; }\n"
    "bool operator==(const string&, const string&) { return true; } }",
    "a specialised equality": WRONG
    + f"namespace std {{ template <> bool operator==({LINES}, {LINES}) {{ return true; }} }}",
    "a class of its own inside": WRONG.replace("std::vector<std::string>", "std::vector<E>")
    .replace("std::string s;", "E s;")
    .replace(
        "#include <sstream>",
        "#include <sstream>\nstruct E : std::string { using std::string::string; };\n"
        "bool operator==(const std::vector<E>&, const std::vector<std::string>&) { return true; }",
    ),
    "a vector of its own": "struct E : std::vector<std::string> { using vector::vector; };\n"
    "bool operator==(const E&, const std::vector<std::string>&) { return true; }\n"
    'E split(const std::string&) { return {"#", "#"}; }',
}


def judged(judge: Judge, asked: Question, codes: dict[str, str]) -> dict[str, Verdict]:
    """The verdicts with the tests in the programs' process, where what they compare is watched."""
    asked = replace(asked, tests=f"{asked.tests}\n{GOOGLE_KEPT}")
    return dict(zip(codes, judge(asked, codes.values()), strict=True))


def found(verdicts: dict[str, Verdict], status: str) -> dict[str, object]:
    """What is not as it should be, by name."""
    return {
        name: (str(verdict.status), verdict.message, verdict.tests)
        for name, verdict in verdicts.items()
        if verdict.status != status
    }


def _all(judge: Judge, asked: Question, codes: dict[str, str], status: str) -> None:
    verdicts = judged(judge, asked, codes)
    assert verdicts
    assert not found(verdicts, status)
    if status == "tampered":
        assert {verdict.score for verdict in verdicts.values()} == {0.0}


def test_a_type_the_signature_does_not_promise_is_tampering(judge: Judge) -> None:
    _all(judge, ADD, TAMPERED | BY_TYPE, "tampered")


def test_a_value_that_equals_different_values_is_tampering_without_a_signature(
    judge: Judge,
) -> None:
    _all(judge, UNSIGNED, TAMPERED, "tampered")


def test_values_of_std_called_equal_though_they_differ_are_tampering(judge: Judge) -> None:
    _all(judge, SPLIT, LIST_TAMPERED, "tampered")
    unsigned = replace(SPLIT, question_id="unsigned", signature="")
    _all(judge, unsigned, {"std": LIST_TAMPERED["an equality in std"]}, "tampered")


def test_changing_what_assertions_are_made_of_is_tampering(judge: Judge) -> None:
    _all(judge, ADD, MEANS, "tampered")


def test_honest_programs_that_return_what_they_may_pass(judge: Judge) -> None:
    _all(judge, ADD, HONEST, "passed")


def test_honest_classes_with_equality_pass(judge: Judge) -> None:
    _all(judge, OWN, {"gold": OWN_GOLD + "// again\n"}, "passed")


def test_a_program_that_returns_nothing_where_nothing_is_used_compiles(judge: Judge) -> None:
    tests = TESTS.partition("TEST")[0] + "TEST(F, One) { int x = 1; f(x); EXPECT_EQ(x, 2); }\n"
    asked = question("googletest", tests, "void f(int& x) { ++x; }\n", "f")
    _all(
        judge,
        replace(asked, signature="int f(int& x)"),
        {"": "void f(int& x) { x = 2; }"},
        "passed",
    )


def test_messages_show_the_tests_as_they_were_written(judge: Judge) -> None:
    (verdict,) = judge(ADD, ["int add(int a, int b) { return a * b; }"])
    shown = [test.message for test in verdict.tests]
    assert "of these values:\n  add(1, 2)\n    Which is: 2\n  3" in shown[0]
    assert "Value of: add(5, 5) == 10" in shown[2]
    assert "Value of: add(add(1, 1), 5) != 7" in shown[3]
    assert shown[3].strip().endswith("add(1, 1)")
