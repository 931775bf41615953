"""The Datasets page: lineage, rows, preflight, export and delete."""

from __future__ import annotations

import json

import pytest

from codemix_core import files, jobs
from codemix_core.datasets import registry
from codemix_core.datasets.preflight import PreflightSpec
from codemix_core.datasets.stage import BuildSpec, run
from codemix_core.jobs import State
from codemix_core.progress import Progress
from codemix_core.workspace import RunDir, Workspace
from tests.pages.conftest import Open
from tests.pages_data import ended, made, shown

PAGE = "5_Datasets.py"
REPORT = {
    "checked_at": "2026-01-02T03:04:05+00:00",
    "model": "nano",
    "template": "preference",
    "max_seq_len": 512,
    "rows_loaded": {"train": 3},
    "rows_examined": 3,
    "lengths": {"edges": [10.0, 20.0], "counts": [3], "median": 15, "p95": 19, "max": 20},
    "trained_tokens": 30,
    "mean_trained_tokens": 10.0,
    "truncated_share": 0.0,
    "untrained_rows": 0,
    "first": {"chosen": [["PROMPT", False], ["ANSWER", True]], "rejected": [["PROMPT", False]]},
    "sampled": {"prompts": 0, "same_prompts": 0, "answers": 0, "same_answers": 0},
    "warnings": ["no sampled tokens are stored"],
    "build_problems": [],
}


@pytest.fixture
def dataset(workspace: Workspace, scored: RunDir) -> RunDir:
    """DPO pairs of the scoring run, built."""
    spec = BuildSpec.parse({"run": scored.run_id, "method": "dpo"})
    found = made(workspace, spec, "data")
    run(spec, found, Progress(lambda document: None))
    document = files.read_json(found.dataset_path)
    assert "prompts without a user message" in document["problems"][0]["what"]
    # The prompts of these fixtures are empty; that is not what the tests here are about.
    files.write_json(found.dataset_path, {**document, "problems": []})
    return ended(found, 3, "questions")


def preflight(workspace: Workspace, dataset: RunDir, problems: list[dict[str, str]]) -> None:
    """Leave the traces of a preflight with these problems."""
    spec = PreflightSpec.parse({"dataset": dataset.run_id, "model": "nano"})
    found = made(workspace, spec, "pref")
    report = {**REPORT, "dataset": dataset.run_id, "problems": problems}
    files.write_json(found.preflight_path, report)
    ended(found, 3, "rows")


def test_an_empty_workspace_says_where_datasets_come_from(open_page: Open) -> None:
    assert "There is no dataset yet." in shown(open_page(PAGE))


def test_a_dataset_shows_its_lineage_with_links(open_page: Open, dataset: RunDir) -> None:
    app = open_page(PAGE)
    labels = [link.proto.label for link in app.main.get("page_link")]
    assert labels == [
        "questions **nano**",
        "sampled from **nano**",
        "scored",
        "selected by **DPO pairs**",
    ]
    assert list(app.dataframe[0].value["train"]) == [3]


def test_a_row_is_shown_as_it_is_trained_on(open_page: Open, dataset: RunDir) -> None:
    app = open_page(PAGE)
    text = shown(app)
    assert "cm-chosen" in text
    assert "<b>1</b> of 3" in text
    app.button(key="row-j").click().run()
    assert "<b>2</b> of 3" in shown(app)


def test_the_rule_and_the_command_to_rebuild_are_shown(open_page: Open, dataset: RunDir) -> None:
    text = shown(open_page(PAGE, rows="Rule and counts"))
    assert "num_preference_pairs_per_question" in text
    assert "--annotations 0" in text
    assert "torchtune.datasets.preference_dataset" in text


def test_preflight_colours_trained_and_masked_tokens(
    open_page: Open, workspace: Workspace, dataset: RunDir
) -> None:
    assert "Not checked yet." in shown(open_page(PAGE, rows="Preflight"))
    preflight(workspace, dataset, [])
    text = shown(open_page(PAGE, rows="Preflight"))
    assert '<span class="cm-masked">PROMPT</span><span class="cm-trained">ANSWER</span>' in text
    assert "preflight: no problem" in text


def test_export_writes_the_files_and_says_where(
    open_page: Open, workspace: Workspace, dataset: RunDir
) -> None:
    app = open_page(PAGE, rows="Export")
    assert "Preflight has not looked at this dataset" in shown(app)
    app.button(key="export").click().run()
    assert not app.exception
    folder = workspace.exports_root / dataset.run_id
    assert len(json.loads((folder / "train.json").read_text())) == 3
    assert str(folder) in shown(app)


def test_problems_block_the_export_until_somebody_says_why(
    open_page: Open, workspace: Workspace, dataset: RunDir
) -> None:
    wrong = {
        "where": "max_seq_len",
        "what": "40.0% of the rows lose their end.",
        "fix": "Raise it.",
    }
    preflight(workspace, dataset, [wrong])
    app = open_page(PAGE, rows="Export")
    assert app.button(key="export").disabled
    assert "40.0% of the rows lose their end." in shown(app)
    app.text_input(key=f"override-{dataset.run_id}").set_value("a test of the trainer").run()
    app.button(key="export").click().run()
    (line,) = registry.exports(dataset)
    assert line["override"] == "a test of the trainer"
    assert line["author"]


def test_deleting_asks_for_what_is_used_first(
    open_page: Open, workspace: Workspace, dataset: RunDir
) -> None:
    preflight(workspace, dataset, [])
    app = open_page(PAGE)
    assert app.button(key="delete").disabled
    app.checkbox(key=f"force-{dataset.run_id}").check().run()
    app.button(key="delete").click().run()
    assert not app.exception
    assert not dataset.exists()
    assert "There is no dataset yet." in shown(app)


def test_a_dataset_still_being_built_is_shown_live(
    open_page: Open, workspace: Workspace, scored: RunDir
) -> None:
    spec = BuildSpec.parse({"run": scored.run_id, "method": "grpo"})
    found = made(workspace, spec, "half")
    jobs.begin(found)
    jobs.write_exit(found, State.FAILED, "out of disk", seconds=1.0)
    assert "failed" in shown(open_page(PAGE, dataset=found.run_id))


def test_overlap_names_questions_of_another_set(
    open_page: Open, workspace: Workspace, dataset: RunDir
) -> None:
    questions = workspace.question_set("nano").questions()
    workspace.write_question_set("copy", questions, {"source": "nano", "format": "nano"})
    text = shown(open_page(PAGE, rows="Overlap"))
    assert "decontaminate" in text
    assert "100%" in text
    assert "of it in copy" in text
    assert "of a question in it" in text
