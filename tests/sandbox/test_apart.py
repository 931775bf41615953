"""GoogleTest programs built apart from their tests get the verdicts of the original layout."""

from __future__ import annotations

from dataclasses import replace

import pytest

from codemix_core.scoring import kept
from tests.sandbox.addition import ADD as ALL
from tests.sandbox.addition import statuses
from tests.sandbox.conftest import Judge

ADD = ALL["googletest"]
GOLD = ADD.gold
TRAPS = {
    "a header it forgot": ("int add(int a, int b) { return std::accumulate(&a, &a + 1, b); }", "compile_error"),
    "a header of GoogleTest's": ("int add(int a, int b) { std::vector<int> v{a}; std::ostringstream s; return v[0] + b; }", "passed"),
    "another result type": ("long add(int a, int b) { return a + b; }", "passed"),
    "another parameter type": ("int add(long a, long b) { return a + b; }", "passed"),
    "a better overload": ("int add(int a, int b) { return a + b; }\nint add(int&& a, int&& b) { return 0; }", "compile_error"),
    "a template": ("template <class T> T add(T a, T b) { return a + b; }", "passed"),
    "a static function": ("static int add(int a, int b) { return a + b; }", "passed"),
    "no exceptions": ("int add(int a, int b) noexcept { return a + b; }", "passed"),
    "a default argument": ("int add(int a, int b = 1) { return a + b; }", "passed"),
    "a constant expression": ("constexpr int add(int a, int b) { return a + b; }", "passed"),
    "declared, not defined": ("int add(int a, int b);", "compile_error"),
    "a variable": ("int add = 3;", "compile_error"),
    "a lambda": ("auto add = [](int a, int b) { return a + b; };", "passed"),
    "a struct that is called": ("struct { int operator()(int a, int b) { return a + b; } } add;", "passed"),
    "a class of the tests' name": ("struct Add_Small_Test {};\nint add(int a, int b) { return a + b; }", "compile_error"),
    "its own main": ("int add(int a, int b) { return a + b; }\nint main() { return 0; }", "failed"),
    "used before it is declared": ("int twice(int a) { return add(a, a); }\nint add(int a, int b) { return a + b; }", "compile_error"),
    "another exception specification": ("int add(int a, int b) noexcept(false) { return a + b; }", "passed"),
    "another signature": ("int add(const int& a, const int& b) { return a + b; }", "passed"),
    "inline": ("inline int add(int a, int b) { return a + b; }", "passed"),
    "a brace too few": ("int add(int a, int b) { return a + b;", "compile_error"),
    "a brace of its namespace too few": ("namespace mine { int g() { return 1; }\nint add(int a, int b) { return a + b; }", "compile_error"),
    "a comment without an end": ("int add(int a, int b) { return a + b; }\n/* so", "compile_error"),
    "mathematics without its header": ("int add(int a, int b) { return a + b + std::lround(std::tgamma(1.0)) - 1; }", "compile_error"),
    "mathematics": ("#include <cmath>\nint add(int a, int b) { return a + b + std::lround(std::tgamma(1.0)) - 1; }", "passed"),
    "a header too late": ("inline double g() { return std::tgamma(1.0); }\n#include <cmath>\nint add(int a, int b) { return a + b; }", "compile_error"),
    "a variable of a library's name": ("int daylight = 5;\nint add(int a, int b) { return a + b + daylight - 5; }", "passed"),
    "a function called at the end": ("static void bye() {}\nint add(int a, int b) { std::atexit(bye); std::at_quick_exit(bye); return a + b; }", "passed"),
    "a function of the compiler's": ("int add(int a, int b) { __int128 c = a; c *= 7; volatile long d = 7; return int(c / d) + b; }", "passed"),
    "a variable of each thread": ("#include <thread>\nstruct A { int n = 1; ~A() { n = 0; } };\nthread_local A mine;\nint add(int a, int b) { int c = 0; std::thread([&] { c = a + mine.n; }).join(); return c + b - mine.n; }", "passed"),
    "a name that only old programs may use": ("extern \"C\" int sys_nerr;\nint add(int a, int b) { return a + b + (sys_nerr < 0); }", "compile_error"),
    "a function that is nowhere": ("int nowhere(int);\nint add(int a, int b) { return a == 1 ? nowhere(a) : a + b; }", "compile_error"),
    "a value set before main": ("#include <vector>\nstatic std::vector<int> zeros(3, 0);\nint add(int a, int b) { return a + b + zeros.at(2); }", "passed"),
    "a mistake": ("int add(int a, int b) { return a + c; }", "compile_error"),
    "nothing": ("", "compile_error"),
}  # fmt: skip
REACHES = {
    "a symbol of the framework": 'extern "C" void* _ZN7testing8UnitTest11GetInstanceEv();\nvoid* g = _ZN7testing8UnitTest11GetInstanceEv();',
    "a symbol in two pieces": 'static void* g() __attribute__((weakref("_ZN7tes" "ting8UnitTest11GetInstanceEv")));\nvoid* h = g();',
    "another name for a symbol": 'extern "C" void* g() __attribute__((alias("_ZN7tes" "ting8UnitTest11GetInstanceEv")));\nvoid* h = g();',
    "a symbol looked up": '#include <dlfcn.h>\nvoid* g = dlsym(RTLD_DEFAULT, "_ZN7tes" "ting8UnitTest11GetInstanceEv");',
    "all that is loaded": '#include <link.h>\nint g = dl_iterate_phdr([](dl_phdr_info*, size_t, void*) { return 0; }, nullptr);',
    "the recorder": 'extern "C" bool codemix_watch(int*);\nint inside = 2;\nbool g = codemix_watch(&inside);',
}  # fmt: skip
REPLACES = {
    "memcmp": 'extern "C" int memcmp(const void*, const void*, unsigned long) { return 0; }',
    "strcmp, weak": 'extern "C" __attribute__((weak)) int strcmp(const char*, const char*) { return 0; }',
    "_exit": 'extern "C" void _exit(int) { for (;;) {} }',
    "write": 'extern "C" long write(int, const void*, unsigned long n) { return n; }',
    "by assembly": 'bool same(const char*) __asm__("_ZNKSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEE7compareEPKc");',
    "by pasted assembly": '#define PASTE(a, b) a##b\nextern "C" int memcmp(const void*, const void*, unsigned long) noexcept PASTE(as, m)("f");',
    "by assembly pasted from other signs": '%:define PASTE(a, b) a%:\\\n%:b\nextern "C" int memcmp(const void*, const void*, unsigned long) noexcept PASTE(__as, m__)("f");',
    "by pasted names": "#define PASTE(a, b) a##b\nnamespace PASTE(test, ing) { int g; }",
    "by lines said to be another's": '#define PASTE(a, b) a##b\n# 1 "tests/test.cpp"\nnamespace PASTE(test, ing) { int g; }',
    "a function of std": "namespace std { void terminate() noexcept { for (;;) {} } }",
}


@pytest.mark.parametrize("name", TRAPS)
def test_what_the_two_ways_could_differ_in(name: str, traps: dict[str, str]) -> None:
    assert traps[name] == TRAPS[name][1]


@pytest.fixture(scope="module")
def traps(judge: Judge) -> dict[str, str]:
    verdicts = judge(ADD, (code for code, _ in TRAPS.values()))
    return {name: str(v.status) for name, v in zip(TRAPS, verdicts, strict=True)}


def test_a_program_may_not_replace_or_reach_what_the_tests_lean_on(judge: Judge) -> None:
    table = REPLACES | REACHES
    verdicts = judge(ADD, (f"{code}\n{GOLD}" for code in table.values()))
    shown = {name: str(v.status) for name, v in zip(table, verdicts, strict=True)}
    assert shown == dict.fromkeys(table, "tampered")


def test_tests_compiled_by_an_earlier_run_are_used_again(
    judge: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    store: dict[str, str] = {}
    read: list[str | None] = []

    def give(key: str) -> str | None:
        read.append(store.get(key))
        return read[-1]

    monkeypatch.setattr(kept, "read", give)
    monkeypatch.setattr(kept, "write", store.__setitem__)
    wrong = "int add(int a, int b) { return a - b; }"
    first = [statuses(v) for v in judge(ADD, [GOLD, wrong])]
    (document,) = store.values()
    read.clear()
    assert [statuses(v) for v in judge(ADD, [GOLD, wrong])] == first
    assert set(read) == {document}
    for damaged in ("", "[]", "{}", document[:-40], document.replace("eJ", "eK")):
        store.update(dict.fromkeys(store, damaged))
        assert [statuses(v) for v in judge(ADD, [GOLD, wrong])] == first


def test_tests_that_need_what_the_program_includes_are_compiled_with_it(judge: Judge) -> None:
    tests = ADD.tests.replace("add(1, 2), 3", "std::gcd(add(1, 2), 3), 3")
    asked = replace(ADD, tests=tests, gold=f"#include <numeric>\n{GOLD}")
    codes = [asked.gold, f"#include <string>\n#include <numeric>\n{GOLD}", GOLD]
    assert [str(v.status) for v in judge(asked, codes)] == ["passed", "passed", "compile_error"]
