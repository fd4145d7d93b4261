"""Keeps secrets out of reports.

The fakes write no key into a history, but a target may: into a URL, an error message, a log line. Two nets catch them.
A history names the fingerprints of the keys that were in use, so every word with such a fingerprint is masked
whatever it looks like; and what looks like a credential of any well-known kind is masked whoever made it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

HEADERS = frozenset({
    "authorization", "proxy-authorization", "api-key", "x-api-key", "x-goog-api-key", "cookie", "set-cookie",
    "x-amz-security-token", "x-auth-token",
})  # fmt: skip

_WORD = re.compile(r"[A-Za-z0-9_.\-]{12,200}")
_LOOKS_SECRET = re.compile(
    r"""(?x)
      (?P<scheme>\b(?:Bearer|Basic)\s+)[A-Za-z0-9._~+/=\-]{8,}
    | (?P<parameter>[?&;](?:key|api[-_]?key|access_token|token|sig|signature|x-amz-signature)=)[^&\s"'<>;]+
    | \b(?:sk|pk|rk)-(?=[A-Za-z0-9_\-]*\d)[A-Za-z0-9_\-]{8,}
    | \bAIza[A-Za-z0-9_\-]{20,}
    | \b(?:AKIA|ASIA)[A-Z0-9]{12,}
    | \b(?:gh[pousr]_|xox[abprs]-|ya29\.)[A-Za-z0-9_.\-]{10,}
    | \beyJ[A-Za-z0-9_\-]{6,}\.[A-Za-z0-9_\-]{6,}\.[A-Za-z0-9_\-]*
    | -----BEGIN\ [A-Z ]*PRIVATE\ KEY-----[\s\S]*?(?:-----END\ [A-Z ]*PRIVATE\ KEY-----|\Z)
    """,
    re.IGNORECASE,
)
# No credential is without one of these; looking for them first is a hundred times as fast as the pattern.
_HINTS = (
    "bearer", "basic", "key=", "token=", "sig=", "signature=", "sk-", "pk-", "rk-", "aiza", "akia", "asia",
    "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "xox", "ya29.", "eyj", "private key-",
)  # fmt: skip
_FINGERPRINT = re.compile(r"<[0-9a-f]{12}>")


def masked(text: str) -> str:
    """The text without what looks like a credential."""
    small = text.lower()
    return _LOOKS_SECRET.sub(_credential, text) if any(hint in small for hint in _HINTS) else text


class Mask:
    """Masks the keys of one history, and whatever looks like a credential."""

    def __init__(self, keys: Mapping[str, list[str]] | None = None) -> None:
        self._known = {
            print_: name if len(prints) == 1 else f"{name} {number}"
            for name, prints in (keys or {}).items()
            for number, print_ in enumerate(prints, 1)
        }

    def text(self, text: str) -> str:
        """The text without its secrets."""
        if self._known:
            text = _WORD.sub(self._word, text)
        return masked(text)

    def header(self, name: str, value: str) -> str:
        """A header's value without its secrets."""
        if name.lower() not in HEADERS:
            return self.text(value)
        if not _FINGERPRINT.fullmatch(value):
            return "[masked]"
        return f"[key of {self._known[value[1:-1]]}]" if value[1:-1] in self._known else f"[masked {value[1:-1]}]"

    def _word(self, match: re.Match[str]) -> str:
        word = match[0]
        for candidate in (word, word.strip(".-_")):
            name = self._known.get(hashlib.sha256(candidate.encode()).hexdigest()[:12])
            if name is not None:
                return word.replace(candidate, f"[key of {name}]")
        return word


def _credential(match: re.Match[str]) -> str:
    return f"{match['scheme'] or match['parameter'] or ''}[masked]"
