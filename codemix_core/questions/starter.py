"""The bundled starter questions: real-shaped Code Skill-Mix questions, written for this project.

Twelve questions in C++ (googletest) and twelve in Python (pytest), each mixing one or two skills.
They are files a person can read and run where they lie, one folder per question:
``question.toml``, and ``solution.py`` with ``test_solution.py``, or ``solution/solution.cpp``
with ``tests/test.cpp``.

Guaranteed, and held by tests: the order and the content never depend on the machine; a pair of
skills is either in ``train`` or in ``heldout``, and single skills are in ``train``; every gold
solution passes its tests, which kill at least 90% of its mutants.
"""

from __future__ import annotations

import tomllib
from pathlib import Path

from codemix_core.records import Question

FOLDER = Path(__file__).with_name("starter_set")
_FILES = {
    "py": ("python", "pytest", "solution.py", "test_solution.py"),
    "cpp": ("cpp", "googletest", "solution/solution.cpp", "tests/test.cpp"),
}
"""Language, framework and files of a question by the beginning of its folder's name."""


def starter_questions() -> list[Question]:
    """All starter questions, by id."""
    return [_read(path.parent) for path in sorted(FOLDER.glob("*/question.toml"))]


def _read(folder: Path) -> Question:
    language, framework, solution, tests = _FILES[folder.name.partition("-")[0]]
    about = tomllib.loads((folder / "question.toml").read_text(encoding="utf-8"))
    return Question(
        question_id=folder.name,
        k=len(about["skills"]),
        skills=about["skills"],
        language=language,
        framework=framework,
        function_name=about["function_name"],
        signature=about["signature"],
        docstring=about["docstring"],
        statement=about["statement"].strip(),
        gold=(folder / solution).read_text(encoding="utf-8"),
        tests=(folder / tests).read_text(encoding="utf-8"),
        split=about["split"],
        reasoning=about["reasoning"].strip(),
    )
