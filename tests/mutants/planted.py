"""Defects planted in the reference integration, each a bug that real integrations have had.

A mutant is one or more replacements in the reference's source. `killed_by` are the rows that must fail for it;
`touches` are rows (globs) that may fail too, because the same bug breaks their promise as well. Any other `must` row that
fails is a false accusation.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Patch:
    """One replacement in one file of the reference; `old` must be there exactly once."""

    file: str
    old: str
    new: str


@dataclass(frozen=True)
class Mutant:
    """One bug."""

    name: str
    patches: tuple[Patch, ...]
    killed_by: tuple[str, ...]
    touches: tuple[str, ...] = ()


def client(old: str, new: str) -> Patch:
    """A replacement in client.py."""
    return Patch("client.py", old, new)


def retry(old: str, new: str) -> Patch:
    """A replacement in retry.py."""
    return Patch("retry.py", old, new)


def answers(old: str, new: str) -> Patch:
    """A replacement in answers.py."""
    return Patch("answers.py", old, new)


def events(old: str, new: str) -> Patch:
    """A replacement in events.py."""
    return Patch("events.py", old, new)


def entry(old: str, new: str) -> Patch:
    """A replacement in __init__.py."""
    return Patch("__init__.py", old, new)


FINISH_IS_ASSUMED = answers(
    """        if self.finish is None:
            raise AttemptFailed(BROKEN, retry=True)
""",
    "",
)
EARLY_END_IS_AN_END = client(
    "                if streamed.finish is not None:\n                    return\n                raise\n",
    "                return\n",
)
UNFINISHED_EVENT_IS_DROPPED = client(
    "                if events.unfinished and streamed.finish is None:", "                if False:"
)

CONTROL = (
    Mutant(
        "the answer is read from a field that the provider does not send",
        (answers('message.get("content")', 'message.get("text", "")'),),
        ("control.answers",),
    ),
    Mutant(
        "the client is closed after a failed call and used again",
        (
            client(
                "                if wait is None:\n                    raise CallFailed(failure.kind) from None",
                "                if wait is None:\n                    await self._http.aclose()\n"
                "                    raise CallFailed(failure.kind) from None",
            ),
        ),
        ("control.alive-after",),
        ("*",),
    ),
    Mutant(
        "a failed call leaves something spinning behind",
        (
            client(
                "                if wait is None:\n                    raise CallFailed(failure.kind) from None",
                "                if wait is None:\n                    self._spin()\n"
                "                    raise CallFailed(failure.kind) from None",
            ),
            client(
                "    def _next_wait(",
                "    def _spin(self) -> None:\n        asyncio.get_running_loop().call_soon(self._spin)\n\n    def _next_wait(",
            ),
        ),
        ("control.alive-after",),
        ("*",),
    ),
)

RETRY = (
    Mutant(
        "a bad gateway is not thought transient",
        (retry("500, 502, 503", "500, 503"),),
        ("retry.recovers",),
    ),
    Mutant(
        "a timeout of the provider's is not thought transient",
        (retry("{408, 409,", "{409,"),),
        ("retry.recovers",),
    ),
    Mutant(
        "a connection that is reset is not tried again",
        (
            client(
                '        except (httpx.TransportError, httpx.DecodingError, httpx.StreamError):\n            raise AttemptFailed("provider", retry=True)',
                '        except (httpx.TransportError, httpx.DecodingError, httpx.StreamError):\n            raise AttemptFailed("provider", retry=False)',
            ),
        ),
        ("retry.recovers", "retry.stale-connection"),
    ),
    Mutant(
        "the first retry follows at once",
        (
            retry(
                "float(2 ** (retry - 1)) * (1 + random.random())",
                "0.0 if retry == 1 else 2.0**retry * (1 + random.random())",
            ),
        ),
        ("retry.rate-limit-recovers",),
        ("retry.jitter", "retry.exponential", "retry.after-bogus", "retry.herd-on-recovery", "retry.budget"),
    ),
    Mutant(
        "Retry-After is not read",
        (retry("    if failure.wait is not None:", "    if failure.wait is None and failure.wait:"),),
        ("retry.after-seconds", "retry.after-escalating", "retry.after-on-503", "retry.after-date", "retry.after-long"),
        ("retry.after-*", "retry.deadline"),
    ),
    Mutant(
        "the first Retry-After of a call is kept for all its retries",
        (
            client(
                "        wait = pause(attempt, failure)",
                "        if failure.wait is not None:\n"
                "            self._hint = failure.wait = failure.wait if attempt == 1 else self._hint\n"
                "        wait = pause(attempt, failure)",
            ),
        ),
        ("retry.after-escalating",),
    ),
    Mutant(
        "Retry-After is read on 429 only",
        (retry("wait=asked_to_wait(headers))", "wait=asked_to_wait(headers) if status == 429 else None)"),),
        ("retry.after-on-503",),
    ),
    Mutant(
        "a Retry-After that is a date is not understood",
        (retry("_date(headers))", "None)"),),
        ("retry.after-date",),
    ),
    Mutant(
        "retry-after-ms is cut to whole seconds",
        (
            retry(
                "    return hint if hint is None or hint > 0 else None",
                "    return int(hint) if hint is not None and hint >= 1 else None",
            ),
            retry("random.uniform(0.05, 0.5)", "random.uniform(0.0, 0.1)"),
        ),
        ("retry.after-ms",),
        ("retry.after-bogus",),
    ),
    Mutant(
        "Retry-After is cut to twenty seconds",
        (retry("return failure.wait + random", "return min(failure.wait, 20.0) + random"),),
        ("retry.after-long",),
        ("retry.after-bogus", "retry.deadline"),
    ),
    Mutant(
        "a Retry-After of zero or less is obeyed to the letter",
        (
            retry("return hint if hint is None or hint > 0 else None", "return hint"),
            retry("return failure.wait + random.uniform(0.05, 0.5)", "return max(failure.wait, 0.0)"),
        ),
        ("retry.after-bogus",),
        ("retry.after-*",),
    ),
    Mutant(
        "the usual backoff is added to Retry-After",
        (retry("failure.wait + random.uniform(0.05, 0.5)", "failure.wait + 3.0 + backoff(retry)"),),
        ("retry.no-overwait",),
        ("retry.after-ms", "retry.deadline"),
    ),
    Mutant(
        "every wait is as long as the first",
        (retry("float(2 ** (retry - 1))", "float(2**0)"),),
        ("retry.exponential",),
    ),
    Mutant(
        "all callers wait equally long",
        (retry("* (1 + random.random())", "* 1.0"),),
        ("retry.jitter",),
        ("retry.herd-on-recovery",),
    ),
    Mutant(
        "the last attempt is not the last",
        (retry("MAX_ATTEMPTS = 4", "MAX_ATTEMPTS = 7"),),
        ("retry.bounded",),
        ("retry.*", "content.*", "timeout.*"),
    ),
    Mutant(
        "the deadline is longer than was promised",
        (client("DEADLINE = 55.0", "DEADLINE = 600.0"), client("read=50.0", "read=600.0")),
        ("retry.deadline", "timeout.hang-before-headers", "timeout.slow-drip"),
        ("timeout.*", "retry.after-long", "retry.deadline"),
    ),
    Mutant(
        "a request that the provider calls wrong is sent again",
        (retry("frozenset({408,", "frozenset({400, 404, 408,"),),
        ("retry.not-on-client-error",),
        ("retry.not-on-content-policy",),
    ),
    Mutant(
        "an account without credit is tried again like a busy one",
        (retry('    "insufficient_quota": "provider",\n', ""),),
        ("retry.not-on-quota-exhausted",),
    ),
    Mutant(
        "a prompt that the policy declines is sent again",
        (
            retry(
                "    retry = status in TRANSIENT and kind is None",
                '    retry = (status in TRANSIENT and kind is None) or kind == "content_policy"',
            ),
        ),
        ("retry.not-on-content-policy",),
    ),
    Mutant(
        "x-should-retry is not read",
        (retry('if headers.get("x-should-retry") in {"true", "false"}:', "if False:"),),
        ("retry.obeys-x-should-retry",),
    ),
    Mutant(
        "a second layer of retries goes around the first",
        (
            entry("        yield await client.answer(request)", "        yield await _twice(client, request)"),
            entry(
                "def _provider() -> Provider:",
                "async def _twice(client: Client, request: dict[str, Any]) -> dict[str, Any]:\n"
                "    try:\n"
                "        return await client.answer(request)\n"
                "    except Exception:\n"
                "        return await client.answer(request)\n\n\n"
                "def _provider() -> Provider:",
            ),
        ),
        ("retry.no-amplification", "retry.bounded"),
        ("retry.*", "content.*", "timeout.*"),
    ),
    Mutant(
        "retries have no budget",
        (retry("tokens: int = 40", "tokens: int = 1_000_000"),),
        ("retry.budget", "retry.herd-on-recovery"),
    ),
    Mutant(
        "every attempt is marked with a number of its own",
        (
            client(
                'body = {"model": self._provider.model, **request}',
                'body = {"model": self._provider.model, **request, "seed": id(object()) + int(asyncio.get_running_loop().time() * 1000)}',
            ),
        ),
        ("retry.same-request",),
    ),
    Mutant(
        "the provider is polled until it is back",
        (
            retry("MAX_ATTEMPTS = 4", "MAX_ATTEMPTS = 50"),
            retry("tokens: int = 40", "tokens: int = 1_000_000"),
            retry("float(2 ** (retry - 1)) * (1 + random.random())", "0.6 + 0.5 * random.random()"),
        ),
        ("retry.herd-on-recovery", "retry.bounded"),
        ("*",),
    ),
    Mutant(
        "everybody comes back at the full ten seconds",
        (retry("    return float(2 ** (retry - 1)) * (1 + random.random())", "    return 10.0 - time.time() % 10.0"),),
        ("retry.jitter",),
        ("retry.*",),
    ),
)

TIMEOUT = (
    Mutant(
        "nobody set a timeout",
        (
            client("DEADLINE = 55.0", "DEADLINE = 1e6"),
            client("httpx.Timeout(connect=5.0, read=50.0, write=10.0, pool=5.0)", "httpx.Timeout(None)"),
        ),
        ("timeout.hang-before-headers", "timeout.connect-blackhole", "timeout.tail"),
        ("timeout.*", "retry.deadline", "retry.after-long"),
    ),
    Mutant(
        "a refused connection is waited for",
        (
            client(
                "        except httpx.ConnectError:\n",
                "        except httpx.ConnectError:\n            await asyncio.sleep(20.0)\n",
            ),
        ),
        ("timeout.connect-blackhole",),
    ),
    Mutant(
        "the timeout is one of silence only",
        (
            client(
                "            async with asyncio.timeout(DEADLINE) as deadline:",
                "            async with asyncio.timeout(1e6) as deadline:",
            ),
        ),
        ("timeout.slow-drip",),
        ("retry.deadline", "timeout.*", "retry.after-long"),
    ),
    Mutant(
        "a stalled stream is waited for as long as a slow answer",
        (client("IDLE = 15.0", "IDLE = 50.0"),),
        ("timeout.stream-stall",),
    ),
    Mutant(
        "a slow answer is taken for a dead one",
        (client("read=50.0", "read=10.0"),),
        ("timeout.legit-slow",),
        ("timeout.*",),
    ),
    Mutant(
        "the pool of connections is small",
        (client("max_connections=500", "max_connections=8"),),
        ("timeout.no-starvation",),
        ("timeout.tail", "retry.*", "stream.after-cut-usable"),
    ),
    Mutant(
        "a call goes on when its caller has left",
        (
            client(
                "                return await self._try(request, deadline)",
                "                return await asyncio.shield(asyncio.ensure_future(self._try(request, deadline)))",
            ),
        ),
        ("timeout.cancel-propagates",),
    ),
    Mutant(
        "a stream is read on when its caller has left",
        (
            client(
                "                        piece = await anext(pieces)",
                "                        piece = await asyncio.shield(asyncio.ensure_future(anext(pieces)))",
            ),
            client("            finally:\n                await pieces.aclose()\n", ""),
        ),
        ("timeout.cancel-propagates",),
        ("stream.*",),
    ),
    Mutant(
        "every attempt has the whole time",
        (
            client(
                "            async with asyncio.timeout(DEADLINE) as deadline:",
                "            async with asyncio.timeout(1e6) as deadline:",
            ),
            client(
                "                async with self._post(request) as response:\n                    answer =",
                "                async with asyncio.timeout(DEADLINE), self._post(request) as response:\n                    answer =",
            ),
        ),
        ("timeout.retries-within",),
        ("retry.deadline", "timeout.*", "retry.after-long"),
    ),
)

STREAM = (
    Mutant(
        "what is not ASCII is dropped",
        (
            answers(
                'text += delta.get("content") or delta.get("refusal") or ""',
                'text += (delta.get("content") or delta.get("refusal") or "").encode("ascii", "ignore").decode()',
            ),
        ),
        ("stream.whole", "stream.split-bytes"),
        ("stream.cut-in-event",),
    ),
    Mutant(
        "the end of the message is the end of the answer",
        (FINISH_IS_ASSUMED, UNFINISHED_EVENT_IS_DROPPED),
        ("stream.cut-clean", "stream.cut-in-event", "stream.no-duplicate"),
        ("stream.*", "content.*"),
    ),
    Mutant(
        "a connection that closes is the end of the answer",
        (EARLY_END_IS_AN_END, FINISH_IS_ASSUMED),
        ("stream.cut-fin", "stream.cut-rst"),
        ("stream.*", "content.*", "timeout.stream-stall"),
    ),
    Mutant(
        "an answer without the sentinel is thought cut",
        (client("                if events.unfinished and streamed.finish is None:\n", "                if True:\n"),),
        ("stream.no-sentinel",),
    ),
    Mutant(
        "an error inside a stream is passed over",
        (answers('        if event.get("error"):', "        if False:"), FINISH_IS_ASSUMED),
        ("stream.error-event",),
        ("stream.*", "content.*"),
    ),
    Mutant(
        "a cut stream is begun again under the caller's eyes",
        (
            client(
                "                wait = None if given else self._next_wait(attempt, failure, left)",
                "                wait = self._next_wait(attempt, failure, left)",
            ),
        ),
        ("stream.no-duplicate", "stream.cut-rst"),
        ("stream.*", "timeout.stream-stall"),
    ),
    Mutant(
        "an event that cannot be parsed is skipped",
        (
            client(
                "            async for data in self._events(response, streamed):\n                if text := streamed.take(answers.parse(data)):\n                    yield text\n",
                "            async for data in self._events(response, streamed):\n                try:\n                    text = streamed.take(answers.parse(data))\n                except AttemptFailed:\n                    continue\n                if text:\n                    yield text\n",
            ),
        ),
        ("stream.garbage",),
    ),
    Mutant(
        "every segment is decoded by itself",
        (events("self._text += self._decoder.decode(data)", 'self._text += data.decode("utf-8", "ignore")'),),
        ("stream.split-bytes",),
        ("stream.cut-in-event", "stream.framing"),
    ),
    Mutant(
        "a segment is thought to hold one event",
        (client("            for data in found:", "            for data in found[:1]:"),),
        ("stream.joined-frames",),
        ("stream.*",),
    ),
    Mutant(
        "a comment is an event",
        (
            events(
                "            if line:\n",
                '            if line.startswith(":"):\n                yield line\n            elif line:\n',
            ),
        ),
        ("stream.comments",),
    ),
    Mutant(
        "a line is thought to end with LF and to have a space behind the colon",
        (events('line.partition(":")', 'line.partition(": ")'),),
        ("stream.framing",),
    ),
    Mutant(
        "the stream is collected before it is handed on",
        (
            entry(
                "        async for piece in client.stream(request):\n            yield piece\n",
                "        for piece in [piece async for piece in client.stream(request)]:\n            yield piece\n",
            ),
        ),
        ("stream.prompt-first-token", "stream.backpressure"),
        ("timeout.cancel-propagates",),
    ),
    Mutant(
        "every stream is said to have ended normally",
        (answers('"finish": "refusal" if self.refused else self.finish,', '"finish": "stop",'),),
        ("stream.stop-reason",),
    ),
    Mutant(
        "a tool is called with what has come of its arguments",
        (
            answers(
                'return {"name": function["name"], "arguments": json.loads(function["arguments"])}',
                'return {"name": function["name"], "arguments": function["arguments"]}',
            ),
            FINISH_IS_ASSUMED,
            EARLY_END_IS_AN_END,
        ),
        ("stream.tool-call-cut",),
        ("stream.*", "content.*", "timeout.stream-stall"),
    ),
    Mutant(
        "an empty answer is filled with something polite",
        (
            client(
                "                self._budget.put_back()\n                return\n            except TimeoutError",
                '                self._budget.put_back()\n                if not given:\n                    yield "How can I help you today?"\n                return\n            except TimeoutError',
            ),
        ),
        ("stream.empty",),
        ("content.*",),
    ),
    Mutant(
        "a connection that broke keeps its place in the pool",
        (
            client("        body = {", "        await self._slots.acquire()\n        body = {"),
            client(
                "        self._budget = Budget()",
                "        self._budget = Budget()\n        self._slots = asyncio.Semaphore(1)",
            ),
            client(
                "                yield response\n",
                "                yield response\n            self._slots.release()\n",
            ),
        ),
        ("stream.after-cut-usable",),
        ("*",),
    ),
)

CONTENT = (
    Mutant(
        "a body that is no JSON is the answer itself",
        (
            answers(
                "    except ValueError:\n        raise AttemptFailed(BROKEN, retry=True) from None\n    if not isinstance(value, dict)",
                '    except ValueError:\n        return {"choices": [{"message": {"content": str(text)}, "finish_reason": "stop"}]}\n    if not isinstance(value, dict)',
            ),
        ),
        ("content.malformed-json", "content.html-200", "content.empty-body"),
        ("content.*", "stream.*"),
    ),
    Mutant(
        "whatever stands in the text's place is the text",
        (
            answers(
                "    if not isinstance(calls, list) or not (isinstance(text, str) or (text is None and calls)):\n        raise AttemptFailed(BROKEN, retry=True)\n",
                "    text = str(text)\n",
            ),
        ),
        ("content.wrong-type", "content.null-content"),
    ),
    Mutant(
        "a 200 cannot be an error",
        (
            answers('    if body.get("error"):', "    if False:"),
            answers(
                "    except (KeyError, IndexError, TypeError, AttributeError):\n        raise AttemptFailed(BROKEN, retry=True) from None\n",
                '    except (KeyError, IndexError, TypeError, AttributeError):\n        return {"text": "", "finish": "stop"}\n',
            ),
        ),
        ("content.error-in-200", "content.no-choices"),
        ("content.*",),
    ),
    Mutant(
        "a field that is not known is an error",
        (
            answers(
                "    try:\n        choice = body",
                '    if "from_the_future" in body:\n        raise AttemptFailed(BROKEN, retry=False)\n    try:\n        choice = body',
            ),
        ),
        ("content.unknown-fields",),
    ),
    Mutant(
        "every answer is said to have ended normally",
        (answers('finish = "refusal" if message.get("refusal") else choice.get("finish_reason")', 'finish = "stop"'),),
        ("content.refusal", "content.truncated-by-length"),
    ),
    Mutant(
        "a body is asked for in gzip and read as it is",
        (
            client(
                "answer = answers.whole(answers.parse(await response.aread()))",
                'answer = answers.whole(answers.parse(b"".join([part async for part in response.aiter_raw()])))',
            ),
        ),
        ("content.compressed",),
        ("content.*",),
    ),
)

MUTANTS = (*CONTROL, *RETRY, *TIMEOUT, *STREAM, *CONTENT)
