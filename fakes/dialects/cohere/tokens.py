"""Texts as tokens and tokens as texts: every token has four bytes of a text, as tokens are counted everywhere here.

A token's number is its bytes behind a one, so that it can be read back. Both operations are of the first version of the
API, and cost nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...script import Op, whole
from ..wire import json_bytes
from .refusing import Types, check, check_model, of_type, refuse
from .troubles import headers

if TYPE_CHECKING:
    from ...ask import Ask

TYPES: dict[str, Types] = {"text": (str,), "tokens": (list,), "model": (str,)}
MOST_CHARACTERS = 65_536
SIZE = 4
MARK = b"\x01"


def read(ask: Ask) -> None:
    """Refuse what is no text, or no list of tokens."""
    body = ask.body = check(ask.body, TYPES, "text" if ask.route == "tokenize" else "tokens", "model")
    check_model(ask)
    if ask.route == "tokenize":
        if not 1 <= len(body["text"]) <= MOST_CHARACTERS:
            raise refuse(f"text must be at least 1 and at most {MOST_CHARACTERS} characters long.")
        return
    for token in body["tokens"]:
        of_type("tokens", token, int)
        _bytes_of(token)


def answer(ask: Ask) -> tuple[Op, ...]:
    """The fair-weather script."""
    ask.input_tokens = 0
    return whole(200, json_bytes({**_said(ask), "meta": {"api_version": {"version": "1"}}}), headers=headers(ask))


def _said(ask: Ask) -> dict[str, Any]:
    if ask.route == "detokenize":
        return {"text": b"".join(map(_bytes_of, ask.body["tokens"])).decode("utf-8", "replace")}
    data = ask.body["text"].encode("utf-8", "surrogatepass")
    tokens = [data[at : at + SIZE] for at in range(0, len(data), SIZE)]
    return {
        "tokens": [int.from_bytes(MARK + token) for token in tokens],
        "token_strings": [token.decode("utf-8", "replace") for token in tokens],
    }


def _bytes_of(token: int) -> bytes:
    """The bytes that a token stands for; refused where it is none."""
    size = (token.bit_length() + 7) // 8
    data = token.to_bytes(size) if 1 < size <= 1 + SIZE and token > 0 else b""
    if not data.startswith(MARK):
        raise refuse(f"{token} is not a token of this model")
    return data[1:]
