"""Judge of ``googletest`` (tier B): build tests and program, run, take records.

The layout is the original scripts': ``tests/test.cpp`` includes ``../solution/solution.cpp``,
built with ``g++ -std=c++17``; ``main`` comes from the tests, or else from gtest_main. Where it
surely makes no difference, the tests are compiled once and load one program after another
(:mod:`sandbox.apart`). What cannot be loaded was not linked in the original layout either.

A reference run (nothing declared yet) also finds out whether the tests can be lifted out of the
program's process (tier A, :mod:`sandbox.gtest_lifted`): they can if every test then has the same
result. A program that cannot be built apart is then built with what calls it, and is asked as its
signature says. Where its text does not show that it has that signature, and all headers that the
tests need, it is first built with them to see whether that can be done, and never run so.
"""

from __future__ import annotations

import base64
import json
import secrets
import zlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

from sandbox import apart, gtest_build, gtest_lifted, gtest_unit, macros, pasted
from sandbox import signature as signatures
from sandbox.gtest_build import Built
from sandbox.outcome import Outcome, agree, is_settled
from sandbox.reported import Start, run_all, unused_word
from sandbox.watch import Candidate, Limits, Nursery

_ATTEMPTS = 4
_EVERYTHING = "bits/stdc++.h"
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


_OWN_MAIN = "the program has a main of its own, with which none of its tests is run"
_OWN_MEMORY = (
    "the program has its own operator new or delete; that is only possible where the tests are in"
    " another process, as they look at more than plain data here"
)
_NO_TESTS = "what its tests were compiled to is lost; check the question set again (selfcheck)"
_OF_TEXTS = ("EXPECT_EQ", "ASSERT_EQ")


_Way = Callable[[str, Nursery], Built | None]


@dataclass
class Compiled:
    """The tests, compiled for programs with at least these headers.

    packed: as text, and of lifted tests also what calls the program; None: they do not compile.
    """

    includes: frozenset[str]
    opens_std: bool
    lifted: bool
    packed: tuple[str | None, str | None]

    @cached_property
    def tests(self) -> bytes | None:
        """A shared object."""
        return _as_code(self.packed[0])

    @cached_property
    def serve(self) -> bytes | None:
        """A shared object."""
        return _as_code(self.packed[1])


class GoogleQuestion:
    """The tests of one question, with a must-fail test for each kind of assertion they use."""

    def __init__(self, tests: str, function: str, signature: str, lifted: bool, kept: str) -> None:
        """Args: kept: what an earlier judge of the same question answered as ``keep``."""
        self._function = function
        self._compiled: list[Compiled] = []  # only ever appended to
        try:
            self._tests, self._canaries, word, self._compiled = _unpack(kept)
        except ValueError:  # nothing was kept, or what was is damaged
            self._tests, self._canaries = _with_canaries(tests)
            word = unused_word(tests)
        self._unit = gtest_unit.make(self._tests, function, signature, word)
        known = gtest_build.known()
        self._halves = apart.Halves(self._tests, function, signature, known["macros"])
        plain = signatures.read(function, signature)
        lifts = plain is not None and self._halves.possible and gtest_lifted.liftable(tests)
        self._sides = gtest_lifted.Sides(plain, self._unit.word) if plain and lifts else None
        self._lifted = lifted
        self._words = macros.identifiers(self._tests) | gtest_unit.EXPANSIONS
        self._words |= set(known["expansions"]) | {function}

    def judge(
        self, code: str, limits: Limits, declared: list[str] | None, nursery: Nursery
    ) -> dict[str, Any]:
        """Build and run one program."""
        held = len(self._compiled)
        answer = self._judged(code, limits, declared, nursery, self._lifted)
        if declared is None and not self._lifted:
            answer["tier"] = "A" if self._lifts(code, limits, answer, nursery) else "B"
        if len(self._compiled) > held:
            answer["keep"] = _pack(self._tests, self._canaries, self._unit.word, self._compiled)
        return answer

    def _lifts(self, code: str, limits: Limits, answer: dict[str, Any], nursery: Nursery) -> bool:
        """Whether lifted tests find what ``answer`` holds."""
        if self._sides is None or not is_settled(answer):
            return False
        other = self._judged(code, limits, None, nursery, True)
        return other["tier"] == "A" and agree(answer, other)

    def _judged(
        self,
        code: str,
        limits: Limits,
        declared: list[str] | None,
        nursery: Nursery,
        lifted: bool,
    ) -> dict[str, Any]:
        """The answer, which says in which ``tier`` it was found."""
        outcome = Outcome(list(declared or ()))
        tampering = self._tampering(code, nursery)
        if tampering:
            _tampered(outcome, tampering)
            return {**outcome.answer(), "tier": "A" if lifted else "B"}
        for tier, build in self._ways(lifted):
            built = build(code, nursery)
            if built is None:
                continue
            found = Outcome(list(outcome.declared))
            try:
                self._run(found, built, limits, declared is None, nursery)
            except gtest_lifted.NotLoaded:
                if declared is not None:
                    raise  # they could be loaded in the reference run: no fault of a program's
                continue
            if tier == "A" or built.product is None or "compile_error" not in found.flags:
                return {**found.answer(), "tier": tier}
        if lifted and declared is not None:
            raise RuntimeError(_NO_TESTS)
        built = gtest_build.in_one_unit(nursery, self._unit, code, self._halves.plain)
        self._run(outcome, built, limits, declared is None, nursery)
        return {**outcome.answer(), "tier": "B"}

    def _ways(self, lifted: bool) -> list[tuple[str, _Way]]:
        """Ways to build a program other than with its tests, and the tier of each."""
        inside: tuple[str, _Way] = ("B", partial(self._apart, lifted=False))
        outside: tuple[str, _Way] = ("A", partial(self._apart, lifted=True))
        return [outside, ("A", self._in_any_form)] if lifted else [inside]

    def _tampering(self, code: str, nursery: Nursery) -> str | None:
        """What the program's text, and what the preprocessor makes of it, says about tampering."""
        found = gtest_unit.tampering(code, self._tests) or macros.reaching(code, self._words)
        if found or not pasted.pastes(code):
            return found
        if pasted.renumbers(code):
            return pasted.RENUMBERS
        text = gtest_build.preprocessed(nursery, self._unit, code)
        return gtest_unit.tampering(pasted.own_lines(text), self._tests) if text else None

    def _run(
        self, outcome: Outcome, built: Built, limits: Limits, declare: bool, nursery: Nursery
    ) -> None:
        """Fill the outcome of what was built."""
        if built.product is None:
            _explain(outcome, built, self._unit)
            return
        reason = gtest_build.tampering(built, self._function)
        if reason:
            _tampered(outcome, reason)
        elif built.lifted and gtest_build.defines(built.product, "main"):
            outcome.explain(_OWN_MAIN)
            if built.tests and gtest_build.defines(built.tests, "main"):
                outcome.flags.add("compile_error")
        elif built.lifted:
            start = gtest_lifted.starter(nursery, limits, built, ":".join(self._canaries))
            run_all(outcome, declare, limits, start, canaries=[], strict=False)
        elif gtest_build.allocates(built.product):
            outcome.flags.add("compile_error")
            outcome.explain(_OWN_MEMORY)
        else:
            start = _starter(nursery, limits, built, self._canaries)
            run_all(outcome, declare, limits, start, canaries=self._canaries, strict=True)
        for name, (status, message) in outcome.results.items():
            outcome.results[name] = (status, self._unit.plain(message))

    def _apart(self, code: str, nursery: Nursery, lifted: bool) -> Built | None:
        """The program built apart from the tests, or why not; None when only one unit can tell."""
        possible = self._halves.possible and not (lifted and self._sides is None)
        program = apart.outline(code) if possible else None
        if program is None or not self._halves.fits(program):
            return None
        built = gtest_build.program(nursery, self._halves.program(code, program), {})
        if built.product is None:
            sure = built.end != "exit" or self._mistaken(program, built)
            return built if sure else None
        ready = self._ready(program.includes, program.opens_std, nursery, lifted)
        if ready is None or (ready.serve and not gtest_build.answers(built.product, ready.serve)):
            return None
        return replace(built, tests=ready.tests, serve=ready.serve, lifted=lifted)

    def _in_any_form(self, code: str, nursery: Nursery) -> Built | None:
        """A program that may not fit, built with what calls it; None without tests for it."""
        if self._sides is None:
            return None
        includes = apart.headers(code)
        built = self._called(code, includes, nursery, True)
        ready = self._ready_for_any(includes, nursery) if built.product else None
        if ready is None:
            whole = gtest_build.in_one_unit(nursery, self._unit, code, self._halves.plain)
            if whole.product is None:
                return replace(whole, lifted=True)
            ready = self._ready_for_any(includes, nursery) or self._any_lifted(nursery)
            if ready is None:
                return None
        forms = [(includes, False), (ready.includes, True), (ready.includes, False)]
        for headers, exact in forms if built.product is None else []:
            built = self._called(code, headers, nursery, exact)
            if built.product is not None:
                break
        return replace(built, tests=ready.tests, lifted=True)

    def _called(self, code: str, includes: Collection[str], nursery: Nursery, exact: bool) -> Built:
        """A program of any form, built with what calls it."""
        assert self._sides is not None
        seen, line = self._halves.seen(includes), self._halves.line
        unit = self._sides.in_one_unit(seen, line, code, exact)
        return gtest_build.program(nursery, unit, self._sides.beside)

    def _ready_for_any(self, includes: Sequence[str], nursery: Nursery) -> Compiled | None:
        ready = self._ready(includes, False, nursery, True)
        return ready or self._ready(includes, True, nursery, True)

    def _any_lifted(self, nursery: Nursery) -> Compiled | None:
        """Lifted tests for a program that has what they need, though its text does not show it."""
        for opens_std in (False, True):
            self._ready([_EVERYTHING], opens_std, nursery, True)
        lifted = (c for c in self._compiled if c.lifted and c.packed[0] is not None)
        return min(lifted, key=lambda compiled: len(compiled.includes), default=None)

    def _mistaken(self, program: apart.Outline, built: Built) -> bool:
        """Whether there is no product because of the program alone, whatever its tests are."""
        return self._halves.mistaken(program, f"{built.first_said}\n{built.said}")

    def _ready(
        self, includes: Sequence[str], opens_std: bool, nursery: Nursery, lifted: bool
    ) -> Compiled | None:
        """Tests compiled for programs with no more headers than this one, now or earlier."""
        kind = opens_std, lifted
        tried = [c for c in self._compiled if (c.opens_std, c.lifted) == kind]
        for compiled in tried:
            if compiled.packed[0] is not None and compiled.includes <= set(includes):
                return compiled
        for some in ((), includes):
            enough = len(tried) >= _ATTEMPTS and tuple(some) != (_EVERYTHING,)
            if enough or any(set(some) <= c.includes for c in tried):
                continue
            tests, serve = self._compile_with(some, opens_std, nursery, lifted)
            packed = _as_text(tests), _as_text(serve)
            tried.append(Compiled(frozenset(some), *kind, packed))
            self._compiled.append(tried[-1])
            if tests is not None:
                return tried[-1]
        return None

    def _compile_with(
        self, includes: Sequence[str], opens_std: bool, nursery: Nursery, lifted: bool
    ) -> tuple[bytes | None, bytes | None]:
        halves, sides = self._halves, self._sides
        if not lifted or sides is None:
            stand_in = halves.stand_in(includes, opens_std)
            return gtest_build.tests_alone(nursery, self._unit, stand_in, {}), None
        asks = halves.stand_in(includes, opens_std, sides.include, sides.asks())
        tests = gtest_build.tests_alone(nursery, self._unit, asks, sides.beside)
        answers = halves.server(includes, opens_std, sides.include, sides.answers())
        serve = gtest_build.serving(nursery, answers, sides.beside) if tests else None
        return (tests, serve) if serve else (None, None)


def _with_canaries(tests: str) -> tuple[str, list[str]]:
    """The tests with a must-fail test for each kind of assertion they use, and their names."""
    used = [f"{macro}({_failing(macro)})" for macro in _MUST_FAIL if f"{macro}(" in tests]
    used += [
        _different_texts(macro) for macro in _OF_TEXTS if f"{macro}(" in tests and '"' in tests
    ]
    suite = unused_word(tests).capitalize()
    names = [unused_word(tests).capitalize() + str(position) for position in range(len(used))]
    lines = [
        f"TEST({suite}, {name}) {{ {assertion}; }}"
        for name, assertion in zip(names, used, strict=True)
    ]
    return "\n".join([tests, *lines, ""]), [f"{suite}.{name}" for name in names]


def _pack(tests: str, canaries: list[str], word: str, compiled: list[Compiled]) -> str:
    """What a later judge of the question needs not do again, as text."""
    objects = [[sorted(c.includes), c.opens_std, c.lifted, *c.packed] for c in compiled]
    body = json.dumps([tests, canaries, word, objects])
    return f"{zlib.crc32(body.encode()):08x}{body}"


def _as_text(code: bytes | None) -> str | None:
    return None if code is None else base64.b64encode(zlib.compress(code)).decode("ascii")


def _as_code(text: str | None) -> bytes | None:
    return None if text is None else zlib.decompress(base64.b64decode(text))


def _unpack(kept: str) -> tuple[str, list[str], str, list[Compiled]]:
    """What was packed.

    Raises:
        ValueError: nothing was, or it is damaged.
    """
    if int(kept[:8], 16) != zlib.crc32(kept[8:].encode()):
        raise ValueError("damaged")
    tests, canaries, word, objects = json.loads(kept[8:])
    compiled = [
        Compiled(frozenset(includes), opens, lifted, (code, serve))
        for includes, opens, lifted, code, serve in objects
    ]
    return tests, canaries, word, compiled


def _tampered(outcome: Outcome, why: str) -> None:
    outcome.flags.add("tampered")
    outcome.explain(why)


def _explain(outcome: Outcome, built: Built, unit: gtest_unit.Unit) -> None:
    """Record why there is no program."""
    tampering = unit.tampering(built.first_said) or unit.tampering(built.said)
    if tampering:
        _tampered(outcome, tampering)
    else:
        outcome.flags.add("compile_error")
    if built.end == "timeout":
        outcome.explain(f"compilation took more than {gtest_build.LIMITS.seconds:.0f} s")
    elif built.end != "exit":
        outcome.explain(f"the compiler exceeded its {built.end} limit")
    outcome.explain(unit.plain(built.first_said[:_MESSAGE]) or "the compiler produced no program")


def _different_texts(macro: str) -> str:
    """An assertion that two strings of the same length are equal, which they are not."""
    word = unused_word("")
    texts = (f'std::string("{word}{letter}")' for letter in "ab")
    return f"{macro}({', '.join(texts)})"


def _failing(macro: str) -> str:
    """Arguments under which an assertion fails, different for each question."""
    low = secrets.randbelow(90)
    high = low + 1 + secrets.randbelow(9)
    return _MUST_FAIL[macro].format(low=low, high=high, word=unused_word(""))


def prepare(payload: dict[str, Any], nursery: Nursery) -> GoogleQuestion:
    """A question, ready to judge programs."""
    del nursery  # its tests are compiled when the first program that fits is there
    names = ("tests", "function", "signature")
    asked: tuple[str, str, str] = tuple(payload[name] for name in names)
    return GoogleQuestion(*asked, payload.get("lifted", False), payload.get("kept") or "")


def _starter(nursery: Nursery, limits: Limits, built: Built, canaries: list[str]) -> Start:
    spawn = {"entry": "exec", "argv": [gtest_build.LAUNCHER], "env": gtest_build.ENVIRONMENT}

    def start(nonce: str, wanted: list[str] | None) -> Candidate:
        chosen = "*" if wanted is None else ":".join([*wanted, *canaries])
        gtest_build.put(built)
        return Candidate(nursery, spawn, f"{nonce}\n{chosen}".encode(), limits)

    return start
