"""How many tokens a prompt has, asked as in a conversation or as a model is invoked; to count costs nothing."""

from __future__ import annotations

from base64 import b64decode
from dataclasses import replace
from typing import TYPE_CHECKING

from ...script import Op, whole
from ..wire import json_bytes, json_value
from . import invoking
from .reading import get, glance
from .refusing import check_conversation, check_model, of_type, refuse
from .troubles import headers

if TYPE_CHECKING:
    from ...ask import Ask


def read(ask: Ask) -> None:
    """Fill in what is counted, refused where that is no prompt."""
    check_model(ask)
    asked = get(ask.body, "input")
    of_type("input", asked, dict)
    if "converse" in asked:
        ask.body = asked["converse"]
        glance(ask)
        check_conversation(ask)
        return
    written = get(asked.get("invokeModel"), "body")
    if not isinstance(written, str):
        raise refuse("The input of the request holds neither a conversation nor the body of an invocation.")
    try:
        body = b64decode(written, validate=True)
    except ValueError:
        raise refuse("The value at input.invokeModel.body is not in base64.") from None
    inner = replace(ask, route="invoke", body=json_value(body))
    invoking.understand(inner)
    ask.texts, ask.input_tokens, ask.tools, ask.user = inner.texts, inner.input_tokens, inner.tools, inner.user


def answer(ask: Ask) -> tuple[Op, ...]:
    """The fair-weather script."""
    counted, ask.input_tokens = ask.input_tokens, 0
    return whole(200, json_bytes({"inputTokens": counted}), headers=headers(ask))
