"""What holds of any composition of faults over any request, in the script and on the wire."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable

import pytest
import rawsocket
import virtual
from compositions import FAULTS, Asked, answer_to, compositions, faults, request_of, requests
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st
from languages import LANGUAGES

from brownout.fakes.dialects import dialect
from brownout.fakes.faults import Fault, name_of
from brownout.fakes.journal import Exchange
from brownout.fakes.responder import Responder
from brownout.fakes.script import LAST, Close, End, Hang, Head, Op, Reset, Send, Wait, header
from brownout.fakes.weather import Weather, always

HOW = {Close: "fin", Reset: "reset", Hang: "silence"}


def script(asked: Asked, *faults: Fault) -> tuple[list[Op], Exchange]:
    """The whole script of an answer while faults are in force, and its journal entry."""
    fake = LANGUAGES[asked.language].fake()
    weather = Weather((always(*faults),) if faults else (), seed=asked.seed)
    responder = Responder(fake, clock=rawsocket.SteadyDate(), weather=weather)
    responder.answer = answer_to(asked)
    exchange = responder.open(1, 0)
    ops = list(responder.reply(exchange, request_of(asked, fake)).script)
    assert not exchange.error
    return ops, exchange


def keeps(ops: list[Op]) -> bool:
    """Whether the connection is there for another request when the script is over."""
    head = next((op for op in ops if isinstance(op, Head)), Head(0))
    framed = {"content-length", "transfer-encoding"} & {name for name, _ in head.headers}
    return isinstance(ops[-1], End) and bool(framed) and header(head.headers, "connection") != "close"


class TestScripts:
    @pytest.mark.parametrize("name", FAULTS)
    @settings(max_examples=10, deadline=None)
    @given(requests(), st.data())
    def test_every_fault_is_repeatable(self, name: str, asked: Asked, data: st.DataObject) -> None:
        """
        The same fault over the same request with the same seed gives the same script; where that is not the fair one,
        the journal names the fault.
        """
        fault = data.draw(faults(name))
        ops, exchange = script(asked, fault)

        assert ops == script(asked, fault)[0]
        assert ((name,) if ops != script(asked)[0] else ()) == exchange.faults

    @settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(requests(), compositions())
    def test_a_script_is_playable(self, asked: Asked, composed: list[Fault]) -> None:
        """
        It has one end, which is last, at most one head, no piece of the body before that, and only finite waits.
        """
        ops, _ = script(asked, *composed)
        heads = [number for number, op in enumerate(ops) if isinstance(op, Head)]
        pieces = [number for number, op in enumerate(ops) if isinstance(op, Send)]

        assert [len(ops) - 1] == [number for number, op in enumerate(ops) if isinstance(op, LAST)]
        assert len(heads) <= 1
        assert not pieces or heads[0] < pieces[0]
        assert all(math.isfinite(op.seconds) and op.seconds >= 0 for op in ops if isinstance(op, Wait))

    @settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(requests(), compositions())
    def test_a_message_that_ends_properly_has_the_length_it_says(self, asked: Asked, composed: list[Fault]) -> None:
        """
        Where a script ends with `End`, `content-length` is that of the body.
        """
        ops, _ = script(asked, *composed)
        length = header(next((op.headers for op in ops if isinstance(op, Head)), ()), "content-length")

        if isinstance(ops[-1], End) and length is not None:
            assert int(length) == sum(len(op.data) for op in ops if isinstance(op, Send))

    @settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(requests(), compositions())
    def test_the_same_seed_gives_the_same_script(self, asked: Asked, composed: list[Fault]) -> None:
        """
        Played again from the same seed, the script is the same to the byte and to the nanosecond.
        """
        assert script(asked, *composed)[0] == script(asked, *composed)[0]

    @settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(requests(), compositions(least=1))
    def test_only_faults_that_changed_something_have_bitten(self, asked: Asked, composed: list[Fault]) -> None:
        """
        The journal names each fault once at most, no others, and one at least where the script is not the fair one.
        """
        fair, _ = script(asked)
        ops, exchange = script(asked, *composed)

        assert Counter(exchange.faults) <= Counter(map(name_of, composed))
        assert bool(exchange.faults) or fair == ops

    @settings(max_examples=100, deadline=None)
    @given(requests())
    def test_fair_weather_is_what_the_dialect_said(self, asked: Asked) -> None:
        """
        Without faults the script is the dialect's, behind the wait for its first byte, date and limits in its head.
        """
        fake = LANGUAGES[asked.language].fake()
        spoken = dialect(fake.dialect)
        ask = spoken.read(request_of(asked, fake), fake)
        ask.canary, ask.answer, ask.now = rawsocket.CANARY, answer_to(asked), rawsocket.SteadyDate().epoch()
        ops, exchange = script(asked)

        assert [Wait(0.5), *_bare(spoken.answer(ask))] == _bare(ops)
        assert () == exchange.faults


class TestWire:
    @pytest.mark.slow
    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(requests(), compositions(least=1))
    def test_it_plays_to_its_end(self, asked: Asked, composed: list[Fault]) -> None:
        """
        The wire has the script's bytes, takes the script's time, ends as the script ends; where that is a proper end,
        the next request on the connection gets its answer.
        """
        ops, _ = script(asked, *composed)
        note(repr(ops[-1]))
        heard, after = virtual.run(_play(asked, composed))
        body = b"".join(op.data for op in ops if isinstance(op, Send))

        assert HOW.get(type(ops[-1]), "open" if keeps(ops) else "fin") == heard.how
        assert (body if any(isinstance(op, Head) for op in ops) else b"") == heard.body
        if heard.how != "silence":
            assert sum(op.seconds for op in ops if isinstance(op, Wait)) == pytest.approx(heard.seconds, abs=0.05)
        assert (after is not None) == (heard.how == "open")
        assert after is None or ("open", 200) == (after.how, after.status)


async def _play(asked: Asked, composed: list[Fault]) -> tuple[rawsocket.Heard, rawsocket.Heard | None]:
    clock = virtual.VirtualClock()
    language = LANGUAGES[asked.language]
    options = {"answer": answer_to(asked), "clock": clock, "seed": asked.seed, "language": language}
    async with rawsocket.serving(*composed, **options) as server:
        raw = rawsocket.RawSocket(server.port, clock)
        await raw.connect()
        try:
            request = rawsocket.written(request_of(asked, server.fake))
            await raw.send(request)
            heard, after = await raw.hear(86400.0), None
            if heard.how == "open":
                await raw.send(request)
                after = await raw.hear(86400.0)
            return heard, after
        finally:
            raw.close()


def _bare(ops: Iterable[Op]) -> list[Op]:
    """The script without what its head says of the day and of limits."""
    return [
        Head(op.status, tuple(pair for pair in op.headers if not ("date" == pair[0] or "ratelimit" in pair[0])))
        if isinstance(op, Head)
        else op
        for op in ops
    ]
