r"""How a value may be written: the pieces of pattern that each of its characters becomes.

case, NFKC     the text is folded before it is searched, see `finder.py`
JSON           \u00fc and \/ , escaped once or more; \xfc and \xc3\xbc as Python prints bytes
URL            %C3%BC, and + for a space
separators     what is no letter or digit may be another such character, or missing
base64         three patterns, one for each place in a group of three bytes at which a value may begin
"""

from __future__ import annotations

import re
import unicodedata
from base64 import b64encode

LOOSE = frozenset({"card", "date_of_birth", "iban", "medical_record", "national_id", "passport", "phone", "ssn"})
"""Types that people write in groups of their own choice."""
SEPARATORS = r"(?:[^\w%\\]|_|%[2-7][0-9a-f]|\\+(?:u00[2-7][0-9a-f]|x[2-7][0-9a-f]|[nrt])|[\\%]){0,4}"
GAP = r"(?:[\W_]|%20){0,2}"
# A letter or digit beside a value makes it part of something else, unless it belongs to an escape.
BEFORE = "(?<![0-9a-z])"
BEFORE_ESCAPED = r"(?:(?<=\\[nrt])|(?<=%[0-9a-f][0-9a-f])|(?<=\\x[0-9a-f][0-9a-f])|(?<=\\u00[2-7][0-9a-f]))"
BEHIND = r"(?![0-9a-z])"
LEAST_BASE64 = 9
"""Characters of base64 that no text has by chance."""
# What a folded text must have to hold a value that is written with escapes, in other letters, or encoded.
ESCAPED = re.compile(BEFORE_ESCAPED + "[0-9a-z]")
NO_ASCII = re.compile(r"[^\x00-\x7f]|[\\%]")
BASE64 = re.compile(rf"(?:[0-9a-z+/_-]|%2[bf]){{{LEAST_BASE64}}}")


def folded(text: str) -> str:
    """The text in the letters by which it is compared."""
    return unicodedata.normalize("NFKC", text).casefold()


def written(text: str, *, loose: bool) -> tuple[str, ...]:
    """The pieces of a pattern that finds a value however it is cased, escaped and separated; empty without letters."""
    pieces: list[str] = []
    gap = False
    for character in unicodedata.normalize("NFKC", text):
        if not character.isalnum():
            gap = bool(pieces)
            continue
        if gap or (loose and pieces):
            pieces.append(SEPARATORS if gap else GAP)
        pieces.append(_character(character))
        gap = False
    if not pieces:
        return ()
    return (*pieces, BEHIND) if _ascii(pieces[-1]) else tuple(pieces)


def begins_a_word(pieces: tuple[str, ...]) -> bool:
    """Whether a value that is written so has to stand at the beginning of a word."""
    return _ascii(pieces[0])


def base64s(text: str) -> list[tuple[str, ...]]:
    """The pieces of the patterns that find a value inside base64, wherever in a longer text it stands."""
    found = []
    for offset in range(3):
        data = bytes(offset) + text.encode()
        first, last = -(-offset * 8 // 6), len(data) * 8 // 6
        core = b64encode(data).decode()[first:last].lower()
        if len(core) >= LEAST_BASE64:
            found.append(tuple("(?:[-+/_]|%2[bf])" if c in "+/" else c for c in core))
    return found


def form(value: str, found: str, *, base64: bool) -> str:
    """In which form a value was found."""
    if base64:
        return "base64"
    if found == value:
        return "raw"
    if re.search(r"%[0-9a-fA-F]{2}", found) and "%" not in value:
        return "URL-encoded"
    if "\\" in found and "\\" not in value:
        return "JSON-escaped"
    if found.casefold() == value.casefold():
        return "case"
    return "NFKC" if folded(found) == folded(value) else "separators"


def _ascii(piece: str) -> bool:
    return len(piece) == 1 and piece.isascii()


def _character(character: str) -> str:
    """One letter or digit, and what becomes of it in JSON, in URLs and where bytes are printed."""
    if character.isascii():
        return character.lower()
    ways = [re.escape(folded(character))]
    for case in dict.fromkeys((character, character.lower(), character.upper())):
        ways += _units(case)
    return f"(?:{'|'.join(dict.fromkeys(ways))})"


def _units(text: str) -> list[str]:
    utf16 = text.encode("utf-16-be").hex()
    json = "".join(rf"\\+u{utf16[at : at + 4]}" for at in range(0, len(utf16), 4))
    octets = text.encode()
    units = [json, "".join(f"%{octet:02x}" for octet in octets), "".join(rf"\\+x{octet:02x}" for octet in octets)]
    return [*units, rf"\\+x{ord(text):02x}"] if len(text) == 1 and ord(text) < 256 else units
