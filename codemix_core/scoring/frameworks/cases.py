"""``cases``: inputs and expected values as JSON; compared outside the candidate's process."""

from __future__ import annotations

import json

from codemix_core.scoring.frameworks.base import Framework


def _declared(tests: str) -> list[str]:
    return [str(case["name"]) for case in json.loads(tests)["cases"]]


FRAMEWORK = Framework("cases", "python", "A", "python", 10.0, _declared)
