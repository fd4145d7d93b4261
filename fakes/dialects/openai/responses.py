"""The Responses API: the response object and what becomes of stored ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qs

from ...ask import Ask, Trouble
from ...script import Op, whole
from ..refusing import Refused
from ..saying import Said, say
from ..wire import hex_id, json_bytes, text_id
from . import events
from .completion import wants
from .limits import common_headers
from .listing import listing
from .validation import refuse

# Beyond these the oldest is forgotten: a load test stores what nobody will ever ask for.
MOST_STORED = 10_000
TIERS = ("default", "flex", "scale", "priority")
BACKGROUND_SECONDS = 2.0
"""The least that a response in the background takes: a second queued, a second in progress."""
INCOMPLETE = {"length": "max_output_tokens", "content_filter": "content_filter"}


@dataclass(frozen=True, slots=True)
class Stored:
    """A response that the provider remembers."""

    response: dict[str, Any]
    items: list[dict[str, Any]]
    """What was asked, as items."""
    pieces: events.Pieces
    """Each output item's text as it was cut for streaming."""
    tokens: int
    """Of the whole conversation up to its end."""


class Kept:
    """What one connection remembers of responses that the provider does not store: the last one of each lane."""

    def __init__(self) -> None:
        self.lane: str | None = None
        """In which the response at hand is asked for."""
        self._last: dict[str | None, Stored] = {}

    def find(self, name: str) -> Stored | None:
        """A response by its identifier."""
        return next((stored for stored in self._last.values() if stored.response["id"] == name), None)

    def keep(self, stored: Stored) -> None:
        """Remember a response in the place of the one before it."""
        self._last[self.lane] = stored

    def forget(self, name: object) -> None:
        """A continuation has failed: it cannot be tried again from here."""
        self._last = {lane: stored for lane, stored in self._last.items() if stored.response["id"] != name}


class Responses:
    """Answers, and remembers what it answered."""

    def __init__(self) -> None:
        self._stored: dict[str, Stored] = {}

    def read(self, ask: Ask, kept: Kept | None = None) -> None:
        """What an ask owes to an earlier response, which may be kept by its connection alone."""
        earlier = ask.body.get("previous_response_id")
        if earlier is None:
            return
        found = self._stored.get(earlier) or (kept.find(earlier) if kept else None)
        if found is None:
            raise refuse(
                f"Previous response with id '{earlier}' not found.",
                "previous_response_id",
                "previous_response_not_found",
            )
        ask.input_tokens += found.tokens

    def answer(self, ask: Ask, kept: Kept | None = None) -> Sequence[Op]:
        """The fair-weather script of a new response; what `kept` remembers needs no storing."""
        said = say(ask, wants(ask, _format(ask.body)))
        output, pieces = _output(ask, said)
        return self._new(ask, _response(ask, said, output), pieces, kept)

    def prepare(self, ask: Ask, kept: Kept) -> Sequence[Op]:
        """A new response that says nothing, for others to continue."""
        ask.answer = replace(ask.answer, words=0, text="")
        ask.output_tokens = ask.reasoning_tokens = 0
        return self._new(ask, _response(ask, Said((), "stop"), []), [], kept)

    def _new(self, ask: Ask, response: dict[str, Any], pieces: events.Pieces, kept: Kept | None) -> Sequence[Op]:
        stored = Stored(response, _items(ask), pieces, ask.input_tokens + ask.output_tokens)
        if kept is not None:
            kept.keep(stored)
        if response["store"]:
            self._stored[response["id"]] = stored
            if len(self._stored) > MOST_STORED:
                del self._stored[next(iter(self._stored))]
            ask.undo.append(lambda: self._stored.pop(response["id"], None))
        if ask.stream:
            return tuple(events.stream(response, pieces, ask.answer.pace.between, common_headers(ask)))
        return _json(ask, _at(response, ask.now))

    def failed(self, ask: Ask, error: dict[str, Any]) -> dict[str, Any]:
        """The response to an ask that failed while it was under way."""
        response = _response(ask, Said((), "stop"), [])
        return response | {"status": "failed", "error": error, "completed_at": None, "usage": None}

    def hollow(self, ask: Ask, how: str) -> Sequence[Op]:
        """A response without output, or with a message whose text is null."""
        output, pieces = _output(ask, Said((), "stop"))
        output[0]["content"][0]["text"] = None
        if how == "no_choices":
            output, pieces = [], []
        response = _response(ask, Said((), "stop"), output)
        if ask.stream:
            return tuple(events.stream(response, pieces, 0.0, common_headers(ask)))
        return _json(ask, response)

    def manage(self, ask: Ask, about: str) -> Sequence[Op]:
        """Everything that is done with a stored response."""
        if ask.route == "responses.input_tokens":
            return _json(ask, {"object": "response.input_tokens", "input_tokens": ask.input_tokens})
        stored = self._stored.get(about)
        if stored is None:
            raise Refused(Trouble("not_found", f"Response with id '{about}' not found."))
        query = parse_qs(ask.request.query)
        match ask.route:
            case "responses.get" if query.get("stream") == ["true"]:
                after = query.get("starting_after", ["-1"])[0]
                start = int(after) if after.isdecimal() else -1
                return tuple(events.stream(stored.response, stored.pieces, 0.0, common_headers(ask), after=start))
            case "responses.get":
                return _json(ask, _at(stored.response, ask.now))
            case "responses.delete":
                del self._stored[about]
                ask.undo.append(lambda: self._stored.update({about: stored}))
                return _json(ask, {"id": about, "object": "response", "deleted": True})
            case "responses.cancel":
                return _json(ask, self._cancel(ask, about, stored))
            case _:
                return _json(ask, listing(stored.items, query, newest_first=True))

    def _cancel(self, ask: Ask, about: str, stored: Stored) -> dict[str, Any]:
        response = _at(stored.response, ask.now)
        if not response["background"]:
            raise refuse("Cannot cancel a synchronous response.")
        if response["status"] in {"queued", "in_progress"}:
            response |= {"status": "cancelled", "output": [], "usage": None, "completed_at": None}
            self._stored[about] = replace(stored, response=response)
            ask.undo.append(lambda: self._stored.update({about: stored}))
        return response


def _json(ask: Ask, value: Any) -> Sequence[Op]:
    return whole(200, json_bytes(value), headers=common_headers(ask))


def _at(response: dict[str, Any], now: float) -> dict[str, Any]:
    """A response as it is at a time: one in the background is queued first and takes as long as it takes."""
    done = response.get("completed_at") or 0
    if not response["background"] or response["status"] == "cancelled" or now >= done:
        return response
    status = "queued" if now < response["created_at"] + 1 else "in_progress"
    return events.unfinished(response, status)


def _format(body: dict[str, Any]) -> dict[str, Any] | None:
    given = body.get("text", {}).get("format") or {}
    return given if given.get("type") in {"json_schema", "json_object"} else None


def _items(ask: Ask) -> list[dict[str, Any]]:
    """What was asked, as the API lists it: every item with an identifier of its own, every text in a part."""
    given = ask.body["input"]
    items = [{"role": "user", "content": given}] if isinstance(given, str) else given
    return [{"id": hex_id(ask, "msg_", 48, "input", number), **_item(item)} for number, item in enumerate(items)]


def _item(item: dict[str, Any]) -> dict[str, Any]:
    if item.get("type", "message") != "message":
        return {"status": "completed", **item}
    content, kind = item["content"], "output_text" if item["role"] == "assistant" else "input_text"
    if isinstance(content, str):
        extra: dict[str, Any] = {"annotations": [], "logprobs": []} if kind == "output_text" else {}
        content = [{"type": kind, "text": content, **extra}]
    return {"type": "message", "status": "completed", **item, "content": content}


def _output(ask: Ask, said: Said) -> tuple[list[dict[str, Any]], events.Pieces]:
    """The output items, whole, and how their texts are cut for streaming."""
    items: list[dict[str, Any]] = []
    pieces: events.Pieces = []
    # What breaks off is the last item; a refusal and words are always the last one.
    status = "incomplete" if said.finish in INCOMPLETE else "completed"
    if ask.reasoning_tokens:
        items.append({"id": hex_id(ask, "rs_", 48), "type": "reasoning", "summary": []})
        pieces.append(())
    for number, call in enumerate(said.calls):
        items.append(
            {
                "id": hex_id(ask, "fc_", 48, number),
                "type": "function_call",
                "status": status if number == len(said.calls) - 1 else "completed",
                "arguments": call.arguments,
                "call_id": text_id(ask, "call_", 24, number),
                "name": call.name,
            }
        )
        pieces.append(tuple(call.pieces()))
    if not said.calls and (said.pieces or status == "completed"):
        part: dict[str, Any] = {"type": "output_text", "annotations": [], "logprobs": [], "text": said.text}
        if said.refused:
            part = {"type": "refusal", "refusal": said.text}
        items.append(
            {
                "id": hex_id(ask, "msg_", 48),
                "type": "message",
                "status": status,
                "content": [part],
                "role": "assistant",
            }
        )
        pieces.append(said.pieces)
    return items, pieces


def _response(ask: Ask, said: Said, output: list[dict[str, Any]]) -> dict[str, Any]:
    body = ask.body
    reason = INCOMPLETE.get(said.finish)
    took = ask.answer.pace.first + ask.answer.pace.between * len(said.pieces)
    if body.get("background"):
        took = max(BACKGROUND_SECONDS, took)
    tier = body.get("service_tier")
    return {
        "id": hex_id(ask, "resp_", 48),
        "object": "response",
        "created_at": int(ask.now),
        "status": "incomplete" if reason else "completed",
        "background": body.get("background", False),
        "completed_at": None if reason else int(ask.now + took),
        "error": None,
        "incomplete_details": {"reason": reason} if reason else None,
        "instructions": body.get("instructions"),
        "max_output_tokens": body.get("max_output_tokens"),
        "max_tool_calls": body.get("max_tool_calls"),
        "model": ask.model,
        "output": output,
        "parallel_tool_calls": body.get("parallel_tool_calls", True),
        "previous_response_id": body.get("previous_response_id"),
        "prompt_cache_key": body.get("prompt_cache_key"),
        "reasoning": {"effort": None, "summary": None, **body.get("reasoning", {})},
        "safety_identifier": body.get("safety_identifier"),
        "service_tier": tier if tier in TIERS else "default",
        "store": body.get("store", True),
        "temperature": body.get("temperature", 1.0),
        "text": {"format": {"type": "text"}, "verbosity": "medium", **_text(body.get("text", {}))},
        "tool_choice": body.get("tool_choice", "auto"),
        "tools": [_tool(tool) for tool in body.get("tools", ())],
        "top_logprobs": body.get("top_logprobs", 0),
        "top_p": body.get("top_p", 1.0),
        "truncation": body.get("truncation", "disabled"),
        "usage": {
            "input_tokens": ask.input_tokens,
            "input_tokens_details": {"cached_tokens": ask.cached_tokens, "cache_write_tokens": 0},
            "output_tokens": ask.output_tokens,
            "output_tokens_details": {"reasoning_tokens": ask.reasoning_tokens},
            "total_tokens": ask.input_tokens + ask.output_tokens,
        },
        "user": body.get("user"),
        "metadata": body.get("metadata", {}),
    }


def _text(given: dict[str, Any]) -> dict[str, Any]:
    """The text settings as the API gives them back, its defaults filled in."""
    said = {name: value for name, value in given.items() if value is not None}
    if said.get("format", {}).get("type") == "json_schema":
        said["format"] = {"strict": False, "description": None, **said["format"]}
        if said["format"]["description"] is None:
            del said["format"]["description"]
    return said


def _tool(tool: dict[str, Any]) -> dict[str, Any]:
    """A tool as the API gives it back, its defaults filled in."""
    if tool["type"] != "function":
        return tool
    return {"type": "function", "description": None, "name": tool["name"], "parameters": None, "strict": True, **tool}
