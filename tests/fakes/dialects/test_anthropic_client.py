"""The official client, as it ships, against a fake on a real socket: blocking and asynchronous."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import anthropic
import pytest
import strict
from anthropic import Anthropic, AsyncAnthropic
from anthropic.types import ErrorResponse, Message, MessageTokensCount, ModelInfo, RawMessageStreamEvent
from anthropic.types.messages import DeletedMessageBatch, MessageBatch, MessageBatchIndividualResponse
from languages import LANGUAGES
from pydantic import BaseModel
from speaking import KEY, MESSAGES, QUICK, billed, claude, serving

from brownout.fakes.answer import Answer, BatchRun, Pace, ToolCall
from brownout.fakes.ask import Ask, Trouble
from brownout.fakes.dialects.anthropic.troubles import TROUBLES
from brownout.fakes.script import Script
from brownout.fakes.server import FakeServer
from brownout.fakes.weather import Weather, always

MODEL = "claude-sonnet-5-5"
ASK: dict[str, Any] = {"model": MODEL, "max_tokens": 1024, "messages": MESSAGES}
WHOLE = "k7q2x9-1 k7q2x9-2 k7q2x9-3 k7q2x9-4 k7q2x9-5 k7q2x9-6"
WEATHER: Any = {
    "name": "weather",
    "description": "The weather.",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
# The client's class for each status; any other is the one for its hundred.
RAISED = {
    400: anthropic.BadRequestError,
    401: anthropic.AuthenticationError,
    402: anthropic.PaymentRequiredError,
    403: anthropic.PermissionDeniedError,
    404: anthropic.NotFoundError,
    408: anthropic.RequestTimeoutError,
    409: anthropic.ConflictError,
    413: anthropic.ContentTooLargeError,
    422: anthropic.UnprocessableEntityError,
    429: anthropic.RateLimitError,
    503: anthropic.ServiceUnavailableError,
    504: anthropic.GatewayTimeoutError,
    529: anthropic.OverloadedError,
}
OUTCOMES = ["succeeded", "errored", "expired"]


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
    with serving(LANGUAGES["anthropic"].fake()) as served:
        yield served


@pytest.fixture
def client(server: FakeServer) -> Iterator[Anthropic]:
    """The client that blocks."""
    server.answer = QUICK
    with Anthropic(base_url=server.url, api_key=KEY, max_retries=0, timeout=10) as made:
        yield made


@pytest.fixture
async def near() -> AsyncIterator[FakeServer]:
    """A fake in the test's own loop."""
    served = FakeServer(LANGUAGES["anthropic"].fake())
    served.answer = QUICK
    await served.start()
    yield served
    await served.stop()


@pytest.fixture
async def aclient(near: FakeServer) -> AsyncIterator[AsyncAnthropic]:
    """The client that does not block."""
    async with AsyncAnthropic(base_url=near.url, api_key=KEY, max_retries=0, timeout=10) as made:
        yield made


class TestMessages:
    def test_whole(self, client: Anthropic, server: FakeServer) -> None:
        """
        A message has the numbered words, and the usage that the fake has billed.
        """
        made = client.messages.create(**ASK)

        exchange = billed(server)
        assert [("text", WHOLE)] == [(block.type, getattr(block, "text", None)) for block in made.content]
        assert ("end_turn", None) == (made.stop_reason, made.stop_sequence)
        assert (exchange.input_tokens, exchange.output_tokens) == (made.usage.input_tokens, made.usage.output_tokens)
        assert made._request_id
        assert made._request_id.startswith("req_011")

    def test_streamed(self, client: Anthropic) -> None:
        """
        The events come in the order of the documentation; the deltas are the words.
        """
        events = list(client.messages.create(**ASK, stream=True))
        deltas = [event.delta for event in events if event.type == "content_block_delta"]

        assert WHOLE == "".join(getattr(delta, "text", "") for delta in deltas)
        assert ["message_start", "content_block_start"] == [event.type for event in events[:2]]
        assert ["content_block_stop", "message_delta", "message_stop"] == [event.type for event in events[-3:]]

    def test_the_streaming_helper(self, client: Anthropic, server: FakeServer) -> None:
        """
        The client's own accumulator ends with the message that a plain call gives.
        """
        whole = client.messages.create(**ASK)

        with client.messages.stream(**ASK) as stream:
            said = "".join(stream.text_stream)
            final = stream.get_final_message()

        assert WHOLE == said
        assert whole.model_dump(exclude={"id"}) == Message.model_validate(
            final.model_dump(exclude={"id": True, "content": {"__all__": {"parsed_output"}}}) | {"id": whole.id}
        ).model_dump(exclude={"id"})

    @pytest.mark.parametrize("stream", [False, True])
    def test_tool_calls(self, client: Anthropic, server: FakeServer, stream: bool) -> None:
        """
        Every tool call has its arguments as an object, whole or put together from fragments.
        """
        server.answer = Answer(tool_calls=(ToolCall("weather", {"city": "Zürich"}), ToolCall("weather", {})))
        with client.messages.stream(**ASK, tools=[WEATHER]) as streamed:
            final: Any = streamed.get_final_message() if stream else client.messages.create(**ASK, tools=[WEATHER])

        assert "tool_use" == final.stop_reason
        assert [("weather", {"city": "Zürich"}), ("weather", {})] == [(each.name, each.input) for each in final.content]
        assert 2 == len({each.id for each in final.content})

    def test_a_tool_loop(self, client: Anthropic, server: FakeServer) -> None:
        """
        A tool is called, its result goes back, and the model talks.
        """
        server.answer = Answer(words=6, tool_calls=(ToolCall("weather", {"city": "Bern"}),))

        first = client.messages.create(**ASK, tools=[WEATHER])
        call: Any = first.content[0]
        result = {"type": "tool_result", "tool_use_id": call.id, "content": "sunny [bo:k7q2x9]"}
        turns: Any = [*MESSAGES, first.to_param(), {"role": "user", "content": [result]}]
        second: Any = client.messages.create(**{**ASK, "messages": turns}, tools=[WEATHER])

        assert WHOLE == second.content[0].text
        assert "end_turn" == second.stop_reason

    @pytest.mark.parametrize(
        ("choice", "called"),
        [({"type": "any"}, True), ({"type": "tool", "name": "weather"}, True), ({"type": "none"}, False)],
    )
    def test_a_forced_tool_is_called(self, client: Anthropic, choice: Any, called: bool) -> None:
        """
        A tool that has to be called is called with arguments of its schema, and one that must not be is not.
        """
        made: Any = client.messages.create(**ASK, tools=[WEATHER], tool_choice=choice)

        assert called == (made.content[0].type == "tool_use")
        assert not called or made.content[0].input == {"city": WHOLE}

    @pytest.mark.parametrize("stream", [False, True])
    def test_parsed(self, client: Anthropic, stream: bool) -> None:
        """
        A structured answer parses to the model that was asked for.
        """
        if stream:
            with client.messages.stream(**ASK, output_format=Plan) as streamed:
                made: Any = streamed.get_final_message()
        else:
            made = client.messages.parse(**ASK, output_format=Plan)

        plan = made.parsed_output
        assert (WHOLE, "calm", 1) == (plan.name, plan.mood, len(plan.steps))

    @pytest.mark.parametrize("stream", [False, True])
    def test_thinking(self, client: Anthropic, server: FakeServer, stream: bool) -> None:
        """
        What the model thought comes first, signed, and is counted; it goes back as it came.
        """
        server.answer = Answer(words=6, reasoning_tokens=40, pace=Pace(0.0, 0.0))
        asked: Any = {**ASK, "thinking": {"type": "adaptive"}}
        with client.messages.stream(**asked) as streamed:
            made: Any = streamed.get_final_message() if stream else client.messages.create(**asked)

        assert ["thinking", "text"] == [block.type for block in made.content]
        assert made.content[0].thinking
        assert made.content[0].signature
        assert 40 == made.usage.output_tokens_details.thinking_tokens
        again: Any = [*MESSAGES, made.to_param(), {"role": "user", "content": "and now?"}]
        assert client.messages.create(**{**asked, "messages": again}).content

    @pytest.mark.parametrize("stream", [False, True])
    @pytest.mark.parametrize(
        ("answer", "more", "ended"),
        [
            (Answer(words=50), {"max_tokens": 20}, ("max_tokens", None)),
            (Answer(words=6), {"stop_sequences": ["never", " k7q2x9-3"]}, ("stop_sequence", " k7q2x9-3")),
            (Answer(words=3, finish="content_filter"), {}, ("refusal", None)),
            (Answer(refusal="No."), {}, ("refusal", None)),
            (Answer(words=3, finish="model_context_window_exceeded"), {}, ("model_context_window_exceeded", None)),
        ],
        ids=["length", "stop", "filter", "refusal", "window"],
    )
    def test_stop_reasons(
        self, client: Anthropic, server: FakeServer, answer: Answer, more: Any, ended: Any, stream: bool
    ) -> None:
        """
        The reason for the end is told, whole and streamed.
        """
        server.answer = answer
        with client.messages.stream(**{**ASK, **more}) as streamed:
            made: Any = streamed.get_final_message() if stream else client.messages.create(**{**ASK, **more})

        assert ended == (made.stop_reason, made.stop_sequence)
        assert (ended[0] == "refusal") == (made.stop_details is not None)

    @pytest.mark.parametrize("stream", [False, True])
    def test_the_cache_is_accounted_for(self, client: Anthropic, server: FakeServer, stream: bool) -> None:
        """
        What was read from the cache or put into it is not in `input_tokens`, and is billed at its own price.
        """
        server.answer = Answer(words=6, cached_tokens=50, cache_written_tokens=30)
        asked: Any = {**ASK, "messages": [{"role": "user", "content": "x" * 360 + " [bo:k7q2x9]"}]}
        if stream:
            with client.messages.stream(**asked) as streamed:
                usage = streamed.get_final_message().usage
        else:
            usage = client.messages.create(**asked).usage

        exchange = billed(server)
        assert (50, 30) == (usage.cache_read_input_tokens, usage.cache_creation_input_tokens)
        assert exchange.input_tokens == usage.input_tokens + 80
        plain = 2 * usage.input_tokens + 10 * usage.output_tokens
        assert plain + round(50 * 0.1 + 30 * 2.5) == exchange.microdollars

    async def test_asynchronous(self, aclient: AsyncAnthropic) -> None:
        """
        Fifty callers at once, half of them streaming, each hear their own words.
        """

        async def call(number: int) -> str:
            asked: Any = {**ASK, "messages": [{"role": "user", "content": f"[bo:call{number:02}]"}]}
            if number % 2:
                made: Any = await aclient.messages.create(**asked)
                return str(made.content[0].text)
            async with aclient.messages.stream(**asked) as stream:
                return await stream.get_final_text()

        heard = await asyncio.gather(*map(call, range(50)))

        assert [WHOLE.replace("k7q2x9", f"call{number:02}") for number in range(50)] == heard


class TestTheRest:
    def test_counting(self, client: Anthropic, server: FakeServer) -> None:
        """
        Tokens are counted as the meter bills them, and counting costs nothing.
        """
        counted = client.messages.count_tokens(model=MODEL, messages=ASK["messages"], tools=[WEATHER])
        assert 0 == billed(server).microdollars
        made = client.messages.create(**ASK, tools=[WEATHER])

        assert counted.input_tokens == made.usage.input_tokens

    def test_models(self, client: Anthropic) -> None:
        """
        The models are those of the price list, page by page, with their windows; one that is not is not found.
        """
        listed = list(client.models.list(limit=2))

        assert MODEL in [each.id for each in listed]
        assert 5 == len(listed)
        found = client.models.retrieve(MODEL)
        assert ("Claude Sonnet 5.5", 1_000_000, 128_000) == (
            found.display_name,
            found.max_input_tokens,
            found.max_tokens,
        )
        with pytest.raises(anthropic.NotFoundError, match="model: claude-9"):
            client.models.retrieve("claude-9")

    def test_batches(self, client: Anthropic, server: FakeServer) -> None:
        """
        A batch is made, run, read by the line, listed and deleted.
        """
        server.answer = Answer(words=6, batch=BatchRun(seconds=0, failed=(2,), expired=(3,)))
        requests: Any = [{"custom_id": f"row-{number}", "params": ASK} for number in (1, 2, 3)]

        made = client.messages.batches.create(requests=requests)
        batch = client.messages.batches.retrieve(made.id)
        results = {each.custom_id: each.result for each in client.messages.batches.results(made.id)}

        assert ("ended", 1, 1, 1) == (
            batch.processing_status,
            batch.request_counts.succeeded,
            batch.request_counts.errored,
            batch.request_counts.expired,
        )
        assert OUTCOMES == [results[f"row-{number}"].type for number in (1, 2, 3)]
        first: Any = results["row-1"]
        assert WHOLE == first.message.content[0].text
        assert made.id in [each.id for each in client.messages.batches.list(limit=1)]
        assert "message_batch_deleted" == client.messages.batches.delete(made.id).type
        with pytest.raises(anthropic.NotFoundError):
            client.messages.batches.retrieve(made.id)

    def test_a_batch_can_be_cancelled(self, client: Anthropic, server: FakeServer) -> None:
        """
        A batch that is under way has no results yet, cannot be deleted, and is canceling once that is asked for.
        """
        server.answer = Answer(words=6, batch=BatchRun(seconds=3600))
        requests: Any = [{"custom_id": "a", "params": ASK}]

        made = client.messages.batches.create(requests=requests)

        assert ("in_progress", 1) == (made.processing_status, made.request_counts.processing)
        with pytest.raises(anthropic.AnthropicError, match="No `results_url`"):
            client.messages.batches.results(made.id)
        with pytest.raises(anthropic.BadRequestError):
            client.messages.batches.delete(made.id)
        cancelled = client.messages.batches.cancel(made.id)
        assert "canceling" == cancelled.processing_status
        assert cancelled.cancel_initiated_at is not None

    def test_requests_are_the_same_at_either_key_header(self, server: FakeServer) -> None:
        """
        The key is taken from `x-api-key` and from a bearer token, whichever the client sends.
        """
        by_header = {"X-Api-Key": KEY, "Authorization": anthropic.Omit()}
        for options in ({"api_key": KEY}, {"auth_token": KEY}, {"default_headers": by_header}):
            with Anthropic(base_url=server.url, max_retries=0, **options) as client:  # type: ignore[arg-type]
                assert client.messages.create(**ASK).content


class TestStrictly:
    """The client constructs its models unseen; here they validate what came, with nothing converted or left over."""

    @pytest.mark.parametrize(
        "answer",
        [
            QUICK,
            Answer(tool_calls=(ToolCall("weather", {"city": "x"}),)),
            Answer(refusal="No."),
            Answer(words=3, reasoning_tokens=9, cached_tokens=2),
        ],
        ids=["text", "tools", "refusal", "thinking"],
    )
    @pytest.mark.parametrize("newest", [False, True])
    def test_messages(self, answer: Answer, newest: bool) -> None:
        """
        Messages and every event of their streams are valid.
        """
        more = {"tools": [WEATHER], "thinking": {"type": "adaptive"}}

        strict.sdk(Message, claude(answer, newest=newest).message(**more).json)
        for event in claude(answer, newest=newest).message(**more, stream=True).chunks:
            if event["type"] != "ping":
                strict.sdk(RawMessageStreamEvent, event)

    def test_the_rest(self) -> None:
        """
        Counts, models and batches in every state are valid.
        """
        provider = claude(Answer(words=3, batch=BatchRun(seconds=10, failed=(2,), expired=(3,))))
        rows = {"requests": [{"custom_id": name, "params": ASK} for name in ("a", "b", "c")]}

        count = {"model": MODEL, "messages": MESSAGES}
        strict.sdk(MessageTokensCount, provider.post("/v1/messages/count_tokens", count).json)
        for model in provider.get("/v1/models").json["data"]:
            strict.sdk(ModelInfo, model)
        made = provider.post("/v1/messages/batches", rows).json
        strict.sdk(MessageBatch, made)
        where = f"/v1/messages/batches/{made['id']}"
        strict.sdk(MessageBatch, provider.post(f"{where}/cancel").json)
        provider.now += 100
        strict.sdk(MessageBatch, provider.get(where).json)
        for line in provider.get(f"{where}/results").body.splitlines():
            MessageBatchIndividualResponse.model_validate_json(line)
        strict.sdk(DeletedMessageBatch, provider.delete(where).json)

    @pytest.mark.parametrize("kind", sorted(TROUBLES))
    def test_errors(self, kind: str) -> None:
        """
        An error is one of those that the client knows by their type, except for two that its models lack.
        """
        ask = claude().message().ask
        envelope = ask.dialect.error_envelope(ask, Trouble(kind))

        if TROUBLES[kind].type not in {"conflict_error", "request_too_large", ""}:
            ErrorResponse.model_validate_json(envelope, strict=True)


class TestTroubles:
    @pytest.mark.parametrize("kind", sorted(TROUBLES))
    @pytest.mark.parametrize("way", ["plain", "streamed", "helper"])
    async def test_the_client_raises_its_own_exception(
        self, aclient: AsyncAnthropic, near: FakeServer, kind: str, way: str
    ) -> None:
        """
        Every trouble has the status, type and code of the table, and raises the client's exception for its status.
        """
        await near.change(Weather((always(Refuse(kind)),)))
        row = TROUBLES[kind]
        usual = anthropic.InternalServerError if row.status >= 500 else anthropic.APIStatusError

        async def call() -> None:
            if way == "helper":
                async with aclient.messages.stream(**ASK):
                    pass
            else:
                await aclient.messages.create(**ASK, stream=way == "streamed")

        with pytest.raises(RAISED.get(row.status, usual)) as raised:
            await call()

        assert row.status == raised.value.status_code
        if not row.html:
            assert (row.type, row.code) == (raised.value.type, raised.value.error_code)
            assert raised.value.request_id is not None

    @pytest.mark.parametrize("kind", sorted(TROUBLES))
    async def test_an_error_in_the_middle_is_raised(self, aclient: AsyncAnthropic, near: FakeServer, kind: str) -> None:
        """
        Whatever the trouble, the event that tells of it in the middle of a stream raises an error under status 200.
        """

        @dataclass(frozen=True)
        class Break:
            def rewrite(self, script: Script, ask: Ask) -> Script:
                *kept, _, end = script
                return [*kept, ask.dialect.midstream_error(ask, Trouble(kind)), end]

        await near.change(Weather((always(Break()),)))

        async def listen() -> None:
            async for _ in await aclient.messages.create(**ASK, stream=True):
                pass

        with pytest.raises(anthropic.APIStatusError) as raised:
            await listen()

        assert 200 == raised.value.status_code
        assert TROUBLES[kind].type in {raised.value.type, ""}

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"api_key": "sk-ant-wrong"}, "Invalid bearer token"),
            (
                {"default_headers": {"X-Api-Key": "sk-ant-wrong", "Authorization": anthropic.Omit()}},
                "invalid x-api-key",
            ),
        ],
    )
    def test_keys_are_checked(self, server: FakeServer, options: dict[str, Any], message: str) -> None:
        """
        A wrong key is a 401 that says in which header it came, and does not repeat it.
        """
        with (
            Anthropic(base_url=server.url, max_retries=0, **options) as client,
            pytest.raises(anthropic.AuthenticationError, match=message) as raised,
        ):
            client.messages.create(**ASK)

        assert "sk-ant-wrong" not in str(raised.value)

    def test_a_retry_finds_better_weather(self) -> None:
        """
        The client retries what is refused once, as the same call, and is answered.
        """
        with serving(LANGUAGES["anthropic"].fake()) as served:
            served.weather = Weather((always(Refuse("overloaded"), attempts=(1, 1)),))
            with Anthropic(base_url=served.url, api_key=KEY, max_retries=1) as client:
                made: Any = client.messages.create(**ASK)

            assert WHOLE == made.content[0].text
            assert [529, 200] == [exchange.status for exchange in served.journal]

    def test_an_unknown_path_is_journalled(self, client: Anthropic, server: FakeServer) -> None:
        """
        A path that there is not is the provider's 404, and the journal has it as an unknown route.
        """
        with pytest.raises(anthropic.NotFoundError, match="Not found"):
            client.post("/v1/complete", cast_to=object, body={})

        assert ("unknown", "not_found", 404) == (
            server.journal[-1].route,
            server.journal[-1].trouble,
            server.journal[-1].status,
        )
