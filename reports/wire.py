"""The wire log of one case: every exchange, with secrets masked and nothing said twice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby

from .masking import Mask
from .story import Exchange, Headers, Story, zero
from .wording import count, dollars, seconds, size

TELLING = frozenset({"retry-after", "retry-after-ms", "x-should-retry", "location"})
"""Headers of a reply that tell a client what to do."""
LONGEST_SECRET = 2048
"""Characters beyond a cut that are looked at, so that no half of a secret is left before it."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One exchange as the log shows it."""

    id: str
    proof: bool
    """Whether a violation points at it."""
    at: str
    fake: str
    about: str
    request: str
    request_headers: tuple[tuple[str, str], ...]
    request_body: str
    reply: str
    reply_headers: tuple[tuple[str, str], ...]
    played: str
    faults: tuple[str, ...]
    ended: str
    notes: list[str] = field(default_factory=list)
    like: str = ""
    """The id of an earlier exchange that went the same way; that is told there."""


@dataclass(frozen=True, slots=True)
class Elided:
    """Exchanges that were left out."""

    count: int


def log(story: Story, proof: frozenset[str], mask: Mask, at_most: int, body: int) -> list[Entry | Elided]:
    """The first and last exchanges and all that prove something, up to `at_most`; bodies cut to `body` characters."""
    shown = _shown(story.exchanges, proof, at_most)
    begin = zero(story)
    said: dict[tuple[object, ...], str] = {}
    entries: list[Entry | Elided] = []
    for number, exchange in enumerate(story.exchanges):
        if number in shown:
            entries.append(_entry(exchange, begin, exchange.id in proof, mask, said, body))
        elif entries and isinstance(last := entries[-1], Elided):
            entries[-1] = Elided(last.count + 1)
        else:
            entries.append(Elided(1))
    return entries


def played(script: Iterable[str]) -> str:
    """A script on one line, with what repeats written once: `head 200, 22 times (send delta, wait 0.02), end`."""
    return ", ".join(_runs(list(script)))


def _shown(exchanges: list[Exchange], proof: frozenset[str], at_most: int) -> set[int]:
    proven = [number for number, x in enumerate(exchanges) if x.id in proof]
    ends = [n for pair in zip(range(len(exchanges)), reversed(range(len(exchanges))), strict=True) for n in pair]
    return set(list(dict.fromkeys(proven[: max(at_most - 2, 1)] + ends))[:at_most])


def _entry(
    exchange: Exchange, begin: int, proof: bool, mask: Mask, said: dict[tuple[object, ...], str], body: int
) -> Entry:
    notes: list[str] = []
    headers = _masked(exchange.request_headers, mask)
    request = f"{exchange.method} {mask.text(exchange.path)}".strip() or "nothing that could be read"
    text = exchange.request_body
    steady = tuple(f"{n}:{v}" for n, v in headers if n.lower() not in {"x-stainless-retry-count", "host"})
    same = said.setdefault((request, text, *steady), exchange.id)
    if same != exchange.id:
        headers, text = (), ""
        notes.append(f"the same headers and body as {same}")
    if len(text) > body:
        notes.append(f"the body has {count(len(text), 'character')}, {body:,} are shown; all are in the history")
        text = mask.text(text[: body + LONGEST_SECRET])[:body] + "…"
    else:
        text = mask.text(text)
    reply = "nothing" if exchange.status is None else f"HTTP {exchange.status}"
    if exchange.first_byte is not None:
        reply += f" after {seconds((exchange.first_byte - exchange.started) / 1e9)}"
    hints = tuple((name, value) for name, value in exchange.headers if name.lower() in TELLING)
    way = (exchange.fake, request, exchange.status, hints, exchange.faults, tuple(exchange.script), exchange.ended)
    like = said.setdefault(way, exchange.id)
    about = [exchange.dialect, f"connection {exchange.connection}"]
    if exchange.attempt > 1:
        about.append(f"attempt {exchange.attempt}")
    spent = f", {exchange.output_tokens:,} tokens, {dollars(exchange.microdollars)}" if exchange.microdollars else ""
    took = seconds((exchange.last - exchange.started) / 1e9)
    ended = f"{(exchange.ended or 'under way').replace('_', ' ')} after {took}, {size(exchange.bytes_out)} sent{spent}"
    return Entry(
        exchange.id,
        proof,
        f"+{seconds((exchange.started - begin) / 1e9)}",
        exchange.fake,
        ", ".join(part for part in about if part),
        request,
        headers,
        text,
        reply,
        _masked(exchange.headers, mask),
        played(exchange.script),
        exchange.faults,
        ended,
        notes,
        like if like != exchange.id else "",
    )


def _masked(headers: Headers, mask: Mask) -> tuple[tuple[str, str], ...]:
    return tuple((name, mask.header(name, value)[:300]) for name, value in headers)


def _runs(script: list[str]) -> Iterator[str]:
    """Pairs of a send and a wait, and single operations, each run of the same kind written once."""
    steps: list[tuple[str, ...]] = []
    for op in script:
        if steps and len(steps[-1]) == 1 and op.startswith("wait ") and steps[-1][0].startswith("send "):
            steps[-1] = (steps[-1][0], op)
        else:
            steps.append((op,))
    for kind, group in groupby(steps, key=_kind):
        run = list(group)
        if len(run) < 3:
            yield from (op for step in run for op in step)
        else:
            yield f"{len(run)} times ({', '.join(kind)})"


def _kind(step: tuple[str, ...]) -> tuple[str, ...]:
    """What two steps have in common when they differ only in how many bytes they send."""
    words = step[0].split(" ")
    sent = f"send {words[2]}" if words[0] == "send" and len(words) > 2 else step[0]
    return (sent, *step[1:])
