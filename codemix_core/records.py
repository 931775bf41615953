"""The rows that flow between stages, their columns, types and units.

Every table is written through :meth:`Table.to_arrow`, which refuses rows whose columns or
types differ from what is listed here, so a reader never meets a surprise. Column
descriptions are part of the contract and are shown in the documentation.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Any

import pyarrow as pa


class Status(StrEnum):
    """What the sandbox found for one generation. Exactly one of these."""

    PASSED = "passed"
    FAILED = "failed"
    COMPILE_ERROR = "compile_error"
    TIMEOUT = "timeout"
    MEMORY_EXCEEDED = "memory_exceeded"
    OUTPUT_EXCEEDED = "output_exceeded"
    CRASHED = "crashed"
    NO_CODE = "no_code"
    TAMPERED = "tampered"
    INFRA_ERROR = "infra_error"


class TestStatus(StrEnum):
    """What happened to one declared test."""

    __test__ = False

    PASSED = "passed"
    FAILED = "failed"
    TIMEOUT = "timeout"
    CRASHED = "crashed"
    NOT_RUN = "not_run"


LANGUAGES = ("python", "cpp")
FRAMEWORKS = ("cases", "pytest", "googletest")
SPLITS = ("train", "heldout", "hard")
PROMPT_STYLES = ("direct", "cot")


@dataclass(frozen=True, slots=True)
class Question:
    """One programming question, with its gold solution and unit tests."""

    question_id: str
    k: int
    skills: list[str]
    language: str
    framework: str
    function_name: str
    signature: str
    docstring: str
    statement: str
    gold: str
    tests: str
    split: str | None = None
    reasoning: str | None = None
    extra: str = "{}"

    def content(self) -> dict[str, Any]:
        """What makes the question this question: all but ``extra``, which keeps source fields."""
        row = asdict(self)
        del row["extra"]
        return row


@dataclass(frozen=True, slots=True)
class Prompt:
    """The exact prompt of one question in one sampling run."""

    question_id: str
    messages: str
    rendered: str | None
    token_ids: list[int] | None
    prompt_tokens: int | None
    problem: str | None


@dataclass(frozen=True, slots=True)
class Generation:
    """One sampled answer, identified by ``(run, question_id, sample_index)``."""

    question_id: str
    sample_index: int
    raw_output: str
    code: str | None
    finish_reason: str | None
    completion_tokens: int | None
    token_ids: list[int] | None
    logprobs: list[float] | None


@dataclass(frozen=True, slots=True)
class TestResult:
    """The result of one declared test."""

    __test__ = False

    name: str
    status: str
    message: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the sandbox found for one generation."""

    question_id: str
    sample_index: int
    status: str
    score: float | None
    passed: int
    declared: int
    tests: list[TestResult]
    message: str
    program_hash: str
    tier: str | None
    backend: str | None
    seconds: float | None
    memory_mb: float | None
    reused: bool


@dataclass(frozen=True, slots=True)
class Reference:
    """What the gold solution of one question did: the declared tests and the limits."""

    question_id: str
    ok: bool
    status: str
    declared: list[str]
    tests: list[TestResult]
    message: str
    program_hash: str
    seconds: float | None
    memory_mb: float | None
    limit_seconds: float
    limit_memory_mb: float
    tier: str | None


@dataclass(frozen=True, slots=True)
class Quality:
    """How good the tests of one question are."""

    question_id: str
    ok: bool
    mutants: int
    killed: int
    survivors: list[str]
    not_compiled: int
    left_out: int
    trivial: int
    trivial_passed: list[str]
    repetitions: int
    flaky: list[str]


@dataclass(frozen=True, slots=True)
class Column:
    """One column: Arrow type, meaning (with unit and range), and whether null is allowed."""

    name: str
    type: pa.DataType
    doc: str
    nullable: bool = False


class Table:
    """A named, ordered list of columns; the only way rows reach a file."""

    def __init__(self, name: str, record: type, columns: Iterable[Column]) -> None:
        self.name = name
        self.record = record
        self.columns = tuple(columns)
        self.schema = pa.schema(
            [pa.field(c.name, c.type, nullable=c.nullable) for c in self.columns]
        )
        declared = [f.name for f in fields(record)]
        if declared != self.schema.names:
            raise TypeError(
                f"table {name}: columns {self.schema.names} differ from record {declared}"
            )

    def to_arrow(self, rows: Iterable[Any]) -> pa.Table:
        """Rows (records of this table's class) as a checked Arrow table.

        Raises:
            TypeError: a row is not of the table's class.
            ValueError: a value has another type than its column, or a required one is null.
        """
        rows = list(rows)
        for row in rows:
            if not isinstance(row, self.record):
                raise TypeError(
                    f"table {self.name} takes {self.record.__name__} rows, got {type(row).__name__}"
                )
        columns = []
        for column in self.columns:
            values = [getattr(row, column.name) for row in rows]
            if column.name == "tests" and column.type == TEST_RESULTS:
                values = [None if v is None else [asdict(test) for test in v] for v in values]
            try:
                array = pa.array(values, type=column.type)
            except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError, UnicodeError) as error:
                raise ValueError(f"table {self.name}, column {column.name}: {error}") from error
            if array.null_count and not column.nullable:
                raise ValueError(f"table {self.name}, column {column.name}: null is not allowed")
            columns.append(array)
        return pa.Table.from_arrays(columns, schema=self.schema)

    def from_rows(self, rows: Iterable[Mapping[str, Any]]) -> list[Any]:
        """Records from dictionaries as :mod:`pyarrow` gives them."""
        records = []
        for row in rows:
            values = {name: row[name] for name in self.schema.names}
            if values.get("tests") is not None and self.schema.field("tests").type == TEST_RESULTS:
                values["tests"] = [TestResult(**test) for test in values["tests"]]
            records.append(self.record(**values))
        return records


_STRING, _INT, _FLOAT, _BOOL = pa.string(), pa.int32(), pa.float64(), pa.bool_()
TEST_RESULTS = pa.list_(pa.struct([("name", _STRING), ("status", _STRING), ("message", _STRING)]))

QUESTIONS = Table(
    "questions",
    Question,
    [
        Column("question_id", _STRING, "unique within the set"),
        Column("k", _INT, "number of skills the question mixes, ≥ 1"),
        Column("skills", pa.list_(_STRING), "the k skills, in source order"),
        Column("language", _STRING, "python | cpp"),
        Column("framework", _STRING, "cases | pytest | googletest"),
        Column("function_name", _STRING, "the function the tests call"),
        Column("signature", _STRING, "its signature in the question's language"),
        Column("docstring", _STRING, "its documentation, may be empty"),
        Column("statement", _STRING, "the problem statement, Markdown"),
        Column("gold", _STRING, "gold solution, source code"),
        Column("tests", _STRING, "test source; for cases a JSON document"),
        Column("split", _STRING, "train | heldout | hard; null when the source has none", True),
        Column("reasoning", _STRING, "worked reasoning before the gold solution, if any", True),
        Column("extra", _STRING, "JSON object of source fields kept as they were"),
    ],
)

PROMPTS = Table(
    "prompts",
    Prompt,
    [
        Column("question_id", _STRING, "the question"),
        Column("messages", _STRING, "chat messages as JSON: [{role, content}, …]"),
        Column("rendered", _STRING, "text after the chat template; null for remote engines", True),
        Column("token_ids", pa.list_(_INT), "prompt token ids; null for remote engines", True),
        Column("prompt_tokens", _INT, "number of prompt tokens", True),
        Column("problem", _STRING, "why the question was not sampled; null when it was", True),
    ],
)

GENERATIONS = Table(
    "generations",
    Generation,
    [
        Column("question_id", _STRING, "the question"),
        Column("sample_index", _INT, "0 … n−1"),
        Column("raw_output", _STRING, "the model's answer, special tokens left out"),
        Column("code", _STRING, "the extracted program; null when there is none", True),
        Column("finish_reason", _STRING, "stop | length; null for imported answers", True),
        Column("completion_tokens", _INT, "number of sampled tokens", True),
        Column("token_ids", pa.list_(_INT), "sampled token ids, end of turn included", True),
        Column(
            "logprobs",
            pa.list_(pa.float32()),
            "log-probability of each sampled token under the sampler's untempered model, nats",
            True,
        ),
    ],
)

_TESTS = Column("tests", TEST_RESULTS, "one entry per declared test: name, status, message")

VERDICTS = Table(
    "verdicts",
    Verdict,
    [
        Column("question_id", _STRING, "the question"),
        Column("sample_index", _INT, "the generation"),
        Column("status", _STRING, "one of Status"),
        Column("score", _FLOAT, "passed ÷ declared, 0 … 1; null only for infra_error", True),
        Column("passed", _INT, "declared tests passed"),
        Column("declared", _INT, "declared tests"),
        _TESTS,
        Column("message", _STRING, "compiler output, exception or what was detected; may be empty"),
        Column("program_hash", _STRING, "hash of question tests, program and tool chain"),
        Column("tier", _STRING, "A value oracle | B same process; null when nothing ran", True),
        Column("backend", _STRING, "the sandbox that judged; null when nothing ran", True),
        Column("seconds", _FLOAT, "wall time of the program in the sandbox", True),
        Column("memory_mb", _FLOAT, "peak resident memory, MiB", True),
        Column("reused", _BOOL, "true when an identical program had been judged before"),
    ],
)

REFERENCES = Table(
    "references",
    Reference,
    [
        Column("question_id", _STRING, "the question"),
        Column("ok", _BOOL, "the gold solution passed every declared test"),
        Column("status", _STRING, "one of Status, for the gold solution"),
        Column("declared", pa.list_(_STRING), "names of the declared tests, in order"),
        _TESTS,
        Column("message", _STRING, "why the gold solution failed; empty when ok"),
        Column("program_hash", _STRING, "hash of question tests, gold and tool chain"),
        Column("seconds", _FLOAT, "wall time of the gold solution", True),
        Column("memory_mb", _FLOAT, "peak resident memory of the gold solution, MiB", True),
        Column("limit_seconds", _FLOAT, "time limit for candidates: max(floor, 4 × gold)"),
        Column("limit_memory_mb", _FLOAT, "memory limit for candidates: max(floor, 2 × gold), MiB"),
        Column("tier", _STRING, "how candidates are judged: A | B; null when nothing ran", True),
    ],
)

QUALITY = Table(
    "quality",
    Quality,
    [
        Column("question_id", _STRING, "the question"),
        Column("ok", _BOOL, "the gold solution passed every declared test; else nothing was tried"),
        Column("mutants", _INT, "mutants of the gold solution that compiled and were judged"),
        Column("killed", _INT, "mutants that failed at least one test, ≤ mutants"),
        Column(
            "survivors",
            pa.list_(_STRING),
            "changes that no test noticed: 'line N', the line before (-) and after (+)",
        ),
        Column("not_compiled", _INT, "mutants that do not compile; they count for nothing"),
        Column("left_out", _INT, "mutants beyond the limit per question, not tried"),
        Column("trivial", _INT, "solutions that do nothing but return a constant, tried"),
        Column("trivial_passed", pa.list_(_STRING), "those that passed every test: none should"),
        Column("repetitions", _INT, "further runs of the gold solution"),
        Column("flaky", pa.list_(_STRING), "tests that the gold solution did not pass every time"),
    ],
)

TABLES = {
    table.name: table for table in (QUESTIONS, PROMPTS, GENERATIONS, VERDICTS, REFERENCES, QUALITY)
}


def content_hash(questions: Iterable[Question]) -> str:
    """SHA-256 of the questions' content, independent of their order and of source fields."""
    digest = hashlib.sha256()
    for question in sorted(questions, key=lambda q: q.question_id):
        line = json.dumps(question.content(), sort_keys=True, ensure_ascii=False)
        digest.update(line.encode("utf-8", "surrogatepass") + b"\n")
    return digest.hexdigest()
