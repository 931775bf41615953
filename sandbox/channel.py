"""Messages between trusted processes: length-prefixed JSON frames, and datagrams with descriptors.

A frame is 4 bytes of big-endian length and that many bytes of JSON (ASCII). The candidate
never holds an end of these channels.
"""

from __future__ import annotations

import array
import json
import os
import socket
import struct
from typing import Any, BinaryIO

MAX_FRAME = 256 * 1024 * 1024
_MAX_DATAGRAM = 64 * 1024


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


def send(link: socket.socket, message: dict[str, Any], descriptors: tuple[int, ...] = ()) -> None:
    """Send one datagram with open descriptors."""
    body = json.dumps(message, separators=(",", ":")).encode("ascii")
    if descriptors:
        socket.send_fds(link, [body], descriptors)
    else:
        link.send(body)


def receive(link: socket.socket) -> tuple[dict[str, Any], list[int]] | None:
    """The next datagram and its descriptors, or None when the other side is gone."""
    room = array.array("i").itemsize * 8
    body, ancillary, _, _ = link.recvmsg(_MAX_DATAGRAM, socket.CMSG_SPACE(room))
    descriptors = array.array("i")
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            descriptors.frombytes(data[: len(data) - len(data) % descriptors.itemsize])
    if not body:
        for descriptor in descriptors:
            os.close(descriptor)
        return None
    message: dict[str, Any] = json.loads(body)
    return message, list(descriptors)
