"""``pytest``: a test module that imports the program as ``solution``; same process."""

from __future__ import annotations

from codemix_core.scoring.frameworks.base import Framework, matches


def _declared(tests: str) -> list[str]:
    return matches(r"^def (test\w*)", tests)


FRAMEWORK = Framework("pytest", "python", "B", "pytest", 20.0, _declared, {"framework": "lifted"})
