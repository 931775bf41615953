"""Pages on imported answers, which store no tokens and no log-probabilities."""

from __future__ import annotations

from codemix_core.records import GENERATIONS, Question
from codemix_core.workspace import RunDir
from tests.pages.conftest import Open
from tests.pages_data import shown


def test_the_imported_run_has_no_token_counts(imported: RunDir) -> None:
    sampling = imported.workspace.run(imported.load_spec()["run"])
    tokens = sampling.read(GENERATIONS, ["completion_tokens"])["completion_tokens"]
    assert tokens.null_count == len(tokens) > 0


def test_best_of_n_shows_a_pick_beside_a_runner_up(
    open_page: Open, imported: RunDir, asked: list[Question]
) -> None:
    text = shown(open_page("4_Best_of_N.py", question=asked[1].question_id))
    assert "characters" in text
    assert "runner-up" in text
    assert " token" not in text


def test_best_of_n_shows_the_gold_solution_beside_the_pick(
    open_page: Open, imported: RunDir
) -> None:
    assert "gold solution" in shown(open_page("4_Best_of_N.py", beside="gold"))


def test_a_pair_is_reviewed(open_page: Open, imported: RunDir) -> None:
    text = shown(open_page("5_DPO_pairs.py", view="Review"))
    assert "cm-is-chosen" in text
    assert " token" not in text


def test_every_other_page_on_the_run_draws(
    open_page: Open, imported: RunDir, asked: list[Question]
) -> None:
    first = asked[0].question_id
    sampling = str(imported.load_spec()["run"])
    for page, values in {
        "2_Sampling.py": {"run": sampling, "question": first, "sample": "0"},
        "3_Pass_rates.py": {"run": imported.run_id, "question": first},
        "5_GRPO_groups.py": {"run": imported.run_id, "question": first},
    }.items():
        open_page(page, **values)
