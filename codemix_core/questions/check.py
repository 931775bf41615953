"""From raw questions to :class:`~codemix_core.records.Question`, for every format alike.

Guarantees: every problem of every question is reported at once, by question and field; what
comes out has unique ids, values of the right type that can be stored, and a framework that can
judge its language. Text is kept byte for byte, so formats agree on the content hash.

Not guaranteed: that the gold solution passes its tests. The self-check finds that out.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from codemix_core.errors import FormatError, Problem
from codemix_core.questions import language as languages
from codemix_core.questions.cases import check_cases
from codemix_core.questions.raw import RawQuestion, RawSet, describe
from codemix_core.records import SPLITS, Question

MAX_ID_LENGTH = 200
REQUIRED_TEXT = ("function_name", "signature", "statement", "gold", "tests")


@dataclass(frozen=True)
class CheckedSet:
    """Questions that can be stored, and what a person should know about them."""

    format: str
    questions: list[Question]
    warnings: list[Problem]


def check(raw: RawSet) -> CheckedSet:
    """The raw set as checked questions.

    Raises:
        FormatError: with every problem of every question.
    """
    problems = list(raw.problems)
    warnings = list(raw.warnings)
    questions = []
    for raw_question in raw.questions:
        reading = _Reading(raw_question)
        question = reading.question()
        problems += reading.problems
        warnings += reading.warnings
        if question is not None:
            questions.append(question)
    problems += _repeated_ids(raw.questions)
    if not raw.questions and not problems:
        problems.append(Problem("source", "holds no questions.", "Give at least one."))
    if problems:
        raise FormatError(problems)
    return CheckedSet(raw.format, questions, warnings)


def pack_extra(extra: Mapping[str, Any]) -> str:
    """Source fields as the JSON text kept in ``Question.extra``."""
    return json.dumps(extra, ensure_ascii=False, sort_keys=True)


def storable_problem(where: str, text: str) -> Problem | None:
    """The problem of text that cannot be stored as UTF-8."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        what = f"holds half a surrogate pair ({text[error.start]!r}) at character {error.start}."
        return Problem(where, what, "Write the whole character, or leave it out.")
    return None


def id_problems(where: str, value: Any) -> list[Problem]:
    """Everything wrong with a question id."""
    fix = f"Give 1 to {MAX_ID_LENGTH} printable characters without spaces at the ends."
    if value is None:
        return [Problem(where, "is missing.", fix)]
    if not isinstance(value, str):
        return [Problem(where, f"is {describe(value)}, not text.", fix)]
    if not value.strip() or value != value.strip() or len(value) > MAX_ID_LENGTH:
        return [Problem(where, f"is {describe(value)}.", fix)]
    unstorable = storable_problem(where, value)
    if unstorable is not None:
        return [unstorable]
    if not value.isprintable():
        return [Problem(where, f"{value!r} holds a character that cannot be shown.", fix)]
    return []


class _Reading:
    """Reads one raw question, collecting problems and warnings as it goes."""

    def __init__(self, raw: RawQuestion) -> None:
        self.raw = raw
        self.problems: list[Problem] = []
        self.warnings: list[Problem] = []

    def question(self) -> Question | None:
        """The question, or None when it has problems."""
        self.problems += id_problems(f"{self.raw.where}, question id", self.raw.question_id)
        text = {name: self._text(name) for name in REQUIRED_TEXT}
        docstring = self._text("docstring", may_be_blank=True)
        skills = self._skills()
        k = self._k(skills)
        language = self._language(text["gold"], text["tests"])
        framework = self._framework(language, text["tests"])
        split = self._choice("split", SPLITS) if self._given("split") else None
        reasoning = self._text("reasoning") if self._given("reasoning") else None
        extra = self._extra()
        if self.problems:
            return None
        question = Question(
            question_id=str(self.raw.question_id),
            k=k,
            skills=skills,
            language=language,
            framework=framework,
            docstring=docstring,
            split=split,
            reasoning=reasoning,
            extra=extra,
            **text,
        )
        self._warn(question)
        return question

    def _where(self, name: str) -> str:
        return f"{self.raw.where}, {self.raw.names[name]}"

    def _given(self, name: str) -> bool:
        return name in self.raw.values and self.raw.values[name] is not None

    def _problem(self, name: str, what: str, fix: str) -> None:
        self.problems.append(Problem(self._where(name), what, fix))

    def _text(self, name: str, *, may_be_blank: bool = False) -> str:
        if name not in self.raw.values:
            self._problem(name, "is missing.", "Give it as text.")
            return ""
        value = self.raw.values[name]
        if not isinstance(value, str):
            self._problem(name, f"is {describe(value)}, not text.", "Give it as text.")
            return ""
        if not value.strip() and not may_be_blank:
            self._problem(name, "is blank.", "Give its text.")
        unstorable = storable_problem(self._where(name), value)
        if unstorable is not None:
            self.problems.append(unstorable)
            return ""
        return value

    def _skills(self) -> list[str]:
        if not self._given("skills"):
            self._problem("skills", "is missing.", "Give the names of the skills.")
            return []
        value = self.raw.values["skills"]
        parts = value.split(",") if isinstance(value, str) else value
        if not isinstance(parts, list) or not all(isinstance(part, str) for part in parts):
            fix = "Give a list of names, or one text with names separated by commas."
            self._problem("skills", f"is {describe(value)}.", fix)
            return []
        skills = [part.strip() for part in parts]
        if not all(skills):
            self._problem("skills", f"{value!r} holds a blank name.", "Give every skill's name.")
        for skill, count in Counter(skills).items():
            if count > 1 and skill:
                fix = "Name each skill once."
                self._problem("skills", f"names {skill!r} {count} times.", fix)
        unstorable = storable_problem(self._where("skills"), "".join(skills))
        if unstorable is not None:
            self.problems.append(unstorable)
        return skills

    def _k(self, skills: list[str]) -> int:
        if not self._given("k"):
            self._problem("k", "is missing.", "Give the number of skills.")
            return 0
        value = self.raw.values["k"]
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            self._problem("k", f"is {describe(value)}.", "Give the number of skills, 1 or more.")
            return 0
        if skills and value != len(skills):
            what = f"is {value}, but skills names {len(skills)}: {', '.join(skills)}."
            self._problem("k", what, "Make k the number of skills.")
        return value

    def _language(self, gold: str, tests: str) -> str:
        fix = f"Give language, one of {', '.join(languages.ALIASES)}."
        if not self._given("language"):
            told = languages.tell_language(gold, tests)
            if told is None and gold.strip() and tests.strip():
                self._problem("language", "is missing and the code does not show it.", fix)
            return told or ""
        value = self.raw.values["language"]
        if not isinstance(value, str) or value.strip().lower() not in languages.ALIASES:
            self._problem("language", f"is {describe(value)}.", fix)
            return ""
        return languages.ALIASES[value.strip().lower()]

    def _framework(self, language: str, tests: str) -> str:
        if not language or not tests.strip():
            return ""
        allowed = languages.FRAMEWORKS[language]
        if self._given("framework"):
            framework = self._choice("framework", allowed)
        else:
            framework = languages.tell_framework(language, tests)
            if framework not in allowed:
                what = f"are {framework} tests, which cannot judge {language}."
                self._problem("tests", what, f"Write them for {' or '.join(allowed)}.")
        if framework == "cases":
            self.problems += check_cases(tests, self._where("tests"))
        return framework

    def _choice(self, name: str, allowed: Iterable[str]) -> str:
        value = self.raw.values[name]
        if not isinstance(value, str) or value not in allowed:
            self._problem(name, f"is {describe(value)}.", f"Allowed: {', '.join(allowed)}.")
            return ""
        return value

    def _extra(self) -> str:
        where = f"{self.raw.where}, other fields"
        try:
            packed = pack_extra(self.raw.extra)
        except RecursionError:
            fix = "Values may be nested a few hundred levels deep."
            self.problems.append(Problem(where, "are nested too deeply.", fix))
            return "{}"
        unstorable = storable_problem(where, packed)
        if unstorable is not None:
            self.problems.append(unstorable)
        return packed

    def _warn(self, question: Question) -> None:
        def warn(name: str, what: str, fix: str) -> None:
            self.warnings.append(Problem(self._where(name), what, fix))

        if not languages.signature_fits(question.language, question.signature):
            what = f"does not look like {question.language}: {question.signature!r}."
            warn("signature", what, "Prompts show it as it is; models may be misled.")
        if question.function_name not in question.signature:
            warn("function_name", f"{question.function_name!r} is not in the signature.", "")
        if question.function_name not in question.gold:
            warn("function_name", f"{question.function_name!r} is not in the gold solution.", "")
        if question.framework != "cases" and not languages.has_tests(
            question.framework, question.tests
        ):
            warn("tests", f"shows no {question.framework} test.", "The self-check will say more.")


def _repeated_ids(questions: list[RawQuestion]) -> list[Problem]:
    counts = Counter(q.question_id for q in questions if isinstance(q.question_id, str))
    return [
        Problem(f"question {name!r}", f"appears {count} times.", "Give each its own id.")
        for name, count in counts.items()
        if count > 1
    ]
