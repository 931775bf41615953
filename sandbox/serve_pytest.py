"""Candidate side of ``pytest``: runs the test module in this process and reports each test.

The program can reach everything here, so nothing is taken on trust outside: records carry a
nonce, and a must-fail test (the canary) shows whether failing still works. Values that the
program returns are probed: an object that equals whatever it is compared with is reported.

The job is one JSON line: ``nonce``, ``code``, ``tests`` (with the canary), ``imports`` (modules
they import), ``canary`` (its name), ``wanted`` (test names or null).
Records: see :mod:`sandbox.reported`.
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib
import itertools
import linecache
import os
import sys
import traceback
import types
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pytest
from _pytest import reports
from _pytest.assertion import util
from _pytest.assertion.rewrite import AssertionRewritingHook
from _pytest.config import _prepareconfig

from sandbox import integrity, probe, rewritten, simple, snapshot
from sandbox.rewritten import MODULE
from sandbox.serve_cases import describe, read_all, scan

_FIRST_PRIVATE = 100
SOLUTION = "/tmp/solution.py"
OPTIONS = (
    *("--rootdir=/tmp", "-c", "/dev/null", "-s", "-o", "enable_assertion_pass_hook=true"),
    *("-p", "no:cacheprovider", "-p", "no:terminal", "-p", "no:doctest", "-p", "no:junitxml"),
    *("-p", "no:pastebin", "-p", "no:stepwise", "-p", "no:faulthandler", "-p", "no:debugging"),
    *("-p", "no:unraisableexception", "-p", "no:threadexception"),  # each collects all garbage
    *("-p", "no:nose", "-p", "no:setupplan", "-p", "no:setuponly", "-p", "no:legacypath"),
)
_MESSAGE = 600
Write = Callable[..., None]


_opened: list[tuple[pytest.Session, _Recorder]] = []

_SIMPLE = "import solution\ndef test_nothing():\n    assert [0] == [0]\n"
_REHEARSED = _SIMPLE, f"{_SIMPLE}def test_path(tmp_path):\n    assert tmp_path\n"


def rehearse() -> None:
    """Run a trivial test once, so that every fork finds pytest's parts imported.

    The session of the next run is opened here too: up to the collection of tests it is the same
    for every program and takes pytest longer than to run a few tests.
    """
    path, modules, here = list(sys.path), set(sys.modules), os.getcwd()
    os.chdir("/tmp")
    rewritten.install()
    patched: Any = reports
    patched._format_failed_longrepr = _no_text
    _save(SOLUTION, "")
    for text in _REHEARSED:
        if "P" not in _said_about(text):
            raise ImportError("pytest does not run a trivial test as it should")
    _save(MODULE, "")
    _opened[:] = [_open_session()]
    os.unlink(MODULE)
    os.chdir(here)
    sys.path[:] = path
    for name in {"solution", "test_solution"} & (set(sys.modules) - modules):
        del sys.modules[name]


def _said_about(tests: str) -> list[str]:
    """The kinds of records that a run of a trivial module writes."""
    said: list[str] = []
    _save(MODULE, tests)
    session, recorder = _open_session()
    rewritten.give(rewritten.compiled(tests))
    recorder.begin(lambda kind, *_: said.append(kind), None, tests)
    _run_tests(session, recorder)
    session.config._ensure_unconfigure()
    return said


def _no_text(*failure: object) -> str:
    """In place of pytest's text about a failure, which the recorder explains itself."""
    return "failed"


def _open_session() -> tuple[pytest.Session, _Recorder]:
    """What ``pytest.main`` does before it imports the test module."""
    config = _prepareconfig([*OPTIONS, MODULE])
    config.option.trace = config.option.usepdb = False  # asked for by the tests of unittest
    session = pytest.Session.from_config(config)
    config._do_configure()
    config.hook.pytest_sessionstart(session=session)
    recorder = _Recorder(session.perform_collect(genitems=False))
    config.pluginmanager.register(recorder)
    recorder.take_snapshots()
    return session, recorder


def _run_tests(session: pytest.Session, recorder: _Recorder) -> None:
    """What ``pytest.main`` does from there on, until every test has reported."""
    hook = session.config.hook
    with contextlib.suppress(BaseException):  # what was not reported does not count
        hook.pytest_collection(session=session)
        if simple.all_simple(session):
            simple.run(session, recorder)
        else:
            hook.pytest_runtestloop(session=session)
    recorder.finish()


def serve(job: int, result: int) -> None:
    """Run the tests of the job."""
    header, _, tests_code = read_all(job).partition(b"\n")
    order, _ = scan(header.decode("ascii"), 0)
    write = _writer(order["nonce"], result)
    try:
        code = compile(order["code"], SOLUTION, "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        write("X", "", describe(error))
        return
    session, recorder = _opened.pop()
    leave = os._exit
    _save(SOLUTION, order["code"])
    imported = _imported(order["imports"])
    recorder.begin(write, None, "")
    integrity.watch(f"/tmp/{MODULE}", lambda text: write("T", "", text))
    broken = recorder.broken
    try:
        _load(code)
        recorder.loaded(imported)
    except BaseException as error:  # the program may raise anything, SystemExit included
        write("M", "", describe(error))
        write("E")
        return
    _save(MODULE, order["tests"])
    rewritten.give(tests_code)
    wanted = None if order["wanted"] is None else {*order["wanted"], order["canary"]}
    recorder.begin(write, wanted, order["tests"])
    _run_tests(session, recorder)
    if broken():
        write("T", "", "the program changed what judges it")
    write("E")
    leave(0)  # tidying up would take as long as a few tests


def _imported(names: Sequence[str]) -> snapshot.Snapshot:
    """What the tests import that is not there yet, as it is before the program is loaded."""
    missing = [name for name in names if name not in sys.modules]
    for name in missing:
        with contextlib.suppress(BaseException):  # the tests will tell
            importlib.import_module(name)
    return snapshot.modules(missing)


def _load(code: types.CodeType) -> None:
    """Run the program, as an import would, while nothing of its tests is there yet."""
    hooks = list(sys.meta_path)
    sys.meta_path[:] = [hook for hook in hooks if not isinstance(hook, AssertionRewritingHook)]
    sys.path.insert(0, "/tmp")
    try:
        rewritten.executed("solution", SOLUTION, code)
    finally:
        sys.path.remove("/tmp")
        sys.meta_path[:] = hooks


def _save(name: str, text: str) -> None:
    with open(name, "w", encoding="utf-8", errors="replace") as stream:
        stream.write(text)


def _writer(nonce: str, result: int) -> Write:
    descriptor = fcntl.fcntl(result, fcntl.F_DUPFD_CLOEXEC, _FIRST_PRIVATE)
    os.close(result)
    put = os.write  # as it is before the program is loaded

    def write(kind: str, name: str = "", message: str = "") -> None:
        fields = [text.encode("utf-8", "replace").hex() for text in (name, message)]
        put(descriptor, f"{nonce} {kind} {fields[0]} {fields[1]}\n".encode("ascii"))

    return write


class _Recorder:
    """A pytest plugin that reports over the private descriptor."""

    def __init__(self, modules: Iterable[pytest.Item | pytest.Collector]) -> None:
        self._modules = list(modules)
        self._failure: str | None = None
        self._called = False
        self._watching: Callable[[], bool] = lambda: True
        self.take_snapshots()
        self.begin(lambda *_: None, None, "")

    def take_snapshots(self) -> None:
        """Remember functions and classes as they are."""
        self._deciding = snapshot.deciding()
        self._libraries = snapshot.libraries()
        self._imported = snapshot.modules(())
        self.broken = snapshot.seal()

    def loaded(self, imported: snapshot.Snapshot) -> None:
        """The program has been loaded, after these modules of the tests' imports."""
        self._imported = imported
        for seen in (self._libraries, imported):
            self._tell(snapshot.said(seen.changed()))

    def begin(self, write: Write, wanted: set[str] | None, tests: str) -> None:
        """Say where to report, which tests to run (None for all) and what their text is."""
        self._write, self._wanted, self._lines = write, wanted, tests.splitlines()

    def pytest_collection(self, session: pytest.Session) -> bool:
        """Import the module and collect its tests, as pytest does after it found the module."""
        self._check()  # the program is loaded; what it has changed might be put back in time
        session.items = [item for module in self._modules for item in session.genitems(module)]
        hook, config = session.config.hook, session.config
        hook.pytest_collection_modifyitems(session=session, config=config, items=session.items)
        session.testscollected = len(session.items)
        hook.pytest_collection_finish(session=session)
        return True

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        if self._wanted is not None:
            items[:] = [item for item in items if _name(item.nodeid) in self._wanted]
        _move_last(items)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        for item in session.items:
            self._write("D", _name(item.nodeid))
        modules = {id(m): m for i in session.items if (m := getattr(i, "module", None))}
        for module in modules.values():
            known = self._deciding, self._libraries, self._imported
            around = snapshot.DuringCalls(known, snapshot.used_by(module))
            probe.guard(module, sys.modules.get("solution"), around, self._accuse)
        self._watching = probe.watch_assertions(modules.values(), self._accuse)
        _hide(modules.values())

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_setup(self) -> None:
        util._config = util._reprcompare = None  # both lead to the other tests

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self._write("M", "", str(report.longrepr)[-_MESSAGE:])

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self._failure, self._called = None, False
        self._write("S", _name(nodeid))

    def returned(self, error: BaseException | None) -> None:
        """A test that is run without pytest's phases has returned, or raised."""
        self._called = True
        if error is not None:
            self._failure = explain(error, self._lines)
        self._check()

    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> None:
        if call.excinfo is not None and self._failure is None:
            self._failure = explain(call.excinfo.value, self._lines)
        self._called = self._called or call.when == "call"
        if call.when == "call" or _has_fixtures(item):
            self._check()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.outcome != "passed" and self._failure is None:
            self._failure = report.outcome

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        self._check()
        passed = self._called and self._failure is None
        self._write("P" if passed else "F", _name(nodeid), self._failure or "")

    def _check(self) -> None:
        self._tell(snapshot.said(self._deciding.changed()))

    def finish(self) -> None:
        """Every test has returned."""
        self._check()
        self._tell(snapshot.said(self._libraries.changed(_of_the_tests)))
        if not self._watching():
            self._accuse("the probe of compared values was taken away")

    def _tell(self, accusation: str | None) -> None:
        if accusation:
            self._accuse(accusation)

    def _accuse(self, text: str) -> None:
        self._write("T", "", text)


def _hide(modules: Iterable[types.ModuleType]) -> None:
    """Leave nothing of the tests where a program finds it by its name; their classes stay."""
    for module in modules:
        shown = types.ModuleType(module.__name__)
        classes = {k: v for k, v in vars(module).items() if isinstance(v, type)}
        shown.__dict__.update(classes)
        sys.modules[module.__name__] = shown
    sys.meta_path[:] = [h for h in sys.meta_path if not isinstance(h, AssertionRewritingHook)]
    linecache.clearcache()
    with contextlib.suppress(OSError):
        os.unlink(MODULE)


def _has_fixtures(item: pytest.Item) -> bool:
    """Whether anything but pytest's own code runs before and after the test itself."""
    parameters = item.callspec.params if hasattr(item, "callspec") else ()
    return not set(getattr(item, "fixturenames", ("unknown",))) <= set(parameters)


def _move_last(items: list[pytest.Item]) -> None:
    """Put the last test, which must fail, anywhere but between the tests of a class."""
    if len(items) < 2:
        return
    last = items.pop()
    pairs = itertools.pairwise(items)
    inside = {
        i + 1 for i, (one, two) in enumerate(pairs) if one.parent is two.parent is not last.parent
    }
    places = [place for place in range(len(items) + 1) if place not in inside]
    items.insert(places[int.from_bytes(os.urandom(4), "big") % len(places)], last)


def _of_the_tests(value: object) -> bool:
    """Whether an honest test may have left this in the place of a library's function."""
    if isinstance(value, types.FunctionType):
        return value.__code__.co_filename.endswith(MODULE)
    return type(value).__module__ == "unittest.mock"


def _name(nodeid: str) -> str:
    return nodeid.partition("::")[2]


def explain(error: BaseException, lines: Sequence[str]) -> str:
    """The exception and the line of the tests it was raised under."""
    where = ""
    for frame, number in traceback.walk_tb(error.__traceback__):
        if frame.f_code.co_filename.endswith(MODULE) and number <= len(lines):
            where = f"line {number}: {lines[number - 1].strip()}\n"
    return (where + describe(error))[:_MESSAGE]
