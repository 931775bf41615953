"""Settings of a sampling run, and what cannot be run together.

Only light imports: pages and the command line read this file.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import model_validator

from codemix_core import devices
from codemix_core.errors import InputError, Problem
from codemix_core.sampling import prompts
from codemix_core.specs import Spec, option

if TYPE_CHECKING:
    from codemix_core.workspace import Workspace

NANO = "nano"
"""The name of the bundled model."""


def absolute_path(value: str) -> str:
    """An existing path made absolute, so the job finds it wherever it runs; else as given."""
    path = Path(value).expanduser()
    return str(path.absolute()) if value and value != NANO and path.exists() else value


class SampleSpec(Spec):
    """What to sample: which questions, which model, how many answers, and how."""

    stage: ClassVar[str] = "sample"
    command: ClassVar[str] = "sample"

    questions: str = option(doc="question set to sample")
    model: str = option(
        doc="'nano', a checkpoint directory, a registered model or a Hugging Face id;"
        " for engine openai the name the server knows",
        min_length=1,
    )
    revision: str | None = option(None, "branch, tag or commit of a Hugging Face model")
    engine: Literal["vllm", "openai"] = option("vllm", "vllm here, or an OpenAI-compatible server")
    n: int = option(32, "answers per question", flags=("-n",), ge=1, le=4096)
    temperature: float = option(
        0.8, "sampling temperature; 0 is greedy", flags=("-t",), ge=0.0, le=2.0
    )
    top_p: float = option(1.0, "smallest share of probability to sample from", gt=0.0, le=1.0)
    top_k: int = option(0, "number of likeliest tokens to sample from; 0 for all", ge=0)
    max_tokens: int = option(
        1024, "longest answer in tokens; the model's context may end it earlier", ge=1, le=1_000_000
    )
    cot: bool = option(False, "ask for step-by-step reasoning before the program")
    template: str | None = option(
        None, "own prompt template, a text file, instead of the bundled one"
    )
    split: Literal["train", "heldout", "hard"] | None = option(None, "only questions of this split")
    skills: tuple[str, ...] = option((), "only questions that mix all of these skills")
    k: int | None = option(None, "only questions that mix this many skills", ge=1)
    limit: int | None = option(None, "only the first this many of the chosen questions", ge=1)
    include_flagged: bool = option(
        False, "also sample questions whose gold solution failed the self-check"
    )
    seed: int = option(0, "seed of the engine's random numbers", ge=0, le=2**31 - 1)
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = option(
        "auto", "number format; auto: the checkpoint's own"
    )
    tensor_parallel: int = option(1, "GPUs to share one model between", ge=1)
    gpu_memory_utilization: float | None = option(
        None, "share of the device's memory to take; left out: from what is free", gt=0.0, le=1.0
    )
    base_url: str | None = option(
        None, "address of an OpenAI-compatible server, e.g. http://localhost:8000/v1"
    )
    api_key_env: str = option("OPENAI_API_KEY", "environment variable with the server's key")
    concurrency: int = option(16, "requests in flight at the server", ge=1, le=1024)
    max_retries: int = option(6, "retries of a request the server failed", ge=0, le=100)

    @model_validator(mode="before")
    @classmethod
    def _find_from_anywhere(cls, values: Any) -> Any:
        """Paths that exist made absolute; a remote model's name is no path."""
        if not isinstance(values, dict):
            return values
        names = ["template"] if values.get("engine") == "openai" else ["template", "model"]
        given = {name: values[name] for name in names if isinstance(values.get(name), str)}
        return values | {name: absolute_path(value) for name, value in given.items()}

    @property
    def style(self) -> str:
        """The prompt style, ``direct`` or ``cot``."""
        return "cot" if self.cot else "direct"

    def device(self) -> str | None:
        """The accelerator's slot for vLLM; none for a remote server."""
        return "accelerator" if self.engine == "vllm" else None

    def secrets(self) -> tuple[str, ...]:
        """The server's key, or the Hugging Face token when the model is not a local one."""
        if self.engine == "openai":
            return (self.api_key_env,)
        return () if self.model == NANO or Path(self.model).is_absolute() else ("HF_TOKEN",)

    def contradictions(self) -> list[Problem]:
        """Everything that is wrong between settings, and with the template file."""
        problems = self._sampling_problems()
        problems += self._remote_problems() if self.engine == "openai" else self._local_problems()
        if self.template is not None:
            problems += prompts.check_file(Path(self.template))
        return problems

    def check(self, workspace: Workspace) -> list[Problem]:
        """What the workspace lacks: the set, a question that passes the filter, the model.

        A Hugging Face id is checked by the job, which may wait for the network.
        """
        from codemix_core.sampling import models
        from codemix_core.sampling.choice import chosen_questions

        problems: list[Problem] = []
        try:
            chosen_questions(self, workspace)
        except InputError as error:
            problems += error.problems
        if self.engine == "vllm" and not models.is_hub_id(self.model, workspace):
            try:
                models.find(self.model, self.revision, workspace)
            except InputError as error:
                problems += error.problems
        count = len(devices.gpus())
        if self.tensor_parallel > max(1, count):
            what = f"asks for {self.tensor_parallel} GPUs, and this machine has {count}."
            problems.append(Problem("tensor_parallel", what, f"Allowed: 1 to {max(1, count)}."))
        return problems

    def _sampling_problems(self) -> list[Problem]:
        problems = []
        if self.temperature == 0 and self.n > 1:
            what = f"0 makes all {self.n} answers of a question the same."
            problems.append(Problem("temperature", what, "Use -n 1, or a temperature above 0."))
        if self.k is not None and len(self.skills) > self.k:
            what = f"{len(self.skills)} skills cannot be mixed in a question of k = {self.k}."
            problems.append(Problem("skills", what, "Give fewer skills or a larger --k."))
        for skill, count in Counter(self.skills).items():
            if count > 1:
                problems.append(Problem("skills", f"{skill!r} is given twice.", "Give it once."))
        return problems

    def _remote_problems(self) -> list[Problem]:
        problems = []
        fix = "Leave it out: the server decides it."
        for name in ("revision", "dtype", "tensor_parallel", "gpu_memory_utilization"):
            if getattr(self, name) != type(self).model_fields[name].default:
                problems.append(Problem(name, "has no effect with engine openai.", fix))
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,63}", self.api_key_env):
            what = "is not the name of an environment variable."
            fix = "Put the key into a variable and give the variable's name, never the key."
            problems.append(Problem("api_key_env", what, fix))
        return problems + self._address_problems()

    def _address_problems(self) -> list[Problem]:
        example = "Give --base-url, e.g. http://localhost:8000/v1."
        if self.base_url is None:
            return [Problem("base_url", "is required with engine openai.", example)]
        try:
            parts = urlsplit(self.base_url)
            known = parts.scheme in ("http", "https") and bool(parts.hostname)
        except ValueError:
            known = False
        if not known:
            return [Problem("base_url", f"{self.base_url!r} is not an address.", example)]
        if parts.username or parts.password or parts.query:
            what = "holds a user name, password or query, and settings are stored."
            fix = "Put the key into an environment variable and name it with --api-key-env."
            return [Problem("base_url", what, fix)]
        return []

    def _local_problems(self) -> list[Problem]:
        if self.base_url is None:
            return []
        what = "has no effect with engine vllm."
        return [Problem("base_url", what, "Add --engine openai, or leave it out.")]
