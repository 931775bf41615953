"""What the set-up does about the system's packages, with an apt-get of ours on the PATH."""

from __future__ import annotations

import importlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

PROJECT = Path(__file__).resolve().parents[2]

APT = """#!/bin/sh
echo "$@" >> {folder}/calls
if [ "$1" = update ]; then touch {folder}/updated; exit 0; fi
[ -e {folder}/updated ] || exit 100
for word in "$@"; do
    case $word in
        unheard-of) exit 100;;
        tool-*) printf '#!/bin/sh\\n' > {folder}/$word; chmod +x {folder}/$word;;
    esac
done
"""


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The module under test."""
    monkeypatch.syspath_prepend(str(PROJECT / "scripts"))
    yield importlib.import_module("system_packages")
    del sys.modules["system_packages"]


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on the PATH with an apt-get whose package lists are empty until updated."""
    folder = tmp_path / "tools"
    folder.mkdir()
    (folder / "apt-get").write_text(APT.format(folder=folder))
    (folder / "apt-get").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return folder


def package(system: ModuleType, name: str) -> object:
    return system.SystemPackage(name, "a test", lambda: shutil.which(name) is not None)


def test_missing_packages_are_installed_after_a_refresh_of_empty_lists(
    system: ModuleType, tools: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(system, "privilege", list)
    wanted = [package(system, "tool-a"), package(system, "tool-b")]
    assert system.missing(wanted) == wanted
    with (tmp_path / "log").open("wb") as log:
        assert system.install(wanted, log)
    assert system.missing(wanted) == []
    calls = (tools / "calls").read_text().splitlines()
    assert [call.split()[0] for call in calls] == ["install", "update", "install"]
    assert calls[0].endswith("tool-a tool-b")


def test_a_name_the_system_does_not_know_keeps_no_other_away(
    system: ModuleType, tools: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(system, "privilege", list)
    wanted = [package(system, name) for name in ("tool-a", "unheard-of", "tool-b")]
    with (tmp_path / "log").open("wb") as log:
        assert not system.install(wanted, log)
    assert system.missing(wanted) == [wanted[1]]


def test_without_root_or_sudo_the_exact_command_is_printed_and_apt_is_left_alone(
    system: ModuleType, tools: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setenv("PATH", str(tools))
    wanted = [package(system, "tool-a"), package(system, "tool-b")]
    with (tmp_path / "log").open("wb") as log:
        assert not system.install(wanted, log)
    assert not (tools / "calls").exists()
    said = system.advice(wanted)
    assert said.endswith("sudo apt-get install tool-a tool-b")
    assert "a test" in said
    assert "\n" not in said


@pytest.mark.parametrize(("answer", "prefix"), [(0, ["sudo", "-n"]), (1, None)])
def test_sudo_is_used_only_when_it_asks_for_no_password(
    system: ModuleType,
    tools: Path,
    monkeypatch: pytest.MonkeyPatch,
    answer: int,
    prefix: list[str] | None,
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    (tools / "sudo").write_text(f'#!/bin/sh\n[ "$1" = -n ] && exit {answer}\nsleep 60\n')
    (tools / "sudo").chmod(0o755)
    assert system.privilege() == prefix


def test_what_was_tried_in_vain_is_not_tried_at_every_start(
    system: ModuleType,
    tools: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    environment = importlib.import_module("environment")
    monkeypatch.setattr(environment.system_packages, "privilege", list)
    place = environment.Place(tmp_path)
    wanted = (package(environment.system_packages, "unheard-of"),)
    environment.set_up_system(place, wanted)
    first = (tools / "calls").read_text()
    environment.set_up_system(place, wanted)
    assert (tools / "calls").read_text() == first
    assert capsys.readouterr().err.count("Missing: unheard-of") == 2
    del sys.modules["environment"]


@pytest.mark.skipif(not shutil.which("apt-get"), reason="not a Debian system: no apt-get")
def test_debian_knows_every_package_and_could_install_it(system: ModuleType) -> None:
    names = [found.name for found in system.RUNTIME + system.DEVELOPMENT]
    # A Python built by hand has no Debian package.
    names = [name for name in names if not name.startswith("python")]
    assert len(names) >= 6
    simulated = system.install_command(names, prefix=[])
    done = subprocess.run([*simulated, "--simulate"], capture_output=True, text=True, check=False)
    if "Unable to locate package" in done.stderr and not any(
        Path("/var/lib/apt/lists").glob("*_*")
    ):
        pytest.skip("apt has no package lists here; run apt-get update")
    assert done.returncode == 0, done.stderr
