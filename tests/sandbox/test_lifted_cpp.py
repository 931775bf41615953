"""GoogleTest outside the program's process finds what it finds inside, and gives nothing away."""

from __future__ import annotations

import os
from dataclasses import replace

import psutil

from codemix_core.questions.starter import starter_questions
from codemix_core.records import Question
from codemix_core.scoring.backends.base import Backend
from codemix_core.scoring.engine import Scorer
from codemix_core.scoring.program import Work
from codemix_core.scoring.selfcheck import reference_of
from tests.sandbox.addition import ADD, CPP_FRAMEWORKS, FLOORS, question, statuses
from tests.sandbox.conftest import Judge

HEAD = '#include <gtest/gtest.h>\n#include "../solution/solution.cpp"\n'
INCLUDES = "".join(
    f"#include <{name}>\n"
    for name in ("array", "deque", "list", "stdexcept", "unordered_map", "unordered_set")
)
VALUES = {
    "bool": "true",
    "char": "'x'",
    "unsigned char": "200",
    "short": "-7",
    "int": "-123456",
    "unsigned int": "4000000000u",
    "long long": "-(1ll << 62)",
    "uint64_t": "~0ull",
    "size_t": "9",
    "float": "0.1f",
    "double": "-0.0",
    "long double": "1e4000L",
    "std::string": 'std::string("a\\0b\\n", 4)',
    "std::vector<int>": "{3, 1, 2}",
    "std::vector<bool>": "{true, false, true}",
    "std::vector<std::vector<std::string>>": '{{"a"}, {}, {"", "b"}}',
    "std::deque<int>": "{1, 2}",
    "std::list<double>": "{1.5}",
    "std::array<int, 3>": "{1, 2, 3}",
    "std::pair<int, std::string>": '{1, "one"}',
    "std::tuple<int, double, std::string>": 'std::make_tuple(1, 2.5, "x")',
    "std::optional<int>": "5",
    "std::optional<std::string>": "std::nullopt",
    "std::map<std::string, std::vector<int>>": '{{"a", {1}}, {"b", {}}}',
    "std::multimap<int, int>": "{{1, 2}, {1, 1}}",
    "std::set<std::pair<int, int>>": "{{1, 2}, {0, 3}}",
    "std::multiset<int>": "{2, 1, 2}",
    "std::unordered_map<std::string, int>": '{{"a", 1}, {"b", 2}}',
    "std::unordered_set<int>": "{1, 2, 3}",
}


def asked(name: str, function: str, tests: str, gold: str) -> Question:
    """A question whose signature is the first line of its gold solution after the headers."""
    made = question("googletest", HEAD + tests, INCLUDES + gold, "f")
    return replace(made, question_id=name, signature=function)


def echo(number: int, kind: str, value: str) -> Question:
    function = f"{kind} f({kind} y, {kind}& z)"
    tests = (
        f"TEST(Echo, Same) {{\n  const {kind} x = {value};\n  {kind} z{{}};\n"
        "  EXPECT_EQ(f(x, z), x);\n  EXPECT_EQ(z, x);\n}\n"
    )
    return asked(f"echo-{number}", function, tests, f"{function} {{ z = y; return y; }}\n")


def tiers(backend: Backend, questions: list[Question]) -> dict[str, tuple[str, str | None]]:
    works = [Work(q, None, 0, q.gold) for q in questions]
    found = {v.question_id: v for v in Scorer(backend, FLOORS).score(works)}
    return {q.question_id: (str(found[q.question_id].status), found[q.question_id].tier) for q in questions}  # fmt: skip


def test_every_kind_of_value_goes_there_and_back(backend: Backend) -> None:
    questions = [echo(i, kind, value) for i, (kind, value) in enumerate(VALUES.items())]
    found = tiers(backend, questions)
    assert dict(zip(VALUES, found.values(), strict=True)) == dict.fromkeys(VALUES, ("passed", "A"))


ORDER = "std::unordered_map<std::string, int> f(std::unordered_map<std::string, int> m, int n)"
ORDER_TESTS = """
static std::string keys(const std::unordered_map<std::string, int>& m) {
  std::string out;
  for (const auto& each : m) out += each.first + ",";
  return out + std::to_string(m.bucket_count());
}
TEST(Order, Same) {
  for (int n = 0; n < 300; n = 2 * n + 1) {
    std::unordered_map<std::string, int> m;
    for (int i = 0; i < n; ++i) m[std::to_string(i * 7919)] = i;
    for (int i = 0; i < n; i += 3) m.erase(std::to_string(i * 7919));
    EXPECT_EQ(keys(f(m, n)), keys(m));
    for (int i = 0; i < 40; ++i) m[std::to_string(-i)] = i;
    EXPECT_EQ(keys(f(m, n)), keys(m));
  }
}
"""
RAISES = "int f(int n)"
RAISED = (
    *("invalid_argument", "domain_error", "length_error", "out_of_range", "range_error"),
    *("overflow_error", "underflow_error", "logic_error", "runtime_error"),
)
RAISES_TESTS = "".join(
    f"TEST(Raises, N{i}) {{ EXPECT_THROW(f({i}), std::{name}); "
    f'try {{ f({i}); FAIL(); }} catch (const std::exception& e) {{ EXPECT_STREQ(e.what(), "w{i}"); }} }}\n'
    for i, name in enumerate(RAISED)
)
RAISES_TESTS += """
TEST(Raises, Mine) { EXPECT_THROW(f(20), std::runtime_error); EXPECT_ANY_THROW(f(21)); }
TEST(Raises, Number) { EXPECT_THROW(f(22), int); }
TEST(Raises, Text) { EXPECT_THROW(f(23), const char*); }
TEST(Raises, String) { EXPECT_THROW(f(24), std::string); }
TEST(Raises, Memory) { EXPECT_THROW(f(25), std::bad_alloc); }
TEST(Raises, Nothing) { EXPECT_NO_THROW(f(99)); EXPECT_EQ(f(99), 99); }
"""
RAISES_GOLD = "".join(
    f'static void g{i}(int n) {{ if (n == {i}) throw std::{name}("w{i}"); }}\n'
    for i, name in enumerate(RAISED)
)
RAISES_GOLD += """
struct Own : std::runtime_error { Own() : std::runtime_error("own") {} };
struct Other {};
int f(int n) {
  CALLS
  if (n == 20) throw Own();
  if (n == 21) throw Other();
  if (n == 22) throw 5;
  if (n == 23) throw "text";
  if (n == 24) throw std::string("text");
  if (n == 25) throw std::bad_alloc();
  return n;
}
""".replace("CALLS", " ".join(f"g{i}(n);" for i in range(len(RAISED))))
CHANGES = "void f(std::vector<int>& v, int by)"
CHANGES_TESTS = """
TEST(Changes, Argument) { std::vector<int> v{1, 2}; f(v, 3); EXPECT_EQ(v, (std::vector<int>{4, 5})); }
TEST(Changes, Pointer) { void (*g)(std::vector<int>&, int) = f; std::vector<int> v{1}; g(v, 1); EXPECT_EQ(v[0], 2); }
TEST(Changes, Threads) {
  std::vector<std::vector<int>> all(8, std::vector<int>{1});
  std::vector<std::thread> threads;
  for (auto& v : all) threads.emplace_back([&v] { for (int i = 0; i < 20; ++i) f(v, 1); });
  for (auto& t : threads) t.join();
  for (auto& v : all) EXPECT_EQ(v[0], 21);
}
"""
WHOLE = [
    asked("order", ORDER, ORDER_TESTS, f"{ORDER} {{ return m; }}\n"),
    asked("raises", RAISES, RAISES_TESTS, RAISES_GOLD),
    asked("changes", CHANGES, CHANGES_TESTS, "#include <thread>\nvoid f(std::vector<int>& v, int by) { for (int& x : v) x += by; }\n"),
    asked("none", "int f()", "TEST(None, One) { EXPECT_EQ(f(), 1); EXPECT_EQ(f(), 2); }\n", "int f() { static int n; return ++n; }\n"),
    asked("crowd", "std::string f(int n)", "TEST(Long, Text) { EXPECT_EQ(f(5000000).size(), 5000000u); }\n", "std::string f(int n) { return std::string(n, 'x'); }\n"),
]  # fmt: skip
INSIDE = {
    "a pointer": ("int f(const int* p)", "TEST(F, G) { int n = 3; EXPECT_EQ(f(&n), 3); }\n", "int f(const int* p) { return *p; }\n"),
    "a reference": ("int& f(int& p)", "TEST(F, G) { int n = 3; f(n) = 4; EXPECT_EQ(n, 4); }\n", "int& f(int& p) { return p; }\n"),
    "a function": ("int f(std::function<int(int)> g)", "TEST(F, G) { EXPECT_EQ(f([](int n) { return n; }), 3); }\n", "int f(std::function<int(int)> g) { return g(3); }\n"),
    "a type of its own": ("Two f(int n)", "TEST(F, G) { EXPECT_EQ(f(3).n, 3); }\n", "struct Two { int n; };\nTwo f(int n) { return {n}; }\n"),
    "what it prints": ("int f(int n)", "TEST(F, G) { testing::internal::CaptureStdout(); f(3); EXPECT_EQ(testing::internal::GetCapturedStdout(), \"3\"); }\n", "#include <iostream>\nint f(int n) { std::cout << n << std::flush; return n; }\n"),
    "its death": ("int f(int n)", "TEST(F, G) { EXPECT_DEATH(f(3), \"\"); }\n", "int f(int n) { std::abort(); }\n"),
    "an object that lives": ("std::string_view f(const std::string& s)", "TEST(F, G) { std::string s = \"ab\"; EXPECT_EQ(f(s).data(), s.data()); }\n", "std::string_view f(const std::string& s) { return s; }\n"),
    "one object twice, once to look at": ("void f(const std::vector<int>& a, std::vector<int>& b)", "TEST(F, G) { std::vector<int> v{1}; f(v, v); EXPECT_EQ(v[0], 2); }\n", "void f(const std::vector<int>& a, std::vector<int>& b) { std::vector<int> c; for (int x : a) c.push_back(2 * x); b = c; }\n"),
    "one object twice": ("void f(std::vector<int>& a, std::vector<int>& b)", "TEST(F, G) { std::vector<int> v{1}; f(v, v); EXPECT_EQ(v.size(), 3u); }\n", "void f(std::vector<int>& a, std::vector<int>& b) { a.push_back(1); b.push_back(2); }\n"),
}  # fmt: skip


def test_what_is_more_than_values(backend: Backend) -> None:
    assert set(tiers(backend, WHOLE).values()) == {("passed", "A")}


def test_tests_that_share_more_than_values_stay_with_the_program(backend: Backend) -> None:
    questions = [asked(name, *parts) for name, parts in INSIDE.items()]
    assert tiers(backend, questions) == dict.fromkeys(INSIDE, ("passed", "B"))


def test_most_starter_questions_are_lifted(backend: Backend) -> None:
    found = tiers(backend, [q for q in starter_questions() if q.language == "cpp"])
    assert len(found) == 12
    assert {status for status, _ in found.values()} == {"passed"}
    assert sum(tier == "A" for _, tier in found.values()) >= 9, found


PROGRAMS = {
    "right": "int add(int a, int b) { return a + b; }",
    "wrong": "int add(int a, int b) { return a - b; }",
    "throws": "#include <stdexcept>\nint add(int a, int b) { if (a == 5) throw std::logic_error(\"five\"); return a + b; }",
    "throws what is unknown": "struct E {}; int add(int a, int b) { if (a == 5) throw E(); return a + b; }",
    "crashes": "int add(int a, int b) { if (a == 5) *(volatile int*)nullptr = 1; return a + b; }",
    "aborts in a thread": "#include <thread>\n#include <cstdlib>\nint add(int a, int b) { if (a == 5) std::thread([] { std::abort(); }).join(); return a + b; }",
    "exits": "#include <cstdlib>\nint add(int a, int b) { if (a == 5) std::exit(3); return a + b; }",
    "loops": "int add(int a, int b) { while (a == 5); return a + b; }",
    "does not compile": "int add(int a, int b) { return a + c; }",
    "does not link": "int g(int);\nint add(int a, int b) { return g(a) + b; }",
    "crashes before main": "#include <cstdlib>\nstruct A { A() { std::abort(); } } a;\nint add(int a, int b) { return a + b; }",
    "remembers": "int add(int a, int b) { static int n = 0; return ++n > 2 ? 0 : a + b; }",
    "prints a lot": "#include <cstdio>\nint add(int a, int b) { if (a == 5) for (;;) std::puts(\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"); return a + b; }",
    "a template": "template <class T> T add(T a, T b) { return a + b; }",
    "macros": "#define int long long\n#define PLUS +\nint add(int a, int b) { return a PLUS b; }",
    "its own main": "int add(int a, int b) { return a + b; }\nint main() { return 0; }",
    "a static function": "static int add(int a, int b) { return a + b; }",
    "a lambda": "auto add = [](int a, int b) { return a + b; };",
    "nothing of that name": "int plus(int a, int b) { return a + b; }",
    "operators of its own": "struct V { int n; };\nV operator+(V a, V b) { return {a.n + b.n}; }\nint add(int a, int b) { return (V{a} + V{b}).n; }",
    "another namespace": "namespace mine { int add(int a, int b) { return a + b; } }\nusing mine::add;",
    "all of the library": "#include <bits/stdc++.h>\nusing namespace std;\n#define all(v) begin(v), end(v)\nint add(int a, int b) { vector<int> v{a, b}; return accumulate(all(v), 0); }",
}  # fmt: skip


def test_verdicts_are_the_same_outside_and_inside(judge: Judge) -> None:
    found = [judge(ADD[framework], PROGRAMS.values()) for framework in CPP_FRAMEWORKS]
    for name, inside, outside in zip(PROGRAMS, *found, strict=True):
        assert (inside.tier, outside.tier) == ("B", "A"), name
        assert inside.status == outside.status, (name, inside, outside)
        assert statuses(inside) == statuses(outside), name
    verdicts = dict(zip(PROGRAMS, found[1], strict=True))
    assert "undefined reference" in verdicts["does not link"].message
    assert "five" in verdicts["throws"].tests[2].message


OWN_MEMORY = """#include <cstdlib>
#include <new>
static long held = 0;
void* operator new(size_t n) { long* p = static_cast<long*>(std::malloc(n + 16)); *p = n; held += n; return p + 2; }
void operator delete(void* p) noexcept { if (p) { held -= static_cast<long*>(p)[-2]; std::free(static_cast<long*>(p) - 2); } }
void operator delete(void* p, size_t) noexcept { operator delete(p); }
int add(int a, int b) { return *new int(a) + b; }
"""


def test_a_program_may_have_its_own_memory_and_is_no_forger_for_it(judge: Judge) -> None:
    for framework, status in (("googletest, lifted", "passed"), ("googletest", "compile_error")):
        (verdict,) = judge(ADD[framework], [OWN_MEMORY])
        assert verdict.status == status, verdict
    assert "operator new" in verdict.message


def test_a_busy_machine_is_no_reason_for_a_timeout(backend: Backend) -> None:
    """Three programs of 0.8 s on each core, each with 2 s of its own."""
    slow = "#include <ctime>\nint add(int a, int b) { if (a == 5) while (clock() < 0.8 * CLOCKS_PER_SEC); return a + b; } // "
    lifted = ADD["googletest, lifted"]
    (gold,) = Scorer(backend, FLOORS).score([Work(lifted, None, 0, lifted.gold)])
    works = [Work(lifted, reference_of(gold, FLOORS), i, f"{slow}{i}") for i in range(6)]
    workers = 3 * len(os.sched_getaffinity(0))
    verdicts = list(Scorer(backend, FLOORS, workers=workers).score(works))
    assert {(str(v.status), v.tier) for v in verdicts} == {("passed", "A")}


def test_many_tests_with_long_names(backend: Backend) -> None:
    tests = "".join(
        f"TEST(Many, {'x' * 120}{i}) {{ EXPECT_EQ(f({i}), {i}); }}\n" for i in range(700)
    )
    made = asked("many", "int f(int n)", tests, "int f(int n) { return n; }\n")
    crashes = "int f(int n) { if (n == 0) __builtin_trap(); return n; }\n"
    (gold,) = Scorer(backend, FLOORS).score([Work(made, None, 0, made.gold)])
    assert (gold.status, gold.tier) == ("passed", "A")
    for tier in "AB":
        reference = replace(reference_of(gold, FLOORS), tier=tier)
        (verdict,) = Scorer(backend, FLOORS).score([Work(made, reference, 0, crashes)])
        assert (verdict.status, verdict.passed, verdict.tier) == ("crashed", 699, tier)


def test_what_a_program_leaves_is_not_kept_by_the_tests_of_the_next(judge: Judge) -> None:
    leaves = """#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>
static int early() { static char b[1 << 20]; std::memset(b, 1, sizeof b); int d = open("/tmp/junk", O_CREAT | O_WRONLY, 0600);
  for (int i = 0; i < 60; ++i) if (write(d, b, sizeof b) < 0) break; return 0; }
int done = early();
int add(int a, int b) { return a + b; }
"""
    before = psutil.virtual_memory().shared
    for number in range(4):
        tests = f"{ADD['googletest, lifted'].tests}// {number}\n"
        made = replace(ADD["googletest, lifted"], question_id=f"leaves-{number}", tests=tests)
        (verdict,) = judge(made, [leaves])
        assert (verdict.status, verdict.tier) == ("passed", "A")
    # all in one wall, which has gone by now or holds the tests of the last
    assert psutil.virtual_memory().shared - before < 100 << 20


def test_what_a_test_breaks_with_a_value_is_a_crash_of_that_test(judge: Judge) -> None:
    tests = (
        "TEST(F, A) { EXPECT_EQ(f(0).size(), 0u); }\n"
        "TEST(F, B) { EXPECT_EQ(f(1).empty() ? *(volatile int*)8 : 1, 1); }\n"
        "TEST(F, C) { EXPECT_EQ(f(2).size(), 2u); }\n"
    )
    gold = "std::vector<int> f(int n) { return std::vector<int>(n, 1); }\n"
    made = asked("breaks", "std::vector<int> f(int n)", tests, gold)
    (verdict,) = judge(made, [gold.replace("(n, 1)", "(n == 1 ? 0 : n, 1)")])
    assert verdict.tier == "A"
    assert statuses(verdict) == ["passed", "crashed", "passed"]
