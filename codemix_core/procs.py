"""Child processes that cannot outlive their purpose, with environments built from an allow-list.

Linux only: relies on ``prctl`` (parent-death signal, child subreaper) and ``/proc``.
"""

from __future__ import annotations

import ctypes
import os
import signal
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

import psutil

RUN_MARK = "CODEMIX_RUN_ID"
"""Set in the environment of a run's worker and inherited by all it starts."""

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36

_KEPT = frozenset(
    {
        *("HOME", "LANG", "LANGUAGE", "LOGNAME", "PATH", "SHELL", "TERM", "TMPDIR", "TZ", "USER"),
        *("COLUMNS", "LD_LIBRARY_PATH", "LD_PRELOAD", "NO_COLOR", "VIRTUAL_ENV"),
        *("DOCKER_HOST", "REQUESTS_CA_BUNDLE", "SSL_CERT_DIR", "SSL_CERT_FILE"),
        *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"),
    }
)
_KEPT_PREFIXES = (
    *("CODEMIX_", "CUDA_", "HF_", "LC_", "MKL_", "NCCL_", "NUMEXPR_", "NVIDIA_", "OMP_"),
    *("PYTORCH_", "RAY_", "TOKENIZERS_", "TORCH_", "TRITON_", "VLLM_", "XDG_"),
)
_SECRET_WORDS = ("TOKEN", "SECRET", "PASSWORD", "PASSWD", "API_KEY", "CREDENTIAL", "ACCESS_KEY")


def scrubbed_environment(source: Mapping[str, str], secrets: Iterable[str] = ()) -> dict[str, str]:
    """The environment a job gets: what tools need, and no secret but those it names.

    Args:
        source: the environment to take from.
        secrets: names of secret variables this job needs (``HF_TOKEN``, an API key).
    """
    needed = set(secrets)
    return {
        name: value
        for name, value in source.items()
        if name in needed
        or (
            (name in _KEPT or name.startswith(_KEPT_PREFIXES))
            and (name == "TOKENIZERS_PARALLELISM" or not _is_secret(name))
        )
    }


def _is_secret(name: str) -> bool:
    return any(word in name.upper() for word in _SECRET_WORDS)


def die_with_parent(parent: int) -> None:
    """Have the kernel kill this process when its parent ends, however the parent ends.

    Args:
        parent: the process id of the parent; if it ended already, this process ends now.
    """
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


@contextmanager
def adopting_orphans() -> Iterator[None]:
    """Be the parent of descendants whose parent ended, so that they can be killed, for a while."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    try:
        yield
    finally:
        _prctl(_PR_SET_CHILD_SUBREAPER, 0)


def kill_group(group: int) -> None:
    """SIGKILL a process group; no error when it is gone."""
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        return


def kill_marked(run_id: str, patience: float = 5.0) -> int:
    """SIGKILL every process that a run's worker started and wait until they are gone.

    Returns:
        The number of processes killed.
    """
    killed: list[psutil.Process] = []
    deadline = time.monotonic() + patience
    while found := _marked(run_id):
        for process in found:
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue
            killed.append(process)
        psutil.wait_procs(found, timeout=0.5)
        if time.monotonic() > deadline:
            break
    return len(set(killed))


def _marked(run_id: str) -> list[psutil.Process]:
    mark = f"{RUN_MARK}={run_id}".encode()
    found = []
    for process in psutil.process_iter():
        try:
            with open(f"/proc/{process.pid}/environ", "rb") as stream:
                environment = stream.read()
            if mark in environment.split(b"\0") and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (OSError, psutil.Error):
            continue
    return [process for process in found if process.pid != os.getpid()]


def reap_children() -> None:
    """Collect ended children that nobody waits for (orphans adopted by this process)."""
    while True:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return


def _prctl(operation: int, value: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(operation, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), f"prctl({operation}) failed")
