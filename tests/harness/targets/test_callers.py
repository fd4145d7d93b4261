"""Callers that speak a dialect, held against a fake that speaks it."""

from __future__ import annotations

from typing import Any

import pytest
from languages import LANGUAGES
from speaking import Provider, Spoken

from brownout.fakes.answer import Answer, Pace, ToolCall
from brownout.fakes.ask import Ask, Trouble
from brownout.harness.protocol import CallEvent, CallRequest, ChunkEvent, Done, Error
from brownout.harness.targets.callers import CALLERS
from brownout.harness.targets.replies import Reading

PATHS = {"openai": "/v1/chat/completions", "anthropic": "/v1/messages"}
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
TOOL = {"type": "function", "function": {"name": "weather", "description": "The weather.", "parameters": SCHEMA}}
TURNS = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Say it. [bo:k7q2x9]"}]


def asked(name: str, request: CallRequest, answer: Answer) -> Spoken:
    """What a fake says to a caller of its dialect."""
    language, caller = LANGUAGES[name], CALLERS[name]
    provider = Provider(language.fake(), answer, language=language)
    return provider.post(PATHS[name], caller.ask(request, language.model), headers=tuple(caller.HEADERS.items()))


def heard(name: str, request: CallRequest, spoken: Spoken, piece: int = 7) -> list[CallEvent]:
    """What the caller hears of it, in pieces of so many bytes."""
    reading: Reading = CALLERS[name].read(request, spoken.status, spoken.header("content-type") or "")
    found: list[CallEvent] = []
    for at in range(0, len(spoken.body), piece):
        found += reading.feed(spoken.body[at : at + piece])
    return found if found and isinstance(found[-1], Done | Error) else [*found, reading.end()]


def text_of(events: list[CallEvent]) -> str:
    """All the text."""
    last = events[-1]
    assert isinstance(last, Done)
    return (last.text or "") + "".join(event.text for event in events if isinstance(event, ChunkEvent))


@pytest.mark.parametrize("name", CALLERS)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
class TestCallers:
    def test_the_whole_answer_is_heard(self, name: str, stream: bool) -> None:
        """
        Text, finish, model and usage are those of the answer; all that the caller wants is asked for.
        """
        request = CallRequest("c1", TURNS, stream, user="u1", max_tokens=500)

        spoken = asked(name, request, Answer(words=6, unicode=True, pace=Pace(0.0, 0.0)))
        done: Any = heard(name, request, spoken)[-1]

        assert spoken.ask.answer.whole("k7q2x9") == text_of(heard(name, request, spoken))
        assert (spoken.ask.dialect.finishes["stop"], spoken.ask.model) == (done.finish, done.model)
        assert ("u1", 500, stream) == (spoken.ask.user, spoken.ask.max_output, spoken.ask.stream)
        assert tuple(turn["content"] for turn in TURNS) == spoken.ask.texts
        if not (stream and name == "openai"):  # which tells the usage of a stream to those alone who ask for it
            assert (spoken.ask.input_tokens, spoken.ask.output_tokens) == (done.usage.input, done.usage.output)

    def test_tool_calls_are_told_in_one_shape(self, name: str, stream: bool) -> None:
        """
        Name and arguments come as text, whatever the dialect has for them.
        """
        request = CallRequest("c1", TURNS, stream, tools=[TOOL])

        spoken = asked(name, request, Answer(tool_calls=(ToolCall("weather", {"city": "Bern"}),)))
        done: Any = heard(name, request, spoken)[-1]

        assert ["weather"] == [call["function"]["name"] for call in done.tool_calls]
        assert ['{"city":"Bern"}'] == [call["function"]["arguments"].replace(": ", ":") for call in done.tool_calls]

    def test_a_refusal_is_an_error(self, name: str, stream: bool) -> None:
        """
        A status of 400 or more is an error with the provider's message.
        """
        request = CallRequest("c1", TURNS, stream)
        ask: Ask = asked(name, request, Answer()).ask
        ops = ask.dialect.trouble(ask, Trouble("rate_limited", "slow down"))

        assert [Error("c1", "rate_limited", "slow down")] == heard(name, request, Spoken(ask, tuple(ops)))

    def test_another_body_is_handed_over_as_it_came(self, name: str, stream: bool) -> None:
        """
        A success that is no answer is what the caller got.
        """
        request = CallRequest("c1", TURNS, stream)
        reading = CALLERS[name].read(request, 200, "text/html")
        reading.feed(b"<html>")

        assert Done("c1", text="<html>") == reading.end()


@pytest.mark.parametrize("name", CALLERS)
def test_an_error_in_a_stream_is_heard(name: str) -> None:
    """
    The event that tells of an error ends the call as an error.
    """
    request = CallRequest("c1", TURNS, stream=True)
    spoken = asked(name, request, Answer(words=3))
    error = spoken.ask.dialect.midstream_error(spoken.ask, Trouble("overloaded", "too much"))
    *kept, _, _ = spoken.ops

    events = heard(name, request, Spoken(spoken.ask, (*kept[:-3], error)))

    assert isinstance(events[-1], Error)
    assert ("too much", True) == (events[-1].message, events[-1].partial)
