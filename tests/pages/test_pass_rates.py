"""Pass rates: figures, charts, table and the way down to one generation."""

from __future__ import annotations

import json
import shlex
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from codemix_core import jobs
from codemix_core.cli.app import main
from codemix_core.evaluation.report import build_report
from codemix_core.jobs import State
from codemix_core.records import VERDICTS, Question
from codemix_core.scoring.stage import ScoreSpec
from codemix_core.workspace import RunDir, Workspace
from tests.pages_data import (
    alive,
    code_blocks,
    ended,
    made,
    shown,
    write_samples,
    write_verdicts,
    wrong,
)

Open = Callable[..., AppTest]
PAGE = "3_Pass_rates.py"


def figures(page: AppTest) -> list[dict[str, object]]:
    return [json.loads(chart.proto.spec) for chart in page.get("plotly_chart")]


def test_the_cards_show_the_figures_of_the_report(
    open_page: Open, workspace: Workspace, scored: RunDir
) -> None:
    text = shown(open_page(PAGE))
    report = build_report(workspace, scored.run_id)
    first = report["pass_at_k"][0]
    margin = (first["high"] - first["low"]) / 2
    assert f"<i>pass@1</i><b>{10 / 24:.3f}<small>±{margin:.3f}" in text
    assert f"<i>mean score</i><b>{report['mean_score']['value']:.3f}" in text
    assert "<i>no code</i><b>5<small>20.8%" in text
    assert "<i>infra error</i><b>0" in text
    assert "24<small>of 24" in text
    assert "bootstrap over questions" in text, "the method is named"


def test_the_verdicts_are_counted_in_words(open_page: Open, scored: RunDir) -> None:
    text = shown(open_page(PAGE))
    for word, number in (("passed", 10), ("failed", 4), ("compile error", 5), ("no code", 5)):
        assert f'</b>{word}</span> <span class="cm-number">{number}</span>' in text


@pytest.mark.parametrize(
    ("show", "charts"), [("Skills", 4), ("Skill × skill", 4), ("k and split", 5), ("Questions", 3)]
)
def test_every_view_draws_its_charts(
    open_page: Open, scored: RunDir, show: str, charts: int
) -> None:
    assert len(open_page(PAGE, show=show).get("plotly_chart")) == charts


def test_the_ladder_ends_at_the_number_of_answers(open_page: Open, scored: RunDir) -> None:
    ladder = figures(open_page(PAGE))[1]
    points = next(trace for trace in ladder["data"] if trace["mode"] == "lines+markers")
    assert points["x"] == [1, 2, 4]
    assert points["y"][0] == pytest.approx(10 / 24)
    assert points["y"][2] == pytest.approx(4 / 6)


def test_the_table_is_sorted_and_filtered_by_the_url(
    open_page: Open, scored: RunDir, asked: list[Question]
) -> None:
    def rates(**url: str) -> list[float]:
        return list(open_page(PAGE, show="Questions", **url).dataframe[0].value["pass_rate"])

    assert rates(sort="-pass_rate") == [1.0, 0.75, 0.5, 0.25, 0.0, 0.0]
    assert rates(band="never") == [0.0, 0.0]
    assert rates(band="sometimes", sort="pass_rate") == [0.25, 0.5, 0.75]
    assert rates(band="0.5-0.75", sort="pass_rate") == [0.5, 0.75]
    assert rates(split="heldout", sort="pass_rate") == [0.25, 0.5]
    assert rates(k="3") == [0.0, 0.0]
    assert rates(status="failed", sort="pass_rate") == [0.0, 0.0, 0.25, 0.5]
    assert rates(text=asked[2].question_id) == [0.5]
    assert rates(skill=asked[3].skills[0], text=asked[3].question_id) == [0.25]


def test_a_question_shows_its_groups_of_identical_programs(
    open_page: Open, scored: RunDir, asked: list[Question]
) -> None:
    page = open_page(PAGE, question=asked[1].question_id)
    labels = [b.label for b in page.button if b.key and b.key.startswith("group-")]
    tests = len(json.loads(asked[1].tests)["cases"])
    assert labels == [f"**×3**  ✓ passed {tests}/{tests}", "**×1**  ◆ compile error"]
    assert "3 of 4 scored" in shown(page)
    assert asked[1].statement in shown(page)


def test_choosing_a_group_leads_down_to_its_failing_tests(
    open_page: Open, scored: RunDir, asked: list[Question]
) -> None:
    page = open_page(PAGE, question=asked[3].question_id, view="Tests")
    page.button(key="group-2").click().run()
    assert page.query_params["sample"] == "2"
    text = shown(page)
    assert "expected [2, 3], got &#x27;wrong answer&#x27;" in text
    assert text.count("✗</b>failed") >= len(json.loads(asked[3].tests)["cases"])


def test_a_link_opens_one_generation_beside_the_gold_solution(
    open_page: Open, scored: RunDir, asked: list[Question]
) -> None:
    page = open_page(PAGE, run=scored.run_id, question=asked[4].question_id, sample="1")
    blocks = code_blocks(page)
    assert "def wrong(xs):\n    return 'wrong answer'" in blocks
    assert asked[4].gold.strip() in blocks
    link = f"?run={scored.run_id}&question={asked[4].question_id}&sample=1"
    assert any(block.endswith(link) for block in blocks)
    page.toggle(key="diff").set_value(True).run()
    assert 'class="cm-diff"' in shown(page)
    assert "cm-old" in shown(page)


def test_a_half_finished_run_shows_what_is_scored_so_far(
    open_page: Open, half_scored: RunDir
) -> None:
    page = open_page(PAGE)
    text = shown(page)
    assert "12<small>of 24" in text
    assert "not scored" in text
    assert "12 of 24 programs" in text
    assert "<b>0:02</b> left" in text
    assert page.button(key=f"stop-{half_scored.run_id}").label == "Stop"
    assert f"<i>pass@1</i><b>{9 / 12:.3f}" in text


def test_unfinished_sampling_is_said_beside_its_pass_rates(
    open_page: Open, workspace: Workspace, scored: RunDir, sampled: RunDir
) -> None:
    assert build_report(workspace, scored.run_id)["unsampled"] is None
    with alive(sampled, 40, 96, "samples"):
        assert "24 of 96 answers were sampled; the sampling run is running" in shown(
            open_page(PAGE)
        )
    told = "24 of 96 answers were sampled; the sampling run crashed"
    assert build_report(workspace, scored.run_id)["unsampled"] == told
    assert told in shown(open_page(PAGE))


def test_two_runs_are_compared_question_by_question(
    open_page: Open, workspace: Workspace, scored: RunDir, asked: list[Question]
) -> None:
    other = made(workspace, ScoreSpec.parse({"run": scored.load_spec()["run"]}), "base")
    write_verdicts(other, list(reversed(asked)), 24)
    ended(other, 24, "programs")
    page = open_page(PAGE, run=scored.run_id, compare=other.run_id, show="Questions")
    text = shown(page)
    report = build_report(workspace, scored.run_id, other.run_id)
    gap = report["comparison"]["differences"][0]["difference"]
    assert "paired over 6 questions both runs have" in text
    assert f"{gap['low']:.3f}".replace("-", "−") in text
    rows = page.dataframe[0].value.set_index("question_id")
    assert rows.loc[asked[0].question_id, "difference"] == pytest.approx(1.0)
    assert rows.loc[asked[0].question_id, "baseline_rate"] == 0.0
    order = list(page.dataframe[0].proto.column_order)
    settings = json.loads(page.dataframe[0].proto.columns)
    widths = [settings[name]["width"] for name in order[: order.index("difference") + 1]]
    assert sum(widths) < 940, "the difference is in sight in a window of 1280 pixels"


def test_a_compared_question_shows_rates_and_programs_of_both_runs(
    open_page: Open, workspace: Workspace, scored: RunDir, asked: list[Question]
) -> None:
    again = write_samples(workspace, list(reversed(asked)), "agin")
    other = made(workspace, ScoreSpec.parse({"run": again.run_id}), "base")
    write_verdicts(other, list(reversed(asked)), 24)
    ended(other, 24, "samples")
    url = {"run": scored.run_id, "compare": other.run_id, "question": asked[1].question_id}
    page = open_page(PAGE, **url)
    text = shown(page)
    assert "<b>0.75</b> · 3 of 4 scored" in text
    assert "<b>0.00</b> · 0 of 4 scored" in text
    assert "+0.75" in text
    keys = [b.key for b in page.button if b.key and b.key.startswith("group-")]
    assert keys == ["group-0", "group-3", "group-other2", "group-other0", "group-other1"]
    page.button(key="group-other1").click().run()
    assert (page.query_params["sample"], page.query_params["of"]) == ("1", "other")
    assert "def wrong(xs):\n    return 'wrong answer'" in code_blocks(page)
    page.button(key="group-0").click().run()
    assert "of" not in page.query_params
    assert asked[1].gold.strip() in code_blocks(page)


def test_the_legend_of_two_runs_has_verdicts_that_only_one_of_them_has(
    open_page: Open, workspace: Workspace, scored: RunDir, asked: list[Question]
) -> None:
    other = made(workspace, ScoreSpec.parse({"run": scored.load_spec()["run"]}), "base")
    write_verdicts(other, asked, 4)
    ended(other, 4, "samples")
    text = shown(open_page(PAGE, run=other.run_id, compare=scored.run_id))
    legend = next(e for e in text.split("\n") if "cm-line" in e and " against " in e)
    for word in ("passed", "compile error", "failed", "no code", "not scored"):
        assert f"</b>{word}</span>" in legend


@pytest.mark.parametrize(
    ("page", "url", "query", "key"),
    [
        (PAGE, {"show": "Questions", "split": "heldout", "sort": "-k"}, "question_page", "run"),
        (PAGE, {"show": "Questions", "band": "sometimes", "text": "nano-"}, "question_page", "run"),
        ("1_Questions.py", {"split": "heldout", "checked": "ok"}, "set_page", "set"),
        ("2_Sampling.py", {"to": "8", "text": "certainly"}, "generation_page", "run"),
    ],
)
def test_the_command_beside_a_download_writes_the_rows_that_match(
    open_page: Open,
    scored: RunDir,
    sampled: RunDir,
    url: dict[str, str],
    page: str,
    query: str,
    key: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked_at = {"set": "nano", "run": sampled.run_id if page[0] == "2" else scored.run_id}
    app = open_page(page, **url, **{key: looked_at[key]})
    (command,) = [text for text in code_blocks(app) if f" {query} -o " in text]
    assert command.startswith("python -m codemix_core export ")
    monkeypatch.chdir(tmp_path)
    assert main(shlex.split(command)[3:]) == 0
    (written,) = tmp_path.glob("*.csv")
    rows = pd.read_csv(written)
    assert 0 < len(rows) < 36
    seen = app.dataframe[0].value
    assert list(rows["question_id"]) == list(seen["question_id"])


def test_every_table_can_be_downloaded(open_page: Open, scored: RunDir) -> None:
    keys = [b.key for b in open_page(PAGE, show="Questions").get("download_button")]
    assert f"download-questions-{scored.run_id}.csv" in keys
    assert f"download-questions-{scored.run_id}.parquet" in keys


def test_a_sampling_run_without_scores_offers_to_score_it(open_page: Open, sampled: RunDir) -> None:
    page = open_page(PAGE, run=sampled.run_id)
    assert f"python -m codemix_core score {sampled.run_id}" in shown(page)
    page.number_input(key=f"score-{sampled.run_id}.workers").set_value(0).run()
    assert "got 0" in wrong(page)
    button = next(b for b in page.button if b.label == "Score this run")
    assert button.disabled


def test_a_link_with_a_sampling_run_opens_its_newest_scores(
    open_page: Open, scored: RunDir, sampled: RunDir
) -> None:
    page = open_page(PAGE, run=sampled.run_id)
    assert page.query_params["run"] == scored.run_id


def test_a_form_sent_twice_starts_one_run(
    open_page: Open, workspace: Workspace, sampled: RunDir
) -> None:
    page = open_page(PAGE, run=sampled.run_id)
    key = f"score-{sampled.run_id}"
    drawn = page.session_state[f"{key}.drawn"]
    next(b for b in page.button if b.key == f"{key}.launch.{drawn[0]}").click().run()
    assert page.query_params["run"] == drawn[0]
    (run,) = workspace.runs("score")
    deadline = time.monotonic() + 60
    while jobs.status(run).state.alive and time.monotonic() < deadline:
        time.sleep(0.1)
    assert jobs.status(run).state == State.SUCCEEDED, jobs.tail(run)
    # The second click of a double click arrives with the id that the form was drawn with.
    page.session_state["about-run"] = True
    page.run()
    page.session_state[f"{key}.drawn"] = drawn
    page.run()
    next(b for b in page.button if b.key == f"{key}.launch.{drawn[0]}").click().run()
    assert [run.run_id for run in workspace.runs("score")] == [drawn[0]]
    assert not page.exception


def test_a_run_that_is_not_there_is_said_to_be_missing(open_page: Open, scored: RunDir) -> None:
    page = open_page(PAGE, run="score-20200101T000000-none")
    assert "There is no run" in page.warning[0].value
    page = open_page(PAGE, question="nowhere")
    assert "There is no question" in page.warning[0].value
    page = open_page(PAGE, run=scored.run_id, sample="77", question=_any(scored))
    assert "has no generation" in page.warning[0].value


def _any(run: RunDir) -> str:
    return str(run.read(VERDICTS, ["question_id"])["question_id"][0])


def test_a_run_whose_generations_are_gone_does_not_break_the_page(
    open_page: Open, workspace: Workspace, asked: list[Question], checked: RunDir
) -> None:
    run = write_samples(workspace, asked, "gone")
    score = made(workspace, ScoreSpec.parse({"run": run.run_id}), "left")
    write_verdicts(score, asked, 24)
    ended(score, 24, "programs")
    shutil.rmtree(run.root)
    for page in ("app.py", "1_Questions.py", "2_Sampling.py", PAGE):
        open_page(page)
