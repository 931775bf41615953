"""Which model a name means, and everything wrong with it, before any engine starts.

A name is looked up in this order:

1. ``nano``: the model bundled with the workbench;
2. a directory on this machine (a path, absolute or relative);
3. a model registered in the workspace (``models/<name>.json``);
4. a Hugging Face id, ``organisation/name``, at a revision.

Checks read small files only and import no torch, so a page can call them. For a Hugging Face
id they ask the hub and fetch its configuration and tokenizer files, never the weights; without
a network the local cache has to have them.

Not guaranteed: that vLLM supports the architecture, and that the weights fit the device. The
engine says so when it starts.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from codemix_core.errors import ModelError, Problem
from codemix_core.questions.nano import nano_model_path
from codemix_core.sampling import chat
from codemix_core.sampling.spec import NANO
from codemix_core.workspace import Workspace

HUB_TIMEOUT = 10.0
"""Seconds to wait for the Hugging Face hub before saying that it cannot be reached."""

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_SMALL_FILES = ("*.json", "*.jinja", "*.model", "*.txt", "*.tiktoken")
_CONTEXT_KEYS = ("max_position_embeddings", "n_positions", "max_seq_len", "seq_length")


@dataclass(frozen=True, slots=True)
class Model:
    """A model that passed the checks.

    name: what was asked for.
    location: what the engine loads, a directory or a Hugging Face id.
    revision: the resolved commit of a Hugging Face model; None for a directory.
    directory: where its configuration and tokenizer files lie on this machine.
    context: longest prompt and answer together, in tokens; None when config.json does not say.
    """

    name: str
    location: str
    revision: str | None
    directory: Path
    context: int | None


def find(name: str, revision: str | None = None, workspace: Workspace | None = None) -> Model:
    """The checked model a name means.

    Raises:
        ModelError: it cannot be found or used; every problem named.
    """
    directory = locate(name, workspace)
    if directory is not None:
        problems = check_directory(directory)
        if revision is not None:
            what = "only a Hugging Face model has revisions, and this is a directory."
            problems.append(Problem("revision", what, "Leave it out."))
        if problems:
            raise ModelError(problems)
        return Model(name, str(directory), None, directory, context_length(directory))
    if not is_hub_id(name, workspace):
        raise ModelError(_unknown(name, workspace))
    return _from_hub(name, revision)


def with_weights(model: Model) -> Model:
    """The model with all its files on this machine; a Hugging Face model is fetched whole.

    Raises:
        ModelError: the hub does not give its weights.
    """
    if model.revision is None:
        return model
    from huggingface_hub import snapshot_download

    patterns = [*_SMALL_FILES, "*.safetensors"]
    try:
        directory = snapshot_download(
            model.location, revision=model.revision, allow_patterns=patterns
        )
    except Exception as error:
        fix = "Check the network, or give the directory of a local copy."
        what = f"its weights cannot be fetched ({_brief(error)})."
        raise ModelError(Problem(f"model {model.name}", what, fix)) from error
    problems = check_directory(Path(directory))
    if problems:
        raise ModelError(problems)
    return replace(model, directory=Path(directory))


def is_hub_id(name: str, workspace: Workspace | None = None) -> bool:
    """Whether a name can only mean a model of the Hugging Face hub."""
    return locate(name, workspace) is None and _HUB_ID.fullmatch(name) is not None


def locate(name: str, workspace: Workspace | None = None) -> Path | None:
    """The directory a name means; None when it can only be a Hugging Face id.

    A name with path syntax (``./``, ``/``, ``~``) means a directory even when it is missing.
    """
    if name == NANO:
        return nano_model_path()
    path = Path(name).expanduser()
    if path.exists() or path.is_absolute() or name.startswith(("./", "../", "~")):
        return path.absolute()
    registered = workspace.models() if workspace else {}
    return Path(registered[name]["path"]) if name in registered else None


def check_directory(directory: Path) -> list[Problem]:
    """Everything that keeps a local checkpoint from being sampled; empty when it can be."""
    where = f"model {directory}"
    if not directory.is_dir():
        what = "is not a directory." if directory.exists() else "does not exist."
        return [Problem(where, what, "Give a checkpoint directory in Hugging Face layout.")]
    names = {path.name for path in directory.iterdir()}
    if "config.json" not in names and "adapter_config.json" in names:
        what = "is a LoRA adapter, not a whole model."
        return [Problem(where, what, "Merge it into its base model first.")]
    problems = _check_files(where, directory, names)
    return problems + _check_weights(where, directory, names)


def unusable(model: Model, error: Exception) -> ModelError:
    """What to raise when a model passed the checks and its tokenizer still cannot be used."""
    fix = "Copy the tokenizer of its base model again."
    return ModelError(Problem(f"model {model.name}", f"{_brief(error)}.", fix))


def context_length(directory: Path) -> int | None:
    """The context of a checkpoint in tokens, from its ``config.json``."""
    config = json.loads((directory / "config.json").read_text(encoding="utf-8"))
    nested = config.get("text_config")
    for source in (config, nested if isinstance(nested, dict) else {}):
        for key in _CONTEXT_KEYS:
            if isinstance(source.get(key), int):
                return int(source[key])
    return None


def _unknown(name: str, workspace: Workspace | None) -> Problem:
    registered = ", ".join(workspace.models()) if workspace else ""
    fix = (
        f"Give 'nano', a checkpoint directory, a registered model ({registered or 'none yet'})"
        " or a Hugging Face id such as Qwen/Qwen2.5-Coder-0.5B-Instruct."
    )
    return Problem("model", f"{name!r} is not known.", fix)


def _check_files(where: str, directory: Path, names: Iterable[str]) -> list[Problem]:
    """Problems of the configuration, tokenizer and chat template files."""
    names = set(names)
    problems = []
    broken = _broken_json(where, directory)
    if "config.json" not in names:
        fix = "Give a checkpoint directory in Hugging Face layout."
        problems.append(Problem(where, "has no config.json.", fix))
    elif "config.json" not in broken and not _read(directory / "config.json").get("architectures"):
        what = "its config.json names no architecture."
        problems.append(Problem(where, what, 'Add "architectures", e.g. ["Qwen2ForCausalLM"].'))
    if not _has_tokenizer(names):
        fix = "Add the tokenizer of its base model (tokenizer.json, tokenizer_config.json)."
        problems.append(Problem(where, "has no tokenizer.", fix))
    if "tokenizer_config.json" not in broken:
        problems += _check_template(where, directory)
    return problems + list(broken.values())


def _check_template(where: str, directory: Path) -> list[Problem]:
    template = chat.chat_template(directory)
    if template is None:
        fix = (
            "Base models have none: sample an instruct model, or add a chat_template.jinja"
            " that fits the model."
        )
        return [Problem(where, "has no chat template.", fix)]
    try:
        chat.compile_template(template)
    except chat.ChatFormatError as error:
        return [Problem(where, f"{error}.", "Mend the template.")]
    return []


def _check_weights(where: str, directory: Path, names: set[str]) -> list[Problem]:
    """Problems of the weight files: none there, or shards of the index missing."""
    fix = "Copy the whole checkpoint again."
    index = next((name for name in sorted(names) if name.endswith(".index.json")), None)
    if index is not None:
        try:
            wanted = set(json.loads((directory / index).read_text())["weight_map"].values())
        except (ValueError, KeyError, TypeError, AttributeError):
            return [Problem(where, f"its {index} is not a weight index.", fix)]
        missing = sorted(str(name) for name in wanted if name not in names)
        if missing:
            return [Problem(where, f"lacks weight files: {', '.join(missing)}.", fix)]
    elif not any(name.endswith((".safetensors", ".bin", ".pt", ".pth")) for name in names):
        return [Problem(where, "has no weights.", fix)]
    empty = sorted(
        name
        for name in names
        if name.endswith((".safetensors", ".bin")) and not (directory / name).stat().st_size
    )
    return [Problem(where, f"has empty weight files: {', '.join(empty)}.", fix)] if empty else []


def _has_tokenizer(names: set[str]) -> bool:
    return bool(names & {"tokenizer.json", "tokenizer.model", "tekken.json"}) or names >= {
        "vocab.json",
        "merges.txt",
    }


def _broken_json(where: str, directory: Path) -> dict[str, Problem]:
    """A problem for each of the small JSON files that is not a JSON object, by file name."""
    broken = {}
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
        path = directory / name
        try:
            good = not path.exists() or isinstance(json.loads(path.read_text("utf-8")), dict)
        except (ValueError, OSError):
            good = False
        if not good:
            broken[name] = Problem(where, f"its {name} is not valid JSON.", "Copy it again.")
    return broken


def _read(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return document


def _from_hub(name: str, revision: str | None) -> Model:
    """A model of the Hugging Face hub, its small files fetched."""
    from huggingface_hub import snapshot_download

    problem = _hub_problem(name, revision)
    if problem is not None:
        raise ModelError(problem)
    directory = Path(
        snapshot_download(
            name, revision=revision, allow_patterns=list(_SMALL_FILES), etag_timeout=HUB_TIMEOUT
        )
    )
    names = [path.name for path in directory.iterdir()]
    problems = _check_files(f"model {name}", directory, names)
    if problems:
        raise ModelError(problems)
    # A snapshot's directory is called after its commit, which pins what every later run loads.
    return Model(name, name, directory.name, directory, context_length(directory))


def _hub_problem(name: str, revision: str | None) -> Problem | None:
    """Why the hub does not give this model; None when it does, or when the cache has it."""
    from huggingface_hub import HfApi, errors, try_to_load_from_cache

    where = f"model {name}"
    try:
        HfApi().model_info(name, revision=revision, timeout=HUB_TIMEOUT)
    except errors.GatedRepoError:
        fix = "Ask for access on its page at huggingface.co and set HF_TOKEN."
        return Problem(where, "is gated and this account has no access.", fix)
    except errors.RevisionNotFoundError:
        return Problem("revision", f"{name} has no revision {revision!r}.", "See its page.")
    except errors.RepositoryNotFoundError:
        fix = "Check the spelling; a private model needs HF_TOKEN."
        return Problem(where, "is neither a directory here nor on the Hugging Face hub.", fix)
    except Exception as error:  # noqa: BLE001 - network errors of whatever client the hub uses
        if isinstance(try_to_load_from_cache(name, "config.json", revision=revision), str):
            return None
        fix = "Check the network, or give the directory of a local copy."
        return Problem(
            where,
            f"is no directory here, and the Hugging Face hub cannot be reached ({_brief(error)}).",
            fix,
        )
    return None


def _brief(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
