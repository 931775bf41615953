"""Question formats: what is one question in one layout is the same question in every other."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from codemix_core.errors import InputError
from codemix_core.questions import formats
from codemix_core.questions.check import check
from codemix_core.questions.importer import ImportSpec, import_questions
from codemix_core.questions.language import signature_fits, tell_language
from codemix_core.questions.nano import nano_questions
from codemix_core.records import Question, content_hash
from codemix_core.workspace import Workspace
from tests.unit.question_files import (
    CASES,
    CPP,
    PYTEST,
    WRITERS,
    make_question,
    problems_of,
    read,
    write_own,
    write_scripts,
    write_viewer,
)

PROJECT = Path(__file__).resolve().parents[2]


def data_folder() -> Path:
    given = os.environ.get("CODEMIX_TEST_DATA")
    folder = (Path(given) if given else PROJECT.parent / "shared" / "data") / "skillmix_cpp"
    if not folder.is_dir():
        pytest.skip(f"the real questions are not at {folder}; set CODEMIX_TEST_DATA")
    return folder


line = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
text = line.filter(lambda value: bool(value.strip()))
identifier = st.text("abcdefghijklmnop-_0123456789", min_size=1, max_size=12).filter(
    lambda name: name not in ("question_id", "k")
)
skill = st.text("abcdefg_ 2D", min_size=1, max_size=10).map(str.strip).filter(bool)


@st.composite
def question_sets(draw: st.DrawFn) -> list[Question]:
    questions = []
    for name in draw(st.lists(identifier, min_size=1, max_size=4, unique=True)):
        kind = draw(st.sampled_from([CPP, PYTEST, CASES]))
        skills = draw(st.lists(skill, min_size=1, max_size=3, unique=True))
        comment = draw(st.text("abc äß漢🙂\u2028\"'\\", max_size=20))
        # U+2028 ends a line for Python's parser only in str.splitlines, never in source.
        mark = "//" if kind is CPP else "#"
        questions.append(
            make_question(
                name,
                kind,
                k=len(skills),
                skills=skills,
                gold=f"{mark} {comment}\n{kind['gold']}",
                docstring=draw(line),
                statement=draw(text),
                split=draw(st.sampled_from([None, "train", "heldout", "hard"])),
                reasoning=draw(st.none() | text),
            )
        )
    return questions


@pytest.mark.parametrize("format_name", WRITERS)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(questions=question_sets())
def test_a_set_written_in_any_format_is_detected_and_reads_back_as_the_same_questions(
    format_name: str, questions: list[Question], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = WRITERS[format_name](questions, tmp_path_factory.mktemp("set"))
    assert formats.detect(path) == format_name
    assert [q.content() for q in read(path)] == [q.content() for q in questions]


def test_our_own_format_also_keeps_the_source_fields(tmp_path: Path) -> None:
    questions = [make_question("a", extra='{"by": "Ada", "n": [1, 2.5, null]}'), make_question("b")]
    assert read(write_own(questions, tmp_path)) == questions


def test_fields_unknown_to_us_stay_with_the_question(tmp_path: Path) -> None:
    (from_scripts,) = read(write_scripts([make_question()], tmp_path))
    extra = json.loads(from_scripts.extra)
    assert extra == {"sample_solution": "// a first try\n", "verification_status": True}
    (from_viewer,) = read(write_viewer([make_question()], tmp_path))
    assert json.loads(from_viewer.extra)["number"] == "0"


def test_the_real_questions_import_from_both_layouts_to_the_same_content(tmp_path: Path) -> None:
    folder = data_folder()
    workspace = Workspace.open(tmp_path)
    viewer = import_questions(str(folder / "viewer.json"), "viewer", "auto", workspace)
    scripts = import_questions(str(folder / "questions.json"), "scripts", "auto", workspace)
    first, second = viewer.question_set.info(), scripts.question_set.info()
    assert first["questions"] == second["questions"] == 131
    assert first["content_hash"] == second["content_hash"]
    assert (first["format"], second["format"]) == ("viewer", "scripts")
    stored = viewer.question_set.questions()
    assert content_hash(stored) == first["content_hash"]
    assert {(q.language, q.framework) for q in stored} == {("cpp", "googletest")}
    assert first["counts"]["k"] == {"1": 25, "2": 106}


def test_the_real_questions_with_python_signatures_are_imported_with_a_warning(
    tmp_path: Path,
) -> None:
    checked = check(formats.read(data_folder() / "questions.json"))
    named = {w.where.split("'")[1][:8] for w in checked.warnings}
    assert named == {"ad6ca7b5", "f934d81b", "f9710faf", "edb20a84"}


def test_the_bundled_questions_pass_the_checks_of_an_import(tmp_path: Path) -> None:
    questions = nano_questions(train=300, heldout=50, hard=50)
    checked = check(formats.read(write_own(questions, tmp_path)))
    assert content_hash(checked.questions) == content_hash(questions)
    assert checked.warnings == []


@pytest.mark.parametrize("alias", ["c++", "C++", "cpp", "CPP", " cxx ", "cc"])
def test_every_usual_name_of_the_language_is_understood(alias: str, tmp_path: Path) -> None:
    path = write_scripts([make_question()], tmp_path)
    document = json.loads(path.read_text())
    document["q7"]["language"] = alias
    path.write_text(json.dumps(document))
    assert [q.language for q in read(path)] == ["cpp"]


def test_a_language_the_code_does_not_show_is_asked_for(tmp_path: Path) -> None:
    unclear = make_question(gold="solve it", tests="check it")
    (problem,) = problems_of(write_viewer([unclear], tmp_path))
    assert problem.startswith("question 'q7', language: is missing and the code does not show it.")
    assert tell_language("def f(:", "def test(): assert f()") is None


def test_tests_that_cannot_judge_the_language_are_refused(tmp_path: Path) -> None:
    wrong = make_question(tests=CASES["tests"])
    (problem,) = problems_of(write_scripts([wrong], tmp_path))
    assert problem.startswith("question 'q7', unit_tests: are cases tests, which cannot judge cpp")


@pytest.mark.parametrize(
    ("language", "signature", "fits"),
    [
        ("cpp", "std::list<int> merge(const std::list<int>& list, int k)", True),
        ("cpp", "vector<int> f(int list[], dict<int> d)", True),
        ("cpp", "list find_path(list graph)", False),
        ("cpp", "def f(x: int) -> int:", False),
        ("python", "def f(x: List[int]) -> int:", True),
        ("python", "f(x, y=3)", True),
        ("python", "int f(int x)", False),
    ],
)
def test_a_signature_of_another_language_is_noticed(
    language: str, signature: str, fits: bool
) -> None:
    assert signature_fits(language, signature) is fits


def test_importing_the_same_again_does_nothing_and_other_content_is_refused(tmp_path: Path) -> None:
    workspace = Workspace.open(tmp_path / "ws")
    path = write_scripts([make_question("a"), make_question("b")], tmp_path)
    first = import_questions(str(path), "mine", "auto", workspace)
    written = (first.question_set.root / "set.json").read_bytes()
    reordered = write_own([make_question("b"), make_question("a")], tmp_path)
    again = import_questions(str(reordered), "mine", "auto", workspace)
    assert first.new
    assert not again.new
    assert "already imported" in again.summary()
    other = write_own([make_question("a", statement="Treble it.")], tmp_path)
    with pytest.raises(InputError, match=r"'mine' with other questions.*Choose another name"):
        import_questions(str(other), "mine", "auto", workspace)
    assert (first.question_set.root / "set.json").read_bytes() == written


def test_what_a_person_should_know_of_a_set_is_kept_with_it(tmp_path: Path) -> None:
    odd = make_question(signature="def twice(x: int):", function_name="thrice", tests="int x;")
    path = write_own([odd], tmp_path)
    imported = import_questions(str(path), "odd", "jsonl", Workspace.open(tmp_path / "ws"))
    info = imported.question_set.info()
    assert info["source"] == str(path.resolve())
    assert info["counts"]["framework"] == {"googletest": 1}
    fields = [warning["where"].rsplit(" ", 1)[1] for warning in info["warnings"]]
    assert fields == ["signature", "function_name", "function_name", "tests"]
    assert "4 warnings" in imported.summary()


def test_the_bundled_set_is_imported_under_its_own_name(tmp_path: Path) -> None:
    workspace = Workspace.open(tmp_path / "ws")
    assert import_questions("nano", None, "auto", workspace).question_set.name == "nano"
    assert len(workspace.question_set("nano").questions()) > 1500
    assert not import_questions("nano", None, "auto", workspace).new


def test_impossible_settings_of_an_import_are_all_named(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        ImportSpec.parse({"path": "x.json", "format": "yaml"})
    assert [p.where for p in caught.value.problems] == ["format", "name", "x.json"]
    workspace = Workspace.open(tmp_path)
    with pytest.raises(InputError, match="does not exist"):
        import_questions(str(tmp_path / "none.json"), "x", "auto", workspace)
    path = write_own([make_question()], tmp_path)
    with pytest.raises(InputError, match="not a usable name"):
        import_questions(str(path), "../x", "auto", workspace)
