"""Bugs of integrations that bounce off a provider's limits, or drop what does not fit under them."""

from __future__ import annotations

from mutant import Mutant, client, limiter

MUTANTS = (
    Mutant(
        "nobody waits in the line",
        (limiter("            while wait := self._wait(tokens, clock.time()):", "            while wait := 0.0:"),),
        ("quota.under-rpm", "quota.under-tpm"),
        ("quota.*",),
    ),
    Mutant(
        "requests are counted and tokens are not",
        (limiter("            self._tokens.take(tokens)\n", ""),),
        ("quota.under-tpm",),
    ),
    Mutant(
        "tokens are counted and requests are not",
        (
            limiter("            self._requests.take(1)\n", ""),
            client("                self._limiter.learn(response.headers)\n", ""),
        ),
        ("quota.under-rpm",),
        ("quota.adapts",),
    ),
    Mutant(
        "the limits that headers tell are not read",
        (client("                self._limiter.learn(response.headers)\n", ""),),
        ("quota.adapts",),
        providers=1,
    ),
    Mutant(
        "the limits that headers tell are read once",
        (
            limiter("        if limit:\n", "        if limit and not self._told:\n            self._told = True\n"),
            limiter(
                "        self._configured = configured\n", "        self._configured, self._told = configured, False\n"
            ),
            limiter("        if remaining is not None:\n", "        if False:\n"),
        ),
        ("quota.adapts",),
        providers=1,
    ),
    Mutant(
        "a line that is long is closed",
        (
            limiter(
                "        async with self._line:\n",
                "        if len(self._line._waiters or ()) > 60:\n"
                '            raise CallFailed("rate_limited")\n'
                "        async with self._line:\n",
            ),
            limiter("from typing import Any\n", "from typing import Any\n\nfrom .errors import CallFailed\n"),
        ),
        ("quota.queues",),
        ("spend.*", "degrade.*"),
        providers=1,
    ),
    Mutant(
        "who has waited for a second in the line is sent away",
        (
            client(
                "        await self._limiter.turn(request)\n",
                "        try:\n"
                "            async with asyncio.timeout(1.0):\n"
                "                await self._limiter.turn(request)\n"
                "        except TimeoutError:\n"
                '            raise CallFailed("rate_limited") from None\n',
            ),
        ),
        ("quota.queues",),
        ("spend.*", "degrade.*"),
        providers=1,
    ),
)
