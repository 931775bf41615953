"""Which programs may be compiled apart from the tests and linked to them, and as what.

The original layout is one unit: the tests include the program. Tests compiled once against a
declaration, and each program by itself, give the same program in the end, if neither part can
see what it would not see, or miss what it would see, in one unit. :func:`outline` reads a
program's file scope; :class:`Halves` says whether it fits. Whatever is not surely the same is
built in one unit, as is every program that compiles by itself but not with the declaration after
it, or does not link: what is said here can cost time, never a verdict.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from sandbox.gtest_unit import GTEST, INTERNALS, SOLUTION, directives_and_code, tokens
from sandbox.prebuild import FIRST, FIRST_CMATH

_INCLUDE = re.compile(r"#[ \t]*include[ \t]*<([\w+-][\w.+/-]*)>[ \t]*")
_DIRECTIVE = re.compile(r"[ \t]*#[ \t]*(\w+)")
_USING_STD = ("using", "namespace", "std", ";")
_TEST = re.compile(r"\bTEST(?:_[FP])?\s*\(\s*(\w+)\s*,\s*(\w+)\s*\)")
_NAME = re.compile(r"[A-Za-z_]\w*")
_ENDS_A_NAME = frozenset("(={;[,:}")
_ANYWHERE = {"__attribute__", "__attribute", "_Pragma", "__COUNTER__", "__FILE__", "__LINE__"}
_ANYWHERE |= {"__INCLUDE_LEVEL__", "__BASE_FILE__", "testing"}
_AT_FILE_SCOPE = {"operator", "main"}
"""Programs with one of these are built with the tests."""
_GTEST_MADE = {*INTERNALS, "RUN_ALL_TESTS", "proto2"}
"""What GoogleTest's header declares and a program might name (its macros no program has here)."""
_PROGRAM, _DECLARED = "tests/../solution/solution.cpp", "<declaration>"
_ERROR = re.compile(r"^[^\n]+:\d+:(?:\d+:)? (?:fatal )?error: ", re.MULTILINE)
_BROKEN = "internal compiler error"


@dataclass(frozen=True)
class Outline:
    """What a program shows at file scope.

    includes: headers in order; leading: those that come before anything else; opens_std: it has
    ``using namespace std;`` before anything but includes; declared: names it gives a meaning to;
    defined: how often each name is followed by a parenthesis, as in a definition; words: all
    tokens; text: the same in order.
    """

    includes: tuple[str, ...]
    leading: frozenset[str]
    opens_std: bool
    declared: frozenset[str]
    defined: dict[str, int]
    words: frozenset[str]
    text: Sequence[str]


def outline(code: str) -> Outline | None:
    """The outline of a program, or None when it has to be built with the tests."""
    text: list[str] = []
    includes: list[str] = []
    leading: list[str] | None = None
    for line in code.replace("\r\n", "\n").split("\n"):
        stripped = line.strip()
        if not stripped.startswith("#"):
            text.append(line)
            if stripped and not stripped.startswith("//") and leading is None:
                leading = list(includes)
        elif found := _INCLUDE.fullmatch(stripped.partition("//")[0].rstrip()):
            includes.append(found[1])
        elif stripped.split() != ["#pragma", "once"]:
            return None
    body = "\n".join(text)
    if (
        "\\\n" in body
        or body.endswith("\\")
        or "??" in body
        or "%:" in body
        or "<%" in body
        or "<::" in body
    ):
        return None
    if any(".." in name for name in includes):
        return None
    if "/*" in code or 'R"' in code:
        surely = headers(code)
        includes = [name for name in includes if name in surely]
    words = [token.group() for token in tokens(body)]
    if "#" in words or not _ANYWHERE.isdisjoint(words) or _reopens(words):
        return None
    scope = list(_file_scope(words))
    opens = _std_openings(scope)
    if opens is None or not _AT_FILE_SCOPE.isdisjoint(scope):
        return None
    declared, defined = set(), dict[str, int]()
    for before, name, after in zip(["", *scope], scope, [*scope[1:], ";"], strict=False):
        if after in _ENDS_A_NAME and _NAME.fullmatch(name):
            if (before, after) != ("::", "{"):  # else it is a base, of std as a rule
                declared.add(name)
            if after == "(":
                defined[name] = defined.get(name, 0) + 1
    first = frozenset(includes if leading is None else leading)
    return Outline(
        tuple(includes), first, opens, frozenset(declared), defined, frozenset(words), words
    )


def _file_scope(words: list[str]) -> Iterator[str]:
    """Tokens outside of bodies, parentheses and template brackets.

    What is in braces after ``enum``, ``namespace`` or ``extern`` belongs to the file scope.
    """
    inside: list[str] = []
    opened_by = ""
    angles = 0
    last = ";"
    for word in words:
        if word in ("enum", "namespace", "extern") and not inside:
            opened_by = word
        if not inside:
            if word == "<" and (last == "template" or _NAME.fullmatch(last)):
                angles += 1
            elif word == ">" and angles:
                angles -= 1
            elif word in ";{}":
                angles = 0
            if not angles and word != ">":
                yield word
        if word in "({[" and not (word == "{" and not inside and opened_by):
            inside.append(word)
        elif word in ")}]" and inside:
            inside.pop()
        if word in ";{" and not inside:
            opened_by = ""
        last = word


def _reopens(words: list[str]) -> bool:
    """Whether std may get new members, or any template a special case."""
    for first, second, third in zip(words, words[1:], words[2:], strict=False):
        if second == "namespace" and third == "std" and first != "using":
            return True
        if first == "template" and second == "<" and third == ">":
            return True
    return words[:2] == ["namespace", "std"]


def _std_openings(scope: list[str]) -> bool | None:
    """Whether std is opened first of all; None when it is opened later, or something else is."""
    starts = [i for i in range(len(scope) - 3) if scope[i : i + 2] == ["using", "namespace"]]
    if any(tuple(scope[start : start + 4]) != _USING_STD for start in starts) or len(starts) > 1:
        return None
    return (True if starts == [0] else None) if starts else False


class Halves:
    """The two halves of a question's unit, for programs that fit."""

    def __init__(self, tests: str, function: str, signature: str, macros: Collection[str]) -> None:
        """Args: macros: those of GoogleTest, which a program built apart does not see."""
        self._function, self._macros = function, frozenset(macros)
        solution = SOLUTION.search(tests)
        self._head = tests[: solution.start()] if solution else ""
        self._declaration = _declaration(function, signature)
        words = [token.group() for token in tokens(signature)]
        self._parameters = _parameters([*words, ""], function)[:-1]
        told = [line.partition("//")[0].strip() for line in self._head.split("\n")]
        self.plain = (
            solution is not None
            and GTEST.search(self._head) is not None
            and all(_INCLUDE.fullmatch(line) for line in told if line)
        )
        made = {f"{suite}_{name}_Test" for suite, name in _TEST.findall(tests)}
        self._words = made.union(token.group() for token in tokens(tests))
        defined_twice = f"{function}(" in re.sub(r"\s+\(", "(", self._head)
        self.possible = self.plain and bool(self._declaration) and not defined_twice

    def fits(self, program: Outline) -> bool:
        """Whether building the program apart gives what building it with the tests would."""
        ours = {self._function}
        return (
            self.possible
            and program.defined.get(self._function) == 1
            and _parameters(program.text, self._function) == [*self._parameters, "{"]
            and (program.declared - ours - {"std"}).isdisjoint(self._words)
            and self._macros.isdisjoint(program.words)
        )

    def stand_in(
        self, includes: Collection[str], opens_std: bool, before: str = "", instead: str = ""
    ) -> str:
        """What stands for the program when the tests are compiled: headers, a declaration.

        Args:
            before: a line after the headers; instead: of the declaration.
        """
        lines = [f"#include <{name}>" for name in includes] + ([before] if before else [])
        declared = instead or self._declaration
        return "\n".join([*lines, *self._opening(opens_std), declared, ""])

    def server(self, includes: Collection[str], opens_std: bool, before: str, answers: str) -> str:
        """A unit that calls the program, whose headers it has."""
        seen = [f"#include <{FIRST}>", GTEST.sub("", self._head)]
        declared = f"{self._declaration}\n{answers}"
        return "\n".join([*seen, self.stand_in(includes, opens_std, before, declared)])

    def program(self, code: str, program: Outline) -> str:
        """The unit of a program: what stands before it in the tests, itself, the declaration."""
        begin, end = (f'#line 1 "{name}"' for name in (_PROGRAM, _DECLARED))
        return "\n".join([self._before(program), begin, code, end, self._declaration, ""])

    def seen(self, includes: Collection[str]) -> str:
        """What a program of any form sees before it, but for GoogleTest's own names."""
        headers = (f"#include <{name}>" for name in includes)
        return "\n".join([f"#include <{FIRST}>", GTEST.sub("", self._head), *headers])

    @property
    def line(self) -> str:
        """The line that says that a program follows."""
        return f'#line 1 "{_PROGRAM}"'

    def mistaken(self, program: Outline, complaint: str) -> bool:
        """Whether a complaint about the unit of a program is one about the program itself.

        The first error then has nothing to do with the declaration, which comes last, and the
        program does not compile with the tests either: GoogleTest's header declares nothing that
        it uses.
        """
        errors = [found.start() for found in _ERROR.finditer(complaint)]
        if not errors or _BROKEN in complaint or not _GTEST_MADE.isdisjoint(program.words):
            return False
        return _DECLARED not in complaint[: [*errors, len(complaint)][1]]

    def _before(self, program: Outline) -> str:
        cmath = "cmath" in program.leading or "<cmath>" in self._head
        return f"#include <{FIRST_CMATH if cmath else FIRST}>\n{GTEST.sub('', self._head)}"

    def _opening(self, opens_std: bool) -> list[str]:
        return ["using namespace std;"] if opens_std else []


def headers(code: str) -> tuple[str, ...]:
    """The headers that a program of any form surely includes, whatever its macros are."""
    found: list[str] = []
    depth = 0
    for line in directives_and_code(code):
        directive = _DIRECTIVE.match(line)
        word = directive[1] if directive else ""
        depth += word.startswith("if")
        depth -= word == "endif"
        if depth == 0 and (include := _INCLUDE.fullmatch(line.strip())):
            found.append(include[1])
    return tuple(dict.fromkeys(found))


def words_of(text: str) -> set[str]:
    """All tokens of a text."""
    return {token.group() for token in tokens(text)}


def _declaration(function: str, signature: str) -> str:
    """A plain function's declaration, or the empty string."""
    text = signature.strip().rstrip(";{ \n")
    words = [token.group() for token in tokens(text)]
    plain = function in words and words[words.index(function) + 1 :][:1] == ["("]
    strange = {"=", "template", "auto", "static", "inline", "constexpr", "#", "{", "}", ";"}
    qualified = plain and words[words.index(function) - 1 : words.index(function)] in (
        ["::"],
        ["~"],
    )
    ends = words[-1:] == [")"]
    return f"{text};" if plain and ends and not qualified and strange.isdisjoint(words) else ""


def _parameters(words: Sequence[str], function: str) -> list[str]:
    """The types of a function's parameters where it is first followed by a parenthesis.

    Names are left out, where they can be told; so is ``std``, which may be open. The last word is
    the one after the parentheses: only a body is followed by nothing that a caller could notice.
    """
    pairs = enumerate(itertools.pairwise(words))
    start = next((i + 2 for i, pair in pairs if pair == (function, "(")), None)
    types: list[str] = []
    depth, begins = 0, 0
    for position in range(len(words) if start is None else start, len(words) - 1):
        word = words[position]
        if depth == 0 and word in (",", ")"):
            if len(types) - begins > 1 and _NAME.fullmatch(types[-1]):
                types.pop()
            types.append(word)
            begins = len(types)
            if word == ")":
                return [*types, words[position + 1]]
            continue
        depth += (word in "(<[{") - (word in ")>]}")
        if word not in ("std", "::"):
            types.append(word)
    return types
