"""Commands that run a stage as a job: one per entry of :data:`codemix_core.stages.STAGES`."""

from __future__ import annotations

import inspect
from typing import Annotated, Any

import typer

from codemix_core import jobs, stages
from codemix_core.cli import terminal
from codemix_core.cli.options import spec_from, with_signature
from codemix_core.jobs import State
from codemix_core.specs import Spec
from codemix_core.supervisor import supervise
from codemix_core.workspace import RunDir, Workspace

JSON = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]
DETACH = Annotated[
    bool, typer.Option("--detach", help="Start in the background, print the run id and return.")
]

EXAMPLES = {
    "import_generations": (
        "import-generations generations.json --questions mine --model gpt-x",
        "import-generations viewer.json --questions cpp131",
    ),
    "selfcheck": ("selfcheck nano",),
    "quality": (
        "quality starter",
        "quality nano --limit 100 --mutants 20",
        "quality mine --only q7",
    ),
    "sample": (
        "sample --questions nano --model nano",
        "sample --questions nano --model nano -n 8 -t 1.0 --cot --split heldout",
        "sample --questions cpp --model Qwen/Qwen2.5-Coder-1.5B-Instruct --max-tokens 2048",
        "sample --questions cpp --model my-model --engine openai --base-url http://host:8000/v1",
    ),
    "score": ("score sample-20260102T030405-abcd", "score sample-20260102T030405-abcd --workers 2"),
    "build": (
        "build nano --method gold_solution --split train",
        "build score-20260102T030405-abcd --method best_of_n --tie-break shortest",
        "build score-20260102T030405-abcd --method dpo --strategy nearest",
        "build score-20260102T030405-abcd --method grpo --min-pass-rate 0.1 --max-pass-rate 0.9",
    ),
    "preflight": ("preflight build-20260102T030405-abcd --model nano",),
    "train": (
        "train --dataset build-20260102T030405-abcd --model nano",
        "train --dataset build-20260102T030405-abcd --model org/name --recipe dpo_lora",
        "train --dataset build-20260102T030405-abcd --model nano --set optimizer.lr=3e-4",
    ),
    "loop": (
        "loop --questions nano --method dpo",
        "loop --questions nano --method grpo --rounds 3 --cot",
    ),
    "evaluate": (
        "evaluate --model my-sft --baseline nano --questions nano",
        "evaluate --model my-sft --baseline nano --questions nano --split heldout --split hard",
        "evaluate --model ./checkpoint --baseline nano --questions nano --cot -n 16 --limit 100",
    ),
}


def register(app: typer.Typer) -> None:
    """Add the command of every stage."""
    flags = [
        inspect.Parameter(
            "as_json", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=JSON
        ),
        inspect.Parameter(
            "detach", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=DETACH
        ),
    ]
    for name, stage in stages.STAGES.items():
        spec = stage.spec()
        command = with_signature(_runner(spec), spec, flags)
        app.command(spec.command, help=_help(spec, EXAMPLES[name]), no_args_is_help=True)(command)


def run_job(spec_class: type[Spec], values: dict[str, Any], *, as_json: bool, detach: bool) -> int:
    """Run what the flags describe, in the foreground or detached; returns the exit code."""
    workspace = Workspace.open()
    adopted = jobs.adopted(workspace)
    if adopted is not None:
        run, lock = adopted  # Its spec was looked up in the workspace when the run was made.
        return follow_to_end(run, spec_from(spec_class, values), lock, as_json=as_json)
    spec = spec_from(spec_class, values, workspace)
    if detach:
        run = jobs.launch(workspace, spec)
        _announce(run, as_json=as_json, complete=True)
        return 0
    run = jobs.create(workspace, spec)
    lock = jobs.take_lock(run)
    jobs.begin(run)
    return follow_to_end(run, spec, lock, as_json=as_json)


def follow_to_end(run: RunDir, spec: Spec, lock: int, *, as_json: bool) -> int:
    """Supervise a job with a live bar and print its summary."""
    _announce(run, as_json=as_json, complete=False)
    with terminal.live_bar(quiet=as_json) as watch:
        status = supervise(run, spec, lock, watch)
    return terminal.finish(run.run_id, status, as_json=as_json)


def resume_job(run_id: str, *, as_json: bool, detach: bool) -> int:
    """Resume a run in the foreground or detached; returns the exit code."""
    workspace = Workspace.open()
    adopted = jobs.adopted(workspace)
    if adopted is not None:
        run, lock = adopted
        return follow_to_end(run, stages.load(run), lock, as_json=as_json)
    run = workspace.run(run_id)
    spec = stages.load(run)
    if jobs.status(run).state == State.SUCCEEDED:
        _announce(run, as_json=as_json, complete=False)
        return terminal.finish(run.run_id, jobs.status(run), as_json=as_json)
    if detach:
        jobs.resume(run, spec)
        _announce(run, as_json=as_json, complete=True)
        return 0
    jobs.reopen(run)
    lock = jobs.take_lock(run)
    jobs.begin(run)
    return follow_to_end(run, spec, lock, as_json=as_json)


def _announce(run: RunDir, *, as_json: bool, complete: bool) -> None:
    if not as_json:
        typer.echo(run.run_id)
    elif complete:
        terminal.print_json(terminal.run_document(run.run_id, jobs.status(run)))


def _runner(spec_class: type[Spec]) -> Any:
    def run(as_json: bool, detach: bool, **values: Any) -> None:
        raise typer.Exit(run_job(spec_class, values, as_json=as_json, detach=detach))

    return run


def _help(spec: type[Spec], examples: tuple[str, ...]) -> str:
    doc = inspect.cleandoc(spec.__doc__ or "")
    shown = "\n\n".join(f"  python -m codemix_core {example}" for example in examples)
    return f"{doc}\n\nExamples:\n\n{shown}"
