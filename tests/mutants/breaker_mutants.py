"""Bugs of breakers that do not open, do not stay open, do not close, or open for the wrong reason."""

from __future__ import annotations

from mutant import Mutant, breaker, client, retry

NEVER_OPEN = ("breaker.*",)

MUTANTS = (
    Mutant(
        "the breaker counts and never opens",
        (breaker("        self._opened = time.monotonic()\n", "        self._opened = None\n"),),
        ("breaker.opens", "breaker.stays-open", "breaker.single-probe", "breaker.reopens"),
        NEVER_OPEN,
    ),
    Mutant(
        "every call has a breaker of its own",
        (
            client(
                "        for attempt in range(1, MAX_ATTEMPTS + 1):\n",
                "        self._breaker = Breaker()\n        for attempt in range(1, MAX_ATTEMPTS + 1):\n",
            ),
        ),
        ("breaker.opens", "breaker.opens-on-rate"),
        NEVER_OPEN,
    ),
    Mutant(
        "nobody asks what the rate is",
        (breaker(" and not self._too_many()", ""),),
        ("breaker.opens-on-rate",),
    ),
    Mutant(
        "a rate is not believed before a thousand requests",
        (breaker("minimum: int = 10", "minimum: int = 1000"),),
        ("breaker.opens-on-rate",),
    ),
    Mutant(
        "silence until the deadline is not counted",
        (
            breaker(
                "        except (AttemptFailed, TimeoutError) as failure:", "        except AttemptFailed as failure:"
            ),
        ),
        ("breaker.opens-on-timeouts",),
    ),
    Mutant(
        "a call that runs out of time was let down by its caller",
        (
            breaker('getattr(failure, "down", True)', 'getattr(failure, "down", False)'),
            client(
                'raise AttemptFailed("timeout", retry=True)', 'raise AttemptFailed("timeout", retry=True, down=False)'
            ),
        ),
        ("breaker.opens-on-timeouts",),
    ),
    Mutant(
        "streams are not counted",
        (
            client(
                "with self._breaker.attempt():",
                "with self._breaker.peek() if stream else self._breaker.attempt():",
            ),
            breaker(
                "    def _let_pass(",
                "    @contextmanager\n"
                "    def peek(self) -> Iterator[None]:\n"
                '        """Nothing is counted."""\n'
                "        if self._opened is not None:\n"
                "            self._let_pass(self._opened)\n"
                "        yield\n\n"
                "    def _let_pass(",
            ),
        ),
        ("breaker.opens-on-broken-streams",),
    ),
    Mutant(
        "a stream has succeeded when it begins",
        (
            client(
                "            async for data in self._events(response, streamed):\n",
                "            self._breaker._succeeded()\n            async for data in self._events(response, streamed):\n",
            ),
            # Every other thing it counts is then a success, and half of them is what it bears.
            breaker("failed >= self.error_rate", "failed > self.error_rate"),
        ),
        ("breaker.opens-on-broken-streams",),
        ("breaker.opens-on-rate",),
    ),
    Mutant(
        "callers wait before they are told that it is open",
        (
            client(
                "            except AttemptFailed as failure:\n                wait = None if given",
                "            except AttemptFailed as failure:\n"
                "                await asyncio.sleep(0.0 if failure.sent else 0.3)\n"
                "                wait = None if given",
            ),
        ),
        ("breaker.fails-fast",),
        ("timeout.connect-blackhole",),
    ),
    Mutant(
        "an open breaker is retried like a failing provider",
        (
            breaker('AttemptFailed("provider", retry=False, sent=False)', 'AttemptFailed("provider", retry=True)'),
            client(" or not self._breaker.closed:", ":"),
        ),
        ("breaker.fails-fast",),
        ("breaker.isolated", "retry.*"),
    ),
    Mutant(
        "the cooldown is in milliseconds",
        (breaker("opened + self.cooldown", "opened + self.cooldown / 1000"),),
        ("breaker.stays-open", "breaker.reopens"),
        NEVER_OPEN,
    ),
    Mutant(
        "the cooldown is over at half time",
        (breaker("opened + self.cooldown", "opened + self.cooldown / 2"),),
        ("breaker.stays-open", "breaker.reopens"),
    ),
    Mutant(
        "half open lets ten probes through",
        (breaker("probes: int = 1", "probes: int = 10"),),
        ("breaker.single-probe",),
        ("breaker.closes", "breaker.no-flap"),
    ),
    Mutant(
        "nobody counts the probes",
        (breaker("if cooling or self._probing + self._proved >= self.probes:", "if cooling:"),),
        ("breaker.single-probe",),
    ),
    Mutant(
        "the breaker does not close",
        (breaker("            if self._proved == self.probes:\n                self._close()\n", ""),),
        ("breaker.closes",),
        ("breaker.*", "retry.*", "control.*"),
    ),
    Mutant(
        "the breaker never tries again",
        (breaker("        cooling = time.monotonic() < opened + self.cooldown\n", "        cooling = True\n"),),
        ("breaker.closes",),
        ("breaker.*", "retry.*"),
    ),
    Mutant(
        "a probe closes the breaker, whatever comes of it",
        (
            breaker(
                "    def _failed(self) -> None:\n",
                "    def _failed(self) -> None:\n"
                "        if self._opened is not None:\n"
                "            self._close()\n"
                "            return\n",
            ),
        ),
        ("breaker.reopens",),
    ),
    Mutant(
        "a probe that fails leaves the breaker half open",
        (
            breaker(
                "    def _failed(self) -> None:\n",
                "    def _failed(self) -> None:\n        if self._opened is not None:\n            return\n",
            ),
        ),
        ("breaker.reopens",),
    ),
    Mutant(
        "a request that is wrong counts as a failure",
        (retry("(status >= 500 or status == 408)", "status != 429"),),
        ("breaker.ignores-client-errors",),
    ),
    Mutant(
        "what is not tried again counts as a failure",
        (breaker('getattr(failure, "down", True)', '(getattr(failure, "down", True) or not failure.retry)'),),
        ("breaker.ignores-client-errors",),
    ),
    Mutant(
        "a rate limit counts as a failure",
        (retry("status == 408)", "status in {408, 429})"),),
        ("breaker.ignores-rate-limits",),
    ),
    Mutant(
        "whoever is asked to wait opens the breaker",
        (
            client(
                "            except AttemptFailed as failure:\n                wait = None if given",
                "            except AttemptFailed as failure:\n"
                "                if failure.wait and self._breaker.closed:\n"
                "                    self._breaker._open()\n"
                "                wait = None if given",
            ),
        ),
        ("breaker.ignores-rate-limits",),
        ("retry.*",),
    ),
    Mutant(
        "one breaker for all providers",
        (
            client("        self._breaker = Breaker()", "        self._breaker = BREAKER"),
            client("class Client:\n", "BREAKER = Breaker()\n\n\nclass Client:\n"),
        ),
        ("breaker.isolated",),
        ("breaker.*", "degrade.*"),
    ),
    Mutant(
        "breakers share what they know of how it went",
        (
            breaker("        self._opened: float | None = None\n", ""),
            breaker("        self._opened = time.monotonic()\n", "        Breaker._opened = time.monotonic()\n"),
            breaker("        self._opened = None\n", "        Breaker._opened = None\n"),
            breaker(
                '    """Lets attempts at one provider pass, or not, by how those before them went."""\n',
                '    """Lets attempts at one provider pass, or not, by how those before them went."""\n\n'
                "    _opened = None\n",
            ),
        ),
        ("breaker.isolated",),
        ("breaker.*", "degrade.*"),
    ),
    Mutant(
        "a success does not reset the count",
        (breaker("        self._in_a_row = 0\n        self._remember", "        self._remember"),),
        ("breaker.counts-consecutive", "breaker.no-flap"),
        ("breaker.*", "retry.*", "degrade.*"),
    ),
    Mutant(
        "every success takes back one failure only",
        (
            breaker(
                "        self._in_a_row = 0\n        self._remember",
                "        self._in_a_row = max(0, self._in_a_row - 1)\n        self._remember",
            ),
            breaker("self._in_a_row += 1", "self._in_a_row += 4"),
        ),
        ("breaker.counts-consecutive",),
        ("breaker.*", "retry.*", "degrade.*"),
    ),
    Mutant(
        "the rate is that of the last four requests",
        (
            breaker("self._recent[0][0] < now - self.window", "len(self._recent) > 4"),
            breaker("minimum: int = 10", "minimum: int = 4"),
        ),
        ("breaker.no-flap",),
        ("breaker.*", "degrade.*"),
    ),
)
