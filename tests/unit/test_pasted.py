"""Programs that paste words together."""

from __future__ import annotations

import pytest

from sandbox.pasted import own_lines, pastes, renumbers


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("#define J(a, b) a##b", True),
        ("#define J(a, b) a#\\\n#b", True),
        ("%:define J(a, b) a%:%:b", True),
        ("#define TEXT(a) #a", False),
        ("int a; // # #", False),
    ],
)
def test_pasting_is_noticed_however_it_is_written(code: str, found: bool) -> None:
    assert pastes(code) is found


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("#line 3", True),
        ('  # 7 "tests/test.cpp" 2', True),
        ("#li\\\nne 3", True),
        ("%: line 9", True),
        ("#define LINES 3\nint line(int);", False),
    ],
)
def test_line_numbers_of_a_programs_own_are_noticed(code: str, found: bool) -> None:
    assert renumbers(code) is found


def test_own_lines_are_those_of_the_program() -> None:
    text = (
        '# 1 "tests/test.cpp"\nint theirs;\n# 1 "tests/../solution/solution.cpp" 1\nint mine;\n'
        '# 1 "/usr/include/c++/12/vector" 1 3\nint std;\n# 4 "tests/../solution/solution.cpp" 2\n'
        'asm("");\n# 3 "tests/test.cpp" 2\nint again;\n'
    )
    assert own_lines(text) == 'int mine;\nasm("");'
