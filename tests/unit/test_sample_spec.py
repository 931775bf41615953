"""Settings of a sampling run: every problem at once, and the command line they stand for."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any, get_args

import pytest

from codemix_core.errors import SpecError
from codemix_core.sampling import engines
from codemix_core.sampling.spec import SampleSpec

GIVEN: dict[str, Any] = {"questions": "nano", "model": "nano"}
REMOTE: dict[str, Any] = {**GIVEN, "engine": "openai", "base_url": "http://localhost:8000/v1"}


def problems(**values: Any) -> dict[str, str]:
    with pytest.raises(SpecError) as caught:
        SampleSpec.parse({**GIVEN, **values})
    return {problem.where: str(problem) for problem in caught.value.problems}


def test_defaults_are_32_answers_at_08_direct_from_vllm() -> None:
    spec = SampleSpec.parse(GIVEN)
    assert (spec.n, spec.temperature, spec.style, spec.engine) == (32, 0.8, "direct", "vllm")


def test_every_engine_of_the_registry_can_be_asked_for_and_no_other() -> None:
    assert sorted(get_args(SampleSpec.model_fields["engine"].annotation)) == engines.names()


def test_all_impossible_values_are_reported_together() -> None:
    found = problems(n=0, temperature=2.5, top_p=0, split="test", engine="hf", unknown=1)
    assert set(found) == {"n", "temperature", "top_p", "split", "engine", "unknown"}
    assert "2.5" in found["temperature"]


def test_greedy_sampling_of_many_answers_is_refused_and_says_why() -> None:
    assert "the same" in problems(temperature=0, n=8)["temperature"]
    assert SampleSpec.parse({**GIVEN, "temperature": 0, "n": 1}).n == 1


def test_contradictions_of_a_remote_engine_are_reported_together() -> None:
    found = problems(
        engine="openai", temperature=0, dtype="float16", revision="main", tensor_parallel=2
    )
    assert set(found) == {"base_url", "temperature", "dtype", "revision", "tensor_parallel"}


@pytest.mark.parametrize(
    "address",
    [
        "localhost:8000",
        "ftp://host/v1",
        "http://",
        "http://[::1",
        "http://u:p@host/v1",
        "https://host/v1?key=1",
    ],
)
def test_a_wrong_address_is_refused(address: str) -> None:
    assert "base_url" in problems(engine="openai", base_url=address)


def test_an_address_with_vllm_points_to_the_other_engine() -> None:
    assert "--engine openai" in problems(base_url="http://localhost:8000/v1")["base_url"]


def test_a_key_given_instead_of_its_variable_is_refused_without_repeating_it() -> None:
    found = problems(**{**REMOTE, "api_key_env": "sk-very-secret"})
    assert "api_key_env" in found
    assert "secret" not in found["api_key_env"]


def test_more_skills_than_k_cannot_be_mixed() -> None:
    assert "k = 1" in problems(k=1, skills=("a", "b"))["skills"]
    assert "twice" in problems(skills=("a", "a"))["skills"]


def test_a_broken_template_is_reported_with_the_other_problems(tmp_path: Path) -> None:
    path = tmp_path / "mine.txt"
    path.write_text("{description} {tests}")
    found = problems(template=str(path), temperature=0)
    assert set(found) == {"temperature", f"template {path}"}


def test_paths_become_absolute_so_a_job_in_another_directory_finds_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model").mkdir()
    (tmp_path / "t.txt").write_text("{description}")
    spec = SampleSpec.parse({**GIVEN, "model": "model", "template": "t.txt"})
    assert (spec.model, spec.template) == (str(tmp_path / "model"), str(tmp_path / "t.txt"))
    assert SampleSpec.parse({**GIVEN, "model": "Qwen/Qwen2.5"}).model == "Qwen/Qwen2.5"
    assert SampleSpec.parse({**REMOTE, "model": "model"}).model == "model"


def test_only_the_secrets_the_engine_needs_reach_the_job(tmp_path: Path) -> None:
    assert SampleSpec.parse(GIVEN).secrets() == ()
    assert SampleSpec.parse({**GIVEN, "model": str(tmp_path)}).secrets() == ()
    assert SampleSpec.parse({**GIVEN, "model": "Qwen/Qwen2.5"}).secrets() == ("HF_TOKEN",)
    assert SampleSpec.parse({**REMOTE, "api_key_env": "MY_KEY"}).secrets() == ("MY_KEY",)


def test_a_remote_run_needs_no_device_slot() -> None:
    assert SampleSpec.parse(GIVEN).device() == "accelerator"
    assert SampleSpec.parse(REMOTE).device() is None


def test_the_command_line_of_a_spec_gives_the_spec_back() -> None:
    from codemix_core.cli.options import spec_from

    values = {
        "split": "heldout", "n": 8, "cot": True, "skills": ("a b", "c"), "limit": 5,
        "temperature": 1.0, "include_flagged": True, "top_k": 4,
    }  # fmt: skip
    spec = SampleSpec.parse({**GIVEN, **values})
    words = shlex.split(spec.command_line())
    assert words[:4] == ["python", "-m", "codemix_core", "sample"]
    given: dict[str, Any] = {}
    names = {"-n": "n", "-t": "temperature"}
    rest = iter(words[4:])
    for flag in rest:
        name = names.get(flag, flag.removeprefix("--").replace("-", "_"))
        if name in ("cot", "include_flagged"):
            given[name] = True
        elif name == "skills":
            given.setdefault(name, []).append(next(rest))
        else:
            given[name] = next(rest)
    assert spec_from(SampleSpec, given) == spec
