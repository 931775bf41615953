"""Prompts: a question and a text template become chat messages.

A template is a text file with the fields of :data:`FIELDS` in braces, ``{description}``;
``{{`` and ``}}`` stand for braces. Lines ``[system]`` and ``[user]`` begin the two messages;
a file without them is the user message alone. Fields are replaced in one pass, so braces,
dollar signs and field names inside a question's own text stay as they are.

A line that holds nothing but a field that is empty for the question (a question without
docstring) is left out together with the blank line after it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from string import Formatter

from codemix_core.errors import Problem, SpecError
from codemix_core.records import Question
from codemix_core.sampling.languages import language

FIELDS = {
    "description": "the problem statement",
    "function_name": "name of the function the tests call",
    "signature": "its signature in the question's language",
    "docstring": "its documentation, may be empty",
    "language": "the language in words: Python or C++",
    "fence": "the line that opens a fenced block of the language: ```python or ```cpp",
}

_FOLDER = Path(__file__).parent / "templates"
_SECTION = re.compile(r"^\[(system|user)\][ \t]*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Template:
    """A checked prompt template: the text of each message, in order."""

    name: str
    parts: tuple[tuple[str, str], ...]

    def messages(self, question: Question) -> list[dict[str, str]]:
        """Chat messages ``[{role, content}, …]`` for one question."""
        values = field_values(question)
        return [{"role": role, "content": _fill(text, values)} for role, text in self.parts]


def template_names() -> list[str]:
    """Names of the bundled templates; each prompt style has one."""
    return sorted(path.stem for path in _FOLDER.glob("*.txt"))


def bundled(style: str) -> Template:
    """The bundled template of a prompt style.

    Raises:
        SpecError: there is no template of that name.
    """
    if style not in template_names():
        allowed = ", ".join(template_names())
        raise SpecError(Problem("prompt style", f"got {style!r};", f"allowed: {allowed}."))
    return _load(_FOLDER / f"{style}.txt")


def from_file(path: Path) -> Template:
    """A person's own template.

    Raises:
        SpecError: the file cannot be read, or its text is not a template; every problem named.
    """
    problems = check_file(path)
    if problems:
        raise SpecError(problems)
    return parse(path.read_text(encoding="utf-8"), str(path))


def choose(style: str, path: str | None) -> Template:
    """The template a sampling run uses: the person's own file, else the style's bundled one."""
    return bundled(style) if path is None else from_file(Path(path))


def build_messages(question: Question, style: str) -> list[dict[str, str]]:
    """Chat messages of one question in a prompt style, ``direct`` or ``cot``.

    Raises:
        SpecError: there is no template of that name.
    """
    return bundled(style).messages(question)


def field_values(question: Question) -> dict[str, str]:
    """What each field of :data:`FIELDS` stands for in one question."""
    spoken = language(question.language)
    return {
        "description": question.statement.strip(),
        "function_name": question.function_name,
        "signature": question.signature.strip(),
        "docstring": question.docstring.strip(),
        "language": spoken.title,
        "fence": spoken.fence,
    }


def check_file(path: Path) -> list[Problem]:
    """Every problem of a template file; empty when it can be used."""
    where = f"template {path}"
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        fix = "Give the path of a text file."
        return [Problem(where, f"cannot be read ({error.strerror}).", fix)]
    except UnicodeDecodeError:
        return [Problem(where, "is not UTF-8 text.", "Save it as UTF-8.")]
    return check_text(text, where)


def check_text(text: str, where: str) -> list[Problem]:
    """Every problem of a template's text; empty when it can be used."""
    problems: list[Problem] = []
    used: set[str] = set()
    parts = _sections(text)
    roles = [role for role, _ in parts]
    if roles.count("user") != 1 or roles.count("system") > 1 or roles[-1] != "user":
        found = ", ".join(f"[{role}]" for role in roles)
        fix = "A template has one [user] part and at most one [system] part before it."
        problems.append(Problem(where, f"has the parts {found}.", fix))
    for role, body in parts:
        if not body.strip():
            problems.append(Problem(where, f"its [{role}] part is empty.", "Write its text."))
        names, wrong = _placeholders(body)
        used |= names
        problems += [Problem(where, what, fix) for what, fix in wrong]
    for name in sorted(used - FIELDS.keys()):
        fix = "Fields: " + ", ".join(f"{{{field}}}" for field in FIELDS) + "."
        problems.append(Problem(where, f"{{{name}}} is not a field.", fix))
    if "description" not in used:
        fix = "Without it the model never sees the question."
        problems.append(Problem(where, "does not use {description}.", fix))
    return problems


def parse(text: str, name: str) -> Template:
    """A template from its text, which :func:`check_text` found without problem."""
    return Template(name, tuple((role, body.strip("\n")) for role, body in _sections(text)))


@lru_cache(maxsize=8)
def _load(path: Path) -> Template:
    return parse(path.read_text(encoding="utf-8"), path.stem)


def _sections(text: str) -> list[tuple[str, str]]:
    """``[(role, text), …]``; text before the first marker counts as user text when not blank."""
    pieces = _SECTION.split(text.replace("\r\n", "\n"))
    head, marked = pieces[0], pieces[1:]
    parts = list(zip(marked[::2], marked[1::2], strict=True))
    return [("user", head), *parts] if head.strip() or not parts else parts


def _placeholders(text: str) -> tuple[set[str], list[tuple[str, str]]]:
    """Names used in one part, and ``(what, fix)`` of everything that is not a plain field."""
    try:
        found = list(Formatter().parse(text))
    except ValueError as error:
        return set(), [(f"has an unpaired brace ({error}).", "Write {{ or }} for a brace.")]
    names: set[str] = set()
    wrong: list[tuple[str, str]] = []
    for _, name, form, conversion in found:
        if name is None:
            continue
        if form or conversion or not name.isidentifier():
            written = name + (f"!{conversion}" if conversion else "") + (f":{form}" if form else "")
            wrong.append((f"{{{written}}} is not a plain field.", "Write {{ or }} for a brace."))
        else:
            names.add(name)
    return names, wrong


def _fill(text: str, values: Mapping[str, str]) -> str:
    for name in FIELDS:
        if not values[name]:
            text = re.sub(rf"(?m)^[ \t]*\{{{name}\}}[ \t]*\n(?:[ \t]*\n)?", "", text)
    return text.format_map(values)
