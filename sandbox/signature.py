"""What a C++ function takes and gives, read off its signature, where that is plain data alone."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sandbox.gtest_unit import NUMBER, tokens

_CONTAINER = re.compile(
    "array|deque|list|(?:unordered_)?(?:map|set)|multi(?:map|set)|optional|pair|string|tuple|vector"
)
_BESIDES = re.compile(r"std|const|::|[<>,]|\d+")
_KEYWORD = re.compile("const|signed|unsigned|short|long|int|char|bool|float|double")
_NAME = re.compile(r"[A-Za-z_]\w*")


@dataclass(frozen=True)
class Signature:
    """The types of a plain function, as they are written."""

    function: str
    result: str
    parameters: tuple[str, ...]

    def defined(self, body: str) -> str:
        """A definition; the parameters are ``a0``, ``a1`` and so on."""
        named = ", ".join(f"{each} a{i}" for i, each in enumerate(self.parameters))
        return f"{self.result} {self.function}({named}) {{ {body} }}"

    @property
    def types(self) -> str:
        """Result and parameters, as arguments of a template."""
        return ", ".join((self.result, *self.parameters))

    @property
    def arguments(self) -> str:
        """The parameters by their names."""
        return ", ".join(f"a{i}" for i in range(len(self.parameters)))


def read(function: str, signature: str) -> Signature | None:
    """The signature; None where it is not plain data, or cannot be told from what is written."""
    words = [token.group() for token in tokens(signature.strip().rstrip(";{ \n"))]
    if words.count(function) != 1 or words[-1:] != [")"]:
        return None
    at = words.index(function)
    result, inside = words[:at], words[at + 2 : -1]
    if words[at + 1 : at + 2] != ["("] or "(" in inside or ")" in inside:
        return None
    parameters = [_unnamed(each) for each in _split(inside)]
    plain = result == ["void"] or _plain(result)
    values = (each[:-1] if each[-1:] == ["&"] else each for each in parameters)
    if not plain or not all(_plain(each) for each in values):
        return None
    references = [each for each in parameters if each[-1] == "&"]
    if len(references) > 1 and any(
        each[0] != "const" and each[-2] != "const" for each in references
    ):
        return None  # a test may give one object twice
    return Signature(function, " ".join(result), tuple(" ".join(each) for each in parameters))


def _split(words: list[str]) -> list[list[str]]:
    """Parameters, apart from each other."""
    parts: list[list[str]] = [[]]
    depth = 0
    for word in words:
        depth += word.count("<") - word.count(">")
        if word == "," and depth == 0:
            parts.append([])
        else:
            parts[-1].append(word)
    return parts if parts != [[]] else []


def _unnamed(words: list[str]) -> list[str]:
    named = len(words) > 1 and _NAME.fullmatch(words[-1]) and not _KEYWORD.fullmatch(words[-1])
    return words[:-1] if named and words[-2] not in ("const", "::") else words


def _plain(words: list[str]) -> bool:
    kinds = [word for word in words if not _BESIDES.fullmatch(word)]
    return bool(kinds) and all(NUMBER.fullmatch(k) or _CONTAINER.fullmatch(k) for k in kinds)
