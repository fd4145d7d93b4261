"""The target's side of the conversation: calls a Python callable, and says what comes of it.

Loaded by the worker, in the target's interpreter: standard library only, Python 3.8 or later. The manual of what a
callable may look like is the worker's.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import json
import sys
import threading
import traceback
from functools import partial

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from typing import Any

OPTIONS = ("stream", "user", "model", "max_tokens", "temperature", "tools", "metadata")

# What the classes of well-known clients (openai, anthropic, litellm, httpx, requests, google, botocore) mean.
KINDS = {
    kind: names.split()
    for kind, names in {
        "budget": "BudgetExceededError InsufficientQuotaError PaymentRequiredError EnforcedSpendLimitReachedError "
        "ContractSpendLimitReachedError",
        "context": "ContextWindowExceededError RequestTooLargeError ContentTooLargeError",
        "content_policy": "ContentPolicyViolationError ContentFilterFinishReasonError BlockedPromptException",
        "rate_limited": "RateLimitError ResourceExhausted TooManyRequests ThrottlingException",
        "timeout": "APITimeoutError TimeoutError Timeout TimeoutException DeadlineExceeded DeadlineExceededError "
        "GatewayTimeout GatewayTimeoutError ConnectTimeoutError ReadTimeoutError",
        "unauthorized": "AuthenticationError PermissionDeniedError Unauthenticated Unauthorized PermissionDenied "
        "Forbidden",
        "invalid": "BadRequestError NotFoundError ConflictError UnprocessableEntityError InvalidRequestError "
        "InvalidArgument BadRequest NotFound",
        "provider": "InternalServerError ServiceUnavailableError OverloadedError APIConnectionError APIError "
        "APIResponseValidationError ServiceUnavailable ServerError BadGatewayError ConnectionError TransportError "
        "NetworkError ProtocolError RemoteProtocolError BotoCoreError EndpointConnectionError",
    }.items()
}
CLASSES = {name: kind for kind, names in KINDS.items() for name in names}
CODES = {
    "context_length_exceeded": "context",
    "content_policy_violation": "content_policy",
    "content_filter": "content_policy",
    "insufficient_quota": "budget",
    "overloaded_error": "provider",
    "api_error": "provider",
}
STATUSES = {
    401: "unauthorized",
    403: "unauthorized",
    408: "timeout",
    413: "context",
    429: "rate_limited",
    504: "timeout",
}

# Classes that clients raise for every status that has none of its own; what they mean is the status.
ANY_STATUS = frozenset({"APIError", "APIStatusError", "HTTPError", "HTTPStatusError"})


def kind_of(error: BaseException) -> str:
    """The kind of an error: its own `kind`, or what its code, its class or its status is known for."""
    kind = getattr(error, "kind", None)
    if isinstance(kind, str):
        return kind
    for said in ("code", "type"):
        code = getattr(error, said, None)
        if isinstance(code, str) and code in CODES:
            return CODES[code]
    status = getattr(error, "status_code", getattr(getattr(error, "response", None), "status_code", None))
    for cls in type(error).__mro__:
        if cls.__name__ in ANY_STATUS and isinstance(status, int):
            break
        if cls.__name__ in CLASSES:
            return CLASSES[cls.__name__]
    if isinstance(status, int):
        return STATUSES.get(status, "provider" if status >= 500 else "invalid" if status >= 400 else "other")
    return "other"


class Call:
    """One call: its arguments, its events, and whether its caller is still there."""

    def __init__(self, op: dict[str, Any], talk: Talk) -> None:
        self.op = op
        self.talk = talk
        self.left = False
        self.chunks = 0
        self.last: Any = None

    def arguments(self, function: Any) -> tuple[list[Any], dict[str, Any]]:
        """What the callable is given."""
        messages = self.op["messages"]
        try:
            parameters = dict(inspect.signature(function).parameters)
        except (TypeError, ValueError):  # built in, and silent about its parameters
            parameters = {}
        first = next(iter(parameters), "prompt")
        everything = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
        options = {}
        for name in OPTIONS:
            parameter = parameters.get(name)
            value = self.op.get(name)
            if name == first or (parameter is None and not everything):
                continue
            if value is not None or (parameter is not None and parameter.default is parameter.empty):
                options[name] = value
        return [messages if first == "messages" else text_of(messages[-1])], options

    def piece(self, piece: Any) -> None:
        """What a generator has yielded: text is a chunk, a dict is what the answer ends with."""
        if isinstance(piece, str):
            self.chunks += 1
            self.say(event="chunk", text=piece)
        elif isinstance(piece, dict):
            self.last = piece
        elif piece is not None:
            raise TypeError(f"the callable has yielded {type(piece)}; strings, and a dict last, are known")

    def finish(self, result: Any) -> None:
        """The answer is over."""
        if result is None or isinstance(result, str):
            result = {"text": result}
        elif not isinstance(result, dict):
            raise TypeError(f"the callable has returned {type(result)}; a string or a dict is known")
        fields = {name: value for name, value in result.items() if name not in {"id", "event"}}
        self.say(event="done", **fields)

    def fail(self, error: BaseException) -> None:
        """The call has failed: where is printed, and why is told to the caller alone."""
        where = "".join(traceback.format_tb(error.__traceback__))
        sys.stderr.write("call {} failed: {}\n{}".format(self.op["id"], type(error).__name__, where))
        partial = bool(getattr(error, "partial", self.chunks > 0))
        self.say(event="error", kind=kind_of(error), message=str(error), partial=partial)

    def say(self, **message: Any) -> None:
        """One event, unless the caller has left."""
        if not self.left:
            self.talk.say(id=self.op["id"], **message)

    async def drive(self, result: Any) -> None:
        """Follow what an asynchronous callable has returned, to its end."""
        try:
            if inspect.isawaitable(result):
                result = await result
            if hasattr(result, "__aiter__"):
                await self.follow(result)
                result = self.last
            self.finish(result)
        except asyncio.CancelledError as error:
            if not self.left:  # the target's own doing
                self.fail(error)
        except Exception as error:
            self.fail(error)

    async def follow(self, pieces: Any) -> None:
        """Pass on what an asynchronous generator yields; it is closed however this ends."""
        try:
            async for piece in pieces:
                self.piece(piece)
                await self.talk.room.wait()
        finally:
            if hasattr(pieces, "aclose"):
                await pieces.aclose()

    def block(self, function: Any) -> None:
        """Call a plain function, in a thread; what turns out to be asynchronous goes back to the loop."""
        try:
            positional, options = self.arguments(function)
            result = function(*positional, **options)
            if inspect.isawaitable(result) or hasattr(result, "__aiter__"):
                self.talk.loop.call_soon_threadsafe(self.talk.begin, self, self.drive(result))
                return
            if inspect.isgenerator(result):
                with contextlib.closing(result):
                    for piece in result:
                        if self.left:
                            return
                        self.piece(piece)
                        self.talk.thread_room.wait()
                result = self.last
            self.finish(result)
        except BaseException as error:  # a thread that ends says nothing to anybody
            self.fail(error)


def text_of(message: dict[str, Any]) -> str:
    """The text of a message, whose content may come in parts."""
    content = message.get("content")
    if isinstance(content, list):
        return "".join(part.get("text", "") for part in content if isinstance(part, dict))
    return content or ""


def asynchronous(function: Any) -> bool:
    """Whether calling it runs nothing yet, or belongs into the loop anyhow."""
    while isinstance(function, partial):
        function = function.func
    for candidate in (function, type(function).__call__):
        if inspect.iscoroutinefunction(candidate) or inspect.isasyncgenfunction(candidate):
            return True
    return False


class Talk(asyncio.Protocol):
    """The target's side of the conversation."""

    def __init__(self, function: Any) -> None:
        self.function = function
        self.asynchronous = asynchronous(function)
        self.loop = asyncio.get_running_loop()
        self.thread = threading.get_ident()
        self.over = self.loop.create_future()
        self.rest = bytearray()
        self.calls: dict[str, Call] = {}
        self.tasks: dict[Call, asyncio.Task[None]] = {}
        # A caller who reads slowly holds the generator up, as a slow reader of a socket does.
        self.room, self.thread_room = asyncio.Event(), threading.Event()
        self.resume_writing()

    def pause_writing(self) -> None:
        """What was said has not been taken yet."""
        self.room.clear()
        self.thread_room.clear()

    def resume_writing(self) -> None:
        """There is room for more."""
        self.room.set()
        self.thread_room.set()

    def connection_made(self, transport: Any) -> None:
        """The harness listens."""
        self.transport = transport
        self.say(event="ready", cancels=self.asynchronous)

    def data_received(self, data: bytes) -> None:
        """The harness has written something."""
        *lines, rest = (self.rest + data).split(b"\n")
        self.rest = bytearray(rest)
        for line in lines:
            self.obey(json.loads(line))

    def connection_lost(self, exc: Any) -> None:
        """The end of the input means `quit`."""
        self.resume_writing()
        self.quit()

    def obey(self, op: dict[str, Any]) -> None:
        """One line of the harness's."""
        if op["op"] == "quit":
            self.quit()
        elif op["op"] == "cancel":
            call = self.calls.pop(op["id"], None)
            if call is not None:
                call.left = True
                if call in self.tasks:
                    self.tasks[call].cancel()
        else:
            call = self.calls[op["id"]] = Call(op, self)
            if not self.asynchronous:
                threading.Thread(target=call.block, args=(self.function,), daemon=True).start()
                return
            try:
                positional, options = call.arguments(self.function)
                result = self.function(*positional, **options)
            except Exception as error:
                call.fail(error)
            else:
                self.begin(call, call.drive(result))

    def begin(self, call: Call, work: Any) -> None:
        """Let a call's work be done by the loop."""
        task = self.tasks[call] = self.loop.create_task(work)
        task.add_done_callback(lambda done: self.tasks.pop(call, None))
        if call.left:
            task.cancel()

    def say(self, **message: Any) -> None:
        """Write one line, from whatever thread."""
        line = json.dumps(message, default=str).encode() + b"\n"
        if message["event"] in {"done", "error"}:
            self.calls.pop(message["id"], None)
        if threading.get_ident() == self.thread:
            self.transport.write(line)
        else:
            self.loop.call_soon_threadsafe(self.transport.write, line)

    def quit(self) -> None:
        """No more calls will come."""
        if not self.over.done():
            self.over.set_result(None)


async def converse(function: Any, conversation: socket.socket) -> None:
    """Answer calls until the harness says that no more will come."""
    talk = Talk(function)
    await talk.loop.connect_accepted_socket(lambda: talk, conversation)
    await talk.over
    for call in list(talk.calls.values()):  # those in threads, too: what they come to is told to nobody
        call.left = True
    for task in list(talk.tasks.values()):
        task.cancel()
    await asyncio.gather(*talk.tasks.values(), return_exceptions=True)
