"""What C++ programs are built with changes nothing but the time it takes."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from codemix_core.questions.starter import starter_questions
from codemix_core.scoring.backends import toolchain
from sandbox import elf, gtest_build
from sandbox.prebuild import COMPILER, FIRST, FIRST_CMATH, FLAGS, GTEST, INSTANCES, LIBRARIES

_FUNCTION = re.compile(
    r"^(?P<name>\w+):\n(?P<body>.*?)^\t\.size\t(?P=name),", re.DOTALL | re.MULTILINE
)
_ALIAS = re.compile(r"^\t\.set\t(\w+),(\w+)$", re.MULTILINE)
_LABEL = re.compile(r"\.L[A-Z]*\d+")
_LAYOUT = ("\t.section", "\t.globl")  # said in full where the compiler comes to it first
USES_MUCH = """
#include <algorithm>
#include <map>
#include <numeric>
#include <queue>
#include <string>
#include <unordered_map>
struct Node { int key; std::string name; bool operator<(const Node& o) const { return key < o.key; } };
std::map<std::string, std::vector<Node>> seen;
double f(std::vector<int> v, std::unordered_map<int, std::string> names) {
  std::priority_queue<Node> queue;
  for (int x : v) queue.push({x, names.count(x) ? names.at(x) : std::to_string(x)});
  std::sort(v.begin(), v.end(), [](int a, int b) { return a > b; });
  seen[queue.top().name].push_back(queue.top());
  return std::accumulate(v.begin(), v.end(), 0.0) + std::abs(v.front());
}
"""
GOLDS = [q for q in starter_questions() if q.framework == "googletest"]
PROGRAMS = {"uses much": USES_MUCH} | {q.question_id: q.gold for q in GOLDS[::3]}


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same headers, none of them precompiled and nothing declared to be elsewhere."""
    folder = tmp_path_factory.mktemp("plain")
    for name in (FIRST, FIRST_CMATH, GTEST):
        (folder / name).parent.mkdir(exist_ok=True)
        lines = (toolchain.prebuilt() / name).read_text("utf-8").splitlines(keepends=True)
        (folder / name).write_text("".join(x for x in lines if not x.startswith("extern")), "utf-8")
    return folder


@pytest.fixture(scope="module")
def elsewhere() -> set[str]:
    """The functions of the library of instances."""
    library = (toolchain.prebuilt() / INSTANCES).read_bytes()
    return {found.name for found in elf.functions(library) if found.defined}


@pytest.mark.parametrize("header", [FIRST, FIRST_CMATH, GTEST])
@pytest.mark.parametrize("name", PROGRAMS)
def test_a_precompiled_header_gives_the_same_program(
    name: str, header: str, plain: Path, elsewhere: set[str], tmp_path: Path
) -> None:
    source = tmp_path / "program.cpp"
    source.write_text(f"#include <{header}>\n{PROGRAMS[name]}", "utf-8")
    ours = _functions(source, toolchain.prebuilt(), True)
    others = _functions(source, plain, False)
    assert {name: others.get(name) for name in ours} == ours
    mentioned = {word for body in ours.values() for line in body for word in re.split(r"\W+", line)}
    assert (others.keys() - ours.keys()) & mentioned <= elsewhere


def _functions(source: Path, headers: Path, precompiled: bool) -> dict[str, list[str]]:
    """The instructions of each function by its name, numbers of labels left out."""
    argv = [COMPILER, *FLAGS, "-H", "-I", str(headers), "-S", str(source), "-o", "-"]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    assert ("! " in done.stderr) is precompiled
    found = {}
    for match in _FUNCTION.finditer(done.stdout):
        body = match["body"].replace("@PLT", "")  # how a function elsewhere is called
        lines = [_LABEL.sub(".L", line) for line in body.splitlines()]
        found[match["name"]] = [line for line in lines if not line.startswith(_LAYOUT)]
    for alias, name in _ALIAS.findall(done.stdout):
        found[alias] = found[name]
    assert found
    return found


VERSIONED = """
#include <cmath>
#include <condition_variable>
#include <cstring>
#include <pthread.h>
#include <sched.h>
#include <string>
double f(double x, char* to, std::condition_variable& c, std::unique_lock<std::mutex>& lock) {
  std::memcpy(to, "text", static_cast<size_t>(x));
  pthread_cond_t made;
  pthread_cond_init(&made, nullptr);
  c.wait(lock);
  cpu_set_t cores;
  sched_getaffinity(0, sizeof cores, &cores);
  return std::pow(x, 2.5) + std::exp(x) + std::log(x) + std::lgamma(x) + std::stod(to);
}
"""


def test_programs_are_bound_to_the_versions_of_libraries_that_a_full_link_gives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "program.cpp"
    source.write_text(VERSIONED, "utf-8")
    monkeypatch.setattr(gtest_build, "PREBUILT", toolchain.prebuilt())
    made = tmp_path / "made.so"
    subprocess.run(gtest_build.shared([str(source)], str(made)), check=True)
    whole = tmp_path / "whole.so"
    subprocess.run([COMPILER, *FLAGS, "-shared", str(source), "-o", str(whole)], check=True)
    asked, expected = _asked(made), _asked(whole)
    assert asked.keys() == expected.keys()
    old = {name for path in LIBRARIES for name in _old(path)}
    assert {"pow", "exp", "memcpy", "pthread_cond_init"} <= old & asked.keys()
    assert {name: asked[name] for name in old & asked.keys()} == {
        name: expected[name] for name in old & asked.keys()
    }


def _asked(file: Path) -> dict[str, str]:
    """What a shared object asks for, and which version of it."""
    argv = ["nm", "-D", "--undefined-only", "--with-symbol-versions", file]
    shown = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    names = [line.split()[-1].partition("@") for line in shown.splitlines()]
    return {name: version for name, _, version in names if not name.startswith("__cxa_finalize")}


def _old(library: str) -> set[str]:
    """What a library has for old programs in another version."""
    path = subprocess.run(
        [COMPILER, f"-print-file-name={library}"], capture_output=True, text=True, check=True
    ).stdout.strip()
    argv = ["nm", "-D", "--defined-only", path]
    shown = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    return {
        line.split()[-1].partition("@")[0]
        for line in shown.splitlines()
        if re.search(r"\w@[A-Z]", line)
    }
