"""The command line: exit codes, one JSON document, help with examples."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from codemix_core import jobs, stages, store
from codemix_core.cli.app import main
from codemix_core.cli.job_commands import EXAMPLES
from codemix_core.records import GENERATIONS, Generation, Question
from codemix_core.sampling.stage import SampleSpec
from codemix_core.workspace import Workspace

COMMANDS = ["import", "report", "export", "runs", "stop", "resume", "logs", "serve", "sandbox"]
COMMANDS += ["annotate", "annotations", "undo-annotation"]
COMMANDS += [stage.spec().command for stage in stages.STAGES.values()]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself_with_an_example(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([command, "--help"]) == 0
    shown = capsys.readouterr().out
    assert "Example" in shown
    assert f"python -m codemix_core {command}" in shown


def test_every_example_of_a_stage_is_accepted_by_its_spec() -> None:
    from tests.unit.test_specs import parse_argv

    assert set(EXAMPLES) == set(stages.STAGES)
    for name, examples in EXAMPLES.items():
        for example in examples:
            spec = stages.stage(name).spec()
            assert parse_argv(spec, example.split()).stage == name


def test_bad_input_names_every_problem_and_writes_nothing(
    workspace: Workspace, nano: list[Question], capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ["--questions", "nope", "--model", "/nope", "-n", "0", "-t", "hot", "--split", "bogus"]
    assert main(["sample", *flags]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    for field in ("questions:", "model /nope:", "n:", "temperature:", "split:"):
        assert f"error: {field}" in captured.err
    assert workspace.runs() == []


@pytest.mark.parametrize(
    "argv",
    [
        ["nonsense"],
        ["sample", "--nonsense", "1"],
        ["sample", "--questions", "nowhere", "--model", "nano"],
        ["score", "sample-20200101T000000-abcd"],
        ["score", "../../etc"],
        ["selfcheck", "nowhere"],
        ["report", "score-20200101T000000-abcd"],
        ["logs", "x"],
        ["stop", "x"],
        ["resume", "x"],
        ["import", "/nowhere.json", "--name", "x"],
        ["import-generations", "/nowhere.json", "--questions", "nano"],
        ["serve", "--port", "70000"],
        ["runs", "--stage", "../*"],
    ],
)
def test_bad_input_exits_with_2_and_without_a_traceback(
    argv: list[str], workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(argv) == 2
    shown = capsys.readouterr()
    assert "Traceback" not in shown.err
    assert shown.err.strip()
    assert workspace.runs() == []


def test_json_output_is_one_document(
    workspace: Workspace, nano: list[Question], capsys: pytest.CaptureFixture[str]
) -> None:
    workspace.new_run(SampleSpec.parse({"questions": "nano", "model": "nano"}))
    assert main(["runs", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["state"] for row in rows] == ["queued"]


def test_resuming_a_finished_run_prints_its_id_first(
    workspace: Workspace, nano: list[Question], capsys: pytest.CaptureFixture[str]
) -> None:
    run = workspace.new_run(SampleSpec.parse({"questions": "nano", "model": "nano"}))
    jobs.begin(run)
    jobs.write_exit(run, jobs.State.SUCCEEDED, "8 samples", seconds=1.0)
    assert main(["resume", run.run_id]) == 0
    assert capsys.readouterr().out.splitlines() == [run.run_id, "8 samples (0:01)"]


def test_import_of_the_bundled_set_twice_is_no_error(
    workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["import", "nano"]) == 0
    assert main(["import", "nano", "--json"]) == 0
    last = capsys.readouterr().out.split("\n", 1)[1]
    assert json.loads(last)["new"] is False


def test_export_writes_a_query_as_csv_and_parquet(
    workspace: Workspace, nano: list[Question], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = workspace.new_run(SampleSpec.parse({"questions": "nano", "model": "nano"}))
    row = Generation(nano[0].question_id, 0, 'text, "quoted"', None, "stop", 3, None, None)
    with run.writer(GENERATIONS) as writer:
        writer.append(row)
    for suffix, read in ((".csv", pd.read_csv), (".parquet", pd.read_parquet)):
        out = tmp_path / f"counts{suffix}"
        assert main(["export", run.run_id, "question_counts", "-o", str(out)]) == 0
        assert read(out)["n"].to_list() == [1]
    groups = ["export", run.run_id, "program_groups", "-o", str(tmp_path / "groups.csv")]
    assert main(groups) == 2
    assert "program_groups takes: question_id" in capsys.readouterr().err
    assert main([*groups, "--param", f"question_id={nano[0].question_id}"]) == 0
    assert pd.read_csv(tmp_path / "groups.csv")["count"].to_list() == [1]
    name = nano[0].question_id
    page = ["generation", "--param", f"question_id={name}", "--param", "sample_index=many"]
    assert main(["export", run.run_id, *page, "-o", str(tmp_path / "x.csv")]) == 1
    assert "could not be answered" in capsys.readouterr().err
    assert main(["export", run.run_id, "nope", "-o", str(tmp_path / "x.txt")]) == 2
    assert "QUERY" in capsys.readouterr().err


@pytest.mark.parametrize("name", store.exportable())
def test_filters_order_and_number_of_rows_of_a_query_need_not_be_given(
    workspace: Workspace, nano: list[Question], tmp_path: Path, name: str
) -> None:
    usual, known = store.defaults(name), store.parameters(name)
    assert set(usual) <= set(known)
    if name.endswith("_page"):
        assert set(usual) == set(known)
    if set(usual) == set(known):
        out = tmp_path / "out.csv"
        assert main(["export", "nano", name, "-o", str(out)]) == 0
        assert out.exists()


def test_a_parameter_of_the_wrong_kind_is_refused_with_what_is_allowed(
    workspace: Workspace, nano: list[Question], capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = ["--param=k=two", "--param=descending=maybe", "--param=colour=red"]
    assert main(["export", "nano", "set_page", "-o", "x.csv", *wrong]) == 2
    told = capsys.readouterr().err
    assert "got 'two'; give a whole number." in told
    assert "got 'maybe'; true or false." in told
    assert "may be given: checked, descending, k" in told


@pytest.mark.parametrize("name", ["status.json", "exit.json", "spec.json"])
@pytest.mark.parametrize("text", ["", "{", "{}", "[]", "null"])
def test_one_damaged_file_spoils_no_list(
    workspace: Workspace,
    nano: list[Question],
    capsys: pytest.CaptureFixture[str],
    name: str,
    text: str,
) -> None:
    spec = SampleSpec.parse({"questions": "nano", "model": "nano"})
    whole, damaged = workspace.new_run(spec), workspace.new_run(spec)
    (damaged.root / name).write_text(text)
    assert main(["runs"]) == 0
    shown = capsys.readouterr()
    assert whole.run_id in shown.out
    assert damaged.run_id in shown.out + shown.err
    if name == "spec.json":
        assert main(["resume", damaged.run_id]) == 2
        assert "spec.json is damaged" in capsys.readouterr().err
    else:
        assert jobs.status(damaged).state in ("queued", "crashed")


def test_a_damaged_shard_is_a_clear_error(
    workspace: Workspace, nano: list[Question], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    run = workspace.new_run(SampleSpec.parse({"questions": "nano", "model": "nano"}))
    with run.writer(GENERATIONS) as writer:
        writer.append(Generation(nano[0].question_id, 0, "a", None, None, None, None, None))
    (shard,) = run.shards(GENERATIONS)
    shard.write_bytes(shard.read_bytes()[:50])
    assert main(["export", run.run_id, "question_counts", "-o", str(tmp_path / "x.csv")]) == 1
    assert shard.name in capsys.readouterr().err


def test_a_sampling_run_without_answers_is_not_scored(
    workspace: Workspace, nano: list[Question], capsys: pytest.CaptureFixture[str]
) -> None:
    run = workspace.new_run(SampleSpec.parse({"questions": "nano", "model": "nano"}))
    assert main(["score", run.run_id]) == 2
    assert "holds no generations yet" in capsys.readouterr().err
    assert workspace.runs("score") == []
