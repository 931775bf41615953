"""A Docker daemon for the tests: the machine's own, or one started for them.

Where none runs and the tests belong to root, one is started without network or firewall rules of
its own, with its images in the user's cache folder, so that the sandbox's image is built once.
It is stopped in the end.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import docker
import psutil
import pytest
from docker.errors import DockerException
from filelock import FileLock

from codemix_core.scoring.backends import image

_START_SECONDS, _OTHER_TESTS_SECONDS = 120, 1800


@contextlib.contextmanager
def daemon_with_image(given: str | None) -> Iterator[str]:
    """The URL of a daemon that has the sandbox's image; skips the tests where none can run.

    Args:
        given: the person's ``DOCKER_HOST``.
    """
    with contextlib.ExitStack() as stack:
        host = given or "unix:///var/run/docker.sock"
        if not _answers(host):
            host = stack.enter_context(_own_daemon())
        with contextlib.closing(docker.DockerClient(base_url=host, timeout=1200)) as client:
            _build_once(client)
        yield host


def _build_once(client: docker.DockerClient) -> None:
    with FileLock(_cache() / "image.lock", timeout=_OTHER_TESTS_SECONDS):
        if not client.images.list(name=image.tag()):
            image.build(client, None, print)


def _cache() -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "codemix-tests")
    cache.mkdir(parents=True, exist_ok=True)
    return cache


def _answers(host: str) -> bool:
    try:
        with contextlib.closing(docker.DockerClient(base_url=host, timeout=10)) as client:
            return bool(client.ping())
    except DockerException:
        return False


@contextlib.contextmanager
def _own_daemon() -> Iterator[str]:
    """One daemon for all test processes: the first starts it, the last stops it."""
    if os.geteuid() != 0 or shutil.which("dockerd") is None:
        pytest.skip("no Docker daemon runs, and only root with dockerd can start one")
    cache = _cache()
    host = f"unix://{cache}/docker.sock"
    with (cache / "docker.users").open("w") as users:
        with FileLock(cache / "docker.lock", timeout=_OTHER_TESTS_SECONDS):
            if not _answers(host):
                _start(cache, host)
            fcntl.flock(users, fcntl.LOCK_SH)
        try:
            yield host
        finally:
            with FileLock(cache / "docker.lock", timeout=_OTHER_TESTS_SECONDS):
                fcntl.flock(users, fcntl.LOCK_UN)
                with contextlib.suppress(BlockingIOError):
                    fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    _stop(int((cache / "docker.pid").read_text()))


def _start(cache: Path, host: str) -> None:
    command = ["dockerd", "--host", host, "--data-root", str(cache / "docker")]
    command += ["--exec-root", str(cache / "docker-exec"), "--pidfile", str(cache / "docker.pid")]
    command += ["--iptables=false", "--ip6tables=false", "--bridge=none", "--ip-forward=false"]
    with (cache / "docker.log").open("wb") as log:  # no child of ours: tests kill their children
        subprocess.run(["setsid", "--fork", *command], stdout=log, stderr=log, check=True)
    deadline = time.monotonic() + _START_SECONDS
    while not _answers(host):
        if time.monotonic() > deadline:
            said = (cache / "docker.log").read_text()[-2000:]
            pytest.fail(f"dockerd does not come up:\n{said}")
        time.sleep(0.2)


def _stop(pid: int) -> None:
    daemon = psutil.Process(pid)
    family = [daemon, *daemon.children(recursive=True)]
    daemon.terminate()
    _, alive = psutil.wait_procs(family, timeout=30)
    for process in alive:
        process.kill()
    psutil.wait_procs(alive, timeout=10)
