"""Bugs of integrations that tell of their keys, or do not know what to do when one is dead."""

from __future__ import annotations

from mutant import Mutant, chain, client, entry, keys

HEADERS = "        headers = self._speech.headers(key)\n"
RAISED = "raise next((failure for failure in failures if failure.kind in OUTAGE), failures[-1])"
SHOWN = "failure = next((failure for failure in failures if failure.kind in OUTAGE), failures[-1])\n"
TOLD_TO_CALLERS = ("degrade.clean-error", "degrade.fallback-rejects", "connect.dns-like-refused")

MUTANTS = (
    Mutant(
        "the provider's settings, its key included, are in the error",
        (
            client("keys: tuple[str, ...] = field(repr=False)", "keys: tuple[str, ...]"),
            chain(
                RAISED,
                SHOWN + '        failure.args = (f"{failure} ({self._links[0][0]})",)\n        raise failure',
            ),
        ),
        ("keys.not-returned",),
        TOLD_TO_CALLERS,
    ),
    Mutant(
        "the error says which key it was by its first half",
        (
            chain(
                RAISED,
                SHOWN
                + '        failure.args = (f"{failure} (key {self._links[0][0].keys[0][:26]}...)",)\n        raise failure',
            ),
        ),
        ("keys.not-returned",),
        TOLD_TO_CALLERS,
    ),
    Mutant(
        "requests are logged with all their headers",
        (client(HEADERS, HEADERS + '        print("POST", self._provider.url, headers, flush=True)\n'),),
        ("keys.not-logged",),
    ),
    Mutant(
        "a refused request is logged with its credentials in base64",
        (
            client(
                HEADERS,
                HEADERS + "        import base64, sys\n"
                '        print("using", base64.b64encode(f"user:{key}".encode()).decode(), file=sys.stderr, flush=True)\n',
            ),
        ),
        ("keys.not-logged",),
    ),
    Mutant(
        "the key is in the query string",
        (client('"POST", path', '"POST", f"{path}?key={key}"'),),
        ("keys.not-in-url",),
    ),
    Mutant(
        "the end of the key names the session in the query string",
        (client('"POST", path', '"POST", f"{path}?session=s-{key[-12:]}"'),),
        ("keys.not-in-url",),
    ),
    Mutant(
        "keys are taken in turn, the dead ones too",
        (
            keys(
                "        return (self._live or self._dead)[0]",
                '        self._turn = getattr(self, "_turn", -1) + 1\n'
                "        both = self._live + self._dead\n"
                "        return both[self._turn % len(both)]",
            ),
        ),
        ("keys.dead-key-left-alone",),
        ("keys.rotation", "retry.not-on-client-error"),
    ),
    Mutant(
        "every call begins with the first key again",
        (
            client(
                "        given = False\n",
                "        given = False\n        self.keys = Ring(self._provider.keys)\n",
            ),
        ),
        ("keys.dead-key-left-alone",),
    ),
    Mutant(
        "the second key is never read",
        (entry('("KEY", "KEY2")', '("KEY",)'),),
        ("keys.rotation",),
    ),
    Mutant(
        "only calls that are not streamed use the second key",
        (
            client(
                "if response.status_code == 401 and self.keys.bury(key):",
                'if response.status_code == 401 and not request.get("stream") and self.keys.bury(key):',
            ),
        ),
        ("keys.rotation",),
        ("keys.dead-key-left-alone",),
    ),
)
