"""The families that are about one provider, in Google's dialect, against a careful client that speaks it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from clients import Careful, Failed
from staging import play

from brownout.harness import scenario
from brownout.harness.contract import Contract, Stream
from brownout.harness.target_file import Provider
from brownout.harness.targets.sse import EventReader

FAMILIES = ("retry", "timeout", "stream", "content")
GEMINI = Provider("gemini", "gemini-2.5-flash")
CONTRACT = Contract(stream=Stream(idle_timeout=20.0))


FINISHES = {"STOP": "stop", "MAX_TOKENS": "length", "SAFETY": "content_filter", "PROHIBITED_CONTENT": "content_filter"}
UNMEASURED = {"stream.backpressure"}
"""What is judged by the memory of a process, and there is none here."""


def _read(found: Any, finish: str | None) -> tuple[str, str | None]:
    """The text of one response, and why the answer ended, if it says so."""
    if "error" in found:
        raise httpx.ReadError("the provider gives up")
    if "promptFeedback" in found:
        raise Failed("content_policy")
    text = ""
    for candidate in found.get("candidates", ()):
        finish = candidate.get("finishReason") or finish
        text += "".join(part["text"] for part in candidate.get("content", {}).get("parts", ()))
    return text, finish


class Gemini(Careful):
    """A client that does everything right, in Google's words."""

    def __init__(self, url: str, key: str) -> None:
        super().__init__(url, key)
        self.http.headers["x-goog-api-key"] = key

    async def once(self, prompt: str, stream: bool, attempt: int) -> AsyncIterator[Any]:
        """One attempt; at its end, why the answer ended."""
        method = "streamGenerateContent?alt=sse" if stream else "generateContent"
        config = {"maxOutputTokens": 1024}
        body = {"contents": [{"role": "user", "parts": [{"text": prompt}]}], "generationConfig": config}
        async with self.http.stream("POST", f"/v1beta/models/{GEMINI.model}:{method}", json=body) as response:
            if response.status_code != 200:
                await response.aread()
                response.raise_for_status()
            finish = None
            async for found in self._responses(response, stream):
                text, finish = _read(found, finish)
                if text:
                    yield text
            if finish is None:
                raise httpx.ReadError("the answer never came to its end")
            yield {"finish": FINISHES[finish]}

    async def _responses(self, response: httpx.Response, stream: bool) -> AsyncIterator[Any]:
        if not stream:
            yield json.loads(await response.aread())
            return
        reader, pieces = EventReader(), response.aiter_bytes()
        while True:
            async with asyncio.timeout(self.idle):
                piece = await anext(pieces, None)
            for event in reader.feed(piece) if piece is not None else reader.end():
                yield json.loads(event.data)
            if piece is None:
                return

    def again(self, response: httpx.Response) -> bool:
        """Credits that are spent do not come back by waiting."""
        return super().again(response) and "credits are depleted" not in response.text

    def hint(self, response: httpx.Response) -> float | None:
        """How long the provider asks to wait stands among the details of its error."""
        told = super().hint(response)
        if told is not None or "json" not in response.headers["content-type"]:
            return told
        details: list[dict[str, Any]] = response.json()["error"].get("details", [])
        waits = [float(each["retryDelay"].rstrip("s")) for each in details if "retryDelay" in each]
        return waits[0] if waits else None


class Deaf(Gemini):
    """Reads headers and no details."""

    def hint(self, response: httpx.Response) -> float | None:
        """Nothing."""
        return None


def cases() -> list[Any]:
    """Every case of the families that can be met in Google's dialect."""
    found = []
    for row in scenario.load().values():
        for name in row.case_names:
            dialects = row.case(name).dialects
            judged = row.family in FAMILIES and row.id not in UNMEASURED
            if judged and row.needs in (None, "stream") and (not dialects or "gemini" in dialects):
                found.append(pytest.param(row.id, name, id=f"{row.id}[{name}]"))
    return found


@pytest.mark.parametrize(("row", "case"), cases())
def test_a_careful_client_passes(row: str, case: str) -> None:
    """
    A client that does everything right passes every case.
    """
    judgement, _ = play(row, Gemini, case, contract=CONTRACT, speaks=GEMINI)

    assert ("pass", "") == (judgement.verdict.value, judgement.reason)


def test_a_delay_among_the_details_that_is_not_read_is_found() -> None:
    """
    A client that comes back when it likes is seen to be too soon.
    """
    judgement, _ = play("retry.after-retryinfo", Deaf, contract=CONTRACT, speaks=GEMINI)

    assert "fail" == judgement.verdict.value
