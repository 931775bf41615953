"""A real server and a real Chromium."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from codemix_core import jobs
from codemix_core.workspace import Workspace

PROJECT = Path(__file__).resolve().parents[2]
CHROMIUM = Path("/usr/bin/chromium")
PATIENCE = 30_000
"""Milliseconds to wait for what should appear at once, on a machine that does other things, too."""
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


@contextmanager
def serving(workspace: Workspace, log: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """The workbench on a free port, as ``serve`` starts it: its address and its process."""
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port = probe.getsockname()[1]
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "codemix_core", "serve", "--port", str(port)],
            cwd=PROJECT,
            env=os.environ | {"CODEMIX_HOME": str(workspace.root)},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        address = f"http://localhost:{port}"
        try:
            _wait(f"{address}/_stcore/health")
            yield address, process
        finally:
            process.terminate()
            process.wait(20)


@pytest.fixture
def server(workspace: Workspace, tmp_path: Path) -> Iterator[str]:
    """Address of a workbench of this test's own; its jobs end with the test."""
    with serving(workspace, tmp_path / "server.log") as (address, _):
        yield address
    for run in workspace.runs():
        if jobs.status(run).state.alive:
            jobs.stop(run)


def _wait(address: str) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(address, timeout=2):
                return
        except OSError:
            time.sleep(0.2)
    raise TimeoutError(f"{address} does not answer")


@pytest.fixture
def page() -> Iterator[Page]:
    """A page of a real browser."""
    if not CHROMIUM.exists():
        pytest.fail("Chromium is missing; 'make test' installs it, or 'apt-get install chromium'")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        context = browser.new_context(viewport={"width": 1440, "height": 900})
        context.set_default_timeout(PATIENCE)
        expect.set_options(timeout=PATIENCE)
        yield context.new_page()
        browser.close()
