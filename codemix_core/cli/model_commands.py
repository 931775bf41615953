"""Commands about recipes, checkpoints and registered models."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from codemix_core.cli import terminal
from codemix_core.cli.job_commands import JSON
from codemix_core.errors import InputError, Problem
from codemix_core.workspace import RunDir, Workspace

RUN = Annotated[str, typer.Argument(metavar="RUN", help="A training run, see 'runs'.")]
EPOCH = Annotated[int, typer.Option(min=0, help="Epoch of the checkpoint, see 'checkpoints'.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("recipes")(list_recipes)
    app.command("show-config", no_args_is_help=True)(show_config)
    app.command("models")(list_models)
    app.command("checkpoints", no_args_is_help=True)(list_checkpoints)
    app.command("register-model", no_args_is_help=True)(register_model)
    app.command("forget-model", no_args_is_help=True)(forget_model)
    app.command("delete-checkpoint", no_args_is_help=True)(delete_checkpoint)


def list_recipes(as_json: JSON = False) -> None:
    """List the recipes that training can follow.

    Example:  python -m codemix_core recipes
    """
    from codemix_core.training import configs

    found = [(name, configs.load(name)) for name in configs.recipes()]
    if as_json:
        terminal.print_json(
            [{"name": n, "method": c["method"], "recipe": c["recipe"]} for n, c in found]
        )
        return
    table = Table("recipe", "method", "runs", box=None, pad_edge=False)
    for name, config in found:
        table.add_row(name, str(config["method"]), str(config["recipe"]))
    terminal.output.print(table)


def show_config(
    dataset: Annotated[str, typer.Option(help="Dataset to train on.")],
    model: Annotated[str, typer.Option(help="Model to train.")],
    recipe: Annotated[str, typer.Option(help="Recipe, see 'recipes'.")] = "auto",
    change: Annotated[
        list[str] | None, typer.Option("--set", help="key=value, as for 'train'.")
    ] = None,
) -> None:
    """Print the complete torchtune configuration that 'train' would use; start nothing.

    Example:  python -m codemix_core show-config --dataset build-20260102T030405-abcd --model nano
    """
    from codemix_core.sampling import models
    from codemix_core.training.plan import plan
    from codemix_core.training.spec import TrainSpec

    workspace = Workspace.open()
    values = {"dataset": dataset, "model": model, "recipe": recipe, "set": tuple(change or ())}
    spec = TrainSpec.parse(values, workspace)
    found = models.find(spec.model, spec.revision, workspace)
    typer.echo(plan(spec, workspace, found.directory).text(), nl=False)


def list_models(as_json: JSON = False) -> None:
    """List the registered models, newest names last.

    Example:  python -m codemix_core models
    """
    found = Workspace.open().models()
    if as_json:
        terminal.print_json([{"name": name, **entry} for name, entry in found.items()])
        return
    if not found:
        terminal.console.print("no models yet; see: python -m codemix_core train --help")
        return
    table = Table("model", "method", "base", "epoch", "size", "run", box=None, pad_edge=False)
    for name, entry in found.items():
        size = f"{entry.get('size_bytes', 0) / 1e6:,.1f} MB"
        values = (str(entry.get(key) or "") for key in ("method", "base", "epoch"))
        table.add_row(name, *values, size, str(entry.get("run") or ""))
    terminal.output.print(table)


def list_checkpoints(run: RUN, as_json: JSON = False) -> None:
    """List the checkpoints of a training run with their sizes and names.

    Example:  python -m codemix_core checkpoints train-20260102T030405-abcd
    """
    from codemix_core.training import checkpoints, outcome

    found = _training(run)
    rows: list[dict[str, Any]] = [
        {
            "epoch": entry.epoch,
            "size_bytes": entry.size_bytes,
            "models": outcome.names_of(found.workspace, entry),
            "path": str(entry.path),
        }
        for entry in checkpoints.epochs(found.checkpoints_root)
    ]
    if as_json:
        terminal.print_json(rows)
        return
    if not rows:
        terminal.console.print(f"{run} has no complete checkpoint")
        return
    table = Table("epoch", "size", "models", "path", box=None, pad_edge=False)
    for row in rows:
        size = f"{row['size_bytes'] / 1e6:,.1f} MB"
        table.add_row(str(row["epoch"]), size, ", ".join(row["models"]), row["path"])
    terminal.output.print(table)


def register_model(
    run: RUN,
    epoch: EPOCH,
    name: Annotated[str, typer.Option(help="What to call the model.")],
) -> None:
    """Register a checkpoint as a model.

    Example:  python -m codemix_core register-model train-20260102T030405-abcd --epoch 0 --name best
    """
    from codemix_core.training import outcome

    found = _training(run)
    outcome.register_as(found.workspace, found, outcome.checkpoint_of(found, epoch), name)
    typer.echo(f"{name} -> epoch {epoch} of {run}")


def forget_model(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A model, see 'models'.")],
) -> None:
    """Take a model off the list; its checkpoint stays.

    Example:  python -m codemix_core forget-model nano-dpo-abcd
    """
    workspace = Workspace.open()
    known = workspace.models()
    if name not in known:
        fix = f"Models: {', '.join(known) or 'none yet'}."
        raise InputError(Problem("name", f"there is no model {name!r}.", fix))
    workspace.forget_model(name)
    typer.echo(f"{name} forgotten; its files are in {Path(known[name]['path'])}")


def delete_checkpoint(
    run: RUN,
    epoch: EPOCH,
    force: Annotated[bool, typer.Option("--force", help="Even when runs use it.")] = False,
) -> None:
    """Delete the files of a checkpoint and the models that name it.

    Example:  python -m codemix_core delete-checkpoint train-20260102T030405-abcd --epoch 0
    """
    from codemix_core.training import outcome

    found = _training(run)
    freed = outcome.delete(found.workspace, found, epoch, force=force)
    typer.echo(f"epoch {epoch} of {run} deleted, {freed / 1e6:,.1f} MB freed")


def _training(run_id: str) -> RunDir:
    run = Workspace.open().run(run_id)
    if run.stage != "train":
        fix = "Give a training run, see 'runs --stage train'."
        raise InputError(Problem("run", f"{run_id!r} is a {run.stage} run.", fix))
    return run
