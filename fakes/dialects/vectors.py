"""Embeddings: a unit vector that follows from the text alone."""

from __future__ import annotations

import math
import sys
from array import array
from hashlib import shake_128


def vector(text: str | list[int], size: int) -> array[float]:
    """The unit vector of a text, or of its tokens, in `size` dimensions: the same for the same text."""
    source = text.encode("utf-8", "replace") if isinstance(text, str) else repr(text).encode()
    raw = array("H", shake_128(source).digest(2 * size))
    if sys.byteorder == "big":
        raw.byteswap()
    drawn = [number - 32767.5 for number in raw]
    length = math.sqrt(sum(number * number for number in drawn))
    return array("f", (number / length for number in drawn))
