"""The datasets of a workspace: list, look into, export, delete.

Guarantees: an export is blocked while something is known to be wrong with the rows, unless a
person overrides it with a reason, which is kept with the dataset; what a training run still
refers to is not deleted unless that is asked for.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from codemix_core import files, jobs
from codemix_core.datasets.checks import RowChecks, looked_at
from codemix_core.datasets.exporting import check_directory, write
from codemix_core.datasets.formats import format_for
from codemix_core.datasets.rows import read_rows
from codemix_core.errors import InputError, JobError, NotFoundError, Problem
from codemix_core.workspace import RunDir, Workspace


@dataclass(frozen=True)
class DatasetInfo:
    """One dataset of the workspace.

    state: of the run that builds it. document: ``dataset.json``; None until it is complete.
    """

    run_id: str
    state: str
    created_at: datetime
    size_bytes: int
    document: dict[str, Any] | None

    @property
    def rows(self) -> dict[str, int]:
        """Rows by side."""
        if self.document is None:
            return {}
        return {side: found["rows"] for side, found in self.document["files"].items()}


@dataclass(frozen=True)
class Exported:
    """What an export wrote.

    overridden: problems it was written in spite of. preflights: the checks it rests on, see
    :class:`Checked`; none when the dataset was never preflighted.
    """

    directory: Path
    template: str
    rows: dict[str, int]
    overridden: list[Problem]
    preflights: list[dict[str, Any]]


@dataclass(frozen=True)
class Checked:
    """The newest preflight of a dataset with one model."""

    run_id: str
    model: str
    report: dict[str, Any]

    def document(self) -> dict[str, Any]:
        """What is kept with an export."""
        problems = len(self.report["problems"])
        return {"run_id": self.run_id, "model": self.model, "problems": problems}


def listing(workspace: Workspace) -> list[DatasetInfo]:
    """All datasets, newest first; also those being built and those that failed."""
    return [_info(run) for run in workspace.runs("build")]


def find(workspace: Workspace, run_id: str) -> tuple[RunDir, dict[str, Any]]:
    """A complete dataset and its document.

    Raises:
        NotFoundError: there is no such dataset, or it is not complete.
    """
    run = workspace.run(run_id)
    document = _document(run) if run.stage == "build" else None
    if document is None:
        known = ", ".join(found.run_id for found in listing(workspace) if found.document)
        what = f"{run_id!r} is not a complete dataset."
        raise NotFoundError(Problem("dataset", what, f"Datasets: {known or 'none yet'}."))
    return run, document


def preview(
    run: RunDir, document: dict[str, Any], side: str | None = None, offset: int = 0, limit: int = 20
) -> list[dict[str, Any]]:
    """Some rows of a dataset, as :mod:`codemix_core.datasets.rows` describes them."""
    return list(islice(read_rows(run, document["kind"], side), offset, offset + limit))


def problems(workspace: Workspace, run: RunDir, document: dict[str, Any]) -> list[Problem]:
    """What the build found wrong, and the newest preflight with each model."""
    found = [Problem(**entry) for entry in document["problems"]]
    for checked in preflights(workspace, run.run_id):
        for entry in checked.report["problems"]:
            problem = Problem(**entry)
            found.append(replace(problem, where=f"{problem.where} ({checked.model})"))
    return found


def preflights(workspace: Workspace, dataset: str) -> list[Checked]:
    """The newest preflight of a dataset with each model and revision, newest first."""
    newest: dict[tuple[str, str | None], Checked] = {}
    for run in workspace.runs("preflight"):
        spec = run.load_spec()
        if spec["dataset"] != dataset or not run.preflight_path.exists():
            continue
        found = Checked(run.run_id, spec["model"], files.read_json(run.preflight_path))
        key = (spec["model"], spec["revision"])
        if key not in newest or _checked_at(newest[key]) < _checked_at(found):
            newest[key] = found
    return sorted(newest.values(), key=_checked_at, reverse=True)


def _checked_at(checked: Checked) -> str:
    return str(checked.report["checked_at"])


def newest_preflight(workspace: Workspace, dataset: str) -> dict[str, Any] | None:
    """The report of the newest preflight of a dataset, or None."""
    found = preflights(workspace, dataset)
    return found[0].report if found else None


def export(
    workspace: Workspace,
    run_id: str,
    directory: Path,
    template: str | None = None,
    *,
    override: str | None = None,
    author: str = "",
) -> Exported:
    """Write a dataset's files, lineage and torchtune blocks into a directory.

    Args:
        template: another format than the dataset was built with.
        override: why to export in spite of known problems; recorded with ``author``.

    Raises:
        InputError: there are problems and no override, the format does not fit, or the
            directory holds something else than an earlier export.
    """
    run, document = find(workspace, run_id)
    kind = document["kind"]
    entry = format_for(template or document["template"], kind)
    check_directory(workspace, directory, entry)
    checks = RowChecks(kind)
    sides = set()
    for row in read_rows(run, kind, columns=looked_at(kind)):
        checks.add(row)
        sides.add(row["side"])
    misfit = entry.misfit(checks.facts())
    if misfit:
        raise InputError(misfit)
    # A misfit of the format it was built with does not matter to one that fits.
    own = format_for(document["template"], kind).misfit(checks.facts())
    known = [p for p in problems(workspace, run, document) if p not in own]
    if known and not (override or "").strip():
        fix = "Mend it, or export all the same with --override 'REASON'."
        raise InputError([*known, Problem("export", "is blocked by these problems.", fix)])
    checked = [found.document() for found in preflights(workspace, run_id)]
    rows = write(run, document, entry, checks, sides, directory, {"preflights": checked})
    done = Exported(directory, entry.name, rows, known, checked)
    _record(run, done, override, author)
    return done


def exports(run: RunDir) -> list[dict[str, Any]]:
    """Where a dataset was exported to, oldest first, overrides included."""
    return files.read_lines(run.exports_path)


def users(workspace: Workspace, run_id: str) -> list[str]:
    """Ids of the runs that refer to a dataset."""
    return [
        run.run_id
        for run in workspace.runs()
        if run.run_id != run_id and run_id in run.load_spec().values()
    ]


def delete(workspace: Workspace, run_id: str, *, force: bool = False) -> None:
    """Remove a dataset, complete or not.

    Raises:
        InputError: other runs refer to it, and ``force`` is not given.
        JobError: it is being built.
    """
    run = workspace.run(run_id)
    if run.stage != "build":
        raise NotFoundError(Problem("dataset", f"{run_id!r} is a {run.stage} run.", ""))
    if jobs.is_locked(run):
        raise JobError(f"{run_id} is being built; stop it first with 'stop {run_id}'")
    used = users(workspace, run_id)
    if used and not force:
        what = f"{run_id!r} is used by {', '.join(used)}."
        raise InputError(Problem("dataset", what, "Delete it all the same with --force."))
    run.delete()


def _info(run: RunDir) -> DatasetInfo:
    stamp = datetime.strptime(run.run_id.split("-")[1], "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
    state = jobs.status(run).state.value
    return DatasetInfo(run.run_id, state, stamp, run.size_bytes(), _document(run))


def _document(run: RunDir) -> dict[str, Any] | None:
    try:
        document: dict[str, Any] = files.read_json(run.dataset_path)
    except FileNotFoundError:
        return None
    return document


def _record(run: RunDir, done: Exported, override: str | None, author: str) -> None:
    line = {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "directory": str(done.directory.resolve()),
        "template": done.template,
        "author": author,
        "override": override if done.overridden else None,
        "problems": [asdict(problem) for problem in done.overridden],
        "preflights": done.preflights,
    }
    files.append_line(run.exports_path, line)
