"""Signatures that Amazon's own signer has made, and what becomes of them on the way."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any
from unittest import mock

import pytest
from botocore import auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st
from speaking import NOW, PROMPT

from brownout.fakes.ask import Ask, Request
from brownout.fakes.dialects import dialect
from brownout.fakes.dialects.bedrock.signing import Signed, signature
from brownout.fakes.fake import Fake, key_id, secret
from brownout.fakes.picking import pick
from brownout.fakes.script import Headers
from brownout.fakes.weather import Weather

FAKE = Fake(dialect="bedrock", model="amazon.nova-lite-v1:0")
KEY = FAKE.keys[0]
HOST = "bedrock-runtime.us-east-1.amazonaws.com"
PATH = "/model/amazon.nova-lite-v1%3A0/converse"
BODY = json.dumps({"messages": [{"role": "user", "content": [{"text": PROMPT}]}]}).encode()
TEXT = st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), max_size=12)


def signed(
    path: str = PATH,
    body: bytes = BODY,
    *,
    key: str = KEY,
    name: str | None = None,
    at: float = NOW,
    region: str = "us-east-1",
    service: str = "bedrock",
    token: str | None = None,
    method: str = "POST",
    headers: Headers = (),
) -> Request:
    """A request as Amazon's own signer signs it."""
    made = AWSRequest(method, f"https://{HOST}{path}", dict(headers), body)  # type: ignore[no-untyped-call]
    credentials = Credentials(name or key_id(key), key, token)  # type: ignore[no-untyped-call]
    date = dt.datetime.fromtimestamp(at, dt.UTC)
    with mock.patch("botocore.auth.get_current_datetime", return_value=date):
        auth.SigV4Auth(credentials, service, region).add_auth(made)  # type: ignore[no-untyped-call]
    path, _, query = path.partition("?")
    own = tuple((each.lower(), value) for each, value in made.headers.items())
    return Request(method, path, query, (("host", HOST), *own), body)


def changed(request: Request, **fields: Any) -> Request:
    """The same request with something else in it."""
    names = ("method", "path", "query", "headers", "body")
    return Request(**{name: fields.get(name, getattr(request, name)) for name in names})


def with_header(request: Request, name: str, value: str | None) -> Request:
    """The same request with another value of a header, or without it."""
    kept = tuple(pair for pair in request.headers if pair[0] != name)
    return changed(request, headers=kept if value is None else (*kept, (name, value)))


def read(request: Request, now: float = NOW, fake: Fake = FAKE) -> Ask:
    """What a fake makes of a request at a time."""
    spoken = dialect("bedrock")
    ask = spoken.read(request, fake)
    ask.now = now
    if ask.trouble is None:
        spoken.answer(ask)
    return ask


def refused(request: Request, now: float = NOW, fake: Fake = FAKE) -> tuple[str, str, str]:
    """The kind of the refusal, the name of its exception, and what is said."""
    ask = read(request, now, fake)
    assert ask.trouble is not None
    head, body, *_ = ask.dialect.trouble(ask, ask.trouble)
    assert 403 == head.status  # type: ignore[union-attr]
    told = dict(head.headers)["x-amzn-errortype"]  # type: ignore[union-attr]
    return ask.trouble.kind, told.partition(":")[0], json.loads(body.data)["message"]  # type: ignore[union-attr]


class TestGood:
    def test_what_amazon_signs_is_good(self) -> None:
        """
        The key is known by its id.
        """
        ask = read(signed())

        assert (None, KEY, FAKE.model) == (ask.trouble, ask.key, ask.model)

    @given(
        st.lists(TEXT, max_size=3),
        st.dictionaries(st.from_regex(r"\A[a-z]{1,8}\Z"), TEXT, max_size=3),
        st.binary(max_size=40),
        st.dictionaries(st.from_regex(r"\Ax-[a-z]{1,8}\Z"), TEXT, max_size=3),
        st.sampled_from(["GET", "POST"]),
    )
    def test_whatever_is_signed(
        self, parts: list[str], query: dict[str, str], body: bytes, headers: dict[str, str], method: str
    ) -> None:
        """
        Path, query, headers, body and method may be any: the signature is the same as Amazon's.
        """
        path = "/".join(["", *(auth.quote(part, safe="") for part in parts)]) or "/"
        pairs = "&".join(f"{name}={auth.quote(value, safe='-_.~')}" for name, value in query.items())
        request = signed(f"{path}?{pairs}" if pairs else path, body, method=method, headers=tuple(headers.items()))

        assert "bad_signature" != getattr(read(request).trouble, "kind", None)

    def test_the_path_that_picks_a_weather_is_signed_too(self) -> None:
        """
        A client whose base URL picks a weather signs all of the path.
        """
        picked = pick(signed(f"/weather/stormy{PATH}"), {"stormy": Weather()})

        assert PATH == picked.request.path
        assert None is read(picked.request).trouble

    def test_the_host_by_its_name_in_http2(self) -> None:
        """
        Who speaks HTTP/2 signs `:authority`, under which the host comes there.
        """
        scope = ("20261121", "us-east-1", "bedrock", "aws4_request")
        own = Signed(key_id(KEY), scope, (":authority", "x-amz-date"), "")
        made = signature(signed(), KEY, own, dt.datetime.fromtimestamp(NOW, dt.UTC))
        written = (
            f"AWS4-HMAC-SHA256 Credential={own.key_id}/{'/'.join(scope)}, "
            f"SignedHeaders=:authority;x-amz-date, Signature={made}"
        )
        request = with_header(signed(), "authorization", written)

        assert None is read(request).trouble
        assert "bad_signature" == refused(with_header(request, "host", "elsewhere"))[0]

    @pytest.mark.parametrize("apart", [-299.0, 0.0, 299.0])
    def test_clocks_may_differ_a_little(self, apart: float) -> None:
        """
        A signature is good for five minutes, before and after.
        """
        assert None is read(signed(at=NOW + apart)).trouble

    def test_a_second_key(self) -> None:
        """
        Each key has an id of its own.
        """
        fake = Fake(dialect="bedrock", model=FAKE.model, keys=(secret(1), secret(2)))

        assert secret(2) == read(signed(key=secret(2)), fake=fake).key

    @pytest.mark.parametrize("region", ["eu", "eu-west-1"])
    def test_a_region(self, region: str) -> None:
        """
        A fake that stands in a region, or in a part of the world, takes signatures for it.
        """
        fake = Fake(dialect="bedrock", model=FAKE.model, region=region)

        assert None is read(signed(region="eu-west-1"), fake=fake).trouble
        assert "Credential should be scoped to a valid region. " == refused(signed(), fake=fake)[2]


class TestBad:
    @pytest.mark.parametrize(
        "fields",
        [{"path": "/model/other/converse"}, {"query": "a=b"}, {"body": BODY + b" "}],
        ids=lambda fields: next(iter(fields)),
    )
    def test_whatever_is_changed_is_noticed(self, fields: dict[str, Any]) -> None:
        """
        The signature does not match, as Amazon says it.
        """
        kind, name, message = refused(changed(signed(), **fields))

        assert ("bad_signature", "InvalidSignatureException") == (kind, name)
        assert message.startswith("The request signature we calculated does not match")

    def test_a_changed_header_is_noticed(self) -> None:
        """
        Those that are signed.
        """
        request = with_header(signed(headers=(("X-Amz-Target", "a"),)), "x-amz-target", "b")

        assert "bad_signature" == refused(request)[0]

    def test_a_header_that_has_to_be_signed(self) -> None:
        """
        The host, and whatever is Amazon's own.
        """
        written = dict(signed().headers)["authorization"]
        hostless = with_header(signed(), "authorization", written.replace("SignedHeaders=host;", "SignedHeaders="))

        assert "must be a 'SignedHeader'" in refused(hostless)[2]
        assert "x-amz-target" in refused(with_header(signed(), "x-amz-target", "b"))[2]

    def test_a_wrong_secret(self) -> None:
        """
        The id is known, the signature is not that key's.
        """
        assert "InvalidSignatureException" == refused(signed(key=secret(9), name=key_id(KEY)))[1]

    def test_an_unknown_key(self) -> None:
        """
        It is told apart from a wrong signature.
        """
        kind, name, message = refused(signed(key=secret(9)))

        assert ("invalid_key", "UnrecognizedClientException") == (kind, name)
        assert "The security token included in the request is invalid." == message

    def test_a_revoked_key(self) -> None:
        """
        It is no good any more, and still known for what it was.
        """
        fake = Fake(dialect="bedrock", model=FAKE.model, keys=(secret(2),), revoked=(KEY,))
        ask = read(signed(), fake=fake)

        assert ("invalid_key", KEY) == (getattr(ask.trouble, "kind", None), ask.key)

    def test_a_session_that_never_began(self) -> None:
        """
        No token of a session is any good.
        """
        assert "UnrecognizedClientException" == refused(signed(token="session"))[1]

    @pytest.mark.parametrize(
        ("fields", "said"),
        [
            ({"service": "bedrock-runtime"}, "Credential should be scoped to correct service: 'bedrock'. "),
            ({"at": NOW - 301}, "Signature expired: 20261121T095459Z is now earlier than 20261121T095500Z"),
            ({"at": NOW + 301}, "Signature not yet current: 20261121T100501Z is still later than 20261121T100500Z"),
        ],
    )
    def test_wrong_scopes_and_dates(self, fields: dict[str, Any], said: str) -> None:
        """
        Each in Amazon's words.
        """
        kind, name, message = refused(signed(**fields))

        assert ("bad_signature", "InvalidSignatureException") == (kind, name)
        assert message.startswith(said)

    def test_the_scope_s_day_is_the_date_s(self) -> None:
        """
        A signature cannot be taken to another day.
        """
        assert "does not match YYYYMMDD" in refused(with_header(signed(), "x-amz-date", "20261122T100000Z"))[2]

    @pytest.mark.parametrize("missing", ["Credential", "SignedHeaders", "Signature"])
    def test_incomplete_signatures(self, missing: str) -> None:
        """
        What is missing is named.
        """
        written = dict(signed().headers)["authorization"].replace(f"{missing}=", "Other=")
        kind, name, message = refused(with_header(signed(), "authorization", written))

        assert ("incomplete_signature", "IncompleteSignatureException") == (kind, name)
        assert f"Authorization header requires '{missing}' parameter." == message

    @pytest.mark.parametrize(
        ("request_", "said"),
        [
            (with_header(signed(), "x-amz-date", None), "'X-Amz-Date' or a 'Date' header"),
            (with_header(signed(), "x-amz-date", "today"), "'X-Amz-Date' or a 'Date' header"),
            (
                with_header(
                    signed(), "authorization", "AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature=c"
                ),
                "exactly 5 slash-delimited elements",
            ),
        ],
    )
    def test_what_is_no_signature(self, request_: Request, said: str) -> None:
        """
        A date that cannot be read, a scope that is none.
        """
        assert said in refused(request_)[2]

    def test_the_id_alone_is_no_key(self) -> None:
        """
        It is no secret, and opens nothing.
        """
        request = with_header(signed(), "authorization", f"Bearer {key_id(KEY)}")

        assert "invalid_key" == getattr(read(request).trouble, "kind", None)

    def test_a_signature_of_any_letters(self) -> None:
        """
        One that is not in hexadecimal does not match.
        """
        written = dict(signed().headers)["authorization"].partition("Signature=")[0]

        assert "bad_signature" == refused(with_header(signed(), "authorization", f"{written}Signature=é"))[0]

    def test_nothing_at_all(self) -> None:
        """
        Neither signature nor token.
        """
        assert ("no_key", "MissingAuthenticationTokenException", "Missing Authentication Token") == refused(
            with_header(signed(), "authorization", None)
        )

    @given(st.text(max_size=60))
    def test_any_authorization_is_answered(self, written: str) -> None:
        """
        Whatever stands in the header, nothing breaks.
        """
        for value in (written, f"AWS4-HMAC-SHA256 {written}", f"AWS4-HMAC-SHA256 Credential={written}"):
            assert read(with_header(signed(), "authorization", value)).trouble is not None
