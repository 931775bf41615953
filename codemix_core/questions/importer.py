"""``import``: a question set from a file, a folder or a bundled source into the workspace.

Guarantees: a set is written whole or not at all; bad input writes nothing; a set never changes
once written. Importing the same questions under the same name again does nothing, so a script
may always begin with its import.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from codemix_core.errors import InputError, Problem
from codemix_core.questions import formats
from codemix_core.questions.check import CheckedSet, check
from codemix_core.questions.source import unreadable
from codemix_core.records import Question, content_hash
from codemix_core.specs import Spec, option
from codemix_core.workspace import QuestionSet, Workspace, check_name

NANO = "nano"
STARTER = "starter"


def _nano() -> list[Question]:
    from codemix_core.questions.nano import nano_questions

    return nano_questions()


def _starter() -> list[Question]:
    from codemix_core.questions.starter import starter_questions

    return starter_questions()


BUNDLED: dict[str, Callable[[], list[Question]]] = {NANO: _nano, STARTER: _starter}
"""Paths that stand for bundled questions. A file of such a name is ``./nano``."""
_NAMES = " or ".join(f"'{name}'" for name in BUNDLED)


class ImportSpec(Spec):
    """Settings of ``import``."""

    stage = "import"
    command = "import"

    path: str = option(doc=f"file or folder with questions, or {_NAMES}", argument=True)
    name: str | None = option(None, f"name of the new set; left out: {_NAMES}, as imported")
    format: str = option("auto", f"one of: auto, {', '.join(formats.FORMATS)}")

    def contradictions(self) -> list[Problem]:
        """An unknown format, no usable name, or a path that cannot be read, all told at once."""
        problems = []
        if self.format not in ("auto", *formats.FORMATS):
            fix = f"allowed: auto, {', '.join(formats.FORMATS)}."
            problems.append(Problem("format", f"got {self.format!r};", fix))
        if self.name is None and self.path not in BUNDLED:
            problems.append(Problem("name", "is required.", "Give --name NAME."))
        if self.name is not None:
            try:
                check_name("name", self.name)
            except InputError as error:
                problems += error.problems
        if self.path not in BUNDLED:
            problem = unreadable(Path(self.path).expanduser())
            problems += [problem] if problem is not None else []
        return problems

    def device(self) -> None:
        """Reading files needs no device."""
        return


@dataclass(frozen=True)
class Imported:
    """What an import did.

    new: False when the same questions were there already and nothing was written.
    """

    question_set: QuestionSet
    new: bool

    def summary(self) -> str:
        """One line for the person who asked."""
        info = self.question_set.info()
        counts = ", ".join(f"{n} {name}" for name, n in info["counts"]["language"].items())
        text = f"{self.question_set.name}: {info['questions']} questions ({counts})"
        text += f", format {info['format']}"
        if not self.new:
            return f"{text}; already imported, nothing to do"
        return f"{text}, {len(info['warnings'])} warnings" if info["warnings"] else text


def import_questions(
    path: str, name: str | None, format_name: str, workspace: Workspace
) -> Imported:
    """Import a question set.

    Args:
        path: a file or folder, or the name of a bundled set.
        name: the new set's name; may be None for a bundled set.
        format_name: a format, or ``auto``.
        workspace: where it goes.

    Raises:
        InputError: the source is bad, the name unusable or taken by other questions. Nothing
            has been written.
    """
    spec = ImportSpec.parse({"path": path, "name": name, "format": format_name})
    set_name = spec.path if spec.name is None else spec.name
    if spec.path in BUNDLED:
        checked = CheckedSet(spec.path, BUNDLED[spec.path](), [])
        source = "bundled"
    else:
        found = Path(spec.path).expanduser()
        checked = check(formats.read(found, spec.format))
        source = str(found.resolve())
    return _store(workspace, set_name, checked, source)


def _store(workspace: Workspace, name: str, checked: CheckedSet, source: str) -> Imported:
    info: dict[str, Any] = {
        "source": source,
        "format": checked.format,
        "counts": _counts(checked.questions),
        "warnings": [{"where": w.where, "what": w.what, "fix": w.fix} for w in checked.warnings],
    }
    try:
        return Imported(workspace.write_question_set(name, checked.questions, info), new=True)
    except FileExistsError:
        existing = workspace.question_set(name)
    if existing.info()["content_hash"] == content_hash(checked.questions):
        return Imported(existing, new=False)
    what = f"there is a set {name!r} with other questions, and sets never change."
    raise InputError(Problem("name", what, "Choose another name."))


def _counts(questions: Iterable[Question]) -> dict[str, dict[str, int]]:
    """Number of questions by language, framework, k and split."""
    rows = list(questions)
    return {
        "language": dict(Counter(q.language for q in rows)),
        "framework": dict(Counter(q.framework for q in rows)),
        "k": dict(sorted(Counter(str(q.k) for q in rows).items())),
        "split": dict(Counter(q.split or "none" for q in rows)),
    }
