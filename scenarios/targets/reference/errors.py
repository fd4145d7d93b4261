"""What a caller is told, and nothing else: no address, no key, no word of the provider's."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass

MESSAGES = {
    "rate_limited": "The model is busy. Please try again later.",
    "timeout": "The model did not answer in time.",
    "provider": "The model is not available at the moment.",
    "budget": "The budget for this service is spent.",
    "context": "The request is too long for the model.",
    "content_policy": "The request was declined by the model's content policy.",
    "invalid": "The model cannot serve this request.",
    "unauthorized": "The service is not set up correctly.",
}


class CallFailed(Exception):
    """A call has failed; `kind` says how, `partial` whether part of an answer was given before."""

    def __init__(self, kind: str, *, partial: bool = False) -> None:
        super().__init__(MESSAGES[kind])
        self.kind = kind
        self.partial = partial


@dataclass(eq=False)
class AttemptFailed(Exception):
    """One attempt has failed.

    `retry` says whether another may do better, `wait` how many seconds the provider asked to be left alone for, `sent`
    whether the provider has seen the request at all, `down` whether it says that the provider is unwell.
    """

    kind: str
    _: KW_ONLY
    retry: bool
    wait: float | None = None
    sent: bool = True
    down: bool = True


def stood(error: BaseException | None) -> bool:
    """Whether a connection that failed was there for a moment: whoever resets it listens, and may do better."""
    if isinstance(error, BaseExceptionGroup):
        return any(map(stood, error.exceptions))
    if error is None or isinstance(error, ConnectionResetError):
        return error is not None
    return stood(error.__cause__ or error.__context__)
