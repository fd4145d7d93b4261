"""What an exchange costs: tokens and integer micro-dollars.

The rule: nothing is billed until the head of a 2xx reply has left; refused and failed requests cost nothing. From
then on the whole input is billed, and the reasoning tokens, which were spent before the first word. Of the text, a
streamed answer is billed by what had left when the exchange ended, whoever ended it, piece by piece; a whole answer
is billed wholly with its first byte, because it had been written before.

The requests of a batch are billed with the exchange that makes it, at half their price, whatever becomes of it later.

What had left is known exactly while the bytes are those of the fair answer. Where a fault has changed them (split,
joined, compressed, reordered), the fair answer is looked for in what they say.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from .answer import count_tokens
from .events import payloads, unframed
from .fake import Price
from .figures import MICRO
from .script import Op, Send, header

if TYPE_CHECKING:
    from .ask import Ask
    from .journal import Exchange

# The parts of a fair answer without which it is not whole.
MEANING = frozenset({"body", "opening", "delta", "finish"})
# What only faults put in: an answer that has some of it is no proper answer.
FOREIGN = frozenset({"error", "garbage"})
FRAMING = re.compile(rb"\s|data:|\xef\xbb\xbf")
WINDOW_BITS = {"gzip": 31, "deflate": 15}
BATCHED = 0.5
"""What a request in a batch costs of what it costs alone, at every provider that has batches."""


class Tally:
    """Follows what leaves of one fair answer, and bills it when the exchange is over."""

    def __init__(self, ask: Ask, fair: Iterable[Op]) -> None:
        self._ask = ask
        self._fair = [op for op in fair if isinstance(op, Send) and op.data]
        self._deltas = [op for op in self._fair if op.part == "delta"]
        self._sent: list[Send] = []
        self._complete = 0

    def begun(self, data: bytes, part: str) -> None:
        """A piece of the body is handed over."""
        self._sent.append(Send(data, part))

    def left(self) -> None:
        """Everything handed over has left."""
        self._complete = len(self._sent)

    def settle(self, exchange: Exchange, price: Price | None) -> None:
        """Write into an exchange that is over what had left, and what it costs."""
        if exchange.status is None or not 200 <= exchange.status < 300 or self._ask.trouble is not None:
            return
        left = self._sent[: self._complete]
        if left == self._fair[: len(left)]:
            deltas = sum(op.part == "delta" for op in left)
            exchange.sent_whole = bool(left) and not any(op.part in MEANING for op in self._fair[len(left) :])
        else:
            body = _decoded(b"".join(op.data for op in left if op.part not in FOREIGN), exchange)
            deltas = self._found(body)
            proper = not any(op.part in FOREIGN for op in left)
            exchange.sent_whole = proper and all(map(_is_json, payloads(body))) and self._says_all(body, deltas)
        total = self._ask.output_tokens - self._ask.reasoning_tokens
        if not self._deltas:
            visible = total if self._says_any(exchange) else 0
        else:
            visible = total if deltas == len(self._deltas) else min(total, self._tokens(deltas))
        exchange.reasoning_tokens = self._ask.reasoning_tokens
        exchange.output_tokens = self._ask.reasoning_tokens + visible
        if price is not None:
            exchange.microdollars = microdollars(
                price,
                exchange.input_tokens,
                exchange.output_tokens,
                exchange.cached_tokens,
                exchange.cache_written_tokens,
            )

    def _tokens(self, deltas: int) -> int:
        """Tokens of the text of the first so many deltas."""
        # Padding is weight on the wire and takes no tokens.
        texts = replace(self._ask.answer, padding=0).pieces(self._ask.canary)
        if len(texts) == len(self._deltas):
            return count_tokens("".join(texts[:deltas]))
        # Deltas that are not one for each piece of text, as those of tool calls: by their bytes.
        sizes = [len(op.data) for op in self._deltas]
        total = self._ask.output_tokens - self._ask.reasoning_tokens
        return -(-total * sum(sizes[:deltas]) // sum(sizes))

    def _found(self, body: bytes) -> int:
        """How many deltas are in a body, each behind the one before it."""
        found, at, bare = 0, 0, FRAMING.sub(b"", unframed(body))
        for mark in self._marks():
            at = bare.find(mark, at)
            if at < 0:
                break
            found, at = found + 1, at + len(mark)
        return found

    def _marks(self) -> list[bytes]:
        """By what one knows each delta again, whatever was done to its framing."""
        texts = [FRAMING.sub(b"", text.encode("ascii", "ignore")) for text in self._ask.answer.pieces(self._ask.canary)]
        if len(texts) == len(self._deltas) and self._ask.answer.text is None:
            return texts
        return [FRAMING.sub(b"", unframed(op.data)) for op in self._deltas]

    def _says_all(self, body: bytes, deltas: int) -> bool:
        """Whether a body that is not, byte for byte, the fair one still says all of it."""
        if self._deltas:
            ends = [_keys(payload) for op in self._fair if op.part == "finish" for payload in payloads(op.data)]
            said = [_keys(payload) for payload in payloads(body)]
            return deltas == len(self._deltas) and all(any(end <= keys for keys in said) for end in ends)
        fair = b"".join(op.data for op in self._fair)
        whole = self._ask.answer.whole(self._ask.canary).encode("ascii", "ignore")
        return _keys(fair) <= _keys(body) and (whole in body or whole not in fair) and bool(body)

    def _says_any(self, exchange: Exchange) -> bool:
        """Whether any byte of a whole answer was handed over, and not of something else in its place."""
        sent = b"".join(op.data for op in self._sent if op.part not in FOREIGN)
        fair = b"".join(op.data for op in self._fair)
        return bool(sent) and (fair.startswith(sent[:1024]) or _keys(fair) <= _keys(_decoded(sent, exchange)))


def settle_batch(exchange: Exchange, ask: Ask) -> None:
    """Write into an exchange that has made a batch what its requests cost."""
    if exchange.status is None or not 200 <= exchange.status < 300 or ask.trouble is not None:
        return
    for row in ask.rows:
        counts = (row.input_tokens, row.output_tokens, row.cached_tokens, row.cache_written_tokens)
        exchange.input_tokens += row.input_tokens
        exchange.output_tokens += row.output_tokens
        exchange.cached_tokens += row.cached_tokens
        exchange.cache_written_tokens += row.cache_written_tokens
        exchange.reasoning_tokens += row.reasoning_tokens
        if (model := row.fake.find(row.model)) is not None:
            exchange.microdollars += microdollars(model.price, *counts, share=BATCHED)


def microdollars(
    price: Price,
    input_tokens: int,
    output_tokens: int,
    cached_tokens: int = 0,
    cache_written_tokens: int = 0,
    *,
    share: float = 1.0,
) -> int:
    """A share of the price of so many tokens, rounded once, to the nearest micro-dollar.

    `cached_tokens` and `cache_written_tokens` are parts of `input_tokens`. Prices are summed up in whole micro-dollars
    per million tokens: 0.075 dollars are no binary fraction.
    """
    cached = price.input if price.cached is None else price.cached
    written = price.input if price.cache_write is None else price.cache_write
    counted = (
        (input_tokens - cached_tokens - cache_written_tokens, price.input),
        (cached_tokens, cached),
        (cache_written_tokens, written),
        (output_tokens, price.output),
    )
    return round(sum(tokens * round(dollars * MICRO) for tokens, dollars in counted) * share / MICRO)


def _decoded(body: bytes, exchange: Exchange) -> bytes:
    """As much of a body as can be read without its content encoding."""
    encoding = header(exchange.headers, "content-encoding")
    if encoding == "br":
        return _unbrotli(body)
    window_bits = WINDOW_BITS.get(encoding or "")
    if window_bits is None:
        return body
    try:
        return zlib.decompressobj(wbits=window_bits).decompress(body)
    except zlib.error:
        return b""


def _unbrotli(body: bytes) -> bytes:
    """What stands in the uncompressed blocks of RFC 7932, the only ones that a fake writes.

    Behind one bit for the window of the stream each block has 24 bits: three for its kind, sixteen for its length less
    one, one that says it is uncompressed. Bits fill a byte from its lowest.
    """
    text, at, shift = b"", 0, 1
    while at + 3 <= len(body):
        bits = int.from_bytes(body[at : at + 3], "little") >> shift
        size = (bits >> 3 & 0xFFFF) + 1
        text += body[at + 3 : at + 3 + size]
        at, shift = at + 3 + size, 0
    return text


def _is_json(payload: bytes) -> bool:
    try:
        json.loads(payload)
    except ValueError:
        return payload == b"[DONE]"
    return True


def _keys(payload: bytes) -> frozenset[str]:
    """The names in a JSON object; of anything else, a name that no object has."""
    try:
        value = json.loads(payload)
    except ValueError:
        return frozenset({"\0" + payload.decode("utf-8", "replace")})
    return frozenset(value) if isinstance(value, dict) else frozenset({"\0" + payload.decode("utf-8", "replace")})
