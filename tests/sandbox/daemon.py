"""A Docker daemon for the tests: the machine's own, or one started for them.

Where none runs and the tests belong to root, one is started without network or firewall rules of
its own, with its images in the user's cache folder, so that the sandbox's image is built once.
It is stopped in the end.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import docker
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
            if not client.images.list(name=image.tag()):
                image.build(client, None, print)
        yield host


def _answers(host: str) -> bool:
    try:
        with contextlib.closing(docker.DockerClient(base_url=host, timeout=10)) as client:
            return bool(client.ping())
    except DockerException:
        return False


@contextlib.contextmanager
def _own_daemon() -> Iterator[str]:
    if os.geteuid() != 0 or shutil.which("dockerd") is None:
        pytest.skip("no Docker daemon runs, and only root with dockerd can start one")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "codemix-tests")
    cache.mkdir(parents=True, exist_ok=True)
    with (
        FileLock(cache / "docker.lock", timeout=_OTHER_TESTS_SECONDS),
        tempfile.TemporaryDirectory(prefix="codemix-docker-") as folder,
        (Path(folder) / "log").open("wb") as log,
    ):
        host = f"unix://{folder}/docker.sock"
        command = ["dockerd", "--host", host, "--data-root", str(cache / "docker")]
        command += ["--exec-root", f"{folder}/exec", "--pidfile", f"{folder}/pid"]
        command += ["--iptables=false", "--ip6tables=false", "--bridge=none", "--ip-forward=false"]
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        try:
            deadline = time.monotonic() + _START_SECONDS
            while not _answers(host):
                if process.poll() is not None or time.monotonic() > deadline:
                    said = (Path(folder) / "log").read_text()[-2000:]
                    pytest.fail(f"dockerd does not come up:\n{said}")
                time.sleep(0.2)
            yield host
        finally:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=30)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
