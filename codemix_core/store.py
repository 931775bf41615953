"""The eye over the files: named DuckDB queries that give DataFrames.

Each query is one file in ``queries/``, written against the views ``questions``,
``prompts``, ``generations``, ``verdicts``, ``references`` and ``quality`` of one run. Every
call opens an in-memory DuckDB over the Parquet shards there are at that moment, so no lock is
ever held and a running job is read like a finished one.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa

from codemix_core.errors import StoreError
from codemix_core.records import (
    GENERATIONS,
    PROMPTS,
    QUALITY,
    QUESTIONS,
    REFERENCES,
    VERDICTS,
    Table,
    Verdict,
)
from codemix_core.workspace import RunDir, Workspace

if TYPE_CHECKING:  # Half a second that most commands need not wait.
    import pandas as pd

QUERIES = Path(__file__).parent / "queries"

_NEWEST_QUALITY = """
CREATE VIEW quality AS
SELECT * EXCLUDE (filename) FROM quality_rows
QUALIFY row_number() OVER (PARTITION BY question_id ORDER BY filename DESC) = 1
"""
"""Run ids, and the names of a run's shards, begin with their time."""


def names() -> list[str]:
    """Names of all queries."""
    return sorted(path.stem for path in QUERIES.glob("*.sql"))


@lru_cache
def sql(name: str) -> str:
    """The text of a query.

    Raises:
        KeyError: there is no query of that name.
    """
    path = QUERIES / f"{name}.sql"
    if name not in names():
        raise KeyError(f"no query {name!r}; there are: {', '.join(names())}")
    return path.read_text(encoding="utf-8")


def exportable() -> list[str]:
    """Names of the queries that a run alone answers, given their parameters."""
    return [name for name in names() if name != "earlier_verdicts"]


def parameters(name: str) -> list[str]:
    """Names of a query's parameters, without the ``$``.

    Raises:
        KeyError: there is no query of that name.
    """
    return sorted(set(re.findall(r"\$([a-z_]+)", sql(name))))


def defaults(name: str) -> dict[str, Any]:
    """Values of the parameters that need not be given: no filter, the usual order, all rows.

    They stand in the query's own comment, as a JSON object after ``defaults:``.

    Raises:
        KeyError: there is no query of that name.
    """
    head, *_ = re.split(r"^(?!--)", sql(name), maxsplit=1, flags=re.MULTILINE)
    _, marker, found = head.replace("\n--", "").partition("defaults:")
    values: dict[str, Any] = json.loads(found) if marker else {}
    return values


def export_command(
    source: str, name: str, out: str, compare: str | None = None, **parameters: Any
) -> str:
    """The command that writes the result of a query, quoted for a POSIX shell.

    Args:
        source: the run or question set.
        out: name of the file.
        parameters: those that have their default are left out.
    """
    usual = defaults(name)
    given = [
        f"--param={key}={str(value).lower() if isinstance(value, bool) else value}"
        for key, value in parameters.items()
        if key not in usual or usual[key] != value
    ]
    beside = ["--compare", compare] if compare else []
    words = ["python", "-m", "codemix_core", "export", source, name, "-o", out, *beside, *given]
    return shlex.join(words)


class Store:
    """Named queries over one workspace. Cheap to make; holds nothing open."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace

    def frame(
        self, name: str, run_id: str, baseline: str | None = None, **parameters: Any
    ) -> pd.DataFrame:
        """The result of a named query over a run.

        Args:
            name: a file of ``queries/`` without its ending.
            run_id: a sampling, scoring, self-check or test-quality run; earlier stages are
                found from its spec. ``verdicts`` is empty for a sampling run; ``quality``
                holds the newest finding about each question of the set.
            baseline: a scoring run to compare with, seen as ``baseline_verdicts``.
            parameters: values of the query's ``$names``.
        """
        sources = self._sources(run_id)
        other = self.workspace.run(baseline).shards(VERDICTS) if baseline else []
        with _reading(name), self._connect(sources) as connection:
            _view(connection, VERDICTS, other, name="baseline_verdicts")
            return connection.execute(sql(name), parameters or None).df()

    def set_frame(
        self, name: str, question_set: str, scored: str | None = None, **parameters: Any
    ) -> pd.DataFrame:
        """The result of a named query over a question set.

        ``references`` are those of the set's newest complete self-check, ``quality`` the newest
        finding about each question; ``verdicts`` those of
        the scoring run ``scored``. ``generations`` and ``prompts`` are empty.
        """
        checked = self.workspace.references(question_set)
        sources: dict[Table, Sequence[Path]] = {
            QUESTIONS: [self.workspace.question_set(question_set).questions_path],
            PROMPTS: [],
            GENERATIONS: [],
            VERDICTS: self.workspace.run(scored).shards(VERDICTS) if scored else [],
            REFERENCES: checked.shards(REFERENCES) if checked else [],
            QUALITY: self._quality(self.workspace.quality_runs(question_set)),
        }
        with _reading(name), self._connect(sources) as connection:
            _view(connection, VERDICTS, [], name="baseline_verdicts")
            return connection.execute(sql(name), parameters or None).df()

    def question_counts(self, run_id: str) -> pd.DataFrame:
        """Query ``question_counts``: samples, scored, correct and each status per question."""
        return self.frame("question_counts", run_id)

    def earlier_verdicts(self, hashes: Iterable[str]) -> dict[str, Verdict]:
        """Verdicts of any earlier scoring run by program hash; infrastructure errors left out."""
        wanted = pa.table({"program_hash": pa.array(set(hashes), type=pa.string())})
        files = [path for run in self.workspace.runs("score") for path in run.shards(VERDICTS)]
        if not files or not wanted.num_rows:
            return {}
        with duckdb.connect(":memory:") as connection:
            connection.register("hashes", wanted)
            _view(connection, VERDICTS, files, filename=True)
            rows = connection.execute(sql("earlier_verdicts")).fetchall()
        return {v.program_hash: v for v in VERDICTS.from_rows(row[0] for row in rows)}

    def _sources(self, run_id: str) -> dict[Table, Sequence[Path]]:
        run = self.workspace.run(run_id)
        scoring = run if run.stage == "score" else None
        sampling = self.sampling_of(run)
        questions = self.workspace.question_set((sampling or run).load_spec()["questions"])
        judged = self.workspace.quality_runs(questions.name)
        return {
            QUESTIONS: [questions.questions_path],
            PROMPTS: sampling.shards(PROMPTS) if sampling else [],
            GENERATIONS: sampling.shards(GENERATIONS) if sampling else [],
            VERDICTS: scoring.shards(VERDICTS) if scoring else [],
            REFERENCES: run.shards(REFERENCES),
            QUALITY: self._quality([run] if run.stage == "quality" else judged),
        }

    @staticmethod
    def _quality(runs: Sequence[RunDir]) -> list[Path]:
        return [path for run in runs for path in run.shards(QUALITY)]

    def sampling_of(self, run: RunDir) -> RunDir | None:
        """The sampling run a run looks at: itself, or the one it scored; None for others."""
        if run.stage == "score":
            return self.workspace.run(run.load_spec()["run"])
        return run if run.stage in ("sample", "import_generations") else None

    def _connect(self, sources: dict[Table, Sequence[Path]]) -> duckdb.DuckDBPyConnection:
        connection = duckdb.connect(":memory:")
        for table, files in sources.items():
            if table is QUALITY and files:
                rows = connection.read_parquet([str(path) for path in files], filename=True)
                rows.create_view("quality_rows")
                connection.execute(_NEWEST_QUALITY)
            else:
                _view(connection, table, files)
        return connection


@contextmanager
def _reading(name: str) -> Iterator[None]:
    """Say in a person's words what DuckDB could not read or compare."""
    try:
        yield
    except duckdb.Error as error:
        first = str(error).splitlines()[0]
        raise StoreError(f"query {name} could not be answered: {first}") from error


def _view(
    connection: duckdb.DuckDBPyConnection,
    table: Table,
    files: Sequence[Path],
    *,
    name: str | None = None,
    filename: bool = False,
) -> None:
    """Show the shards of a table as a view; an empty table with its columns when none is there."""
    if not files:
        connection.register(name or table.name, table.schema.empty_table())
        return
    paths = [str(path) for path in files]
    connection.read_parquet(paths, filename=filename).create_view(name or table.name)
