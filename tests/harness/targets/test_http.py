from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import pytest
from programs import CLOCK, PROGRAMS, Notebook, end, events, request, service, start, text_of, until

from brownout.harness.protocol import CallEvent, ChunkEvent, Done, Error, Usage
from brownout.harness.target_file import HttpCall
from brownout.harness.targets import TargetFailed
from brownout.harness.targets.http import HttpTarget
from brownout.harness.targets.vitals import vitals

OWN = {
    "body": '{"question": {prompt}, "stream": {stream}}',
    "answer": "$.answer",
    "chunk": "$.delta",
    "done": "[DONE]",
    "error": "$.error.message",
    "degraded": "$.degraded",
    "model_used": "$.model",
}
TRUNCATED = Done("c1")


class TestPlainOpenAi:
    @pytest.mark.parametrize(
        ("mode", "expected"),
        [
            ("fine", Done("c1", text="hello 🙂", finish="stop", model="m", usage=Usage(3, 2))),
            ("gzip", Done("c1", text="hello 🙂", finish="stop", model="m", usage=Usage(3, 2))),
            ("null", Done("c1", text="", finish="stop")),
            ("no-choices", Done("c1", text="")),
            ("refusal", Done("c1", text="no", finish="refusal")),
            ("html", Done("c1", text="<html>ok</html>")),
            ("empty", Done("c1", text="")),
            ("error-in-200", Done("c1", text='{"error": {"message": "hidden"}}')),
            ("429", Error("c1", "rate_limited", "slow down")),
            ("quota", Error("c1", "budget", "no money")),
            ("context", Error("c1", "context", "too long")),
            ("400", Error("c1", "invalid", "bad")),
            ("401", Error("c1", "unauthorized", '{"detail": "who are you"}')),
            ("503", Error("c1", "provider", "upstream is down")),
            ("504", Error("c1", "timeout", "status 504")),
            ("302", Error("c1", "other", "status 302")),
            ("leaky", Error("c1", "provider", '{"error": {"message": "sorry", "trace": "Traceback"}}')),
            ("half", Error("c1", "cut", "the connection broke before the answer's end")),
            ("nothing", Error("c1", "cut", "the connection broke before the answer began")),
            ("no-gzip", Error("c1", "garbled", "the body is not compressed as it says")),
        ],
    )
    async def test_the_caller_gets_what_the_service_gave(self, mode: str, expected: CallEvent) -> None:
        """
        An answer is an answer, an error an error with its kind, and a success that is neither comes as it is.
        """
        async with service() as target:
            assert [expected] == await events(target, mode)


class TestStreamedOpenAi:
    @pytest.mark.parametrize("mode", ["fine", "bytes", "crlf", "no-done", "stays-open"])
    async def test_a_stream_is_whole(self, mode: str) -> None:
        """
        However the bytes are cut and framed, the text is whole; `[DONE]`, or the body's end, ends it.
        """
        async with service() as target:
            found = await events(target, mode, stream=True)

        assert text_of(found) == "a 🙂 b"
        assert found[-1] == Done("c1", finish="stop", model="m")

    @pytest.mark.parametrize(
        ("mode", "expected"),
        [
            ("truncated", Done("c1", model="m")),
            ("cut", Error("c1", "cut", "the connection broke before the answer's end", partial=True)),
            ("reset", Error("c1", "cut", "the connection broke before the answer's end", partial=True)),
            ("error-event", Error("c1", "provider", "overloaded", partial=True)),
            ("garbage", Error("c1", "garbled", "an event of the stream is no JSON object", partial=True)),
        ],
    )
    async def test_a_broken_stream_is_what_any_client_makes_of_it(self, mode: str, expected: CallEvent) -> None:
        """
        A stream that HTTP ends is ended, without a finish reason; one that breaks, or holds an error, is an error.
        """
        async with service() as target:
            assert [ChunkEvent("c1", "a 🙂 "), expected] == await events(target, mode, stream=True)

    async def test_tool_calls_are_put_together(self) -> None:
        """
        The pieces of a tool call's arguments are joined.
        """
        async with service() as target:
            found = await end(target, "tools", stream=True)

        assert isinstance(found, Done)
        assert found.finish == "tool_calls"
        assert found.tool_calls == [{"type": "function", "function": {"name": "f", "arguments": '{"a":1}'}, "id": "t1"}]

    async def test_a_whole_answer_to_a_streamed_call_is_not_one(self) -> None:
        """
        A client of streams finds no event in it; the caller is shown what came.
        """
        async with service() as target:
            found = await end(target, "whole", stream=True)

        assert isinstance(found, Done)
        assert found.finish is None
        assert json.loads(found.text or "")["choices"][0]["message"]["content"] == "hello 🙂"

    async def test_an_error_instead_of_a_stream_is_an_error(self) -> None:
        """
        A refused stream is told like any refused call.
        """
        async with service() as target:
            assert await end(target, "429", stream=True) == Error("c1", "rate_limited", "slow down")

    async def test_a_piece_is_told_when_it_comes(self) -> None:
        """
        The first piece does not wait for the last.
        """
        async with service() as target:
            times = [CLOCK.nanoseconds() async for _ in target.call(request("slow", stream=True))]

        assert times[-1] - times[0] > 0.25e9


class TestRequests:
    async def test_what_is_sent(self) -> None:
        """
        A caller sends the model, the messages, and of the rest what it has set; headers know the user.
        """
        call = {"model": "small", "headers": {"Authorization": "Bearer caller-{user}"}}

        async with service(call=call) as target:
            seen = json.loads(text_of(await events(target, "echo", user="u1", max_tokens=5)))

        assert seen["line"] == "POST /v1/chat/completions HTTP/1.1"
        assert seen["headers"]["authorization"] == "Bearer caller-u1"
        assert json.loads(seen["body"]) == {
            "model": "small",
            "messages": [{"role": "user", "content": "echo"}],
            "user": "u1",
            "max_tokens": 5,
        }

    async def test_who_is_not_authorized_calls_with_other_headers(self) -> None:
        """
        A call may be made by nobody in particular.
        """
        call = {
            "headers": {"Authorization": "Bearer caller-{user}"},
            "unauthorized": {"Authorization": "Bearer nobody"},
        }

        async with service(call=call) as target:
            found = [event async for event in target.call(request("echo"), unauthorized=True)]

        assert json.loads(text_of(found))["headers"]["authorization"] == "Bearer nobody"

    async def test_an_own_body_is_rendered_as_json(self) -> None:
        """
        A placeholder is filled with JSON, and with a part of a string where it stands in one.
        """
        body = (
            '{"echo": {prompt}, "said": "I am {user}: {prompt}", "all": {messages}, "n": {max_tokens}, "s": {stream}}'
        )
        own = {**OWN, "body": body, "url": "http://127.0.0.1:{port}/ask/{user}?q={prompt}", "method": "PUT"}

        async with service(call=own) as target:
            seen = json.loads(text_of(await events(target, 'a "b" \\ {user}\n', user="u/1")))

        assert seen["line"] == "PUT /ask/u%2F1?q=a%20%22b%22%20%5C%20%7Buser%7D%0A HTTP/1.1"
        assert json.loads(seen["body"]) == {
            "echo": 'a "b" \\ {user}\n',
            "said": 'I am u/1: a "b" \\ {user}\n',
            "all": [{"role": "user", "content": 'a "b" \\ {user}\n'}],
            "n": None,
            "s": False,
        }


class TestOwnShape:
    @pytest.mark.parametrize(
        ("mode", "expected"),
        [
            ("own", Done("c1", text="own 🙂", degraded=True, model="small")),
            ("own-error", Error("c1", "provider", "own trouble")),
            ("own-500", Error("c1", "provider", "own trouble")),
            ("html", Done("c1", text="<html>ok</html>")),
        ],
    )
    async def test_plain(self, mode: str, expected: CallEvent) -> None:
        """
        The selectors say where the answer is, and the error; what has neither comes as it is.
        """
        async with service(call=OWN) as target:
            assert [expected] == await events(target, mode)

    @pytest.mark.parametrize(
        ("mode", "texts", "expected"),
        [
            ("sse", ["a", "b"], Done("c1", finish="stop")),
            ("sse-no-done", ["a"], TRUNCATED),
            ("lines", ["a", "b"], Done("c1", model="small")),
            ("line-error", ["a"], Error("c1", "provider", "own trouble", partial=True)),
        ],
    )
    async def test_streamed(self, mode: str, texts: list[str], expected: CallEvent) -> None:
        """
        Events or lines, each has a piece of text where the selector says.
        """
        async with service(call=OWN) as target:
            found = await events(target, mode, stream=True)

        assert texts == [event.text for event in found if isinstance(event, ChunkEvent)][: len(texts)]
        assert found[-1] == expected

    async def test_streamed_text(self) -> None:
        """
        Without a selector for pieces, plain text is the answer, wherever its bytes are cut.
        """
        own = {name: text for name, text in OWN.items() if name != "chunk"}

        async with service(call=own) as target:
            assert text_of(await events(target, "text", stream=True)) == "a 🙂"


class TestCallers:
    async def test_many_call_at_once(self) -> None:
        """
        Two hundred callers wait for none but the service.
        """
        async with service() as target:
            found = await asyncio.gather(*(end(target, "fine", id=f"c{number}") for number in range(200)))

        assert all(isinstance(one, Done) for one in found)

    @pytest.mark.parametrize("read", [0, 1])
    async def test_leaving_closes_the_connection(self, read: int) -> None:
        """
        The service sees its caller go, before the first piece has been read and after.
        """
        book = Notebook()

        async with service(book) as target:
            pieces = target.call(request("hangs", stream=True)).__aiter__()
            reading = asyncio.ensure_future(anext(pieces))
            await asyncio.wait({reading}, timeout=10.0 if read else 0.05)
            await target.cancel("c1")
            await until(lambda: "the caller has left" in book.said("stdout"))
            reading.cancel()

    async def test_a_slow_caller_is_felt(self) -> None:
        """
        A service whose caller does not read cannot send ten megabytes.
        """
        book = Notebook()

        async with service(book) as target:
            pieces = target.call(request("big", stream=True)).__aiter__()
            await anext(pieces)
            before = -1
            while before != (sent := len(book.said("stdout"))):
                before = sent
                await asyncio.sleep(0.3)
            assert vitals(target.keeper or 0).connections == 1
            await target.cancel("c1")

        assert sent < 100

    async def test_a_service_that_dies_is_told(self) -> None:
        """
        A connection that broke because the service ended is an end, not a cut; later calls are told the same.
        """
        book = Notebook()

        async with service(book) as target:
            found = [await end(target, "dies"), await end(target, "fine", id="c2")]

        assert found == [
            Error("c1", "died", "the target has ended: exit code 9"),
            Error("c2", "died", "the target has ended: exit code 9"),
        ]
        assert len(book.noted("target_died")) == 1

    async def test_messages_name_no_address(self) -> None:
        """
        What the caller's own client finds gives no address away, for which the target would be blamed.
        """
        target = HttpTarget(HttpCall("http://127.0.0.1:9/v1"), start(), CLOCK, Notebook())
        target._client = None
        async with service() as live:
            live._url = "http://127.0.0.1:9/v1"
            assert await end(live, "fine") == Error("c1", "refused", "the target takes no connection")


class TestStart:
    @pytest.mark.parametrize(
        "ready", [{}, {"port": True}, {"line": "listening on"}, {"url": "http://127.0.0.1:{port}/health"}], ids=str
    )
    async def test_readiness(self, ready: dict[str, Any]) -> None:
        """
        However readiness is seen, a service that is ready takes calls.
        """
        async with service(ready=ready) as target:
            assert isinstance(await end(target, "fine"), Done)

    async def test_a_service_that_is_never_ready(self) -> None:
        """
        The target is given up after `within`, with what it has printed.
        """
        with pytest.raises(TargetFailed, match=r"not ready within 1 s; its last lines:\n  starting"):
            async with service(ready={"line": "never said"}, within=1.0):
                pass

    async def test_a_service_that_does_not_start(self) -> None:
        """
        One that ends at once is not waited for.
        """
        with pytest.raises(TargetFailed, match="exit code 2"):
            async with service(command=(sys.executable, "no-such-file.py")):
                pass

    async def test_a_service_that_runs_already(self) -> None:
        """
        Without a command the service has to be there, and is called; it is neither killed nor stopped.
        """
        async with service() as running:
            url = running._url
            target = HttpTarget(HttpCall(url), start(), CLOCK, Notebook())
            await target.start({})
            assert isinstance(await end(target, "fine"), Done)
            assert (target.pid, target.keeper) == (None, None)
            with pytest.raises(TargetFailed, match="cannot kill"):
                await target.kill()
            await target.stop()
            assert isinstance(await end(running, "fine"), Done)

    async def test_a_service_that_does_not_run(self) -> None:
        """
        Nobody there is a target that failed, and says where nobody is.
        """
        target = HttpTarget(HttpCall("http://127.0.0.1:9/v1"), start(within=0.2), CLOCK, Notebook())
        with pytest.raises(TargetFailed, match=r"nothing answers at http://127\.0\.0\.1:9/v1"):
            await target.start({})
        await target.stop()

    async def test_a_killed_service_starts_again_at_its_port(self) -> None:
        """
        After kill -9 the service is back where its callers know it.
        """
        async with service() as target:
            url = target._url
            await target.kill()
            assert isinstance(await end(target, "fine"), Error)
            await target.start({})
            assert target._url == url
            assert isinstance(await end(target, "fine", id="c2"), Done)


def test_programs_are_there() -> None:
    """
    The service that these tests start is a file beside them.
    """
    assert (PROGRAMS / "service.py").is_file()
