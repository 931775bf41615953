"""Preflight of a training run: everything that can be known to go wrong before it starts.

Checked: the tokens of the dataset under the model's tokenizer (lengths, truncation, rows with
nothing to train on), train/sample parity, memory against the device's, disk for the
checkpoints. Each check passes, fails or cannot be made, and says why. A failed one stops the
launch unless the person gave a reason to go on, which is kept with the run.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from codemix_core import files
from codemix_core.datasets.measure import Measured, load_side, measure
from codemix_core.datasets.preflight import MAX_TRUNCATED
from codemix_core.datasets.registry import find
from codemix_core.errors import Problem
from codemix_core.progress import Progress
from codemix_core.sampling.models import Model
from codemix_core.training import checkpoints, families, launch, parity
from codemix_core.training.families import Architecture
from codemix_core.training.memory import GIB, Estimate, estimate
from codemix_core.training.plan import Plan
from codemix_core.training.spec import TrainSpec
from codemix_core.workspace import RunDir, Workspace

ROWS = 2000
"""Rows that are tokenised."""

PASSED, FAILED, UNKNOWN = "passed", "failed", "not checked"


@dataclass(frozen=True)
class Check:
    """One check: its name, ``passed``, ``failed`` or ``not checked``, and what was found."""

    name: str
    result: str
    what: str
    fix: str = ""

    def problem(self) -> Problem:
        """As a problem of the launch."""
        return Problem(f"preflight, {self.name}", self.what, self.fix)


def preflight(
    spec: TrainSpec, plan: Plan, model: Model, run: RunDir, progress: Progress
) -> list[Check]:
    """Make every check and write them down; nothing is trained."""
    progress.message("preflight: weights and tokens")
    architecture = families.read(model.directory)
    measured = _measure(spec, plan, model, run.workspace, progress)
    checks = [*_weights(model, architecture), *_tokens(plan, measured)]
    longest = max(measured.lengths, default=1)
    limit = plan.config["tokenizer"].get("max_seq_len")
    longest = min(longest, int(limit)) if limit else longest
    needs = estimate(
        architecture,
        plan.config,
        longest,
        rows_at_once(plan),
        run.checkpoints_root,
    )
    checks += [_memory(needs), _disk(needs)]
    progress.message("preflight: train/sample parity")
    found, check = _parity(spec, model, run, progress)
    checks.append(check)
    document = {
        "checks": [asdict(c) for c in checks],
        "longest": longest,
        "median": sorted(measured.lengths)[len(measured.lengths) // 2] if measured.lengths else 0,
        "memory": needs.document(),
        "parity": found,
        "override": spec.override,
    }
    files.write_json(run.preflight_path, document)
    return checks


def rows_at_once(plan: Plan) -> int:
    """Sequences in one forward pass."""
    if plan.method == "grpo":
        return 8
    return int(plan.config["batch_size"]) * (2 if plan.method == "dpo" else 1)


def _measure(
    spec: TrainSpec, plan: Plan, model: Model, workspace: Workspace, progress: Progress
) -> Measured:
    from codemix_core.training.tokenizer import ChatTemplateTokenizer

    dataset, document = find(workspace, spec.dataset)
    tokenizer = ChatTemplateTokenizer(model.directory)
    limit = plan.config["tokenizer"].get("max_seq_len")
    with tempfile.TemporaryDirectory(prefix="codemix-train-") as scratch:
        rows = load_side(dataset, document, "train", tokenizer, Path(scratch))
        return measure(rows, tokenizer, limit, ROWS, progress)


def _weights(model: Model, architecture: Architecture) -> Iterator[Check]:
    problems = checkpoints.check(model.directory, architecture)
    for problem in problems:
        yield Check("weights", FAILED, f"{problem.where} {problem.what}", problem.fix)
    if not problems:
        what = f"{architecture.family}, {architecture.parameters:,} parameters"
        yield Check("weights", PASSED, what)


def _tokens(plan: Plan, found: Measured) -> Iterator[Check]:
    limit = plan.config["tokenizer"].get("max_seq_len")
    rows = max(1, len(found.lengths))
    longest = max(found.lengths, default=0)
    if found.untrained:
        what = f"{found.untrained} of {rows} rows have no token left to train on."
        yield Check("trained tokens", FAILED, what, "Raise tokenizer.max_seq_len.")
    if found.cut / rows > MAX_TRUNCATED:
        what = f"{found.cut / rows:.1%} of {rows} rows exceed {limit} tokens and lose their end."
        yield Check("length", FAILED, what, "Raise tokenizer.max_seq_len, or train on less.")
        return
    trained = sum(found.trained) / rows
    what = f"longest row {longest:,} tokens, {trained:,.0f} trained tokens a row on average"
    yield Check("length", PASSED, f"{what}; {found.cut / rows:.1%} are cut")


def _memory(needs: Estimate) -> Check:
    text = (
        f"about {needs.total / GIB:.2f} GiB (weights {needs.weights / GIB:.2f},"
        f" gradients and optimizer {needs.optimizer / GIB:.2f}, activations"
        f" {needs.activations / GIB:.2f}) of {needs.available / GIB:.1f} GiB free"
    )
    if needs.total <= needs.available:
        return Check("memory", PASSED, text)
    fix = (
        "Lower batch_size or tokenizer.max_seq_len, turn on enable_activation_checkpointing,"
        " or take a LoRA recipe."
    )
    return Check("memory", FAILED, f"{text}.", fix)


def _disk(needs: Estimate) -> Check:
    text = f"about {needs.disk / GIB:.2f} GiB of {needs.free_disk / GIB:.1f} GiB free"
    if needs.disk <= needs.free_disk:
        return Check("disk", PASSED, text)
    return Check("disk", FAILED, f"{text}.", "Free some, or train for fewer epochs.")


def _parity(
    spec: TrainSpec, model: Model, run: RunDir, progress: Progress
) -> tuple[dict[str, Any] | None, Check]:
    """Compare with the newest run that sampled this very model, the dataset's own if it did."""
    sampling, own = sampling_run(run.workspace, spec)
    if sampling is None:
        what = f"no answers of {spec.model} with log-probabilities are stored to compare with"
        return None, Check("parity", UNKNOWN, what)
    out = run.parity_path
    out.unlink(missing_ok=True)
    arguments = [run.run_id, sampling.run_id]
    code = launch.side_process("codemix_core.training.parity", arguments, progress)
    if code != 0 or not out.exists():
        what = "the model could not be built and loaded by torchtune."
        return None, Check("parity", FAILED, what, "The log says why.")
    found: dict[str, Any] = files.read_json(out)
    about = "of the dataset's own run" if own else f"of {sampling.run_id}"
    return found, judged(found, about)


def judged(found: dict[str, Any], about: str) -> Check:
    """What a comparison says, see :class:`codemix_core.training.parity.Parity`."""
    if not found["answers"]:
        what = f"every answer {about} that could be compared is longer than tokenizer.max_seq_len"
        return Check("parity", UNKNOWN, what)
    text = (
        f"mean log-probability per token {found['sampler']:.3f} when sampled,"
        f" {found['trainer']:.3f} in training, over {found['answers']} answers {about}"
    )
    if not found["gap"] <= parity.MAX_GAP:  # a gap that is not a number fails, too
        fix = (
            f"At most {parity.MAX_GAP} nats apart are allowed: training would see other tokens or"
            " another model than was sampled. Check chat template, tokenizer and config.json."
        )
        return Check("parity", FAILED, f"{text}.", fix)
    if found["other_prompts"]:
        text += f"; {found['other_prompts']} prompts have other tokens than were sampled"
        if not found["dated"]:
            fix = "Training would see other prompts: check chat template and tokenizer."
            return Check("parity", FAILED, f"{text}.", fix)
        text += ", whose template writes the date"
    return Check("parity", PASSED, text)


def sampling_run(workspace: Workspace, spec: TrainSpec) -> tuple[RunDir | None, bool]:
    """A sampling run of the model to be trained, and whether the dataset came from it."""
    _, document = find(workspace, spec.dataset)
    own = document["lineage"].get("sampling", {}).get("run_id")
    first = [RunDir(workspace, own)] if own else []
    for candidate in [*first, *workspace.runs("sample")]:
        if candidate.stage != "sample" or not candidate.exists():
            continue
        settings = candidate.load_spec()
        same = (settings["model"], settings["revision"]) == (spec.model, spec.revision)
        if same and settings["engine"] == "vllm" and parity.sampled_answers(candidate, 1):
            return candidate, candidate.run_id == own
    return None, False
