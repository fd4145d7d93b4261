"""The rows about personal data, against a client that masks and others that forget to somewhere."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from clients import Careful
from staging import play, verdict

from brownout.harness import scenario
from brownout.harness.contract import Contract, Pii, Stream
from brownout.scenarios.targets.reference.masking import Masking

TYPES: Any = ("email", "phone", "card", "iban", "national_id", "ssn")
CLAIMS = Contract(stream=Stream(), pii=Pii(TYPES, restore=True))


class Masked(Careful):
    """Masks what leaves, and restores what comes back."""

    async def __call__(self, prompt: str, *, stream: bool) -> AsyncIterator[str]:
        """Answer with the caller's own values."""
        masking = Masking()
        async for piece in super().__call__(masking.mask(prompt), stream=stream):
            for told in masking.restored(piece):
                assert isinstance(told, str)
                yield told


class Raw(Careful):
    """Masks nothing."""


class RawRetries(Masked):
    """Knows what was said when it tries again."""

    said = ""

    async def __call__(self, prompt: str, *, stream: bool) -> AsyncIterator[str]:
        """Remember it."""
        self.said = prompt
        async for piece in super().__call__(prompt, stream=stream):
            yield piece

    def body(self, prompt: str, stream: bool, attempt: int) -> dict[str, Any]:
        """As it was said, from the second attempt on."""
        return super().body(prompt if attempt == 1 else self.said, stream, attempt)


class RawStreams(Masked):
    """Forgets streams."""

    async def __call__(self, prompt: str, *, stream: bool) -> AsyncIterator[str]:
        """Masked when it is whole."""
        answer = Careful.__call__(self, prompt, stream=True) if stream else super().__call__(prompt, stream=False)
        async for piece in answer:
            yield piece


class Forgetful(Masked):
    """Restores nothing."""

    async def __call__(self, prompt: str, *, stream: bool) -> AsyncIterator[str]:
        """Placeholders and all."""
        async for piece in Careful.__call__(self, Masking().mask(prompt), stream=stream):
            yield piece


class Telling(Masked):
    """Tells callers what they have asked."""

    async def __call__(self, prompt: str, *, stream: bool) -> AsyncIterator[str]:
        """Say what failed."""
        try:
            async for piece in super().__call__(prompt, stream=stream):
                yield piece
        except Exception as error:
            raise RuntimeError(f"cannot answer {prompt!r}") from error


class Gossip(Masked):
    """Tells everybody what the last caller has said."""

    async def __call__(self, prompt: str, *, stream: bool) -> AsyncIterator[str]:
        """Somebody's answer."""
        self.last = prompt
        async for _ in super().__call__(prompt, stream=stream):
            pass
        yield self.last


class Blunt(Masked):
    """Masks every number."""

    async def __call__(self, prompt: str, *, stream: bool) -> AsyncIterator[str]:
        """Digits are gone."""
        plain = "".join(
            "#" if c.isdigit() and "[bo:" not in prompt[max(0, at - 10) : at] else c for at, c in enumerate(prompt)
        )
        async for piece in super().__call__(plain, stream=stream):
            yield piece


def cases() -> list[Any]:
    """Every case of the family but those of logs, which this target has none of."""
    rows = [row for row in scenario.load().values() if row.family == "pii" and row.id != "pii.logs"]
    return [pytest.param(row.id, name, id=f"{row.id}[{name}]") for row in rows for name in row.case_names]


@pytest.mark.slow
@pytest.mark.parametrize(("row", "case"), cases())
def test_a_client_that_masks_and_restores_passes(row: str, case: str) -> None:
    """
    A client that does everything right passes every case; what it does not claim is not applicable.
    """
    judgement, history = play(row, Masked, case, contract=CLAIMS)

    wanted = "not_applicable" if row == "pii.fallback" else "pass"
    assert (wanted, []) == (judgement.verdict.value, judgement.violations), judgement.doubts
    assert all("@example" not in str(call.messages) for call in history.calls)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("client", "row", "case"),
    [
        (Raw, "pii.prompt", "de_DE"),
        (Raw, "pii.prompt", "ja_JP"),
        (Raw, "pii.everywhere-in-the-request", "json"),
        (RawStreams, "pii.stream", ""),
        (RawRetries, "pii.retry", ""),
        (Telling, "pii.caller-errors", "500"),
        (Telling, "pii.caller-errors", "content-policy"),
        (Gossip, "pii.no-crosstalk", ""),
        (Forgetful, "pii.restored", "plain"),
        (Forgetful, "pii.restored", "split"),
        (Blunt, "pii.not-overmasked", ""),
    ],
)
def test_a_client_that_forgets_one_thing_fails(client: type[Careful], row: str, case: str) -> None:
    """
    Whatever the client forgets, the row that is about it says so.
    """
    assert "fail" == verdict(row, client, case, contract=CLAIMS)


class Once(Masked):
    """Tries once."""

    attempts = 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("client", "row", "case", "contract"),
    [
        (Once, "pii.retry", "", CLAIMS),
        (Masked, "pii.stream", "", Contract(pii=Pii(TYPES))),
        (Masked, "pii.restored", "split", Contract(pii=Pii(TYPES, restore=True))),
        (Masked, "pii.prompt", "de_DE", Contract(pii=Pii(TYPES, locales=("en_US",)))),
        (Masked, "pii.prompt", "de_DE", Contract(pii=Pii(("ssn",)))),
        (Masked, "pii.logs", "stream-cut", Contract(pii=Pii(TYPES))),
    ],
)
def test_what_is_not_claimed_is_not_judged(client: type[Careful], row: str, case: str, contract: Contract) -> None:
    """
    Streams, locales and types that nobody promised, and a second attempt that nobody makes, are not applicable.
    """
    assert "not_applicable" == verdict(row, client, case, contract=contract)


def test_a_promise_of_less_than_all_is_judged_as_one() -> None:
    """
    Half of all names may leave where half is promised, and all of them where nearly nothing is; luck is no leak.
    """
    wanted: Any = {"email": 0.0, "phone": 0.0}

    assert "pass" == verdict("pii.prompt", Raw, "en_US", contract=Contract(pii=Pii(("email", "phone"), wanted)))
    assert "fail" == verdict("pii.prompt", Raw, "en_US", contract=Contract(pii=Pii(("email",), {"email": 0.5})))
