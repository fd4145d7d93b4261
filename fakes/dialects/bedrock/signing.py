"""AWS Signature Version 4, verified: who has signed what, for which region and service, and when.

    AWS4-HMAC-SHA256 Credential=ID/20261121/us-east-1/bedrock/aws4_request, SignedHeaders=host;..., Signature=...

The signature is an HMAC under a key that is derived from the secret and the scope behind the `ID`. It covers date and
scope, and a digest of the canonical request: method, path, query, signed headers, and the digest of the body. Nothing
but the secret itself is taken from the caller's word: whatever was changed on the way, the signature does not match.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from hashlib import sha256
from typing import TYPE_CHECKING
from urllib.parse import quote

from ...ask import Trouble
from ...fake import key_id
from ...script import header
from ..reading import bearer
from ..refusing import Refused

if TYPE_CHECKING:
    from ...ask import Ask, Request

ALGORITHM = "AWS4-HMAC-SHA256"
SERVICE, ENDING = "bedrock", "aws4_request"
FORM = "%Y%m%dT%H%M%SZ"
AUTHORITY = ":authority"
"""What HTTP/2 calls the host; who speaks it signs that name."""
MINUTES = 5
"""How far a signature's date may be from the provider's own."""


@dataclass(frozen=True, slots=True)
class Signed:
    """What an `Authorization` header says of a signature."""

    key_id: str
    scope: tuple[str, ...]
    """Day, region, service, and the word that ends it."""
    headers: tuple[str, ...]
    signature: str


def key_of(request: Request) -> str | None:
    """The key in a bearer token, or the id of one that has signed."""
    if not signs(request):
        return bearer(request)
    return _fields(header(request.headers, "authorization") or "").get("Credential", "").partition("/")[0] or None


def signs(request: Request) -> bool:
    """Whether a request is signed, well or badly."""
    return (header(request.headers, "authorization") or "").startswith(ALGORITHM)


def secret_of(ask: Ask) -> str | None:
    """The key that a request is signed with, where the fake has it or had it; any other is what was brought."""
    known = (*ask.fake.keys, *ask.fake.revoked) if signs(ask.request) else ()
    return next((key for key in known if key_id(key) == ask.key), ask.key)


def check_signature(ask: Ask) -> Trouble | None:
    """What is wrong with the key or the signature of a request; its date is judged by `check_date`."""
    if not signs(ask.request):
        return None if ask.key in ask.fake.keys else Trouble("invalid_key" if ask.key else "no_key")
    date = _date(ask.request)
    fields = _fields(header(ask.request.headers, "authorization") or "")
    if missing := [name for name in ("Credential", "Signature", "SignedHeaders") if not fields.get(name)]:
        return _incomplete(" ".join(f"Authorization header requires '{name}' parameter." for name in missing))
    if date is None:
        return _incomplete("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
    name, *scope = fields["Credential"].split("/")
    signed = Signed(name, tuple(scope), tuple(fields["SignedHeaders"].split(";")), fields["Signature"])
    if len(scope) != 4:
        form = "keyid/date/region/service/term"
        return _incomplete(
            f"Credential must have exactly 5 slash-delimited elements, e.g. {form}, got {len(scope) + 1}"
        )
    # No session is ever begun at a fake, so no session's token is any good.
    if ask.key not in ask.fake.keys or header(ask.request.headers, "x-amz-security-token") is not None:
        return Trouble("invalid_key")
    wrong = _wrong_scope(signed, date, ask.fake.region) or _unsigned(signed, ask.request)
    if wrong:
        return Trouble("bad_signature", wrong)
    expected = signature(ask.request, ask.key or "", signed, date)
    return None if expected == signed.signature else Trouble("bad_signature")


def check_date(ask: Ask) -> None:
    """Refuse a signature that is too old, or dated too far ahead."""
    date = _date(ask.request) if signs(ask.request) else None
    if date is None:
        return
    ago = ask.now - date.timestamp()
    told, now = date.strftime(FORM), _form(ask.now)
    if ago > 60 * MINUTES:
        least = _form(ask.now - 60 * MINUTES)
        raise Refused(
            Trouble("bad_signature", f"Signature expired: {told} is now earlier than {least} ({now} - {MINUTES} min.)")
        )
    if ago < -60 * MINUTES:
        most = _form(ask.now + 60 * MINUTES)
        raise Refused(
            Trouble("bad_signature", f"Signature not yet current: {told} is still later than {most} ({now} + 5 min.)")
        )


def signature(request: Request, secret: str, signed: Signed, date: datetime) -> str:
    """The signature that a request should have."""
    digest = sha256(canonical(request, signed.headers).encode("utf-8", "surrogatepass")).hexdigest()
    key = b"AWS4" + secret.encode()
    for part in signed.scope:
        key = hmac.digest(key, part.encode("utf-8", "replace"), "sha256")
    text = "\n".join((ALGORITHM, date.strftime(FORM), "/".join(signed.scope), digest))
    return hmac.new(key, text.encode("utf-8", "replace"), sha256).hexdigest()


def canonical(request: Request, names: tuple[str, ...]) -> str:
    """The request in the one form in which it is signed."""
    known = (*request.headers, (AUTHORITY, header(request.headers, "host") or ""))
    values = {name: ",".join(" ".join(value.split()) for key, value in known if key == name) for name in names}
    return "\n".join(
        (
            request.method,
            quote(_normal(request.prefix + request.path).encode("latin-1", "replace"), safe="/~"),
            "&".join(f"{name}={value}" for name, value in sorted(_pairs(request.query))),
            *(f"{name}:{value}" for name, value in values.items()),
            "",
            ";".join(names),
            sha256(request.body).hexdigest(),
        )
    )


def _fields(written: str) -> dict[str, str]:
    pairs = (each.strip().partition("=") for each in written.removeprefix(ALGORITHM).split(","))
    return {name: value for name, _, value in pairs}


def _pairs(query: str) -> list[tuple[str, str]]:
    pairs = (each.partition("=") for each in query.split("&") if each)
    return [(name, value) for name, _, value in pairs]


def _normal(path: str) -> str:
    """The path without empty parts, `.` and `..`."""
    kept: list[str] = []
    for part in path.split("/"):
        if part == "..":
            kept = kept[:-1]
        elif part not in {"", "."}:
            kept.append(part)
    return "/" + "/".join(kept) + ("/" if kept and path.endswith("/") else "")


def _date(request: Request) -> datetime | None:
    """When a request says it was signed."""
    try:
        if (written := header(request.headers, "x-amz-date")) is not None:
            return datetime.strptime(written, FORM).replace(tzinfo=UTC)
        found = parsedate_to_datetime(header(request.headers, "date") or "")
        return found if found.tzinfo else found.replace(tzinfo=UTC)
    except ValueError:
        return None


def _wrong_scope(signed: Signed, date: datetime, region: str | None) -> str | None:
    day, where, service, ending = signed.scope
    if service != SERVICE:
        return f"Credential should be scoped to correct service: '{SERVICE}'. "
    if region is not None and not where.startswith(region):
        return "Credential should be scoped to a valid region. "
    if ending != ENDING:
        return f"Credential should be scoped with a valid terminator: '{ENDING}', not '{ending}'."
    if day != date.strftime("%Y%m%d"):
        return (
            f"Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
            f"'{day}' != '{date.strftime('%Y%m%d')}', from '{date.strftime(FORM)}'."
        )
    return None


def _unsigned(signed: Signed, request: Request) -> str | None:
    """What has to be signed and is not."""
    if not {"host", AUTHORITY} & set(signed.headers):
        return "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."
    own = sorted({name for name, _ in request.headers if name.startswith("x-amz-")} - set(signed.headers))
    return f"The following header(s) must be signed: {', '.join(own)}." if own else None


def _incomplete(message: str) -> Trouble:
    return Trouble("incomplete_signature", message)


def _form(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime(FORM)
