r"""When two answers are the same program.

Two programs are the same when they differ only in what cannot change what they do: comments,
white space, blank lines, line breaks, and in Python docstrings, quotes and redundant brackets.
Python is compared by its syntax tree, C++ by its stream of tokens.

Guarantees: equal normal forms mean the same program, up to a program reading its own source or
docstring. Not guaranteed: that different forms behave differently; renamed variables make
another program here (see :func:`anonymous`, which forgives them).
"""

from __future__ import annotations

import ast
import hashlib
import re
import warnings

NO_CODE = "no code\n"
"""Normal forms of answers without a program begin so; no Python or C++ form does."""

_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)

_CPP_TOKEN = re.compile(
    r"""
      (?P<comment> //(?:\\\n|[^\n])* | /\*.*?(?:\*/|\Z) )
    | (?P<raw>     (?:u8|[uUL])?R"(?P<mark>[^()\\\s]{0,16})\(.*?(?:\)(?P=mark)"|\Z) )
    | (?P<text>    (?:u8|[uUL])?"(?:\\.|[^"\\\n])*"? | (?:u8|[uUL])?'(?:\\.|[^'\\\n])*'? )
    | (?P<number>  \.?[0-9](?:'[0-9A-Za-z_]|[eEpP][+-]|[0-9A-Za-z_.])* )
    | (?P<name>    [^\W\d]\w* )
    | (?P<space>   (?:[ \t\r\f\v]|\\\r?\n)+ )
    | (?P<line>    \n )
    | (?P<sign>    <<=|>>=|<=>|->\*|\.\.\.|::|->|\+\+|--|<<|>>|[-+*/%&|^=!<>]=|&&|\|\||\#\#|. )
    """,
    re.VERBOSE | re.DOTALL,
)

_CPP_KEYWORDS = frozenset(
    re.findall(
        r"\w+",
        """alignas alignof auto bool break case catch char class const constexpr continue decltype
    default delete do double else enum explicit extern false final float for friend goto if
    inline int long mutable namespace new noexcept nullptr operator override private protected
    public register return short signed sizeof static static_assert static_cast struct switch
    template this throw true try typedef typename union unsigned using virtual void volatile
    while include define ifdef ifndef endif pragma std""",
    )
)


def normalise(code: str, language: str) -> str:
    """The normal form of a program; equal forms are the same program.

    Args:
        code: source text.
        language: ``python`` or ``cpp``.
    """
    if language != "python":
        return "\n".join("\x1f".join(words) for words in _cpp_lines(code))
    tree = _parse(code)
    return _plain(code) if tree is None else _dumped(tree, code)


def anonymous(code: str, language: str) -> str:
    """The normal form with names of its own replaced by their order of appearance.

    Two programs with the same anonymous form are copies up to renaming.
    """
    if language == "python":
        tree = _parse(code)
        if tree is None:
            return _plain(code)
        bound = _bound_names(tree)
        return _dumped(tree, code, _Renamer(bound))
    order: dict[str, str] = {}
    lines = []
    for words in _cpp_lines(code):
        own = words if words[0] == "#" else [_renamed(word, order) for word in words]
        lines.append("\x1f".join(own))
    return "\n".join(lines)


def program_key(code: str | None, raw_output: str, language: str) -> int:
    """A 64-bit key of an answer's program, signed; the same key means the same program.

    Answers without code are the same only when their text is the same.
    """
    form = NO_CODE + raw_output if code is None else normalise(code, language)
    digest = hashlib.blake2b(form.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little", signed=True)


def _parse(code: str) -> ast.AST | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _dumped(tree: ast.AST, code: str, renamer: _Renamer | None = None) -> str:
    """The tree as text without docstrings; too deep a tree is compared as plain text."""
    try:
        plain = _without_docstrings(tree)
        return ast.dump(plain if renamer is None else renamer.visit(plain))
    except RecursionError:
        return _plain(code)


def _plain(text: str) -> str:
    """Text that is no program: its lines without trailing blanks, blank lines left out."""
    lines = (line.rstrip() for line in text.splitlines())
    return "text\n" + "\n".join(line for line in lines if line)


def _without_docstrings(tree: ast.AST) -> ast.AST:
    for node in ast.walk(tree):
        if isinstance(node, _DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return tree


def _cpp_lines(code: str) -> list[list[str]]:
    """The tokens; every directive is a line of its own, what lies between is one line.

    The separator of the normal form is written as its escape, so that it means nothing else.
    """
    lines: list[list[str]] = []
    words: list[str] = []
    directive, fresh = False, True
    for match in _CPP_TOKEN.finditer(code.replace("\r\n", "\n")):
        kind, word = match.lastgroup, match.group()
        if kind in ("comment", "space"):
            continue
        ends = kind == "line"
        if (ends and directive) or (fresh and word == "#"):
            lines.append(words)
            words = []
            directive = not ends
        fresh = ends
        if not ends:
            words.append(word.replace("\x1f", "\\x1f"))
    lines.append(words)
    return [line for line in lines if line]


def _renamed(word: str, order: dict[str, str]) -> str:
    if not (word[0].isalpha() or word[0] == "_") or word in _CPP_KEYWORDS or word[-1] in "\"'":
        return word
    return order.setdefault(word, f"v{len(order)}")


def _bound_names(tree: ast.AST) -> set[str]:
    """Names the program itself binds: what it defines, assigns or takes as arguments."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.arg):
            names.add(node.arg)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
    return names


class _Renamer(ast.NodeTransformer):
    """Replaces a program's own names by ``v0``, ``v1``, … in order of appearance."""

    def __init__(self, bound: set[str]) -> None:
        self._bound = bound
        self._order: dict[str, str] = {}

    def _name(self, name: str) -> str:
        return self._order.setdefault(name, f"v{len(self._order)}") if name in self._bound else name

    def visit(self, node: ast.AST) -> ast.AST:
        """Rename in the order of the source: a definition's own name comes first."""
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            node.name = self._name(node.name)
        elif isinstance(node, ast.arg):
            node.arg, node.annotation = self._name(node.arg), None
            return node
        elif isinstance(node, ast.Name):
            node.id = self._name(node.id)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            node.returns = None
        visited: ast.AST = self.generic_visit(node)
        return visited
