from __future__ import annotations

import json
from dataclasses import dataclass

import msgspec
import pytest
import virtual

from brownout.fakes.ask import Ask, Request
from brownout.fakes.fake import Fake
from brownout.fakes.faults.replies import RateLimited
from brownout.fakes.journal import Exchange, Piece
from brownout.fakes.responder import Responder
from brownout.fakes.script import Head, Op, Reset, Script, Send, header
from brownout.fakes.weather import Weather, always, first

KEY = Fake().keys[0]


def chat(text: str = "[bo:abc123] hello", **fields: object) -> Request:
    """A chat request."""
    body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": text}], **fields}
    return Request("POST", "/v1/chat/completions", "", (("authorization", f"Bearer {KEY}"),), json.dumps(body).encode())


def replied(responder: Responder, request: Request) -> tuple[Exchange, list[Op]]:
    """The journal's entry and everything that would be played."""
    exchange = responder.open(1, 0)
    return exchange, list(responder.reply(exchange, request).script)


@dataclass(frozen=True, slots=True)
class Broken:
    """A fault with a fault."""

    def rewrite(self, script: Script, ask: Ask) -> Script:
        """Nothing good."""
        raise LookupError("no such thing")


class TestReply:
    def test_attempts_are_counted_by_canary(self) -> None:
        """
        Each call's attempts are numbered from one, however they are mixed with others', refused ones included.
        """
        responder = Responder(Fake(), weather=Weather((first(1, RateLimited()),)))
        order = ["aaaaaa", "bbbbbb", "aaaaaa", "aaaaaa", "bbbbbb"]

        exchanges = [replied(responder, chat(f"[bo:{canary}] hi"))[0] for canary in order]

        assert [("aaaaaa", 1), ("bbbbbb", 1), ("aaaaaa", 2), ("aaaaaa", 3), ("bbbbbb", 2)] == [
            (exchange.canary, exchange.attempt) for exchange in exchanges
        ]
        assert [("rate_limited",), ("rate_limited",), (), (), ()] == [exchange.faults for exchange in exchanges]

    def test_replies_are_dated_in_target_time(self) -> None:
        """
        Every head carries the date of the fakes' clock.
        """

        async def ask() -> str | None:
            _, ops = replied(Responder(Fake(), clock=virtual.VirtualClock()), chat())
            return next(header(op.headers, "date") for op in ops if isinstance(op, Head))

        assert "Sat, 21 Nov 2026 10:00:00 GMT" == virtual.run(ask())

    def test_the_same_request_gets_the_same_bytes(self) -> None:
        """
        Two fakes with the same seed say the same, byte for byte.
        """

        async def ask() -> list[bytes]:
            _, ops = replied(Responder(Fake(), clock=virtual.VirtualClock()), chat(stream=True))
            return [op.data for op in ops if isinstance(op, Send)]

        assert virtual.run(ask()) == virtual.run(ask())

    @pytest.mark.parametrize(
        "body", [b"", b"{", b"[]", b"null", b'{"messages": 7}', b'{"model": {}, "messages": [[[]]]}', b"\xff"]
    )
    def test_no_body_breaks_it(self, body: bytes) -> None:
        """
        Whatever the body, there is a reply and a journal entry without an error.
        """
        request = Request("POST", "/v1/chat/completions", "", (("authorization", f"Bearer {KEY}"),), body)

        exchange, ops = replied(Responder(Fake()), request)

        assert "" == exchange.error
        assert any(isinstance(op, Head) and op.status == 400 for op in ops)

    def test_a_broken_fault_breaks_its_exchange_only(self) -> None:
        """
        A fault that raises leaves its error in the journal with its place, and a reset; the next request is answered.
        """
        responder = Responder(Fake(), weather=Weather((first(1, Broken()),)))

        exchange, ops = replied(responder, chat())
        after, _ = replied(responder, chat())

        assert [Reset()] == ops
        assert exchange.error.startswith("LookupError: no such thing (test_responder.py:")
        assert "stopped" == exchange.ended
        assert "hello" in exchange.request_body
        assert "" == after.error

    def test_the_journal_is_written_and_read_again(self) -> None:
        """
        An exchange survives being saved as a line of JSON, with all that is known of it.
        """
        responder = Responder(Fake(), weather=Weather((always(RateLimited(retry_after=2)),)))
        tool = {"type": "function", "function": {"name": "weather", "parameters": {}}}
        exchange, _ = replied(responder, chat(stream=True, user="u1", max_tokens=7, tools=[tool]))
        exchange.pieces.append(Piece(1, 2, 3, "delta"))

        line = msgspec.json.encode(exchange)

        assert b"\n" not in line
        assert exchange == msgspec.json.decode(line, type=Exchange)
        assert ("chat", "gpt-4o-mini", True, 7, "u1") == (
            exchange.route,
            exchange.model,
            exchange.stream,
            exchange.max_output,
            exchange.user,
        )
        assert (("weather",), ("[bo:abc123] hello",)) == (exchange.tools, exchange.texts)
