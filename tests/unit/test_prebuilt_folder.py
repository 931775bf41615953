"""What is built once per compiler is found again, and does not pile up."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from codemix_core.scoring.backends import toolchain


def test_what_was_not_used_for_a_month_makes_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def build(argv: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        Path(argv[-1]).mkdir()
        Path(argv[-1], "known.json").touch()
        return subprocess.CompletedProcess(argv, 0)

    toolchain._prebuilt_digest()  # asks the compiler
    monkeypatch.setattr(subprocess, "run", build)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    cache = tmp_path / "codemix-workbench"
    for name, days in {"cpp-old": 31, "cpp-in-use": 29, ".cpp-killed-x": 31, "tests": 99}.items():
        (cache / name).mkdir(parents=True)
        (cache / name / "known.json").touch()
        os.utime(cache / name, (0, time.time() - days * 86400))
    folder = toolchain.prebuilt()
    left = {path.name for path in cache.iterdir()}
    assert left == {"cpp-in-use", "tests", folder.name}
    os.utime(folder, (0, 0))
    assert toolchain.prebuilt() == folder
    assert folder.stat().st_mtime > time.time() - 3600
