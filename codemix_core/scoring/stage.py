"""``score``: a verdict for every generation of a sampling run.

Guarantees: resumable (generations that have a verdict are skipped), identical programs are
judged once, verdicts of earlier runs are taken over when asked to, and a question whose
gold solution was never run gets its reference run first. With ``follow`` it scores while the
sampling run still writes, and ends after it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import ClassVar

import pyarrow.parquet as pq

from codemix_core import jobs, parts
from codemix_core.errors import NotFoundError, Problem
from codemix_core.progress import Progress
from codemix_core.records import GENERATIONS, VERDICTS, Question, Reference, Status, Verdict
from codemix_core.scoring import backends
from codemix_core.scoring.engine import Scorer
from codemix_core.scoring.program import Work
from codemix_core.scoring.selfcheck import (
    Sandbox,
    SelfcheckSpec,
    references,
    unrunnable,
    without_run,
)
from codemix_core.specs import Spec, option
from codemix_core.store import Store
from codemix_core.workspace import RunDir, Workspace

_SAMPLING = ("sample", "import_generations")


class ScoreSpec(Spec):
    """Run the unit tests on every generation of a sampling run, in the sandbox."""

    stage: ClassVar[str] = "score"
    command: ClassVar[str] = "score"

    run: str = option(doc="sampling run to score", argument=True)
    sandbox: Sandbox = option("auto", "wall to run programs behind; auto takes the best usable")
    workers: int | None = option(
        None, "programs run at the same time; left out: one per core", ge=1, le=1024
    )
    use_cache: bool = option(
        True, "take over verdicts that earlier runs found for identical programs"
    )
    follow: bool = option(
        False,
        "go on with what the sampling run writes until it has ended, instead of what is there",
    )

    def device(self) -> str | None:
        """The processor's slot; none while following, for the followed run may hold it."""
        return None if self.follow else super().device()

    def check(self, workspace: Workspace) -> list[Problem]:
        """A run that is not there or holds no generations."""
        try:
            sampling = workspace.run(self.run)
            if sampling.stage not in _SAMPLING:
                what = f"{self.run!r} is a {sampling.stage} run; it holds no generations."
                return [Problem("run", what, "Give a run of 'sample' or 'import-generations'.")]
            questions = workspace.question_set(sampling.load_spec()["questions"]).questions()
        except NotFoundError as error:
            return error.problems
        follows = self.follow and jobs.status(sampling).state.alive
        if not sampling.shards(GENERATIONS) and not follows:
            fix = "Follow it (--follow), wait for its first answers, or resume it."
            return [Problem("run", f"{self.run!r} holds no generations yet.", fix)]
        return unrunnable(questions)


def build(works: Iterable[Work | None], scorer: Scorer, progress: Progress) -> Iterator[Verdict]:
    """Verdicts of the generations, as they are found."""
    return scorer.score(works, lambda: progress.stopping)


def run(spec: ScoreSpec, run: RunDir, progress: Progress) -> str:
    """Score what has no verdict yet; the summary counts statuses.

    Raises:
        Stopped: asked to stop while gold solutions were run.
    """
    workspace = run.workspace
    sampling = workspace.run(spec.run)
    set_name = sampling.load_spec()["questions"]
    backend = backends.choose(spec.sandbox)
    selfcheck = SelfcheckSpec(questions=set_name, sandbox=spec.sandbox, workers=spec.workers)
    found = references(workspace, selfcheck, progress)
    floors = selfcheck.floors()
    questions = {q.question_id: q for q in workspace.question_set(set_name).questions()}
    limits = {
        name: found[name] if name in found else without_run(question, floors)
        for name, question in questions.items()
    }
    done = _scored(run)
    progress.start(_expected(sampling, spec.follow), done=len(done))
    progress.message(f"scoring ({backend.name})")
    scorer = Scorer(
        backend,
        floors,
        workers=spec.workers,
        lookup=Store(workspace).earlier_verdicts if spec.use_cache else None,
    )
    reused = 0
    with run.writer(VERDICTS) as writer:
        works = _works(sampling, questions, limits, done, progress if spec.follow else None)
        for verdict in build(works, scorer, progress):
            writer.append(verdict)
            reused += verdict.reused
            progress.advance()
            progress.measure(reused=reused)
    return _summary(run)


def _expected(sampling: RunDir, follow: bool) -> int:
    """Generations to score: those written, or those that the run to follow will write."""
    status = jobs.status(sampling)
    written = parts.count(sampling.shards(GENERATIONS))
    return max(written, status.total) if follow and status.state.alive else written


def _works(
    sampling: RunDir,
    questions: Mapping[str, Question],
    limits: Mapping[str, Reference],
    done: set[tuple[str, int]],
    following: Progress | None,
) -> Iterator[Work | None]:
    """Generations without a verdict, shard by shard; None while the followed run writes none."""
    read: set[Path] = set()
    while True:
        writing = (
            following is not None and jobs.status(sampling).state.alive
        )  # asked before looking
        fresh = [path for path in sampling.shards(GENERATIONS) if path not in read]
        for path in fresh:
            table = pq.read_table(path, columns=["question_id", "sample_index", "code"])
            for row in table.to_pylist():
                name, index = row["question_id"], row["sample_index"]
                if (name, index) not in done:
                    yield Work(questions[name], limits[name], index, row["code"])
        read.update(fresh)
        if following is not None:
            following.expect(_expected(sampling, True))
        if not fresh and not writing:
            return
        if not fresh:
            yield None


def _scored(run: RunDir) -> set[tuple[str, int]]:
    """Generations that have a verdict."""
    table = run.read(VERDICTS, ["question_id", "sample_index"])
    return set(zip(*(table[name].to_pylist() for name in table.column_names), strict=True))


def _summary(run: RunDir) -> str:
    statuses = run.read(VERDICTS, ["status"])["status"].to_pylist()
    judged = [status for status in statuses if status != Status.INFRA_ERROR]
    correct = sum(status == Status.PASSED for status in judged)
    share = f"{correct / len(judged):.1%}" if judged else "none"
    failed = len(statuses) - len(judged)
    excluded = f"; {failed} infrastructure errors excluded" if failed else ""
    return f"{len(judged)} generations scored, {share} correct{excluded}"
