"""How OpenAI answers the offer of a WebSocket.

Realtime accepts almost everything and says in the session what is wrong: an `error` event, and a close frame whose code
and reason tell of it (captured: 3000 for keys, 4000 for parameters, the reason being type and code of the error). What
the edge in front says (an overload, a page of HTML) is plain HTTP, and so is all that Responses refuses.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from ...ask import Trouble
from ...messages import answer_offer
from ...script import Close, End, Head, Op, Send, header
from ..refusing import Refused
from .limits import common_headers

if TYPE_CHECKING:
    from ...ask import Ask, Request

SUBPROTOCOL = "realtime"
KEY = "openai-insecure-api-key."
"""How browsers, which cannot set a header, bring the key: as a subprotocol on offer."""
CLOSES = {"no_key": 3000, "invalid_key": 3000, "missing_model": 4000, "invalid_model": 4000, "beta_shape": 4000}
"""The close codes of what Realtime refuses in a session."""


def offered_key(request: Request) -> str | None:
    """The key among the subprotocols on offer."""
    offers = (header(request.headers, "sec-websocket-protocol") or "").split(",")
    return next((offer.strip().removeprefix(KEY) for offer in offers if offer.strip().startswith(KEY)), None)


def read(ask: Ask) -> None:
    """What a handshake asks for; raises `Refused` for what the API would refuse."""
    status, headers, why = answer_offer(ask.request)
    if status != 101:
        raise Refused(Trouble("bad_request", why, status=status, headers=headers))
    if ask.route != "realtime":
        return
    ask.model = next(iter(parse_qs(ask.request.query).get("model", ())), None)
    if header(ask.request.headers, "openai-beta") is not None:
        raise Refused(Trouble("beta_shape"))
    if ask.model is None:
        raise Refused(Trouble("missing_model"))
    if ask.fake.find(ask.model) is None or (ask.model != ask.fake.model and "realtime" not in ask.model):
        raise Refused(Trouble("invalid_model"))


def accept(ask: Ask, *said: Send, close: Close | None = None) -> Sequence[Op]:
    """The script of a handshake that is accepted, with what is said in the session at once."""
    _, headers, _ = answer_offer(ask.request, [SUBPROTOCOL] if ask.route == "realtime" else [])
    return (Head(101, (*headers, *common_headers(ask))), *said, close or End())


def in_session(ask: Ask, trouble: Trouble) -> bool:
    """Whether a refusal of the handshake is said in the session."""
    return ask.route == "realtime" and trouble.kind in CLOSES and answer_offer(ask.request)[0] == 101
