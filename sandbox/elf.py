"""The functions that a linked x86-64 or AArch64 program defines, read from its symbol table.

The program is hostile: every offset is checked, nothing is executed, and what cannot be read is
an error, never an empty answer.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_SECTION = struct.Struct("<IIQQQQIIQQ")
_SYMBOL = struct.Struct("<IBBHQQ")
_MAGIC = b"\x7fELF\x02\x01"  # 64 bits, little-endian
_SYMBOL_TABLES = (2, 11)  # SHT_SYMTAB, SHT_DYNSYM
_FUNCTION, _INDIRECT = 2, 10
_LOCAL, _WEAK = 0, 2


@dataclass(frozen=True)
class Function:
    """A function symbol that other files can see. ``weak``: a strong one would win over it."""

    name: str
    weak: bool
    defined: bool


def functions(file: bytes) -> Iterator[Function]:
    """Global and weak functions of an ELF file, defined or imported, versions left out.

    Raises:
        ValueError: the file is no 64-bit little-endian ELF file, or its tables make no sense.
    """
    try:
        yield from _functions(file)
    except (struct.error, IndexError) as error:
        raise ValueError(f"not a readable ELF file: {error}") from error


def _functions(file: bytes) -> Iterator[Function]:
    head = _HEADER.unpack(_part(file, 0, _HEADER.size))
    if not head[0].startswith(_MAGIC):
        raise ValueError("not a 64-bit little-endian ELF file")
    offset, size, count = head[6], head[11], head[12]
    if size != _SECTION.size:
        raise ValueError("not a readable ELF file: its section headers have another size")
    table = _part(file, offset, size * count)
    sections = list(_SECTION.iter_unpack(table))
    for section in sections:
        if section[1] in _SYMBOL_TABLES:
            names = sections[section[6]]
            yield from _symbols(
                _part(file, section[4], section[5]), _part(file, names[4], names[5])
            )


def _symbols(symbols: bytes, names: bytes) -> Iterator[Function]:
    for name, info, _, section, _, _ in _SYMBOL.iter_unpack(symbols):
        binding = info >> 4
        defined = section != 0
        kind = info & 15
        if binding != _LOCAL and (kind in (_FUNCTION, _INDIRECT) or not defined):
            end = names.index(b"\0", name)
            text = names[name:end].decode("ascii", "replace").partition("@")[0]
            yield Function(text, binding == _WEAK, defined)


def _part(file: bytes, offset: int, size: int) -> bytes:
    data = file[offset : offset + size]
    if len(data) != size:
        raise ValueError("not a readable ELF file: a table lies outside of it")
    return data
