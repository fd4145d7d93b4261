"""What the harness and a Locust process tell each other: one JSON object a line, over a Unix socket.

    -> {"op":"hello"}                                  a Locust process is there
    <- {"op":"welcome","worker":0,"crowd":{...}}       its number, of which its canaries and its users' names are made
    -> {"op":"began"}                                  its users begin
    -> {"op":"order","number":7,...}                   a user calls a target that is no service: the harness is to
    <- {"op":"told","number":7,"seconds":0.4,...}      what came of it
    -> {"op":"leave","number":7}                       the user has left
    -> {"op":"made","call":{...}}                      a user has called a service by itself, and this came of it

When the socket closes the users end: no Locust outlives the harness.
"""

from __future__ import annotations

import msgspec

from ..history import Call
from ..targets.asking import Asking
from .crowd import PLAIN, Crowd

SETTINGS = "BROWNOUT_LOAD"
"""The environment variable by which a Locust process has its `Settings`."""
LETTERS = "0123456789abcdefghijklmnopqrstuvwxyz"
CANARIES = len(LETTERS) ** 6 - 1
"""How many canaries there are; 000000 is none."""
STEP = 1_000_000_007  # a prime that divides no number of canaries, so that no canary comes twice
CALLS_EACH = 2**24
"""The most calls that a Locust process makes."""


class Settings(msgspec.Struct):
    """What a Locust process is told at its start."""

    socket: str
    profile: str
    seconds: float
    users: int
    streamed: float
    """The part of the users that ask for streams."""
    patience: float
    """Seconds after which a user stops waiting."""
    seed: int
    processes: int
    """How many Locust processes have users."""
    asking: Asking | None
    """How the target is called; None where the harness calls it."""


class Hello(msgspec.Struct, tag="hello", tag_field="op"):
    """A Locust process is there."""


class Began(msgspec.Struct, tag="began", tag_field="op"):
    """Its users begin."""


class Order(msgspec.Struct, tag="order", tag_field="op"):
    """A call that the harness is to make."""

    number: int
    canary: str
    user: str
    text: str
    stream: bool


class Leave(msgspec.Struct, tag="leave", tag_field="op"):
    """The user of an order has left."""

    number: int


class Made(msgspec.Struct, tag="made", tag_field="op"):
    """A call that has been made; its times are the machine's own."""

    call: Call


class Welcome(msgspec.Struct, tag="welcome", tag_field="op"):
    """The number of a Locust process, from 0, and what its users say."""

    worker: int
    crowd: Crowd


class Told(msgspec.Struct, tag="told", tag_field="op"):
    """What came of an order."""

    number: int
    seconds: float
    error: str | None
    characters: int


Said = Hello | Began | Order | Leave | Made
Heard = Welcome | Told

_ENCODER = msgspec.json.Encoder()
said = msgspec.json.Decoder(Said)
heard = msgspec.json.Decoder(Heard)


def line(message: Said | Heard) -> bytes:
    """A message as it travels."""
    return _ENCODER.encode(message) + b"\n"


def canary(seed: int, worker: int, number: int) -> str:
    """The canary of a call, by its number; no two calls of a run have the same, and the same seed gives the same."""
    value = 1 + ((worker * CALLS_EACH + number) * STEP + seed * 7919) % CANARIES
    letters = []
    for _ in range(6):
        value, letter = divmod(value, len(LETTERS))
        letters.append(LETTERS[letter])
    return "".join(letters)


def begun(canary: str, user: str, text: str = PLAIN, *, stream: bool) -> Call:
    """A call that is about to be made."""
    messages = [{"role": "user", "content": f"[bo:{canary}] {text}"}]
    return Call("", canary, 0, messages, stream, user)
