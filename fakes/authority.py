"""A certificate authority made on the spot, for fakes that are spoken to over TLS.

It signs one certificate, for the loopback. Only those trust it who are given its own certificate, and its keys are gone
with the process.
"""

from __future__ import annotations

import ssl
from functools import cache
from importlib.util import find_spec

WANTED = "python -m pip install 'brownout[tls]'"
"""What has to be done where it cannot be made."""


class Authority:
    """An authority, and the certificate of 127.0.0.1 and localhost that it has signed."""

    def __init__(self) -> None:
        import trustme  # noqa: PLC0415  # an extra, and it takes a while

        made = trustme.CA(organization_name="Brownout")
        self.pem = made.cert_pem.bytes()
        """Its own certificate, for those who are to trust it."""
        self._leaf = made.issue_cert("127.0.0.1", "localhost")

    def context(self, *, http2: bool) -> ssl.SSLContext:
        """How a server shakes hands; by ALPN it offers HTTP/2 first, where it speaks that."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._leaf.configure_cert(context)
        context.set_alpn_protocols(["h2", "http/1.1"] if http2 else ["http/1.1"])
        return context


@cache
def authority() -> Authority:
    """The one of this process."""
    return Authority()


def can_be_made() -> bool:
    """Whether the extra that it takes is installed."""
    return find_spec("trustme") is not None
