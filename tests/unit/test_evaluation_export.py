"""An evaluation as a file: self-contained, escaped, and refused with every problem named."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from codemix_core.cli.app import main
from codemix_core.evaluation import exporting, svg
from codemix_core.evaluation.html_export import page
from codemix_core.records import Question
from codemix_core.workspace import RunDir, Workspace
from tests.evaluation_data import evaluated, spec
from tests.pages_data import made

EVIL = '"><script>alert(1)</script>'


@pytest.fixture
def run(workspace: Workspace, nano: list[Question]) -> RunDir:
    return evaluated(workspace, [*nano[:2], *nano[12:14], *nano[24:26]])


class Tags(HTMLParser):
    """Opens and closes of a document, and every address in it."""

    VOID = ("meta", "br", "line", "circle", "rect", "polyline", "polygon")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        self.addresses += [str(value) for name, value in attrs if name in ("src", "href")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag


def parsed(text: str) -> Tags:
    tags = Tags()
    tags.feed(text)
    assert tags.open == []
    return tags


def test_the_html_file_needs_nothing_else_and_shows_the_figures(run: RunDir) -> None:
    document = exporting.read(run)
    assert document is not None
    text = page(document)
    tags = parsed(text)
    assert {"svg", "table", "details"} <= tags.seen
    assert "script" not in tags.seen
    assert tags.addresses == []
    assert "http" not in text.replace("https", "http").split("</style>")[0]
    assert document["parts"][0]["headline"].replace("→", "→") in text
    for row in document["parts"][0]["comparison"]["differences"]:
        assert f"{row['run']:.3f}" in text
    for row in document["parts"][0]["model"]["by_question"]:
        lost_or_won = row["question_id"] in text
        same = next(
            o["outcome"] == "same"
            for o in document["parts"][0]["comparison"]["outcomes"]
            if o["question_id"] == row["question_id"]
        )
        assert lost_or_won != same
    assert page(document) == text


def test_markup_in_names_is_shown_not_obeyed(run: RunDir) -> None:
    document = exporting.read(run)
    assert document is not None
    text = json.dumps(document)
    skill = document["parts"][0]["comparison"]["by_skill"][0]["skill"]
    question = document["parts"][0]["comparison"]["outcomes"][0]["question_id"]
    for name in (skill, question, "tuned"):
        text = text.replace(json.dumps(name), json.dumps(EVIL + name))
    document = json.loads(text)
    document["warnings"] = [EVIL]
    tags = parsed(page(document))
    assert "script" not in tags.seen


def test_the_pair_map_colours_only_what_can_be_told() -> None:
    row = {"skill": "b", "other_skill": "a", "questions": 9, "difference": 0.5}
    told = svg.pair_map([{**row, "low": 0.2, "high": 0.8, "finding": "better"}])
    assert 'class="up cell"' in told
    untold = svg.pair_map([{**row, "low": -0.2, "high": 0.8, "finding": "no difference"}])
    assert 'class="none cell"' in untold
    assert svg.pair_map([{**row, "difference": None, "low": None, "high": None}]).count("rect") == 0
    assert svg.pair_map([]) == ""


def test_the_ladder_places_points_between_zero_and_one() -> None:
    rows = [{"k": k, "value": v, "low": None, "high": None} for k, v in ((1, 0.0), (8, 1.0))]
    picture = svg.ladder([("one", rows)])
    ys = [float(y) for y in re.findall(r'cy="([\d.]+)"', picture)]
    assert ys == [svg.HEIGHT - svg.BOTTOM, svg.TOP]


def test_the_command_writes_html_and_json(run: RunDir, tmp_path: Path) -> None:
    for name in ("report.html", "report.json"):
        assert main(["export-evaluation", run.run_id, "--out", str(tmp_path / name)]) == 0
    assert json.loads((tmp_path / "report.json").read_text()) == exporting.read(run)
    assert (tmp_path / "report.html").read_text().startswith("<!DOCTYPE html>")


def test_every_problem_of_an_export_is_named_and_nothing_is_written(
    workspace: Workspace, run: RunDir, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    unfinished = made(workspace, spec(), "half")
    out = tmp_path / "nowhere" / "x.pdf"
    assert main(["export-evaluation", unfinished.run_id, "--out", str(out)]) == 2
    shown = capsys.readouterr().err
    assert "ending in .html or .json" in shown
    assert "there is no directory" in shown
    assert "is no complete evaluation" in shown
    assert run.run_id in shown, "those there are"
    assert main(["export-evaluation", "score-20200101T000000-abcd", "-o", "x.html"]) == 2
    assert list(tmp_path.glob("x*")) == []
