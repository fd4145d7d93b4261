"""Bugs of integrations that mask personal data in one place and let it out in another."""

from __future__ import annotations

from mutant import Mutant, chain, client, entry, masking

ASKED = "_chains[0].ask(masking.mask(request), stream=stream)"
# Both what is sent and what was said reach the inside of the client, where a bug may take the one for the other.
SAID_GOES_ALONG = (
    entry("async def complete(", "class Both(dict):\n    said: dict\n\n\nasync def complete("),
    entry(
        "    masking = Masking()\n",
        "    masking = Masking()\n    both = Both(masking.mask(request))\n    both.said = request\n",
    ),
    entry(ASKED, "_chains[0].ask(both, stream=stream)"),
)
SAID_AS_METADATA = '{**request, "metadata": {"said": str(request.said["messages"][-1]["content"])[:500]}}'
ATTEMPT = "self._whole(request)"
ASKED_ONE = "client.ask(request, until, end, stream=stream)"

MUTANTS = (
    Mutant(
        "only American phone numbers are found",
        (masking('(found[0][0] in "+0(" or national)', "national"),),
        ("pii.prompt",),
        ("pii.*",),
    ),
    Mutant(
        "a card is found only when it is written without spaces",
        (masking(r'r"\b\d(?:[ -]?\d){12,18}\b", _luhn', r'r"\b\d{13,19}\b", _luhn'),),
        ("pii.prompt",),
        ("pii.*",),
    ),
    Mutant(
        "a streamed call goes out as it was said",
        (entry(ASKED, "_chains[0].ask(request if stream else masking.mask(request), stream=stream)"),),
        ("pii.stream",),
    ),
    Mutant(
        "a streamed call carries what was said beside it",
        (
            *SAID_GOES_ALONG,
            client(
                '        request = {**request, "stream": True}',
                f'        request = {SAID_AS_METADATA}\n        request = {{**request, "stream": True}}',
            ),
        ),
        ("pii.stream",),
    ),
    Mutant(
        "the retry is built from what was said",
        (
            *SAID_GOES_ALONG,
            client(ATTEMPT, ATTEMPT.replace("(request)", "(request if attempt == 1 else request.said)")),
        ),
        ("pii.retry",),
        ("retry.same-request",),
    ),
    Mutant(
        "the third attempt says what it is a retry of",
        (*SAID_GOES_ALONG, client(ATTEMPT, ATTEMPT.replace("(request)", f"({SAID_AS_METADATA} if attempt > 2 else request)"))),
        ("pii.retry",),
        ("retry.same-request",),
    ),
    Mutant(
        "masked for the first provider and as it was said for the next",
        (
            *SAID_GOES_ALONG,
            chain(ASKED_ONE, ASKED_ONE.replace("(request,", "(request.said if place else request,")),
        ),
        ("pii.fallback",),
    ),
    Mutant(
        "the next provider is told what the first one was asked",
        (
            *SAID_GOES_ALONG,
            chain(ASKED_ONE, ASKED_ONE.replace("(request,", f"({SAID_AS_METADATA} if place else request,")),
        ),
        ("pii.fallback",),
    ),
    Mutant(
        "the system prompt is ours and is not masked",
        (masking("            case dict():\n                return {name: self._named", '            case {"role": "system"}:\n                return said\n            case dict():\n                return {name: self._named'),),
        ("pii.everywhere-in-the-request",),
    ),
    Mutant(
        "the arguments of tools are not masked",
        (masking("            case dict():\n                return {name: self._named", '            case {"arguments": _}:\n                return said\n            case dict():\n                return {name: self._named'),),
        ("pii.everywhere-in-the-request",),
    ),
    Mutant(
        "only the messages are masked",
        (entry(ASKED, '_chains[0].ask({**request, "messages": masking.mask(messages)}, stream=stream)'),),
        ("pii.everywhere-in-the-request",),
    ),
    Mutant(
        "a failed call is printed with all that was said",
        (
            entry("        async for piece in pieces:", "        async for piece in _noted(pieces, messages):"),
            entry(
                "def _provider(",
                "async def _noted(pieces, messages):\n    try:\n        async for piece in pieces:\n            yield piece\n"
                "    except Exception:\n        import traceback\n        traceback.print_exc()\n"
                '        print("while serving", messages, flush=True)\n        raise\n\n\ndef _provider(',
            ),
        ),
        ("pii.logs",),
    ),
    Mutant(
        "every question is printed in base64",
        (
            entry(
                "    masking = Masking()\n",
                "    masking = Masking()\n    import base64, sys\n    print(base64.b64encode(str(messages).encode()), file=sys.stderr, flush=True)\n",
            ),
        ),
        ("pii.logs",),
    ),
    Mutant(
        "the caller's error repeats the question",
        (
            chain(
                "        raise next((failure for failure in failures",
                '        failures[-1].args = (f"{failures[-1]}: {request.said}",)\n        failures[0].args = failures[-1].args\n        raise next((failure for failure in failures',
            ),
            *SAID_GOES_ALONG,
        ),
        ("pii.caller-errors",),
        ("degrade.clean-error",),
    ),
    Mutant(
        "an error that the caller can mend shows the question",
        (
            chain(
                "                if failure.kind not in ELSEWHERE:\n",
                '                if failure.kind not in ELSEWHERE:\n                    failure.args = (f"{failure}: {request.said}",)\n',
            ),
            *SAID_GOES_ALONG,
        ),
        ("pii.caller-errors",),
        ("degrade.clean-error",),
    ),
    Mutant(
        "callers share the map from placeholders to values",
        (
            masking("        self._values: dict[str, str] = {}\n", "        self._values = SHARED\n"),
            masking("class Masking:", "SHARED: dict[str, str] = {}\n\n\nclass Masking:"),
            masking("len(self._values) + 1", "len(self._placeholders) + 1"),
        ),
        ("pii.no-crosstalk",),
        ("pii.restored",),
    ),
    Mutant(
        "the map is begun anew with each caller",
        (
            entry("async def complete(", "_masking = Masking()\n\n\nasync def complete("),
            entry("    masking = Masking()\n", "    masking = _masking\n    masking.__init__()\n"),
        ),
        ("pii.no-crosstalk",),
        ("pii.restored",),
    ),
    Mutant(
        "a placeholder that is cut in two is missed",
        (masking("        begun = BEGUN.search(text)\n", "        begun = None\n"),),
        ("pii.restored",),
    ),
    Mutant(
        "one placeholder of an answer is restored",
        (masking("self._values.get(found[0], found[0]), told)", "self._values.get(found[0], found[0]), told, count=1)"),),
        ("pii.restored",),
    ),
    Mutant(
        "every number is masked",
        (masking("DETECTORS = (\n", 'DETECTORS = (\n    Detector("NUMBER", r"\\b\\d{3,}\\b"),\n'),),
        ("pii.not-overmasked",),
        ("pii.*",),
    ),
    Mutant(
        "every date is a birthday",
        (masking("    return BIRTH.search(around) is not None\n", "    return True\n"),),
        ("pii.not-overmasked",),
    ),
)  # fmt: skip
