from __future__ import annotations

import pytest
from histories import CANARY, call, exchange, history

from brownout.fakes.journal import Exchange
from brownout.harness.checks import NothingToJudge
from brownout.harness.checks.degrading import (
    accounts_for_the_answer,
    gives_nothing_away,
    keys_stay_at_home,
    mostly_answered,
    served_by,
    serves_again,
    shown_to_nobody_else,
    tells_the_fallback,
    tells_the_outage,
    told_something,
    walks_the_chain,
)
from brownout.harness.history import History
from brownout.harness.protocol import Usage

FAILED = {"status": 500, "answer": None, "faults": ("server_error",)}
CHAIN = ["primary", "secondary", "third"]


def at(fake: str, name: str, start: float = 0.0, **fields: object) -> Exchange:
    """An exchange at a provider."""
    made = exchange(name, start, **fields)
    made.fake = fake
    return made


def answer(name: str = "x2", **fields: object) -> Exchange:
    """A whole answer of the second provider's."""
    known = {"sent_whole": True, "model": "gpt-4.1", "input_tokens": 12, "output_tokens": 60, **fields}
    return at("secondary", name, 1.0, **known)


class TestServedBy:
    def test_an_answer_of_the_wrong_provider_is_a_violation(self) -> None:
        """
        An answer that left the first provider is none of the second's.
        """
        lost = history(call(), at("primary", "x1", sent_whole=True))

        (found,) = served_by(lost.calls, history=lost, fake="secondary", model="gpt-4.1")

        assert ("no whole answer left secondary", ("c1", "x1")) == (found.saw, found.evidence)

    def test_a_second_answer_is_a_violation(self) -> None:
        """
        Two completed answers are both paid for.
        """
        hedged = history(call(), at("primary", "x1", sent_whole=True), answer())

        (found,) = served_by(hedged.calls, history=hedged, fake="secondary", model="gpt-4.1")

        assert "2 completed answers" == found.saw

    def test_another_model_is_a_violation(self) -> None:
        """
        The first provider's model is not the second's.
        """
        proud = history(call(), answer(model="gpt-4o-mini"))

        (found,) = served_by(proud.calls, history=proud, fake="secondary", model="gpt-4.1")

        assert "secondary was asked for gpt-4o-mini" == found.saw

    def test_one_answer_of_the_right_one_keeps_the_promise(self) -> None:
        """
        A failed attempt and one answer of the next are what is promised.
        """
        kept = history(call(), at("primary", "x1", **FAILED), answer())

        assert [] == list(served_by(kept.calls, history=kept, fake="secondary", model="gpt-4.1"))


class TestKeysStayAtHome:
    def test_a_key_of_anothers_is_a_violation(self) -> None:
        """
        A key that one provider has given out is not shown to another; a key that nobody knows is nobody's.
        """
        seen = [at("secondary", "x1", key="aaa"), at("secondary", "x2", key="bbb"), at("secondary", "x3", key="ccc")]
        judged = history(*seen)
        judged.heading.keys = {"primary": ["aaa"], "secondary": ["bbb"]}

        assert ["secondary was shown the key of primary"] == [
            violation.saw for violation in keys_stay_at_home(seen, history=judged)
        ]


class TestWalksTheChain:
    def test_going_back_is_a_violation(self) -> None:
        """
        Who has left the first provider does not ask it again.
        """
        walked = [at("primary", "x1", 0.0), at("secondary", "x2", 1.0), at("primary", "x3", 2.0)]

        (found,) = walks_the_chain(walked, chain=CHAIN)

        assert ("primary asked after secondary", ("x2", "x3")) == (found.saw, found.evidence)

    def test_leaving_one_out_is_a_violation_where_every_one_has_a_turn(self) -> None:
        """
        Whether the second is skipped matters only where that is asked.
        """
        walked = [at("primary", "x1", 0.0), at("third", "x2", 1.0)]

        assert [] == list(walks_the_chain(walked, chain=CHAIN))
        assert ["secondary not asked"] == [v.saw for v in walks_the_chain(walked, chain=CHAIN, every=True)]

    def test_retries_at_each_and_then_the_next_keep_the_promise(self) -> None:
        """
        Each provider may be tried several times while it has its turn, and providers outside the chain do not count.
        """
        names = ["primary", "primary", "secondary", "elsewhere", "secondary", "third"]
        walked = [at(fake, f"x{number}", float(number)) for number, fake in enumerate(names)]

        assert [] == list(walks_the_chain(walked, chain=CHAIN, every=True))


class TestGivesNothingAway:
    @pytest.mark.parametrize(
        ("message", "what"),
        [
            ('Traceback (most recent call last):\n  File "/srv/app.py", line 3', "a stack trace"),
            ("Error: oops\n    at Object.<anonymous> (/srv/app.js:3:1)", "a stack trace"),
            ("goroutine 1 [running]", "a stack trace"),
            ("cannot connect to 127.0.0.1:4711", "a provider's address"),
            ("see https://platform.openai.com/account/api-keys", "a provider's address"),
            ("no route to my-deployment.openai.azure.com", "a provider's address"),
            ("Incorrect API key provided: sk-brown****0001", "a key"),
            ("the key <0123456789ab> is wrong", "a key"),
            ("gw-7 is on fire", "the provider's own words"),
        ],
    )
    def test_what_is_nobodys_business_is_a_violation(self, message: str, what: str) -> None:
        """
        Traces, addresses, keys and the provider's own words are told apart.
        """
        told = call(text="", error="provider", message=message)

        assert [what] == [v.saw.partition(", ")[0] for v in gives_nothing_away([told], marks=["gw-7"])]

    def test_an_answer_is_looked_at_too(self) -> None:
        """
        A provider's error that is passed off as an answer is found in the text.
        """
        (found,) = gives_nothing_away([call(text="gw-7 is on fire")], marks=["gw-7"])

        assert ("c1",) == found.evidence

    def test_words_of_its_own_keep_the_promise(self) -> None:
        """
        The target may say what it likes in words of its own, and name pages of its own.
        """
        told = call(text="", error="provider", message="Busy at the moment, see https://status.acme.example/llm")

        assert [] == list(gives_nothing_away([told], marks=["gw-7"]))

    def test_silence_is_nothing_to_judge(self) -> None:
        """
        Who was told nothing was told nothing wrong.
        """
        with pytest.raises(NothingToJudge):
            list(gives_nothing_away([call(ends=None, text="")], marks=[]))


class TestTellsTheOutage:
    @pytest.mark.parametrize("kind", ["invalid", "unauthorized", "content_policy", "context"])
    def test_blaming_the_caller_is_a_violation(self, kind: str) -> None:
        """
        What the fallback complained about is not what was wrong.
        """
        told = call(text="", error=kind, message="bad request")

        assert [f"an error of the kind {kind}: 'bad request'"] == [
            v.saw for v in tells_the_outage([told], history=history(told))
        ]

    def test_a_complaint_as_an_answer_is_a_violation(self) -> None:
        """
        Nobody has said what the caller was given.
        """
        told = call(text="bad request")

        assert ["'bad request' as an answer"] == [v.saw for v in tells_the_outage([told], history=history(told))]

    def test_an_outage_or_an_answer_keeps_the_promise(self) -> None:
        """
        That nobody is there is the truth; and who finds somebody after all has an answer.
        """
        told = history(call("c1", text="", error="provider"), call("c2"), exchange("x1"))

        assert [] == list(tells_the_outage(told.calls, history=told))


class TestAccountsForTheAnswer:
    def judged(self, **fields: object) -> History:
        """A call that the second provider has answered after the first had failed."""
        made = history(call(**fields), at("primary", "x1", model="gpt-4o-mini", **FAILED), answer())
        made.heading.keys = {"primary": [], "secondary": []}
        return made

    @pytest.mark.parametrize(
        ("fields", "saw"),
        [
            ({"model": "gpt-4o-mini"}, "model: gpt-4o-mini"),
            ({"provider": "primary"}, "provider: primary"),
            ({"usage": Usage(24, 60)}, "input tokens: 24"),
            ({"usage": Usage(12, 0)}, "output tokens: 0"),
        ],
    )
    def test_a_figure_of_another_attempt_is_a_violation(self, fields: dict[str, object], saw: str) -> None:
        """
        What is told is compared with the exchange that was answered.
        """
        judged = self.judged(**fields)

        assert [saw] == [v.saw for v in accounts_for_the_answer(judged.calls, history=judged)]

    @pytest.mark.parametrize(
        "fields",
        [
            {"model": "gpt-4.1-2025-04-14", "provider": "secondary", "usage": Usage(12, 60)},
            {"model": "openai/gpt-4.1", "provider": "a name of its own"},
            {"usage": Usage(12, None)},
        ],
    )
    def test_the_truth_keeps_the_promise(self, fields: dict[str, object]) -> None:
        """
        A dated name, a name with its vendor and a provider's name of the target's own are no lies.
        """
        judged = self.judged(**fields)

        assert [] == list(accounts_for_the_answer(judged.calls, history=judged))

    @pytest.mark.parametrize(
        ("fields", "why"),
        [
            ({}, "told its caller a model"),
            ({"error": "provider", "text": "", "model": "gpt-4.1"}, "no call was answered"),
        ],
    )
    def test_no_account_is_nothing_to_judge(self, fields: dict[str, object], why: str) -> None:
        """
        Who tells nothing, and who has no answer, accounts for nothing, and which of the two it is is said.
        """
        judged = self.judged(**fields)

        with pytest.raises(NothingToJudge, match=why):
            list(accounts_for_the_answer(judged.calls, history=judged))


class TestTellsTheFallback:
    FAIR = call("c1", provider="primary", model="gpt-4o-mini")

    def test_an_answer_like_any_other_is_a_violation(self) -> None:
        """
        The same provider and model, and no flag: nobody can tell.
        """
        alike = call("c2", provider="primary", model="gpt-4o-mini")

        (found,) = tells_the_fallback([alike], history=history(self.FAIR, alike), fair=["c1"])

        assert ("c2",) == found.evidence

    @pytest.mark.parametrize(
        "fields",
        [
            {"provider": "secondary", "model": "gpt-4o-mini"},
            {"provider": "primary", "model": "gpt-4.1"},
            {"provider": "primary", "model": "gpt-4o-mini", "degraded": True},
        ],
    )
    def test_provider_model_or_flag_tell(self, fields: dict[str, object]) -> None:
        """
        Any of the three will do.
        """
        other = call("c2", **fields)

        assert [] == list(tells_the_fallback([other], history=history(self.FAIR, other), fair=["c1"]))

    def test_no_answer_is_nothing_to_judge(self) -> None:
        """
        An error is no fallback's answer.
        """
        failed = call("c2", text="", error="provider")

        with pytest.raises(NothingToJudge):
            list(tells_the_fallback([failed], history=history(self.FAIR, failed), fair=["c1"]))


class TestServesAgain:
    def served(self, fake: str, start: float) -> History:
        """A call at `start` that a provider has answered."""
        return history(call(at=start, ends=start + 1), at(fake, "x1", start, sent_whole=True))

    def test_never_is_a_violation(self) -> None:
        """
        Who stays with the fallback is reported.
        """
        judged = self.served("secondary", 20.0)

        (found,) = serves_again(judged.calls, history=judged, fake="primary", since=10.0, within=30.0)

        assert ("primary served nobody again", None) == (found.saw, found.margin)

    def test_too_late_is_a_violation(self) -> None:
        """
        Five seconds over thirty are five too many, less what a timer may be late.
        """
        judged = self.served("primary", 45.0)

        (found,) = serves_again(judged.calls, history=judged, fake="primary", since=10.0, within=30.0)

        assert found.margin == pytest.approx(4.75)

    def test_in_time_keeps_the_promise(self) -> None:
        """
        Ten seconds after its recovery it serves again.
        """
        judged = self.served("primary", 20.0)

        assert [] == list(serves_again(judged.calls, history=judged, fake="primary", since=10.0, within=30.0))


class TestShownToNobodyElse:
    def test_shopping_around_is_a_violation(self) -> None:
        """
        A prompt that was refused is not taken elsewhere.
        """
        shown = [at("primary", "x1", 0.0, **FAILED), at("secondary", "x2", 1.0)]

        (found,) = shown_to_nobody_else(shown, fake="primary")

        assert ("the refused prompt was sent to secondary", ("x1", "x2")) == (found.saw, found.evidence)

    def test_a_refusal_that_is_told_keeps_the_promise(self) -> None:
        """
        One attempt, and none elsewhere.
        """
        assert [] == list(shown_to_nobody_else([at("primary", "x1", **FAILED)], fake="primary"))

    def test_no_refusal_is_nothing_to_judge(self) -> None:
        """
        Where nothing was refused nothing could be shopped around.
        """
        with pytest.raises(NothingToJudge):
            list(shown_to_nobody_else([at("primary", "x1")], fake="primary"))


class TestMostlyAnswered:
    def test_two_lost_of_ten_are_a_violation(self) -> None:
        """
        Eight of ten are less than nine.
        """
        lost = [call(f"c{number}", text="", error="provider") for number in range(2)]
        judged = history(*lost, *(call(f"c{number}") for number in range(2, 10)), exchange("x1"))

        (found,) = mostly_answered(judged.calls, history=judged, share=0.9)

        assert ("8 of 10 calls answered", ("c0", "c1")) == (found.saw, found.evidence)

    def test_a_refusal_for_want_of_money_is_no_outage(self) -> None:
        """
        Who keeps a cap is not accused of it; whoever loses too many besides is.
        """
        poor = [call(f"c{number}", text="", error="budget") for number in range(2)]
        fair = [call(f"c{number}") for number in range(4, 10)]
        lost = [call(f"c{number}", text="", error="provider") for number in range(2, 4)]
        kept = history(*poor, *fair, exchange("x1"))

        with pytest.raises(NothingToJudge, match="want of money"):
            list(mostly_answered(kept.calls, history=kept, share=0.9))
        judged = history(*poor, *lost, *fair, exchange("x1"))
        assert len(list(mostly_answered(judged.calls, history=judged, share=0.9))) == 1

    def test_the_share_itself_keeps_the_promise(self) -> None:
        """
        Nine of ten are nine of ten.
        """
        judged = history(
            call("c0", canary="zzzzzz", text=""), *(call(f"c{number}") for number in range(1, 10)), exchange("x1")
        )

        assert CANARY == judged.exchanges[0].canary
        assert [] == list(mostly_answered(judged.calls, history=judged, share=0.9))


class TestToldSomething:
    def test_an_error_or_nothing_is_a_violation(self) -> None:
        """
        Neither an error nor an empty text is the fixed answer.
        """
        told = [call("c1", text="", error="provider", message="no"), call("c2", text=""), call("c3", text="Sorry.")]

        assert ["error provider: no", "an empty answer"] == [violation.saw for violation in told_something(told)]
