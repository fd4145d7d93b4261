"""Where a provider's keys go, and where they never do.

A history holds no key. Where one stood, there is `<fingerprint>`; of an encoding of it `<fingerprint:base64>`, of a
piece `<fingerprint:12>`, the number of its characters.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ...fakes.journal import Exchange
from ..history import Call, History
from . import NothingToJudge, Violation, check
from .attempts import ids

TRACE = re.compile(r"<([0-9a-f]{12})(?::(\w+))?>")


@check
def rotates(attempts: list[Exchange], *, revoked: str) -> Iterator[Violation]:
    """A call whose key has been revoked goes on with the provider's next key."""
    refused = [x for x in attempts if x.key == revoked and x.trouble == "invalid_key"]
    if not refused:
        raise NothingToJudge("the key was not used any more when it was revoked")
    for one in refused:
        later = [x for x in attempts if x.canary == one.canary and x.fake == one.fake and x.started > one.started]
        if not any(x.key not in {None, revoked} for x in later):
            yield Violation(f"key <{revoked}> was refused, and no other was used", "the next key", (one.id,))


@check
def dead_key_rests(attempts: list[Exchange]) -> Iterator[Violation]:
    """A key that the provider has called invalid is not used again."""
    refusals = [x for x in attempts if x.trouble == "invalid_key" and x.key and x.finished is not None]
    if not refusals:
        raise NothingToJudge("no key was refused")
    first: dict[tuple[str, str | None], Exchange] = {}
    for one in sorted(refusals, key=lambda x: x.started):
        first.setdefault((one.fake, one.key), one)
    for (fake, key), refusal in first.items():
        again = [x for x in attempts if (x.fake, x.key) == (fake, key) and x.started > (refusal.finished or 0)]
        if again:
            saw = f"key <{key}> was used {len(again)} times more after {fake} had refused it"
            yield Violation(saw, "a dead key is left alone", (refusal.id, *ids(again)))


@check
def not_logged(history: History) -> Iterator[Violation]:
    """No key, and no piece or encoding of one, stands in what the target writes: its output and its log files."""
    _uses_a_key(history)
    found = False
    for line in history.logs:
        for key, form in _traces(line.text, history):
            found = True
            yield Violation(f"{form} key <{key}> in {line.source} at {line.at / 1e9:.2f} s", "no key in any log")
    lost = [event.details for event in history.events if event.what in {"output_truncated", "line_truncated"}]
    if lost and not found:
        raise NothingToJudge(f"{lost[0].get('source')} had more to say than is kept")


@check
def not_returned(calls: list[Call], *, history: History) -> Iterator[Violation]:
    """No key, and no piece or encoding of one, reaches a caller, in an answer or in an error."""
    _uses_a_key(history)
    for call in calls:
        said = {
            "the answer": call.text,
            "the error": call.message,
            "the account of the answer": f"{call.finish} {call.model} {call.provider} {call.tool_calls}",
        }
        for where, text in said.items():
            for key, form in _traces(text, history):
                yield Violation(f"{form} key <{key}> in {where}", "no key reaches a caller", (call.id,))


@check
def not_in_url(attempts: list[Exchange], *, history: History) -> Iterator[Violation]:
    """Keys travel in a header: none, and no piece of one, stands in the path or the query of a request."""
    _uses_a_key(history)
    for exchange in attempts:
        for key, form in _traces(exchange.path, history):
            yield Violation(f"{form} key <{key}> in the URL of a request", "keys in headers alone", (exchange.id,))


def _traces(text: str, history: History) -> Iterator[tuple[str, str]]:
    """The keys that a text tells of, and in what form."""
    known = {key for keys in history.heading.keys.values() for key in keys}
    for found in TRACE.finditer(text):
        if found[1] in known:
            form = found[2]
            yield found[1], "the" if form is None else "base64 of" if form == "base64" else f"{form} characters of"


def _uses_a_key(history: History) -> None:
    known = {key for keys in history.heading.keys.values() for key in keys}
    if not any(exchange.key in known for exchange in history.exchanges):
        raise NothingToJudge("no request brought a key")
