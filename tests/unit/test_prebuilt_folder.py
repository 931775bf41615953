"""What is built once per compiler is found again, and does not pile up."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from codemix_core.scoring.backends import toolchain
from sandbox import prebuild


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder; building takes no time."""

    def build(argv: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        with monkeypatch.context() as patch:
            patch.setattr(sys, "argv", ["prebuild", argv[-1]])
            patch.setattr(
                prebuild, "build", lambda folder: (folder / "known.json").write_text("{}")
            )
            prebuild.main()
        return subprocess.CompletedProcess(argv, 0)

    toolchain._prebuilt_digest()  # asks the compiler
    monkeypatch.setattr(subprocess, "run", build)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "codemix-workbench"


@pytest.mark.parametrize("damage", ["a file is gone", "a file is cut", "its list is gone"])
def test_a_damaged_folder_is_made_anew(damage: str, cache: Path) -> None:
    folder = toolchain.prebuilt()
    made = folder.stat().st_ino
    assert toolchain.prebuilt().stat().st_ino == made
    if damage == "a file is cut":
        (folder / "known.json").write_text("{")
    else:
        (folder / ("known.json" if damage == "a file is gone" else "whole.json")).unlink()
    assert toolchain.prebuilt() == folder
    assert (folder / "known.json").read_text() == "{}"
    assert [path.name for path in cache.iterdir()] == [folder.name]


def test_what_was_not_used_for_a_month_makes_room(cache: Path) -> None:
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
