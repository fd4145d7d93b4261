"""On which line of a TOML text a key stands: `tomllib` gives values without places.

The text is known to be good TOML (`tomllib` has read it), so this scanner only has to know where a key, a string, a
bracket or a comment begins and ends. A path is made of keys and, in arrays, of numbers: `("contract", "retry")`,
`("rule", 0, "when")`.
"""

from __future__ import annotations

import re
import tomllib

Path = tuple[str | int, ...]

BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
SPACE = re.compile(r"[ \t]*")
BARE = re.compile(r"[A-Za-z0-9_-]+")
STRING = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}'
    r"|'''.*?'{3,5}"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'",
    re.DOTALL,
)
SCALAR = re.compile(r"[^,\]}#\n]+")


def lines(text: str) -> dict[Path, int]:
    """The line, counted from 1, of every key, table and array element of a good TOML text."""
    scanner = _Scanner(text.replace("\r\n", "\n"))
    scanner.document()
    return scanner.found


def line_of(found: dict[Path, int], path: Path) -> int:
    """The line of a path, or of the nearest table around it that is written down; 1 where there is none."""
    while path and path not in found:
        path = path[:-1]
    return found.get(path, 1)


class _Scanner:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._counted = (0, 1)
        self.found: dict[Path, int] = {}
        self._tables: dict[Path, int] = {}
        """How many elements each array of tables has."""

    def document(self) -> None:
        table: Path = ()
        while self._skip(BLANK) < len(self._text):
            if self._text[self._at] == "[":
                table = self._header()
            else:
                self._pair(table)

    def _header(self) -> Path:
        line = self._line()
        several = self._text.startswith("[[", self._at)
        self._at += 2 if several else 1
        names = self._key()
        self._at += 2 if several else 1
        path: Path = ()
        for number, name in enumerate(names):
            path = (*path, name)
            self.found.setdefault(path, line)
            if several and number == len(names) - 1:
                self._tables[path] = self._tables.get(path, 0) + 1
            if path in self._tables:
                path = (*path, self._tables[path] - 1)
                self.found.setdefault(path, line)
        if not several:
            # A table that was opened implicitly, by a table inside it, stands where its own header is.
            self.found[path] = line
        return path

    def _pair(self, table: Path) -> None:
        line = self._line()
        path = table
        for name in self._key():
            path = (*path, name)
            self.found.setdefault(path, line)
        self._at += 1  # the equals sign
        self._value(path)

    def _key(self) -> list[str]:
        names = []
        while True:
            self._skip(SPACE)
            if self._text[self._at] in "\"'":
                names.append(self._quoted())
            else:
                names.append(self._take(BARE))
            self._skip(SPACE)
            if self._text[self._at] != ".":
                return names
            self._at += 1

    def _value(self, path: Path) -> None:
        self._skip(SPACE)
        match self._text[self._at]:
            case "[":
                self._array(path)
            case "{":
                self._inline_table(path)
            case '"' | "'":
                self._take(STRING)
            case _:
                self._take(SCALAR)

    def _array(self, path: Path) -> None:
        self._at += 1
        number = 0
        while self._next() != "]":
            if self._text[self._at] == ",":
                self._at += 1
                continue
            element = (*path, number)
            self.found[element] = self._line()
            self._value(element)
            number += 1
        self._at += 1

    def _inline_table(self, path: Path) -> None:
        self._at += 1
        while self._next() != "}":
            if self._text[self._at] == ",":
                self._at += 1
                continue
            self._pair(path)
        self._at += 1

    def _next(self) -> str:
        self._skip(BLANK)
        return self._text[self._at]

    def _quoted(self) -> str:
        name: str = tomllib.loads("name = " + self._take(STRING))["name"]
        return name

    def _skip(self, pattern: re.Pattern[str]) -> int:
        self._take(pattern)
        return self._at

    def _take(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self._text, self._at)
        assert match is not None, "the text is good TOML"
        self._at = match.end()
        return match.group()

    def _line(self) -> int:
        at, line = self._counted
        line += self._text.count("\n", at, self._at)
        self._counted = (self._at, line)
        return line
