from __future__ import annotations

import json

import pytest
from rawsocket import Play

from brownout.fakes.faults.body import EmptyBody, ErrorInOk, HalfBody, HtmlPage, MalformedJson


class TestMalformedJson:
    def test_a_whole_answer_lacks_one_brace(self, play: Play) -> None:
        """
        Status, type and length are right, no parser takes the body, and one brace more makes it the answer.
        """
        played = play(MalformedJson())

        assert ("open", 200, 0) == (played.heard.how, played.heard.status, played.heard.owed)
        assert played.heard.headers["content-type"].startswith("application/json")
        with pytest.raises(ValueError, match="line 1"):
            json.loads(played.heard.body)
        assert "choices" in json.loads(played.heard.body + b"}")
        assert played.again.words.endswith("abc123-6")

    def test_a_streamed_answer_has_one_broken_event(self, play: Play) -> None:
        """
        The first piece of text is no JSON; all the others and the end of the stream are as they should be.
        """
        broken = [event for event in play(MalformedJson(), stream=True).heard.events if not _parses(event)]

        assert 1 == len(broken)
        assert "abc123-1" in broken[0]


class TestHtmlPage:
    @pytest.mark.parametrize("stream", [False, True])
    @pytest.mark.parametrize("status", [200, 502])
    def test_a_page_comes_under_its_own_type(self, play: Play, status: int, stream: bool) -> None:
        """
        The status asked for comes with an HTML page and the content type of one, whole.
        """
        played = play(HtmlPage(status), stream=stream)

        assert ("open", status, 0) == (played.heard.how, played.heard.status, played.heard.owed)
        assert "text/html; charset=utf-8" == played.heard.headers["content-type"]
        assert played.heard.body.startswith(b"<!DOCTYPE html>")
        assert played.again.words.endswith("abc123-6")


class TestEmptyBody:
    @pytest.mark.parametrize("stream", [False, True])
    def test_the_body_has_no_bytes(self, play: Play, stream: bool) -> None:
        """
        The head is the fair one, the body is empty, the message ends properly.
        """
        played = play(EmptyBody(), stream=stream)

        assert ("open", 200, b"") == (played.heard.how, played.heard.status, played.heard.body)
        assert stream == played.heard.last_chunk
        assert played.again.words.endswith("abc123-6")


class TestHalfBody:
    @pytest.mark.parametrize("stream", [False, True])
    def test_half_is_passed_off_as_all(self, play: Play, stream: bool) -> None:
        """
        The body is the first half of the fair one, and the message ends properly.
        """
        played = play(HalfBody(), stream=stream)
        half, fair = played.heard.body, played.fair.body

        assert "open" == played.heard.how
        assert len(fair) // 2 == len(half)
        assert stream or half != fair[: len(half) + 1]
        assert b"[DONE]" not in half


class TestErrorInOk:
    @pytest.mark.parametrize("stream", [False, True])
    @pytest.mark.parametrize(
        ("kind", "code"), [("server_error", None), ("quota_exhausted", "insufficient_quota")], ids=["server", "quota"]
    )
    def test_an_error_under_200(self, play: Play, kind: str, code: str | None, stream: bool) -> None:
        """
        The status is 200, the body is the provider's error in JSON, whether a stream was asked for or not.
        """
        played = play(ErrorInOk(kind), stream=stream)

        assert ("open", 200) == (played.heard.how, played.heard.status)
        assert played.heard.headers["content-type"].startswith("application/json")
        assert code == played.heard.json["error"]["code"]
        assert ("error_in_ok",) == played.exchange.faults


def _parses(event: str) -> bool:
    try:
        json.loads(event.removeprefix("data: "))
    except ValueError:
        return event == "data: [DONE]"
    return True
