"""Which model a name means, what is wrong with it, and the exact prompt it would get."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from codemix_core.errors import ModelError
from codemix_core.records import Question
from codemix_core.sampling import chat, models, prompts
from codemix_core.sampling.preview import preview
from codemix_core.sampling.spec import SampleSpec
from codemix_core.workspace import Workspace

TEMPLATES = {
    "chatml": "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\\n' + m['content'] +"
    " '<|im_end|>' + '\\n' }}{% endfor %}{% if add_generation_prompt %}{{"
    " '<|im_start|>assistant\\n' }}{% endif %}",
    "blocks": "{%- for m in messages %}\n    {%- if loop.index > 9 %}{% break %}{% endif %}\n"
    "{{ m.content | trim }}\n  {% endfor %}\n{{ eos_token }}{{ bos_token }}|{{ unk_token }}|",
    "generation": "{% for m in messages %}{% generation %}{{ m.content }}{% endgeneration %}"
    "{% endfor %}{{ messages | tojson }}{{ messages[0] | tojson(indent=2) }}",
    "no system": "{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not"
    " supported') }}{% endif %}{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}",
    "date": "{{ strftime_now('%d %b %Y') }}{% set ns = namespace(n=0) %}{% for m in messages %}"
    "{% set ns.n = ns.n + 1 %}{{ ns.n }}{{ m.content }}{% endfor %}{{ tools is none }}",
}


def messages(text: str = "é ½\r\n\t def f(x):  return x<|im_end|>12345") -> chat.Messages:
    return [{"role": "system", "content": "You are  one."}, {"role": "user", "content": text}]


@pytest.fixture
def checkpoint(tmp_path: Path, nano_model: Path) -> Path:
    """A copy of the bundled model that a test may break."""
    copy = tmp_path / "checkpoint"
    shutil.copytree(nano_model, copy)
    return copy


def edit(path: Path, **changes: Any) -> None:
    document = json.loads(path.read_text())
    document.update(changes)
    path.write_text(json.dumps({k: v for k, v in document.items() if v is not ...}))


def wrong(checkpoint: Path) -> list[str]:
    with pytest.raises(ModelError) as caught:
        models.find(str(checkpoint))
    return [problem.what for problem in caught.value.problems]


def test_nano_is_the_bundled_model_even_beside_a_directory_of_that_name(
    nano_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "nano").mkdir()
    monkeypatch.chdir(tmp_path)
    found = models.find("nano")
    assert (found.directory, found.context, found.revision) == (nano_model, 2048, None)


def test_a_directory_goes_before_a_registered_model(
    workspace: Workspace, checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace.write_model("tuned", {"path": str(checkpoint)})
    assert models.find("tuned", None, workspace).directory == checkpoint
    (tmp_path / "tuned").mkdir()
    monkeypatch.chdir(tmp_path)
    assert models.locate("tuned", workspace) == tmp_path / "tuned"


def test_an_unknown_name_lists_what_may_be_given(workspace: Workspace, checkpoint: Path) -> None:
    workspace.write_model("tuned", {"path": str(checkpoint)})
    with pytest.raises(ModelError, match=r"'gpt' is not known.*\(tuned\).*Hugging Face id"):
        models.find("gpt", None, workspace)


def test_every_problem_of_a_directory_is_named_at_once(checkpoint: Path) -> None:
    for name in ("config.json", "tokenizer.json", "chat_template.jinja", "model.safetensors"):
        (checkpoint / name).unlink()
    edit(checkpoint / "tokenizer_config.json", chat_template=...)
    found = wrong(checkpoint)
    assert len(found) == 4
    for what in ("no config.json", "no tokenizer", "no chat template", "no weights"):
        assert any(what in text for text in found), what


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda d: (d / "config.json").write_text("{"), "its config.json is not valid JSON"),
        (lambda d: (d / "tokenizer.json").write_text("[]"), "its tokenizer.json is not valid"),
        (lambda d: edit(d / "config.json", architectures=[]), "names no architecture"),
        (lambda d: (d / "model.safetensors").write_bytes(b""), "has empty weight files"),
        (lambda d: (d / "chat_template.jinja").write_text("{% if %}"), "template is not valid"),
        (
            lambda d: (d / "model.safetensors.index.json").write_text(
                '{"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}'
            ),
            "lacks weight files: model-1.safetensors, model-2.safetensors",
        ),
        (
            lambda d: (d / "config.json").rename(d / "adapter_config.json"),
            "is a LoRA adapter",
        ),
    ],
)
def test_a_damaged_checkpoint_is_told_before_any_engine_starts(
    checkpoint: Path, damage: Callable[[Path], object], said: str
) -> None:
    damage(checkpoint)
    assert any(said in what for what in wrong(checkpoint))


def test_a_wrong_path_is_not_taken_for_a_hub_id(tmp_path: Path) -> None:
    for name in (str(tmp_path / "gone"), "./gone/there", "~/no-such-model-here"):
        with pytest.raises(ModelError, match="does not exist"):
            models.find(name)
    (tmp_path / "file").write_text("x")
    with pytest.raises(ModelError, match="is not a directory"):
        models.find(str(tmp_path / "file"))


def test_a_revision_of_a_directory_makes_no_sense(nano_model: Path) -> None:
    with pytest.raises(ModelError, match="revision: only a Hugging Face model has revisions"):
        models.find(str(nano_model), "main")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        ("RepositoryNotFoundError", "neither a directory here nor on the Hugging Face hub"),
        ("RevisionNotFoundError", "has no revision 'v9'"),
        ("GatedRepoError", "gated and this account has no access"),
        ("OfflineModeIsEnabled", "hub cannot be reached"),
        (None, "hub cannot be reached"),
    ],
)
def test_what_the_hub_refuses_is_said_plainly(
    monkeypatch: pytest.MonkeyPatch, error: str | None, said: str
) -> None:
    import huggingface_hub
    from huggingface_hub import errors

    def model_info(*_: Any, **__: Any) -> None:
        kind = getattr(errors, error) if error else ConnectionError
        if issubclass(kind, errors.HfHubHTTPError):
            raise kind("refused", response=SimpleNamespace(headers={}, request=None))
        raise kind("no route to host")

    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", model_info)
    with pytest.raises(ModelError, match=said):
        models.find("someone/model-of-theirs", "v9")


def test_a_hub_model_is_pinned_to_the_commit_of_its_snapshot(
    monkeypatch: pytest.MonkeyPatch, nano_model: Path, tmp_path: Path
) -> None:
    import huggingface_hub

    snapshot = tmp_path / "snapshots" / "0123abc"
    shutil.copytree(nano_model, snapshot)
    (snapshot / "model.safetensors").unlink()
    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", lambda *_, **__: None)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", lambda *_, **__: str(snapshot))
    found = models.find("someone/model", "main")
    assert (found.location, found.revision, found.context) == ("someone/model", "0123abc", 2048)


@pytest.mark.parametrize("name", sorted(TEMPLATES))
def test_files_alone_give_the_prompt_that_transformers_gives(checkpoint: Path, name: str) -> None:
    (checkpoint / "chat_template.jinja").write_text(TEMPLATES[name])
    ours = chat.FileFormat(checkpoint)
    theirs = chat.TransformersFormat(str(checkpoint), None)
    for text in (messages(), messages("日本語 🎉\n\n\n   x"), messages("")):
        assert chat.render(ours, text) == chat.render(theirs, text)


def test_named_templates_and_the_old_place_of_a_template_are_found(checkpoint: Path) -> None:
    (checkpoint / "chat_template.jinja").unlink()
    named = [
        {"name": "tool_use", "template": "no"},
        {"name": "default", "template": TEMPLATES["chatml"]},
    ]
    for value in (TEMPLATES["chatml"], named):
        edit(checkpoint / "tokenizer_config.json", chat_template=value)
        ours = chat.render(chat.FileFormat(checkpoint), messages())
        assert ours == chat.render(chat.TransformersFormat(str(checkpoint), None), messages())
        assert ours.text.endswith("<|im_start|>assistant\n")


def test_a_model_without_system_role_gets_the_system_text_in_the_user_message(
    checkpoint: Path,
) -> None:
    (checkpoint / "chat_template.jinja").write_text(TEMPLATES["no system"])
    rendered = chat.render(chat.FileFormat(checkpoint), messages("Solve."))
    assert rendered.messages == [{"role": "user", "content": "You are  one.\n\nSolve."}]
    assert rendered.text == "<user>You are  one.\n\nSolve."


def test_a_refusing_template_flags_the_question(checkpoint: Path) -> None:
    (checkpoint / "chat_template.jinja").write_text("{{ raise_exception('never') }}")
    prompt = chat.make_prompt(chat.FileFormat(checkpoint), 100, "q", messages())
    assert prompt.problem == "the chat template refuses the prompt: never"


def test_the_preview_of_a_question_is_the_prompt_transformers_would_make(
    all_nano: list[Question], nano_model: Path
) -> None:
    theirs = chat.TransformersFormat(str(nano_model), None)
    for cot in (False, True):
        spec = SampleSpec.parse({"questions": "nano", "model": "nano", "cot": cot})
        for question in all_nano[::97]:
            shown = preview(spec, question)
            expected = chat.render(theirs, prompts.build_messages(question, spec.style))
            assert (shown.rendered, shown.token_ids) == (expected.text, expected.token_ids)
            assert shown.n_tokens == len(expected.token_ids or ())
            assert shown.problem is None


def test_a_prompt_longer_than_the_context_is_a_problem_of_its_question(
    checkpoint: Path, all_nano: list[Question]
) -> None:
    edit(checkpoint / "config.json", max_position_embeddings=50)
    spec = SampleSpec.parse({"questions": "nano", "model": str(checkpoint)})
    shown = preview(spec, all_nano[0])
    assert shown.problem is not None
    assert f"{shown.n_tokens} tokens" in shown.problem
    assert "50" in shown.problem


def test_a_remote_preview_shows_messages_alone(all_nano: list[Question]) -> None:
    values = {"questions": "nano", "model": "m", "engine": "openai", "base_url": "http://h/v1"}
    shown = preview(SampleSpec.parse(values), all_nano[0])
    assert shown.messages == prompts.build_messages(all_nano[0], "direct")
    assert (shown.rendered, shown.token_ids, shown.n_tokens) == (None, None, None)


def test_a_preview_is_quick_and_imports_no_model_library() -> None:
    code = (
        "import sys, time\n"
        "from codemix_core.questions.nano import nano_questions\n"
        "from codemix_core.sampling.preview import preview\n"
        "from codemix_core.sampling.spec import SampleSpec\n"
        "question = nano_questions(train=1, heldout=1, hard=1)[0]\n"
        "began = time.process_time()\n"
        "shown = preview(SampleSpec.parse({'questions': 'q', 'model': 'nano'}), question)\n"
        "print(time.process_time() - began, shown.n_tokens)\n"
        "print({'torch', 'transformers', 'vllm', 'ray', 'torchtune'} & set(sys.modules))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    first, second = done.stdout.splitlines()
    seconds, tokens = first.split()
    assert float(seconds) < 0.3
    assert int(tokens) > 20
    assert second == "set()"


def test_checking_a_model_is_quick(nano_model: Path) -> None:
    began = time.process_time()
    models.find(str(nano_model))
    assert time.process_time() - began < 0.2


def test_a_tokenizer_that_cannot_be_loaded_is_a_problem_of_the_model(
    checkpoint: Path, all_nano: list[Question]
) -> None:
    (checkpoint / "tokenizer.json").write_text('{"model": {"type": "none such"}}')
    spec = SampleSpec.parse({"questions": "nano", "model": str(checkpoint)})
    with pytest.raises(ModelError, match=r"its tokenizer\.json cannot be loaded"):
        preview(spec, all_nano[0])
