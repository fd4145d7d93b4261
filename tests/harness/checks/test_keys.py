from __future__ import annotations

import pytest
from histories import call, exchange, history

from brownout.fakes.journal import Exchange
from brownout.harness.checks import NothingToJudge
from brownout.harness.checks.keys import dead_key_rests, not_in_url, not_logged, not_returned, rotates
from brownout.harness.history import Call, History, Incident, LogLine

A, B, FOREIGN = "a" * 12, "b" * 12, "c" * 12
REFUSED = {"key": A, "trouble": "invalid_key", "status": 401}


def with_keys(*records: Exchange | Call) -> History:
    """A history of a provider with two keys, of which one was used."""
    made = history(*records, exchange("x9", key=A))
    made.heading.keys = {"primary": [A, B]}
    return made


class TestRotates:
    def test_a_refused_key_without_a_next_one_is_a_violation(self) -> None:
        """
        A call that ends at the revoked key, or goes to another provider, is reported with the refusal.
        """
        elsewhere = exchange("x2", 1.0, key=FOREIGN)
        elsewhere.fake = "secondary"

        found = list(rotates([exchange("x1", **REFUSED), elsewhere], revoked=A))

        assert [("x1",)] == [violation.evidence for violation in found]

    def test_the_next_key_keeps_the_promise(self) -> None:
        """
        A call that goes on with the provider's other key is fine, and so are calls that never met the refusal.
        """
        attempts = [exchange("x1", **REFUSED), exchange("x2", 0.2, key=B), exchange("x3", 1.0, key=B, canary="other1")]

        assert [] == list(rotates(attempts, revoked=A))

    def test_a_key_that_was_not_used_proves_nothing(self) -> None:
        """
        Where nobody met the refusal there is nothing to judge.
        """
        with pytest.raises(NothingToJudge):
            list(rotates([exchange("x1", key=B)], revoked=A))


class TestDeadKeyRests:
    def test_a_dead_key_that_is_used_again_is_a_violation(self) -> None:
        """
        Every use after the refusal is counted, whichever call it was for.
        """
        attempts = [exchange("x1", **REFUSED), exchange("x2", 1.0, canary="other1", **REFUSED)]

        found = list(dead_key_rests(attempts))

        assert [("x1", "x2")] == [violation.evidence for violation in found]

    def test_what_was_under_way_is_no_violation(self) -> None:
        """
        A request that left before the refusal came is nobody's fault, and another key is another key.
        """
        attempts = [exchange("x1", ends=0.5, **REFUSED), exchange("x2", 0.3, **REFUSED), exchange("x3", 2.0, key=B)]

        assert [] == list(dead_key_rests(attempts))

    def test_without_a_refusal_there_is_nothing_to_judge(self) -> None:
        """
        A key that was never refused has no rest to keep.
        """
        with pytest.raises(NothingToJudge):
            list(dead_key_rests([exchange("x1", key=A)]))


class TestNotLogged:
    @pytest.mark.parametrize(
        ("text", "saw"),
        [
            (f"headers: Bearer <{A}>", f"the key <{A}> in stderr"),
            (f"key=<{B}:17>...", f"17 characters of key <{B}>"),
            (f"Basic <{A}:base64>", f"base64 of key <{A}>"),
        ],
    )
    def test_a_key_in_a_log_is_a_violation(self, text: str, saw: str) -> None:
        """
        The violation says where it stood and in what form, by fingerprint.
        """
        made = with_keys(call())
        made.logs = [LogLine(0, "stderr", text)]

        assert [True] == [saw in violation.saw for violation in not_logged(made)]

    def test_a_log_without_keys_keeps_the_promise(self) -> None:
        """
        Lines with other fingerprints, or none, and no lines at all, give nothing away.
        """
        made = with_keys(call())
        made.logs = [LogLine(0, "stdout", f"trace <{FOREIGN}>, 200 in 12 ms")]

        assert [] == list(not_logged(made))
        made.logs = []
        assert [] == list(not_logged(made))

    def test_a_log_that_was_cut_short_proves_nothing(self) -> None:
        """
        What was not kept may hold a key; what was kept and holds one still counts.
        """
        made = with_keys(call())
        made.events = [Incident(0, "output_truncated", {"source": "stdout"})]

        with pytest.raises(NothingToJudge, match="stdout had more to say"):
            list(not_logged(made))
        made.logs = [LogLine(0, "stdout", f"<{A}>")]
        assert 1 == len(list(not_logged(made)))


class TestNotReturned:
    @pytest.mark.parametrize(
        "fields",
        [
            {"text": f"my key is <{A}>"},
            {"error": "provider", "message": f"401 for <{B}:12>"},
            {"tool_calls": [{"name": "call", "arguments": {"auth": f"<{A}>"}}]},
        ],
    )
    def test_a_key_that_reaches_a_caller_is_a_violation(self, fields: dict[str, object]) -> None:
        """
        In the answer, in the error, and in what comes with an answer.
        """
        told = call(**fields)

        found = list(not_returned([told], history=with_keys(told)))

        assert [("c1",)] == [violation.evidence for violation in found]

    def test_an_answer_without_one_keeps_the_promise(self) -> None:
        """
        An ordinary answer gives nothing away.
        """
        told = call()

        assert [] == list(not_returned([told], history=with_keys(told)))


class TestNotInUrl:
    def test_a_key_in_the_query_is_a_violation(self) -> None:
        """
        A whole key or a piece of one; a foreign parameter is not.
        """
        made = [
            exchange("x1", key=A, path=f"/v1/chat?key=<{A}>"),
            exchange("x2", key=A, path=f"/v1/chat?s=<{A}:10>"),
            exchange("x3", key=A, path=f"/v1/chat?token=<{FOREIGN}>"),
        ]

        found = list(not_in_url(made, history=with_keys(*made)))

        assert [("x1",), ("x2",)] == [violation.evidence for violation in found]

    def test_a_target_without_a_key_cannot_show_one(self) -> None:
        """
        Where no request brought a key of ours there is nothing to judge.
        """
        made = history(exchange("x1", key=FOREIGN))

        with pytest.raises(NothingToJudge):
            list(not_in_url(made.exchanges, history=made))
