"""Existing answers become a run that can be scored, or every problem in them is named."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from codemix_core import jobs
from codemix_core.errors import FormatError, SpecError
from codemix_core.progress import Progress
from codemix_core.questions.generations import BATCH, ImportGenerationsSpec, run
from codemix_core.questions.importer import import_questions
from codemix_core.records import GENERATIONS, PROMPTS, Generation, Question
from codemix_core.workspace import RunDir, Workspace

PROJECT = Path(__file__).resolve().parents[2]
CODE = "int twice(int x) { return 2 * x; }\n"
ANSWER = f"Here it is:\n```cpp\n{CODE}```\n"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    found = Workspace.open(tmp_path / "ws")
    questions = [
        Question(
            question_id=name,
            k=1,
            skills=["sorting"],
            language="cpp",
            framework="googletest",
            function_name="twice",
            signature="int twice(int x)",
            docstring="",
            statement="Double it.",
            gold=CODE,
            tests="TEST(A, B) { EXPECT_EQ(twice(1), 2); }\n",
        )
        for name in ("q1", "q2", "q3")
    ]
    found.write_question_set("mine", questions, {})
    return found


def quiet() -> Progress:
    return Progress(lambda snapshot: None)


class StoppedAfterOneBatch(Progress):
    def advance(self, n: int = 1) -> None:
        super().advance(n)
        self.stop()


def start(workspace: Workspace, path: Path, **settings: Any) -> tuple[RunDir, str]:
    spec = ImportGenerationsSpec.parse({"path": str(path), "questions": "mine", **settings})
    directory = workspace.new_run(spec)
    return directory, run(spec, directory, quiet())


def rows(directory: RunDir) -> list[Generation]:
    found: list[Generation] = GENERATIONS.from_rows(directory.read(GENERATIONS).to_pylist())
    return found


def scripts_file(folder: Path) -> Path:
    document = {
        "q1": {
            "system": "You write C++.",
            "user": "Double it.",
            "responses": [
                {"raw_output": ANSWER, "code": CODE},
                {"raw_output": ANSWER, "code": None, "score": 0.5, "test_results": {"B": True}},
                {"raw_output": "I cannot.", "code": ""},
            ],
        },
        "q3": {"system": None, "user": "Double it.", "responses": [{"raw_output": ANSWER}]},
    }
    path = folder / "generations.json"
    path.write_text(json.dumps(document))
    return path


def problems_of(workspace: Workspace, path: Path) -> list[str]:
    """Every problem of bad answers; the test fails when they are accepted or a row is written."""
    spec = ImportGenerationsSpec.parse({"path": str(path), "questions": "mine"})
    with pytest.raises(SpecError) as caught:
        jobs.create(workspace, spec)
    assert list(workspace.runs_root.iterdir()) == []
    directory = workspace.new_run(spec)
    with pytest.raises(FormatError) as late:
        run(spec, directory, quiet())
    assert list(directory.parts_root.iterdir()) == []
    problems = [str(problem) for problem in caught.value.problems]
    assert problems == [str(problem) for problem in late.value.problems]
    return problems


def test_the_scripts_generations_become_samples_with_their_prompts(
    workspace: Workspace, tmp_path: Path
) -> None:
    directory, summary = start(workspace, scripts_file(tmp_path), model="old-7b")
    found = rows(directory)
    assert [(g.question_id, g.sample_index, g.code) for g in found] == [
        ("q1", 0, CODE),
        ("q1", 1, CODE),
        ("q1", 2, None),
        ("q3", 0, CODE),
    ]
    assert found[0].raw_output == ANSWER
    prompts = directory.read(PROMPTS).to_pylist()
    assert json.loads(prompts[0]["messages"]) == [
        {"role": "system", "content": "You write C++."},
        {"role": "user", "content": "Double it."},
    ]
    assert json.loads(prompts[1]["messages"]) == [{"role": "user", "content": "Double it."}]
    assert directory.load_spec()["model"] == "old-7b"
    assert summary.startswith("4 answers to 2 questions (layout answers); 1 without code; 1 answ")
    assert "only the sandbox gives verdicts" in summary


def test_our_own_lines_keep_tokens_and_log_probabilities(
    workspace: Workspace, tmp_path: Path
) -> None:
    full = {
        "question_id": "q2",
        "sample_index": 5,
        "raw_output": ANSWER,
        "code": "int x;\n",
        "finish_reason": "stop",
        "token_ids": [5, 6, 0],
        "logprobs": [-0.5, -1, 0.0],
    }
    short = {"question_id": "q1", "sample_index": 0, "raw_output": CODE}
    path = tmp_path / "answers.jsonl"
    path.write_text(json.dumps(full) + "\n\n" + json.dumps(short) + "\n")
    directory, _ = start(workspace, path)
    first, second = rows(directory)
    assert first == Generation(**full, completion_tokens=3)
    assert second == Generation("q1", 0, CODE, CODE, None, None, None, None)


@pytest.mark.parametrize("field", ["claude_solution", "sample_solution"])
def test_first_answers_of_a_question_file_become_one_sample_each(
    field: str, workspace: Workspace, tmp_path: Path
) -> None:
    document: dict[str, Any] = {
        "q1": {"problem_statement": "s", field: CODE},
        "q2": {"problem_statement": "s", field: ANSWER},
        "q3": {"problem_statement": "s", field: None},
    }
    if field == "claude_solution":
        document = {str(n): {"qid": q, **r} for n, (q, r) in enumerate(document.items())}
    path = tmp_path / "questions.json"
    path.write_text(json.dumps(document))
    directory, summary = start(workspace, path)
    assert [(g.question_id, g.sample_index, g.code) for g in rows(directory)] == [
        ("q1", 0, CODE),
        ("q2", 0, CODE),
    ]
    assert summary == "2 answers to 2 questions (layout first); 1 questions have no first answer"


def test_the_real_first_answers_are_the_same_from_both_layouts(tmp_path: Path) -> None:
    given = os.environ.get("CODEMIX_TEST_DATA")
    data = (Path(given) if given else PROJECT.parent / "shared" / "data") / "skillmix_cpp"
    if not data.is_dir():
        pytest.skip(f"the real questions are not at {data}; set CODEMIX_TEST_DATA")
    workspace = Workspace.open(tmp_path / "real")
    import_questions(str(data / "viewer.json"), "mine", "auto", workspace)
    found = [rows(start(workspace, data / name)[0]) for name in ("viewer.json", "questions.json")]
    assert found[0] == found[1]
    assert len(found[0]) == 131
    assert all(g.sample_index == 0 and g.code == g.raw_output for g in found[0])


BAD_LINES: list[tuple[dict[str, Any], str]] = [
    ({"question_id": "q9"}, "question 'q9', question_id: 'q9' is not in question set 'mine'"),
    ({"question_id": 7}, "line 1, question_id: is a number (7), not text"),
    ({"sample_index": -1}, "sample_index: is a number (-1)"),
    ({"sample_index": None}, "sample_index: is missing"),
    ({"sample_index": True}, "sample_index: is a truth value"),
    ({"sample_index": "0"}, "sample_index: is text ('0')"),
    ({"raw_output": None}, "raw_output: is missing"),
    ({"raw_output": ["a"]}, "raw_output: is a list of 1"),
    ({"raw_output": "a\ud800"}, "raw_output: holds half a surrogate pair"),
    ({"code": 7}, "code: is a number (7)"),
    ({"finish_reason": "eos"}, "finish_reason: is text ('eos')"),
    ({"token_ids": [1, -1]}, "token_ids: is a list of 2"),
    ({"token_ids": [2**31]}, "token_ids: is a list of 1"),
    ({"logprobs": [None]}, "logprobs: is a list of 1"),
    ({"logprobs": [10**400]}, "logprobs: is a list of 1"),
    ({"token_ids": [1], "logprobs": [-1.0, -2.0]}, "logprobs: is for 2 tokens, but token_ids has"),
    ({"token_ids": [1], "completion_tokens": 9}, "completion_tokens: is for 9 tokens"),
    ({"completion_tokens": -1}, "completion_tokens: is a number (-1)"),
    ({"score": 1.0}, "line 1, score: is not a field"),
]


@pytest.mark.parametrize(("change", "message"), BAD_LINES)
def test_a_bad_answer_is_named_by_line_question_and_field(
    change: dict[str, Any], message: str, workspace: Workspace, tmp_path: Path
) -> None:
    path = tmp_path / "answers.jsonl"
    path.write_text(
        json.dumps({"question_id": "q1", "sample_index": 0, "raw_output": CODE} | change)
    )
    (problem,) = problems_of(workspace, path)
    assert message in problem


def test_all_problems_of_all_answers_come_at_once(workspace: Workspace, tmp_path: Path) -> None:
    document = {
        "q1": {"responses": [{"raw_output": 1}, "text", {"code": "x"}]},
        "q2": {"responses": {"raw_output": "x"}},
        "q9": {"user": 5, "responses": [{"raw_output": "x"}]},
    }
    path = tmp_path / "generations.json"
    path.write_text(json.dumps(document))
    assert [p.split(": ")[0] for p in problems_of(workspace, path)] == [
        "question 'q1', response 1",
        "question 'q2', responses",
        "question 'q9', user",
        "question 'q1', response 0, raw_output",
        "question 'q1', response 2, raw_output",
        "question 'q9', response 0, question_id",
    ]


def test_a_sample_given_twice_is_named(workspace: Workspace, tmp_path: Path) -> None:
    answer = json.dumps({"question_id": "q1", "sample_index": 4, "raw_output": CODE})
    path = tmp_path / "answers.jsonl"
    path.write_text(f"{answer}\n{answer}\n{answer}")
    (problem,) = problems_of(workspace, path)
    assert problem.startswith("question 'q1', sample 4: appears 3 times.")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty"),
        ("{broken", "answers.json, line 1, column 2: is not JSON"),
        ("[1, 2]", "in a known layout"),
        ('{"q1": {"problem_statement": "x", "k": 1}}', "none with sample_solution or claude_solu"),
        ('{"q1": {"responses": []}}', "holds no answers"),
        ('{"a": 1}', "in a known layout"),
    ],
)
def test_a_file_without_answers_says_so(
    content: str, message: str, workspace: Workspace, tmp_path: Path
) -> None:
    path = tmp_path / "answers.json"
    path.write_text(content)
    assert message in "\n".join(problems_of(workspace, path))


def test_a_killed_import_goes_on_without_repeating_an_answer(
    workspace: Workspace, tmp_path: Path
) -> None:
    path = scripts_file(tmp_path)
    spec = ImportGenerationsSpec.parse({"path": str(path), "questions": "mine"})
    directory = workspace.new_run(spec)
    with directory.writer(GENERATIONS) as writer:
        writer.append(Generation("q1", 1, ANSWER, CODE, None, None, None, None))
    run(spec, directory, quiet())
    run(spec, directory, quiet())
    keys = [(g.question_id, g.sample_index) for g in rows(directory)]
    assert sorted(keys) == [("q1", 0), ("q1", 1), ("q1", 2), ("q3", 0)]
    assert directory.read(PROMPTS).num_rows == 2


def test_an_import_asked_to_stop_keeps_whole_batches(workspace: Workspace, tmp_path: Path) -> None:
    responses = [{"raw_output": ANSWER, "code": CODE}] * (2 * BATCH)
    path = tmp_path / "generations.json"
    path.write_text(json.dumps({"q1": {"responses": responses}}))
    spec = ImportGenerationsSpec.parse({"path": str(path), "questions": "mine"})
    directory = workspace.new_run(spec)
    run(spec, directory, StoppedAfterOneBatch(lambda snapshot: None))
    stopped = len(rows(directory))
    assert stopped == BATCH
    run(spec, directory, quiet())
    assert len({g.sample_index for g in rows(directory)}) == len(rows(directory)) == 2 * BATCH


def test_settings_that_cannot_work_are_refused_before_any_run(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SpecError) as caught:
        ImportGenerationsSpec.parse(
            {"path": "none.json", "questions": "mine", "model": "", "cot": "perhaps"}
        )
    assert {p.where for p in caught.value.problems} == {"model", "cot"}
    path = scripts_file(tmp_path)
    for change, message in (
        ({"path": str(tmp_path / "none.json")}, "does not exist"),
        ({"questions": "other"}, "no question set 'other'"),
    ):
        settings = {"path": str(path), "questions": "mine"} | change
        with pytest.raises(SpecError, match=message):
            jobs.create(workspace, ImportGenerationsSpec.parse(settings))
    assert list(workspace.runs_root.iterdir()) == []
    monkeypatch.chdir(tmp_path)
    relative = ImportGenerationsSpec.parse({"path": "generations.json", "questions": "mine"})
    assert relative.path == str(path.resolve())
