from __future__ import annotations

import hashlib

import pytest

from brownout.reports.masking import Mask, masked

ODD = "completely.ordinary_word-42"
MASK = Mask({"primary": [hashlib.sha256(ODD.encode()).hexdigest()[:12]]})


@pytest.mark.parametrize(
    "secret",
    [
        "sk-brownout-0000000000000000000000000000000000000001",
        "sk-ant-api03-aBcDeF123456",
        "AIzaSyA1234567890abcdefghijklmnopqrstu",
        "AKIAIOSFODNN7EXAMPLE",
        "ghp_0123456789abcdefghij",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
        "-----BEGIN PRIVATE KEY-----\nMIIabc\n-----END PRIVATE KEY-----",
    ],
)
def test_what_looks_like_a_credential_is_masked(secret: str) -> None:
    """
    Credentials of every well-known kind leave no trace, wherever in a text they stand.
    """
    assert "before [masked], after" == masked(f"before {secret}, after")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Authorization: Bearer abcdefgh12345678", "Authorization: Bearer [masked]"),
        ("GET /v1/models?key=swordfish&alt=sse", "GET /v1/models?key=[masked]&alt=sse"),
        ("POST /x?a=1&api_key=%27x", "POST /x?a=1&api_key=[masked]"),
    ],
)
def test_what_says_that_it_is_one_is_masked(text: str, expected: str) -> None:
    """
    A credential that has no telling form is known by the name before it.
    """
    assert expected == masked(text)


@pytest.mark.parametrize(
    "text", ["x-ratelimit-remaining-requests: 9", "k7q2x9-1 k7q2x9-2", "task-oriented", "ask-me-anything"]
)
def test_ordinary_words_stay(text: str) -> None:
    """
    Numbered words, header names and hyphenated words are no secrets.
    """
    assert text == MASK.text(text)


def test_a_known_key_is_masked_whatever_it_looks_like() -> None:
    """
    A word with the fingerprint of a key that was in use is masked, and the report says whose key it is.
    """
    assert "error at ([key of primary]), [key of primary]." == MASK.text(f"error at ({ODD}), {ODD}.")


@pytest.mark.parametrize("name", ["Authorization", "x-api-key", "Cookie", "set-cookie"])
def test_secret_headers_never_show_their_value(name: str) -> None:
    """
    The value of a header that carries secrets is masked whole; a fingerprint, which tells nothing, stays.
    """
    assert "[masked]" == MASK.header(name, "anything")
    assert "[masked 0123456789ab]" == MASK.header(name, "<0123456789ab>")


def test_two_keys_of_one_provider_are_told_apart() -> None:
    """
    Where a provider has several keys the report says which one.
    """
    prints = [hashlib.sha256(f"first-key-number-{n}".encode()).hexdigest()[:12] for n in (1, 2)]

    assert "[key of primary 2]" == Mask({"primary": prints}).text("first-key-number-2")
