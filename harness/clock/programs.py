"""Tells from a program's file why it cannot be warped.

The library is loaded by the dynamic linker of glibc and stands in front of the C library's functions. Whoever has no
such linker, has one that may not obey the environment, or makes its system calls itself, is out of its reach.
"""

from __future__ import annotations

import os
import platform
import shutil
import stat
import struct
from pathlib import Path
from typing import BinaryIO

ELF = b"\x7fELF"
BITS_64 = 2
PT_INTERP, PT_NOTE = 3, 4
GO_NOTE = b"Go\0\0"
MACHINES = {"x86_64": 62, "aarch64": 183}
MOST_BYTES = 1 << 20
MOST_INTERPRETERS = 4


def why_not_program(program: str | Path) -> str | None:
    """Why a program cannot be warped; None when its file does not speak against it.

    A script is as good as its interpreter. A name without a slash is looked for along PATH.
    """
    for _ in range(MOST_INTERPRETERS):
        path = shutil.which(program)
        if path is None:
            return f"{program} is not a program that can be run here"
        with Path(path).open("rb") as file:
            start = file.read(256)
            if not start.startswith(b"#!"):
                return _privileged(path) or _why_not_elf(path, start, file)
        program = _interpreter(start)
    return f"{program} is a script for a script for a script"


def _interpreter(start: bytes) -> str:
    words = start[2:].split(b"\n", 1)[0].split()
    if len(words) > 1 and Path(os.fsdecode(words[0])).name == "env":
        words = [word for word in words[1:] if not word.startswith(b"-") and b"=" not in word]
    return os.fsdecode(words[0]) if words else "/bin/sh"


def _privileged(path: str) -> str | None:
    if Path(path).stat().st_mode & (stat.S_ISUID | stat.S_ISGID):
        return f"{path} is setuid or setgid, so the dynamic linker loads nothing into it"
    try:
        os.getxattr(path, "security.capability")
    except OSError:
        return None
    return f"{path} has file capabilities, so the dynamic linker loads nothing into it"


def _why_not_elf(path: str, start: bytes, file: BinaryIO) -> str | None:
    if not start.startswith(ELF):
        return f"{path} is neither a script nor an ELF program"
    machine = struct.unpack_from("<H", start, 18)[0]
    if start[4] != BITS_64 or machine != MACHINES.get(platform.machine()):
        return f"{path} is built for another kind of machine than the library"
    segments = dict(_segments(start, file))
    if GO_NOTE in segments.get(PT_NOTE, b""):
        return f"{path} is a Go program, which makes its system calls itself"
    linker = segments.get(PT_INTERP)
    if linker is None:
        return f"{path} is statically linked"
    if b"ld-linux" not in linker:
        return f"{path} is not linked with glibc but by {os.fsdecode(linker.rstrip(bytes(1)))}"
    return None


def _segments(start: bytes, file: BinaryIO) -> list[tuple[int, bytes]]:
    """The interpreter and the notes; several segments of notes come as one."""
    found: dict[int, bytes] = {}
    table = struct.unpack_from("<Q", start, 32)[0]
    size, count = struct.unpack_from("<HH", start, 54)
    for index in range(count):
        file.seek(table + index * size)
        header = file.read(56)
        kind, _, offset, _, _, length = struct.unpack_from("<IIQQQQ", header)
        if kind in {PT_INTERP, PT_NOTE}:
            file.seek(offset)
            found[kind] = found.get(kind, b"") + file.read(min(length, MOST_BYTES))
    return list(found.items())
