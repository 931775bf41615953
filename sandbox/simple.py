"""Runs tests that need nothing but their parameters, without pytest's phases around each.

pytest sets up, calls and tears down every test through some thirty plugins. For a function
without fixtures and marks they have nothing to do, but take longer than most tests. Here such a
test is called as pytest calls it, by pytest's own function, with warnings and log records caught
by pytest's own means. A module is run like this only if each of its tests is of this kind.
"""

from __future__ import annotations

from typing import Any, Protocol

import pytest
from _pytest.logging import LogCaptureHandler, catching_logs
from _pytest.python import pytest_pyfunc_call
from _pytest.warnings import catch_warnings_for_item

_ENDING = (pytest.exit.Exception, KeyboardInterrupt)  # they end the session, as in pytest


class Recorder(Protocol):
    """Whom to tell; called in the order of the methods for each test."""

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """A test begins."""

    def returned(self, error: BaseException | None) -> None:
        """It has returned, or raised."""

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        """Its result is to be written down."""


def all_simple(session: pytest.Session) -> bool:
    """Whether each collected test needs only its parameters; there are some, and no errors."""
    simple = all(map(_is_simple, session.items))
    return simple and bool(session.items) and not session.testsfailed


def _is_simple(item: Any) -> bool:
    if type(item) is not pytest.Function:
        return False
    given = item.callspec.params.keys() if hasattr(item, "callspec") else set()
    if given != set(item.fixturenames):
        return False
    fixtures = item.session._fixturemanager
    if any(fixtures.getfixturedefs(name, item) for name in given):  # it takes the parameter
        return False
    return all(mark.name == "parametrize" for mark in item.iter_markers())


def run(session: pytest.Session, recorder: Recorder) -> None:
    """Run all tests.

    Raises:
        pytest.exit.Exception, KeyboardInterrupt: a test ended the session.
    """
    handler = LogCaptureHandler()
    items: list[Any] = session.items
    for item in items:
        nodeid = item.nodeid
        recorder.pytest_runtest_logstart(nodeid)
        if hasattr(item, "callspec"):
            item.funcargs = item.callspec.params
        handler.reset()
        with catch_warnings_for_item(item.config, item.ihook, "runtest", item):
            with catching_logs(handler):
                recorder.returned(_error_of(item))
            item.funcargs = None
            recorder.pytest_runtest_logfinish(nodeid)


def _error_of(item: pytest.Function) -> BaseException | None:
    try:
        pytest_pyfunc_call(item)
    except _ENDING:
        raise
    except BaseException as error:
        return error
    return None
