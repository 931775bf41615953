"""Reading an evaluation and writing it into a file for people without the workspace."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from codemix_core import files
from codemix_core.errors import InputError, NotFoundError, Problem
from codemix_core.evaluation.html_export import page
from codemix_core.workspace import RunDir, Workspace

Document = dict[str, Any]


def as_json(document: Document) -> str:
    """The evaluation's document, every figure in full precision."""
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"


WRITERS: dict[str, Callable[[Document], str]] = {".html": page, ".json": as_json}
"""What gives the text of a file, by the ending of its name."""


def read(run: RunDir) -> Document | None:
    """The document of an evaluation; None until it is complete."""
    if not files.is_document(run.evaluation_path):
        return None
    document: Document = files.read_json(run.evaluation_path)
    return document


def find(workspace: Workspace, run_id: str) -> Document:
    """The document of a complete evaluation.

    Raises:
        NotFoundError: there is no such run, or it is no complete evaluation.
    """
    run = workspace.run(run_id)
    document = read(run) if run.stage == "evaluate" else None
    if document is None:
        known = ", ".join(r.run_id for r in workspace.runs("evaluate") if read(r)) or "none yet"
        what = f"{run_id!r} is no complete evaluation."
        raise NotFoundError(Problem("run", what, f"Evaluations: {known}."))
    return document


def export(workspace: Workspace, run_id: str, out: Path) -> None:
    """Write a complete evaluation as HTML or JSON, by the ending of ``out``.

    Raises:
        InputError: every problem of the run and the file at once; nothing was written.
    """
    problems: list[Problem] = []
    if out.suffix not in WRITERS:
        fix = f"allowed: a name ending in {' or '.join(WRITERS)}."
        problems.append(Problem("--out", f"got {out.name!r};", fix))
    if not out.parent.is_dir():
        problems.append(Problem("--out", f"there is no directory {out.parent}.", "Create it."))
    try:
        document = find(workspace, run_id)
    except NotFoundError as error:
        problems += error.problems
    if problems:
        raise InputError(problems)
    text = WRITERS[out.suffix](document)

    def write(path: Path) -> None:
        path.write_text(text, encoding="utf-8")

    files.write_atomic(out, write)
