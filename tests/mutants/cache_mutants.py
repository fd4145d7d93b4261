"""Bugs of integrations that give an answer again which they should not, or do not where they promise to."""

from __future__ import annotations

from mutant import Mutant, Patch, cache, chain

KEY = "key = json.dumps(request, sort_keys=True)"
SHARED = "            yield await self._shared(key, request)\n"
STANDS_IN = 'if answer["degraded"] or answer["finish"] != "stop":'


def keyed(without: str) -> Patch:
    """A cache that does not look at some part of a request."""
    return cache(KEY, f"key = json.dumps({{name: v for name, v in request.items() if name != {without!r}}})")


MUTANTS = (
    Mutant(
        "no answer is ever found again",
        (cache("if kept is None or", "if kept is None or kept or"),),
        ("cache.hit",),
    ),
    Mutant(
        "the time is part of the question",
        (cache(KEY, "key = json.dumps([time.monotonic(), request])"),),
        ("cache.hit", "cache.single-flight"),
    ),
    Mutant(
        "an apology is kept for an answer",
        (
            cache(
                SHARED,
                "            try:\n"
                "                yield await self._shared(key, request)\n"
                "            except Exception:\n"
                '                self._kept[key] = time.monotonic(), {"text": "Sorry.", "finish": "stop"}\n'
                "                raise\n",
            ),
        ),
        ("cache.no-errors-cached",),
        ("cache.no-partials-cached",),
    ),
    Mutant(
        "who has failed once fails again, without a request",
        (
            cache(
                SHARED,
                '            failed = self.__dict__.setdefault("_failed", {})\n'
                "            if key in failed:\n"
                "                raise failed[key]\n"
                "            try:\n"
                "                yield await self._shared(key, request)\n"
                "            except Exception as failure:\n"
                "                failed[key] = failure\n"
                "                raise\n",
            ),
        ),
        ("cache.no-errors-cached",),
        ("cache.no-partials-cached",),
    ),
    Mutant(
        "what had come of a broken stream is kept",
        (
            cache(
                "                    text += piece\n",
                "                    text += piece\n"
                '                    self._kept[key] = time.monotonic(), {"text": text, "finish": "stop"}\n',
            ),
        ),
        ("cache.no-partials-cached",),
    ),
    Mutant(
        "a stream is kept however it ends",
        (
            cache(
                "        async with aclosing(self._chain.ask(request, stream=stream)) as pieces:\n",
                "        asked = self._kept_anyhow(key, request) if stream else self._chain.ask(request, stream=False)\n"
                "        async with aclosing(asked) as pieces:\n",
            ),
            cache(
                "    async def _asked(",
                "    async def _kept_anyhow(self, key: str, request: dict[str, Any]) -> AsyncGenerator[Piece]:\n"
                '        text = ""\n'
                "        try:\n"
                "            async with aclosing(self._chain.ask(request, stream=True)) as pieces:\n"
                "                async for piece in pieces:\n"
                '                    text += piece if isinstance(piece, str) else ""\n'
                "                    yield piece\n"
                "        finally:\n"
                '            self._kept[key] = time.monotonic(), {"text": text, "finish": "stop"}\n\n'
                "    async def _asked(",
            ),
        ),
        ("cache.no-partials-cached",),
    ),
    Mutant(
        "what stood in for an answer is kept",
        (cache(STANDS_IN, 'if answer["finish"] != "stop":'),),
        ("cache.no-fallbacks-cached",),
    ),
    Mutant(
        "nobody knows that an answer stood in for another",
        (chain('"degraded": place > 0}', '"degraded": False}'),),
        ("cache.no-fallbacks-cached",),
        ("degrade.*",),
    ),
    Mutant(
        "the system prompt is no part of the question",
        (cache(KEY, 'key = json.dumps({**request, "messages": request["messages"][-1]}, sort_keys=True)'),),
        ("cache.keyed-right",),
    ),
    Mutant("the temperature is no part of the question", (keyed("temperature"),), ("cache.keyed-right",)),
    Mutant("the user is no part of the question", (keyed("user"),), ("cache.keyed-right",)),
    Mutant("the tools are no part of the question", (keyed("tools"),), ("cache.keyed-right",)),
    Mutant("the length is no part of the question", (keyed("max_tokens"),), ("cache.keyed-right",)),
    Mutant("an answer is good for ever", (cache("TTL = 30.0", "TTL = 1e9"),), ("cache.expires",)),
    Mutant("an answer is good for twice as long", (cache("TTL = 30.0", "TTL = 60.0"),), ("cache.expires",)),
    Mutant(
        "callers at the same moment do not know of each other",
        (cache("        if flight is None:\n", "        if True:\n"),),
        ("cache.single-flight",),
    ),
    Mutant(
        "a flight is forgotten as soon as it has begun",
        (cache("        flight.waiting += 1\n", "        flight.waiting += 1\n        self._flights.clear()\n"),),
        ("cache.single-flight",),
    ),
)
