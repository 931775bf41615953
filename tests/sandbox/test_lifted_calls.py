"""Functions, generators and shared containers between a program and its tests.

Each program is judged with its tests outside its process and inside: the same tests pass.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from codemix_core.records import Verdict
from codemix_core.scoring.backends.base import Backend
from codemix_core.scoring.engine import Scorer
from codemix_core.scoring.program import Work
from codemix_core.scoring.selfcheck import reference_of
from tests.sandbox.addition import FLOORS, question, statuses
from tests.sandbox.asked_calls import CALLS, LAZY
from tests.sandbox.asked_shared import SHARED

ALL = {"calls": CALLS, "lazy": LAZY, "shared": SHARED}
CASES = [(name, other) for name, asked in ALL.items() for other in ("gold", *asked.others)]


@pytest.fixture(scope="module")
def both(backend: Backend) -> dict[str, dict[str, dict[str, Verdict]]]:
    """Verdicts by tier, question and program."""
    found: dict[str, dict[str, dict[str, Verdict]]] = {"A": {}, "B": {}}
    for about, asked in ALL.items():
        made = replace(question("pytest", asked.tests, asked.gold), question_id=about)
        (gold,) = Scorer(backend, FLOORS).score([Work(made, None, 0, asked.gold)])
        assert (gold.status, gold.tier) == ("passed", "A"), gold
        names = ["gold", *asked.others]
        for tier in "AB":
            reference = replace(reference_of(gold, FLOORS), tier=tier)
            works = [Work(made, reference, i, asked.program(n)) for i, n in enumerate(names)]
            verdicts = sorted(Scorer(backend, FLOORS).score(works), key=lambda v: v.sample_index)
            found[tier][about] = dict(zip(names, verdicts, strict=True))
    return found


@pytest.mark.parametrize(("about", "name"), CASES)
def test_verdicts_are_the_same_outside_and_inside(
    about: str, name: str, both: dict[str, dict[str, dict[str, Verdict]]]
) -> None:
    outside, inside = both["A"][about][name], both["B"][about][name]
    assert (outside.tier, inside.tier) == ("A", "B")
    assert statuses(outside) == statuses(inside), (outside.tests, inside.tests)
    assert outside.status == inside.status
