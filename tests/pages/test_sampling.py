"""Sampling: the form checks itself, the prompt is exact, runs are live, answers can be browsed."""

from __future__ import annotations

import os
from collections.abc import Callable

from streamlit.testing.v1 import AppTest

from codemix_core import jobs
from codemix_core.records import Question
from codemix_core.sampling.preview import preview
from codemix_core.sampling.spec import SampleSpec
from codemix_core.workspace import RunDir, Workspace
from tests.pages_data import code_blocks, shown, write_samples, wrong

Open = Callable[..., AppTest]
PAGE = "2_Sampling.py"


def launch(page: AppTest) -> object:
    return next(b for b in page.button if b.label == "Sample")


def test_the_form_shows_the_equivalent_command(open_page: Open, nano: list[Question]) -> None:
    page = open_page(PAGE)
    assert "python -m codemix_core sample --questions nano --model nano" in shown(page)
    page.number_input(key="sample.n").set_value(8)
    page.toggle(key="sample.cot").set_value(True).run()
    expected = "python -m codemix_core sample --questions nano --model nano -n 8 --cot"
    assert expected in code_blocks(page)


def test_the_preview_is_exactly_the_prompt_that_is_sent(
    open_page: Open, nano: list[Question], workspace: Workspace
) -> None:
    page = open_page(PAGE)
    spec = SampleSpec.parse({"questions": "nano", "model": "nano"})
    exact = preview(spec, nano[0], workspace)
    assert str(exact.rendered).strip() in code_blocks(page)
    assert f"<span>{exact.n_tokens}</span>" in shown(page)
    page.selectbox(key="preview.question").select(nano[3].question_id).run()
    other = preview(spec, nano[3], workspace)
    assert str(other.rendered).strip() in code_blocks(page)


def test_problems_stand_beside_their_fields_and_nothing_can_be_launched(
    open_page: Open, nano: list[Question]
) -> None:
    page = open_page(PAGE)
    page.number_input(key="sample.temperature").set_value(0.0)
    page.number_input(key="sample.top_p").set_value(1.5).run()
    assert "1.5" in wrong(page)
    page.number_input(key="sample.top_p").set_value(1.0).run()
    assert "makes all 32 answers" in wrong(page)
    assert launch(page).disabled


def test_a_model_that_is_not_there_is_said_at_once(
    open_page: Open, workspace: Workspace, nano: list[Question]
) -> None:
    workspace.write_model("lost", {"path": "/no/such/checkpoint"})
    page = open_page(PAGE)
    page.selectbox(key="sample.model").select("lost").run()
    assert "does not exist" in wrong(page)
    assert launch(page).disabled


def test_a_wrong_number_does_not_hide_a_missing_model_nor_what_contradicts(
    open_page: Open, workspace: Workspace, nano: list[Question]
) -> None:
    workspace.write_model("lost", {"path": "/no/such/checkpoint"})
    page = open_page(PAGE)
    page.number_input(key="sample.temperature").set_value(0.0)
    page.number_input(key="sample.top_p").set_value(1.5)
    page.selectbox(key="sample.model").select("lost").run()
    for text in ("1.5", "makes all 32 answers", "does not exist"):
        assert text in wrong(page)
    assert launch(page).disabled


def test_a_filter_that_leaves_no_question_is_said(open_page: Open, nano: list[Question]) -> None:
    page = open_page(PAGE)
    page.selectbox(key="sample.split").select("hard")
    page.selectbox(key="sample.k").select(1).run()
    text = shown(page)
    assert "is left" in text or "No question matches" in text
    assert launch(page).disabled


def test_the_number_of_answers_leaves_flagged_questions_out(
    open_page: Open, checked: RunDir
) -> None:
    page = open_page(PAGE)
    assert f"<span>{35 * 32:,}</span>" in shown(page)
    page.toggle(key="sample.include_flagged").set_value(True).run()
    assert f"<span>{36 * 32:,}</span>" in shown(page)


def test_a_deep_link_opens_exactly_one_generation(
    open_page: Open, scored: RunDir, sampled: RunDir, asked: list[Question]
) -> None:
    question = asked[1]
    page = open_page(PAGE, run=sampled.run_id, question=question.question_id, sample="3")
    text = shown(page)
    assert "compile error" in text
    assert "SyntaxError: line 1" in text
    assert "def broken(:" in code_blocks(page)
    assert question.gold.strip() in code_blocks(page)
    assert "8 of 24" in text


def test_next_and_previous_walk_through_the_matching_generations(
    open_page: Open, scored: RunDir, sampled: RunDir, asked: list[Question]
) -> None:
    page = open_page(PAGE, run=sampled.run_id, status="failed")
    assert "1 of 4" in shown(page)
    seen = [page.dataframe[0].value[["question_id", "sample_index"]].values.tolist()]
    assert page.button(key="go-previous").disabled
    page.button(key="go-next").click().run()
    assert "2 of 4" in shown(page)
    assert [page.query_params["question"], int(page.query_params["sample"])] == seen[0][1]
    page.button(key="go-previous").click().run()
    assert "1 of 4" in shown(page)


def test_generations_are_filtered_by_text_and_length(
    open_page: Open, sampled: RunDir, asked: list[Question]
) -> None:
    page = open_page(PAGE, run=sampled.run_id, text="cannot")
    rows = page.dataframe[0].value
    assert len(rows) == 5  # Two of each never solved question, one of the one solved once.
    longest = open_page(PAGE, run=sampled.run_id, **{"from": "10"}).dataframe[0].value
    assert set(longest["completion_tokens"]) == {10}


def test_the_raw_output_and_the_prompt_of_a_generation_can_be_read(
    open_page: Open, sampled: RunDir, asked: list[Question]
) -> None:
    place = {"run": sampled.run_id, "question": asked[0].question_id, "sample": "0"}
    raw = open_page(PAGE, view="Raw output", **place)
    assert any(block.value.startswith("Certainly.") for block in raw.code)
    prompt = open_page(PAGE, view="Prompt", **place)
    assert any(asked[0].statement in block.value for block in prompt.code[1:])


def test_a_run_that_is_sampling_shows_what_is_there_so_far(
    open_page: Open, workspace: Workspace, asked: list[Question], checked: RunDir
) -> None:
    run = write_samples(workspace, asked, "live")
    lock = jobs.take_lock(run)
    jobs.begin(run)
    try:
        page = open_page(PAGE, run=run.run_id)
    finally:
        os.close(lock)
    text = shown(page)
    assert "Generations written so far" in text
    assert len(page.dataframe[0].value) == 24


def test_a_run_that_is_not_there_is_said_to_be_missing(open_page: Open, sampled: RunDir) -> None:
    page = open_page(PAGE, run="sample-20200101T000000-none")
    assert "There is no sampling run" in page.warning[0].value
    page = open_page(PAGE, run=sampled.run_id, question="nowhere", sample="99")
    assert "has no generation nowhere #99" in page.warning[0].value
