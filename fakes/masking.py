"""Keeps secrets out of the journal: where a key stood, its fingerprint stands.

Keys that are known are found wherever they are, in a header, a query, a body. A credential that nobody knows (a wrong
key, another provider's) is found by the place it has: the headers and query parameters that carry credentials.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

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

    def path(self, path: str) -> str:
        """A request's target with its query."""
        return SECRET_PARAMETERS.sub(lambda found: f"{found[1]}=<{fingerprint(found[2])}>", self.text(path))

    def headers(self, headers: Headers) -> Headers:
        """The headers of a request, their names in lower case."""
        return tuple(
            (name, self._credential(value) if name in SECRET_HEADERS else self.text(value)) for name, value in headers
        )

    def _credential(self, value: str) -> str:
        scheme, space, credential = value.partition(" ")
        return f"{scheme} <{fingerprint(credential)}>" if space else f"<{fingerprint(value)}>"
