"""The wall itself: chosen by trying, refused with instructions, gone afterwards."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from codemix_core.errors import SandboxUnavailable, SpecError
from codemix_core.scoring import backends
from codemix_core.scoring.backends.base import Backend, WallBroken
from codemix_core.scoring.backends.bubblewrap import Bubblewrap
from codemix_core.scoring.backends.selftest import self_test
from codemix_core.scoring.engine import Scorer
from codemix_core.scoring.program import Work
from tests.sandbox.addition import ADD, FLOORS

PROJECT = Path(__file__).resolve().parents[2]


class _Leaky(Bubblewrap):
    """A wall with a hole in it."""

    def __init__(self, change: Callable[[list[str]], list[str]]) -> None:
        self._change = change

    def argv(self, flavour: str) -> list[str]:
        return self._change(super().argv(flavour))


def _before_root(*parts: str) -> Callable[[list[str]], list[str]]:
    def change(argv: list[str]) -> list[str]:
        cut = argv.index("--remount-ro")
        return [*argv[:cut], *parts, *argv[cut:]]

    return change


def test_the_choice_says_which_backend_and_why() -> None:
    found = {usability.name: usability for usability in backends.describe()}
    assert found["bubblewrap"].usable, found["bubblewrap"].why
    assert "network unreachable" in found["bubblewrap"].why
    assert backends.choose("auto").name == "bubblewrap"


def test_a_backend_that_is_not_there_is_refused_with_the_reason() -> None:
    with pytest.raises(SandboxUnavailable, match="docker"):
        backends.choose("docker")
    with pytest.raises(SpecError, match="chroot"):
        backends.choose("chroot")


def test_without_bwrap_scoring_is_refused_with_instructions(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(backends, "_tested", {})
    with pytest.raises(SandboxUnavailable, match="apt-get install bubblewrap"):
        backends.choose("auto")


@pytest.mark.parametrize(
    ("hole", "reason"),
    [
        (_before_root("--ro-bind", "/", "/home"), "home is visible"),
        (_before_root("--ro-bind", "/etc", "/etc"), "/etc is visible"),
    ],
)
def test_the_self_test_finds_holes(
    hole: Callable[[list[str]], list[str]], reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "home", lambda: Path("/home"))
    found = self_test(_Leaky(hole))
    assert not found.usable
    assert reason in found.why


def test_a_writable_root_is_found() -> None:
    def writable(argv: list[str]) -> list[str]:
        cut = argv.index("--remount-ro")
        return [*argv[:cut], "--chmod", "0777", "/", *argv[cut + 2 :]]

    found = self_test(_Leaky(writable))
    assert not found.usable
    assert "root is writable" in found.why


def test_a_wall_that_does_not_come_up_says_so() -> None:
    with pytest.raises(WallBroken, match="no-such-option"):
        _Leaky(lambda argv: [argv[0], "--no-such-option", *argv[1:]]).open_wall("python")


def test_a_judge_that_does_not_answer_in_time_is_given_up(backend: Backend) -> None:
    wall = backend.open_wall("python")
    code = "def add(a, b):\n    while True: pass"
    question = {"framework": "cases", "tests": ADD["cases"].tests, "function": "add"}
    limits = {"seconds": 60.0, "memory_mb": 64}
    message = {"op": "judge", "key": "k", "question": question, "code": code, "limits": limits}
    began = time.monotonic()
    with pytest.raises(WallBroken, match="in time"):
        wall.request({**message, "declared": None}, 0.5)
    assert time.monotonic() - began < 3


def test_a_killed_judge_costs_a_retry_and_no_verdict(backend: Backend) -> None:
    body = "import time\ndef add(a, b):\n    time.sleep(0.05)\n    return a + b"
    works = [Work(ADD["cases"], None, i, f"{body}  # {i}") for i in range(20)]
    statuses = []
    for verdict in Scorer(backend, FLOORS, workers=2).score(works):
        statuses.append(verdict.status)
        if len(statuses) == 5:
            for process in psutil.Process().children():
                with contextlib.suppress(psutil.ZombieProcess):
                    if "sandbox.judge" in " ".join(process.cmdline()):
                        process.kill()
    assert statuses == ["passed"] * 20


def test_nothing_is_left_behind(backend: Backend) -> None:
    mounts = _mounts()
    files, before = set(os.listdir("/tmp")), set(_walls())
    daemon = (
        "import os, time\ndef add(a, b):\n    if os.fork() == 0:\n        os.setsid()\n"
        "        open('/tmp/here', 'w').close()\n        time.sleep(600)\n    return a + b"
    )
    (verdict,) = Scorer(backend, FLOORS).score([Work(ADD["cases"], None, 0, daemon)])
    assert verdict.status == "passed"
    deadline = time.monotonic() + 5
    while set(_walls()) - before and time.monotonic() < deadline:
        time.sleep(0.05)
    assert set(_walls()) - before == set()
    new = _mounts() - mounts
    deadline = time.monotonic() + 120  # containers of tests beside this one come and go
    while new and time.monotonic() < deadline:
        time.sleep(0.2)
        new &= _mounts()
    assert new == set()
    assert "here" not in set(os.listdir("/tmp")) - files


def test_a_killed_scorer_takes_its_walls_along(tmp_path: Path) -> None:
    script = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from codemix_core.scoring import backends\n"
        "wall = backends.choose().open_wall('python')\n"
        "print('up', flush=True)\n"
        "import time; time.sleep(600)\n"
    )
    command = [sys.executable, "-c", script, str(PROJECT)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"up\n"
    walls = psutil.Process(process.pid).children(recursive=True)
    assert walls
    process.kill()
    process.wait()
    _, alive = psutil.wait_procs(walls, timeout=5)
    assert alive == []


def test_an_ordinary_user_gets_the_same_wall() -> None:
    if os.getuid() != 0:
        pytest.skip("this run is an ordinary user's already")
    prefix = Path(sys.base_prefix)
    view = [shutil.which("bwrap") or "bwrap", "--dev-bind", "/", "/", "--cap-add", "ALL"]
    seen = [path for path in (prefix, PROJECT) if not path.is_relative_to("/usr")]
    for top in sorted({path.parents[-2] for path in seen}):
        view += ["--perms", "0755", "--tmpfs", str(top)]
    for path in seen:
        for parent in reversed(path.parents[:-2]):
            view += ["--perms", "0755", "--dir", str(parent)]
        view += ["--ro-bind", str(path), str(path)]
    script = (
        "from codemix_core.scoring import backends\n"
        "from codemix_core.scoring.single import judge_one\n"
        "from tests.sandbox.addition import ADD, FLOORS\n"
        "import os\n"
        "assert os.getuid() == 65534\n"
        "print(backends.describe())\n"
        "loop = 'def add(a, b):\\n    while a == 5: pass\\n    return a + b'\n"
        "bomb = 'import os\\ndef add(a, b):\\n    while a == 5:\\n        try: os.fork()\\n"
        "        except OSError: pass\\n    return a + b'\n"
        "for framework, question in ADD.items():\n"
        "    print(framework, judge_one(question, question.gold, floors=FLOORS).status)\n"
        "print('loop', judge_one(ADD['cases'], loop, floors=FLOORS).status)\n"
        "print('bomb', judge_one(ADD['cases'], bomb, floors=FLOORS).status)\n"
    )
    user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    done = subprocess.run(
        [*view, *user, sys.executable, "-B", "-c", script],
        cwd=PROJECT,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(PROJECT), "HOME": "/"},  # not writable
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for line in ("cases passed", "pytest passed", "googletest passed", "loop timeout"):
        assert line in done.stdout, done.stdout


def _mounts() -> set[str]:
    return set(Path("/proc/self/mounts").read_text().splitlines())


def _walls() -> list[psutil.Process]:
    """Live processes started by this one."""
    return psutil.Process().children(recursive=True)
