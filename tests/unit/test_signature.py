"""Signatures of C++ functions: what is plain data is told from what is not."""

from __future__ import annotations

import pytest

from sandbox import signature


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("int f(int a, int b)", ("int", ("int", "int"))),
        (
            "int f(unsigned int, const std::string& s)",
            ("int", ("unsigned int", "const std :: string &")),
        ),
        (
            "void f(std::map<int, std::pair<int, int>>& m);",
            ("void", ("std :: map < int , std :: pair < int , int > > &",)),
        ),
        ("std::vector<std::vector<int>> f()", ("std :: vector < std :: vector < int > >", ())),
        ("int f(int* p)", None),
        ("int f(int&& p)", None),
        ("int f(int p[3])", None),
        ("int f(int n = 3)", None),
        ("int& f(int n)", None),
        ("auto f(int n) -> int", None),
        ("Node f(int n)", None),
        ("int f(std::function<int(int)> g)", None),
        ("template <class T> int f(T n)", None),
        ("def f(a: int) -> int:", None),
        ("int g(int n)", None),
        ("", None),
    ],
)  # fmt: skip
def test_signatures(written: str, read: tuple[str, tuple[str, ...]] | None) -> None:
    found = signature.read("f", written)
    assert (found and (found.result, found.parameters)) == read
