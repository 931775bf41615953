"""The sampling stage around an engine that needs no model."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codemix_core.errors import EngineError, SpecError
from codemix_core.progress import Progress
from codemix_core.records import GENERATIONS, PROMPTS, REFERENCES, Prompt, Question, Reference
from codemix_core.sampling import engines, stage
from codemix_core.sampling.choice import choose
from codemix_core.sampling.engines import Failure, Request, Sample
from codemix_core.sampling.spec import SampleSpec
from codemix_core.sampling.stage import missing
from codemix_core.specs import Spec
from codemix_core.workspace import RunDir, Workspace


def question(number: int, **more: Any) -> Question:
    values: dict[str, Any] = {
        "question_id": f"q{number}", "k": 1, "skills": ["sum"], "language": "python",
        "framework": "cases", "function_name": "f", "signature": "def f(xs):", "docstring": "",
        "statement": f"Task {number}.", "gold": "def f(xs): return 0\n", "tests": "{}",
        "split": "train",
    }  # fmt: skip
    return Question(**{**values, **more})


@dataclass
class FakeEngine:
    """Answers at once, in random order; can stop, fail or find prompts too long."""

    after: int | None = None
    fails: frozenset[str] = frozenset()
    refused: bool = False
    too_long: frozenset[str] = frozenset()
    asked: list[tuple[str, int]] = field(default_factory=list)
    present: list[int] = field(default_factory=list)
    stop: Callable[[], None] = lambda: None

    def prompt(self, question_id: str, messages: list[dict[str, str]]) -> Prompt:
        problem = "too long" if question_id in self.too_long else None
        text = messages[-1]["content"]
        return Prompt(question_id, text, text, [len(text)], 1, problem)

    def sample(
        self, requests: Sequence[Request], present: int, stopping: Callable[[], bool]
    ) -> Iterator[Sample | Failure]:
        self.present.append(present)
        jobs = [(r.prompt.question_id, index) for r in requests for index in r.indices]
        random.Random(present).shuffle(jobs)
        for count, (question_id, index) in enumerate(jobs):
            if count == self.after:
                self.stop()
            if stopping():
                return
            self.asked.append((question_id, index))
            if question_id in self.fails:
                yield Failure(question_id, 1, "server down", self.refused)
            else:
                text = f"```python\ndef f(xs): return {index}\n```"
                yield Sample(question_id, index, text, "stop", [index], [-1.0], 1)


def setting(workspace: Workspace, count: int = 5, **more: Any) -> tuple[SampleSpec, RunDir]:
    workspace.write_question_set("q", [question(i) for i in range(count)], {})
    spec = SampleSpec.parse({"questions": "q", "model": "m/m", "n": 4, **more})
    return spec, workspace.new_run(spec)


def run(spec: Spec, where: RunDir, engine: FakeEngine, patch: pytest.MonkeyPatch) -> str:
    progress = Progress(lambda document: None)
    engine.stop = progress.stop
    patch.setattr(engines, "create", lambda *_: engine)
    return stage.run(spec, where, progress)


def pairs(where: RunDir) -> list[tuple[str, int]]:
    rows = where.read(GENERATIONS).to_pylist()
    return [(row["question_id"], row["sample_index"]) for row in rows]


def test_every_answer_is_written_with_its_program_ids_and_logprobs(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec, where = setting(workspace)
    summary = run(spec, where, FakeEngine(), monkeypatch)
    assert summary.startswith("20 samples of 5 questions")
    rows = where.read(GENERATIONS).to_pylist()
    assert sorted(pairs(where)) == [(f"q{q}", i) for q in range(5) for i in range(4)]
    for row in rows:
        assert row["code"] == f"def f(xs): return {row['sample_index']}\n"
        assert row["token_ids"] == [row["sample_index"]]
        assert row["logprobs"] == [-1.0]
    assert len(where.read(PROMPTS)) == 5


@settings(deadline=None, max_examples=40)
@given(stops=st.lists(st.integers(0, 25), max_size=5), n=st.integers(1, 6))
def test_stopping_and_resuming_anywhere_samples_each_answer_exactly_once(
    tmp_path_factory: pytest.TempPathFactory, stops: list[int], n: int
) -> None:
    workspace = Workspace.open(tmp_path_factory.mktemp("home"))
    spec, where = setting(workspace, count=4, n=n)
    asked: list[tuple[str, int]] = []
    with pytest.MonkeyPatch.context() as patch:
        for after in [*stops, None]:
            engine = FakeEngine(after=after)
            before = len(pairs(where))
            run(spec, where, engine, patch)
            assert engine.present in ([], [before])
            asked += engine.asked
    assert len(asked) == len(set(asked)) == 4 * n
    assert sorted(pairs(where)) == sorted(asked)
    assert len(where.read(PROMPTS)) == 4


def test_a_failing_question_fails_the_run_after_all_others_and_resume_does_the_rest(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec, where = setting(workspace)
    with pytest.raises(EngineError, match="4 samples of 1 questions.*server down.*resume"):
        run(spec, where, FakeEngine(fails=frozenset({"q2"})), monkeypatch)
    assert len(pairs(where)) == 16
    engine = FakeEngine()
    run(spec, where, engine, monkeypatch)
    assert {question_id for question_id, _ in engine.asked} == {"q2"}
    assert len(set(pairs(where))) == 20


def test_a_refused_question_is_told_and_does_not_fail_the_run(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec, where = setting(workspace)
    engine = FakeEngine(fails=frozenset({"q2"}), refused=True)
    assert "1 refused by the server" in run(spec, where, engine, monkeypatch)


def test_a_prompt_that_is_too_long_is_kept_with_its_reason_and_not_sampled(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec, where = setting(workspace)
    summary = run(spec, where, FakeEngine(too_long=frozenset({"q1", "q3"})), monkeypatch)
    assert "12 samples of 3 questions, 2 left out" in summary
    problems = {row["question_id"]: row["problem"] for row in where.read(PROMPTS).to_pylist()}
    assert problems == {"q0": None, "q1": "too long", "q2": None, "q3": "too long", "q4": None}


def test_a_template_that_changed_since_the_run_began_stops_the_resume(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    template = tmp_path / "t.txt"
    template.write_text("{description}")
    spec, where = setting(workspace, template=str(template))
    run(spec, where, FakeEngine(after=3), monkeypatch)
    template.write_text("Please: {description}")
    with pytest.raises(SpecError, match="other prompts than this run began with"):
        run(spec, where, FakeEngine(), monkeypatch)
    assert len(pairs(where)) == 3


def test_a_finished_run_resumes_without_starting_the_engine(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec, where = setting(workspace)
    run(spec, where, FakeEngine(), monkeypatch)
    engine = FakeEngine()
    assert run(spec, where, engine, monkeypatch).startswith("20 samples")
    assert engine.present == []


def test_missing_is_the_complement_of_what_is_there() -> None:
    prompts = [Prompt(f"q{i}", "[]", None, None, None, None) for i in range(3)]
    prompts[2] = replace(prompts[2], problem="too long")
    found = missing(prompts, 3, {"q0": {0, 2}, "q1": {0, 1, 2}})
    assert [(r.prompt.question_id, r.indices) for r in found] == [("q0", (1,))]


def test_filters_choose_by_split_skills_k_and_count() -> None:
    questions = [
        question(0, split="train", skills=["sum"]),
        question(1, split="heldout", skills=["sum", "sort"], k=2),
        question(2, split="heldout", skills=["sort"]),
        question(3, split="heldout", skills=["sort", "sum", "max"], k=3),
    ]

    def ids(**more: Any) -> list[str]:
        spec = SampleSpec.parse({"questions": "q", "model": "m", **more})
        return [q.question_id for q in choose(questions, spec, frozenset({"q2"}))]

    assert ids() == ["q0", "q1", "q3"]
    assert ids(include_flagged=True) == ["q0", "q1", "q2", "q3"]
    assert ids(split="heldout") == ["q1", "q3"]
    assert ids(skills=("sum", "sort")) == ["q1", "q3"]
    assert ids(k=2) == ["q1"]
    assert ids(limit=2) == ["q0", "q1"]
    with pytest.raises(SpecError, match="1 by split, 2 by k, 1 by the self-check"):
        ids(k=1, split="heldout", skills=("sort",), limit=1)


def self_check(workspace: Workspace, count: int, failed: frozenset[str]) -> RunDir:
    """A self-check in which the gold solutions of ``failed`` do not pass."""
    checked = RunDir(workspace, "selfcheck-20260101T000000-abcd")
    checked.root.mkdir()
    empty: dict[str, Any] = {
        "declared": [], "tests": [], "message": "", "program_hash": "", "seconds": None,
        "memory_mb": None, "limit_seconds": 1.0, "limit_memory_mb": 1.0, "tier": None,
    }  # fmt: skip
    with checked.writer(REFERENCES) as writer:
        for name in (f"q{i}" for i in range(count)):
            good = name not in failed
            writer.append(Reference(name, good, "passed" if good else "failed", **empty))
    return checked


def test_questions_whose_gold_failed_the_self_check_are_left_out(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec, where = setting(workspace)
    checked = self_check(workspace, 5, frozenset({"q3"}))
    monkeypatch.setattr(Workspace, "references", lambda *_: checked)
    run(spec, where, FakeEngine(), monkeypatch)
    assert {question_id for question_id, _ in pairs(where)} == {"q0", "q1", "q2", "q4"}


@settings(deadline=None, max_examples=20)
@given(
    after=st.integers(0, 15),
    failed=st.sets(st.sampled_from([f"q{i}" for i in range(6)])),
    limit=st.none() | st.integers(1, 6),
)
def test_a_self_check_between_two_attempts_changes_neither_questions_nor_counts(
    tmp_path_factory: pytest.TempPathFactory, after: int, failed: set[str], limit: int | None
) -> None:
    workspace = Workspace.open(tmp_path_factory.mktemp("home"))
    spec, where = setting(workspace, count=6, limit=limit)
    asked = [f"q{i}" for i in range(limit or 6)]
    published: list[dict[str, Any]] = []
    with pytest.MonkeyPatch.context() as patch:
        run(spec, where, FakeEngine(after=after), patch)
        checked = self_check(workspace, 6, frozenset(failed))
        patch.setattr(Workspace, "references", lambda *_: checked)
        patch.setattr(engines, "create", lambda *_: FakeEngine())
        progress = Progress(published.append)
        summary = stage.run(spec, where, progress)
        progress.finish()
    assert sorted(pairs(where)) == [(name, i) for name in asked for i in range(4)]
    assert summary.startswith(f"{4 * len(asked)} samples of {len(asked)} questions")
    assert published[-1]["done"] == published[-1]["total"] == 4 * len(asked)
    assert where.read(PROMPTS)["question_id"].to_pylist() == asked


def test_a_set_that_lost_questions_of_a_run_is_told_before_anything_is_sampled(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec, where = setting(workspace)
    run(spec, where, FakeEngine(after=3), monkeypatch)
    shutil.rmtree(workspace.question_set("q").root)
    workspace.write_question_set("q", [question(i) for i in range(3)], {})
    with pytest.raises(SpecError, match="no longer holds 2 of the questions"):
        run(spec, where, FakeEngine(), monkeypatch)
    assert len(pairs(where)) == 3


def test_a_missing_set_and_a_missing_model_are_told_together_before_a_run_is_made(
    workspace: Workspace, tmp_path: Path
) -> None:
    spec = SampleSpec.parse({"questions": "none", "model": str(tmp_path / "gone")})
    where = [problem.where for problem in spec.check(workspace)]
    assert where == ["questions", f"model {tmp_path / 'gone'}"]
