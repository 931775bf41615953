"""What a training run will do: the recipe chosen, and its configuration made complete.

A recipe says how to train; dataset, model, tokenizer, checkpoint files and where to write come
from the spec. ``plan`` is pure: it reads files and writes nothing, so a page shows exactly the
configuration that a run would use.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from codemix_core import devices
from codemix_core.datasets.registry import find
from codemix_core.errors import InputError, Problem, SpecError
from codemix_core.training import components, configs, families, grpo_spec
from codemix_core.training.spec import AUTO, METHODS, TrainSpec
from codemix_core.workspace import RunDir, Workspace

SMALL = 50_000_000
"""Parameters below which ``auto`` trains all of them with the recipes made for nano."""
GROUPS = "codemix_core.training.group_data.groups_dataset"


@dataclass(frozen=True)
class Plan:
    """A training run, worked out.

    recipe: name or file of the recipe. method: sft, dpo or grpo. config: the complete torchtune
    configuration. rows: of the train side.
    """

    recipe: str
    method: str
    config: dict[str, Any]
    rows: int

    @property
    def steps(self) -> int:
        """Optimizer steps until the end; only of a configuration without problems."""
        return steps(self.config, self.method, self.rows)

    @property
    def torchtune_recipe(self) -> str:
        """What ``tune run`` is given: a recipe of torchtune or a file of ours."""
        return str(self.config["recipe"])

    def text(self) -> str:
        """The configuration as YAML."""
        return yaml.safe_dump(self.config, sort_keys=False, allow_unicode=True, width=100)


def auto_recipe(method: str, directory: Path) -> str:
    """The recipe that ``auto`` means for a model.

    Raises:
        ModelError: torchtune has no builder for the model.
    """
    small = families.read(directory).parameters < SMALL
    return f"nano/{method}_full" if small else f"{method}_lora"


def plan(
    spec: TrainSpec,
    workspace: Workspace,
    directory: Path,
    root: RunDir | None = None,
    *,
    resume: bool = False,
) -> Plan:
    """The plan of a spec.

    Args:
        directory: of the checked model.
        root: the run it is for; a page that only shows it has none yet.
        resume: go on from the last checkpoint of ``root``.

    Raises:
        InputError: dataset, model or recipe cannot be used.
    """
    dataset, document = find(workspace, spec.dataset)
    method = METHODS[document["method"]]
    name = auto_recipe(method, directory) if spec.recipe == AUTO else spec.recipe
    recipe = configs.load(name)
    if recipe["method"] != method:
        fitting = configs.fitting(method)
        what = f"{name!r} trains by {recipe['method']}, and the dataset is for {method}."
        raise SpecError(Problem("recipe", what, f"Fitting: {', '.join(fitting)}."))
    place = root or RunDir(workspace, "train")
    sides = {side: _block(dataset, document, side) for side in document["files"]}
    if "train" not in sides:
        what = f"{spec.dataset} has no train side."
        raise SpecError(Problem("dataset", what, "Build it with rows to train on."))
    config = configs.compose(
        recipe,
        directory=directory,
        train=sides["train"],
        validation=sides.get("heldout") if method == "dpo" else None,
        output_dir=place.checkpoints_root,
        metrics=place.metrics_path,
        device="cuda" if devices.gpus() else "cpu",
        dtype=_dtype(directory),
        overrides=_overrides(spec, method, document),
        resume=resume,
    )
    rows = int(document["files"]["train"]["rows"])
    return Plan(name, method, config, rows)


def config_problems(spec: TrainSpec, workspace: Workspace, directory: Path) -> list[Problem]:
    """Everything wrong with the configuration a spec leads to; empty when it can be launched.

    Loads no model library: a page asks on every change.
    """
    try:
        found = plan(spec, workspace, directory)
    except InputError as error:
        return error.problems
    problems = configs.check(found.config, components.apart)
    if not problems and found.steps < 1:
        what = f"{found.rows} rows do not fill one step of the recipe."
        problems.append(Problem("dataset", what, "Lower batch_size, or build a larger dataset."))
    return problems


def steps(config: dict[str, Any], method: str, rows: int) -> int:
    """Optimizer steps of a whole run, as torchtune's recipes count them."""
    epochs = int(config["epochs"])
    world = int(config["nproc_per_node"]) * int(config.get("nnodes", 1))
    if method == "grpo":
        grpo = grpo_spec.parse(config["grpo"])
        per_epoch = -(-rows // grpo.groups_per_step) * grpo.epochs_per_batch
    else:
        batches = -(-rows // world) // int(config["batch_size"])
        per_epoch = batches // int(config.get("gradient_accumulation_steps") or 1)
    most = config.get("max_steps_per_epoch")
    return epochs * (per_epoch if most is None else min(per_epoch, int(most)))


def _overrides(spec: TrainSpec, method: str, document: dict[str, Any]) -> dict[str, str]:
    """The person's changes; GRPO learns at the temperature its answers were sampled at."""
    given = spec.changes()
    if method == "grpo" and "sampling" in document["lineage"]:
        sampled = document["lineage"]["sampling"]["spec"].get("temperature")
        given = {"grpo.temperature": str(sampled), **given} if sampled else given
    if spec.nproc_per_node is not None:
        given["nproc_per_node"] = str(spec.nproc_per_node)
    if spec.nnodes > 1:
        given["nnodes"] = str(spec.nnodes)
    return given


def _block(dataset: RunDir, document: dict[str, Any], side: str) -> dict[str, Any]:
    """The torchtune ``dataset`` block of one side."""
    found = document["files"][side]
    path = dataset.root / found["file"]
    if document["kind"] == "groups":
        return {"_component_": GROUPS, "path": str(path)}
    if found["torchtune"] is None:
        what = f"was built in format {document['template']}, which torchtune does not read."
        fix = "Build it again with --template auto."
        raise SpecError(Problem("dataset", what, fix))
    block: dict[str, Any] = yaml.safe_load(found["torchtune"])["dataset"]
    return {**block, "data_files": str(path)}


def _dtype(directory: Path) -> str:
    """bf16 where the GPU computes in it; fp32 on a CPU, where it is both exact and faster."""
    return "bf16" if devices.gpus() else "fp32"


def changes_between(config: dict[str, Any], text: str) -> tuple[str, ...]:
    """What a person changed in a configuration shown as YAML, as ``key=value``.

    Raises:
        SpecError: the text is no YAML mapping, or a setting was taken out of it.
    """
    try:
        edited = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" in line {mark.line + 1}" if mark else ""
        what = f"is not YAML{where}: {getattr(error, 'problem', error)}."
        raise SpecError(Problem("configuration", what, "Mend it.")) from None
    if not isinstance(edited, dict):
        raise SpecError(Problem("configuration", "is not a mapping.", "Give key: value lines."))
    before, after = _flat(config), _flat(edited)
    gone = [key for key in before if key not in after]
    if gone:
        what = f"lacks {', '.join(gone)}."
        fix = "Settings can be changed or added; to switch one off, set it to null."
        raise SpecError(Problem("configuration", what, fix))
    changed = {k: v for k, v in after.items() if k not in before or before[k] != v}
    return tuple(f"{key}={_one_line(value)}" for key, value in changed.items())


def _flat(config: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in config.items():
        if isinstance(value, dict) and value:
            found |= _flat(value, f"{prefix}{key}.")
        else:
            found[f"{prefix}{key}"] = value
    return found


def _one_line(value: Any) -> str:
    text = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10_000)
    return text.removesuffix("...\n").strip()
