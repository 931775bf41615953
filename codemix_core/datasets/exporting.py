"""The directory of an export: which may be written, and what is written there.

Guarantees: no file that an export did not write is overwritten or removed. A directory is
written when it is new, empty, or holds an earlier export, whose files are then replaced;
``dataset.json`` is written last and names every other file. What the workspace keeps of its own
is never written.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

from codemix_core import files
from codemix_core.datasets.checks import RowChecks
from codemix_core.datasets.formats import Format, torchtune_yaml
from codemix_core.datasets.rows import SIDES
from codemix_core.datasets.stage import file_hash, write_side
from codemix_core.errors import InputError, Problem
from codemix_core.workspace import RunDir, Workspace

DOCUMENT = "dataset.json"


def check_directory(workspace: Workspace, directory: Path, entry: Format) -> set[str]:
    """Names of the files that an earlier export left in ``directory``, to be replaced.

    Raises:
        InputError: it holds files of a person, or belongs to the workspace, or is no directory.
    """
    try:
        place = directory.resolve()
        present = {path.name for path in place.iterdir()} if place.exists() else set()
    except (OSError, ValueError) as error:
        raise InputError(unusable(error)) from error
    kept = (
        *(workspace.questions_root, workspace.runs_root, workspace.models_root),
        *(workspace.annotations_root, workspace.slots_root),
    )
    if any(place == root or place.is_relative_to(root) for root in kept):
        what = f"{str(directory)!r} lies where the workspace keeps its own files."
        raise InputError(Problem("--out", what, f"Use {workspace.exports_root} or another place."))
    own = _exported(place) & present
    if present and not own:
        what = f"{str(directory)!r} is not empty and holds no earlier export."
        raise InputError(Problem("--out", what, "Give a new or an empty directory."))
    foreign = sorted((present - own) & _possible(entry))
    if foreign:
        what = f"{str(directory)!r} holds {', '.join(foreign)}, which no export wrote."
        raise InputError(Problem("--out", what, "Move it away, or give another directory."))
    return own


def write(
    run: RunDir,
    document: dict[str, Any],
    entry: Format,
    checks: RowChecks,
    sides: Collection[str],
    directory: Path,
    more: dict[str, Any],
) -> dict[str, int]:
    """Write the files of a dataset; returns the rows by side.

    Args:
        sides: those that have rows.
        more: further entries of ``dataset.json``.

    Raises:
        InputError: the directory cannot be used, see :func:`check_directory`.
    """
    old = check_directory(run.workspace, directory, entry)
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(unusable(error)) from error
    rows = {}
    written = {}
    names = {DOCUMENT}
    for side in (name for name in SIDES if name in sides):
        path = (directory / f"{side}{entry.ending}").resolve()
        rows[side] = write_side(run, entry, document["kind"], side, path)
        names.add(path.name)
        written[side] = {"file": path.name, "rows": rows[side], "sha256": file_hash(path)}
        block = torchtune_yaml(entry, str(path), checks.facts())
        if block is not None:
            names.add(_block(side))
            _write_text(directory / _block(side), block)
    for name in old - names:
        (directory / name).unlink()
    lineage = {**document, "template": entry.name, "files": written, "dataset": run.run_id}
    lineage |= {**more, "exported": sorted(names)}
    files.write_json(directory / DOCUMENT, lineage)
    return rows


def unusable(error: Exception) -> Problem:
    """A directory that cannot be read or made."""
    reason = error.strerror if isinstance(error, OSError) else str(error)
    return Problem("--out", f"cannot be used: {reason}.", "Give a directory you can write.")


def _exported(directory: Path) -> set[str]:
    """Names that the export in a directory wrote; none when there is no export."""
    path = directory / DOCUMENT
    if not files.is_document(path):
        return set()
    found = files.read_json(path)
    if not {"dataset", "lineage"} <= set(found) or not isinstance(found.get("exported"), list):
        return set()
    return {str(name) for name in found["exported"]}


def _possible(entry: Format) -> set[str]:
    """All names an export in a format may write."""
    return {DOCUMENT, *(f"{side}{entry.ending}" for side in SIDES), *map(_block, SIDES)}


def _block(side: str) -> str:
    return f"torchtune-{side}.yaml"


def _write_text(path: Path, text: str) -> None:
    def write_it(temporary: Path) -> None:
        temporary.write_text(text, encoding="utf-8")

    files.write_atomic(path, write_it)
