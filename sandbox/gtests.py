"""Judge of ``googletest`` (tier B): compile tests and program together, run, take records.

The layout is the original scripts': ``tests/test.cpp`` includes ``../solution/solution.cpp``,
compiled as one unit with ``g++ -std=c++17``; ``main`` comes from the tests, or else from
gtest_main. Compilation happens behind the same wall, with limits of its own.
"""

from __future__ import annotations

import os
import secrets
import stat
import time
from pathlib import Path
from typing import Any

from sandbox import gtest_unit
from sandbox.outcome import Outcome
from sandbox.reported import Start, run_all, unused_word
from sandbox.watch import Candidate, Limits, Nursery

COMPILER = "/usr/bin/g++"
COMPILE_LIMITS = Limits(
    seconds=60.0, memory_mb=2048, file_mb=128, stack_mb=64, output_cap=256 * 1024
)
_RECORDER = Path(__file__).with_name("recorder.cpp")
_BUILD = Path("/build")
_OBJECT = _BUILD / "recorder.o"
_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "HOME": "/tmp", "TMPDIR": "/tmp", "LC_ALL": "C.UTF-8"}
_MESSAGE = 3000
_MUST_FAIL = {
    f"{kind}_{name}": arguments
    for kind in ("EXPECT", "ASSERT")
    for name, arguments in {
        "EQ": "{low}, {high}",
        "NE": "{low}, {low}",
        "LT": "{high}, {low}",
        "LE": "{high}, {low}",
        "GT": "{low}, {high}",
        "GE": "{low}, {high}",
        "TRUE": "{low} == {high}",
        "FALSE": "{low} < {high}",
        "NEAR": "{low}.0, {high}.0, 1e-6",
        "DOUBLE_EQ": "{low}.0, {high}.0",
        "FLOAT_EQ": "{low}.0f, {high}.0f",
        "STREQ": '"{word}", "{word}{low}"',
        "STRNE": '"{word}", "{word}"',
        "ANY_THROW": "(void){low}",
    }.items()
}


class GoogleQuestion:
    """The tests of one question, with a must-fail test for each kind of assertion they use."""

    def __init__(self, tests: str, function: str, signature: str) -> None:
        used = [macro for macro in _MUST_FAIL if f"{macro}(" in tests]
        suite = unused_word(tests).capitalize()
        names = [unused_word(tests).capitalize() + str(position) for position in range(len(used))]
        self._canaries = [f"{suite}.{name}" for name in names]
        lines = [
            f"TEST({suite}, {name}) {{ {macro}({_failing(macro)}); }}"
            for name, macro in zip(names, used, strict=True)
        ]
        self._tests = "\n".join([tests, *lines, ""])
        self._function, self._signature = function, signature

    def judge(
        self, code: str, limits: Limits, declared: list[str] | None, nursery: Nursery
    ) -> dict[str, Any]:
        """Compile and run one program."""
        outcome = Outcome(list(declared or ()))
        redefined = gtest_unit.redefined(code, self._tests)
        if redefined:
            outcome.flags.add("tampered")
            outcome.explain(f"the program redefines {redefined}, which the tests use")
            return outcome.answer()
        unit = gtest_unit.make(self._tests, self._function, self._signature)
        for name, text in {"test.cpp": unit.text, **unit.beside}.items():
            _write(Path("/tmp/tests", name), text)
        _write(Path("/tmp/solution/solution.cpp"), code)
        binary = _compile(nursery, outcome, unit)
        if binary is None:
            return outcome.answer()
        start = _starter(nursery, limits, binary, self._canaries)
        try:
            run_all(outcome, declared is None, limits, start, canaries=self._canaries, strict=True)
        finally:
            os.close(binary)
        for name, (status, message) in outcome.results.items():
            outcome.results[name] = (status, unit.plain(message))
        return outcome.answer()


def _failing(macro: str) -> str:
    """Arguments under which an assertion fails, different each time."""
    low = secrets.randbelow(90)
    high = low + 1 + secrets.randbelow(9)
    return _MUST_FAIL[macro].format(low=low, high=high, word=unused_word(""))


def prepare(payload: dict[str, Any], nursery: Nursery) -> GoogleQuestion:
    """A question, ready to judge programs; compiles the recorder the first time."""
    if not _OBJECT.exists():
        _build_recorder(nursery)
    return GoogleQuestion(payload["tests"], payload["function"], payload["signature"])


def _starter(nursery: Nursery, limits: Limits, binary: int, canaries: list[str]) -> Start:
    def start(nonce: str, wanted: list[str] | None) -> Candidate:
        environment = dict(_ENVIRONMENT)
        if wanted is not None:
            environment["GTEST_FILTER"] = ":".join([*wanted, *canaries])
        spawn = {"entry": "exec", "argv": ["tests"], "env": environment}
        return Candidate(nursery, spawn, f"{nonce}\n".encode(), limits, binary)

    return start


def _compile(nursery: Nursery, outcome: Outcome, unit: gtest_unit.Unit) -> int | None:
    """A descriptor of the finished program, or None after the reason was recorded."""
    sources = ["/tmp/tests/test.cpp", str(_OBJECT), "-lgtest_main", "-lgtest", "-pthread"]
    run, binary = _run_compiler(nursery, ["-o", "/tmp/program", *sources], "/tmp/program")
    if binary is not None:
        return binary
    tampering = unit.tampering(run.first_said) or unit.tampering(run.said)
    outcome.flags.add("tampered" if tampering else "compile_error")
    if tampering:
        outcome.explain(tampering)
    elif run.end == "timeout":
        outcome.explain(f"compilation took more than {COMPILE_LIMITS.seconds:.0f} s")
    elif run.end != "exit":
        outcome.explain(f"the compiler exceeded its {run.end} limit")
    outcome.explain(unit.plain(run.first_said[:_MESSAGE]) or "the compiler produced no program")
    return None


def _build_recorder(nursery: Nursery) -> None:
    """Compile the recorder into a read-only directory of ours.

    Raises:
        RuntimeError: it does not compile, e.g. GoogleTest is not installed.
    """
    run, compiled = _run_compiler(
        nursery, ["-c", "-o", "/tmp/recorder.o", str(_RECORDER)], "/tmp/recorder.o"
    )
    if compiled is None:
        raise RuntimeError(f"GoogleTest programs cannot be built: {run.first_said[:_MESSAGE]}")
    nursery.space.open(str(_BUILD), 16, 16)
    with os.fdopen(compiled, "rb") as source:
        _OBJECT.write_bytes(source.read())
    os.chmod(_OBJECT, 0o444)
    nursery.space.seal(str(_BUILD))


def _run_compiler(
    nursery: Nursery, arguments: list[str], product: str
) -> tuple[Candidate, int | None]:
    argv = [COMPILER, "-std=c++17", *arguments]
    run = Candidate(
        nursery, {"entry": "exec", "argv": argv, "env": _ENVIRONMENT}, b"", COMPILE_LIMITS
    )
    compiled = None
    try:
        run.wait(time.monotonic() + COMPILE_LIMITS.seconds)
        if run.end == "exit":
            compiled = _open_regular(product)
    finally:
        run.close()
    if compiled is not None and run.exit_code != 0:
        os.close(compiled)
        compiled = None
    return run, compiled


def _open_regular(path: str) -> int | None:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    return None


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(text.encode("utf-8", "replace"))
