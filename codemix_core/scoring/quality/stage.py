"""``quality``: how good the tests of a question set are.

For every question whose gold solution passes: mutants of the gold solution and how many the
tests kill, solutions that do nothing and whether they pass, and the gold solution again and
again, to find tests that do not always give the same result.

Guarantees: resumable by question; a program that the sandbox failed on decides nothing: its
question is left for the next attempt. Not guaranteed: that a survivor shows a missing test. It
may mean the same as the gold solution; a person decides.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import ClassVar

from codemix_core.errors import Problem
from codemix_core.progress import Progress
from codemix_core.records import QUALITY, Quality, Question, Reference, Status, Verdict
from codemix_core.scoring import backends
from codemix_core.scoring.engine import Scorer
from codemix_core.scoring.limits import TIME_FACTOR
from codemix_core.scoring.program import Work
from codemix_core.scoring.quality.programs import Trial, judge_tests, trial, untried
from codemix_core.scoring.selfcheck import Sandbox, SelfcheckSpec, references
from codemix_core.specs import Spec, option
from codemix_core.workspace import RunDir, Workspace


class QualitySpec(Spec):
    """Judge the tests of a question set by mutants, trivial solutions and repetition."""

    stage: ClassVar[str] = "quality"
    command: ClassVar[str] = "quality"

    questions: str = option(doc="question set whose tests are judged", argument=True)
    only: tuple[str, ...] = option((), "ids of the questions to judge; left out: all")
    limit: int | None = option(None, "judge this many questions at most, in their order", ge=1)
    mutants: int = option(40, "mutants per question at most", ge=1, le=10_000)
    repetitions: int = option(5, "runs of the gold solution, to find flaky tests", ge=1, le=1000)
    time_floor: float = option(2.0, "smallest time limit of a test, seconds", gt=0.0, le=600.0)
    sandbox: Sandbox = option("auto", "wall to run programs behind; auto takes the best usable")
    workers: int | None = option(
        None, "programs run at the same time; left out: one per core", ge=1, le=1024
    )

    def check(self, workspace: Workspace) -> list[Problem]:
        """A set or questions that are not there, or that nobody can run."""
        problems = self.selfcheck().check(workspace)
        if problems:
            return problems
        known = {q.question_id for q in workspace.question_set(self.questions).questions()}
        fix = f"Give ids of questions of {self.questions!r}."
        return [
            Problem("only", f"there is no question {name!r}.", fix)
            for name in self.only
            if name not in known
        ]

    def selfcheck(self) -> SelfcheckSpec:
        """The self-check that gives declared tests and limits when there is none yet."""
        return SelfcheckSpec(questions=self.questions, sandbox=self.sandbox, workers=self.workers)


def build(
    trials: Iterable[tuple[Trial, Reference]],
    scorer: Scorer,
    patience: float,
    progress: Progress,
) -> Iterator[Quality]:
    """Findings about questions, as their last program is judged.

    Args:
        patience: time limit of a test when the gold solution is repeated, seconds: a busy
            machine must not make a test look flaky.
    """
    open_trials: dict[str, Trial] = {}
    verdicts: dict[str, dict[int, Verdict]] = {}

    def works() -> Iterator[Work]:
        for tried, reference in trials:
            name = tried.question.question_id
            open_trials[name], verdicts[name] = tried, {}
            patient = replace(reference, limit_seconds=patience)
            for index, code in enumerate(tried.programs()):
                limits = patient if index < len(tried.repetitions) else reference
                yield Work(tried.question, limits, index, code)

    for verdict in scorer.score(works(), lambda: progress.stopping):
        name = verdict.question_id
        verdicts[name][verdict.sample_index] = verdict
        progress.advance()
        if len(verdicts[name]) == len(open_trials[name].programs()):
            tried, found = open_trials.pop(name), verdicts.pop(name)
            if all(v.status != Status.INFRA_ERROR for v in found.values()):
                yield judge_tests(tried, found)


def run(spec: QualitySpec, run: RunDir, progress: Progress) -> str:
    """Judge the questions that have no finding yet; the summary counts killed mutants."""
    questions = _wanted(spec, run.workspace)
    backend = backends.choose(spec.sandbox)
    found = references(run.workspace, spec.selfcheck(), progress)
    if progress.stopping:
        return "stopped while running gold solutions"
    done = set(run.read(QUALITY, ["question_id"])["question_id"].to_pylist())
    left = [q for q in questions if q.question_id not in done]
    good = [q for q in left if q.question_id in found and found[q.question_id].ok]
    limits = {name: _limited(reference, spec.time_floor) for name, reference in found.items()}
    trials = [(trial(q, spec.mutants, spec.repetitions), limits[q.question_id]) for q in good]
    progress.start(sum(len(t.programs()) for t, _ in trials), unit="programs")
    progress.message(f"judging the tests of {len(left)} questions ({backend.name})")
    scorer = Scorer(backend, spec.selfcheck().floors(), workers=spec.workers)
    with run.writer(QUALITY) as writer:
        writer.extend(untried(q) for q in left if q not in good)
        for quality in build(trials, scorer, spec.selfcheck().gold_time, progress):
            writer.append(quality)
    return _summary(run, len(questions))


def _limited(reference: Reference, floor: float) -> Reference:
    """The reference with a time limit of its own: many mutants loop for ever."""
    seconds = max(floor, TIME_FACTOR * (reference.seconds or 0.0))
    return replace(reference, limit_seconds=seconds)


def _wanted(spec: QualitySpec, workspace: Workspace) -> list[Question]:
    questions = workspace.question_set(spec.questions).questions()
    if spec.only:
        questions = [q for q in questions if q.question_id in spec.only]
    return questions[: spec.limit]


def _summary(run: RunDir, wanted: int) -> str:
    rows: list[Mapping[str, object]] = run.read(QUALITY).to_pylist()
    findings: list[Quality] = QUALITY.from_rows(rows)
    judged = [q for q in findings if q.ok]
    mutants = sum(q.mutants for q in judged)
    killed = sum(q.killed for q in judged)
    share = f"{killed} of {mutants} mutants killed"
    if mutants:
        share += f" ({killed / mutants:.1%})"
    notes = {
        "passed by a trivial solution": sum(bool(q.trivial_passed) for q in judged),
        "with flaky tests": sum(bool(q.flaky) for q in judged),
        "whose gold solution fails": len(findings) - len(judged),
        "left to the next attempt": wanted - len(findings),
    }
    said = "".join(f"; {count} {what}" for what, count in notes.items() if count)
    return f"{len(judged)} questions: {share}{said}"
