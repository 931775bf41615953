"""The docker backend: one long-lived container per worker and flavour, through the daemon's API.

A container has no network, a read-only root, a tmpfs with caps in bytes and files, no new
privileges, Docker's own system-call filter and profile, caps on memory, swap, processes and
CPU, and a cleared environment. No path and no socket of the host is handed in: tool chain and
judge are in the image, so the daemon may be on another machine and nothing but it is needed there.

Inside runs the judge that bubblewrap runs too, with one difference. There it may mount and make
namespaces; the same here would take CAP_SYS_ADMIN, a wider system-call filter and no AppArmor
profile for a process that reads what programs write. So it does without: it keeps the rights
to change its uid, to kill other uids and to change its root (the jail: a tree without /proc, see
``sandbox/Dockerfile``), gives every program another uid, kills by uid and empties /tmp itself
(:mod:`sandbox.space`). Programs lose all of it and get the filter of :mod:`sandbox.seccomp` on top.

Containers end with this process, however it ends: their input closes, the judge ends, the daemon
removes them. What is left behind all the same is removed when the next wall is built.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import socket
import stat
import struct
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from codemix_core.scoring.backends import flavours, image
from codemix_core.scoring.backends.base import LATE, STDERR, FrameWall, Wall, WallBroken

if TYPE_CHECKING:
    from docker import DockerClient

_SOCKET = Path("/var/run/docker.sock")
_API_SECONDS = 60
_JAIL = "/jail"
_UIDS = 20_000, 60_000  # below 65,536: what a daemon with user namespaces maps
_UIDS_PER_WALL = 16
_DEVICES = ("null", "zero", "full", "random", "urandom")
_CAPABILITIES = ["SETUID", "SETGID", "KILL", "SYS_CHROOT"]
_TMP = "rw,exec,nosuid,nodev,mode=1777,size={size_mb}m,nr_inodes={inodes}"
_PROCESSES = 192
_MEMORY_MB, _BESIDES_MB = 4096, 1024
_PLACE, _OWNER = "codemix.sandbox.place", "codemix.sandbox.owner"
_STDOUT = 1


class Docker:
    """Builds walls with a Docker daemon."""

    name = "docker"

    def __init__(self, host: str | None = None) -> None:
        """Args: host: the daemon's URL; None for ``DOCKER_HOST``, else the usual socket."""
        self._host = host

    def connect(self) -> DockerClient:
        """A connection to the daemon; the caller closes it.

        Raises:
            DockerException: there is none, or it does not let us in.
        """
        import docker

        if self._host is None:
            return docker.from_env(timeout=_API_SECONDS)
        return docker.DockerClient(base_url=self._host, timeout=_API_SECONDS)

    def missing(self) -> str | None:
        """What is not there, with instructions."""
        host = self._host or os.environ.get("DOCKER_HOST")
        if host is None and not (_SOCKET.exists() and stat.S_ISSOCK(_SOCKET.stat().st_mode)):
            return "no Docker daemon runs here, and DOCKER_HOST names none elsewhere"
        from docker import errors

        try:
            with contextlib.closing(self.connect()) as client:
                if client.api.base_url.startswith(("https", "http+docker://ssh")):
                    return "only daemons behind a Unix socket or plain TCP can be used"
                client.images.get(image.tag())
        except errors.ImageNotFound:
            return f"its image is not built for this version: run '{image.BUILD_COMMAND}'"
        except (errors.DockerException, OSError) as error:
            if "PermissionError" in str(error):
                return "this user may not use Docker: be root or a member of the group 'docker'"
            return f"the Docker daemon does not answer ({error})"
        return None

    def fingerprint(self) -> str:
        """Identity of the image.

        Raises:
            WallBroken: the daemon or the image is gone.
        """
        from docker import errors

        try:
            with contextlib.closing(self.connect()) as client:
                identity = client.images.get(image.tag()).id
        except (errors.DockerException, OSError) as error:
            raise WallBroken(f"the sandbox image cannot be found: {error}") from error
        return hashlib.sha256(f"docker {identity}".encode()).hexdigest()

    def open_wall(self, flavour: str, cpu: int | None = None) -> Wall:
        """A new wall; raises WallBroken."""
        from docker import errors

        try:
            client = self.connect()
        except (errors.DockerException, OSError) as error:
            raise WallBroken(f"the Docker daemon does not answer: {error}") from error
        try:
            sweep(client)
            return _DockerWall(client, flavour, self.options(client, flavour, cpu))
        except (errors.DockerException, OSError) as error:
            client.close()
            raise WallBroken(f"no container can be started: {error}") from error

    def options(self, client: DockerClient, flavour: str, cpu: int | None) -> dict[str, Any]:
        """The complete restraints of a container, as the API takes them."""
        from docker.types import LogConfig

        spare, *uids = flavours.uids(*_UIDS, _UIDS_PER_WALL)
        settings = flavours.settings(flavour, _JAIL, uids, spare)
        here = client.api.base_url == "http+docker://localhost"
        core = {"cpuset_cpus": str(cpu)} if here and cpu is not None else {"nano_cpus": 10**9}
        limits = client.api.create_host_config(
            **core,
            network_mode="none",
            read_only=True,
            tmpfs={f"{_JAIL}/tmp": _TMP.format(**settings)},
            devices=[f"/dev/{name}:{_JAIL}/dev/{name}:rw" for name in _DEVICES],
            cap_drop=["ALL"],
            cap_add=_CAPABILITIES,
            security_opt=["no-new-privileges"],
            mem_limit=_MEMORY_MB << 20,
            memswap_limit=_MEMORY_MB << 20,
            pids_limit=_PROCESSES,
            ipc_mode="none",
            log_config=LogConfig(type="none"),
            auto_remove=True,
        )
        return {
            "image": image.tag(),
            "command": [*flavours.python("/usr/bin/python3"), json.dumps(settings)],
            "environment": flavours.ENVIRONMENT,
            "use_config_proxy": False,  # a person's proxy may hold a password
            "hostname": "sandbox",
            "user": "0:0",
            "stdin_open": True,
            "labels": {_PLACE: _place(), _OWNER: _owner(os.getpid())},
            "host_config": limits,
        }


class _DockerWall(FrameWall):
    """A wall around a container that speaks frames over the daemon's attached stream."""

    def __init__(self, client: DockerClient, flavour: str, options: dict[str, Any]) -> None:
        from docker import errors

        super().__init__()
        self._client, self._room_mb = client, _MEMORY_MB - _BESIDES_MB
        self._raw, self._said = bytearray(), b""
        name = f"codemix-{flavour}-{os.getpid()}-{secrets.token_hex(4)}"
        self._id: str = client.api.create_container(name=name, **options)["Id"]
        try:
            self._socket = self._attach()
            client.api.start(self._id)
        except BaseException:
            with contextlib.suppress(errors.DockerException, OSError):
                client.api.remove_container(self._id, force=True)
            raise
        self._greet()

    def _attach(self) -> socket.socket:
        parameters = {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1}
        stream = self._client.api.attach_socket(self._id, parameters)
        own = socket.socket(fileno=os.dup(stream.fileno()))
        stream.close()
        return own

    def request(self, message: dict[str, Any], timeout: float) -> dict[str, Any]:
        """See :class:`FrameWall`; makes room first where the program may use more than usual."""
        wanted = message["limits"]["memory_mb"]
        if wanted > self._room_mb:
            self._make_room(wanted)
        return super().request(message, timeout)

    def _make_room(self, wanted_mb: int) -> None:
        from docker import errors

        size = (wanted_mb + _BESIDES_MB) << 20
        try:
            self._client.api.update_container(self._id, mem_limit=size, memswap_limit=size)
        except (errors.DockerException, OSError) as error:
            self.close()
            raise WallBroken(f"the container cannot be given {wanted_mb} MiB: {error}") from error
        self._room_mb = wanted_mb

    def _send(self, data: bytes, deadline: float) -> None:
        self._let(deadline)
        try:
            self._socket.sendall(data)
        except TimeoutError as error:
            raise WallBroken(LATE) from error
        except OSError as error:
            raise WallBroken(f"the judge is gone ({error}). {self._last_words()}") from error

    def _read(self, deadline: float) -> bytes:
        """What the judge wrote; the daemon's stream marks each piece with its descriptor."""
        self._let(deadline)
        try:
            data = self._socket.recv(1 << 16)
        except TimeoutError as error:
            raise WallBroken(LATE) from error
        except OSError as error:
            raise WallBroken(f"the judge is gone ({error}). {self._last_words()}") from error
        if not data:
            raise WallBroken(f"the judge ended. {self._last_words()}")
        self._raw += data
        return b"".join(self._pieces())

    def _pieces(self) -> list[bytes]:
        """Finished pieces of standard output; those of standard error are kept as last words."""
        pieces = []
        while len(self._raw) >= 8:
            descriptor, length = struct.unpack(">BxxxI", self._raw[:8])
            if len(self._raw) < 8 + length:
                break
            piece = bytes(self._raw[8 : 8 + length])
            del self._raw[: 8 + length]
            if descriptor == _STDOUT:
                pieces.append(piece)
            else:
                self._said = (self._said + piece)[-STDERR:]
        return pieces

    def _let(self, deadline: float) -> None:
        left = deadline - time.monotonic()
        if left <= 0:
            raise WallBroken(LATE)
        self._socket.settimeout(left)

    def _last_words(self) -> str:
        return self._said.decode("utf-8", "replace").strip()

    def kill(self) -> None:
        """Kill the container; its pid namespace goes with it."""
        from docker import errors

        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        with contextlib.suppress(errors.DockerException, OSError):
            self._client.api.kill(self._id)

    def close(self) -> None:
        """Kill what is left; the daemon removes it."""
        self.kill()
        self._socket.close()
        self._client.close()


def sweep(client: DockerClient) -> int:
    """Remove containers of ours whose owner has gone; returns how many."""
    from docker import errors

    swept = 0
    for found in client.api.containers(all=True, filters={"label": f"{_PLACE}={_place()}"}):
        if not _lives(found["Labels"][_OWNER]):
            with contextlib.suppress(errors.APIError):  # the daemon may be removing it already
                client.api.remove_container(found["Id"], force=True)
                swept += 1
    return swept


def _place() -> str:
    """Where process ids mean what they mean here: this boot, this pid namespace."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return f"{boot} {os.readlink('/proc/self/ns/pid')}"


def _owner(pid: int) -> str:
    """A process id and the moment it started: another process may get the same id later."""
    return f"{pid} {psutil.Process(pid).create_time()}"


def _lives(owner: str) -> bool:
    try:
        return _owner(int(owner.split(maxsplit=1)[0])) == owner
    except psutil.NoSuchProcess:
        return False
