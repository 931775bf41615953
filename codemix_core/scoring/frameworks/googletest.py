"""``googletest``: ``tests/test.cpp`` that includes ``../solution/solution.cpp``; same process."""

from __future__ import annotations

from codemix_core.scoring.frameworks.base import Framework, matches


def _declared(tests: str) -> list[str]:
    return matches(r"^[ \t]*TEST(?:_F)?\s*\(\s*(\w+)\s*,\s*(\w+)\s*\)", tests)


FRAMEWORK = Framework("googletest", "cpp", "B", "cpp", 90.0, _declared, {"lifted": True})
