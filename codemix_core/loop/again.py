"""The next round of a model: the settings of the round it came from, from the tuned model on.

Read from what the model's registration, its training run and its dataset say. Not taken over: the
reason for training in spite of a failed preflight, which a person has to give again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from codemix_core.datasets import registry
from codemix_core.datasets.spec import BuildSpec
from codemix_core.errors import InputError, NotFoundError, Problem
from codemix_core.loop.spec import BUILDS, LoopSpec
from codemix_core.workspace import RunDir, Workspace

METHOD_OF = {dataset: method for method, dataset in BUILDS.items()}
"""Loop method by dataset method."""
SEED = "seed="


def next_round(
    workspace: Workspace, model: str, evaluation: Mapping[str, Any] | None = None
) -> LoopSpec:
    """One more round like the one that made the model.

    Args:
        evaluation: the document of one, whose splits, n and temperature are used for measuring.

    Raises:
        InputError: it cannot be known what that round was, or it cannot be done again; says why.
    """
    entry = workspace.models().get(model)
    if entry is None or not entry.get("run"):
        what = f"{model!r} was not trained in this workspace"
        raise _unknown(what, "it has no round to go on from")
    try:
        trained = workspace.run(str(entry["run"]))
        dataset, document = registry.find(workspace, str(entry["dataset"]))
    except NotFoundError as error:
        raise _unknown(f"the round of {model!r} is not all here", str(error)) from error
    values: dict[str, Any] = {
        "model": model,
        "questions": document["lineage"]["questions"]["name"],
        "method": METHOD_OF[document["method"]],
        "cot": document["style"] == "cot",
        **_training(trained),
        **_building(dataset, document["method"]),
        **_sampling(document, model),
    }
    if evaluation is not None:
        settings = evaluation["settings"]
        values |= {"evaluate_n": settings["n"], "evaluate_temperature": settings["temperature"]}
        values["hard"] = "hard" in [part["split"] for part in evaluation["parts"]]
    spec = LoopSpec.parse(values, workspace)
    assert isinstance(spec, LoopSpec)
    return spec


def _sampling(document: Mapping[str, Any], model: str) -> dict[str, Any]:
    lineage = document["lineage"]
    if "sampling" not in lineage:
        return {}  # gold solutions: nothing was sampled
    spec = lineage["sampling"]["spec"]
    if "n" not in spec:
        why = "nobody here knows how they were sampled"
        raise _unknown(f"the answers that {model!r} was trained on were imported", why)
    return {name: spec[name] for name in ("n", "temperature", "limit")}


def _building(dataset: RunDir, method: str) -> dict[str, Any]:
    spec = dataset.load_spec()
    if method == "dpo":
        return {"strategy": spec["strategy"], "pairs": spec["num_preference_pairs_per_question"]}
    if method == "grpo":
        return {"reward": BuildSpec.restore(spec).reward}
    return {"picks": spec["picks_per_question"]} if method == "best_of_n" else {}


def _training(trained: RunDir) -> dict[str, Any]:
    spec = trained.load_spec()
    changes = tuple(change for change in spec["set"] if not change.startswith(SEED))
    return {"recipe": spec["recipe"], "set": changes}


def _unknown(what: str, why: str) -> InputError:
    return InputError(Problem("next round", f"{what};", f"{why}."))
