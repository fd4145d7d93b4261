"""A careful client with a chain of providers, small enough to be wrong in one place at a time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

from clients import Careful, Failed

from brownout.harness.protocol import Usage

OUTAGE = frozenset({"provider", "rate_limited", "timeout", "unauthorized"})
WINDOWS = {"gpt-4o-mini": 128_000, "gpt-4.1": 1_047_576, "gpt-4o": 128_000}


class Link(Careful):
    """One provider of the chain."""

    def __init__(self, name: str, url: str, key: str, model: str) -> None:
        super().__init__(url, key)
        self.name = name
        self.model = model
        self.reply: dict[str, Any] = {}

    async def once(self, prompt: str, stream: bool, attempt: int) -> AsyncIterator[str]:
        """One attempt, whose reply is kept where it is whole."""
        self.reply = {}
        if stream:
            async for piece in super().once(prompt, stream, attempt):
                yield piece
            return
        response = await self.http.post("/chat/completions", json=self.body(prompt, stream, attempt))
        response.raise_for_status()
        self.reply = json.loads(response.content)
        choice = self.reply["choices"][0]
        yield choice["message"]["content"]


class Chained:
    """A client that does everything right."""

    deadline = 55.0
    elsewhere = OUTAGE | {"context"}

    def __init__(self, places: Mapping[str, str]) -> None:
        names = [place.removesuffix(".url") for place in places if place.endswith(".url")]
        self.places = places
        self.links = [self.link(name) for name in names]

    def link(self, name: str) -> Link:
        """A provider by its name."""
        return Link(name, *(self.places[f"{name}.{what}"] for what in ("url", "key", "model")))

    async def aclose(self) -> None:
        """Close every connection."""
        for link in self.links:
            await link.aclose()

    async def __call__(self, prompt: str, *, stream: bool) -> AsyncIterator[str | dict[str, Any]]:
        """Answer, by whoever can."""
        loop = asyncio.get_running_loop()
        end = loop.time() + self.deadline
        failures: list[Failed] = []
        walk = self.walk()
        for place, link in enumerate(walk):
            link.deadline = (end - loop.time()) / (len(walk) - place)
            if not self.fits(prompt, link.model):
                failures.append(Failed("context"))
                continue
            try:
                async for piece in link(prompt, stream=stream):
                    yield piece
            except Failed as failure:
                failures.append(failure)
                if failure.partial and not self.begins_again:
                    raise
                if failure.kind not in self.elsewhere:
                    break
            else:
                yield self.told(link, place)
                return
        raise self.story(failures)

    begins_again = False

    def walk(self) -> list[Link]:
        """Who is asked, in order."""
        return list(self.links)

    def fits(self, prompt: str, model: str) -> bool:
        """Whether there is room for the prompt and the answer."""
        return len(prompt) // 4 + 16 + 1024 <= WINDOWS[model]

    def told(self, link: Link, place: int) -> dict[str, Any]:
        """What is known of the answer."""
        known: dict[str, Any] = {"model": link.model, "provider": link.name, "degraded": place > 0}
        usage = link.reply.get("usage")
        if usage is not None:
            known["usage"] = Usage(usage["prompt_tokens"], usage["completion_tokens"])
        return known

    def story(self, failures: list[Failed]) -> Failed:
        """What the caller is told when nobody answers."""
        return next((failure for failure in failures if failure.kind in OUTAGE), failures[-1])
