"""A stage's rows on disk: immutable Parquet shards, written as the rows come in.

Guarantee: a reader sees whole shards only, and a kill loses at most the shard in flight.
Shards are closed after ``MAX_ROWS`` rows or after a time that grows with the age of the
writer (2 s at first, 2% of the elapsed time later), so early results show at once and a run
of a day still has only a few hundred files.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pyarrow as pa
import pyarrow.parquet as pq

from codemix_core import files
from codemix_core.records import Table

MAX_ROWS = 8192
FIRST_INTERVAL = 2.0
INTERVAL_SHARE = 0.02


def shards(directory: Path, table: Table) -> list[Path]:
    """All finished shards of ``table`` in ``directory``, oldest first."""
    return sorted(directory.glob(f"{table.name}-*.parquet"))


def read(directory: Path, table: Table, columns: list[str] | None = None) -> pa.Table:
    """All rows written so far; an empty table with the right columns when there are none.

    A column that was not there yet when a shard was written is null in it.
    """
    wanted = columns or table.schema.names
    schema = pa.schema([table.schema.field(name) for name in wanted])
    tables = [_read(path, wanted) for path in shards(directory, table)]
    return pa.concat_tables([schema.empty_table(), *tables], promote_options="default")


def _read(path: Path, wanted: Sequence[str]) -> pa.Table:
    there = set(pq.read_schema(path).names)
    return pq.read_table(path, columns=[name for name in wanted if name in there])


def count(paths: Iterable[Path]) -> int:
    """Number of rows in finished shards, from their footers; each footer is read once."""
    return sum(_rows(path) for path in paths)


@lru_cache(maxsize=1 << 16)
def _rows(path: Path) -> int:
    """Rows of one shard, which never changes and whose name no other shard ever has."""
    rows: int = pq.read_metadata(path).num_rows
    return rows


class ShardWriter:
    """Collects records of one table and writes them as shards. Safe to use from threads.

    Use as a context manager; leaving it writes the last shard, also on an exception, so that
    finished work is kept.
    """

    def __init__(self, directory: Path, table: Table) -> None:
        self._directory = directory
        self._table = table
        self._rows: list[Any] = []
        self._lock = threading.Lock()
        self._started = self._last = time.monotonic()

    def append(self, record: Any) -> None:
        """Add one record; writes a shard when enough rows or time have passed."""
        self.extend((record,))

    def extend(self, records: Iterable[Any]) -> None:
        """Add records that must become visible together."""
        with self._lock:
            self._rows.extend(records)
            if len(self._rows) >= MAX_ROWS or self._is_due():
                self._write()

    def flush(self) -> None:
        """Write what has been collected."""
        with self._lock:
            self._write()

    def _is_due(self) -> bool:
        now = time.monotonic()
        interval = max(FIRST_INTERVAL, INTERVAL_SHARE * (now - self._started))
        return now - self._last >= interval

    def _write(self) -> None:
        if self._rows:
            name = f"{self._table.name}-{time.time_ns():020d}-{uuid.uuid4().hex[:4]}.parquet"
            files.write_parquet(self._directory / name, self._table.to_arrow(self._rows))
            self._rows = []
        self._last = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.flush()
