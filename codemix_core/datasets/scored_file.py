"""The original scripts' scored generations: ``{qid: {system, user, responses: [{…, score}]}}``.

Guarantees: every fault of the file is named by question, response and field. Not guaranteed:
that a score is true; nothing was run to check it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from codemix_core.errors import FormatError, Problem
from codemix_core.questions.language import tell_language
from codemix_core.questions.source import Source
from codemix_core.records import Status
from codemix_core.selection.candidates import STATUSES, Candidates
from codemix_core.selection.programs import program_key


@dataclass(frozen=True)
class Response:
    """One scored answer of the file."""

    raw_output: str
    code: str | None
    score: float


@dataclass(frozen=True)
class Asked:
    """One question of the file: its prompt, the language its answers are in, the answers."""

    question_id: str
    messages: str
    language: str
    responses: list[Response]


def read_scored(path: Path) -> list[Asked]:
    """The scripts' scored generations file.

    Raises:
        FormatError: with every problem of the file; a response without a score is one.
    """
    document = Source(path).document
    if not isinstance(document, dict):
        what = "is no object of question id -> {system, user, responses}."
        raise FormatError(Problem(str(path), what, "Give the scripts' scored generations."))
    problems: list[Problem] = []
    asked = [_asked(str(name), record, problems) for name, record in document.items()]
    if problems:
        raise FormatError(problems)
    return asked


def is_text(value: str) -> bool:
    """Whether a text can be written as UTF-8: JSON can hold halves of surrogate pairs."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _unwritable(place: str, record: Mapping[str, Any], names: tuple[str, ...]) -> list[Problem]:
    """Texts of a record that no file can hold."""
    what = "has half of a surrogate pair, which is no character."
    return [
        Problem(f"{place}, {name}", what, "Leave it out, or give the whole pair.")
        for name in names
        if isinstance(record.get(name), str) and not is_text(record[name])
    ]


def _asked(name: str, record: Any, problems: list[Problem]) -> Asked:
    place = f"question {name!r}"
    if not isinstance(record, Mapping) or not isinstance(record.get("responses"), list):
        fix = "Give {system, user, responses: [{raw_output, code, score}]}."
        problems.append(Problem(place, "has no list of responses.", fix))
        return Asked(name, "[]", "python", [])
    if not isinstance(record.get("user"), str):
        problems.append(Problem(f"{place}, user", "is missing.", "Give the prompt as text."))
    problems += _unwritable(place, record, ("system", "user"))
    if not is_text(name):
        problems.append(Problem(place, "is no text that can be written.", "Give another id."))
    roles = [role for role in ("system", "user") if isinstance(record.get(role), str)]
    messages = [{"role": role, "content": record[role]} for role in roles]
    responses = []
    for number, response in enumerate(record["responses"]):
        found = _response(f"{place}, response {number}", response, problems)
        if found is not None:
            responses.append(found)
    codes = [r.code for r in responses if r.code]
    language = next((told for code in codes if (told := tell_language(code, code))), "cpp")
    return Asked(name, json.dumps(messages, ensure_ascii=False), language, responses)


def _response(place: str, response: Any, problems: list[Problem]) -> Response | None:
    if not isinstance(response, Mapping) or not isinstance(response.get("raw_output"), str):
        problems.append(Problem(place, "has no raw_output.", "Give the answer as text."))
        return None
    problems += _unwritable(place, response, ("raw_output", "code"))
    score, code = response.get("score"), response.get("code")
    if isinstance(score, bool) or not isinstance(score, int | float) or not 0 <= score <= 1:
        what = f"got {score!r};"
        fix = "allowed: 0 to 1. Score an unscored file with 'import-generations' and 'score'."
        problems.append(Problem(f"{place}, score", what, fix))
        return None
    if code is not None and not isinstance(code, str):
        problems.append(Problem(f"{place}, code", "is no text.", "Give the program or null."))
        return None
    return Response(str(response["raw_output"]), code or None, float(score))


def candidates_of(asked: list[Asked]) -> Candidates:
    """The answers as candidates; rows follow the order of the file."""
    responses = [(place, r) for place, found in enumerate(asked) for r in found.responses]
    counts = [range(len(found.responses)) for found in asked]
    rows = len(responses)
    status = STATUSES.index(Status.FAILED)
    return Candidates(
        [found.question_id for found in asked],
        [found.language for found in asked],
        question=np.array([place for place, _ in responses], np.int32),
        sample=np.array([index for indexes in counts for index in indexes], np.int32),
        score=np.array([r.score for _, r in responses], float),
        status=np.full(rows, status, np.int8),
        tokens=np.full(rows, -1, np.int32),
        characters=np.array([len(r.raw_output) for _, r in responses], np.int32),
        code_characters=np.array([len(r.code) if r.code else -1 for _, r in responses], np.int32),
        logprob=np.full(rows, np.nan),
        finished=np.ones(rows, bool),
        program=np.array(
            [program_key(r.code, r.raw_output, asked[p].language) for p, r in responses], np.int64
        ),
        shard=np.zeros(rows, np.int32),
        offset=np.arange(rows, dtype=np.int32),
    )
