"""What a busy machine has made of a scenario's figures."""

from __future__ import annotations

from .checks.attempts import of_one_call
from .checks.samples import quantile
from .clock import Metronome
from .history import History

MOST = 0.9
"""The share of calls that is looked at; a few are late for reasons of their own."""
FEW = 100
"""Up to so many attempts are looked at one by one; of more the figures are statistics, and so is the noise."""


def lateness(metronome: Metronome, history: History, origin: int, around: int) -> float:
    """Target seconds by which attempts after a call's first one may have been late: a wait that was too short is then
    taken for one that is long enough.

    It is what the metronome noted `around` them, in nanoseconds; of a scenario without any, nearly the worst there was.
    """
    moments = [origin + later.started for group in of_one_call(history.exchanges) for later in group[1:]]
    if not 0 < len(moments) <= FEW:
        return metronome.noise().p99
    return max(metronome.noise(moment - around, moment + around).worst for moment in moments)


def lag(history: History) -> float:
    """Seconds from calls to what they send, for nearly all of them: grows when the target has more to do than it can.

    The first call is left out: it may well have clients to make and modules to import.
    """
    first: dict[str, int] = {}
    for exchange in history.exchanges:
        if exchange.canary is not None:
            first[exchange.canary] = min(exchange.started, first.get(exchange.canary, exchange.started))
    calls = sorted(history.calls, key=lambda call: call.started)[1:]
    waits = [(first[call.canary] - call.started) / 1e9 for call in calls if call.canary in first]
    return quantile(waits, MOST) if waits else 0.0
