"""Whole rounds, written as the stages leave them: sampled, scored, built, trained and measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from codemix_core import files
from codemix_core.datasets import stage as datasets
from codemix_core.datasets.spec import BuildSpec
from codemix_core.loop.spec import LoopSpec
from codemix_core.progress import Progress
from codemix_core.questions.nano import nano_model_path
from codemix_core.records import Question
from codemix_core.sampling.spec import SampleSpec
from codemix_core.scoring.stage import ScoreSpec
from codemix_core.training.spec import TrainSpec
from codemix_core.workspace import RunDir, Workspace
from tests.evaluation_data import evaluated
from tests.pages_data import N, ended, made, write_samples, write_verdicts


@dataclass(frozen=True)
class Round:
    """The runs of one round and the name of its model; gold rounds have no samples."""

    sample: RunDir | None
    score: RunDir | None
    build: RunDir
    train: RunDir
    model: str
    evaluate: RunDir

    def steps(self, number: int = 1) -> dict[str, str]:
        """As a loop writes them."""
        runs = [self.sample, self.score, self.build, self.train, self.evaluate]
        return {f"round {number}: {run.stage}": run.run_id for run in runs if run is not None}


def play(
    workspace: Workspace,
    asked: list[Question],
    letter: str,
    model: str = "nano",
    **sampling: Any,
) -> Round:
    """A finished DPO round from a model on; ``letter`` is the last one of its runs' ids."""
    given = {"questions": "nano", "model": model, "n": N, "temperature": 1.0, "limit": 6}
    spec = SampleSpec.parse({**given, **sampling})
    sample = write_samples(workspace, asked, f"smp{letter}", spec=spec)
    score = made(workspace, ScoreSpec.parse({"run": sample.run_id}), f"sco{letter}")
    write_verdicts(score, asked, N * len(asked))
    ended(score, N * len(asked), "programs")
    values = {"run": score.run_id, "method": "dpo", "strategy": "nearest"}
    build, train = built_and_trained(workspace, BuildSpec.parse(values), letter, model)
    name = f"tuned-{letter}"
    return Round(sample, score, build, train, name, measured(workspace, asked, letter, name))


def play_gold(workspace: Workspace, asked: list[Question], letter: str) -> Round:
    """A finished round of SFT on the gold solutions of the questions to train on."""
    spec = BuildSpec.parse({"run": "nano", "method": "gold_solution", "split": "train"})
    build, train = built_and_trained(workspace, spec, letter, "nano")
    name = f"tuned-{letter}"
    return Round(None, None, build, train, name, measured(workspace, asked, letter, name))


def built_and_trained(
    workspace: Workspace, spec: BuildSpec, letter: str, model: str
) -> tuple[RunDir, RunDir]:
    """A dataset built by the stage itself, and what a training run on it leaves."""
    build = made(workspace, spec, f"bui{letter}")
    datasets.run(spec, build, Progress(lambda document: None))
    ended(build, 6, "questions")
    values = {"dataset": build.run_id, "model": model, "set": ("seed=3", "optimizer.lr=1e-4")}
    train = made(workspace, TrainSpec.parse(values), f"tra{letter}")
    result = {"name": f"tuned-{letter}", "epoch": 0, "why": "the last epoch", "warnings": []}
    files.write_json(train.result_path, {**result, "method": "dpo", "recipe": "nano/dpo_full"})
    register(workspace, train, build, model, letter)
    return build, ended(train, 3, "steps")


def register(workspace: Workspace, train: RunDir, build: RunDir, base: str, letter: str) -> None:
    """The model of a training run; its files are those of the bundled one."""
    document = files.read_json(build.dataset_path)
    entry = {"path": str(nano_model_path()), "base": base, "base_revision": None, "epoch": 0}
    entry |= {"run": train.run_id, "dataset": build.run_id, "size_bytes": 1}
    entry |= {name: document[name] for name in ("method", "style")}
    entry["questions"] = document["lineage"]["questions"]["name"]
    workspace.write_model(f"tuned-{letter}", entry)


def measured(workspace: Workspace, asked: list[Question], letter: str, model: str) -> RunDir:
    """An evaluation of the model against the bundled one."""
    marks = (f"bas{letter}", f"tun{letter}")
    return evaluated(workspace, asked, f"eva{letter}", marks=marks, model=model)


def looped(workspace: Workspace, rounds: list[Round], **settings: Any) -> RunDir:
    """A finished loop whose steps these rounds are."""
    values = {"questions": "nano", "method": "dpo", "rounds": len(rounds), **settings}
    run = made(workspace, LoopSpec.restore(values), "loop")
    steps = [found.steps(number) for number, found in enumerate(rounds, 1)]
    files.write_json(run.steps_path, {name: i for part in steps for name, i in part.items()})
    return ended(run, 5 * len(rounds), "steps")
