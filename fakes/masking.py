"""Keeps secrets out of the journal: where a key stood, its fingerprint stands.

Keys that are known are found wherever they are, in a header, a query, a body. A credential that nobody knows (a wrong
key, another provider's) is found by the place it has: the headers and query parameters that carry credentials.

What is left of a key, an encoding or a piece of it, tells of it too; where it stood, there is `<fingerprint:base64>` or
`<fingerprint:12>`, the number of characters.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable, Iterator
from functools import lru_cache

from .fake import PUBLIC
from .journal import fingerprint
from .script import Headers

SECRET_HEADERS = frozenset(
    {
        "api-key",
        "authorization",
        "cookie",
        "proxy-authorization",
        "x-amz-security-token",
        "x-api-key",
        "x-goog-api-key",
    }
)
SECRET_PARAMETERS = re.compile(
    r"(?<![^&?])(key|api[-_]?key|access_token|token|x-amz-(?:credential|security-token|signature)|sig)=([^&<][^&]*)",
    re.IGNORECASE,
)
OFFERED_KEY = re.compile(r"(openai-insecure-api-key\.)([^,\s<]+)")
"""How browsers, which cannot set a header, send a key with the offer of a WebSocket."""
PIECE = 9
"""So many characters of a key in a row give it away in part."""
KNOWN = 4
"""How many of them may belong to the beginning that all keys have."""
BLOCK = 5
"""Of any `PIECE` characters in a row so many stand in one of the blocks that a key is cut into."""


class Mask:
    """Replaces secrets by `<fingerprint>`."""

    def __init__(self, secrets: Iterable[str]) -> None:
        # The longest first, or a key that begins with another would be masked in part.
        self._secrets = sorted({secret for secret in secrets if secret}, key=len, reverse=True)

    def also(self, secret: str | None) -> Mask:
        """The same mask with one more secret."""
        return self if not secret or secret in self._secrets else Mask([*self._secrets, secret])

    def text(self, text: str) -> str:
        """Any text; what UTF-8 cannot carry becomes a question mark, so that the journal can be written."""
        for secret in self._secrets:
            if secret in text:
                text = text.replace(secret, f"<{fingerprint(secret)}>")
        return text if text.isascii() else text.encode("utf-8", "replace").decode()

    def deep(self, text: str) -> str:
        """Any text in which an encoding or a piece of a secret counts as well."""
        text = self.text(text)
        for secret in self._secrets:
            if any(trace in text for trace in _traces(secret)):
                for piece, form in _pieces(secret):
                    text = text.replace(piece, f"<{fingerprint(secret)}:{form}>")
        return text

    def path(self, path: str) -> str:
        """A request's target with its query."""
        return SECRET_PARAMETERS.sub(lambda found: f"{found[1]}=<{fingerprint(found[2])}>", self.deep(path))

    def headers(self, headers: Headers) -> Headers:
        """The headers of a request, their names in lower case."""
        return tuple((name, self._header(name, value)) for name, value in headers)

    def _header(self, name: str, value: str) -> str:
        if name == "sec-websocket-protocol":
            return OFFERED_KEY.sub(lambda found: f"{found[1]}<{fingerprint(found[2])}>", self.text(value))
        return self._credential(value) if name in SECRET_HEADERS else self.text(value)

    def _credential(self, value: str) -> str:
        scheme, space, credential = value.partition(" ")
        return f"{scheme} <{fingerprint(credential)}>" if space else f"<{fingerprint(value)}>"


def _secret_part(secret: str) -> str:
    """What of a key is looked for in pieces; a short one has no pieces that are not found by chance."""
    part = secret.removeprefix(PUBLIC)
    return PUBLIC[-KNOWN:] + part if part != secret else secret if len(secret) >= 2 * PIECE else ""


@lru_cache(256)
def _traces(secret: str) -> tuple[str, ...]:
    """Some of these are in every text in which there are pieces of it."""
    part = _secret_part(secret)
    return *_encoded(secret), *(part[at : at + BLOCK] for at in range(0, len(part) - BLOCK + 1, BLOCK))


def _pieces(secret: str) -> Iterator[tuple[str, str]]:
    """Everything that gives it away, the longest first, and in what form it does."""
    yield from ((encoded, "base64") for encoded in _encoded(secret))
    part = _secret_part(secret)
    for length in range(len(part), PIECE - 1, -1):
        for at in range(len(part) - length + 1):
            yield part[at : at + length], str(length)


@lru_cache(256)
def _encoded(secret: str) -> tuple[str, ...]:
    """What base64 makes of it, alone or behind other bytes: those characters that depend on nothing else."""
    found = []
    for before in range(3):
        encoded = b64encode(bytes(before) + secret.encode()).decode()
        whole = encoded[(0, 2, 3)[before] : (before + len(secret.encode())) * 8 // 6]
        found += [whole, whole.translate({43: "-", 47: "_"})]
    return tuple(dict.fromkeys(found))
