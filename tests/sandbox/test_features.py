"""Tests that run in the program's process have the results that plain pytest gives them."""

from __future__ import annotations

import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import pytest

from codemix_core.questions.nano import nano_questions
from codemix_core.records import Question
from codemix_core.scoring.backends.base import Backend
from codemix_core.scoring.engine import Scorer
from codemix_core.scoring.program import Work
from tests.sandbox.addition import FLOORS

MODULES = {
    path.stem: path.read_text() for path in sorted(Path(__file__).parent.glob("features*.txt"))
}
GOLD = "def transform(xs):\n    return sorted(xs)\n"
ENDING = {
    "at import": "import pytest\nfrom solution import nothing\n",
    "while collecting": "def test_first():\n    pass\n\n\nunknown\n",
    "by exit": "import pytest\n\n\ndef test_first():\n    pass\n\n\ndef test_second():\n"
    "    pytest.exit('enough')\n\n\ndef test_third():\n    pass\n",
    "by interrupt": "def test_first():\n    pass\n\n\ndef test_second():\n"
    "    raise KeyboardInterrupt\n\n\ndef test_third():\n    pass\n",
}


def _question(tests: str) -> Question:
    return replace(
        nano_questions()[0], question_id="features", framework="pytest", tests=tests, gold=GOLD
    )


def _plain(folder: Path, tests: str) -> dict[str, bool]:
    (folder / "solution.py").write_text(GOLD)
    (folder / "test_solution.py").write_text(tests)
    options = ["-q", "-p", "no:cacheprovider", "--junitxml=report.xml", "test_solution.py"]
    command = [sys.executable, "-m", "pytest", *options]
    subprocess.run(command, cwd=folder, capture_output=True, check=False)
    results: dict[str, bool] = defaultdict(lambda: True)
    for case in ElementTree.parse(folder / "report.xml").getroot().iter("testcase"):
        place = case.attrib["classname"].partition(".")[2].replace(".", "::")
        results["::".join(filter(None, (place, case.attrib["name"])))] &= len(case) == 0
    return dict(results)


@pytest.mark.parametrize("module", MODULES)
def test_every_feature_has_plain_pytests_result(
    module: str, backend: Backend, tmp_path: Path
) -> None:
    tests = MODULES[module]
    (verdict,) = Scorer(backend, FLOORS).score([Work(_question(tests), None, 0, GOLD)])
    found = {test.name: test.status == "passed" for test in verdict.tests}
    assert found == _plain(tmp_path, tests)
    assert verdict.tier == "B"
    assert list(found.values()).count(True) > 20


def test_a_module_that_ends_early_has_the_results_it_reported(backend: Backend) -> None:
    works = [Work(_question(tests), None, i, GOLD) for i, tests in enumerate(ENDING.values())]
    verdicts = sorted(Scorer(backend, FLOORS).score(works), key=lambda v: v.sample_index)
    found = {name: (v.status, v.passed) for name, v in zip(ENDING, verdicts, strict=True)}
    assert found == {
        "at import": ("failed", 0),
        "while collecting": ("failed", 0),
        "by exit": ("failed", 1),
        "by interrupt": ("failed", 1),
    }
    assert "cannot import name 'nothing'" in verdicts[0].message
    assert "/opt" not in verdicts[0].message
