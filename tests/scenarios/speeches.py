"""A careful client in the words of every provider, small enough to be wrong in one place at a time.

How a provider is asked stands in `languages`; how it is read, strictly, stands here: a function for each shape of
answer.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import httpx
from clients import Careful, Failed
from languages import LANGUAGES, Language

from brownout.harness.target_file import Provider
from brownout.harness.targets.sse import EventReader

Heard = tuple[str, str | None]
"""A piece of text, and why the answer has ended, if it says so."""
SPENT = ("credits are depleted", "spend_limit_reached", "API calls / month")
DELAY = re.compile(r'"retryDelay":\s*"([\d.]+)s"')
DONE = {"reason": "completed"}
MOST = 1024


def _text(value: Any) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise TypeError(f"a text that is {value!r}")
    return value


def choices(found: Any, stream: bool) -> Heard:
    """OpenAI's chat completions, and those of everybody who speaks them."""
    said, finish = "", None
    for choice in found["choices"] if stream else [found["choices"][0]]:
        message = choice["delta" if stream else "message"]
        if _text(message.get("refusal")):
            raise Failed("content_policy")
        said += _text(message.get("content"))
        finish = choice.get("finish_reason") or finish
    return said, finish


def responses(found: Any, stream: bool) -> Heard:
    """OpenAI's responses."""
    if not stream:
        parts = [part for item in found["output"] for part in item.get("content", ())]
        if any(part["type"] == "refusal" for part in parts):
            raise Failed("content_policy")
        return "".join(_text(part["text"]) for part in parts), (found["incomplete_details"] or DONE)["reason"]
    match found:
        case {"type": "response.output_text.delta", "delta": delta}:
            return _text(delta), None
        case {"type": "response.completed" | "response.incomplete", "response": response}:
            return "", (response["incomplete_details"] or DONE)["reason"]
        case {"type": "response.failed"}:
            raise httpx.ReadError("the provider gives up")
    return "", None


def blocks(found: Any, stream: bool) -> Heard:
    """Anthropic's messages."""
    if not stream:
        return "".join(_text(block["text"]) for block in found["content"]), found["stop_reason"]
    match found:
        case {"type": "content_block_delta", "delta": {"type": "text_delta", "text": text}}:
            return _text(text), None
        case {"type": "message_delta", "delta": {"stop_reason": reason}}:
            return "", reason
    return "", None


def candidates(found: Any, stream: bool) -> Heard:
    """Google's responses, which are the same whole and in pieces."""
    if "promptFeedback" in found:
        raise Failed("content_policy")
    said, finish = "", None
    for candidate in found.get("candidates", ()):
        finish = candidate.get("finishReason") or finish
        said += "".join(_text(part["text"]) for part in candidate.get("content", {}).get("parts", ()))
    return said, finish


def contents(found: Any, stream: bool) -> Heard:
    """Cohere's chats."""
    if not stream:
        return "".join(_text(item["text"]) for item in found["message"]["content"]), found["finish_reason"]
    match found:
        case {"type": "content-delta", "delta": {"message": {"content": {"text": text}}}}:
            return _text(text), None
        case {"type": "message-end", "delta": {"error": _}}:
            raise httpx.ReadError("the provider gives up")
        case {"type": "message-end", "delta": {"finish_reason": reason}}:
            return "", reason
    return "", None


@dataclass(frozen=True)
class Speech:
    """How one provider is asked and read."""

    language: Language
    read: Callable[[Any, bool], Heard]
    reader: Callable[[], EventReader] = EventReader
    """What finds the events in the bytes of a stream."""
    done: str | None = None
    """Why the answer has ended where `[DONE]` is all that tells of it."""

    @property
    def provider(self) -> Provider:
        """Whom a target file would name."""
        return Provider(self.language.dialect, self.language.model)


READS: dict[str, Callable[[Any, bool], Heard]] = {
    **dict.fromkeys(("openai", "azure_openai", "mistral"), choices),
    **dict.fromkeys((name for name in LANGUAGES if name.startswith("openai_compatible")), choices),
    "openai-responses": responses,
    **dict.fromkeys(("anthropic", "vertex-anthropic"), blocks),
    **dict.fromkeys(("gemini", "vertex"), candidates),
    "cohere": contents,
}
"""How the answers of each language are read; those that are left out have the answers of another."""
SILENT = "openai_compatible-vllm-mlx"
SPEECHES = {
    name: Speech(LANGUAGES[name], read, done="stop" if name == SILENT else None) for name, read in READS.items()
}


class Speaking(Careful):
    """A client that does everything right, in the words of one provider."""

    speech: Speech

    def __init__(self, url: str, key: str) -> None:
        super().__init__(url, key)
        self.http.base_url = self.http.base_url.copy_with(path="/")
        del self.http.headers["authorization"]
        self.http.headers.update(self.speech.language.credentials(key))

    async def once(self, prompt: str, stream: bool, attempt: int) -> AsyncIterator[Any]:
        """One attempt; at its end, why the answer ended."""
        language = self.speech.language
        path, body = language.path(language.model, stream=stream), self.body(prompt, stream, attempt)
        async with self.http.stream("POST", path, json=body) as response:
            if response.status_code != 200:
                await response.aread()
                response.raise_for_status()
            finish = None
            async for data in self.pieces(response, stream):
                text, why = self.heard(data, stream)
                finish = finish if why is None or (finish and why == self.speech.done) else why
                if text:
                    yield text
            yield {"finish": self.ended(finish)}

    async def pieces(self, response: httpx.Response, stream: bool) -> AsyncIterator[str]:
        """The data of each event, or the whole body."""
        if not stream:
            yield (await response.aread()).decode()
            return
        reader, pieces = self.speech.reader(), response.aiter_bytes()
        while True:
            async with asyncio.timeout(self.idle):
                piece = await anext(pieces, None)
            for event in reader.feed(piece) if piece is not None else reader.end():
                yield event.data
            if piece is None:
                return

    def heard(self, data: str, stream: bool) -> Heard:
        """What is said in an event, or in a whole body."""
        if stream and data == "[DONE]":
            return "", self.speech.done
        found = json.loads(data)
        if ("error" in found and found["error"] is not None) or found.get("object") == "error":
            raise httpx.ReadError("the provider gives up")
        return self.speech.read(found, stream)

    def ended(self, finish: str | None) -> str:
        """Why the answer ended, which has to be said."""
        if finish is None:
            raise httpx.ReadError("the answer never came to its end")
        return finish

    def body(self, prompt: str, stream: bool, attempt: int) -> dict[str, Any]:
        """What is sent."""
        return self.speech.language.body(self.speech.language.model, prompt, stream=stream, most=MOST)

    def again(self, response: httpx.Response) -> bool:
        """What is spent does not come back by waiting."""
        return super().again(response) and not any(said in response.text for said in SPENT)

    def hint(self, response: httpx.Response) -> float | None:
        """How long the provider asks to wait, in a header or among the details of its error."""
        told, delay = super().hint(response), DELAY.search(response.text)
        return told if told is not None or delay is None else float(delay[1])


def speaking(name: str, kind: type[Careful] = Speaking) -> type[Speaking]:
    """A client that speaks to a provider: one that does everything right, or of a kind that does not."""
    bases = (kind,) if issubclass(kind, Speaking) else (kind, Speaking)
    return type(name, bases, {"speech": SPEECHES[name]})
