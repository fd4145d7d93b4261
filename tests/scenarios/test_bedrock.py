"""The families that are about one provider, in Bedrock's dialect, against a careful client that speaks and signs it."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
from collections.abc import AsyncIterator
from typing import Any
from unittest import mock

import httpx
import pytest
import virtual
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.eventstream import EventStreamBuffer, ParserError
from clients import Careful, Failed
from staging import play

from brownout.fakes.fake import key_id
from brownout.harness import scenario
from brownout.harness.contract import Contract, Stream
from brownout.harness.target_file import Provider

FAMILIES = ("control", "retry", "timeout", "stream", "content")
BEDROCK = Provider("bedrock", "us.anthropic.claude-haiku-4-5-20251001-v1:0")
CONTRACT = Contract(stream=Stream(idle_timeout=20.0))
FINISHES = {"end_turn": "stop", "max_tokens": "length", "content_filtered": "content_filter"}
UNMEASURED = {"stream.backpressure"}
"""What is judged by the memory of a process, and there is none here."""
CROWDS = {"retry.budget", "retry.exponential", "retry.herd-on-recovery", "retry.jitter", "timeout.tail"}
"""What a crowd does takes long to play and hangs on the client's waits alone."""


class Bedrock(Careful):
    """A client that does everything right, in Amazon's words and frames."""

    def __init__(self, url: str, key: str) -> None:
        super().__init__(url, key)
        self.credentials = Credentials(key_id(key), key)  # type: ignore[no-untyped-call]

    def signed(self, url: str, body: bytes) -> dict[str, str]:
        """The headers of a request, signed by Amazon's own signer at the time that it is."""
        date = dt.datetime.fromtimestamp(virtual.EPOCH + asyncio.get_running_loop().time(), dt.UTC)
        request = AWSRequest("POST", url, {"content-type": "application/json"}, body)  # type: ignore[no-untyped-call]
        with mock.patch("botocore.auth.get_current_datetime", return_value=date):
            SigV4Auth(self.credentials, "bedrock", "us-east-1").add_auth(request)  # type: ignore[no-untyped-call]
        return dict(request.headers)

    async def once(self, prompt: str, stream: bool, attempt: int) -> AsyncIterator[Any]:
        """One attempt; at its end, why the answer ended."""
        path = f"/model/{BEDROCK.model.replace(':', '%3A')}/converse{'-stream' if stream else ''}"
        asked = {"messages": [{"role": "user", "content": [{"text": prompt}]}], "inferenceConfig": {"maxTokens": 1024}}
        body = json.dumps(asked).encode()
        headers = self.signed(f"{self.http.base_url}{path}", body)
        async with self.http.stream("POST", path, content=body, headers=headers) as response:
            if response.status_code != 200:
                await response.aread()
                response.raise_for_status()
            finish = None
            async for found in self._said(response, stream):
                finish = found.get("stopReason", finish)
                if text := self.text(found, stream):
                    yield text
            yield {"finish": FINISHES[self.ended(finish)]}

    def text(self, found: Any, stream: bool) -> str:
        """What is said, in an event or in a whole body."""
        blocks = [found["delta"]] if stream and "delta" in found else []
        if not stream:
            blocks = found["output"]["message"]["content"]
        return "".join(block["text"] for block in blocks if "text" in block)

    def ended(self, finish: str | None) -> str:
        """Why the answer ended, which has to be said."""
        if finish is None:
            raise httpx.ReadError("the answer never came to its end")
        return finish

    async def _said(self, response: httpx.Response, stream: bool) -> AsyncIterator[Any]:
        if not stream:
            yield json.loads(await response.aread())
            return
        buffer, pieces = EventStreamBuffer(), response.aiter_bytes()  # type: ignore[no-untyped-call]
        while True:
            async with asyncio.timeout(self.idle):
                piece = await anext(pieces, None)
            if piece is None:
                return
            buffer.add_data(piece)  # type: ignore[no-untyped-call]
            try:
                events = list(buffer)
            except ParserError as error:
                raise httpx.ReadError(str(error)) from None
            for event in events:
                if (found := self.heard(event)) is not None:
                    yield found

    def heard(self, event: Any) -> Any:
        """What is said in a frame; None in one of a type that nobody knows."""
        if event.headers[":message-type"] != "event":
            raise httpx.ReadError("the provider gives up")
        known = event.headers[":event-type"].startswith(("message", "contentBlock", "metadata"))
        return json.loads(event.payload) if known else None


def cases() -> list[Any]:
    """Every case of the families that can be met in Bedrock's dialect."""
    found = []
    for row in scenario.load().values():
        for name in row.case_names:
            dialects = row.case(name).dialects
            judged = row.family in FAMILIES and row.id not in UNMEASURED
            if judged and row.needs in (None, "stream") and (not dialects or "bedrock" in dialects):
                marks = [pytest.mark.whole] if row.id in CROWDS else []
                found.append(pytest.param(row.id, name, id=f"{row.id}[{name}]", marks=marks))
    return found


@pytest.mark.parametrize(("row", "case"), cases())
def test_a_careful_client_passes(row: str, case: str) -> None:
    """
    A client that does everything right passes every case.
    """
    judgement, _ = play(row, Bedrock, case, contract=CONTRACT, speaks=BEDROCK)

    assert ("pass", "") == (judgement.verdict.value, judgement.reason)


class Trusting(Bedrock):
    """Takes the end of what comes for the end of the answer, as Amazon's own client does."""

    def ended(self, finish: str | None) -> str:
        """Whatever was said of it."""
        return finish or "end_turn"


class Skipping(Bedrock):
    """Takes a frame that it cannot read for nothing, as Amazon's own client does."""

    def heard(self, event: Any) -> Any:
        """Nothing is said in it."""
        try:
            return super().heard(event)
        except ValueError:
            return {}


class Unchecked(Bedrock):
    """Knows no exceptions in frames."""

    def heard(self, event: Any) -> Any:
        """A frame is a frame."""
        return None if event.headers[":message-type"] != "event" else super().heard(event)

    def ended(self, finish: str | None) -> str:
        """Whatever was said of it."""
        return finish or "end_turn"


class Stubborn(Bedrock):
    """Tries again whatever it is told."""

    def again(self, response: httpx.Response) -> bool:
        """Always."""
        return True


class Patient(Bedrock):
    """Waits for ever."""

    deadline = None
    idle = None


class Unknowing(Bedrock):
    """Believes in frames of known types only."""

    def heard(self, event: Any) -> Any:
        """What is not known is an error."""
        found = super().heard(event)
        if found is None:
            raise Failed("provider", partial=True)
        return found


WRONG = [
    (Trusting, "stream.cut-clean", "after-7"),
    (Trusting, "stream.cut-in-event", "event-clean"),
    (Trusting, "stream.cut-in-event", "frame-clean"),
    (Trusting, "stream.cut-in-event", "character-clean"),
    (Skipping, "stream.garbage", ""),
    (Unchecked, "stream.error-event", "overloaded"),
    (Unknowing, "stream.comments", "unknown-events"),
    (Stubborn, "retry.not-on-client-error", "401"),
    (Stubborn, "retry.not-on-quota-exhausted", "billing"),
    (Patient, "timeout.stream-stall", ""),
]


@pytest.mark.parametrize(("client", "row", "case"), WRONG)
def test_a_client_that_forgets_one_thing_fails(client: type[Bedrock], row: str, case: str) -> None:
    """
    Whatever the client forgets, the row that is about it says so.
    """
    judgement, _ = play(row, client, case, contract=CONTRACT, speaks=BEDROCK)

    assert "fail" == judgement.verdict.value
