"""Macros of a program that reach into its tests, which come after it in one unit.

A macro takes hold wherever its name stands: in the tests' own text, and in what GoogleTest's
macros and ours expand to. No program needs a macro of such a name, except for the names of plain
types (``#define int long long``).
"""

from __future__ import annotations

import re
from collections.abc import Collection

_JOINED = re.compile(r"(?:\\|\?\?/)[ \t]*\r?\n")
_COMMENT = re.compile(r"//[^\n]*|/\*.*?(?:\*/|\Z)|(\"(?:\\.|[^\"\\\n])*\")", re.DOTALL)
_DEFINITION = re.compile(
    r"^[ \t]*(?:#|%:|\?\?=)[ \t]*(?:define|undef)[ \t]+(\w+)([^\n]*)", re.MULTILINE
)
_PARAMETERS = re.compile(r"\(([^)]*)\)")
_WORD = re.compile(r"[A-Za-z_]\w*")
_TYPES = frozenset(("int", "long", "short", "unsigned", "signed", "char", "float", "double"))
_WIDE = _TYPES | {"int32_t", "int64_t", "uint32_t", "uint64_t", "size_t", "__int128", "std"}
_KEYWORDS = frozenset(
    (
        *("alignas", "alignof", "auto", "bool", "break", "case", "catch", "class", "const"),
        *("const_cast", "constexpr", "continue", "decltype", "default", "delete", "do"),
        *("dynamic_cast", "else", "enum", "explicit", "extern", "false", "for", "friend", "goto"),
        *("if", "inline", "mutable", "namespace", "new", "noexcept", "nullptr", "operator"),
        *("override", "private", "protected", "public", "reinterpret_cast", "return", "sizeof"),
        *(
            "static",
            "static_assert",
            "static_cast",
            "struct",
            "switch",
            "template",
            "this",
            "throw",
        ),
        *("true", "try", "typedef", "typeid", "typename", "union", "using", "virtual", "void"),
        *("volatile", "while"),
    )
)
_TESTS = re.compile(r"\b(?:(?:GTEST_)?TEST(?:_[FP])?|TYPED_TEST(?:_P)?)\s*\(")
_ASSERTION = re.compile("EXPECT_|ASSERT_")
_FRAMEWORK = re.compile(r"\btesting\b")
_ALIAS = re.compile(r"\bnamespace\s+\w+\s*=\s*(?:::\s*)?testing\b|::\s*testing\b")


def reaching(code: str, words: Collection[str]) -> str | None:
    """What a program's macros, tests or aliases do to its tests, or None.

    Args:
        words: identifiers of the tests, and of what macros in them expand to.
    """
    text = _plain(code)
    if _TESTS.search(text):
        return "the program brings tests of its own"
    if _ALIAS.search(text):
        return "the program reaches into the framework of its tests"
    for name, rest in _DEFINITION.findall(text):
        if _FRAMEWORK.search(rest):
            return "the program reaches into the framework of its tests"
        body = set(_WORD.findall(rest))
        plain = name in _TYPES and body <= _WIDE and "(" not in rest
        if not plain and (name in words or name in _KEYWORDS or name in _TYPES):
            return f"the program redefines {name}, which the tests use"
    return None


def expansions(definitions: str) -> set[str]:
    """The names of the macros that tests use, and the identifiers in the bodies of all.

    Left out are parameters, and words of one or two letters but in macros of assertions: a program
    may well have a macro of such a name, and has nothing to gain from it.
    """
    found: set[str] = set()
    for name, rest in _DEFINITION.findall(_plain(definitions)):
        given = _PARAMETERS.match(rest)
        body = set(_WORD.findall(rest[given.end() :] if given else rest))
        body -= set(_WORD.findall(given[1]) if given else ())
        found |= body if _ASSERTION.match(name) else {word for word in body if len(word) > 2}
        found.add(name)
    return found


def identifiers(text: str) -> set[str]:
    """The identifiers of a text, strings and comments left out."""
    return set(_WORD.findall(_plain(text)))


def _plain(text: str) -> str:
    return _COMMENT.sub(lambda found: '""' if found[1] else " ", _JOINED.sub("", text))
