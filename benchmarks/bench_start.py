"""How long a second start takes: from ``make run`` to the first page answered."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
REPETITIONS = 5
LIMIT_SECONDS = 3.0


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("localhost", 0))
        return int(listener.getsockname()[1])


def seconds_to_first_page(home: str) -> float:
    """One start, measured and ended."""
    port = free_port()
    began = time.perf_counter()
    server = subprocess.Popen(
        ["make", "run", f"PORT={port}"],
        cwd=PROJECT,
        env={**os.environ, "CODEMIX_HOME": home},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        while True:
            with contextlib.suppress(OSError):
                with urllib.request.urlopen(f"http://localhost:{port}/", timeout=5) as answer:
                    answer.read()
                return time.perf_counter() - began
            if server.poll() is not None:
                raise RuntimeError(f"make run ended with exit code {server.returncode}")
            time.sleep(0.01)
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait()


def main() -> None:
    """Print the times of several starts."""
    with tempfile.TemporaryDirectory() as home:
        first = seconds_to_first_page(home)
        times = sorted(seconds_to_first_page(home) for _ in range(REPETITIONS))
    print(f"first start in a new workspace, nano imported: {first:.2f} s")
    median = times[len(times) // 2]
    print(f"second start, median and slowest of {REPETITIONS}: {median:.2f} s, {times[-1]:.2f} s")
    print(f"wanted: under {LIMIT_SECONDS:.0f} s")
