"""The configuration file of the original scripts, ``dataset_config.yaml``, accepted as it is.

    data_path: scored.json                 # {qid: {system, user, responses: [
                                           #   {raw_output, code, score}]}}
    output_path: dataset.json
    dataset_template: instruct             # or chat
    training_method: dpo                   # or best_of_n, gold_solution
    column: raw_output                     # or code
    preference_config:                     # for dpo
      minimum_preferred_score: 1.0
      maximum_dispreferred_score: 0.5
      num_preference_pairs_per_question: 3

The scores of the file are taken as they are, since that is what the scripts did; only those of
the workbench's own sandbox come with a verdict behind them (``build`` has the same settings for
a scoring run). For ``gold_solution`` the file is a ``questions.json``.

Beside the output goes its torchtune block, ``dataset.json.torchtune.yaml``: the instruct format
has no place for the system prompt, so training needs the block's ``new_system_prompt``.

Guarantees: every problem of the file is named at once and nothing is written for a bad one; each
file is written atomically, in the same order for the same file and seed. A file that stands
where the block goes and is none is not overwritten.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from codemix_core import files
from codemix_core.datasets.checks import RowChecks
from codemix_core.datasets.formats import Format, format_for, torchtune_yaml
from codemix_core.datasets.rows import METHODS
from codemix_core.datasets.scored_file import (
    Asked,
    Response,
    candidates_of,
    is_text,
    read_scored,
)
from codemix_core.errors import Problem, SpecError
from codemix_core.questions import formats as question_formats
from codemix_core.questions.check import check
from codemix_core.sampling.languages import fenced
from codemix_core.sampling.prompts import build_messages
from codemix_core.selection.best_of_n import PickRule
from codemix_core.selection.best_of_n import choose as choose_picks
from codemix_core.selection.pairs import PairRule, possible_pairs
from codemix_core.selection.pairs import choose as choose_pairs

BLOCK_HEAD = "# Written by prepare-dataset; paste it into a torchtune configuration."


class PreferenceConfig(BaseModel):
    """The scripts' rule for preference pairs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    minimum_preferred_score: float = Field(1.0, ge=0.0, le=1.0)
    maximum_dispreferred_score: float = Field(1.0, ge=0.0, le=1.0)
    num_preference_pairs_per_question: int = Field(1, ge=1)


class OriginalConfig(BaseModel):
    """The scripts' ``dataset_config.yaml``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    data_path: str
    output_path: str
    dataset_template: Literal["instruct", "chat", "preference"] = "instruct"
    training_method: Literal["gold_solution", "best_of_n", "dpo"]
    column: Literal["code", "raw_output"] = "raw_output"
    preference_config: PreferenceConfig | None = None
    seed: int = Field(0, ge=0)


def read_config(path: Path) -> OriginalConfig:
    """The checked configuration; relative paths in it are taken from its own folder.

    Raises:
        SpecError: with every problem of the file.
    """
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise SpecError(Problem(str(path), f"cannot be read: {error}.", "Give YAML.")) from error
    if not isinstance(document, dict):
        what = "is no mapping of settings."
        raise SpecError(Problem(str(path), what, f"Settings: {', '.join(_fields())}."))
    try:
        config = OriginalConfig.model_validate(document)
    except ValidationError as error:
        raise SpecError([_problem(path, detail) for detail in error.errors()]) from None
    if config.training_method == "dpo" and config.preference_config is None:
        what = "is required for training_method dpo."
        fix = f"Settings: {', '.join(PreferenceConfig.model_fields)}."
        raise SpecError(Problem(f"{path}, preference_config", what, fix))
    impossible = _impossible_paths(path, config)
    if impossible:
        raise SpecError(impossible)
    return config.model_copy(
        update={
            "data_path": _beside(path, config.data_path),
            "output_path": _beside(path, config.output_path),
        }
    )


def prepare(config: OriginalConfig) -> str:
    """Read ``data_path``, select, write ``output_path``; returns one summary line.

    Raises:
        InputError: the data cannot be used; nothing was written.
    """
    _check_output(config)
    entry = _format(config)
    rows = list(_gold_rows(config) if config.training_method == "gold_solution" else _rows(config))
    checks = RowChecks(METHODS[config.training_method])
    for row in rows:
        checks.add(row)
    problems = entry.misfit(checks.facts())
    block = torchtune_yaml(entry, config.output_path, checks.facts())
    if block is not None:
        block = f"{BLOCK_HEAD}\n{block}"
        problems += _block_in_the_way(config)
    if not rows:
        what = "no row comes of these scores and settings."
        problems.append(Problem(config.data_path, what, "Loosen preference_config."))
    if problems:
        raise SpecError(problems)
    output = Path(config.output_path)
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        files.write_atomic(output, lambda temporary: entry.write(rows, temporary))
    except OSError as error:
        what = f"cannot be written: {error.strerror}."
        raise SpecError(Problem("output_path", what, "Give a file you can write.")) from error
    questions = len({row["question_id"] for row in rows})
    parts = [f"{len(rows):,} rows of {questions:,} questions in format {entry.name} -> {output}"]
    parts += [] if block is None else [_write_block(config, block)]
    return "; ".join([*parts, *_warnings(config, rows)])


def _warnings(config: OriginalConfig, rows: list[dict[str, Any]]) -> list[str]:
    """What a person should know of the rows: the scripts take the best answer, however bad."""
    if config.training_method != "best_of_n":
        return []
    zero = sum(row["score"] == 0 for row in rows)
    if not zero:
        return []
    text = f"warning: {zero:,} of the rows have score 0, their questions have no better answer"
    return [f"{text}; 'build' leaves them out by --min-score"]


def _block(config: OriginalConfig) -> Path:
    return Path(f"{config.output_path}.torchtune.yaml")


def _write_block(config: OriginalConfig, block: str) -> str:
    """Write it; returns what the summary says of it."""

    def write(temporary: Path) -> None:
        temporary.write_text(block, encoding="utf-8")

    files.write_atomic(_block(config), write)
    lacking = ", with the system prompt that the rows lack" if "new_system_prompt" in block else ""
    return f"torchtune block{lacking} -> {_block(config)}"


def _block_in_the_way(config: OriginalConfig) -> list[Problem]:
    """A file of a person where the block goes."""
    place = _block(config)
    if not place.exists():
        return []
    if place.is_file() and place.read_bytes().startswith(BLOCK_HEAD.encode()):
        return []
    what = f"its torchtune block would overwrite {str(place)!r}."
    return [Problem("output_path", what, "Move that file away, or give another output.")]


def _impossible_paths(path: Path, config: OriginalConfig) -> list[Problem]:
    """Paths that no file can have."""
    found = []
    for name in ("data_path", "output_path"):
        text = getattr(config, name)
        if "\0" in text or not is_text(text):
            fix = "Leave out NUL and halves of surrogate pairs."
            found.append(Problem(f"{path}, {name}", f"got {text!r}, no file has such a name.", fix))
    return found


def _check_output(config: OriginalConfig) -> None:
    """Refuse to overwrite the input, by whatever name it is called."""
    output, data = Path(config.output_path), Path(config.data_path)
    if output.exists() and data.exists() and output.samefile(data):
        what = f"{config.output_path!r} is the file of data_path."
        raise SpecError(Problem("output_path", what, "Give another file to write."))


def _format(config: OriginalConfig) -> Format:
    """Pairs have one torchtune format, whatever template the scripts were told."""
    kind = METHODS[config.training_method]
    return format_for("auto" if kind == "pairs" else config.dataset_template, kind)


def _rows(config: OriginalConfig) -> Iterator[dict[str, Any]]:
    asked = read_scored(Path(config.data_path))
    candidates = candidates_of(asked)
    starts = candidates.starts

    def found(row: int) -> Response:
        place = int(candidates.question[row])
        return asked[place].responses[row - int(starts[place])]

    def answer(row: int) -> str:
        if config.column == "raw_output":
            return found(row).raw_output
        language = asked[int(candidates.question[row])].language
        return fenced(found(row).code or "", language)

    def programs(rows: Any) -> list[str]:
        return [found(int(row)).code or "" for row in rows]

    if config.training_method == "best_of_n":
        rule = PickRule(0.0, 1, "first", config.seed, config.column)
        for row in choose_picks(candidates, rule).rows.tolist():
            made = _row(asked[int(candidates.question[row])], answer=answer(row))
            yield made | {"score": float(candidates.score[row])}
        return
    assert config.preference_config is not None
    table = possible_pairs(candidates, config.column, programs)
    settings = config.preference_config.model_dump()
    pair_rule = PairRule(strategy="original", margin=0.0, seed=config.seed, **settings)
    for place in choose_pairs(table, pair_rule):
        chosen, rejected = int(table.chosen[place]), int(table.rejected[place])
        of = asked[int(candidates.question[chosen])]
        yield _row(of, chosen=answer(chosen), rejected=answer(rejected))


def _row(found: Asked, **answers: str) -> dict[str, Any]:
    return {"question_id": found.question_id, "messages": found.messages, **answers}


def _gold_rows(config: OriginalConfig) -> Iterator[dict[str, Any]]:
    for question in check(question_formats.read(Path(config.data_path))).questions:
        text = json.dumps(build_messages(question, "direct"), ensure_ascii=False)
        yield {
            "question_id": question.question_id,
            "messages": text,
            "answer": fenced(question.gold, question.language),
        }


def _fields() -> list[str]:
    return list(OriginalConfig.model_fields)


def _beside(config: Path, name: str) -> str:
    path = Path(name).expanduser()
    return str(path if path.is_absolute() else (config.resolve().parent / path))


def _problem(path: Path, detail: Any) -> Problem:
    where = f"{path}, {'.'.join(str(part) for part in detail['loc'])}"
    if detail["type"] == "extra_forbidden":
        return Problem(where, "is not a setting.", f"Settings: {', '.join(_fields())}.")
    if detail["type"] == "missing":
        return Problem(where, "is required.", "Give it a value.")
    return Problem(where, f"got {detail['input']!r};", f"allowed: {detail['msg']}.")
