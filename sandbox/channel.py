"""Messages between trusted processes: length-prefixed JSON frames, and datagrams with descriptors.

A frame is 4 bytes of big-endian length and that many bytes of JSON (ASCII). The candidate
never holds an end of these channels. The zygote is forked with all that is imported here, so
sockets are those of the C module: the other one makes hundreds of named constants.
"""

from __future__ import annotations

import _socket
import json
import os
import struct
from typing import Any, BinaryIO

MAX_FRAME = 256 * 1024 * 1024
_MAX_DATAGRAM = 64 * 1024
_INT = struct.calcsize("i")
_ROOM = _socket.CMSG_SPACE(8 * _INT)


def write_frame(stream: BinaryIO, message: dict[str, Any]) -> None:
    """Write one frame and flush."""
    body = json.dumps(message, separators=(",", ":")).encode("ascii")
    stream.write(struct.pack(">I", len(body)) + body)
    stream.flush()


def read_frame(stream: BinaryIO) -> dict[str, Any] | None:
    """The next frame, or None at the end of the stream.

    Raises:
        ValueError: the stream does not hold a whole frame.
    """
    head = stream.read(4)
    if not head:
        return None
    (length,) = struct.unpack(">I", head) if len(head) == 4 else (MAX_FRAME + 1,)
    body = stream.read(length) if length <= MAX_FRAME else b""
    if len(body) != length:
        raise ValueError("torn frame")
    message = json.loads(body)
    if not isinstance(message, dict):
        raise ValueError("a frame holds a JSON object")
    return message


def send(link: _socket.socket, message: dict[str, Any], descriptors: tuple[int, ...] = ()) -> None:
    """Send one datagram with open descriptors."""
    body = json.dumps(message, separators=(",", ":")).encode("ascii")
    if descriptors:
        packed = struct.pack(f"{len(descriptors)}i", *descriptors)
        link.sendmsg([body], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, packed)])
    else:
        link.send(body)


def receive(link: _socket.socket) -> tuple[dict[str, Any], list[int]] | None:
    """The next datagram and its descriptors, or None when the other side is gone."""
    body, ancillary, _, _ = link.recvmsg(_MAX_DATAGRAM, _ROOM)
    descriptors: list[int] = []
    for level, kind, data in ancillary:
        if level == _socket.SOL_SOCKET and kind == _socket.SCM_RIGHTS:
            descriptors += struct.unpack(f"{len(data) // _INT}i", data[: len(data) // _INT * _INT])
    if not body:
        for descriptor in descriptors:
            os.close(descriptor)
        return None
    message: dict[str, Any] = json.loads(body)
    return message, descriptors
