"""Bugs of integrations that retry too much, too little, too soon or the wrong thing."""

from __future__ import annotations

from mutant import Mutant, breaker, chain, client, retry

HEADERS = "        headers = self._speech.headers(key)\n"
NEVER_OPENS = breaker("        self._opened = time.monotonic()\n", "        self._opened = None\n")

MUTANTS = (
    Mutant(
        "a bad gateway is not thought transient",
        (retry("500, 502, 503", "500, 503"),),
        ("retry.recovers",),
        providers=1,
    ),
    Mutant(
        "a timeout of the provider's is not thought transient",
        (retry("{408, 409,", "{409,"),),
        ("retry.recovers",),
        providers=1,
    ),
    Mutant(
        "a connection that is reset is not tried again",
        (
            client(
                '        except (httpx.TransportError, httpx.DecodingError, httpx.StreamError):\n            raise AttemptFailed("provider", retry=True)',
                '        except (httpx.TransportError, httpx.DecodingError, httpx.StreamError):\n            raise AttemptFailed("provider", retry=False)',
            ),
        ),
        ("retry.recovers", "retry.stale-connection", "connect.reset-on-accept"),
        providers=1,
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
        (retry("wait=asked_to_wait(headers),", "wait=asked_to_wait(headers) if status == 429 else None,"),),
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
        (chain("DEADLINE = 55.0", "DEADLINE = 600.0"), client("read=50.0", "read=600.0")),
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
            chain(
                "client.ask(request, until, end, stream=stream)",
                "_twice(client, request, until, end, stream=stream)",
            ),
            chain(
                "def _signed(",
                "async def _twice(client: Client, *moments: Any, stream: bool) -> AsyncGenerator[Piece]:\n"
                "    try:\n"
                "        async for piece in client.ask(*moments, stream=stream):\n"
                "            yield piece\n"
                "    except CallFailed:\n"
                "        if stream:\n"
                "            raise\n"
                "        async for piece in client.ask(*moments, stream=stream):\n"
                "            yield piece\n\n\n"
                "def _signed(",
            ),
        ),
        ("retry.no-amplification", "retry.bounded"),
        ("retry.*", "content.*", "timeout.*", "context.*"),
    ),
    Mutant(
        "neither a budget nor a breaker holds retries down",
        (retry("tokens: int = 40", "tokens: int = 1_000_000"), NEVER_OPENS),
        ("retry.budget",),
        ("breaker.*", "degrade.*"),
        claims={"breaker": None},
        providers=1,
    ),
    Mutant(
        "every attempt is marked with a number of its own",
        (
            client(
                '{"model": self._provider.model, **request}',
                '{"model": self._provider.model, **request, "seed": int(asyncio.get_running_loop().time() * 1000)}',
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
            NEVER_OPENS,
            client("        await self._limiter.turn(request)\n", ""),
        ),
        ("retry.herd-on-recovery", "retry.bounded"),
        ("*",),
        claims={"breaker": None, "quota": None},
        providers=1,
    ),
    Mutant(
        "what is held back in an outage is let go at once when a health check finds the provider back",
        (
            client(
                "        self._budget = Budget()\n",
                "        self._budget = Budget()\n        self._health: Any = None\n",
            ),
            client(
                "                wait = None if given else self._next_wait(attempt, failure, until)\n",
                "                if failure.down and failure.retry and not given:\n"
                "                    self._health = self._health or asyncio.ensure_future(self._checked())\n"
                "                wait = None if given else self._next_wait(attempt, failure, until)\n",
            ),
            client(
                "    async def _whole(self,",
                "    async def _checked(self) -> None:\n"
                "        while self._health is not None:\n"
                "            await asyncio.sleep(0.1)\n"
                "            with contextlib.suppress(httpx.HTTPError):\n"
                '                reply = await self._http.get("/models", headers=self._speech.headers(self.keys.next()))\n'
                "                if reply.status_code == 200:\n"
                "                    self._health = None\n\n"
                "    async def _whole(self,",
            ),
            client("import asyncio\n", "import asyncio\nimport contextlib\n"),
            client(
                HEADERS,
                HEADERS + "        if self._health is not None:\n            await asyncio.shield(self._health)\n",
            ),
            client("        await self._limiter.turn(request)\n", ""),
            NEVER_OPENS,
        ),
        ("retry.herd-on-recovery",),
        ("retry.stale-connection",),
        claims={"breaker": None, "quota": None},
        providers=1,
    ),
    Mutant(
        "everybody comes back at the full ten seconds",
        (retry("    return float(2 ** (retry - 1)) * (1 + random.random())", "    return 10.0 - time.time() % 10.0"),),
        ("retry.jitter",),
        ("retry.*",),
    ),
    Mutant(
        "a provider that is overloaded is not thought transient",
        (retry("503, 504, 529", "503, 504"),),
        ("retry.overloaded-529",),
        ("retry.recovers",),
        providers=1,
        dialect="anthropic",
    ),
)
