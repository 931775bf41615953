"""Settings of a training run: which dataset, which model, which recipe, what to change in it.

Only light imports: pages and the command line read this file.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import model_validator

from codemix_core.datasets.registry import find
from codemix_core.errors import InputError, NotFoundError, Problem
from codemix_core.sampling import models
from codemix_core.sampling.spec import NANO, absolute_path
from codemix_core.specs import Spec, option
from codemix_core.workspace import NAME

if TYPE_CHECKING:
    from codemix_core.workspace import Workspace

AUTO = "auto"
METHODS = {"gold_solution": "sft", "best_of_n": "sft", "dpo": "dpo", "grpo": "grpo"}
"""Method of a recipe by the method of the dataset it trains on."""
_KEY = re.compile(r"[A-Za-z_][\w.]*")


class TrainSpec(Spec):
    """Train a model on a dataset with torchtune and register what comes out."""

    stage: ClassVar[str] = "train"
    command: ClassVar[str] = "train"

    dataset: str = option(doc="dataset to train on, see 'datasets'", min_length=1)
    model: str = option(
        doc="model to train: 'nano', a checkpoint directory, a registered model or a Hugging"
        " Face id",
        min_length=1,
    )
    revision: str | None = option(None, "branch, tag or commit of a Hugging Face model")
    recipe: str = option(
        AUTO, "shipped recipe, see 'recipes', or a YAML file; auto: by dataset and model size"
    )
    set: tuple[str, ...] = option(
        (), "change a setting of the recipe: key=value, e.g. optimizer.lr=1e-5; repeatable"
    )
    name: str | None = option(None, "register the result under this name; left out: made up")
    nproc_per_node: int | None = option(
        None, "processes on this machine, for distributed recipes; left out: the recipe's", ge=1
    )
    nnodes: int = option(1, "machines that train together", ge=1, le=1024)
    rdzv_endpoint: str | None = option(None, "host:port at which the machines meet")
    rdzv_id: str | None = option(None, "name of the meeting, the same on every machine")
    override: str | None = option(
        None, "why to train in spite of a failed preflight; kept with the run"
    )

    @model_validator(mode="before")
    @classmethod
    def _find_from_anywhere(cls, values: Any) -> Any:
        """Paths that exist made absolute."""
        if not isinstance(values, dict):
            return values
        given = {n: values[n] for n in ("model", "recipe") if isinstance(values.get(n), str)}
        return values | {
            name: value if name == "recipe" and "/" not in value else absolute_path(value)
            for name, value in given.items()
        }

    def device(self) -> str | None:
        """The accelerator's slot."""
        return "accelerator"

    def secrets(self) -> tuple[str, ...]:
        """Hugging Face's token unless the model is here; the key of Weights & Biases if used."""
        hub = self.model != NANO and not Path(self.model).is_absolute()
        wandb = any("wandb" in change.lower() for change in self.set)
        return (*(("HF_TOKEN",) if hub else ()), *(("WANDB_API_KEY",) if wandb else ()))

    def changes(self) -> dict[str, str]:
        """What ``--set`` changes: values as YAML text, by dotted key."""
        return {key.strip(): value for key, _, value in (c.partition("=") for c in self.set)}

    def contradictions(self) -> list[Problem]:
        """Changes that are no key=value, machines without a place to meet, a reason left empty."""
        problems = []
        for change in self.set:
            key, equals, _ = change.partition("=")
            if not equals or not _KEY.fullmatch(key.strip()):
                fix = "Give key=value, e.g. --set optimizer.lr=1e-5."
                problems.append(Problem("set", f"got {change!r};", fix))
        if self.nnodes > 1 and not self.rdzv_endpoint:
            fix = "Give --rdzv-endpoint HOST:PORT, the same on every machine."
            problems.append(Problem("rdzv_endpoint", f"is required for {self.nnodes} nodes.", fix))
        if self.rdzv_endpoint and self.nnodes == 1:
            fix = "Leave it out, or give --nnodes."
            problems.append(Problem("rdzv_endpoint", "has no effect on one machine.", fix))
        if self.override is not None and not self.override.strip():
            problems.append(Problem("override", "is empty;", "say why the checks may fail."))
        if self.name is not None and not NAME.fullmatch(self.name):
            fix = "1 to 64 letters, digits, '.', '_' or '-', beginning with a letter or digit."
            problems.append(Problem("name", f"got {self.name!r};", f"allowed: {fix}"))
        return problems

    def check(self, workspace: Workspace) -> list[Problem]:
        """A dataset, model or recipe that is not there, does not fit, or is wrong somewhere."""
        from codemix_core.training.plan import config_problems

        problems: list[Problem] = []
        try:
            find(workspace, self.dataset)
        except NotFoundError as error:
            problems += error.problems
        if self.name is not None and self.name in (NANO, *workspace.models()):
            what = f"{self.name!r} is taken."
            problems.append(Problem("name", what, "Choose another; see 'models'."))
        if models.is_hub_id(self.model, workspace):
            return problems  # the job asks the hub, and waits for the network if it must
        try:
            found = models.find(self.model, self.revision, workspace)
        except InputError as error:
            return problems + error.problems
        if not problems and not self.contradictions():
            problems += config_problems(self, workspace, found.directory)
        return problems
