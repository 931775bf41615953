"""Specs: all problems at once, and the command line that gives a spec back."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codemix_core import stages
from codemix_core.cli.options import parameters, spec_from
from codemix_core.errors import Problem, SpecError
from codemix_core.sampling.spec import SampleSpec
from codemix_core.specs import Spec, field_extra, option
from codemix_core.workspace import Workspace


class Example(Spec):
    """A spec with one field of each kind."""

    stage: ClassVar[str] = "example"
    command: ClassVar[str] = "example"

    run: str = option(..., "A run.", argument=True, min_length=1)
    count: int = option(4, "How many.", flags=("-n",), ge=1, le=99)
    heat: float = option(0.8, "How hot.", flags=("-t",), ge=-1, le=2)
    mode: Literal["fast", "slow"] = option("fast", "Which way.")
    loud: bool = option(False, "Make noise.")
    skills: tuple[str, ...] = option((), "Only these.")
    extra: dict[str, int] = option({}, "More.")
    note: str | None = option(None, "A remark.")

    def contradictions(self) -> list[Problem]:
        if self.loud and self.mode == "slow":
            return [Problem("loud", "is True with mode slow;", "choose one.")]
        return []


def problems(values: dict[str, Any]) -> list[str]:
    with pytest.raises(SpecError) as caught:
        Example.parse(values)
    return [problem.where for problem in caught.value.problems]


def test_every_problem_is_reported_at_once() -> None:
    given = {"count": 0, "heat": "hot", "mode": "medium", "colour": "red"}
    assert sorted(problems(given)) == ["colour", "count", "heat", "mode", "run"]


def test_a_problem_names_value_and_what_is_allowed() -> None:
    with pytest.raises(SpecError, match=r"count: got 100; allowed: .*less than or equal to 99"):
        Example.parse({"run": "r", "count": 100})


def test_contradictions_between_valid_fields_are_reported() -> None:
    assert problems({"run": "r", "loud": True, "mode": "slow"}) == ["loud"]


def test_wrong_fields_hide_neither_contradictions_nor_what_the_workspace_lacks(
    workspace: Workspace,
) -> None:
    given = {"questions": "nope", "model": "/nope", "n": "0", "split": "bogus", "top_p": 0}
    given |= {"k": 1, "skills": ("sum", "sort"), "base_url": "http://here/v1"}
    with pytest.raises(SpecError) as caught:
        SampleSpec.parse(given, workspace)
    told = sorted(problem.field for problem in caught.value.problems)
    assert told == ["base_url", "model", "n", "questions", "skills", "split", "top_p"]


def test_a_contradiction_does_not_hide_what_the_workspace_lacks(workspace: Workspace) -> None:
    given = {"questions": "nope", "model": "/nope", "n": 8, "temperature": 0}
    with pytest.raises(SpecError) as caught:
        SampleSpec.parse(given, workspace)
    told = [problem.field for problem in caught.value.problems]
    assert told == ["temperature", "questions", "model"]


def test_a_list_with_a_wrong_item_is_one_problem_and_hides_no_other(workspace: Workspace) -> None:
    given = {"model": "a/b", "baseline": "a/b", "questions": "nope", "split": ("bogus",)}
    with pytest.raises(SpecError) as caught:
        stages.stage("evaluate").spec().parse(given, workspace)
    told = [problem.where for problem in caught.value.problems]
    assert told == ["split.0", "baseline", "questions"]


@given(
    temperature=st.sampled_from([0.0, 0.8]),
    k=st.none() | st.integers(1, 3),
    skills=st.lists(st.sampled_from(["sum", "sort", "map"]), max_size=3),
    base_url=st.none() | st.just("http://here/v1"),
    wrong=st.sets(st.sampled_from(["n", "k", "engine", "temperature"]), min_size=1),
    n=st.integers(1, 4096),
    engine=st.sampled_from(["vllm", "openai"]),
)
def test_nothing_is_told_that_another_value_of_a_wrong_field_would_mend(
    wrong: set[str], n: int, engine: str, **others: Any
) -> None:
    """Whatever the wrong fields are mended to, the problems told of other fields are there."""

    def told(values: dict[str, Any]) -> set[tuple[str, str]]:
        try:
            SampleSpec.parse({"questions": "q", "model": "m", **values})
        except SpecError as error:
            return {(p.field, p.what) for p in error.problems if p.field not in wrong}
        return set()

    values = {**others, "skills": tuple(others["skills"]), "n": n, "engine": engine}
    assert told(values | dict.fromkeys(wrong, "wrong")) <= told(values)


def test_not_a_number_is_refused() -> None:
    assert problems({"run": "r", "heat": float("nan")}) == ["heat"]


def parse_argv(spec: type[Spec], argv: list[str]) -> Spec:
    """What the real command-line parser makes of ``argv``."""
    import inspect

    import typer

    from codemix_core.cli.options import with_signature

    seen: list[Spec] = []

    def keep(**values: Any) -> None:
        seen.append(spec_from(spec, values))

    app = typer.Typer(rich_markup_mode=None)
    app.command(spec.command)(with_signature(keep, spec, []))
    app.command("other")(lambda: None)
    app(args=argv, standalone_mode=False)
    assert inspect.signature(keep)
    return seen[0]


@given(
    run=st.text("abc-", min_size=1).filter(lambda t: not t.startswith("-")),
    count=st.integers(1, 99),
    heat=st.floats(-1, 2, allow_nan=False),
    mode=st.sampled_from(["fast", "slow"]),
    skills=st.lists(st.text("abc-= '\"$", min_size=1), max_size=3),
    extra=st.dictionaries(st.text("ab\"'", min_size=1), st.integers(), max_size=2),
    note=st.none() | st.text("ab \n-$'", min_size=1),
)
def test_the_command_line_of_a_spec_gives_the_same_spec(**values: Any) -> None:
    spec = Example.parse({**values, "skills": tuple(values["skills"])})
    assert parse_argv(Example, spec.argv()) == spec


def test_a_true_default_can_be_switched_off_from_the_command_line() -> None:
    class Switch(Spec):
        """A spec whose switch is on."""

        stage: ClassVar[str] = "switch"
        command: ClassVar[str] = "switch"
        cache: bool = option(True, "Use it.")

    off = Switch.parse({"cache": False})
    assert off.argv() == ["switch", "--no-cache"]
    assert parse_argv(Switch, off.argv()) == off


@pytest.mark.parametrize("name", list(stages.STAGES))
def test_every_field_of_every_stage_is_a_documented_flag(name: str) -> None:
    spec = stages.stage(name).spec()
    assert len(parameters(spec)) == len(spec.model_fields) > 0
    for field, info in spec.model_fields.items():
        assert info.description, f"{name}.{field} has no description"
        assert set(field_extra(info)) == {"flags", "argument"}
    assert spec.stage == name
