"""What judges keep of a question from run to run: its compiled tests.

One file for each question and tool chain in the user's cache folder, about 120 KB. Losing one
costs the time to make it again, so nothing here ever fails.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from codemix_core import files

_MOST_FILES = 5000
_CHANGES_BETWEEN_SWEEPS = 500
_written = 0


def read(question_key: str) -> str | None:
    """What was kept for a question, or None."""
    try:
        path = _path(question_key)
        text = path.read_text("utf-8")
        os.utime(path)
    except OSError:
        return None
    return text


def write(question_key: str, text: str) -> None:
    """Keep something for a question; what was used longest ago makes room."""
    global _written
    with contextlib.suppress(OSError):
        path = _path(question_key)
        path.parent.mkdir(parents=True, exist_ok=True)
        files.write_text(path, text, durable=False)
        _written += 1
        if _written % _CHANGES_BETWEEN_SWEEPS == 1:
            _sweep(path.parent)


def _sweep(folder: Path) -> None:
    used = sorted((path.stat().st_mtime, path) for path in folder.iterdir())
    for _, path in used[:-_MOST_FILES]:
        path.unlink(missing_ok=True)


def _path(question_key: str) -> Path:
    return files.cache_folder() / "tests" / question_key
