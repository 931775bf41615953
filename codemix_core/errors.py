"""Every failure of the workbench, attributed to one boundary.

    CodemixError
    ├── InputError              a person's input is wrong: exit code 2, nothing written
    │   ├── SpecError           a stage's settings: unknown, contradictory or impossible values
    │   ├── FormatError         a file that should hold questions or generations
    │   ├── ModelError          a model path, Hugging Face id, tokenizer or chat template
    │   └── NotFoundError       a question set, run or generation that does not exist
    ├── StageError              a stage could not finish: exit code 1
    │   ├── EngineError         the sampler (vLLM, remote endpoint) failed
    │   └── SandboxError        the sandbox failed; never the candidate's fault
    │       └── SandboxUnavailable   no backend can be used on this machine
    ├── StoreError              a query cannot be answered: a damaged shard, a wrong value
    ├── JobError                a run cannot be started, stopped or resumed as asked
    └── Stopped                 a stage ended early because it was asked to: exit code 3

A wrong, slow or hostile candidate program is data (a verdict), not an error.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with an input, in the words of the person who has to mend it.

    where: the field, question or file, e.g. ``temperature`` or ``question 'q7', tests``.
    what: what is wrong, with the offending value.
    fix: what is allowed, or what to do next.
    """

    where: str
    what: str
    fix: str

    @property
    def field(self) -> str:
        """The setting it is about: the first word of ``where``, as in ``model /path``."""
        return self.where.split(" ", 1)[0].split(".", 1)[0]

    def __str__(self) -> str:
        return f"{self.where}: {self.what} {self.fix}".rstrip()


class CodemixError(Exception):
    """Base of all failures raised on purpose."""


class InputError(CodemixError):
    """Bad input. Carries every problem found, not only the first."""

    def __init__(self, problems: Iterable[Problem] | Problem) -> None:
        self.problems = [problems] if isinstance(problems, Problem) else list(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class SpecError(InputError):
    """Settings of a stage that cannot be run."""


class FormatError(InputError):
    """A file that is not what it should be."""


class ModelError(InputError):
    """A model that cannot be used as asked."""


class NotFoundError(InputError):
    """A named thing that is not in the workspace."""


class StageError(CodemixError):
    """A stage could not finish; what it had written stays and the run can be resumed."""


class EngineError(StageError):
    """The sampler failed."""


class SandboxError(StageError):
    """The sandbox failed. Infrastructure, never a wrong answer."""


class SandboxUnavailable(SandboxError):
    """No sandbox backend can be used on this machine; the message says how to get one."""


class StoreError(CodemixError):
    """A query cannot be answered: a shard is damaged or a parameter has the wrong kind."""


class JobError(CodemixError):
    """A run cannot be started, stopped or resumed as asked."""


class Stopped(CodemixError):
    """A stage was asked to stop and has not done its work; the run can be resumed."""
