"""What came from what, with everything there and with parts deleted."""

from __future__ import annotations

import json

import pytest

from codemix_core import files, lineage, lineage_nodes
from codemix_core.cli.app import main
from codemix_core.errors import InputError, NotFoundError
from codemix_core.lineage import Graph, Ref
from codemix_core.records import Question
from codemix_core.sampling.spec import SampleSpec
from codemix_core.scoring.selfcheck import SelfcheckSpec
from codemix_core.training.spec import TrainSpec
from codemix_core.ui import lineage_layout
from codemix_core.workspace import RunDir, Workspace
from tests.lineage_data import Round, looped, play, play_gold
from tests.pages_data import ended, made, write_samples


@pytest.fixture
def asked(nano: list[Question]) -> list[Question]:
    """Six questions, two of each split."""
    return [*nano[:2], *nano[12:14], *nano[24:26]]


@pytest.fixture
def first(workspace: Workspace, asked: list[Question]) -> Round:
    return play(workspace, asked, "a")


@pytest.fixture
def second(workspace: Workspace, asked: list[Question], first: Round) -> Round:
    return play(workspace, asked, "b", model=first.model)


def ref(run: RunDir | None) -> Ref:
    assert run is not None
    return Ref(run.stage, run.run_id)


def chain_of(played: Round) -> list[Ref]:
    """The nodes of a round in their order."""
    runs = [ref(run) for run in (played.sample, played.score, played.build, played.train) if run]
    return [*runs, Ref("model", played.model), ref(played.evaluate)]


QUESTIONS, BASE = Ref("questions", "nano"), Ref("model", "nano")


def test_a_model_knows_its_whole_round_and_what_came_of_it(
    workspace: Workspace, first: Round
) -> None:
    graph = lineage.of(workspace, first.model)
    sample, score, build, train, model, evaluate = chain_of(first)
    assert graph.ancestors == {QUESTIONS, BASE, sample, score, build, train}
    assert graph.descendants == {evaluate}
    reduced = graph.reduced()
    assert reduced[sample] == (QUESTIONS, BASE)
    assert reduced[train] == (build,), "that training began with nano is said by the samples"
    assert reduced[evaluate] == (model,)


def test_an_evaluation_stands_for_the_runs_that_only_it_uses(
    workspace: Workspace, first: Round
) -> None:
    graph = lineage.of(workspace, first.evaluate.run_id)
    kinds = [node.kind for node in graph.parents]
    assert kinds.count("sample") == kinds.count("score") == 1
    step = next(r for r in workspace.runs("score") if r.run_id.endswith("tuna"))
    shown = lineage.of(workspace, step.run_id)
    sampled = Ref("sample", step.load_spec()["run"])
    assert sampled in shown.ancestors, "asked for itself, it is shown"
    assert ref(first.evaluate) in shown.descendants
    assert ref(step) in lineage.of(workspace, sampled.id).descendants


def test_the_next_round_descends_from_the_model_and_its_evaluation(
    workspace: Workspace, first: Round, second: Round
) -> None:
    for asked_for in (first.model, first.train.run_id, first.evaluate.run_id):
        graph = lineage.of(workspace, asked_for)
        assert set(chain_of(second)) <= graph.descendants
    rounds = graph.rounds()
    assert {rounds[node] for node in chain_of(first)} == {1}
    assert {rounds[node] for node in chain_of(second)} == {2}
    assert rounds[QUESTIONS] == 1
    late = lineage.of(workspace, second.evaluate.run_id)
    assert set(chain_of(first)[:-1]) <= late.ancestors
    assert ref(first.evaluate) not in late.parents, "a sibling is neither"


def test_a_loop_stands_for_all_its_steps(workspace: Workspace, first: Round, second: Round) -> None:
    loop = looped(workspace, [first, second])
    graph = lineage.of(workspace, loop.run_id)
    steps = [*first.steps().values(), *second.steps().values()]
    assert {node.id for node in graph.focus} == set(steps)
    assert set(chain_of(first)) | set(chain_of(second)) <= set(graph.parents)


def test_gold_solutions_lead_from_the_questions_to_the_dataset(
    workspace: Workspace, asked: list[Question]
) -> None:
    played = play_gold(workspace, asked, "g")
    graph = lineage.of(workspace, played.train.run_id)
    reduced = graph.reduced()
    assert reduced[ref(played.build)] == (QUESTIONS,)
    assert reduced[ref(played.train)] == (ref(played.build), BASE)


@pytest.mark.parametrize("stage", ["sample", "score", "build", "train", "evaluate"])
def test_a_deleted_run_stays_as_a_gone_node(
    workspace: Workspace, first: Round, second: Round, stage: str
) -> None:
    whole = lineage.of(workspace, second.model)
    run = getattr(first, stage)
    run.delete()
    graph = lineage.of(workspace, second.model)
    if stage == "evaluate":
        assert ref(run) not in graph.parents, "nothing was made from it"
        return
    if stage == "build":
        assert graph.parents[ref(run)] == (QUESTIONS,), "all that the model's registration knows"
    else:
        assert graph.reduced() == whole.reduced()
    assert lineage_nodes.describe(workspace, graph)[ref(run)].gone
    assert lineage.of(workspace, run.run_id).descendants >= set(chain_of(second)), "by its id too"


def test_a_whole_round_can_be_gone_but_for_its_model(workspace: Workspace, first: Round) -> None:
    before = lineage.of(workspace, first.model).reduced()
    for run in (first.sample, first.score, first.train):
        assert run is not None
        run.delete()
    assert lineage.of(workspace, first.model).reduced() == before, "the dataset tells the rest"
    first.build.delete()
    graph = lineage.of(workspace, first.model)
    assert graph.parents[ref(first.build)] == (QUESTIONS,), "the registration knows the questions"
    assert graph.parents[ref(first.train)] == (ref(first.build), BASE)


def test_a_forgotten_model_and_a_deleted_question_set_are_gone(
    workspace: Workspace, first: Round, second: Round
) -> None:
    workspace.forget_model(first.model)
    (workspace.questions_root / "nano" / "set.json").unlink()
    graph = lineage.of(workspace, second.model)
    nodes = lineage_nodes.describe(workspace, graph)
    assert nodes[Ref("model", first.model)].gone
    assert nodes[QUESTIONS].gone
    assert not nodes[BASE].gone
    assert ref(first.train) in graph.ancestors, "its training run still says whose it was"
    assert lineage.of(workspace, first.model).focus == {Ref("model", first.model)}


def test_a_name_means_the_model_there_was_when_the_run_was_made(
    workspace: Workspace, first: Round
) -> None:
    old = RunDir(workspace, first.train.run_id.replace("train-2", "train-1"))
    first.train.root.rename(old.root)
    entry = workspace.models()[first.model]
    spec = TrainSpec.parse({"dataset": first.build.run_id, "model": first.model})
    again = ended(made(workspace, spec, "agai"), 3, "steps")
    new = RunDir(workspace, again.run_id.replace("train-2", "train-3"))
    again.root.rename(new.root)
    workspace.write_model(first.model, {**entry, "run": new.run_id, "base": first.model})
    graph = lineage.of(workspace, first.model)
    earlier = Ref("model", f"{first.model}{lineage.EARLIER}")
    assert graph.parents[ref(new)] == (ref(first.build), earlier)
    assert graph.parents[earlier] == (ref(old),)
    assert ref(first.evaluate) not in graph.descendants, "it measured the earlier one"
    assert lineage_nodes.describe(workspace, graph)[earlier].gone


def test_settings_that_lead_in_a_circle_end(workspace: Workspace, first: Round) -> None:
    assert first.sample is not None
    spec = first.build.load_spec()
    files.write_json(first.build.spec_path, {**spec, "run": first.build.run_id})
    sample = first.sample.load_spec()
    files.write_json(first.sample.spec_path, {**sample, "model": first.model})
    graph = lineage.of(workspace, first.model)
    assert graph.ranks()
    lineage_layout.arrange(graph)
    assert lineage_nodes.tree(workspace, graph)


def test_models_of_the_hub_and_of_servers_are_not_gone(
    workspace: Workspace, asked: list[Question]
) -> None:
    values = {"questions": "nano", "engine": "openai", "base_url": "http://localhost:1/v1", "n": 4}
    spec = SampleSpec.parse({**values, "model": "remote"})
    run = write_samples(workspace, asked, "remo", spec=spec)
    hub = SampleSpec.parse({"questions": "nano", "model": "org/name", "n": 4})
    other = write_samples(workspace, asked, "hubb", spec=hub)
    lost = SampleSpec.parse({"questions": "nano", "model": "/nowhere/at/all", "n": 4})
    third = write_samples(workspace, asked, "lost", spec=lost)
    gone = {}
    for found in (run, other, third):
        graph = lineage.of(workspace, found.run_id)
        nodes = lineage_nodes.describe(workspace, graph).values()
        gone |= {node.id: node.gone for node in nodes if node.kind == "model"}
    assert gone == {"remote": False, "org/name": False, "/nowhere/at/all": True}


def test_what_nobody_knows_is_said_with_what_there_is(workspace: Workspace, first: Round) -> None:
    with pytest.raises(NotFoundError, match="Models: .*tuned-a"):
        lineage.of(workspace, "nobody")
    with pytest.raises(NotFoundError, match="no run"):
        lineage.of(workspace, "sample-20200101T000000-none")
    check = made(workspace, SelfcheckSpec.parse({"questions": "nano"}), "gold")
    with pytest.raises(InputError, match="a selfcheck run has none"):
        lineage.of(workspace, check.run_id)


def test_nodes_carry_their_headline_numbers(workspace: Workspace, first: Round) -> None:
    graph = lineage.of(workspace, first.model)
    found = {r.kind: n for r, n in lineage_nodes.describe(workspace, graph).items() if r != BASE}
    rows = files.read_json(first.build.dataset_path)["files"]["train"]["rows"]
    assert found["questions"].number == "36 questions"
    assert (found["sample"].label, found["sample"].number) == ("n 4, T 1", "24 answers")
    assert found["score"].number == "pass@1 0.42"
    assert (found["build"].label, found["build"].number) == ("DPO, nearest", f"{rows} rows")
    assert (found["train"].label, found["train"].number) == ("dpo_full", "3 steps")
    assert found["model"].number == "epoch 0"
    assert found["evaluate"].number == "0.42 → 0.71"
    assert found["evaluate"].state == "succeeded"


def test_the_command_prints_a_tree_with_what_was_asked_for_marked(
    workspace: Workspace, first: Round, second: Round, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["lineage", second.model]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["model nano", "question set nano  36 questions"]
    (marked,) = [line for line in lines if line.endswith("←")]
    assert f"model {second.model}" in marked
    (parent,) = [line for line in lines if f"model {first.model}" in line]
    (child,) = [line for line in lines if ref(second.sample).id in line]
    assert child.index("─ sampling") > parent.index("─ model")
    assert sum("question set nano" in line for line in lines) == 1, "each node once"


def test_the_command_prints_one_document(
    workspace: Workspace, first: Round, capsys: pytest.CaptureFixture[str]
) -> None:
    first.build.delete()
    assert main(["lineage", first.train.run_id, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    found = {node["kind"]: node for node in document["nodes"] if node["id"] != "nano"}
    assert found["train"]["relation"] == "asked for"
    assert found["build"]["gone"] is True
    assert found["evaluate"]["relation"] == "descendant"
    assert {"kind": "train", "id": first.train.run_id} in found["model"]["parents"]


def test_boxes_stand_left_to_right_and_never_on_each_other(
    workspace: Workspace, first: Round, second: Round, asked: list[Question]
) -> None:
    play(workspace, asked, "c", model=first.model)
    graph: Graph = lineage.of(workspace, first.model)
    layout = lineage_layout.arrange(graph)
    assert set(layout.boxes) == set(graph.parents)
    assert len(set(layout.boxes.values())) == len(layout.boxes)
    for played in (first, second):
        places = [layout.boxes[node] for node in chain_of(played)]
        assert [x for x, _ in places] == sorted({x for x, _ in places})
        assert len({y for _, y in places}) == 1, "a round is a row"
    assert layout.boxes[ref(second.sample)][1] > layout.boxes[ref(first.sample)][1] + 1
    assert len(layout.lines) == sum(map(len, graph.reduced().values()))
    assert list(layout.rounds) == [2]
    assert max(y for _, y in layout.boxes.values()) == pytest.approx(layout.height - 1)
