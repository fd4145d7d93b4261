from __future__ import annotations

import msgspec
import pytest

from brownout.harness.contract import (
    CLAIMS,
    Access,
    Breaker,
    Cache,
    Contract,
    Fallback,
    Health,
    Jobs,
    Keys,
    Load,
    Observe,
    Pii,
    Quota,
    Reload,
    Retry,
    Spend,
    Status,
    Stream,
    Submit,
    written,
)

EVERYTHING = Contract(
    deadline=30.0,
    retry=Retry(3, 20.0),
    stream=Stream(5.0, 2.0),
    breaker=Breaker(failures=3, error_rate=0.4, scope="key"),
    fallback=Fallback(("a", "b"), static=True, regions=("eu",), context="b", return_within=90.0, midstream="restart"),
    pii=Pii(("email", "name"), {"name": 0.9}, fields=("notes",), fail="open"),
    spend=Spend(cap=1_000_000, period="day", per_user=1, alerts=(0.5, 1.5)),
    quota=Quota(rpm=60, per_user=None),
    keys=Keys(second=True, reload=Reload("{workdir}/key")),
    cache=Cache(3600.0, scope="all"),
    jobs=Jobs(Submit("http://127.0.0.1/"), Status("http://127.0.0.1/{job}")),
    access=Access(),
    residency={"eu": ("b",)},
    observe=Observe("calls.jsonl", {"user": "$.user"}),
    health=Health("http://127.0.0.1/health"),
    load=Load(p99=4.0),
)


class TestContract:
    def test_survives_json(self) -> None:
        """
        A contract with every kind of claim is the same after it was saved and read again.
        """
        assert msgspec.json.decode(msgspec.json.encode(EVERYTHING), type=Contract) == EVERYTHING

    def test_an_empty_table_is_a_claim(self) -> None:
        """
        A table that is there claims, even where it says nothing; one that is missing does not.
        """
        contract = Contract(stream=Stream(), fallback=Fallback())

        assert contract.claims("stream")
        assert contract.claims("fallback")
        assert not contract.claims("breaker")
        assert not contract.claims("breaker.cooldown")

    def test_false_empty_and_missing_are_no_claims(self) -> None:
        """
        Inside a table, false, an empty list and a missing figure claim nothing; every other value does.
        """
        contract = Contract(fallback=Fallback(chain=("a", "b"), cached=False), spend=Spend(cap=1, overshoot=0))

        assert [
            name
            for name in sorted(CLAIMS)
            if name.partition(".")[0] in {"fallback", "spend"} and "." in name and contract.claims(name)
        ] == ["fallback.chain", "fallback.on", "spend.cap", "spend.overshoot", "spend.period", "spend.timezone"]

    def test_a_claim_that_cannot_be_made_is_an_error(self) -> None:
        """
        Asking for a claim that no contract can make is a mistake of whoever asks, and not "not claimed".
        """
        with pytest.raises(LookupError, match=r"fallback\.chian"):
            Contract().claims("fallback.chian")

    @pytest.mark.parametrize(
        ("breaker", "failures"),
        [(Breaker(), 5), (Breaker(failures=3), 3), (Breaker(error_rate=0.5), 10), (Breaker(3, error_rate=0.5), 3)],
    )
    def test_a_breaker_opens_after_what_it_promises(self, breaker: Breaker, failures: int) -> None:
        """
        Failures in a row open it after the promised number, after the rate's minimum, or after the field's five.
        """
        assert failures == breaker.opens_after

    def test_people_read_what_the_file_said(self) -> None:
        """
        Written for people, money is in dollars again and nothing is told that is not claimed.
        """
        contract = Contract(stream=Stream(), spend=Spend(cap=1_500_000, alerts=(0.5,)))

        assert written(contract) == {
            "deadline": 60.0,
            "stream": {},
            "spend": {
                "cap": 1.5,
                "period": "run",
                "timezone": "UTC",
                "alerts": (0.5,),
            },
        }
