"""Programs whose tests are in another process: what they try there gives them nothing."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest

from codemix_core.scoring.backends.base import Backend
from codemix_core.scoring.engine import Scorer
from codemix_core.scoring.program import Work
from codemix_core.scoring.selfcheck import reference_of
from tests.sandbox.addition import ADD, FLOORS, question
from tests.sandbox.conftest import Judge
from tests.sandbox.test_adversarial_cpp import LIFTED

STACK = "int mix(int a, int b) { volatile int here = 0; int* p = (int*)&here; return p[NUMBER]; }"


def test_expected_values_are_nowhere_in_the_program_s_process(judge: Judge) -> None:
    codes = [STACK.replace("NUMBER", str(n)) for n in range(2, 60)]
    verdicts = judge(LIFTED, codes)
    assert {verdict.tier for verdict in verdicts} == {"A"}
    exact = ("Mix.Number", "Mix.Again", "Mix.Truth")
    passed = [t.name for v in verdicts for t in v.tests if t.status == "passed" and t.name in exact]
    assert passed == []


READS = """#define FORM FORMS
#include <cstdio>
#include <cstring>
#include <string>
static std::string slurp(const char* path) {
  std::string text; char part[4096]; size_t count;
  if (FILE* file = fopen(path, "rb")) { while ((count = fread(part, 1, 4096, file)) > 0) text.append(part, count); fclose(file); }
  return text;
}
int mix(int a, int b) {  // the constant that stands near a call with these two
  static const std::string all = slurp("/tmp/tests.so") + slurp("/tmp/program.so");
  for (size_t i = 0; i + 64 < all.size(); ++i) {
    const char* p = all.data() + i;
    int x, y, v;
    std::memcpy(&y, p + 1, 4);
    std::memcpy(&x, p + 6, 4);
    if (p[0] != '\\xbe' || p[5] != '\\xbf' || x != a || y != b) continue;
    for (int k = 10; k < 60; ++k) {
      std::memcpy(&v, p + k + (p[k] == '\\xc7' ? 3 : 1), 4);
      if ((p[k] == '\\xc7' || p[k] == '\\x3d') && v > 3000) return v;
    }
  }
  return 3000 * a + b;
}
"""


@pytest.mark.parametrize("form", ["odd", "usual"])
def test_no_form_of_a_program_is_judged_where_its_tests_are(form: str, judge: Judge) -> None:
    code = READS.replace("FORMS", "1") if form == "odd" else READS.partition("\n")[2]
    (verdict,) = judge(LIFTED, [code])
    assert verdict.tier == "A"
    assert {t.name for t in verdict.tests if t.status == "passed"} <= {"Mix.Order"}


SPEAKS = """
#include <sys/socket.h>
#include <unistd.h>
#include <string>
static const unsigned char kSaid[] = {DATA};
int add(int a, int b) {
  std::string said(reinterpret_cast<const char*>(kSaid), sizeof kSaid);
  if (a == TURN) { send(4, said.data(), said.size(), 0); if (END) _exit(0); }
  return a * 1000 + b;
}
"""


def _nonsense(seed: int) -> str:
    rng = random.Random(seed)
    size = rng.choice([0, 1, 5, 9, 4, 1 << 20, (1 << 26) - 1, 1 << 40, (1 << 64) - 1])
    kinds = [b"v", b"e", b"v" + rng.randbytes(3), b"v" + rng.randbytes(4)]
    kinds += [rng.randbytes(rng.randrange(40)), b"e" + rng.randbytes(9)]
    body = rng.choice(kinds)
    data = size.to_bytes(8, "little") + body if rng.random() < 0.8 else body
    text = ", ".join(map(str, data)) or "0"
    fields = {"DATA": text, "TURN": str(rng.choice([1, 5])), "END": str(rng.randrange(2))}
    code = SPEAKS
    for name, value in fields.items():
        code = code.replace(name, value)
    return f"{code}// {seed}\n"


def test_nonsense_from_a_program_passes_nothing_and_breaks_nothing(judge: Judge) -> None:
    lifted = ADD["googletest, lifted"]
    *found, after = judge(lifted, [*map(_nonsense, range(30)), f"{lifted.gold}// after\n"])
    wrong = [(v.status, v.tests) for v in found if v.passed or v.status == "infra_error"]
    assert wrong == []
    assert (after.status, after.tier) == ("passed", "A")


def test_a_later_answer_given_too_early_is_the_answer_to_nothing(backend: Backend) -> None:
    """An answer for a call that was not made yet does not pass for it."""
    lifted = ADD["googletest, lifted"]
    early = (
        "#include <sys/socket.h>\nint add(int a, int b) { if (a == 1) { long n = 5; send(4, &n, 8, 0);"
        " send(4, \"v\", 1, 0); int x = 3; send(4, &x, 4, 0); } return a + b; }"
    )  # fmt: skip
    works = [Work(lifted, None, 0, lifted.gold)]
    (gold,) = Scorer(backend, FLOORS).score(works)
    (verdict,) = Scorer(backend, FLOORS).score([Work(lifted, reference_of(gold, FLOORS), 0, early)])
    assert verdict.tier == "A"
    assert verdict.status != "passed"


NEEDS = """#include <gtest/gtest.h>
#include "../solution/solution.cpp"
TEST(Sum, All) {
  std::vector<int> all(4);
  std::iota(all.begin(), all.end(), 1);
  EXPECT_EQ(total(all), std::accumulate(all.begin(), all.end(), 0));
}
TEST(Sum, None) { EXPECT_EQ(total({}), 0); }
"""
TOTAL = """
#include <vector>
int total(std::vector<int> all) {
  int sum = 0;
  for (int x : all) sum += x;
  return sum;
}
"""


def test_no_name_of_a_header_brings_a_program_to_its_tests(
    judge: Judge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the tests need a header of the program's, it may be named so that none can tell."""
    made = question("googletest", NEEDS, f"#include <numeric>{TOTAL}", "total")
    made = replace(made, signature="int total(std::vector<int> all)")
    ways = {
        "as usual": "#include <numeric>",
        "another": "#include <bits/stdc++.h>",
        "as a file of ours": '#include "numeric"',
        "by a macro": "#define WHERE <numeric>\n#include WHERE",
        "by half": "#include <algorithm>",
        "not": "",
    }
    codes = [f"{line}{TOTAL}// {name}\n" for name, line in ways.items()]
    for cached in (True, False):  # without, nothing is known of what the gold solution had
        if not cached:
            monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
        found = judge(made, [f"{code}// {cached}\n" for code in reversed(codes)])[::-1]
        assert {v.tier for v in found} == {"A"}
        statuses = dict(zip(ways, (str(v.status) for v in found), strict=True))
        assert statuses == dict.fromkeys(ways, "passed") | {
            "by half": "compile_error",
            "not": "compile_error",
        }


LIKE_PLAIN = {
    # name: (what stands before or instead of the program, what a plain build says)
    "a header in a comment": (f"/*\n#include <numeric>\n*/{TOTAL}", "compile_error"),
    "a header that is left out": (f"#if 0\n#include <numeric>\n#endif{TOTAL}", "compile_error"),
    "a header in a text": (f'auto s = R"(\n#include <numeric>\n)";{TOTAL}', "compile_error"),
    "its own queue": (
        "#define H <numeric>\n#include H\n#include <vector>\nusing namespace std;\n"
        "struct queue {};\nstatic queue waiting;\n"
        "int total(vector<int> v) { return accumulate(v.begin(), v.end(), 0); }",
        "passed",
    ),
    "a reference that no value binds to": (
        "#include <numeric>" + TOTAL.replace("int> all", "int>& all"),
        "compile_error",
    ),
    "a constant reference": (
        "#include <numeric>" + TOTAL.replace("std::vector<int> all", "const std::vector<int>& all"),
        "passed",
    ),
    "another number": (
        "#include <numeric>"
        + TOTAL.replace("int total", "double total").replace("sum;", "sum + .5;"),
        "crashed",
    ),
    "a wider number": (
        "#include <numeric>" + TOTAL.replace("int total", "long long total"),
        "passed",
    ),
    "a main that is left out": (
        f"#include <numeric>{TOTAL}#ifdef LOCAL\nint main() {{ return total({{}}); }}\n#endif\n",
        "passed",
    ),
    "a main of a namespace": (
        f"#include <numeric>{TOTAL}namespace mine {{ int main() {{ return 0; }} }}\n",
        "passed",
    ),
    "a main by a macro": (
        f"#include <numeric>{TOTAL}#define M main\nint M() {{ return 0; }}\n",
        "failed",
    ),
}


def test_what_a_plain_build_forgives_and_nothing_else(
    judge: Judge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = question("googletest", NEEDS, f"#include <numeric>{TOTAL}", "total")
    made = replace(made, signature="int total(std::vector<int> all)")
    for turn in ("kept", "lost"):
        if turn == "lost":
            monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
        poison = f"#define F 1\n#include <numeric>\n#include <nope.h>{TOTAL}"
        codes = [poison, *(code for code, _ in LIKE_PLAIN.values())]
        found = judge(made, [f"{code}// {turn}\n" for code in codes])[1:]
        assert {v.tier for v in found} == {"A"}
        statuses = dict(zip(LIKE_PLAIN, (str(v.status) for v in found), strict=True))
        assert statuses == {name: status for name, (_, status) in LIKE_PLAIN.items()}
