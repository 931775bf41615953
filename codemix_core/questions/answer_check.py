"""From raw answers to :class:`~codemix_core.records.Generation`.

Guarantees: every problem of every answer is reported at once, by question, sample and field;
what comes out answers known questions, once per ``(question_id, sample_index)``. Code in the
source is kept; where it is missing it is extracted from the raw output as for sampled answers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection
from typing import Any

from codemix_core.errors import FormatError, Problem
from codemix_core.questions.answers import EXPECTED, GENERATION_FIELDS, RawAnswer, RawAnswers
from codemix_core.questions.check import id_problems, storable_problem
from codemix_core.questions.raw import describe
from codemix_core.records import Generation

FINISH_REASONS = ("stop", "length")

Extract = Callable[[str, str], str | None]
"""(raw output, question id) -> program, or None when there is none."""


def check_answers(
    raw: RawAnswers, known: Collection[str], set_name: str, extract: Extract
) -> list[Generation]:
    """The answers as generations, in source order.

    Args:
        raw: what was found.
        known: the question ids of the set that was answered.
        set_name: its name, for messages.
        extract: finds the program in a raw output, given its question's id.

    Raises:
        FormatError: with every problem of every answer.
    """
    problems = list(raw.problems)
    generations = []
    for answer in raw.answers:
        faults = _faults(answer, known, set_name)
        problems += faults
        if not faults:
            generations.append(_generation(answer, extract))
    for (question_id, index), count in Counter(
        (a.question_id, a.sample_index)
        for a in raw.answers
        if isinstance(a.question_id, str) and isinstance(a.sample_index, int)
    ).items():
        if count > 1:
            where = f"question {question_id!r}, sample {index}"
            fix = "Number the samples of a question 0, 1, 2, …"
            problems.append(Problem(where, f"appears {count} times.", fix))
    if not raw.answers and not problems:
        problems.append(Problem("source", "holds no answers.", EXPECTED))
    if problems:
        raise FormatError(problems)
    return generations


def _generation(answer: RawAnswer, extract: Extract) -> Generation:
    values = {**dict.fromkeys(GENERATION_FIELDS), **answer.values}
    values |= {"question_id": answer.question_id, "sample_index": answer.sample_index}
    if values["code"] is None or not values["code"].strip():
        values["code"] = extract(values["raw_output"], answer.question_id)
    if values["completion_tokens"] is None and values["token_ids"] is not None:
        values["completion_tokens"] = len(values["token_ids"])
    return Generation(**values)


def _faults(answer: RawAnswer, known: Collection[str], set_name: str) -> list[Problem]:
    faults = id_problems(f"{answer.where}, question_id", answer.question_id)
    if not faults and answer.question_id not in known:
        what = f"{answer.question_id!r} is not in question set {set_name!r}."
        fix = "Import the questions these answers belong to, or name their set."
        faults.append(Problem(f"{answer.where}, question_id", what, fix))
    index = answer.sample_index
    if not isinstance(index, int) or isinstance(index, bool) or not 0 <= index < 2**31:
        what = "is missing." if index is None else f"is {describe(index)}."
        fix = "Give 0, 1, 2, …, one number per answer of a question."
        faults.append(Problem(f"{answer.where}, sample_index", what, fix))
    for name, test, expected in _VALUE_TESTS:
        value = answer.values.get(name)
        if name == "raw_output" and value is None:
            faults.append(Problem(f"{answer.where}, raw_output", "is missing.", "Give its text."))
        elif value is not None and not test(value):
            what = f"is {describe(value)}."
            faults.append(Problem(f"{answer.where}, {name}", what, f"Give {expected}."))
        elif isinstance(value, str):
            unstorable = storable_problem(f"{answer.where}, {name}", value)
            faults += [unstorable] if unstorable else []
    return faults or _length_faults(answer)


def _length_faults(answer: RawAnswer) -> list[Problem]:
    """Token counts that contradict each other."""
    tokens = answer.values.get("token_ids")
    faults = []
    for name in ("logprobs", "completion_tokens"):
        value = answer.values.get(name)
        count = len(value) if isinstance(value, list) else value
        if tokens is not None and count is not None and count != len(tokens):
            what = f"is for {count} tokens, but token_ids has {len(tokens)}."
            faults.append(Problem(f"{answer.where}, {name}", what, "Make them agree."))
    return faults


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31


def _is_number(value: Any) -> bool:
    return isinstance(value, float) or (type(value) is int and abs(value) < 2**53)


_VALUE_TESTS: tuple[tuple[str, Callable[[Any], bool], str], ...] = (
    ("raw_output", lambda v: isinstance(v, str), "text"),
    ("code", lambda v: isinstance(v, str), "text, or null"),
    (
        "finish_reason",
        lambda v: v in FINISH_REASONS,
        "stop, length or null",
    ),
    ("completion_tokens", _is_count, "a number of tokens, or null"),
    ("token_ids", lambda v: isinstance(v, list) and all(map(_is_count, v)), "a list of token ids"),
    ("logprobs", lambda v: isinstance(v, list) and all(map(_is_number, v)), "a list of numbers"),
)
