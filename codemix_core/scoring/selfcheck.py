"""``selfcheck``: runs every gold solution against its own tests.

The reference run declares what counts for candidates: the list of tests and the limits. A
question whose gold solution fails is recorded as such, with the reason; its limits are then
the floors, and its declared tests are those the gold solution reported, else those the test
source shows.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import Any, ClassVar, Literal

from codemix_core import files, jobs
from codemix_core.errors import CodemixError, NotFoundError, Problem, SpecError, Stopped
from codemix_core.jobs import State
from codemix_core.progress import Progress
from codemix_core.records import REFERENCES, Question, Reference, Status, Verdict
from codemix_core.scoring import backends
from codemix_core.scoring.engine import Scorer, declared_tests
from codemix_core.scoring.frameworks import framework_of
from codemix_core.scoring.limits import Floors
from codemix_core.scoring.program import Work
from codemix_core.specs import Spec, option
from codemix_core.workspace import RunDir, Workspace

Sandbox = Literal["auto", "docker", "bubblewrap"]


class SelfcheckSpec(Spec):
    """Run the gold solutions of a question set: which pass, which tests count, which limits."""

    stage: ClassVar[str] = "selfcheck"
    command: ClassVar[str] = "selfcheck"

    questions: str = option(doc="question set to check", argument=True)
    sandbox: Sandbox = option("auto", "wall to run programs behind; auto takes the best usable")
    workers: int | None = option(
        None, "programs run at the same time; left out: one per core", ge=1, le=1024
    )
    time_floor: float = option(2.0, "smallest time limit of a test, seconds", gt=0.0, le=600.0)
    memory_floor: int = option(512, "smallest memory limit of a program, MiB", ge=16, le=65536)
    gold_time: float = option(
        10.0, "time limit of a test of a gold solution, seconds", gt=0.0, le=3600.0
    )
    gold_memory: int = option(2048, "memory limit of a gold solution, MiB", ge=16, le=65536)

    def floors(self) -> Floors:
        """The limits in the form scoring takes them."""
        return Floors(self.time_floor, self.memory_floor, self.gold_time, self.gold_memory)

    def check(self, workspace: Workspace) -> list[Problem]:
        """A set that is not there, or that holds questions nobody can run."""
        try:
            question_set = workspace.question_set(self.questions)
        except NotFoundError as error:
            return error.problems
        return unrunnable(question_set.questions())


def unrunnable(questions: Iterable[Question]) -> list[Problem]:
    """Questions whose language and framework do not go together."""
    problems = []
    for question in questions:
        try:
            framework_of(question)
        except SpecError as error:
            problems += error.problems
    return problems


def build(
    questions: Iterable[Question], scorer: Scorer, floors: Floors, progress: Progress
) -> Iterator[Reference]:
    """Reference runs of the questions, as they finish."""
    works = (Work(question, None, 0, question.gold) for question in questions)
    for verdict in scorer.score(works, lambda: progress.stopping):
        yield reference_of(verdict, floors)


def without_run(question: Question, floors: Floors) -> Reference:
    """What counts for candidates of a question whose gold solution could not be run."""
    seconds, memory = floors.from_gold(None, None)
    return Reference(
        question_id=question.question_id,
        ok=False,
        status=Status.INFRA_ERROR,
        declared=declared_tests(question, None),
        tests=[],
        message="the sandbox failed while running the gold solution",
        program_hash="",
        seconds=None,
        memory_mb=None,
        limit_seconds=seconds,
        limit_memory_mb=memory,
        tier=None,
    )


def reference_of(verdict: Verdict, floors: Floors) -> Reference:
    """What a gold solution's verdict means for candidates."""
    ok = verdict.status == Status.PASSED
    seconds, memory = floors.from_gold(
        verdict.seconds if ok else None, verdict.memory_mb if ok else None
    )
    return Reference(
        question_id=verdict.question_id,
        ok=ok,
        status=verdict.status,
        declared=[test.name for test in verdict.tests],
        tests=verdict.tests,
        message="" if ok else verdict.message or _failed_tests(verdict),
        program_hash=verdict.program_hash,
        seconds=verdict.seconds,
        memory_mb=verdict.memory_mb,
        limit_seconds=seconds,
        limit_memory_mb=memory,
        tier=verdict.tier,
    )


def _failed_tests(verdict: Verdict) -> str:
    names = [test.name for test in verdict.tests if test.status != "passed"]
    return f"{len(names)} of {verdict.declared} tests not passed: {', '.join(names[:5])}"


def run(spec: SelfcheckSpec, run: RunDir, progress: Progress) -> str:
    """Write the references that are still missing; the summary names how many gold pass."""
    questions = run.workspace.question_set(spec.questions).questions()
    done = set(run.read(REFERENCES, ["question_id"])["question_id"].to_pylist())
    backend = backends.choose(spec.sandbox)
    progress.start(len(questions), done=len(done), unit="questions")
    progress.message(f"running gold solutions ({backend.name})")
    scorer = Scorer(backend, spec.floors(), workers=spec.workers)
    left = [question for question in questions if question.question_id not in done]
    with run.writer(REFERENCES) as writer:
        for reference in build(left, scorer, spec.floors(), progress):
            if reference.status != Status.INFRA_ERROR:
                writer.append(reference)
            progress.advance()
    rows = run.read(REFERENCES, ["ok"])["ok"].to_pylist()
    return f"{sum(rows)} of {len(questions)} gold solutions pass their tests"


def references(
    workspace: Workspace, spec: SelfcheckSpec, progress: Progress
) -> dict[str, Reference]:
    """The references of a set by question id, from the newest complete self-check.

    When there is none, one is run now, as a self-check run of its own beside the caller's; one
    that was begun with the same settings and not finished is gone on with.

    Raises:
        Stopped: the caller or the self-check was asked to stop meanwhile.
    """
    found = workspace.references(spec.questions)
    if found is None:
        found = _unfinished(workspace, spec) or jobs.create(workspace, spec)
        _run_beside(spec, found, progress)
        if progress.stopping or found.stop_path.exists():
            raise Stopped("stopped while running gold solutions; resume it to do the rest")
    rows: list[Reference] = REFERENCES.from_rows(found.read(REFERENCES).to_pylist())
    return {row.question_id: row for row in rows}


def _unfinished(workspace: Workspace, spec: SelfcheckSpec) -> RunDir | None:
    """The newest self-check with these settings that nobody is working on any more."""
    wanted = spec.model_dump(mode="json", exclude={"workers"})
    for run in workspace.runs(spec.stage):
        settings = {name: value for name, value in run.load_spec().items() if name != "workers"}
        if settings == wanted and not jobs.status(run).state.alive:
            return run
    return None


def _run_beside(spec: SelfcheckSpec, found: RunDir, caller: Progress) -> None:
    """Run a self-check within the caller's process, with lock, status and exit of its own."""
    found.stop_path.unlink(missing_ok=True)
    lock = jobs.take_lock(found)
    try:
        jobs.begin(found)
        progress = _Beside(found, caller)
        try:
            summary = run(spec, found, progress)
        except CodemixError as error:
            jobs.write_exit(found, State.FAILED, str(error))
            raise
        stopped = progress.stopping and not progress.complete
        progress.message(summary)
        jobs.write_exit(found, State.STOPPED if stopped else State.SUCCEEDED, summary)
    finally:
        os.close(lock)


class _Beside(Progress):
    """Progress of a run inside another: has a status of its own, stops with it or by itself."""

    def __init__(self, run: RunDir, caller: Progress) -> None:
        begun = files.read_json(run.status_path)
        kept = {name: begun[name] for name in ("started_at", "attempt")}
        self._caller, self._run = caller, run

        def publish(snapshot: dict[str, Any]) -> None:
            document = {"state": State.RUNNING, **kept, **snapshot}
            files.write_json(run.status_path, document, durable=False)
            count = f"{snapshot['done']} of {snapshot['total']}"
            caller.message(f"running gold solutions first: {count} ({run.run_id})")

        super().__init__(publish)

    @property
    def stopping(self) -> bool:
        """Whether the caller was asked to stop, or the run itself."""
        return self._caller.stopping or self._run.stop_path.exists()
