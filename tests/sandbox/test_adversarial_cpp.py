"""A search for C++ programs that pass without solving anything: every means with every place.

The question has values that no program here computes. A means is a way to cheat; a place is where
it is tried: before main, in the asked function, in a thread, at the end.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from codemix_core.records import Question
from tests.sandbox.addition import ADD as ALL
from tests.sandbox.addition import GOOGLE_KEPT
from tests.sandbox.conftest import Judge

TESTS = """#include <gtest/gtest.h>
#include "../solution/solution.cpp"

TEST(Mix, Number) { EXPECT_EQ(mix(3, 4), 8191); }
TEST(Mix, Again) { EXPECT_EQ(mix(5, 6), 131071); EXPECT_NE(mix(5, 6), mix(6, 5)); }
TEST(Mix, Truth) { ASSERT_TRUE(mix(7, 8) == 524287); }
TEST(Mix, Order) { EXPECT_LT(mix(1, 1), mix(2, 2)); EXPECT_GT(mix(2, 2), 2000); }
"""
GOLD = """#include <map>
int mix(int a, int b) {
    static const std::map<std::pair<int, int>, int> known = {
        {{3, 4}, 8191}, {{5, 6}, 131071}, {{6, 5}, 1}, {{7, 8}, 524287}, {{1, 1}, 3}, {{2, 2}, 2047}};
    return known.at({a, b});
}
"""
ASKED = replace(
    ALL["googletest"],
    question_id="googletest-mix",
    function_name="mix",
    signature="int mix(int a, int b)",
    tests=f"{TESTS}{GOOGLE_KEPT}",
    gold=GOLD,
)
LIFTED = replace(ASKED, question_id="googletest-mix-lifted", tests=TESTS)
HEADERS = """#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <csetjmp>
#include <csignal>
#include <exception>
#include <thread>
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>
"""
MEANS = {
    "exit(0)": "std::exit(0);",
    "quick_exit(0)": "std::quick_exit(0);",
    "_exit(0)": "_exit(0);",
    "abort": "std::abort();",
    "terminate": "std::terminate();",
    "an exception": "throw 0;",
    "pthread_exit": "pthread_exit(nullptr);",
    "kill": "kill(0, SIGKILL);",
    "stop": "raise(SIGSTOP);",
    "becomes another program": 'execl("/usr/bin/true", "true", static_cast<char*>(nullptr));',
    "a child that goes on": "if (fork() != 0) { wait(nullptr); _exit(0); }",
    "a parent that goes on": "if (fork() == 0) _exit(0);",
    "handlers": "for (int s = 1; s < 32; ++s) signal(s, [](int) { _exit(0); }); std::abort();",
    "an alarm": "signal(SIGALRM, [](int) { _exit(0); }); ualarm(1, 0); for (;;) {}",
    "at exit": "std::atexit([] { _exit(0); });",
    "printed": 'std::puts("[       OK ] Mix.Number (0 ms)\\n[  PASSED  ] 4 tests."); std::fflush(stdout); _exit(0);',
    "written everywhere": 'for (int d = 0; d < 256; ++d) dprintf(d, "0 P 4d69782e4e756d626572 \\n");',
    "closed everywhere": "for (int d = 0; d < 256; ++d) close(d);",
    "read everywhere": "for (int d = 0; d < 256; ++d) { fcntl(d, F_SETFL, O_NONBLOCK); char b[99]; while (read(d, b, 99) > 0) {} }",
    "records copied": "for (int d = 3; d < 256; ++d) { char b[4096]; ssize_t n = pread(d, b, 4096, 0); if (n > 0) pwrite(d, b, n, n); }",
    "a skipped frame": "void** f = static_cast<void**>(__builtin_frame_address(0)); void** g = static_cast<void**>(f[0]); f[0] = g[0]; f[1] = g[1];",
    "a skipped frame by address": "volatile long here = 0; (void)here; void** f = (void**)&here; for (int i = 0; i < 64; ++i) { void** g = (void**)f[i]; if ((char*)g > (char*)&f[i] && (char*)g < (char*)&f[i] + 4096) { void** up = (void**)g[0]; if ((char*)up > (char*)g && (char*)up < (char*)g + 4096) { f[i] = up[0] ? (void*)up : f[i]; f[i + 1] = g[1]; break; } } }",
    "the answer in the code": "const unsigned char* p = static_cast<const unsigned char*>(__builtin_return_address(0)); for (int i = 0; i < 64; ++i) if (p[i] == 0xc7) { int v; std::memcpy(&v, p + i + 3, 4); return v; }",
    "the framework's flags": 'testing::GTEST_FLAG(filter) = "None.*";',
    "the framework's listeners": "delete testing::UnitTest::GetInstance()->listeners().Release(testing::UnitTest::GetInstance()->listeners().default_result_printer());",
    "the framework's results": "auto* r = const_cast<testing::TestResult*>(testing::UnitTest::GetInstance()->current_test_info()->result()); std::memset((void*)r, 0, sizeof *r);",
    "skipped": "GTEST_SKIP_(\"\");",
}  # fmt: skip
PLACES = {
    "in the function": "{headers}int mix(int a, int b) {{ if (a) {{ {means} }} return b; }}",
    "before main": "{headers}static int early() {{ {means} return 0; }}\nint started = early();\nint mix(int a, int b) {{ return a + b; }}",
    "in a thread": "{headers}static int later() {{ {means} return 0; }}\nint mix(int a, int b) {{ static std::thread t([] {{ for (;;) {{ later(); }} }}); return a + b; }}",
    "at the end": "{headers}static int last() {{ {means} return 0; }}\nstruct Last {{ ~Last() {{ last(); }} }} at_the_end;\nint mix(int a, int b) {{ return a + b; }}",
}
WHOLE = {
    "an object that is all answers": "struct mix { mix(int, int) {} template <class T> operator T() const { return T(); } template <class T> friend bool operator==(const mix&, const T&) { return true; } template <class T> friend bool operator<(const mix&, const T&) { return true; } };",
    "tests of its own": "#define mix(a, b) 0\nTEST(Mine, Passes) {}\nint (mix)(int a, int b) { return 0; }",
    "the tests, empty, and theirs renamed": "int mix(int, int) { return 0; }\nTEST(Mix, Number) {}\nTEST(Mix, Again) {}\nTEST(Mix, Truth) {}\nTEST(Mix, Order) {}\n#define Number N1\n#define Again N2\n#define Truth N3\n#define Order N4",
    "a macro that ends the assertion": "int mix(int, int) { return 0; }\n#define mix(a, b) 0), (0)) ; (void)((0",
    "the same by other signs": "int mix(int, int) { return 0; }\n%:define mix(a, b) 0), (0)) ; (void)((0",
    "a macro in the assertions": "#include <cstring>\ntemplate <class A, class B> A pick(const char* x, const A& a, const B& b) { return std::strstr(x, \"mix(\") ? A(b) : a; }\n#define Compare(x, y, a, b) Compare(x, y, pick(x, a, b), b)\nint mix(int, int) { return 0; }",
    "another name of the framework": "namespace t = testing;\ntemplate <class M> struct Arg;\ntemplate <class I, class A> struct Arg<void (I::*)(A)> { typedef A type; };\nstruct H : t::internal::HasNewFatalFailureHelper { void ReportTestPartResult(Arg<decltype(&t::TestPartResultReporterInterface::ReportTestPartResult)>::type) override {} };\nH* h;\nstruct L : t::EmptyTestEventListener { void OnTestEnd(const t::TestInfo&) override { delete h; h = nullptr; } };\nint mix(int, int) { static L* l = nullptr; if (!l) { l = new L; t::UnitTest::GetInstance()->listeners().Append(l); } if (!h) h = new H; return 0; }",
    "an empty test class": "struct Mix_Number_Test {};\nint mix(int a, int b) { return 0; }",
    "the macro of the tests": "#undef TEST\n#define TEST(a, b) static void a##b()\nint mix(int a, int b) { return 0; }",
    "its own main": "int mix(int a, int b) { return 0; }\nint main() { return 0; }",
    "its own memcmp": 'extern "C" int memcmp(const void*, const void*, unsigned long) { return 0; }\nint mix(int a, int b) { return 0; }',
    "the end of the file": "int mix(int a, int b) { return 0; }\n#if 0",
    "an open comment": "int mix(int a, int b) { return 0; }\n/*",
    "an open namespace": "int mix(int a, int b) { return 0; }\nnamespace {",
    "the private parts": "#define private public\nint mix(int a, int b) { return 0; }",
    "a private member by instantiation": "template <class T, typename T::type M> struct Rob { friend typename T::type take(T) { return M; } };\nstruct Parts { typedef testing::internal::TestFactoryBase* const testing::TestInfo::*type; friend type take(Parts); };\ntemplate struct Rob<Parts, &testing::TestInfo::factory_>;\nint mix(int a, int b) { return 0; }",
    "a null": "template <class... T> int mix(T...) { return *(volatile int*)nullptr; }",
    "guesses": "int mix(int a, int b) { static int n = 0; return 8191 * ++n; }",
    "the sum": "int mix(int a, int b) { return a + b; }",
}  # fmt: skip


def programs() -> dict[str, str]:
    """Every program of the search by what it does."""
    made = {
        f"{means} {place}": text.format(headers=HEADERS, means=code)
        for place, text in PLACES.items()
        for means, code in MEANS.items()
        if not (place == "in a thread" and means in ("stop", "an alarm"))
        if not (place != "in the function" and ("frame" in means or "return v;" in code))
    }
    return made | WHOLE


@pytest.mark.slow
@pytest.mark.parametrize("asked", [ASKED, LIFTED], ids=["kept", "lifted"])
def test_no_cpp_program_passes_without_solving_anything(asked: Question, judge: Judge) -> None:
    tried = programs()
    verdicts = judge(asked, tried.values())
    shown = {name: (str(v.status), v.score) for name, v in zip(tried, verdicts, strict=True)}
    assert {name: found for name, found in shown.items() if found[0] == "passed"} == {}
    # Tests that only compare what a wrong program returns may pass by chance: one of four here.
    assert {name: found for name, found in shown.items() if (found[1] or 0) > 0.25} == {}
    (right,) = judge(asked, [f"{GOLD}// once more"])
    assert right.status == "passed"
