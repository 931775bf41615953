"""Writing that survives a kill at any moment.

A file written here appears whole or not at all: temporary name in the same directory,
``fsync``, rename, ``fsync`` of the directory. Temporary names begin with ``.tmp-`` so that no
reader's pattern matches them.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import json
import os
import shutil
import tempfile
import uuid
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

TEMPORARY = ".tmp-"


def write_atomic(path: Path, write: Callable[[Path], None], *, durable: bool = True) -> None:
    """Call ``write`` with a temporary path, then move the result to ``path`` in one step."""
    temporary = path.with_name(f"{TEMPORARY}{path.name}-{uuid.uuid4().hex[:8]}")
    try:
        write(temporary)
        if durable:
            _sync(temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    if durable:
        _sync(path.parent)


def write_json(path: Path, document: Any, *, durable: bool = True) -> None:
    """Write a JSON document atomically. ``durable=False`` skips fsync, for live status."""
    text = json.dumps(document, indent=1, ensure_ascii=False) + "\n"
    write_atomic(path, lambda p: _write_text(p, text), durable=durable)


def write_text(path: Path, text: str, *, durable: bool = True) -> None:
    """Write a text file atomically."""
    write_atomic(path, lambda p: _write_text(p, text), durable=durable)


def cache_folder() -> Path:
    """Where things are kept that can be made again: ``XDG_CACHE_HOME``, else ``~/.cache``.

    Who may not write there gets a folder that lasts as long as this process.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "codemix-workbench")
    with contextlib.suppress(OSError):
        cache.mkdir(parents=True, exist_ok=True)
        if os.access(cache, os.W_OK):
            return cache
    return _passing_folder()


@lru_cache(maxsize=1)
def _passing_folder() -> Path:
    folder = tempfile.mkdtemp(prefix="codemix-cache-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file atomically."""

    def write(temporary: Path) -> None:
        temporary.write_bytes(content)

    write_atomic(path, write)


def read_json(path: Path) -> Any:
    """Read a JSON document.

    Raises:
        FileNotFoundError: there is no such file.
        json.JSONDecodeError: the file is not JSON.
    """
    return json.loads(path.read_text(encoding="utf-8"))


def is_document(path: Path) -> bool:
    """Whether the file holds a JSON object with something in it."""
    try:
        document = read_json(path)
    except (OSError, ValueError):
        return False
    return isinstance(document, dict) and bool(document)


def write_parquet(path: Path, table: pa.Table) -> None:
    """Write an Arrow table as one zstd-compressed Parquet file, atomically."""
    write_atomic(path, lambda p: pq.write_table(table, p, compression="zstd"))


def append_line(path: Path, document: Any) -> None:
    """Append one JSON line; concurrent writers take turns.

    A line that a killed writer left unfinished is ended first, so that it spoils no other.
    """
    line = (json.dumps(document, ensure_ascii=False) + "\n").encode()
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)  # let go of when the descriptor is closed
        size = os.fstat(descriptor).st_size
        torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
        os.write(descriptor, b"\n" + line if torn else line)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_lines(path: Path) -> list[Any]:
    """The JSON lines of a file; torn lines, and a file that is not there, hold nothing."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return []
    found = []
    for line in text.split("\n"):
        with contextlib.suppress(ValueError):
            found.append(json.loads(line))
    return found


def remove_temporaries(directory: Path) -> None:
    """Remove what a killed writer left in ``directory``. Only its single writer may call this."""
    for path in directory.glob(f"{TEMPORARY}*"):
        path.unlink(missing_ok=True)


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
