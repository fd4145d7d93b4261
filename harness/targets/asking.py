"""How a service is asked, and how its replies are read, apart from any connection.

Whoever has a connection can make calls with it: the harness's own callers, and the users of a load run, which live in
another process.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from urllib.parse import quote

import msgspec

from ..placeholders import fill
from ..protocol import CallRequest
from ..target_file import HttpCall
from .callers import caller
from .replies import Reading
from .shape import Selectors, render, values

NOBODY = "anonymous"
"""Who calls when no user is given."""


class Asking(msgspec.Struct, dict=True):
    """A service's address and shape, with everything that its placeholders stand for."""

    http: HttpCall
    url: str
    places: dict[str, str]

    def request(self, request: CallRequest, *, unauthorized: bool = False) -> tuple[str, str, dict[str, str], bytes]:
        """Method, URL, headers and body of a call."""
        http, user = self.http, request.user or NOBODY
        given = http.unauthorized if unauthorized and http.unauthorized is not None else http.headers
        places: Mapping[str, str] = {**self.places, "user": user}
        headers = {"content-type": "application/json"} | {
            name.lower(): fill(value, places) for name, value in given.items()
        }
        url = fill(self.url, {"user": quote(user, safe="")})
        if self._selectors is None:
            spoken = caller(http.spoken)
            return "POST", url, spoken.HEADERS | headers, msgspec.json.encode(spoken.ask(request, http.model))
        known = values(request, http.model)
        url = fill(url, {name: quote(str(known[name]), safe="") for name in ("prompt", "model")})
        body = render(fill(http.body, self.places), known).encode() if http.body is not None else b""
        return http.method, url, headers, body

    def reading(self, request: CallRequest, status: int, content_type: str) -> Reading:
        """How the reply to a call is read."""
        if self._selectors is None:
            return caller(self.http.spoken).read(request, status, content_type)
        return self._selectors.read(request, status, content_type)

    @cached_property
    def _selectors(self) -> Selectors | None:
        return None if self.http.spoken else Selectors(self.http)
