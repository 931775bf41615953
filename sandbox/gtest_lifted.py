"""GoogleTest outside the program's process (tier A): the tests in one process, it in another.

Where the asked function takes and gives plain data, its place in the tests is taken by a function
of the same signature that asks for it over a socket (``wire.hpp``). The program's process holds
the program and what answers; neither the tests nor the recorder, and no expected value. The tests'
process is born beside the judge and loads its tests from a file that is gone before any program
starts.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import NoReturn

from sandbox import apart, beside, gtest_build
from sandbox.gtest_build import Built
from sandbox.reported import Start
from sandbox.signature import Signature
from sandbox.watch import Candidate, Limits, Nursery

_WIRE = Path(__file__).with_name("wire.hpp")
_LOADING = 10.0
_REFUSED = frozenset(
    {"CaptureStdout", "CaptureStderr", "GetCapturedStdout", "GetCapturedStderr", "rdbuf", "cin"}
    | {"freopen", "stdin", "fstream", "ifstream", "ofstream", "fopen", "filesystem", "system"}
    | {"fork", "signal", "raise", "kill", "setenv", "putenv", "getenv", "setlocale", "locale"}
    | {"srand", "rand", "errno", "fesetround", "feclearexcept", "fetestexcept", "extern", "asm"}
    | {"__asm__", "regex_error", "system_error", "bad_cast", "bad_optional_access"}
    | {"bad_variant_access", "bad_any_cast", "bad_function_call", "bad_weak_ptr", "bad_typeid"}
    | {"bad_array_new_length", "bad_exception", "future_error", "ios_base", "filesystem_error"}
)
"""What tests that share more with the program than values use, and exceptions that have to stay
what they are."""
_DIES = ("_DEATH", "_EXIT", "DEATH_IF_SUPPORTED")


class NotLoaded(Exception):
    """The tests cannot be loaded without the program."""


def liftable(tests: str) -> bool:
    """Whether all that tests share with the program may be values."""
    words = apart.words_of(tests)
    return _REFUSED.isdisjoint(words) and not any(word.endswith(_DIES) for word in words)


class Sides:
    """What is compiled for the two processes of a question."""

    def __init__(self, signature: Signature, word: str) -> None:
        """Args: word: one that the tests do not hold."""
        self._signature, self._space = signature, f"{word}wire"
        wire = _WIRE.read_text("utf-8").replace("WORD", self._space)
        self.beside = {f"solution/{self._space}.hpp": wire}

    @property
    def include(self) -> str:
        """The line that brings in what both sides are made of."""
        return f'#include "{self._space}.hpp"'

    def asks(self) -> str:
        """What stands for the program in its tests."""
        asked = self._signature
        call = f"Asked<{asked.types}>::Call({asked.arguments})"
        return asked.defined(f"return ::{self._space}::{call};")

    def answers(self) -> str:
        """What calls the program, when it is asked."""
        asked = self._signature
        pointer = f"{asked.result} (*function)({', '.join(asked.parameters)}) = &{asked.function};"
        return f'extern "C" void codemix_serve() {{ {pointer} ::{self._space}::Serve(function); }}'

    def in_one_unit(self, seen: str, line: str, code: str, exact: bool) -> str:
        """A program and what calls it, as one unit: it may be of any form that can be called.

        Types are named before it, so that its macros are not theirs.

        Args:
            seen: what stands before it in any case; line: says that it follows; exact: it has the
                asked signature, else it is called with what that has.
        """
        asked, space = self._signature, self._space
        kinds = (asked.result, *asked.parameters)
        result, *parameters = names = [f"{space}_{i}" for i in range(len(kinds))]
        types = (f"using {name} = {kind};" for name, kind in zip(names, kinds, strict=True))
        called, call = f"{space}_called", f"{asked.function}({asked.arguments})"
        if exact:
            caller = f"static {result} (*{called})({', '.join(parameters)}) = &{asked.function};"
        else:
            void = asked.result == "void"
            body = (
                f"static_cast<void>({call});"
                if void
                else f"return ::{space}::As<{result}>({call});"
            )
            caller = f"static {Signature(called, result, tuple(parameters)).defined(body)}"
        serve = f'extern "C" void codemix_serve() {{ ::{space}::Serve({called}); }}'
        return "\n".join([seen, self.include, *types, line, code, caller, serve, ""])


class Tests(beside.Tests):
    """The process that holds the compiled tests of one question."""

    has_children = True

    def __init__(self, nursery: Nursery, tests: bytes) -> None:
        """Start it; no program is running.

        Raises:
            NotLoaded: it does not get ready.
        """

        def act() -> NoReturn:
            os.dup2(1, 2)
            beside.restrain()
            os.chdir("/")
            os.execve(gtest_build.LAUNCHER, ["tests"], gtest_build.ENVIRONMENT)

        gtest_build.put(Built(None, tests=tests))
        super().__init__(nursery, act)
        ready = self.said(_LOADING)
        gtest_build.take_away_tests()
        nursery.space.renew()  # else all that the next program leaves there stays with the tests
        if ready is None:
            self.kill()
            raise NotLoaded


_running: list[tuple[bytes, Tests]] = []


def _tests(nursery: Nursery, tests: bytes) -> Tests:
    """The process that holds these tests: the last one, if it does and lives, or a new one."""
    if not (_running and _running[0][0] == tests and _running[0][1].alive):
        for _, last in _running:
            last.kill()
        _running.clear()
        _running.append((tests, Tests(nursery, tests)))
    return _running[0][1]


def starter(nursery: Nursery, limits: Limits, built: Built, all_but: str) -> Start:
    """Starts a program and has it asked; ``all_but``: tests that are not run, apart by ``:``."""
    spawn = {"entry": "exec", "argv": [gtest_build.SERVER], "env": gtest_build.ENVIRONMENT}

    def start(nonce: str, wanted: list[str] | None) -> Candidate:
        chosen = f"*-{all_but}" if wanted is None else ":".join(wanted)
        tests = _tests(nursery, built.tests or b"")
        gtest_build.put(Built(built.product, serve=built.serve))
        with os.fdopen(os.memfd_create("wanted"), "wb", buffering=0) as wanted_file:
            wanted_file.write(chosen.encode())
            more = (wanted_file.fileno(),)
            return beside.Run(nursery, tests, {"nonce": nonce}, spawn, b"", limits, more)

    return start
