"""A scenario played on a virtual clock, against a client in the same loop: hours in a moment, every duration exact."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, Protocol

import virtual

from brownout.fakes.journal import fingerprint
from brownout.harness import scenario
from brownout.harness.contract import Contract
from brownout.harness.history import Heading, History
from brownout.harness.pii.concealing import conceal
from brownout.harness.protocol import CallEvent, CallRequest, ChunkEvent, Done, Error
from brownout.harness.rig import Rig
from brownout.harness.stage import Stage, perform
from brownout.harness.target_file import Calling, CommandCall, Provider, TargetFile
from brownout.harness.verdict import Judgement, judge


class Integration(Protocol):
    """What answers a caller: yields text, and last what is known of it; an exception is an error."""

    def __call__(self, prompt: str, *, stream: bool) -> AsyncIterator[str | dict[str, Any]]:
        """Answer."""


Makes = Callable[..., Integration]
"""An integration for a base URL and a key; where there are several providers, for all their placeholders."""
ROWS = scenario.load()
MODELS = {"primary": "gpt-4o-mini", "secondary": "gpt-4.1", "third": "gpt-4o"}


class InProcess:
    """A target in the loop of the test."""

    pid = keeper = None
    presented = (None, None)

    def __init__(self, makes: Makes) -> None:
        self._makes = makes
        self._calls: dict[str, asyncio.Task[None]] = {}
        self._integration: Integration | None = None

    async def start(self, places: Mapping[str, str]) -> None:
        """Make the integration."""
        alone = sum(place.endswith(".url") for place in places) == 1
        self._integration = self._makes(*([places["primary.url"], places["primary.key"]] if alone else [places]))

    async def call(self, request: CallRequest) -> AsyncIterator[CallEvent]:
        """Run it in a task of its own, as a process would."""
        queue: asyncio.Queue[CallEvent] = asyncio.Queue()
        self._calls[request.id] = asyncio.create_task(self._serve(request, queue))
        while True:
            event = await queue.get()
            yield event
            if not isinstance(event, ChunkEvent):
                return

    @property
    def cancels(self) -> bool:
        """A coroutine can be cancelled at any time."""
        return True

    async def cancel(self, call: str) -> None:
        """Cancel the task."""
        self._calls[call].cancel()

    async def kill(self) -> None:
        """Cancel everything."""
        await self.stop()

    async def stop(self) -> None:
        """Cancel everything."""
        for task in self._calls.values():
            task.cancel()
        await asyncio.gather(*self._calls.values(), return_exceptions=True)
        close = getattr(self._integration, "aclose", None)
        if close is not None:
            await close()

    async def _serve(self, request: CallRequest, queue: asyncio.Queue[CallEvent]) -> None:
        assert self._integration is not None
        text: list[str] = []
        known: dict[str, Any] = {"finish": "stop"}
        try:
            async with contextlib.aclosing(  # type: ignore[type-var]  # an async generator, whatever it says it is
                self._integration(request.messages[-1]["content"], stream=request.stream)
            ) as pieces:
                async for piece in pieces:
                    if isinstance(piece, dict):
                        known |= piece
                        continue
                    text.append(piece)
                    if request.stream:
                        queue.put_nowait(ChunkEvent(request.id, piece))
        except Exception as error:
            queue.put_nowait(Error(request.id, getattr(error, "kind", "other"), str(error)))
        else:
            whole = known.pop("text", None if request.stream else "".join(text))
            queue.put_nowait(Done(request.id, whole, **known))


async def _played(
    row: str, case: str, makes: Makes, contract: Contract, seed: int, speaks: Provider | None
) -> tuple[Judgement, History]:
    scene = ROWS[row]
    chain = contract.fallback.chain if contract.fallback is not None else ()
    providers = {name: speaks or Provider("openai", MODELS[name]) for name in chain or ("primary",)}
    file = TargetFile("test", Calling(command=CommandCall(["none"])), providers, contract=contract)
    target = InProcess(makes)
    async with Rig(file, virtual.VirtualClock(), lambda rig: target) as rig:
        keys = {name: [fingerprint(key) or "" for key in server.fake.keys] for name, server in rig.fakes.items()}
        heading = Heading(row, case, scene.level.value, "", "test", contract, seed, rig.clock.epoch(), keys=keys)
        history = History(heading)
        value = [scene.case(case).value] if scene.cases else []
        stage = Stage(history, rig.fakes, target, rig.clock, rig.origin)
        await perform(stage, scene.run, *value)
        history.exchanges = rig.exchanges()
        rig.plant(stage.personal)
        conceal(history, rig.personal)
        return judge(history), history


def play(
    row: str,
    makes: Makes,
    case: str = "",
    *,
    contract: Contract | None = None,
    seed: int = 0,
    speaks: Provider | None = None,
) -> tuple[Judgement, History]:
    """What a scenario says of an integration whose providers speak as OpenAI does, or as asked, and the history."""
    return virtual.run(_played(row, case, makes, contract or Contract(), seed, speaks))


def verdict(row: str, makes: Makes, case: str = "", **options: Any) -> str:
    """What a scenario says of an integration, in a word."""
    return play(row, makes, case, **options)[0].verdict.value
