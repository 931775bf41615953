"""Programs that try to pass without solving anything, by every basic means."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from codemix_core.records import Verdict
from tests.sandbox.addition import CPP_FRAMEWORKS, statuses

Table = Callable[[str, Mapping[str, str]], dict[str, Verdict]]

PYTHON = {
    "sys.exit at the start": "import sys\nsys.exit(0)",
    "os._exit at the start": "import os\nos._exit(0)",
    "raise SystemExit at the start": "raise SystemExit(0)",
    "sys.exit in the function": "import sys\ndef add(a, b):\n    sys.exit(0)",
    "os._exit in the function": "import os\ndef add(a, b):\n    os._exit(0)",
    "quits by signal": "import os\ndef add(a, b):\n    os.kill(os.getpid(), 15)",
    "exits at exit": "import atexit, os\natexit.register(lambda: os._exit(0))\n"
    "def add(a, b):\n    return 0",
    "prints what a runner prints": "print('5 passed in 0.01s')\ndef add(a, b):\n    return 0",
    "writes to every descriptor": "import os\n"
    "for fd in range(300):\n"
    "    for line in (b'v3\\n', b'x P 61 \\n', b'{\"status\": \"passed\"}\\n'):\n"
    "        try:\n            os.write(fd, line)\n"
    "        except OSError:\n            pass\n"
    "def add(a, b):\n    return 0",
    "equals everything": "class E:\n"
    "    def __eq__(self, other): return True\n"
    "    def __ne__(self, other): return False\n"
    "    def __hash__(self): return 0\n"
    "    def __bool__(self): return True\n"
    "    def __len__(self): return 1\n"
    "def add(a, b):\n    return E()",
    "int that equals everything": "class E(int):\n"
    "    def __eq__(self, other): return True\n"
    "    __hash__ = int.__hash__\n"
    "def add(a, b):\n    return E(0)",
    "str that equals everything": "class E(str):\n"
    "    def __eq__(self, other): return True\n"
    "    __hash__ = str.__hash__\n"
    "def add(a, b):\n    return E('')",
    "float that equals everything": "class E(float):\n"
    "    def __eq__(self, other): return True\n"
    "    __hash__ = float.__hash__\n"
    "def add(a, b):\n    return E(0)",
    "never differs": "class E:\n"
    "    def __eq__(self, other): return not self != other\n"
    "    def __ne__(self, other): return False\n"
    "    __hash__ = object.__hash__\n"
    "def add(a, b):\n    return E()",
    "skips by unittest": "import unittest\ndef add(a, b):\n    raise unittest.SkipTest('no')",
    "patches json": "import json\njson.dumps = lambda *a, **k: '999'\n"
    "json.loads = lambda *a, **k: [0, 0]\ndef add(a, b):\n    return 0",
    "patches builtins": "import builtins\nbuiltins.AssertionError = KeyError\n"
    "builtins.set = lambda *a: 0\nbuiltins.type = lambda *a: int\ndef add(a, b):\n    return 0",
    "empty": "",
    "comment only": "# add\n",
    "syntax error": "def add(a, b: return",
    "NUL bytes": "def add(a, b):\n    return 0\0",
    "another function": "def plus(a, b):\n    return a + b",
}

ANY = "class E:\n    def __eq__(self, other): return True\n    __hash__ = object.__hash__\n"
PYTEST_EQUAL = {
    "a class that equals everything": ANY.replace("class E:", "class add:")
    + "    def __init__(self, a, b): pass",
    "a class without __init__": "class add(tuple):\n    def __new__(cls, a, b): return super().__new__(cls)\n"
    "    def __eq__(self, other): return True\n    __hash__ = tuple.__hash__",
    "a cached function": f"import functools\n{ANY}@functools.lru_cache\ndef add(a, b):\n    return E()",
    "a callable object": f"{ANY}class C:\n    def __call__(self, a, b): return E()\nadd = C()",
    "a partial function": f"import functools\n{ANY}add = functools.partial(lambda a, b: E())",
    "equals what looks short": ANY.replace("True", "len(repr(other)) < 8")
    + "def add(a, b):\n    return E()",
    "equals a few values": ANY.replace("True", "other in (3, 1, 10, 'ab', 13)")
    + "def add(a, b):\n    return E()",
    "takes the probe away": f"{ANY}class add:\n    def __new__(cls, a, b):\n"
    "        import _pytest.assertion.rewrite as r\n"
    "        r._check_if_assertion_pass_impl = lambda: False\n        return E()",
}

PYTEST_ONLY = {
    "pytest.skip in the function": "import pytest\ndef add(a, b):\n    pytest.skip('no')",
    "pytest.skip at the start": "import pytest\npytest.skip('no', allow_module_level=True)",
    "pytest.exit in the function": "import pytest\n"
    "def add(a, b):\n    pytest.exit('done', returncode=0)",
    "pytest.exit at the start": "import pytest\npytest.exit('done', returncode=0)",
    "pytest.xfail": "import pytest\ndef add(a, b):\n    pytest.xfail('no')",
    "patches TestReport": "import _pytest.reports\n"
    "_pytest.reports.TestReport.outcome = property(lambda s: 'passed', lambda s, v: None)\n"
    "def add(a, b):\n    return 0",
    "patches CallInfo": "from _pytest.runner import CallInfo\n"
    "CallInfo.from_call = classmethod(\n"
    "    lambda cls, func, when, reraise=None:"
    " CallInfo(None, None, 0, 0, 0, when, _ispytest=True))\n"
    "def add(a, b):\n    return 0",
    "replaces the tests": "import sys\ndef add(a, b):\n    return 0\n"
    "def fake():\n    pass\n"
    "frame = sys._getframe()\n"
    "while frame:\n"
    "    for name in [n for n in frame.f_globals if n.startswith('test_')]:\n"
    "        frame.f_globals[name] = fake\n"
    "    frame = frame.f_back\n",
}

CPP = {
    "exit in the function": "#include <cstdlib>\nint add(int, int) { exit(0); }",
    "_exit in the function": "#include <unistd.h>\nint add(int, int) { _exit(0); }",
    "quick_exit in the function": "#include <cstdlib>\nint add(int, int) { std::quick_exit(0); }",
    "exits before main": "#include <unistd.h>\n__attribute__((constructor)) void f() { _exit(0); }\n"
    "int add(int, int) { return 0; }",
    "prints what GoogleTest prints": "#include <cstdio>\n"
    'int add(int, int) { puts("[       OK ] Add.Small (0 ms)\\n[  PASSED  ] 5 tests.");'
    " return 0; }",
    "own main": "#include <cstdio>\nint add(int, int) { return 0; }\n"
    'int main() { puts("[  PASSED  ] 5 tests."); }',
    "writes to every descriptor": "#include <unistd.h>\n"
    'int add(int, int) { for (int i = 3; i < 300; ++i) write(i, "x P 61 61\\n", 10);'
    " return 0; }",
    "defines EXPECT_EQ away": "#undef EXPECT_EQ\n#define EXPECT_EQ(a, b) (void)(a)\n"
    "#undef EXPECT_NEAR\n#define EXPECT_NEAR(a, b, c) (void)(a)\n"
    "int add(int, int) { return 0; }",
    "defines ASSERT_TRUE away": "#undef ASSERT_TRUE\n#define ASSERT_TRUE(a) (void)(a)\n"
    "int add(int, int) { return 0; }",
    "defines TEST away": "#undef TEST\n#define TEST(a, b) void a##b()\n"
    "int add(int, int) { return 0; }",
    "skips": "int add(int, int) { []() { GTEST_SKIP(); }(); return 0; }",
    "changes the filter": "int add(int, int) { return 0; }\n"
    'static int f = (testing::GTEST_FLAG(filter) = "None.None", 0);',
    "empty": "",
    "comment only": "// add\n",
    "binary": "\x01\x02\ufffd\x7f",
}


@pytest.fixture(scope="module")
def in_cases(judge_table: Table) -> dict[str, Verdict]:
    return judge_table("cases", PYTHON)


@pytest.fixture(scope="module")
def in_pytest(judge_table: Table) -> dict[str, Verdict]:
    return judge_table("pytest", PYTHON | PYTEST_ONLY)


@pytest.fixture(scope="module")
def in_lifted(judge_table: Table) -> dict[str, Verdict]:
    return judge_table("lifted", PYTHON | PYTEST_ONLY | PYTEST_EQUAL)


LEAVING_PYTHON = "import os, _pytest.python as p\ndef add(a, b):\n    return 0\n"
LEAVING = {
    "os._exit(0)": "os._exit(0)",
    "os._exit(3)": "os._exit(3)",
    "os.abort()": "os.abort()",
    "time.sleep(99)": "__import__('time').sleep(99)",
    "pytest.exit()": "__import__('pytest').exit('done', returncode=0)",
}
KNOWN_CANARIES = """#include <string>
#undef EXPECT_EQ
#define EXPECT_EQ(a, b) EXPECT_TRUE(!(std::string(#a) == "1" && std::string(#b) == "2"))
#undef ASSERT_TRUE
#define ASSERT_TRUE(a) EXPECT_TRUE(std::string(#a) != "false")
#undef EXPECT_NEAR
#define EXPECT_NEAR(a, b, c) EXPECT_TRUE(std::string(#a) != "0.0")
int add(int, int) { return 0; }
"""
LISTENER = """#include <cstdlib>
#include <cstring>
#include <unistd.h>
#undef EXPECT_EQ
#define EXPECT_EQ(a, b) (void)(a)
#undef EXPECT_NEAR
#define EXPECT_NEAR(a, b, c) (void)(a)
#undef ASSERT_TRUE
#define ASSERT_TRUE(a) (void)(a)
int add(int, int) { return 0; }
struct L : testing::EmptyTestEventListener {
  void OnTestStart(const testing::TestInfo& info) override {
    if (strcmp(info.test_suite_name(), "Add")) LEAVE;
  }
};
static int init = [] { testing::UnitTest::GetInstance()->listeners().Append(new L); return 0; }();
"""


def test_redefining_a_macro_of_the_tests_is_tampering_though_the_source_is_right(
    judge_table: Table,
) -> None:
    right = "int add(int a, int b) { return a + b; }\n"
    codes = {
        "used": f"#undef EXPECT_EQ\n# define EXPECT_EQ(a, b) ASSERT_EQ(a, b)\n{right}",
        "not used": f"#define EXPECT_SMALL(x) ((x) < 9)\n#define TESTING 1\n{right}",
    }
    verdicts = judge_table("googletest", codes)
    assert verdicts["used"].status == "tampered"
    assert "EXPECT_EQ" in verdicts["used"].message
    assert verdicts["not used"].status == "passed"


@pytest.fixture(scope="module")
def leaving(judge_table: Table) -> dict[str, Verdict]:
    names = "test_small test_negative test_five test_text test_last"
    patch = f"p.Function.runtest = lambda self: {{}} if self.name not in '{names}' else None"
    codes = {name: LEAVING_PYTHON + patch.format(call) for name, call in LEAVING.items()}
    compiled = {f"C++ {c}": LISTENER.replace("LEAVE", c) for c in ("_exit(0)", "abort()")}
    compiled["C++ that fails where 1 is compared with 2"] = KNOWN_CANARIES
    return judge_table("pytest", codes) | judge_table("googletest", compiled)


def test_tests_that_must_fail_cannot_be_told_by_what_they_compare(
    leaving: dict[str, Verdict],
) -> None:
    verdict = leaving["C++ that fails where 1 is compared with 2"]
    assert_not_passed(verdict)
    assert verdict.status == "tampered"


@pytest.mark.parametrize("name", [*LEAVING, "C++ _exit(0)", "C++ abort()"])
def test_leaving_when_only_must_fail_tests_are_left_is_tampering(
    name: str, leaving: dict[str, Verdict]
) -> None:
    assert_not_passed(leaving[name])
    assert leaving[name].status == "tampered"


def test_leaving_by_an_environment_of_its_own_is_tampering(judge_table: Table) -> None:
    code = """#include <unistd.h>
int add(int a, int b) { return a + b; }
struct E : testing::Environment { void TearDown() override { _exit(CODE); } };
static auto* e = testing::AddGlobalTestEnvironment(new E);
"""
    codes = {number: code.replace("CODE", number) for number in ("0", "3")}
    for verdict in judge_table("googletest", codes).values():
        assert_not_passed(verdict)
        assert verdict.status == "tampered"


@pytest.fixture(scope="module")
def agreeing(judge_table: Table) -> dict[str, Verdict]:
    return judge_table("pytest", PYTEST_EQUAL)


@pytest.fixture(scope="module")
def in_googletest(judge_table: Table) -> dict[str, Verdict]:
    return judge_table("googletest", CPP)


def test_no_cpp_program_forges_a_test_of_another_process(judge_table: Table) -> None:
    verdicts = judge_table("googletest, lifted", CPP)
    for verdict in verdicts.values():
        assert_not_passed(verdict)
    assert "A" in {verdict.tier for verdict in verdicts.values()}


@pytest.mark.parametrize("name", PYTEST_EQUAL)
def test_values_that_agree_are_called_tampered_wherever_they_come_from(
    name: str, agreeing: dict[str, Verdict]
) -> None:
    assert_not_passed(agreeing[name])
    assert agreeing[name].status == "tampered"


def assert_not_passed(verdict: Verdict) -> None:
    assert verdict.status not in ("passed", "infra_error"), verdict
    assert verdict.passed == 0, statuses(verdict)
    assert verdict.score == 0


@pytest.mark.parametrize("name", PYTHON)
def test_forgery_passes_nothing_in_cases(name: str, in_cases: dict[str, Verdict]) -> None:
    assert_not_passed(in_cases[name])


@pytest.mark.parametrize("name", PYTHON | PYTEST_ONLY)
def test_forgery_passes_nothing_in_pytest(name: str, in_pytest: dict[str, Verdict]) -> None:
    assert_not_passed(in_pytest[name])


@pytest.mark.parametrize("name", PYTHON | PYTEST_ONLY | PYTEST_EQUAL)
def test_forgery_passes_nothing_in_lifted_tests(name: str, in_lifted: dict[str, Verdict]) -> None:
    assert_not_passed(in_lifted[name])


@pytest.mark.parametrize("name", CPP)
def test_forgery_passes_nothing_in_googletest(name: str, in_googletest: dict[str, Verdict]) -> None:
    assert_not_passed(in_googletest[name])


@pytest.mark.parametrize(
    "name", ["equals everything", "int that equals everything", "writes to every descriptor"]
)
def test_what_shows_in_the_process_itself_is_called_tampered(
    name: str, in_pytest: dict[str, Verdict]
) -> None:
    assert in_pytest[name].status == "tampered"


@pytest.mark.parametrize(
    "name", ["defines EXPECT_EQ away", "defines TEST away", "writes to every descriptor"]
)
def test_switched_off_assertions_are_called_tampered(
    name: str, in_googletest: dict[str, Verdict]
) -> None:
    assert in_googletest[name].status == "tampered"


def test_source_that_does_not_compile_is_a_compile_error(
    in_cases: dict[str, Verdict],
    in_pytest: dict[str, Verdict],
    in_lifted: dict[str, Verdict],
    in_googletest: dict[str, Verdict],
) -> None:
    found = [table["syntax error"].status for table in (in_cases, in_pytest, in_lifted)]
    found += [table["NUL bytes"].status for table in (in_cases, in_lifted)]
    found += [in_googletest["empty"].status]
    assert set(found) == {"compile_error"}


_LEAVES = "import os\ndef add(a, b):\n    if a == 5: os._exit(0)\n    return a + b"
_LEAVES_CPP = "#include <unistd.h>\nint add(int a, int b) { if (a == 5) _exit(0); return a + b; }"
MIDDLE = {
    "cases": _LEAVES,
    "pytest": _LEAVES,
    "lifted": _LEAVES,
    **dict.fromkeys(CPP_FRAMEWORKS, _LEAVES_CPP),
}


@pytest.mark.parametrize("framework", MIDDLE)
def test_leaving_in_one_test_costs_that_test_alone(framework: str, judge_table: Table) -> None:
    verdict = judge_table(framework, {"": MIDDLE[framework]})[""]
    assert statuses(verdict) == ["passed", "passed", "crashed", "passed", "passed"]
    assert verdict.status == "crashed"
    assert verdict.score == pytest.approx(0.8)
