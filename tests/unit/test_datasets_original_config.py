"""The scripts' dataset_config.yaml is accepted and does what it says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from codemix_core.datasets.original_config import prepare, read_config
from codemix_core.errors import InputError

PREFERENCE = {
    "minimum_preferred_score": 0.75,
    "maximum_dispreferred_score": 0.25,
    "num_preference_pairs_per_question": 3,
}


def scored(questions: int = 3) -> dict[str, Any]:
    """Answers with scores 0, 0.25, … 1, each another program."""
    return {
        f"q{n}": {
            "system": "You write Python.",
            "user": f"Question {n} é",
            "responses": [
                {
                    "raw_output": f"It is:\n```python\ndef f(x):\n    return x + {i}\n```",
                    "code": f"def f(x):\n    return x + {i}\n",
                    "score": i / 4,
                }
                for i in range(5)
            ],
        }
        for n in range(questions)
    }


def write(folder: Path, data: object, **settings: Any) -> Path:
    (folder / "scored.json").write_text(json.dumps(data))
    config = {"data_path": "scored.json", "output_path": "out/data.json", **settings}
    path = folder / "dataset_config.yaml"
    path.write_text(yaml.safe_dump(config))
    return path


def made(folder: Path, data: object, **settings: Any) -> list[dict[str, Any]]:
    prepare(read_config(write(folder, data, **settings)))
    rows: list[dict[str, Any]] = json.loads((folder / "out" / "data.json").read_text())
    return rows


def test_dpo_pairs_lie_within_the_scripts_thresholds_and_number(tmp_path: Path) -> None:
    rows = made(tmp_path, scored(), training_method="dpo", preference_config=PREFERENCE)
    assert len(rows) == 9
    for row in rows:
        chosen, rejected = row["chosen"][-1]["content"], row["rejected"][-1]["content"]
        assert any(f"x + {i}" in chosen for i in (3, 4))
        assert any(f"x + {i}" in rejected for i in (0, 1))
        assert row["chosen"][0] == {"role": "system", "content": "You write Python."}


def test_best_of_n_takes_the_best_in_the_template_and_column_asked_for(tmp_path: Path) -> None:
    rows = made(tmp_path, scored(), training_method="best_of_n", dataset_template="instruct")
    assert rows[0]["input"] == "Question 0 é"
    assert rows[0]["output"].startswith("It is:")
    assert all("x + 4" in row["output"] for row in rows)
    chat = {"training_method": "best_of_n", "dataset_template": "chat", "column": "code"}
    rows = made(tmp_path, scored(), **chat)
    assert rows[0]["messages"][2]["content"] == "```python\ndef f(x):\n    return x + 4\n```"


def test_the_system_prompt_that_instruct_rows_lack_stands_in_the_block_beside_them(
    tmp_path: Path,
) -> None:
    settings = {"training_method": "best_of_n", "dataset_template": "instruct"}
    said = prepare(read_config(write(tmp_path, scored(), **settings)))
    output = tmp_path / "out" / "data.json"
    beside = tmp_path / "out" / "data.json.torchtune.yaml"
    assert f"with the system prompt that the rows lack -> {beside}" in said
    block = yaml.safe_load(beside.read_text())["dataset"]
    assert block["new_system_prompt"] == "You write Python."
    assert block["data_files"] == str(output)
    assert "You write Python." not in output.read_text()
    # A second time its own block is replaced.
    assert prepare(read_config(write(tmp_path, scored(), **settings))) == said


def test_rows_that_hold_the_system_prompt_get_a_block_without_one(tmp_path: Path) -> None:
    settings = {"training_method": "dpo", "preference_config": PREFERENCE}
    assert "system prompt" not in prepare(read_config(write(tmp_path, scored(), **settings)))
    block = (tmp_path / "out" / "data.json.torchtune.yaml").read_text()
    assert "preference_dataset" in block
    assert "new_system_prompt" not in block


def test_a_file_of_a_person_is_not_overwritten_by_the_block(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    mine = tmp_path / "out" / "data.json.torchtune.yaml"
    mine.write_text("dataset: mine\n")
    with pytest.raises(InputError, match="would overwrite"):
        prepare(read_config(write(tmp_path, scored(), training_method="best_of_n")))
    assert mine.read_text() == "dataset: mine\n"
    assert not (tmp_path / "out" / "data.json").exists()


def test_best_answers_of_score_0_are_counted_and_warned_of(tmp_path: Path) -> None:
    data = scored()
    for response in data["q1"]["responses"]:
        response["score"] = 0
    config = write(tmp_path, data, training_method="best_of_n", dataset_template="chat")
    assert "warning: 1 of the rows have score 0" in prepare(read_config(config))
    config = write(tmp_path, scored(), training_method="best_of_n", dataset_template="chat")
    assert "warning" not in prepare(read_config(config))


def test_gold_solutions_come_from_questions_json(tmp_path: Path, real_questions: Path) -> None:
    config = write(tmp_path, {}, training_method="gold_solution", dataset_template="instruct")
    settings = yaml.safe_load(config.read_text())
    settings["data_path"] = str(real_questions / "questions.json")
    config.write_text(yaml.safe_dump(settings))
    assert prepare(read_config(config)).startswith("131 rows of 131 questions")


def test_the_same_file_and_seed_give_the_same_bytes(tmp_path: Path) -> None:
    path = write(tmp_path, scored(), training_method="dpo", preference_config=PREFERENCE)
    prepare(read_config(path))
    first = (tmp_path / "out" / "data.json").read_bytes()
    prepare(read_config(path))
    assert (tmp_path / "out" / "data.json").read_bytes() == first


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"training_method": "ppo"}, "training_method"),
        ({}, "training_method: is required"),
        ({"training_method": "dpo"}, "preference_config: is required"),
        ({"training_method": "best_of_n", "columm": "code"}, "columm: is not a setting"),
        ({"training_method": "best_of_n", "dataset_template": "preference"}, "template"),
        (
            {"training_method": "dpo", "preference_config": {"minimum_preferred_score": 2}},
            "minimum_preferred_score",
        ),
        (
            {
                "training_method": "dpo",
                "preference_config": {
                    "minimum_preferred_score": 0.1,
                    "maximum_dispreferred_score": 0.0,
                    "num_preference_pairs_per_question": 0,
                },
            },
            "num_preference_pairs_per_question",
        ),
    ],
)
def test_a_wrong_setting_is_named_and_nothing_is_written(
    tmp_path: Path, settings: dict[str, Any], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        made(tmp_path, scored(), **settings)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"score": None}, "question 'q1', response 2, score: got None"),
        ({"score": True}, "score: got True"),
        ({"score": 7}, "score: got 7"),
        ({"raw_output": 3}, "response 2: has no raw_output"),
        ({"code": 3}, "response 2, code: is no text"),
    ],
)
def test_every_fault_of_the_scored_file_is_named(
    tmp_path: Path, change: dict[str, Any], words: str
) -> None:
    data = scored()
    data["q1"]["responses"][2] |= change
    data["q2"] = {"user": "x"}
    with pytest.raises(InputError) as caught:
        made(tmp_path, data, training_method="best_of_n")
    assert words in str(caught.value)
    assert "question 'q2': has no list of responses" in str(caught.value)


def test_scores_without_any_pair_are_an_error_and_not_an_empty_file(tmp_path: Path) -> None:
    data = scored()
    for record in data.values():
        for response in record["responses"]:
            response["score"] = 1.0
    with pytest.raises(InputError, match="no row comes of these scores"):
        made(tmp_path, data, training_method="dpo", preference_config=PREFERENCE)


def test_the_input_is_never_overwritten_by_whatever_name(tmp_path: Path) -> None:
    for name in ("scored.json", "./x/../scored.json", "link.json"):
        (tmp_path / "x").mkdir(exist_ok=True)
        config = write(tmp_path, scored(), training_method="best_of_n", output_path=name)
        (tmp_path / "link.json").unlink(missing_ok=True)
        (tmp_path / "link.json").hardlink_to(tmp_path / "scored.json")
        before = (tmp_path / "scored.json").read_bytes()
        with pytest.raises(InputError, match="is the file of data_path"):
            prepare(read_config(config))
        assert (tmp_path / "scored.json").read_bytes() == before


@pytest.mark.parametrize("field", ["data_path", "output_path"])
@pytest.mark.parametrize("name", ["a\0b.json", "\ud800.json"])
def test_paths_no_file_can_have_are_named(tmp_path: Path, field: str, name: str) -> None:
    config = tmp_path / "dataset_config.yaml"
    settings = {"data_path": "a", "output_path": "b", "training_method": "best_of_n", field: name}
    # JSON is YAML, and its escapes hold what no UTF-8 file can.
    config.write_text(json.dumps(settings))
    with pytest.raises(InputError, match=f"{field}: got .*no file has such a name"):
        read_config(config)


@pytest.mark.parametrize("field", ["raw_output", "code"])
def test_half_a_surrogate_pair_in_an_answer_is_named(tmp_path: Path, field: str) -> None:
    data = scored()
    data["q1"]["responses"][4][field] = "x \ud800"
    with pytest.raises(InputError, match=f"question 'q1', response 4, {field}: has half"):
        made(tmp_path, data, training_method="best_of_n")


def test_half_a_surrogate_pair_in_a_prompt_is_named(tmp_path: Path) -> None:
    data = scored()
    data["q0"]["user"] = "\udc00"
    with pytest.raises(InputError, match="question 'q0', user: has half"):
        made(tmp_path, data, training_method="best_of_n")
