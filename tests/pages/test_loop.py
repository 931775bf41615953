"""Home runs and shows loops; Evaluation and Training draw the lineage and begin the next round."""

from __future__ import annotations

import json
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from codemix_core import files, jobs
from codemix_core.jobs import State
from codemix_core.loop.spec import LoopSpec
from codemix_core.records import Question
from codemix_core.ui import home, loops
from codemix_core.workspace import RunDir, Workspace
from tests.lineage_data import Round, looped, play, play_gold
from tests.pages.conftest import Open
from tests.pages_data import alive, ended, made, shown

EVALUATION, TRAINING = "7_Evaluation.py", "6_Training.py"


@pytest.fixture
def launched(monkeypatch: pytest.MonkeyPatch) -> list[LoopSpec]:
    """What would have been started."""
    found: list[LoopSpec] = []

    def launch(workspace: Workspace, spec: LoopSpec, run_id: str) -> RunDir:
        found.append(spec)
        return workspace.new_run(spec, run_id)

    monkeypatch.setattr(jobs, "launch", launch)
    return found


@pytest.fixture
def played(workspace: Workspace, asked: list[Question]) -> Round:
    return play(workspace, asked, "a")


def links(page: AppTest) -> dict[str, str]:
    """Query by label of every link in the page."""
    found = page.main.get("page_link")
    return {link.proto.label: link.proto.query_string for link in found}


def lineage_figure(page: AppTest) -> dict[str, Any]:
    found = [json.loads(chart.proto.spec) for chart in page.get("plotly_chart")]
    (figure,) = [f for f in found if "rect" in str(f["layout"].get("shapes"))]
    return dict(figure)


def button(page: AppTest, label: str) -> Any:
    (found,) = [b for b in page.button if b.label == label]
    return found


def test_an_empty_home_runs_the_whole_loop_with_one_click(
    open_page: Open, workspace: Workspace, launched: list[LoopSpec]
) -> None:
    page = open_page()
    assert "min on this machine" in shown(page)
    button(page, "Run the whole loop on nano").click().run()
    assert not page.exception
    (spec,) = launched
    assert (spec.questions, spec.method, spec.rounds, spec.cot) == ("nano", "dpo", 1, False)
    assert spec.limit is not None, "a first loop is small"
    assert [s.name for s in workspace.question_sets()] == ["nano"], "it brings its questions"
    (run,) = workspace.runs("loop")
    assert page.query_params["run"] == run.run_id
    assert "No step has begun yet." in shown(page)


def test_the_method_of_the_whole_loop_is_chosen_beside_it(
    open_page: Open, nano: list[Question], launched: list[LoopSpec]
) -> None:
    page = open_page()
    page.button_group(key="loop.method").set_value("grpo").run()
    page.toggle(key="loop.cot").set_value(True).run()
    found = button(page, "Run the whole loop on nano")
    assert "loop --questions nano --method grpo --cot" in found.help
    found.click().run()
    assert (launched[0].method, launched[0].cot) == ("grpo", True)


def test_the_estimate_follows_what_this_machine_has_done(
    workspace: Workspace, nano: list[Question]
) -> None:
    values = {"questions": "nano", "method": "dpo", **loops.MODEST}
    spec = LoopSpec.restore(values)
    guesses = {m: loops.estimate(workspace, spec.model_copy(update={"method": m})) for m in
               loops.METHODS}  # fmt: skip
    assert all(60 < guess < 1200 for guess in guesses.values()), guesses
    run = made(workspace, spec, "done")
    ended(run, 5, "steps")
    assert loops.estimate(workspace, spec) == 12.0
    assert loops.estimate(workspace, spec.model_copy(update={"method": "sft"})) == guesses["sft"]


def test_the_line_of_the_loop_counts_models_and_leads_to_them(
    open_page: Open, played: Round
) -> None:
    text = shown(open_page())
    order = ["Questions **1**", "Samples **3**", "Scores **3**", "Datasets **1**", "Models **1**",
             "Evaluations **1**"]  # fmt: skip
    assert [text.index(label) for label in order] == sorted(text.index(label) for label in order)


def test_a_loop_opened_on_home_shows_its_steps_in_order(
    open_page: Open, workspace: Workspace, played: Round
) -> None:
    run = looped(workspace, [played])
    page = open_page("app.py", run=run.run_id)
    text = shown(page)
    names = [f"round 1: {stage}" for stage in ("sample", "score", "build", "train", "evaluate")]
    assert [text.index(name) for name in names] == sorted(text.index(name) for name in names)
    assert "loop nano · dpo" in text
    assert links(page)[f"`train-…-{played.train.run_id[-4:]}`"] == f"run={played.train.run_id}"
    played.train.delete()
    assert "gone" in shown(open_page("app.py", run=run.run_id))


def test_a_running_loop_is_shown_once_with_its_step_under_way(
    open_page: Open, workspace: Workspace, played: Round
) -> None:
    run = made(workspace, LoopSpec.restore({"questions": "nano", "method": "dpo"}), "live")
    files.write_json(run.steps_path, {"round 1: train": played.train.run_id})
    with alive(run, 3, 5, "steps"), alive(played.train, 40, 80, "steps"):
        plain, opened = open_page(), open_page("app.py", run=run.run_id)
    for page in (plain, opened):
        text = shown(page)
        assert text.count("3 of 5 steps") == 1
        assert "round 1: train" in text
        assert "50%" in text
        assert text.count("40 of 80 steps") == 0, "the step is not shown again beside the loop"
    assert "Running now" in shown(plain)
    assert "Running now" not in shown(opened)


def test_what_a_running_loop_will_do_itself_is_not_offered(
    open_page: Open, workspace: Workspace, sampled: RunDir
) -> None:
    assert "Score them" in shown(open_page())
    run = made(workspace, LoopSpec.restore({"questions": "nano", "method": "dpo"}), "live")
    files.write_json(run.steps_path, {"round 1: sample": sampled.run_id})
    with alive(run, 1, 5, "steps"):
        assert "Score them" not in shown(open_page())


def test_a_failed_loop_leads_from_the_next_steps_to_its_panel(
    open_page: Open, workspace: Workspace, nano: list[Question]
) -> None:
    run = made(workspace, LoopSpec.restore({"questions": "nano", "method": "dpo"}), "fail")
    ended(run, 2, "steps", State.FAILED)
    page = open_page()
    assert "loop nano · dpo failed at 2 of 2." in shown(page)
    assert links(page)["Resume or look"] == f"run={run.run_id}"


def test_every_run_has_a_page(workspace: Workspace, played: Round) -> None:
    assert home.where(played.train) == (
        "pages/6_Training.py", (("run", played.train.run_id),)
    )  # fmt: skip
    assert home.where(played.evaluate) == (
        "pages/7_Evaluation.py", (("run", played.evaluate.run_id),)
    )  # fmt: skip
    run = looped(workspace, [played])
    assert home.where(run) == ("app.py", (("run", run.run_id),))


def test_a_dataset_is_offered_for_training_and_a_model_for_measuring(
    open_page: Open, workspace: Workspace, played: Round
) -> None:
    text = shown(open_page())
    assert "Train on it" not in text
    assert "Evaluate it" not in text
    assert "No training data has been selected from" not in text, "evaluations are no training data"
    played.evaluate.delete()
    page = open_page()
    assert "The model tuned-a has not been measured" in shown(page)
    assert links(page)["Evaluate it"] == "model=tuned-a"
    played.train.delete()
    page = open_page()
    assert f"Nothing has been trained on {played.build.run_id}, dpo." in shown(page)
    assert links(page)["Train on it"] == f"dataset={played.build.run_id}"


def test_the_lineage_of_an_evaluation_is_drawn_and_listed(
    open_page: Open, workspace: Workspace, asked: list[Question], played: Round
) -> None:
    play(workspace, asked, "b", model=played.model)
    page = open_page(EVALUATION, run=played.evaluate.run_id)
    figure = lineage_figure(page)
    texts = "\n".join(a["text"] for a in figure["layout"]["annotations"])
    for said in ("2,360", "24 answers", "pass@1 0.42", "tuned-b", "round 2", "0.42 → 0.71"):
        assert (said in texts) == (said != "2,360"), said
    boxes = [shape for shape in figure["layout"]["shapes"] if shape["type"] == "rect"]
    assert len(boxes) == len({json.dumps(p) for p in figure["data"][0]["customdata"]}) == 14
    assert sum(box["line"]["width"] > 2 for box in boxes) == 1, "the one that was asked for"
    page.session_state[f"lineage-list-{played.evaluate.run_id}"] = True
    page.run()
    assert not page.exception
    found = links(page)
    assert found["`tuned-a`"] == f"run={played.train.run_id}", "a model's page is its training's"
    assert found["`nano`"] == "set=nano"
    assert f"python -m codemix_core lineage {played.evaluate.run_id}" in shown(page)


def test_what_was_deleted_is_drawn_dotted_and_leads_nowhere(open_page: Open, played: Round) -> None:
    played.build.delete()
    page = open_page(TRAINING, run=played.train.run_id)
    figure = lineage_figure(page)
    boxes = [shape for shape in figure["layout"]["shapes"] if shape["type"] == "rect"]
    assert [box["line"]["dash"] for box in boxes].count("dot") == 1
    page.session_state[f"lineage-list-{played.train.run_id}"] = True
    page.run()
    assert not page.exception
    text = shown(page)
    assert "<b>∅</b>gone" in text
    assert f"`build-…-{played.build.run_id[-4:]}`" not in links(page)


def test_the_next_round_is_one_click_with_its_command(
    open_page: Open, workspace: Workspace, played: Round, launched: list[LoopSpec]
) -> None:
    page = open_page(EVALUATION, run=played.evaluate.run_id)
    assert "loop --questions nano --method dpo --model tuned-a -n 4 --limit 6" in shown(page)
    button(page, "Next round").click().run()
    assert not page.exception
    assert launched[0].model == "tuned-a"
    (run,) = workspace.runs("loop")
    assert links(page)[f"`loop-…-{run.run_id[-4:]}`"] == f"run={run.run_id}"
    assert page.query_params["run"] == played.evaluate.run_id, "the evaluation stays in sight"


def test_where_the_round_cannot_be_known_the_button_says_why(
    open_page: Open, workspace: Workspace, asked: list[Question]
) -> None:
    played = play_gold(workspace, asked, "g")
    played.build.delete()
    page = open_page(EVALUATION, run=played.evaluate.run_id)
    assert button(page, "Next round").disabled
    assert "The round of 'tuned-g' is not all here" in shown(page)
    assert "loop --questions" not in shown(page)
