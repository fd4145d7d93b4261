"""Bugs of integrations that have a second provider, and fall back on it badly."""

from __future__ import annotations

from mutant import Mutant, answers, chain, client, entry, errors, retry

EVERY_LINK = "        for place, (provider, client) in enumerate(self._links):\n"
SHARE = "/ (len(self._links) - place)"
SIGNED = '    return {**answer, "provider": provider.name, "degraded": place > 0}'
PROVIDER = "    return Provider(name, url, tuple(key for key in keys if key), model, dialect)"

MUTANTS = (
    Mutant(
        "a refused connection is no reason to ask elsewhere",
        (
            client(
                'raise AttemptFailed("provider", retry=stood(error), sent=False)',
                'raise AttemptFailed("invalid", retry=stood(error), sent=False)',
            ),
        ),
        ("degrade.answers-in-outage", "degrade.second-provider"),
    ),
    Mutant(
        "only limits and timeouts are reasons to ask elsewhere",
        (chain('OUTAGE = frozenset({"provider", ', "OUTAGE = frozenset({"),),
        ("degrade.answers-in-outage", "degrade.second-provider"),
        ("degrade.*",),
    ),
    Mutant(
        "the fallback is asked for the first provider's model",
        (entry(PROVIDER, PROVIDER.replace("model,", 'os.environ["PRIMARY_MODEL"],')),),
        ("degrade.second-provider", "degrade.bigger-context"),
        ("degrade.*",),
    ),
    Mutant(
        "the fallback is shown the first provider's key",
        (entry(PROVIDER, PROVIDER.replace("tuple(key for key in keys if key)", '(os.environ["PRIMARY_KEY"],)')),),
        ("degrade.second-provider", "degrade.answers-in-outage"),
        ("degrade.*", "keys.rotation"),
    ),
    Mutant(
        "a 200 that is no answer is thought the request's fault",
        (
            answers(
                "    except ValueError:\n        raise AttemptFailed(BROKEN, retry=True) from None\n    if not",
                '    except ValueError:\n        raise AttemptFailed("invalid", retry=True) from None\n    if not',
            ),
        ),
        ("degrade.second-provider",),
    ),
    Mutant(
        "a timeout of the first provider's leaves no time for the next",
        (chain(SHARE, ""),),
        ("degrade.second-provider",),
    ),
    Mutant(
        "only the first and the second are ever asked",
        (chain(EVERY_LINK, EVERY_LINK.replace("self._links)", "self._links[:2])")),),
        ("degrade.order",),
        providers=3,
    ),
    Mutant(
        "whoever was named last stands in first",
        (
            chain(
                "[(provider, Client(provider, ledger)) for provider in providers]",
                "[(provider, Client(provider, ledger)) for provider in (providers[0], *reversed(providers[1:]))]",
            ),
        ),
        ("degrade.order",),
        ("degrade.*",),
        providers=3,
    ),
    Mutant(
        "the chain is walked twice",
        (
            chain(EVERY_LINK, EVERY_LINK.replace("(self._links)", "([*self._links, *self._links])")),
            chain(SHARE, "/ max(1, len(self._links) - place)"),
        ),
        ("degrade.no-ping-pong",),
        ("retry.*", "timeout.*", "degrade.*", "context.*", "content.*"),
    ),
    Mutant(
        "when the fallback has failed the first is asked once more",
        (
            chain(EVERY_LINK, EVERY_LINK.replace("(self._links)", "([*self._links, self._links[0]])")),
            chain(SHARE, "/ (len(self._links) + 1 - place)"),
        ),
        ("degrade.no-ping-pong",),
        ("retry.*", "timeout.*", "degrade.*", "context.*", "content.*"),
    ),
    Mutant(
        "what the provider said is quoted to the caller",
        (
            retry(
                "    return AttemptFailed(kind or usual, retry=retry, wait=asked_to_wait(headers), down=down)",
                "    failure = AttemptFailed(kind or usual, retry=retry, wait=asked_to_wait(headers), down=down)\n"
                '    failure.args = (error.get("message"),)\n'
                "    return failure",
            ),
            errors("from __future__ import annotations\n", "from __future__ import annotations\n\nimport sys\n"),
            errors("super().__init__(MESSAGES[kind])", 'super().__init__(f"{MESSAGES[kind]} ({sys.exc_info()[1]})")'),
        ),
        ("degrade.clean-error",),
        ("degrade.*",),
    ),
    Mutant(
        "a failure is told with its stack trace",
        (
            errors("from __future__ import annotations\n", "from __future__ import annotations\n\nimport traceback\n"),
            errors("super().__init__(MESSAGES[kind])", "super().__init__(MESSAGES[kind] + traceback.format_exc())"),
        ),
        ("degrade.clean-error",),
        ("degrade.*",),
    ),
    Mutant(
        "a stream that breaks is begun again at the fallback",
        (chain("                if failure.partial:\n                    raise\n", ""),),
        ("degrade.midstream",),
        ("stream.*", "timeout.stream-stall"),
    ),
    Mutant(
        "a stream that breaks is left at that",
        (
            chain(
                "                if failure.partial:\n                    raise\n",
                "                if failure.partial:\n                    return\n",
            ),
        ),
        ("degrade.midstream",),
        ("stream.*", "timeout.stream-stall"),
    ),
    Mutant(
        "the last complaint is all that is told",
        (
            chain(
                "        raise next((failure for failure in failures if failure.kind in OUTAGE), failures[-1])",
                "        raise failures[-1]",
            ),
        ),
        ("degrade.fallback-rejects",),
    ),
    Mutant(
        "whatever the fallback finds fault with is the caller's fault",
        (
            chain(
                "                if failure.kind not in ELSEWHERE:\n                    break\n",
                "                if failure.kind not in ELSEWHERE:\n                    raise\n",
            ),
        ),
        ("degrade.fallback-rejects",),
    ),
    Mutant(
        "the usage is that of the first reply",
        (
            answers('    if body.get("error"):', '    FIRST[:] = FIRST or [usage(body)]\n    if body.get("error"):'),
            answers('BROKEN = "provider"\n', 'BROKEN = "provider"\nFIRST: list[dict[str, int] | None] = []\n'),
            answers('        "usage": usage(body),\n', '        "usage": FIRST[0],\n'),
        ),
        ("degrade.accounted",),
    ),
    Mutant(
        "the model that was asked for first is the model that is told",
        (chain(SIGNED, SIGNED.replace("{**answer,", '{**answer, "model": "gpt-4o-mini",')),),
        ("degrade.accounted",),
    ),
    Mutant(
        "the first provider is named, whoever has answered",
        (chain(SIGNED, SIGNED.replace("provider.name", '"primary"')),),
        ("degrade.accounted",),
    ),
    Mutant(
        "an answer of the fallback's looks like any other",
        (chain(SIGNED, '    return {**answer, "model": None, "degraded": False}'),),
        ("degrade.marked",),
    ),
    Mutant(
        "a fallback's answer is passed off as the first provider's",
        (chain(SIGNED, '    return {**answer, "model": "gpt-4o-mini", "provider": "primary", "degraded": False}'),),
        ("degrade.marked", "degrade.accounted"),
    ),
    Mutant(
        "who has once fallen back stays there",
        (
            chain(
                "            else:\n                return\n",
                "            else:\n"
                "                self._links = sorted(self._links, key=lambda link: link[0] is not provider)\n"
                "                return\n",
            ),
        ),
        ("degrade.returns-to-primary",),
        ("degrade.*",),
    ),
    Mutant(
        "a provider that has failed is left alone for an hour",
        (
            chain(
                "            until = loop.time()",
                "            if place == 0 and loop.time() < getattr(self, '_away', 0.0):\n                continue\n"
                "            until = loop.time()",
            ),
            chain(
                "                failures.append(failure)\n",
                "                failures.append(failure)\n                self._away = loop.time() + 3600.0\n",
            ),
        ),
        ("degrade.returns-to-primary",),
        ("*",),
    ),
    Mutant(
        "every request is tried twice and no more",
        (retry("MAX_ATTEMPTS = 4", "MAX_ATTEMPTS = 2"),),
        ("degrade.partial-outage",),
        ("retry.after-escalating",),
        providers=1,
    ),
    Mutant(
        "an error of the provider's own is passed on at once",
        (retry("429, 500, 502", "429, 502"),),
        ("degrade.partial-outage",),
        ("retry.recovers",),
        providers=1,
    ),
    Mutant(
        "a model that is gone is thought the caller's mistake",
        (retry('    "model_not_found": "provider",\n', ""),),
        ("degrade.model-gone",),
        ("degrade.fallback-rejects",),
    ),
    Mutant(
        "a model that is gone is asked for again",
        (
            retry(
                "    retry = status in TRANSIENT and kind is None\n",
                "    retry = (status in TRANSIENT and kind is None) or (status == 404 and kind is not None)\n",
            ),
        ),
        ("degrade.model-gone",),
    ),
    Mutant(
        "a prompt that is too long for one model is too long for all",
        (chain('ELSEWHERE = OUTAGE | {"context"}', "ELSEWHERE = OUTAGE"),),
        ("degrade.bigger-context",),
    ),
    Mutant(
        "the code that says how long a prompt may be is not known",
        (retry('    "context_length_exceeded": "context",\n', ""),),
        ("degrade.bigger-context",),
    ),
    Mutant(
        "a prompt that one provider declines is tried on the next",
        (chain('OUTAGE | {"context"}', 'OUTAGE | {"context", "content_policy"}'),),
        ("degrade.refusal-is-not-outage",),
    ),
    Mutant(
        "an answer that was filtered is asked for elsewhere",
        (
            answers(
                '    finish = "refusal" if',
                '    if choice.get("finish_reason") == "content_filter":\n'
                "        raise AttemptFailed(BROKEN, retry=False)\n"
                '    finish = "refusal" if',
            ),
        ),
        ("degrade.refusal-is-not-outage",),
    ),
)
