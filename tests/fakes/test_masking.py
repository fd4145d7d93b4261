from __future__ import annotations

from base64 import b64encode, urlsafe_b64encode

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brownout.fakes.ask import Request
from brownout.fakes.fake import PUBLIC, Fake, secret
from brownout.fakes.journal import Exchange, fingerprint
from brownout.fakes.masking import Mask
from brownout.fakes.responder import Responder

KEY = "sk-brownout-0000000000000000000000000000000000000001"
OTHER = "sk-other-provider-000000000000000000000000000000002"


def noted(**parts: object) -> bytes:
    """What the journal keeps of a request, as it is saved."""
    fields: dict[str, object] = {
        "method": "POST",
        "path": "/v1/chat/completions",
        "query": "",
        "headers": (),
        "body": b"",
    }
    request = Request(**(fields | parts))  # type: ignore[arg-type]  # a request in parts
    responder = Responder(Fake(keys=(KEY,)), secrets=(OTHER,))
    exchange = responder.open(1, 0)
    responder.reply(exchange, request)
    return msgspec.json.encode(exchange)


class TestMask:
    @pytest.mark.parametrize("key", [KEY, OTHER, "sk-that-nobody-knows-0000000000000000000000000003"])
    def test_no_credential_reaches_the_journal(self, key: str) -> None:
        """
        A key in the header where it belongs, known to the fake or not, is kept as its fingerprint and its scheme.
        """
        saved = noted(headers=(("authorization", f"Bearer {key}"), ("api-key", key)))

        assert key.encode() not in saved
        assert f"Bearer <{fingerprint(key)}>".encode() in saved

    @pytest.mark.parametrize("key", [KEY, OTHER])
    @pytest.mark.parametrize("place", ["query", "path", "header", "body", "prompt", "model", "user"])
    def test_no_known_key_reaches_the_journal_anywhere(self, key: str, place: str) -> None:
        """
        A key that belongs to some fake is masked wherever it turns up, also where no key belongs.
        """
        bodies = {
            "body": f'{{"unknown": "{key}"}}',
            "prompt": f'{{"model": "m", "messages": [{{"role": "user", "content": "my key is {key}."}}]}}',
            "model": f'{{"model": "{key}", "messages": []}}',
            "user": f'{{"model": "m", "user": "{key}", "messages": []}}',
        }
        saved = noted(
            query=f"key={key}&a=b" if place == "query" else "",
            path=f"/v1/{key}" if place == "path" else "/v1/chat/completions",
            headers=(("x-anything", f"is {key}!"),) if place == "header" else (),
            body=bodies.get(place, "").encode(),
        )

        assert key.encode() not in saved
        assert f"<{fingerprint(key)}>".encode() in saved

    def test_an_unknown_key_that_was_presented_is_masked_in_the_body_too(self) -> None:
        """
        What a client used as its key in the header is a secret in its prompt as well.
        """
        stranger = "sk-that-nobody-knows-0000000000000000000000000003"
        saved = noted(headers=(("authorization", f"Bearer {stranger}"),), body=f'{{"a": "{stranger}"}}'.encode())

        assert stranger.encode() not in saved

    @pytest.mark.parametrize("name", ["key", "api_key", "api-key", "access_token", "X-Amz-Signature"])
    def test_parameters_that_carry_credentials_are_masked(self, name: str) -> None:
        """
        Whatever stands in such a parameter of a query is a secret, known or not; what stands beside it is kept.
        """
        assert f"/p?a=b&{name}=<{fingerprint('x1')}>&c=monkey=d" == Mask([]).path(f"/p?a=b&{name}=x1&c=monkey=d")

    def test_the_longer_key_is_masked_first(self) -> None:
        """
        Of two keys, one of which begins with the other, no part is left.
        """
        assert f"<{fingerprint('abcd')}>" == Mask(["ab", "abcd"]).text("abcd")

    @given(st.text())
    def test_any_text_can_be_saved(self, text: str) -> None:
        """
        What UTF-8 cannot carry does not keep an exchange from being saved and read again.
        """
        exchange = Exchange("x1", "primary", "openai", 1, 0, 0, texts=(Mask([]).text(text + "\ud800"),))

        assert msgspec.json.decode(msgspec.json.encode(exchange), type=Exchange) == exchange


class TestDeep:
    @given(st.integers(1, 99), st.integers(0, 39), st.integers(5, 40), st.text(st.sampled_from(' x.:"é'), max_size=9))
    def test_a_piece_of_a_key_leaves_no_trace(self, number: int, start: int, length: int, around: str) -> None:
        """
        Nine characters in a row are found wherever they stand, with or without the beginning that all keys have.
        """
        key = secret(number)
        own = key.removeprefix(PUBLIC)
        piece = key[len(PUBLIC) - 4 : len(PUBLIC) + length] if start == 0 else own[start : start + length]

        masked = Mask([key]).deep(around + piece + around)

        if len(piece) >= 9:
            assert masked == f"{around}<{fingerprint(key)}:{len(piece)}>{around}"
        else:
            assert masked == around + piece + around

    @given(st.integers(1, 99), st.binary(max_size=9), st.binary(max_size=9))
    def test_a_key_in_base64_leaves_no_trace(self, number: int, before: bytes, after: bytes) -> None:
        """
        However it is aligned by what stands around it, and in the alphabet for URLs too.
        """
        key = secret(number)
        mark = f"<{fingerprint(key)}:base64>"

        assert mark in Mask([key]).deep(b64encode(before + key.encode() + after).decode())
        assert mark in Mask([key]).deep(urlsafe_b64encode(before + key.encode() + after).decode())

    @pytest.mark.parametrize("text", [PUBLIC, f"in {PUBLIC}x1y2", "0000000000", "a1b2c3d4e5f6a7b8", secret(7)[-8:]])
    def test_what_all_keys_share_and_what_is_short_stays(self, text: str) -> None:
        """
        The beginning of all keys, eight characters of one, and text that is no key's give nothing away.
        """
        assert text == Mask([secret(7)]).deep(text)


class TestRevoked:
    def test_a_revoked_key_is_a_wrong_one(self) -> None:
        """
        The provider answers as to any key that it does not know; its other keys stay good.
        """
        responder = Responder(Fake(keys=(secret(1), secret(2))))
        responder.revoked.add(secret(1))
        body = b'{"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hi"}]}'
        troubles = []
        for key in responder.fake.keys:
            exchange = responder.open(1, 0)
            headers = (("authorization", f"Bearer {key}"),)
            responder.reply(exchange, Request("POST", "/v1/chat/completions", "", headers, body))
            troubles.append(exchange.trouble)

        assert ["invalid_key", None] == troubles
