"""The compilation unit of a ``googletest`` question: its tests, and what watches them.

Guarantees: GoogleTest comes before the program, as in the tests; every test stays on its line;
each call of the asked function that can be told from a declaration is checked by the compiler
against the kind of type its signature promises; the program cannot name, specialise or redefine
what the assertions are made of.

Not guaranteed: where the signature is no C++, promises a pointer or a type of its own, or where
the tests reach the function by another way than a call by its name, return types are not checked.
Nothing is watched where the tests include the program before GoogleTest, or say themselves when
values of std are equal.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sandbox import macros

_GUARD = Path(__file__).with_name("guard.hpp")
_PLACE = "WORD"
EXPANSIONS = macros.expansions(_GUARD.read_text("utf-8"))
"""What the macros of the guard expand to, in identifiers."""
GTEST = re.compile(r'^[ \t]*#[ \t]*include[ \t]*[<"]gtest/gtest\.h[>"].*\n', re.MULTILINE)
SOLUTION = re.compile(r'^[ \t]*#[ \t]*include[ \t]*"[^"\n]*solution\.cpp".*\n', re.MULTILINE)
_RAW = r'(?:u8|[uUL])?R"(?P<mark>[^()\\\s]{0,16})\((?:.*?\)(?P=mark)"|.*\Z)'
_TEXT = r'(?:u8|[uUL])?"(?:\\.|[^"\\\n])*"|(?:u8|[uUL])?\'(?:\\.|[^\'\\\n])+\''
_TOKEN = re.compile(
    rf"(?P<comment>//(?:\\\n|[^\n])*|/\*.*?(?:\*/|\Z))|{_RAW}|{_TEXT}|\d(?:'?[\w.])*|\w+"
    r"|->\*?|::|&&|\|\||<<=?|>=|<=|==|!=|[^\s\w]",
    re.DOTALL,
)
NUMBER = re.compile(
    "bool|char|short|int|long|signed|unsigned|float|double|u?int(?:8|16|32|64)_t|s?size_t|ptrdiff_t"
)
_STANDARD = re.compile(
    "array|deque|forward_list|list|(?:unordered_)?(?:multi)?map|(?:unordered_)?set|multiset|optional"
    "|pair|string|string_view|tuple|variant|vector"
)
_BESIDES = re.compile(r"std|const|constexpr|static|inline|::|[<>,&]|\d+")
_LATER = {
    "deque": ("_STL_DEQUE_H", "kOrdered"),
    "forward_list": ("_FORWARD_LIST_H", "kOrdered"),
    "list": ("_STL_LIST_H", "kOrdered"),
    "unordered_set": ("_UNORDERED_SET_H", "kUnordered"),
}
"""Containers whose headers GoogleTest does not include -> (libstdc++'s own guard, kind)."""

INTERNALS = (
    "AddTestPartResult",
    "AssertHelper",
    "ClearTestPartResults",
    "CmpHelperEQ",
    "CmpHelperEQFailure",
    "CmpHelperFloatingPointEQ",
    "CmpHelperGE",
    "CmpHelperGT",
    "CmpHelperLE",
    "CmpHelperLT",
    "CmpHelperNE",
    "CmpHelperOpFailure",
    "CmpHelperSTREQ",
    "CmpHelperSTRNE",
    "DoubleNearPredFormat",
    "EqHelper",
    "GetBoolAssertionFailureMessage",
    "GetUnitTestImpl",
    "MakeAndRegisterTestInfo",
    "TestPartResult",
    "TestResultAccessor",
    "UnitTestImpl",
    "gtest_ar",
    "gtest_ar_",
    "kFatalFailure",
    "kNonFatalFailure",
)
"""What assertions are made of; the compiler refuses a program that mentions one."""

_POISONED = 'attempt to use poisoned "'
_BEFORE_A_CALL = re.compile(r"[(,{};=!+\-/%|?:[<]|&&|\|\||[=!<>]=|<<|return|throw|case|else|do")
_EQUALITY = re.compile(r"\boperator\s*==")
_NAME = re.compile(r"(?!(?:return|throw|case|else|do)\b)[A-Za-z_]\w*")
_BINARY_AFTER = re.compile(r"[\d)\]]")
_DEFINED = re.compile(r"^[ \t]*(?:#|%:|\?\?=)[ \t]*(?:define|undef)[ \t]+(\w+)", re.MULTILINE)
_MADE_OF = re.compile(
    r"(?:ASSERT|EXPECT)_PRED_FORMAT2|GTEST_\w+|AssertionResult|testing"
    "|if|else|switch|case|default|return"
)
_ASSEMBLY = frozenset(("asm", "__asm", "__asm__"))
_STACK = frozenset(
    ("__builtin_return_address", "__builtin_frame_address", "__builtin_extract_return_addr")
)
_NAMES_OF_OTHERS = frozenset(("weakref", "__weakref__", "ifunc", "__ifunc__"))
_RECORDER = frozenset(("codemix_report", "codemix_watch", "codemix_chance"))
_REFUSED = {
    "the program holds assembly, by which any symbol can be given another meaning": _ASSEMBLY,
    "the program looks at the stack of the tests": _STACK,
    "the program gives a function another's name": _NAMES_OF_OTHERS,
    "the program uses what records the tests": _RECORDER,
}
_ALIASES, _ATTRIBUTES = ("alias", "__alias__"), {"__attribute__", "__attribute", "gnu", "__gnu__"}
MANGLED = "7testing"
"""Part of every symbol in GoogleTest's namespace."""
REACHES = "the program reaches into the framework of its tests"
_TEST = re.compile("TEST(?:_[FP])?")
_LEAVES = frozenset(("return", "co_return", "goto", "GTEST_SKIP"))
_ASSERTION = re.compile(r"(?:EXPECT|ASSERT)_\w+|TEST(?:_[FP])?")


@dataclass(frozen=True)
class Unit:
    """The text of ``tests/test.cpp`` as it is compiled, and the files beside it.

    word: unknown to programs; in a compiler's complaint it means that a call returned what its
        signature does not promise.
    """

    text: str
    word: str
    beside: dict[str, str]

    def tampering(self, complaint: str) -> str | None:
        """What the compiler's complaint says about tampering, or None."""
        if f"static assertion failed: {self.word}" in complaint:
            return "the function does not return the kind of type its signature promises"
        if _POISONED in complaint:
            name = complaint.partition(_POISONED)[2].partition('"')[0]
            return f"the program uses {name}, which the tests' assertions are made of"
        if f"#error {self.word}" in complaint:
            return "the program includes the tests"
        return None

    def plain(self, message: str) -> str:
        """A message without the marks of checked calls and of ends."""
        for step in (1, 2):
            message = message.replace(_step(self.word, step), "")
        opening = f"({self.word}, "
        while (start := message.find(opening)) >= 0:
            body = message[start + len(opening) :]
            end = next((t.start() for t, depth in _nested(body) if depth < 0), len(body))
            message = message[:start] + body[:end] + body[end + 1 :]
        return message


def make(tests: str, function: str, signature: str, word: str) -> Unit:
    """The unit of a question, with a word that nothing else in it may be called by."""
    promised = _promise(function, signature)
    calls = "" if promised is None else f"constexpr {_place(word)}::Call<{promised}> {word};"
    text = _with_ends(tests, word)
    text = text if promised is None else _with_checked_calls(text, function, word)
    included, solution = GTEST.search(text), SOLUTION.search(text)
    own_equality = "namespace std" in tests and _EQUALITY.search(tests) is not None
    if own_equality or not included or not solution or included.start() > solution.start():
        return Unit(tests, word, {})
    first, second = included.end(), solution.end()
    text = "".join(
        [
            f"#if __INCLUDE_LEVEL__ != 0\n#error {word}\n#endif\n#line 1\n",
            text[:first],
            f'#include "{word}.hpp"\n{_line(text, first)}',
            text[first:second],
            f"{_late(word)}{calls}{_places(word)}\n{_line(text, second)}",
            text[second:],
        ]
    )
    guard = _GUARD.read_text("utf-8").replace(_PLACE, word)
    hidden = [name for name in INTERNALS if name not in tests and "gmock" not in tests]
    poison = "".join(f"#pragma GCC poison {name}\n" for name in hidden)
    return Unit(text, word, {f"{word}.hpp": guard + poison})


def tampering(code: str, tests: str) -> str | None:
    """What the program's text says about tampering, or None."""
    words = [token.group() for token in tokens(code.replace("\\\n", ""))]
    for reason, refused in _REFUSED.items():
        if not refused.isdisjoint(words):
            return reason
    for first, second in itertools.pairwise(words):
        attribute = first in _ALIASES and second == "(" and not _ATTRIBUTES.isdisjoint(words)
        if attribute or (first, second) in (("testing", "::"), ("namespace", "testing")):
            return REACHES
    if any(MANGLED in word for word in words):
        return REACHES
    name = redefined(code, tests)
    return None if name is None else f"the program redefines {name}, which the tests use"


def redefined(code: str, tests: str) -> str | None:
    """A name that the program redefines and the tests' assertions are made of, or None."""
    for text in (code, without_comments(code.replace("\\\n", ""))):
        for name in _DEFINED.findall(text):
            used = _ASSERTION.fullmatch(name) and f"{name}(" in tests
            if used or _MADE_OF.fullmatch(name):
                return str(name)
    return None


def _place(word: str) -> str:
    return f"testing::internal::{word}"


def _places(word: str) -> str:
    """How far the present test has come: 1 begun, 2 at its end.

    Without a type's name, as the program may have given it another meaning.
    """
    at = f"static auto {word}_at = {_place(word)}::kOutside;"
    told = f"static const auto {word}_told = {_place(word)}::Watch(&{word}_at);"
    return f" [[maybe_unused]] {at} [[maybe_unused]] {told}"


def _with_ends(tests: str, word: str) -> str:
    """The tests with a mark where each begins and ends; those that may return early have none."""
    found = list(_nested(tests))
    names = [token.group() for token, _ in found]
    inserts: list[tuple[int, str]] = []
    for position, name in enumerate(names):
        if _TEST.fullmatch(name) and names[position + 1 : position + 2] == ["("]:
            depth = found[position][1]
            after = range(position + 2, len(names) - 1)
            closing = next((i for i in after if found[i][1] == depth), None)
            if closing is None or names[closing + 1] != "{":
                continue
            end = _end_of_block(names, closing + 1)
            if end is not None and _LEAVES.isdisjoint(names[closing + 1 : end]):
                inserts.append((found[closing + 1][0].end(), _step(word, 1)))
                inserts.append((found[end][0].start(), _step(word, 2)))
    return _inserted(tests, inserts)


def _step(word: str, step: int) -> str:
    return f" {word}_at = {step}; "


def _end_of_block(names: list[str], opening: int) -> int | None:
    depth = 0
    for position in range(opening, len(names)):
        depth += (names[position] == "{") - (names[position] == "}")
        if depth == 0:
            return position
    return None


def _inserted(text: str, inserts: list[tuple[int, str]]) -> str:
    pieces, done = [], 0
    for position, insert in sorted(inserts, key=lambda pair: pair[0]):
        pieces += [text[done:position], insert]
        done = position
    return "".join([*pieces, text[done:]])


def _line(text: str, position: int) -> str:
    return f"#line {text.count(chr(10), 0, position) + 1}\n"


def _late(word: str) -> str:
    return "".join(
        f"#ifdef {guard}\ntemplate <class... A>\n"
        f"struct {_place(word)}::Kind<std::{name}<A...>> : Made<{kind}, A...> {{}};\n#endif\n"
        for name, (guard, kind) in _LATER.items()
    )


def _promise(function: str, signature: str) -> str | None:
    """``true`` for a number, ``false`` for a type of std, None for what is neither."""
    found = re.search(rf"\b{re.escape(function)}\s*\(", signature) if function else None
    parts = [token.group() for token in tokens(signature[: found.start()] if found else "")]
    kinds = [part for part in parts if not _BESIDES.fullmatch(part)]
    if not kinds or not all(NUMBER.fullmatch(k) or _STANDARD.fullmatch(k) for k in kinds):
        return None
    return "true" if all(NUMBER.fullmatch(kind) for kind in kinds) else "false"


def tokens(text: str) -> Iterator[re.Match[str]]:
    """Tokens of C++ as far as this project needs them, comments left out."""
    return (token for token in _TOKEN.finditer(text) if token["comment"] is None)


def _nested(text: str) -> Iterator[tuple[re.Match[str], int]]:
    """Tokens, with the depth of parentheses after each."""
    depth = 0
    for token in tokens(text):
        depth += (token.group() == "(") - (token.group() == ")")
        yield token, depth


def _with_checked_calls(tests: str, function: str, word: str) -> str:
    """The tests with ``f(x)`` written as ``(word, f(x))`` where it is surely a call."""
    found = list(_nested(tests))
    names = [token.group() for token, _ in found]
    inserts: list[tuple[int, str]] = []
    for position in range(2, len(found) - 1):
        if names[position] != function or names[position + 1] != "(":
            continue
        first = _receiver(names, position)
        before, last = names[first - 1], names[first - 2][-1]
        binary = before in "*&>" and _BINARY_AFTER.fullmatch(last) is not None
        depth = found[position][1]
        after = (t.end() for t, d in found[position + 2 :] if d == depth and t.group() == ")")
        end = next(after, None)
        if end is not None and (binary or _BEFORE_A_CALL.fullmatch(before)):
            inserts += [(found[first][0].start(), f"({word}, "), (end, ")")]
    return _inserted(tests, inserts)


def _receiver(names: list[str], position: int) -> int:
    """Where the expression begins that ``names[position]`` is called on: ``object.`` or ``::``."""
    while names[position - 1] in (".", "->", "::") and _NAME.fullmatch(names[position - 2]):
        position -= 2
    return position


def without_comments(code: str) -> str:
    """The same with a space for each comment."""
    return _TOKEN.sub(lambda token: " " if token["comment"] else token.group(), code)


def directives_and_code(code: str) -> list[str]:
    """Lines, as the preprocessor sees them: without comments and texts of several lines."""
    joined = code.replace("\r\n", "\n").replace("\\\n", "")
    shown = _TOKEN.sub(lambda t: " " if t["comment"] or "\n" in t.group() else t.group(), joined)
    return shown.split("\n")
