from __future__ import annotations

import pytest
from rawsocket import Play

from brownout.fakes.faults.headers import Redirect, SetHeader, WrongContentType


class TestSetHeader:
    @pytest.mark.parametrize("stream", [False, True])
    def test_a_header_is_set_once(self, play: Play, stream: bool) -> None:
        """
        The header has the value asked for, whatever it had before, and the answer is the fair one.
        """
        played = play(SetHeader("X-Request-Id", "req_1"), SetHeader("X-Request-Id", "req_2"), stream=stream)

        assert "req_2" == played.heard.headers["x-request-id"]
        assert b"req_1" not in played.heard.data
        assert played.heard.words.endswith("abc123-6")

    def test_a_header_is_dropped(self, play: Play) -> None:
        """
        A header set to None does not come.
        """
        played = play(SetHeader("content-type", None))

        assert "content-type" not in played.heard.headers
        assert ("set_header",) == played.exchange.faults

    def test_a_body_without_length_ends_with_the_connection(self, play: Play) -> None:
        """
        Without `content-length` the whole body comes, and then a FIN.
        """
        played = play(SetHeader("content-length", None))

        assert ("fin", played.fair.body) == (played.heard.how, played.heard.raw_body)

    def test_what_is_not_there_cannot_be_dropped(self, play: Play) -> None:
        """
        To drop a header that the answer does not have is no fault.
        """
        assert () == play(SetHeader("x-nobody-sends-this", None)).exchange.faults


class TestWrongContentType:
    @pytest.mark.parametrize("stream", [False, True])
    def test_the_body_is_right_under_a_wrong_name(self, play: Play, stream: bool) -> None:
        """
        The content type is HTML, the body is the fair answer.
        """
        played = play(WrongContentType(), stream=stream)

        assert "text/html; charset=utf-8" == played.heard.headers["content-type"]
        assert played.heard.words.endswith("abc123-6")
        assert "text/html" not in played.again.headers["content-type"]


class TestRedirect:
    @pytest.mark.parametrize("stream", [False, True])
    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_the_location_is_elsewhere(self, play: Play, status: int, stream: bool) -> None:
        """
        The status is a redirection, `Location` the other address with the path of the request, and there is no body.
        """
        played = play(Redirect("http://elsewhere.test:8080/", status), stream=stream)

        assert (status, b"") == (played.heard.status, played.heard.raw_body)
        assert "http://elsewhere.test:8080/v1/chat/completions" == played.heard.headers["location"]
        assert played.again.words.endswith("abc123-6")
