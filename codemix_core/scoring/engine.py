"""The scorer: takes generations, gives verdicts; judges identical programs once.

Guarantees: every generation gets exactly one verdict, unless stopped; a program is judged
once per tool chain, whatever the number of its twins; an infrastructure failure is retried
and then reported as ``infra_error``, never as a wrong answer; nothing blocks for ever; the
score is 1 if and only if the status is ``passed``.
Verdicts come out as they are found, not in order.

Not guaranteed: that a time limit on a busy machine is the same as on an idle one, nor that
limits stay the same between runs. Verdicts in which a limit or a crash had a part are therefore
not taken over from earlier runs.
"""

from __future__ import annotations

import contextlib
import json
import os
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

from codemix_core.errors import SandboxError
from codemix_core.records import Question, Reference, Status, TestResult, TestStatus, Verdict
from codemix_core.scoring import limits
from codemix_core.scoring.backends.base import Backend
from codemix_core.scoring.frameworks import Framework, framework_of
from codemix_core.scoring.limits import Floors
from codemix_core.scoring.program import MAX_SOURCE_BYTES, Work, program_hash, question_hash
from codemix_core.scoring.workers import Done, Task, WorkerPool

Lookup = Callable[[Sequence[str]], Mapping[str, Verdict]]

RETRIES = 2
_WINDOW = 2048
_QUEUED_PER_WORKER = 8
_HOPELESS = 25
_PAUSE = 0.2  # seconds
_NO_MORE = object()
_TEST_LIMITS_PER_PROGRAM = 4
_FIELDS = tuple(field.name for field in fields(Verdict))
_COMPACT = json.JSONEncoder(separators=(",", ":"))
_LASTING = (Status.PASSED, Status.FAILED, Status.COMPILE_ERROR, Status.TAMPERED)
_LASTING_TESTS = (TestStatus.PASSED, TestStatus.FAILED, TestStatus.NOT_RUN)


class Scorer:
    """Scores generations with one backend and one set of limits."""

    def __init__(
        self,
        backend: Backend,
        floors: Floors,
        *,
        workers: int | None = None,
        lookup: Lookup | None = None,
        retries: int = RETRIES,
    ) -> None:
        """Make a scorer; walls are only built by :meth:`score`.

        Args:
            backend: where programs run.
            floors: limits for programs whose question has no reference run.
            workers: programs judged at the same time; None for one per core.
            lookup: verdicts of earlier runs by program hash.
            retries: further attempts after an infrastructure failure.
        """
        self._backend, self._floors, self._lookup = backend, floors, lookup
        self._tools = backend.fingerprint()
        self._workers = workers or len(os.sched_getaffinity(0))
        self._retries = retries
        self._question_keys: dict[tuple[str, ...], str] = {}
        self._known: dict[str, bytes] = {}
        self._waiting: dict[str, list[Work]] = defaultdict(list)
        self._failures = 0

    def score(
        self, works: Iterable[Work | None], stopping: Callable[[], bool] = lambda: False
    ) -> Iterator[Verdict]:
        """Verdicts of ``works``, as they are found.

        Args:
            works: generations; taken lazily, so any number of them fits in memory. None says
                that there is nothing at the moment: it is asked for again a little later.
            stopping: asked often; once true, what is under way is dropped.

        Raises:
            SandboxError: the sandbox failed many times in a row.
        """
        source = self._recalled(iter(works))
        exhausted = False
        self._waiting.clear()
        with contextlib.closing(WorkerPool(self._backend, self._workers, self._retries)) as pool:
            while not stopping() and not (exhausted and not self._waiting):
                pausing = False
                while (
                    not (exhausted or pausing)
                    and len(self._waiting) < self._workers * _QUEUED_PER_WORKER
                ):
                    work = next(source, _NO_MORE)
                    exhausted, pausing = work is _NO_MORE, work is None
                    verdict = self._admit(work, pool) if isinstance(work, Work) else None
                    if verdict is not None:
                        yield verdict
                done = pool.take(timeout=_PAUSE) if self._waiting or pausing else None
                if done is not None:
                    yield from self._settle(done)

    def _recalled(self, source: Iterator[Work | None]) -> Iterator[Work | None]:
        """The same works, with earlier verdicts looked up a window ahead."""
        window: list[Work] = []
        for work in source:
            if work is not None:
                window.append(work)
            if work is None or len(window) == _WINDOW:
                yield from self._looked_up(window)
                window = []
            if work is None:
                yield None
        yield from self._looked_up(window)

    def _looked_up(self, window: list[Work]) -> list[Work]:
        """The window, once the verdicts of earlier runs on its programs are known."""
        if self._lookup is not None and window:
            hashes = {self._hash(work) for work in window if work.code is not None}
            for key, verdict in self._lookup(sorted(hashes - self._known.keys())).items():
                if _lasting(verdict):
                    self._known[key] = _pack(verdict)
        return window

    def _admit(self, work: Work, pool: WorkerPool) -> Verdict | None:
        """A verdict that needs no run, or None after the program was queued."""
        if work.code is None:
            return _without_run(work, "", Status.NO_CODE, "the answer holds no program")
        key = self._hash(work)
        if key in self._known:
            return _for(work, _unpack(self._known[key]), reused=True)
        size = len(work.code.encode("utf-8", "surrogatepass"))
        if size > MAX_SOURCE_BYTES:
            message = f"the program has {size} bytes; at most {MAX_SOURCE_BYTES} are compiled"
            return _without_run(work, key, Status.COMPILE_ERROR, message)
        if key not in self._waiting:
            pool.submit(self._task(work, key))
        self._waiting[key].append(work)
        return None

    def _settle(self, done: Done) -> Iterator[Verdict]:
        """The verdicts of a judged program and of all its twins."""
        works = self._waiting.pop(done.task.program_hash)
        first = works[0]
        if done.answer is None:
            self._failures += 1
            if self._failures >= _HOPELESS:
                raise SandboxError(f"the sandbox failed {_HOPELESS} times in a row: {done.problem}")
            for work in works:
                key = done.task.program_hash
                yield _without_run(work, key, Status.INFRA_ERROR, done.problem)
            return
        self._failures = 0
        framework = framework_of(first.question)
        verdict = _judged(first, done, framework, self._backend.name)
        self._known[verdict.program_hash] = _pack(verdict)
        for position, work in enumerate(works):
            yield _for(work, verdict, reused=position > 0)

    def _hash(self, work: Work) -> str:
        assert work.code is not None
        return program_hash(self._question_key(work.question), work.code)

    def _question_key(self, question: Question) -> str:
        name, signature = question.function_name, question.signature
        asked = (question.question_id, question.tests, name, signature)
        if asked not in self._question_keys:
            self._question_keys[asked] = question_hash(question, self._tools)
        return self._question_keys[asked]

    def _task(self, work: Work, key: str) -> Task:
        framework, reference = framework_of(work.question), work.reference
        allowed = self._floors.for_gold() if reference is None else limits.for_candidates(reference)
        request = {
            "code": work.code,
            "limits": allowed,
            "declared": None if reference is None else reference.declared,
        }
        timeout = _TEST_LIMITS_PER_PROGRAM * allowed["seconds"] + framework.overhead_seconds
        question_key, payload = self._question_key(work.question), framework.payload(work.question)
        kept_key = question_key
        if _lifted(work):
            question_key, payload = f"{question_key} lifted", {**payload, **framework.lifted}
        return Task(key, question_key, kept_key, framework.flavour, payload, request, timeout)


def _lifted(work: Work) -> bool:
    """Whether the reference run has shown that the question's tests can be run outside."""
    outside = work.reference is not None and work.reference.tier == "A"
    return outside and framework_of(work.question).tier != "A"


def _lasting(verdict: Verdict) -> bool:
    """Whether another run, with other limits, would find the same."""
    return verdict.status in _LASTING and all(t.status in _LASTING_TESTS for t in verdict.tests)


def declared_tests(question: Question, reference: Reference | None) -> list[str]:
    """The tests a program has to pass: the reference run's, else what the source shows."""
    if reference is not None and reference.declared:
        return reference.declared
    return framework_of(question).declared(question.tests)


def _judged(work: Work, done: Done, framework: Framework, backend: str) -> Verdict:
    answer = done.answer
    assert answer is not None
    reported = {
        name: TestResult(name, status, message) for name, status, message in answer["tests"]
    }
    declared = declared_tests(work.question, work.reference) if work.reference else list(reported)
    if not declared:
        declared = declared_tests(work.question, None)
    tests = [
        reported[name] if name in reported else TestResult(name, TestStatus.NOT_RUN)
        for name in declared
    ]
    status = Status(answer["status"])
    if status != Status.PASSED and all(test.status == TestStatus.PASSED for test in tests):
        tests[-1:] = [_not_finished(test, status) for test in tests[-1:]]
    passed = sum(test.status == TestStatus.PASSED for test in tests)
    if status == Status.PASSED and passed < len(declared):
        status = Status.FAILED
    return Verdict(
        question_id=work.question.question_id,
        sample_index=work.sample_index,
        status=status,
        score=passed / len(declared) if declared else 0.0,
        passed=passed,
        declared=len(declared),
        tests=tests,
        message=answer["message"],
        program_hash=done.task.program_hash,
        tier=answer.get("tier", "A" if _lifted(work) else framework.tier),
        backend=backend,
        seconds=answer["seconds"],
        memory_mb=answer["memory_mb"],
        reused=False,
    )


def _not_finished(test: TestResult, status: Status) -> TestResult:
    """The last test of a program that passed them all and then ended as it should not.

    Nobody can say whether that test did the damage; score 1 is for programs that return.
    """
    ending = TestStatus.TIMEOUT if status == Status.TIMEOUT else TestStatus.CRASHED
    return TestResult(test.name, ending, f"passed, but the program then ended: {status}")


def _without_run(work: Work, key: str, status: Status, message: str) -> Verdict:
    declared = declared_tests(work.question, work.reference)
    return Verdict(
        question_id=work.question.question_id,
        sample_index=work.sample_index,
        status=status,
        score=None if status == Status.INFRA_ERROR else 0.0,
        passed=0,
        declared=len(declared),
        tests=[TestResult(name, TestStatus.NOT_RUN) for name in declared],
        message=message,
        program_hash=key,
        tier=None,
        backend=None,
        seconds=None,
        memory_mb=None,
        reused=False,
    )


def _for(work: Work, verdict: Verdict, *, reused: bool) -> Verdict:
    """The same finding for another generation of the same program."""
    return replace(
        verdict,
        question_id=work.question.question_id,
        sample_index=work.sample_index,
        reused=reused,
    )


def _pack(verdict: Verdict) -> bytes:
    """A finished verdict, small: a run may have 100,000 distinct programs."""
    tests = [[test.name, test.status, test.message] for test in verdict.tests]
    values = {name: getattr(verdict, name) for name in _FIELDS} | {"tests": tests}
    return zlib.compress(_COMPACT.encode(values).encode(), 1)


def _unpack(packed: bytes) -> Verdict:
    values: dict[str, Any] = json.loads(zlib.decompress(packed))
    tests = [TestResult(*test) for test in values.pop("tests")]
    return Verdict(tests=tests, **values)
