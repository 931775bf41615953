"""Programs that know how results are recorded, and read, change or intercept the records.

They do what the recorder and the judge do, with everything but the nonce written down here: each
passed every test wherever it could get at the nonce or at what was recorded before.
"""

from __future__ import annotations

import pytest

from codemix_core.records import Question
from tests.sandbox import secret
from tests.sandbox.conftest import Judge
from tests.sandbox.test_adversarial_cpp import ASKED, LIFTED

_, SECRET = secret.secret_questions(5, 3)

HEAD = r"""
#include <fcntl.h>
#include <unistd.h>
#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <sstream>
#include <string>
#include <vector>
static const char kOurs[] = "4d69782e";  // "Mix."

// Every test of "Mix" passes from here on; all others, which have to fail, do.
static void forge(int fd, const std::string& records) {
  std::istringstream in(records);
  std::string nonce, kind, name, line, running, out;
  std::vector<std::string> names;
  while (std::getline(in, line)) {
    std::istringstream parts(line);
    parts >> nonce >> kind >> name;
    if (kind == "D") names.push_back(name);
    if (kind == "S") running = name;
  }
  if (nonce.size() < 16) return;
  bool past = false;
  for (auto& each : names) {
    past = past || each == running;
    if (!past) continue;
    if (each != running) out += nonce + " S " + each + " \n";
    out += nonce + (each.find(kOurs) == 0 ? " P " : " F ") + each + " \n";
  }
  out += nonce + " E  \n";
  if (write(fd, out.data(), out.size()) > 0) _exit(0);
}
"""
READS = r"""
static void evil() {
  for (int fd = 3; fd < 256; ++fd) {
    std::string found(1 << 16, 0);
    ssize_t count = pread(fd, &found[0], found.size(), 0);
    if (count > 0) forge(fd, found.substr(0, count));
  }
}
int mix(int a, int b) { evil(); return a * 31 + b; }
"""
TURNS = r"""
static void evil() {
  for (int fd = 3; fd < 256; ++fd)
    for (off_t end = lseek(fd, 0, SEEK_END), at = 0; at < end; ++at) pwrite(fd, "P", 1, 33 + at);
}
int mix(int a, int b) { evil(); return a * 31 + b; }
"""
HEAP = r"""
static bool hex(const char* text) {
  for (int i = 0; i < 32; ++i) if (!std::isxdigit(static_cast<unsigned char>(text[i]))) return false;
  return text[32] == ' ' || text[32] == 0;
}
static void evil() {
  static char* end = static_cast<char*>(sbrk(0));
  for (char* at = end - 33; at > end - (130 << 10); --at) {
    if (!hex(at)) continue;
    std::string nonce(at, 32), records;
    for (const char* name : {"4d69782e4e756d626572", "4d69782e416761696e", "4d69782e5472757468",
                             "4d69782e4f72646572"})
      records += nonce + " D " + name + " \n";
    for (int fd = 3; fd < 256; ++fd) forge(fd, records + nonce + " S 4d69782e4e756d626572 \n");
  }
}
int mix(int a, int b) { evil(); return a * 31 + b; }
"""
EARLY = r"""
static void evil() {
  std::string nonce;
  char c;
  while (nonce.size() < 99 && read(3, &c, 1) == 1 && c != '\n') nonce += c;
  int in[2], out[2], records = fcntl(4, F_DUPFD, 200);
  if (nonce.empty() || records < 0 || pipe(in) || pipe(out)) return;
  nonce += '\n';
  if (write(in[1], nonce.data(), nonce.size()) < 0) return;
  close(in[1]);
  dup2(in[0], 3);
  if (fork() != 0) {
    dup2(out[1], 4);
    for (int fd : {in[0], out[0], out[1], records}) close(fd);
    return;
  }
  close(out[1]);
  close(4);
  FILE* theirs = fdopen(out[0], "r");
  char* line = nullptr;
  size_t size = 0;
  ssize_t count;
  while ((count = getline(&line, &size, theirs)) > 0) {
    std::string text(line, count);
    size_t at = text.find(' ') + 1;
    if (text[at] == 'F' && text.find(kOurs) != std::string::npos)
      text = text.substr(0, at) + "P" + text.substr(at + 1, text.find(' ', at + 2) - at) + "\n";
    if (write(records, text.data(), text.size()) < 0) break;
  }
  _exit(0);
}
int mix(int a, int b) { return a * 31 + b; }
"""
STARTS = {
    "in an early section": '__attribute__((section(".preinit_array"), used)) void (*early)() = evil;',
    "in the first section": '[[gnu::section(".init_array.00000"), gnu::used]] void (*early)() = evil;',
    "in a section of old": '[[gnu::section(".ctors.65535"), gnu::used]] void (*early)() = evil;',
    "in the first constructor": "[[gnu::constructor(1)]] void early() { evil(); }",
    "in a constructor": "[[gnu::constructor]] void early() { evil(); }",
    "in the first object": "struct A { A() { evil(); } }; [[gnu::init_priority(101)]] A early;",
    "in a variable": "int early = (evil(), 0);",
    "where a function is chosen": 'static int g() { return 1; }\nextern "C" { static int (*r())() { evil(); return g; } }\n'
    '__attribute__((ifunc("r"))) int h();\nint k = h();',
    "when memory is asked for": 'extern "C" void* malloc(size_t n) noexcept { static bool done; if (!done) { done = true; evil(); }\n'
    "static char heap[64 << 20]; static size_t at; at = (at + 31) & ~31ul; void* p = heap + at; at += n; return p; }\n"
    'extern "C" void free(void*) noexcept {}',
    "when an object is made": "void* operator new(size_t n) { static bool done; if (!done) { done = true; evil(); }\n"
    "return std::calloc(1, n); }",
}  # fmt: skip
CPP = {"reads the records": READS, "turns the records": TURNS, "looks for the nonce": HEAP}
CPP |= {f"comes between, {place}": EARLY + code for place, code in STARTS.items()}

PYTHON = {
    "reads the records": """
import os
def secret(n):
    for fd in range(3, 256):
        try:
            lines = [line.split(b' ') for line in os.pread(fd, 1 << 16, 0).splitlines()]
        except OSError:
            continue
        if not lines:
            continue
        nonce, running = lines[0][0], [p[2] for p in lines if p[1] == b'S'][-1]
        names = [p[2] for p in lines if p[1] == b'D']
        ours = {f'test_{i}'.encode().hex().encode() for i in range(3)}
        out = []
        for name in names[names.index(running):]:
            out += [nonce + b' S ' + name + b' '] if name != running else []
            out += [nonce + (b' P ' if name in ours else b' F ') + name + b' ']
        os.write(fd, b'\\n'.join([*out, nonce + b' E  ', b'']))
        os._exit(0)
    return 0
""",
    "turns the records": """
import os
def secret(n):
    for fd in range(3, 256):
        try:
            data = os.pread(fd, 1 << 16, 0)
            os.pwrite(fd, data.replace(b' F ', b' P '), 0)
        except OSError:
            pass
    return 0
""",
}


@pytest.mark.parametrize("asked", [ASKED, LIFTED], ids=["kept", "lifted"])
def test_no_cpp_program_gets_at_the_records(asked: Question, judge: Judge) -> None:
    verdicts = judge(asked, (HEAD + code for code in CPP.values()))
    assert {n: v.passed for n, v in zip(CPP, verdicts, strict=True)} == dict.fromkeys(CPP, 0)


@pytest.mark.parametrize("framework", SECRET)
def test_no_python_program_gets_at_the_records(framework: str, judge: Judge) -> None:
    verdicts = judge(SECRET[framework], PYTHON.values())
    assert {n: v.passed for n, v in zip(PYTHON, verdicts, strict=True)} == dict.fromkeys(PYTHON, 0)
