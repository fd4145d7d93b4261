"""The official client, as it ships, against a fake on a real socket: blocking and asynchronous."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import openai
import pytest
from openai import AsyncOpenAI, OpenAI
from pydantic import BaseModel
from speaking import KEY, MESSAGES, PROMPT, QUICK, serving

from brownout.fakes.answer import Answer, BatchRun, Pace, ToolCall
from brownout.fakes.ask import Ask, Trouble
from brownout.fakes.dialects.openai.troubles import TROUBLES
from brownout.fakes.fake import Fake
from brownout.fakes.script import Script
from brownout.fakes.server import FakeServer
from brownout.fakes.weather import Weather, always

MODEL = "gpt-4o-mini"
WHOLE = "k7q2x9-1 k7q2x9-2 k7q2x9-3 k7q2x9-4 k7q2x9-5 k7q2x9-6"
WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
RAISED = {
    400: openai.BadRequestError,
    401: openai.AuthenticationError,
    403: openai.PermissionDeniedError,
    404: openai.NotFoundError,
    409: openai.ConflictError,
    422: openai.UnprocessableEntityError,
    429: openai.RateLimitError,
}


class Step(BaseModel):
    """A part of a plan."""

    title: str
    minutes: int


class Plan(BaseModel):
    """What the model is told to answer with."""

    name: str
    mood: Literal["calm", "wild"]
    steps: list[Step]
    note: str | None


@dataclass(frozen=True)
class Refuse:
    """A fault that says no with one kind of trouble."""

    kind: str

    def rewrite(self, script: Script, ask: Ask) -> Script:
        """The provider's refusal."""
        return ask.dialect.trouble(ask, Trouble(self.kind))


@pytest.fixture(scope="module")
def server() -> Iterator[FakeServer]:
    """A fake in a thread of its own."""
    with serving() as served:
        yield served


@pytest.fixture
def client(server: FakeServer) -> Iterator[OpenAI]:
    """The client that blocks."""
    server.answer = QUICK
    with OpenAI(base_url=server.url, api_key=KEY, max_retries=0, timeout=10) as made:
        yield made


@pytest.fixture
async def near() -> AsyncIterator[FakeServer]:
    """A fake in the test's own loop."""
    served = FakeServer(Fake())
    served.answer = QUICK
    await served.start()
    yield served
    await served.stop()


@pytest.fixture
async def aclient(near: FakeServer) -> AsyncIterator[AsyncOpenAI]:
    """The client that does not block."""
    async with AsyncOpenAI(base_url=near.url, api_key=KEY, max_retries=0, timeout=10) as made:
        yield made


class TestChat:
    def test_whole(self, client: OpenAI) -> None:
        """
        A completion has the numbered words, and the request id of the header.
        """
        made = client.chat.completions.create(model=MODEL, messages=MESSAGES)  # type: ignore[arg-type]

        assert WHOLE == made.choices[0].message.content
        assert made._request_id
        assert made._request_id.startswith("req_")

    def test_streamed(self, client: OpenAI) -> None:
        """
        The pieces of a stream are the words, and the usage comes last.
        """
        chunks = list(
            client.chat.completions.create(
                model=MODEL, messages=MESSAGES, stream=True, stream_options={"include_usage": True}
            )
        )

        assert WHOLE == "".join(chunk.choices[0].delta.content or "" for chunk in chunks[:-1])
        assert chunks[-1].usage is not None

    def test_the_streaming_helper(self, client: OpenAI, server: FakeServer) -> None:
        """
        The client's own accumulator ends with the same completion, tool calls included.
        """
        server.answer = Answer(tool_calls=(ToolCall("weather", {"city": "Zürich"}),))

        with client.chat.completions.stream(model=MODEL, messages=MESSAGES, tools=[WEATHER]) as stream:
            done = [event for event in stream if event.type == "tool_calls.function.arguments.done"]
            final = stream.get_final_completion()

        assert ['{"city":"Zürich"}'] == [event.arguments for event in done]
        assert "tool_calls" == final.choices[0].finish_reason

    def test_parsed(self, client: OpenAI) -> None:
        """
        A structured answer parses to the model that was asked for.
        """
        made = client.chat.completions.parse(model=MODEL, messages=MESSAGES, response_format=Plan)  # type: ignore[arg-type]

        plan = made.choices[0].message.parsed
        assert plan is not None
        assert (WHOLE, "calm", 1) == (plan.name, plan.mood, len(plan.steps))

    def test_a_refusal_is_not_parsed(self, client: OpenAI, server: FakeServer) -> None:
        """
        A refusal parses to nothing and is told.
        """
        server.answer = Answer(refusal="No.")

        made = client.chat.completions.parse(model=MODEL, messages=MESSAGES, response_format=Plan)  # type: ignore[arg-type]

        assert (None, "No.") == (made.choices[0].message.parsed, made.choices[0].message.refusal)

    @pytest.mark.parametrize(
        ("answer", "most", "raised"),
        [
            (Answer(words=50), 20, openai.LengthFinishReasonError),
            (Answer(words=3, finish="content_filter"), 200, openai.ContentFilterFinishReasonError),
        ],
        ids=["length", "content_filter"],
    )
    def test_a_broken_off_structure_is_told(
        self, client: OpenAI, server: FakeServer, answer: Answer, most: int, raised: type[Exception]
    ) -> None:
        """
        A structure that ends for want of room, or filtered, raises the client's own exception for it.
        """
        server.answer = answer

        with pytest.raises(raised):
            client.chat.completions.parse(
                model=MODEL,
                messages=MESSAGES,  # type: ignore[arg-type]
                response_format=Plan,
                max_tokens=most,
            )

    async def test_asynchronous(self, aclient: AsyncOpenAI) -> None:
        """
        Fifty callers at once, half of them streaming, each hear their own words.
        """

        async def call(number: int) -> str:
            messages: Any = [{"role": "user", "content": f"[bo:call{number:02}]"}]
            if number % 2:
                made = await aclient.chat.completions.create(model=MODEL, messages=messages)
                return made.choices[0].message.content or ""
            stream = await aclient.chat.completions.create(model=MODEL, messages=messages, stream=True)
            return "".join([chunk.choices[0].delta.content or "" async for chunk in stream])

        heard = await asyncio.gather(*map(call, range(50)))

        assert [WHOLE.replace("k7q2x9", f"call{number:02}") for number in range(50)] == heard


class TestResponses:
    def test_whole(self, client: OpenAI) -> None:
        """
        `output_text` has the numbered words.
        """
        assert WHOLE == client.responses.create(model=MODEL, input=PROMPT).output_text

    def test_streamed(self, client: OpenAI) -> None:
        """
        The deltas are the words, and the last event says that it is completed.
        """
        events = list(client.responses.create(model=MODEL, input=PROMPT, stream=True))

        assert WHOLE == "".join(event.delta for event in events if event.type == "response.output_text.delta")
        assert "response.completed" == events[-1].type

    def test_the_streaming_helper_parses(self, client: OpenAI) -> None:
        """
        The client's own accumulator parses the structure that was asked for.
        """
        with client.responses.stream(model=MODEL, input=PROMPT, text_format=Plan) as stream:
            stream.until_done()
            final = stream.get_final_response()

        assert final.output_parsed is not None
        assert WHOLE == final.output_parsed.name

    async def test_asynchronous_tool_loop(self, aclient: AsyncOpenAI, near: FakeServer) -> None:
        """
        A tool is called, its result goes back with the stored response, and the model talks.
        """
        near.answer = Answer(words=6, tool_calls=(ToolCall("weather", {"city": "Bern"}),))
        tool: Any = {"type": "function", **WEATHER["function"], "strict": False}

        first = await aclient.responses.create(model=MODEL, input=PROMPT, tools=[tool])
        call: Any = first.output[0]
        result: Any = [{"type": "function_call_output", "call_id": call.call_id, "output": PROMPT}]
        second = await aclient.responses.create(model=MODEL, input=result, tools=[tool], previous_response_id=first.id)

        assert ("weather", {"city": "Bern"}) == (call.name, json.loads(call.arguments))
        assert WHOLE == second.output_text

    def test_stored_ones(self, client: OpenAI) -> None:
        """
        A stored response is read back, listed by its input, streamed again from the middle, and deleted.
        """
        made = client.responses.create(model=MODEL, input=PROMPT)

        assert client.responses.retrieve(made.id).output_text == WHOLE
        assert 1 == len(client.responses.input_items.list(made.id).data)
        rest = list(client.responses.retrieve(made.id, stream=True, starting_after=8))
        assert 9 == rest[0].sequence_number  # type: ignore[union-attr]
        client.responses.delete(made.id)
        with pytest.raises(openai.NotFoundError):
            client.responses.retrieve(made.id)

    def test_one_in_the_background_can_be_cancelled(self, client: OpenAI) -> None:
        """
        A response in the background is queued, and cancelled when it is told so.
        """
        made = client.responses.create(model=MODEL, input=PROMPT, background=True)

        assert ("queued", "cancelled") == (made.status, client.responses.cancel(made.id).status)

    def test_tokens_are_counted(self, client: OpenAI) -> None:
        """
        The count is the one that is billed.
        """
        counted = client.responses.input_tokens.count(model=MODEL, input=PROMPT)
        made = client.responses.create(model=MODEL, input=PROMPT)

        assert made.usage is not None
        assert made.usage.input_tokens == counted.input_tokens


class TestEmbeddings:
    def test_the_client_decodes_what_it_asked_for(self, client: OpenAI) -> None:
        """
        Left to itself the client asks for base64; what it decodes is what it gets as floats, and has length one.
        """
        usual = client.embeddings.create(model="text-embedding-3-small", input=["a", "b"])
        floats = client.embeddings.create(model="text-embedding-3-small", input=["a", "b"], encoding_format="float")

        assert [1536, 1536] == [len(each.embedding) for each in usual.data]
        assert usual.data[0].embedding == pytest.approx(floats.data[0].embedding, abs=1e-7)
        assert usual.data[0].embedding != usual.data[1].embedding
        assert 1.0 == pytest.approx(math.hypot(*usual.data[0].embedding), abs=1e-4)

    def test_dimensions(self, client: OpenAI) -> None:
        """
        A smaller size is given where it is asked for.
        """
        made = client.embeddings.create(model="text-embedding-3-large", input="a", dimensions=256)

        assert 256 == len(made.data[0].embedding)


class TestTheRest:
    def test_models(self, client: OpenAI) -> None:
        """
        Models are listed and found by name; one that there is not is not found.
        """
        assert MODEL in [each.id for each in client.models.list()]
        assert MODEL == client.models.retrieve(MODEL).id
        with pytest.raises(openai.NotFoundError):
            client.models.retrieve("gpt-9")
        with pytest.raises(openai.PermissionDeniedError):
            client.models.delete(MODEL)

    def test_moderations(self, client: OpenAI) -> None:
        """
        What asks to be flagged is flagged, and nothing else.
        """
        made = client.moderations.create(input=["[flag:hate/threatening]", "hello"])

        assert [True, False] == [each.flagged for each in made.results]
        assert made.results[0].categories.hate_threatening
        assert not made.results[0].categories.violence

    def test_files_and_batches(self, client: OpenAI, server: FakeServer) -> None:
        """
        A batch is uploaded, made, run and read; its files are deleted.
        """
        server.answer = Answer(words=6, batch=BatchRun(seconds=0, failed=(2,)))
        lines = [
            {
                "custom_id": f"row-{number}",
                "method": "POST",
                "url": "/v1/chat/completions",
                "body": {"model": MODEL, "messages": MESSAGES},
            }
            for number in (1, 2)
        ]
        data = "\n".join(map(json.dumps, lines)).encode()

        uploaded = client.files.create(file=("rows.jsonl", data), purpose="batch")
        made = client.batches.create(
            input_file_id=uploaded.id, endpoint="/v1/chat/completions", completion_window="24h"
        )
        batch = client.batches.retrieve(made.id)

        assert data == client.files.content(uploaded.id).read()
        assert ("completed", 1, 1) == (
            batch.status,
            batch.request_counts and batch.request_counts.completed,
            batch.request_counts and batch.request_counts.failed,
        )
        assert batch.output_file_id is not None
        assert WHOLE in client.files.content(batch.output_file_id).text
        assert made.id in [each.id for each in client.batches.list()]
        assert 3 == len([client.files.delete(each.id) for each in client.files.list()])


class TestTroubles:
    @pytest.mark.parametrize("kind", sorted(TROUBLES))
    @pytest.mark.parametrize("api", ["chat", "responses", "streamed"])
    async def test_the_client_raises_its_own_exception(
        self, aclient: AsyncOpenAI, near: FakeServer, kind: str, api: str
    ) -> None:
        """
        Every trouble has the status, type and code of the table, and raises the client's exception for its status.
        """
        await near.change(Weather((always(Refuse(kind)),)))
        row = TROUBLES[kind]
        usual = openai.InternalServerError if row.status >= 500 else openai.APIStatusError
        messages: Any = MESSAGES
        calls = {
            "responses": lambda: aclient.responses.create(model=MODEL, input=PROMPT),
            "chat": lambda: aclient.chat.completions.create(model=MODEL, messages=messages),
            "streamed": lambda: aclient.chat.completions.create(model=MODEL, messages=messages, stream=True),
        }

        with pytest.raises(RAISED.get(row.status, usual)) as raised:
            await calls[api]()

        assert row.status == raised.value.status_code
        if not row.html:
            assert (row.type, row.code) == (raised.value.type, raised.value.code)
            assert raised.value.request_id is not None

    @pytest.mark.parametrize("kind", sorted(TROUBLES))
    async def test_an_error_in_the_middle_is_raised(self, aclient: AsyncOpenAI, near: FakeServer, kind: str) -> None:
        """
        Whatever the trouble, the event that tells of it in the middle of chat's stream raises an API error.
        """

        @dataclass(frozen=True)
        class Break:
            def rewrite(self, script: Script, ask: Ask) -> Script:
                *kept, _, end = script
                return [*kept, ask.dialect.midstream_error(ask, Trouble(kind)), end]

        await near.change(Weather((always(Break()),)))

        async def listen() -> None:
            messages: Any = MESSAGES
            async for _ in await aclient.chat.completions.create(model=MODEL, messages=messages, stream=True):
                pass

        with pytest.raises(openai.APIError) as raised:
            await listen()

        assert TROUBLES[kind].code == raised.value.code

    @pytest.mark.parametrize(("key", "code"), [("sk-wrong-000000000000000000000000", "invalid_api_key"), ("", None)])
    def test_keys_are_checked(self, server: FakeServer, key: str, code: str | None) -> None:
        """
        A wrong key and no key are a 401, and the wrong one is not repeated in full.
        """
        headers = None if key else {"Authorization": ""}
        with (
            OpenAI(base_url=server.url, api_key=key or "none", max_retries=0, default_headers=headers) as client,
            pytest.raises(openai.AuthenticationError) as raised,
        ):
            client.chat.completions.create(model=MODEL, messages=MESSAGES)  # type: ignore[arg-type]

        assert code == raised.value.code
        assert not key or key not in str(raised.value)

    def test_a_retry_finds_better_weather(self, server: FakeServer) -> None:
        """
        The client retries what is refused once, as the same call, and is answered.
        """
        with serving(answer=Answer(words=6, pace=Pace(0, 0))) as served:
            served.weather = Weather((always(Refuse("overloaded"), attempts=(1, 1)),))
            with OpenAI(base_url=served.url, api_key=KEY, max_retries=1) as client:
                made = client.chat.completions.create(model=MODEL, messages=MESSAGES)  # type: ignore[arg-type]

            assert WHOLE == made.choices[0].message.content
            assert [503, 200] == [exchange.status for exchange in served.journal]
