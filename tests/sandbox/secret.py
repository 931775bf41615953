"""A task that can only be solved by knowing its numbers: ``secret(n)``."""

from __future__ import annotations

import random
from dataclasses import replace

from codemix_core.records import Question
from tests.sandbox.addition import cases_question, question


def secret_questions(seed: int, count: int) -> tuple[list[int], dict[str, Question]]:
    """The numbers (each of 60 bits, the highest set), and the task under each framework."""
    rng = random.Random(seed)
    numbers = [rng.getrandbits(60) | 1 << 59 for _ in range(count)]
    gold = f"NUMBERS = {numbers}\ndef secret(n):\n    return NUMBERS[n]\n"
    tests = "from solution import secret\n" + "".join(
        f"\ndef test_{n}():\n    assert secret({n}) == {number}\n"
        for n, number in enumerate(numbers)
    )
    cases = [{"name": f"test_{n}", "args": [n], "expected": x} for n, x in enumerate(numbers)]
    return numbers, {
        "cases": replace(cases_question(cases, gold), function_name="secret"),
        "lifted": question("pytest", tests, gold, "secret"),
        "pytest": replace(question("pytest", f"import sys\n{tests}", gold), question_id="kept"),
    }
