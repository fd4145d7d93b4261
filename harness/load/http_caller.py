"""How a user of a load run calls a service: by itself, over a connection of its own.

It waits where it reads, which stops nobody else: in the Locust process every wait of a socket is one of a greenlet's.
"""

from __future__ import annotations

import http.client
import ssl
from urllib.parse import urlsplit

from ...fakes.clock import Clock
from ..history import Call, hear
from ..protocol import CallEvent, CallRequest, Done, Error, sound
from ..targets.asking import Asking

PIECE_BYTES = 64 * 1024


def call_service(asking: Asking, call: Call, clock: Clock) -> None:
    """Make a call, to its end, and write what comes of it into the call."""
    request = CallRequest(call.id, call.messages, call.stream, call.user)
    method, url, headers, body = asking.request(request)
    where = urlsplit(url)
    connection = _connection(where.scheme, where.netloc)
    begun = False

    def tell(event: CallEvent) -> None:
        sound(event)
        hear(call, event, clock.nanoseconds())

    try:
        connection.connect()
    except OSError:
        tell(Error(call.id, "refused", "the target takes no connection"))
        return
    try:
        path = (where.path or "/") + (f"?{where.query}" if where.query else "")
        connection.request(method, path, body, headers | {"connection": "close"})
        response = connection.getresponse()
        begun = True
        reading = asking.reading(request, response.status, response.headers.get("content-type", ""))
        while data := response.read1(PIECE_BYTES):
            for event in reading.feed(data):
                tell(event)
                if isinstance(event, Done | Error):
                    return
        if response.length:  # it ends before what it has announced
            raise http.client.IncompleteRead(b"")
        tell(reading.end())
    except (OSError, http.client.HTTPException):
        when = "before the answer's end" if begun else "before the answer began"
        tell(Error(call.id, "cut", f"the connection broke {when}", partial=bool(call.chunks)))
    finally:
        connection.close()


def _connection(scheme: str, place: str) -> http.client.HTTPConnection:
    if scheme != "https":
        return http.client.HTTPConnection(place)
    # A target's certificate is not what is judged here.
    return http.client.HTTPSConnection(place, context=ssl._create_unverified_context())  # noqa: S323, SLF001
