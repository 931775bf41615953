"""The languages questions are written in: how they are named and fenced.

A new language is one entry here (and a runner in the sandbox).
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Language:
    """One programming language.

    name: as stored in ``Question.language``.
    title: as written in a prompt.
    tag: the info string of its fenced block in prompts.
    tags: every info string models use for it, in any letter case.
    """

    name: str
    title: str
    tag: str
    tags: re.Pattern[str]

    @property
    def fence(self) -> str:
        """The line that opens a fenced block of this language."""
        return "```" + self.tag

    def owns(self, tag: str) -> bool:
        """Whether a fenced block with this info string holds this language."""
        return self.tags.fullmatch(tag) is not None


LANGUAGES = {
    language.name: language
    for language in (
        Language("python", "Python", "python", re.compile(r"(?i)i?py(?:thon)?[-_]?[\d.]*")),
        Language(
            "cpp",
            "C++",
            "cpp",
            re.compile(r"(?i)(?:c\+\+|cpp|cplusplus|cxx|gnu\+\+)[-_]?\d?\w?|cc|c|hpp|hxx|hh|h"),
        ),
    )
}

_BACKTICKS = re.compile(r"^[ \t]*(`{3,})", re.MULTILINE)


def language(name: str) -> Language:
    """The language of a question.

    Raises:
        KeyError: no language of that name is registered.
    """
    return LANGUAGES[name]


def fenced(code: str, name: str) -> str:
    """A program as one fenced block of its language, as answers carry it.

    The fence is longer than any fence line inside the program, so extraction gives the
    program back.
    """
    longest = max((len(run) for run in _BACKTICKS.findall(code)), default=2)
    ticks = "`" * max(3, longest + 1)
    body = code if code.endswith("\n") else code + "\n"
    return f"{ticks}{language(name).tag}\n{body}{ticks}"
