"""What came from what: question set, sampling, scoring, dataset, training, model, evaluation.

And on: a model that is sampled begins the next round. Everything is read from what the runs
wrote when they were made, so nothing has to be kept up to date.

Guarantees: what was deleted stays in the graph, marked gone, as long as something that is still
there names it; a name that was given to two models in turn means the one there was when the run
that names it was made.

Not shown: self-checks, preflights and test-quality runs; and the sampling and scoring runs that
only an evaluation uses, unless one of them is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from codemix_core import chain, files
from codemix_core.errors import InputError, NotFoundError, Problem
from codemix_core.sampling.spec import NANO
from codemix_core.workspace import RUN_ID, RunDir, Workspace

KINDS = {
    "questions": "question set",
    "model": "model",
    "sample": "sampling",
    "score": "scoring",
    "build": "dataset",
    "train": "training",
    "evaluate": "evaluation",
}
"""Kinds of nodes, in the order of a round, with their words."""
KIND_OF = {kind: kind for kind in KINDS if kind not in ("questions", "model")}
KIND_OF["import_generations"] = "sample"
"""Kind by stage; stages that are not here have no lineage."""
EARLIER = " (earlier)"
"""Behind the name of a model that the name no longer means."""


class Ref(NamedTuple):
    """One thing of the workspace: a kind, and its name or run id."""

    kind: str
    id: str


Links = dict[Ref, tuple[Ref, ...]]
"""What each thing was made from, the most important first."""


@dataclass(frozen=True)
class Graph:
    """Some things of a workspace with what they were made from.

    focus: what was asked for. ancestors: what it was made from; descendants: what was made from
    it, for an evaluation also what was made from its model. parents: within the graph only.
    """

    focus: frozenset[Ref]
    ancestors: frozenset[Ref]
    descendants: frozenset[Ref]
    parents: Links

    def ranks(self) -> dict[Ref, int]:
        """Length of the longest way from a beginning to each node."""
        return self._longest(lambda parent, ref: 1)

    def rounds(self) -> dict[Ref, int]:
        """The round each node belongs to, from 1: sampling or training a trained model adds one."""

        def step(parent: Ref, ref: Ref) -> int:
            trained = parent.kind == "model" and bool(self.parents[parent])
            return int(trained and ref.kind in ("sample", "train"))

        return {ref: 1 + number for ref, number in self._longest(step).items()}

    def _longest(self, step: Callable[[Ref, Ref], int]) -> dict[Ref, int]:
        found = dict.fromkeys(self.parents, 0)
        for _ in found:  # As often as a way without a circle can be long.
            before = dict(found)
            for ref, parents in self.parents.items():
                found[ref] = max((found[p] + step(p, ref) for p in parents), default=0)
            if found == before:
                break
        return found

    def reduced(self) -> Links:
        """The parents without those that are also reached by a longer way."""
        above = {ref: _reach(self.parents, [ref]) for ref in self.parents}
        return {
            ref: tuple(
                parent
                for parent in parents
                if not any(parent in above[other] for other in parents if other != parent)
            )
            for ref, parents in self.parents.items()
        }


def of(workspace: Workspace, name: str) -> Graph:
    """The lineage of a run or a model.

    Args:
        name: a run id, also of a deleted run that something refers to; a loop stands for all
            its steps. Otherwise the name of a model.

    Raises:
        NotFoundError: nothing in the workspace is or was called so.
        InputError: a run of a stage that has no lineage.
    """
    links = read(workspace)
    focus = _focus(workspace, links, name)
    below = _turned(links)
    ancestors = _reach(links, focus)
    measured = [links[ref][0] for ref in focus if ref.kind == "evaluate" and links[ref]]
    descendants = _reach(below, [*focus, *measured]) - ancestors
    shown = focus | ancestors | descendants
    if any(ref.kind not in ("sample", "score") for ref in focus):
        shown -= _folded(links, below) - focus
    return Graph(
        frozenset(focus),
        frozenset(ancestors & shown),
        frozenset(descendants & shown - focus),
        {ref: tuple(p for p in links[ref] if p in shown) for ref in links if ref in shown},
    )


def read(workspace: Workspace) -> Links:
    """Everything in the workspace that has a lineage, and what that was made from."""
    found = _Reader(workspace)
    found.read()
    return found.links


def _focus(workspace: Workspace, links: Links, name: str) -> set[Ref]:
    stage = name.split("-", 1)[0]
    if not RUN_ID.fullmatch(name):
        if Ref("model", name) in links:
            return {Ref("model", name)}
        known = ", ".join(ref.id for ref in links if ref.kind == "model") or "none yet"
        what = f"there is no run or model {name!r}."
        raise NotFoundError(Problem("lineage", what, f"Models: {known}. Runs: see 'runs'."))
    if stage == "loop":
        steps = set(chain.steps(workspace.run(name)).values())
        return {ref for ref in links if ref.id in steps}
    if stage not in KIND_OF:
        workspace.run(name)
        fix = f"Give a model, or a run of: {', '.join(KIND_OF)}, loop."
        raise InputError(Problem("lineage", f"a {stage} run has none.", fix))
    ref = Ref(KIND_OF[stage], name)
    if ref not in links:
        workspace.run(name)
    return {ref}


def _reach(links: Links, begin: Iterable[Ref]) -> set[Ref]:
    """Everything reached by links from the given nodes, themselves not unless by a circle."""
    found: set[Ref] = set()
    pending = list(begin)
    while pending:
        for other in links.get(pending.pop(), ()):
            if other not in found:
                found.add(other)
                pending.append(other)
    return found


def _turned(links: Links) -> Links:
    found: dict[Ref, list[Ref]] = {}
    for ref, parents in links.items():
        for parent in parents:
            found.setdefault(parent, []).append(ref)
    return {ref: tuple(children) for ref, children in found.items()}


def _folded(links: Links, below: Links) -> set[Ref]:
    """Scoring runs that only evaluations use, and sampling runs that only those use."""
    found: set[Ref] = set()
    for kind in ("score", "sample"):
        for ref in links:
            children = below.get(ref, ())
            inside = all(child in found or child.kind == "evaluate" for child in children)
            if ref.kind == kind and children and inside:
                found.add(ref)
    return found


class _Reader:
    """Collects the links of a workspace."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.links: Links = {}
        self.models = workspace.models()
        self.names = self._names()

    def read(self) -> None:
        """Runs and models that are there, then what they tell of those that are not."""
        runs = [run for run in self.workspace.runs() if run.stage in KIND_OF]
        for run in reversed(runs):
            self.links[Ref(KIND_OF[run.stage], run.run_id)] = self._parents(run, run.load_spec())
        for made in [made for several in self.names.values() for made in several]:
            self.links[made.ref] = (Ref("train", made.run),) if made.run else ()
        for run in runs:
            if run.stage == "build":
                self._told_by_dataset(run)
        for entry in self.models.values():
            self._told_by_model(entry)
        for ref in {parent for parents in self.links.values() for parent in parents}:
            self.links.setdefault(ref, ())

    def _parents(self, run: RunDir, spec: Mapping[str, Any]) -> tuple[Ref, ...]:
        stage = run.stage
        if stage == "score":
            return (Ref("sample", spec["run"]),)
        if stage == "build":
            known = RUN_ID.fullmatch(spec["run"])
            return (Ref("score" if known else "questions", spec["run"]),)
        if stage == "train":
            return (Ref("build", spec["dataset"]), self._model(spec["model"], run.run_id))
        questions = Ref("questions", spec["questions"])
        named = [spec["model"], spec["baseline"]] if stage == "evaluate" else [spec["model"]]
        models = [self._model(name, run.run_id) for name in named if name]
        if stage != "evaluate":
            return (questions, *models)
        scored = [i for i in chain.steps(run).values() if i.startswith("score-")]
        return (*models, questions, *(Ref("score", i) for i in scored))

    def _names(self) -> dict[str, list[_Made]]:
        """Every model a name has meant, by the time its training was begun."""
        found: dict[str, list[_Made]] = {}
        for name, entry in self.models.items():
            run = str(entry.get("run") or "")
            made = _Made(_stamp(run), Ref("model", name), run)
            for alias in (name, str(entry.get("path"))):
                found.setdefault(alias, []).append(made)
        for run_dir in self.workspace.runs("train"):
            if not run_dir.result_path.exists():
                continue
            name = str(files.read_json(run_dir.result_path)["name"])
            if name in self.models and self.models[name].get("run") == run_dir.run_id:
                continue
            shown = f"{name}{EARLIER}" if name in self.models else name
            made = _Made(_stamp(run_dir.run_id), Ref("model", shown), run_dir.run_id)
            found.setdefault(name, []).append(made)
        return {name: sorted(several) for name, several in found.items()}

    def _model(self, name: str, run_id: str) -> Ref:
        """The model that a run means by a name."""
        several = self.names.get(name, [])
        before = [made for made in several if made.run != run_id]  # a run may reuse a name
        fitting = [made for made in before if made.stamp <= _stamp(run_id)]
        if fitting:
            return fitting[-1].ref
        ref = Ref("model", f"{name}{EARLIER}" if several else name)
        maker = self._maker(name)
        self.links.setdefault(ref, (Ref("train", maker),) if maker else ())
        return ref

    def _maker(self, name: str) -> str | None:
        """The training run in whose directory a checkpoint lies that is given by its path."""
        root = self.workspace.runs_root
        path = Path(name)
        if name == NANO or not path.is_absolute() or not path.is_relative_to(root):
            return None
        run_id = path.relative_to(root).parts[0]
        return run_id if run_id.startswith("train-") else None

    def _told_by_dataset(self, run: RunDir) -> None:
        """The beginnings of a dataset whose runs were deleted since."""
        if not run.dataset_path.exists():
            return
        lineage = files.read_json(run.dataset_path)["lineage"]
        if "sampling" not in lineage:
            return
        sampled, scored = lineage["sampling"], lineage["scoring"]["run_id"]
        sampling = Ref("sample", sampled["run_id"])
        self.links.setdefault(Ref("score", scored), (sampling,))
        if sampling not in self.links:
            questions = Ref("questions", sampled["spec"]["questions"])
            name = sampled["spec"]["model"]
            model = (self._model(name, sampling.id),) if name else ()
            self.links[sampling] = (questions, *model)

    def _told_by_model(self, entry: Mapping[str, Any]) -> None:
        """The beginnings of a registered model whose training run or dataset was deleted since."""
        if not {"run", "dataset", "base"} <= entry.keys():
            return
        dataset = Ref("build", entry["dataset"])
        train = Ref("train", entry["run"])
        if train not in self.links:
            self.links[train] = (dataset, self._model(entry["base"], entry["run"]))
        if entry.get("questions"):
            self.links.setdefault(dataset, (Ref("questions", entry["questions"]),))


class _Made(NamedTuple):
    """A model, the training run that made it and when that was begun; '' when unknown."""

    stamp: str
    ref: Ref
    run: str


def _stamp(run_id: str) -> str:
    return run_id.split("-")[1] if RUN_ID.fullmatch(run_id) else ""
