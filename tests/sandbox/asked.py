"""Questions whose programs have objects and functions, and other programs for each."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Asked:
    """A question, and by name what its other programs have in place of parts of the gold one."""

    tests: str
    gold: str
    others: dict[str, list[tuple[str, str]]] = field(default_factory=dict)

    def program(self, name: str) -> str:
        """The code of one of them, or of ``gold``."""
        code = self.gold
        for old, new in self.others.get(name, ()):
            assert old in code, (name, old)
            code = code.replace(old, new)
        return code
