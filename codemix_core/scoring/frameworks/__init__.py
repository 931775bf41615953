"""Test frameworks by name: which wall a question needs and what the judge is told about it.

Extend by adding a module with a ``FRAMEWORK`` here and a judge of the same name in
:mod:`sandbox`.
"""

from __future__ import annotations

from codemix_core.errors import Problem, SpecError
from codemix_core.records import Question
from codemix_core.scoring.frameworks.base import Framework
from codemix_core.scoring.frameworks.cases import FRAMEWORK as CASES
from codemix_core.scoring.frameworks.googletest import FRAMEWORK as GOOGLETEST
from codemix_core.scoring.frameworks.pytest import FRAMEWORK as PYTEST

__all__ = ["Framework", "framework_of", "names"]

_FRAMEWORKS = {framework.name: framework for framework in (CASES, PYTEST, GOOGLETEST)}


def names() -> list[str]:
    """Frameworks that can be scored."""
    return list(_FRAMEWORKS)


def framework_of(question: Question) -> Framework:
    """The question's framework.

    Raises:
        SpecError: it is unknown, or does not go with the question's language.
    """
    where = f"question {question.question_id!r}"
    if question.framework not in _FRAMEWORKS:
        raise SpecError(
            Problem(where, f"has framework {question.framework!r};", f"allowed: {names()}.")
        )
    framework = _FRAMEWORKS[question.framework]
    if question.language != framework.language:
        what = f"has framework {framework.name} but language {question.language!r};"
        raise SpecError(Problem(where, what, f"allowed: {framework.language}."))
    return framework
