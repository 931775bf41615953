"""One small change to a program, and the programs such changes make.

Guarantees: every mutant differs from the source in exactly one place and from every other
mutant; the same source and limit give the same mutants. Not guaranteed: that a mutant means
something else than the source. Whether two programs mean the same cannot be decided, so a
mutant that means the same shows as a survivor and a person judges it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Edit:
    """Replace ``source[start:end]`` (characters) by ``text``.

    kind: ``operator``, ``constant``, ``boundary`` or ``statement``.
    """

    start: int
    end: int
    text: str
    kind: str


@dataclass(frozen=True, slots=True)
class Mutant:
    """A program that differs from its source by one edit.

    line: 1-based number of the first changed line of the source.
    before, after: the changed lines, without surrounding blanks.
    """

    code: str
    kind: str
    line: int
    before: str
    after: str

    def difference(self) -> str:
        """The change as three lines: the place, the line as it was, the line as it became."""
        return f"line {self.line}\n- {self.before}\n+ {self.after}"


def mutants(source: str, edits: Iterable[Edit]) -> list[Mutant]:
    """The different programs that the edits make, in the order of the source."""
    found: dict[str, Mutant] = {}
    for edit in sorted(edits, key=lambda e: (e.start, e.end, e.text)):
        code = source[: edit.start] + edit.text + source[edit.end :]
        if code != source and code not in found:
            found[code] = _mutant(source, code, edit)
    return list(found.values())


def sample(found: list[Mutant], limit: int) -> list[Mutant]:
    """At most ``limit`` of the mutants, spread by a hash of their code; order is kept."""
    ranked = sorted(found, key=lambda m: hashlib.sha256(m.code.encode()).digest())
    kept = {mutant.code for mutant in ranked[:limit]}
    return [mutant for mutant in found if mutant.code in kept]


def _mutant(source: str, code: str, edit: Edit) -> Mutant:
    first = source.rfind("\n", 0, edit.start) + 1
    last = source.find("\n", edit.end)
    tail = 0 if last < 0 else len(source) - last
    return Mutant(
        code=code,
        kind=edit.kind,
        line=source.count("\n", 0, edit.start) + 1,
        before=source[first : len(source) - tail].strip(),
        after=code[first : len(code) - tail].strip(),
    )
