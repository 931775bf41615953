"""What people decided about picks and pairs: append-only lines, one per decision.

Guarantees: nothing is ever overwritten, so who decided what, when and why stays; two people
(or tabs) may write at once; an undo is a decision of its own that takes another one back. The
first N lines of a file never change, so a dataset that notes N can be built again exactly.

Which decision holds: the last one about the same pick or pair that was not undone. Notes add up.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from typing import Literal

from codemix_core import files
from codemix_core.errors import InputError, NotFoundError, Problem
from codemix_core.workspace import RunDir

Kind = Literal["pick", "pair"]
Action = Literal["accept", "reject", "swap", "pick", "note", "undo"]
ACTIONS: dict[Kind, tuple[Action, ...]] = {
    "pick": ("accept", "reject", "pick", "note"),
    "pair": ("accept", "reject", "swap", "note"),
}
MAX_TEXT = 2000
"""Characters of a reason; keeps one line within one atomic write."""


@dataclass(frozen=True)
class Annotation:
    """One decision.

    kind: about a ``pick`` or a ``pair``. chosen, rejected: sample indexes; rejected is None for
    a pick. action ``pick``: take this answer instead. target: the decision an undo takes back.
    """

    id: str
    time: str
    author: str
    kind: Kind
    action: Action
    question_id: str
    chosen: int | None
    rejected: int | None
    reason: str = ""
    target: str | None = None

    @property
    def subject(self) -> Subject:
        """What it is about."""
        return (self.kind, self.question_id, self.chosen, self.rejected)


Subject = tuple[Kind, str, int | None, int | None]


@dataclass
class Decisions:
    """What holds now.

    by_subject: the deciding annotation of every pick or pair (never a note).
    picked: question id -> the answer a person chose. notes: in order of writing.
    count: lines read, undone and undoing ones included.
    """

    by_subject: dict[Subject, Annotation] = field(default_factory=dict)
    picked: dict[str, Annotation] = field(default_factory=dict)
    notes: dict[Subject, list[Annotation]] = field(default_factory=dict)
    count: int = 0

    def pair(self, question_id: str, chosen: int, rejected: int) -> Annotation | None:
        """The decision about a pair as a rule made it."""
        return self.by_subject.get(("pair", question_id, chosen, rejected))

    def pick(self, question_id: str, sample: int) -> Annotation | None:
        """The decision about one answer as a pick."""
        return self.by_subject.get(("pick", question_id, sample, None))


def write(
    run: RunDir,
    kind: Kind,
    action: Action,
    question_id: str,
    chosen: int,
    rejected: int | None = None,
    *,
    author: str,
    reason: str = "",
) -> Annotation:
    """Append one decision about a generation or pair of the scoring run ``run``.

    Raises:
        InputError: the action does not fit the kind, or the author or reason is unusable.
    """
    found = problems(kind, action, chosen, rejected, author, reason)
    if found:
        raise InputError(found)
    return _append(run, author, kind, action, question_id, chosen, rejected, reason, None)


def undo(run: RunDir, annotation_id: str, *, author: str) -> Annotation:
    """Take a decision back.

    Raises:
        NotFoundError: there is no such decision, or it was taken back before.
    """
    lines = read(run)
    undone = {a.target for a in lines if a.action == "undo"}
    for found in lines:
        if found.id == annotation_id and found.action != "undo" and found.id not in undone:
            return _append(
                run,
                author,
                found.kind,
                "undo",
                found.question_id,
                found.chosen,
                found.rejected,
                "",
                found.id,
            )
    what = f"there is no decision {annotation_id!r} to take back."
    raise NotFoundError(Problem("annotation", what, "It may have been taken back already."))


def undo_last(run: RunDir, *, author: str, among: Collection[str]) -> Annotation | None:
    """Take back the last decision that still stands of those one session wrote.

    Args:
        among: ids of that session's decisions: the same person may decide in another tab.

    Returns:
        The undo, or None when nothing stands.
    """
    lines = read(run)
    undone = {a.target for a in lines if a.action == "undo"}
    for found in reversed(lines):
        if found.id in among and found.action != "undo" and found.id not in undone:
            return undo(run, found.id, author=author)
    return None


def read(run: RunDir, limit: int | None = None) -> list[Annotation]:
    """All decisions in order of writing, or the first ``limit`` of them."""
    lines = files.read_lines(run.workspace.annotations_path(run.run_id))
    found = [Annotation(**line) for line in lines if isinstance(line, dict) and set(line) == _NAMES]
    return found if limit is None else found[:limit]


def current(run: RunDir, limit: int | None = None) -> Decisions:
    """What holds now, or held after the first ``limit`` decisions."""
    return fold(read(run, limit))


def fold(annotations: Sequence[Annotation]) -> Decisions:
    """The decisions that hold after all of ``annotations``."""
    undone = {a.target for a in annotations if a.action == "undo"}
    held = Decisions(count=len(annotations))
    for annotation in annotations:
        if annotation.action == "undo" or annotation.id in undone:
            continue
        if annotation.action == "note":
            held.notes.setdefault(annotation.subject, []).append(annotation)
            continue
        held.by_subject[annotation.subject] = annotation
        if annotation.action == "pick":
            held.picked[annotation.question_id] = annotation
        elif _rejects_the_choice(held, annotation):
            del held.picked[annotation.question_id]
    return held


def standing(annotations: Sequence[Annotation]) -> list[Annotation]:
    """The decisions and notes that hold, in order of writing."""
    held = fold(annotations)
    ids = {
        a.id for a in (*held.by_subject.values(), *(n for ns in held.notes.values() for n in ns))
    }
    return [annotation for annotation in annotations if annotation.id in ids]


def content(decisions: Iterable[Annotation]) -> list[dict[str, object]]:
    """Decisions as plain documents, to be kept with what they were applied to."""
    return [asdict(decision) for decision in decisions]


def _rejects_the_choice(held: Decisions, annotation: Annotation) -> bool:
    chosen = held.picked.get(annotation.question_id)
    return (
        chosen is not None
        and annotation.kind == "pick"
        and annotation.action == "reject"
        and annotation.chosen == chosen.chosen
    )


def _append(
    run: RunDir,
    author: str,
    kind: Kind,
    action: Action,
    question_id: str,
    chosen: int | None,
    rejected: int | None,
    reason: str,
    target: str | None,
) -> Annotation:
    time = datetime.now(UTC).isoformat(timespec="milliseconds")
    made = Annotation(
        uuid.uuid4().hex, time, author, kind, action, question_id, chosen, rejected, reason, target
    )
    files.append_line(run.workspace.annotations_path(run.run_id), asdict(made))
    return made


_NAMES = {f.name for f in fields(Annotation)}


def problems(
    kind: Kind, action: Action, chosen: int, rejected: int | None, author: str, reason: str
) -> list[Problem]:
    """What is wrong with a decision by itself, whatever run it is about."""
    found = []
    if action not in ACTIONS[kind]:
        allowed = ", ".join(ACTIONS[kind])
        found.append(Problem("action", f"got {action!r};", f"allowed: {allowed}."))
    if (rejected is None) != (kind == "pick") or chosen == rejected:
        fix = "A pair has a chosen and another rejected answer, a pick has one answer."
        found.append(Problem("rejected", f"got {rejected!r};", fix))
    if not author.strip():
        found.append(Problem("author", "is blank.", "Say who decides."))
    for name, value in (("author", author), ("reason", reason)):
        if len(value) > MAX_TEXT:
            fix = f"Give at most {MAX_TEXT} characters."
            found.append(Problem(name, f"has {len(value)} characters.", fix))
    if action == "note" and not reason.strip():
        found.append(Problem("reason", "is blank.", "Write the note."))
    return found
