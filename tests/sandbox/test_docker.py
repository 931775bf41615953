"""What is docker's own: the choice, the image, the containers and their ends."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import docker
import pytest

from codemix_core.cli.app import main
from codemix_core.errors import SandboxUnavailable
from codemix_core.records import GENERATIONS, VERDICTS, Generation
from codemix_core.sampling.spec import SampleSpec
from codemix_core.scoring import backends
from codemix_core.scoring.backends import docker as module
from codemix_core.scoring.backends import image
from codemix_core.scoring.backends.docker import Docker
from codemix_core.scoring.backends.selftest import self_test
from codemix_core.scoring.engine import Scorer
from codemix_core.scoring.program import Work
from codemix_core.workspace import Workspace
from tests.sandbox.addition import ADD, FLOORS

PROJECT = Path(__file__).resolve().parents[2]
Change = Callable[[dict[str, Any]], None]


class _Leaky(Docker):
    """Containers with a hole in them."""

    def __init__(self, host: str, change: Change) -> None:
        super().__init__(host)
        self._change = change

    def options(self, client: docker.DockerClient, flavour: str, cpu: int | None) -> dict[str, Any]:
        options = super().options(client, flavour, cpu)
        self._change(options)
        return options


@pytest.fixture
def client(docker_host: str) -> Iterator[docker.DockerClient]:
    with contextlib.closing(docker.DockerClient(base_url=docker_host)) as connected:
        yield connected


@pytest.fixture
def here(docker_host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The daemon is the person's."""
    monkeypatch.setenv("DOCKER_HOST", docker_host)
    monkeypatch.setattr(backends, "_tested", {})


def ours(client: docker.DockerClient, pid: int | None = None) -> list[str]:
    """Containers of this version's image, whatever their state; of one process, or of all."""
    labels = [] if pid is None else [f"{module._OWNER}={module._owner(pid)}"]
    filters = {"ancestor": image.tag(), "label": labels}
    found = client.api.containers(all=True, filters=filters)
    return [container["Id"] for container in found]


def gone(client: docker.DockerClient, containers: list[str], patience: float = 10.0) -> bool:
    deadline = time.monotonic() + patience
    while set(ours(client)) & set(containers):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def mounted_for(client: docker.DockerClient, container: str) -> list[str]:
    """What mounts of a container have in their lines, and no others."""
    found = client.api.inspect_container(container)
    layers = found.get("GraphDriver", {}).get("Data") or {}
    return [
        container,
        *filter(None, (layers.get("MergedDir"), found["NetworkSettings"].get("SandboxKey"))),
    ]


def test_auto_takes_docker_and_says_why(here: None) -> None:
    found = {usability.name: usability for usability in backends.describe()}
    assert list(found) == ["docker", "bubblewrap"]
    assert found["docker"].usable, found["docker"].why
    assert "network unreachable" in found["docker"].why
    assert backends.choose("auto").name == "docker"


def test_without_its_image_docker_says_what_to_type_and_auto_takes_bubblewrap(
    here: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(image, "tag", lambda: "codemix-sandbox:nobody-built-this")
    with pytest.raises(SandboxUnavailable, match="python -m codemix_core sandbox build"):
        backends.choose("docker")
    assert backends.choose("auto").name == "bubblewrap"


def test_the_image_is_named_by_its_content(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    changed = tmp_path / "Dockerfile"
    changed.write_text(image.DOCKERFILE.read_text() + "# another\n")
    fresh = image.tag.__wrapped__
    before = fresh()
    monkeypatch.setattr(image, "DOCKERFILE", changed)
    assert fresh() != before
    monkeypatch.undo()
    assert fresh() == before


def test_verdicts_are_kept_apart_by_image(
    docker_host: str, client: docker.DockerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = Docker(docker_host).fingerprint()
    assert mine == Docker(docker_host).fingerprint()
    assert mine != backends.choose("bubblewrap").fingerprint()
    base = next(i for i in client.images.list() if i.id != client.images.get(image.tag()).id)
    monkeypatch.setattr(image, "tag", lambda: base.id)
    assert Docker(docker_host).fingerprint() != mine


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda o: o["host_config"].update(Binds=["/etc:/jail/etc:ro"]), "/etc is visible"),
        (lambda o: o["host_config"].update(Binds=["/:/jail/home:ro"]), "home is visible"),
        (lambda o: o["host_config"].update(Binds=["/proc:/jail/proc:ro"]), "/proc is visible"),
        (
            lambda o: o["host_config"].update(Tmpfs={"/jail/tmp": "size=2g,mode=1777"}),
            "/tmp is not",
        ),
        (lambda o: o["host_config"].update(Tmpfs={}), "the work space cannot be used"),
        (lambda o: o["host_config"].update(CapAdd=["CHOWN"]), "does not come up"),
    ],
    ids=["etc", "home", "proc", "disk", "no work space", "no capabilities"],
)
def test_the_self_test_finds_holes(
    change: Change, reason: str, docker_host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "home", lambda: Path("/home"))
    found = self_test(_Leaky(docker_host, change))
    assert not found.usable
    assert reason in found.why


def test_a_container_is_as_narrow_as_it_is_said_to_be(
    docker_host: str, client: docker.DockerClient
) -> None:
    before = set(ours(client, os.getpid()))
    wall = Docker(docker_host).open_wall("python", cpu=0)
    (mine,) = set(ours(client, os.getpid())) - before
    found = client.api.inspect_container(mine)
    limits = found["HostConfig"]
    assert limits["NetworkMode"] == "none"
    assert limits["ReadonlyRootfs"] is True
    assert limits["CapDrop"] == ["ALL"]
    assert sorted(limits["CapAdd"]) == ["KILL", "SETGID", "SETUID", "SYS_CHROOT"]
    assert limits["SecurityOpt"] == ["no-new-privileges"]
    assert limits["Memory"] == limits["MemorySwap"] > 0
    assert limits["PidsLimit"] > 0
    assert limits["CpusetCpus"] == "0"
    assert not limits["Privileged"]
    assert not limits["Binds"]
    assert not found["Mounts"]
    assert not [name for name in found["Config"]["Env"] if "proxy" in name.lower()]
    wall.close()
    assert gone(client, [mine])


def test_every_program_is_another_user(docker_host: str) -> None:
    code = "import os\ndef add(a, b):\n    return os.getuid()"
    works = [Work(ADD["cases"], None, i, f"{code}  # {i}") for i in range(4)]
    verdicts = list(Scorer(Docker(docker_host), FLOORS, workers=1).score(works))
    said = {verdict.tests[0].message for verdict in verdicts}
    assert len(said) == 4, said


def test_a_program_that_may_use_more_than_usual_gets_room(
    docker_host: str, client: docker.DockerClient
) -> None:
    before = set(ours(client, os.getpid()))
    wall = Docker(docker_host).open_wall("python")
    (mine,) = set(ours(client, os.getpid())) - before
    question = {"framework": "cases", "tests": ADD["cases"].tests, "function": "add"}
    message = {"op": "judge", "key": "k", "question": question, "code": ADD["cases"].gold}
    limits = {"seconds": 2.0, "memory_mb": 9000}
    assert wall.request({**message, "limits": limits, "declared": None}, 20.0)["status"] == "passed"
    assert client.api.inspect_container(mine)["HostConfig"]["Memory"] > 9000 << 20
    wall.close()


def test_killed_containers_cost_retries_and_no_verdict(
    docker_host: str, client: docker.DockerClient
) -> None:
    before = set(ours(client, os.getpid()))
    body = "import time\ndef add(a, b):\n    time.sleep(0.05)\n    return a + b"
    works = [Work(ADD["cases"], None, i, f"{body}  # {i}") for i in range(20)]
    statuses = []
    for verdict in Scorer(Docker(docker_host), FLOORS, workers=2).score(works):
        statuses.append(verdict.status)
        if len(statuses) == 5:
            for container in set(ours(client, os.getpid())) - before:
                with contextlib.suppress(docker.errors.APIError):
                    client.api.kill(container)
    assert statuses == ["passed"] * 20


def test_no_container_is_left_behind(docker_host: str, client: docker.DockerClient) -> None:
    before = ours(client, os.getpid())
    loop = "import os\ndef add(a, b):\n    os.fork()\n    while True: pass"
    works = [Work(ADD[name], None, i, ADD[name].gold) for i, name in enumerate(ADD)]
    verdicts = Scorer(Docker(docker_host), FLOORS, workers=2).score(
        [*works, Work(ADD["cases"], None, 9, loop)]
    )
    for verdict in verdicts:
        assert verdict.backend == "docker"
        break  # the rest is in flight
    mine = [name for name in ours(client, os.getpid()) if name not in before]
    assert mine
    places = [place for name in mine for place in mounted_for(client, name)]
    verdicts.close()  # type: ignore[attr-defined]
    assert gone(client, mine)
    mounts = Path("/proc/self/mounts").read_text()
    assert not [place for place in places if place in mounts]


@pytest.mark.parametrize("busy", [False, True])
def test_a_killed_scorer_takes_its_containers_along(
    busy: bool, docker_host: str, client: docker.DockerClient
) -> None:
    script = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from codemix_core.scoring.backends.docker import Docker\n"
        "from tests.sandbox.addition import ADD\n"
        "wall = Docker(sys.argv[2]).open_wall('python')\n"
        "print('up', flush=True)\n"
        "if len(sys.argv) < 4:\n    import time; time.sleep(600)\n"
        "question = {'framework': 'cases', 'tests': ADD['cases'].tests, 'function': 'add'}\n"
        "limits = {'seconds': 60.0, 'memory_mb': 64}\n"
        "code = 'def add(a, b):\\n    while True: pass'\n"
        "wall.request({'op': 'judge', 'key': 'k', 'question': question, 'code': code,\n"
        "    'limits': limits, 'declared': None}, 600.0)\n"
    )
    command = [sys.executable, "-c", script, str(PROJECT), docker_host, *(["busy"] if busy else [])]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"up\n"
    left = ours(client, process.pid)
    assert len(left) == 1
    time.sleep(0.5)
    process.kill()
    process.wait()
    assert gone(client, left), "at once, not when the program's time is up"


def test_what_a_crash_left_is_swept_and_what_others_use_is_not(
    docker_host: str, client: docker.DockerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = Docker(docker_host)
    used = backend.options(client, "python", None)
    monkeypatch.setattr(module, "_owner", lambda pid: "4194305 1.0")
    orphaned = backend.options(client, "python", None)
    monkeypatch.setattr(module, "_place", lambda: "another machine")
    elsewhere = backend.options(client, "python", None)
    monkeypatch.undo()
    made = [client.api.create_container(**o)["Id"] for o in (used, orphaned, elsewhere)]
    try:
        module.sweep(client)  # or another scorer at the same moment
        left = ours(client)
        assert [container in left for container in made] == [True, False, True]
    finally:
        for container in (made[0], made[2]):
            client.api.remove_container(container, force=True)


def test_the_commands_use_docker_when_told_to(
    here: None, workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    questions = [ADD["cases"], ADD["pytest"]]
    workspace.write_question_set("adding", questions, {"source": "test", "format": "test"})
    run = workspace.new_run(SampleSpec.parse({"questions": "adding", "model": "nano"}))
    with run.writer(GENERATIONS) as writer:
        for q in questions:
            writer.append(Generation(q.question_id, 0, q.gold, q.gold, "stop", 1, [0], [0.0]))
    assert main(["selfcheck", "adding", "--sandbox", "docker"]) == 0
    assert main(["score", run.run_id, "--sandbox", "docker"]) == 0
    (scored,) = workspace.runs("score")
    rows = scored.read(VERDICTS).to_pylist()
    assert [row["status"] for row in rows] == ["passed", "passed"]
    assert {row["backend"] for row in rows} == {"docker"}


def test_the_sandbox_command_shows_both_and_builds_what_is_there_at_once(
    here: None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sandbox"]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in shown[:-1]] == ["docker", "bubblewrap"]
    assert shown[-1] == "auto takes docker"
    assert main(["sandbox", "--base", "x"]) == 2
    assert main(["sandbox", "demolish"]) == 2
