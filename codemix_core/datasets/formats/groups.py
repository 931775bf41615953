"""GRPO groups as Parquet: one row per question, lists over its generations.

Columns and units are those of :data:`codemix_core.datasets.rows.GROUPS`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from codemix_core.datasets.formats.base import Format, Row, fits_always
from codemix_core.datasets.rows import BATCH, GROUPS

ROW_GROUP = 64


def _write(rows: Iterable[Row], path: Path) -> None:
    left = iter(rows)
    with pq.ParquetWriter(path, GROUPS.schema, compression="zstd") as writer:
        while tables := list(islice(_tables(left), ROW_GROUP // BATCH["groups"])):
            writer.write_table(pa.concat_tables(tables), ROW_GROUP)


def _tables(rows: Iterator[Row]) -> Iterator[pa.Table]:
    """A few groups at a time as Arrow, which takes a tenth of what Python's numbers take."""
    while chunk := list(islice(rows, BATCH["groups"])):
        yield GROUPS.to_arrow(GROUPS.from_rows(chunk))


FORMAT = Format(
    name="groups",
    doc="GRPO groups as Parquet, for this project's own recipe",
    kind="groups",
    ending=".parquet",
    misfit=fits_always,
    write=_write,
    torchtune=None,
)
