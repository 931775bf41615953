"""The zygote: forks one candidate process per program and leaves nothing of it behind.

It is process 1 of an inner pid namespace, so no signal from inside reaches it, every orphan
becomes its child, and ``kill(-1)`` names exactly the candidate's processes. In a container,
where it may not make one, it belongs to another user than the candidate, adopts every orphan,
and kills by uid. It is forked before the judge reads its first job and never sees programs,
inputs or expected values: the candidate reads its own job from a pipe. What it warms up
(imports) is shared by all forks.

What the system-call filter refuses, the zygote does not need either: it puts the filter on
itself, and every fork has it from its first instruction on.

Guaranteed after each answer to ``reap``: no process of the program lives.
"""

from __future__ import annotations

import _socket
import contextlib
import gc
import itertools
import os
import resource
import signal
from collections.abc import Iterable
from typing import Any, NoReturn

from sandbox import channel, kernel, runners, seccomp
from sandbox.space import kill_user

JOB, RESULT = 3, 4
_EXECUTABLE = 5
_FIRST_FREE = 6
_STACKS = 64 << 20  # what a few threads reserve and never touch
_ADDRESS_SPACE = 4 << 30  # libraries and reservations that are not memory
_LAST = 19
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def run(link: _socket.socket, settings: dict[str, Any]) -> NoReturn:
    """Serve the judge until it goes away.

    Args:
        link: datagram socket to the judge.
        settings: ``jail`` and ``spare``: see :mod:`sandbox.space`; ``uids`` that candidates
            get in turn, empty to keep the present one; ``warm``: modules to import.
    """
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_DFL)  # programs have them so; nobody signals us
    os.setsid()
    kernel.hide_memory()
    if settings["jail"] is not None:
        kernel.adopt_orphans()
    kernel.forbid_new_privileges()
    ends_with_root = kernel.capabilities_end_with_root()
    kernel.install_filter(seccomp.build())
    unready = _warm(settings["warm"])
    if unready:
        raise ImportError(unready["problem"])
    uids = itertools.cycle(settings["uids"] or [None])
    drop = not (settings["uids"] and all(settings["uids"]) and ends_with_root)
    main_pid, uid = 0, next(uids)
    while True:
        received = channel.receive(link)
        if received is None:
            os._exit(0)
        message, descriptors = received
        if message["op"] == "spawn":
            uid = next(uids)
            main_pid = os.fork()
            if main_pid == 0:
                link.close()
                if settings["jail"] is not None:  # all of a container shares one turn at the core
                    os.nice(_LAST)  # and what kills a hundred busy processes must come to it
                _candidate(message, descriptors, uid, drop)
            for descriptor in descriptors:
                os.close(descriptor)
            watched = os.pidfd_open(main_pid)
            channel.send(link, {}, (watched,))
            os.close(watched)
        elif message["op"] == "warm":
            channel.send(link, _warm(message["modules"]))
        else:
            ended = _Ended(main_pid)
            if settings["jail"] is None:
                ended.kill_namespace()
            elif uid is not None:
                ended.kill_user(uid, settings["spare"])
            channel.send(link, {**ended.answer, "uid": uid})
            main_pid = 0


def _warm(modules: Iterable[str]) -> dict[str, str]:
    """Import what later forks are to share; a ``problem`` when that cannot be done."""
    try:
        runners.warm(modules)
    except Exception as error:
        return {"problem": f"{type(error).__name__}: {error}"}
    gc.collect()
    gc.freeze()
    kernel.trim_memory()
    return {}


class _Ended:
    """How a program ended, once all of its processes are killed and collected."""

    def __init__(self, main_pid: int) -> None:
        self._main_pid = main_pid
        self.answer: dict[str, Any] = {"status": None, "memory_kb": 0, "cpu_seconds": 0.0}

    def kill_namespace(self) -> None:
        """Kill what is in this pid namespace."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(-1, signal.SIGKILL)
        self._collect(0)

    def kill_user(self, uid: int, spare: int) -> None:
        """Kill the program, and if it had children or left orphans, all of its user's."""
        if self._main_pid:
            os.kill(self._main_pid, signal.SIGKILL)
            os.waitid(os.P_PID, self._main_pid, os.WEXITED | os.WNOWAIT)
        while self._collect(os.WNOHANG):
            kill_user(uid, spare)
            self._collect(0)

    def _collect(self, flags: int) -> bool:
        """Collect children; with WNOHANG the dead ones. Whether one still lives."""
        while True:
            try:
                pid, status, usage = os.wait4(-1, flags)
            except ChildProcessError:
                return False
            if pid == 0:
                return True
            self.answer["memory_kb"] = max(self.answer["memory_kb"], usage.ru_maxrss)
            self.answer["cpu_seconds"] += usage.ru_utime + usage.ru_stime
            if pid == self._main_pid:
                self.answer["status"] = os.waitstatus_to_exitcode(status)


def _candidate(
    message: dict[str, Any], descriptors: list[int], uid: int | None, drop: bool
) -> NoReturn:
    """In the forked child: put on the restraints, then become the program."""
    try:
        _place(descriptors)
        _restrain(message["limits"], uid, drop)
    except BaseException as error:  # nothing of the program may run half restrained
        os.write(2, f"sandbox set-up failed: {error}\n".encode())
        os._exit(125)
    if message["entry"] == "exec":
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # which Python itself ignores
        _execute(message["argv"], message["env"], binary=len(descriptors) > 3)
    runners.serve(message["entry"], JOB, RESULT)
    os._exit(0)


def _place(descriptors: list[int]) -> None:
    """Descriptors 0-2 are null and the output pipe, 3 the job, 4 the result, 5 the binary.

    They were received in ascending order above the link, so none is overwritten before it is
    in its place; 0 is null in the zygote too.
    """
    job, result, output = descriptors[:3]
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.dup2(job, JOB)
    os.dup2(result, RESULT)
    if len(descriptors) > 3:
        os.dup2(descriptors[3], _EXECUTABLE, False)
    os.closerange(_EXECUTABLE if len(descriptors) == 3 else _FIRST_FREE, 1024)


def _restrain(limits: dict[str, int], uid: int | None, drop: bool) -> None:
    """Args: whom to become, None to stay; whether that leaves capabilities to be dropped."""
    os.setsid()
    os.umask(0o022)
    set_limit = resource.setrlimit
    data = (limits["memory_mb"] << 20) + (limits["base_kb"] << 10) + _STACKS
    set_limit(resource.RLIMIT_DATA, (data, data))
    set_limit(resource.RLIMIT_AS, (data + _ADDRESS_SPACE, data + _ADDRESS_SPACE))
    set_limit(resource.RLIMIT_CPU, (limits["cpu_seconds"], limits["cpu_seconds"] + 1))
    set_limit(resource.RLIMIT_FSIZE, (limits["file_mb"] << 20, limits["file_mb"] << 20))
    set_limit(resource.RLIMIT_STACK, (limits["stack_mb"] << 20, limits["stack_mb"] << 20))
    set_limit(resource.RLIMIT_NOFILE, (limits["files"], limits["files"]))
    set_limit(resource.RLIMIT_CORE, (0, 0))
    set_limit(resource.RLIMIT_MEMLOCK, (0, 0))
    if uid is not None:
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
    set_limit(resource.RLIMIT_NPROC, (limits["processes"], limits["processes"]))
    if drop:
        kernel.drop_capabilities()
    os.chdir("/tmp")


def _execute(argv: list[str], env: dict[str, str], binary: bool) -> NoReturn:
    try:
        os.execve(_EXECUTABLE if binary else argv[0], argv, env)
    except OSError as error:
        os.write(2, f"cannot start the program: {error}\n".encode())
        os._exit(126 if error.errno == 12 else 127)
