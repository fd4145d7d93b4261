"""What a target promises.

Only claims are judged. A table that is not there is "not promised"; where a claim gives no figure, or a rule holds for
every target, the figure is the field's: four attempts, an answer or an error within a minute. Durations are seconds of
target time, money is micro-dollars.
"""

from __future__ import annotations

from typing import Any, Literal, get_args

import msgspec

from ..fakes.fake import Limits
from ..fakes.figures import Count, Factor, Microdollars, Part, Period, Share, dollars

Reason = Literal["error", "timeout", "rate_limit", "context_length", "content_policy"]
Locale = Literal["en_US", "en_GB", "de_DE", "fr_FR", "ja_JP"]
PiiType = Literal[
    "email",
    "phone",
    "card",
    "ssn",
    "national_id",
    "iban",
    "ip",
    "date_of_birth",
    "address",
    "name",
    "medical_record",
    "passport",
    "api_key",
    "password",
]


class Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One table of the file."""


class Retry(Table, frozen=True):
    """How often and how long a failing request is tried again."""

    max_attempts: Count = 4
    """The most wire attempts of one call at one provider, the first included."""
    max_total: Period | None = None
    """By when the last attempt of a call has begun, counted from its first."""


class Stream(Table, frozen=True):
    """Streamed answers, and how long a caller may be left without a token."""

    idle_timeout: Period | None = None
    """By when the caller of a stream that has stalled is told; the deadline where it is not given."""
    first_token: Period | None = None
    """By when the first token has come, or the caller is told."""
    tools: bool = False
    """Whether callers may offer tools and are handed the model's calls of them."""


class Breaker(Table, frozen=True):
    """When a provider that fails is left alone, for how long, and how it is tried again."""

    failures: Count | None = None
    """Open after so many failures in a row; 5 where neither this nor `error_rate` is given."""
    error_rate: Share | None = None
    """Open when this part of the requests in `window` fails; not promised where it is not given."""
    window: Period = 60.0
    """How far back `error_rate` looks."""
    minimum: Count = 10
    """How many requests there must be in `window` before `error_rate` counts."""
    cooldown: Period = 60.0
    """How long it stays open before the provider is tried again."""
    probes: Count = 1
    """How many requests may then try it."""
    scope: Literal["provider", "model", "key"] = "provider"
    """What has a breaker of its own."""

    @property
    def opens_after(self) -> int:
        """How many failures in a row open it for certain."""
        if self.failures is not None:
            return self.failures
        return 5 if self.error_rate is None else self.minimum


class Fallback(Table, frozen=True):
    """What a caller gets when a provider fails."""

    chain: tuple[str, ...] = ()
    """Providers in the order in which they are tried."""
    static: bool = False
    """A fixed answer when nobody else answers."""
    cached: bool = False
    """The answer that the same question had before."""
    queue: bool = False
    """The call is accepted, and completed after recovery."""
    balance: bool = False
    """Calls are spread over the providers, away from slow ones."""
    regions: tuple[str, ...] = ()
    """Regions that stand in for each other."""
    context: str | None = None
    """The provider that is asked when the prompt does not fit."""
    return_within: Period | None = None
    """How soon after its recovery the first provider serves again; twice the breaker's cooldown where not given."""
    on: tuple[Reason, ...] = ("error", "timeout", "rate_limit")
    """What makes the next provider be asked."""
    midstream: Literal["error", "continue", "restart"] | None = None
    """What happens when a stream breaks after its first words."""


class Context(Table, frozen=True):
    """Prompts that do not fit."""

    preflight: bool = False
    """Nothing over the model's window is sent."""
    truncate: bool = False
    """What does not fit is shortened, and system prompt and last message survive."""


class Pii(Table, frozen=True):
    """What personal data never leaves."""

    types: tuple[PiiType, ...]
    """What is masked."""
    recall: dict[PiiType, Share] = {}
    """How much of a type is found, where that is less than all."""
    locales: tuple[Locale, ...] = ()
    """The locales it is promised for, such as "en_US"; all of them where not given."""
    restore: bool = False
    """The caller's own values come back in the answer."""
    fields: tuple[str, ...] = ()
    """Fields of a request that never leave."""
    fail: Literal["closed", "open"] = "closed"
    """What happens to a call that cannot be masked: it is refused, or it leaves as it is."""

    def recall_of(self, kind: str) -> float:
        """How much of a type is found."""
        return next((share for name, share in self.recall.items() if name == kind), 1.0)


class Spend(Table, frozen=True):
    """What may be spent."""

    cap: Microdollars | None = None
    """Dollars in all callers' names and one period."""
    period: Literal["day", "month", "run"] = "run"
    """When counting begins again."""
    timezone: str = "UTC"
    """Where a day and a month begin."""
    per_user: Microdollars | None = None
    """Dollars in one caller's name and one period."""
    overshoot: Microdollars | None = None
    """By how much callers at the same moment may miss the cap; by one call where not given."""
    post_paid: bool = False
    """The call that crosses the cap is still made."""
    durable: bool = False
    """What was spent is remembered over a crash."""
    alerts: tuple[Factor, ...] = ()
    """At which parts of the cap an alert is given, such as 0.5 and 1.0."""


class Quota(Table, frozen=True):
    """The rate under which the target keeps."""

    rpm: Count | None = None
    """Requests a minute; the provider's limit where not given."""
    tpm: Count | None = None
    """Tokens a minute."""
    rpd: Count | None = None
    """Requests a day."""
    window: Period | None = None
    """How much may leave at once: what the limit gives in this time; the provider's window where not given."""
    queue: bool = False
    """What is over the rate waits; nothing is dropped."""
    per_user: Limits | None = None
    """What one caller may do."""


class Reload(Table, frozen=True):
    """Where a new key is put."""

    file: str
    """A file that holds the key and nothing else."""


class Keys(Table, frozen=True):
    """What happens when a key stops working."""

    second: bool = False
    """The provider's next key is used; its provider needs `keys = 2`."""
    reload: Reload | None = None
    """A new key is picked up without a restart."""


class Cache(Table, frozen=True):
    """Answers that are given again."""

    ttl: Period | None = None
    """How long an answer is good for."""
    single_flight: bool = False
    """Callers with the same question at the same moment share one request."""
    semantic: bool = False
    """Questions that mean the same are the same."""
    scope: Literal["user", "all"] = "user"
    """Whose answers a caller may get."""


class Submit(Table, frozen=True):
    """How a job is handed in."""

    url: str
    method: str = "POST"
    headers: dict[str, str] = {}
    body: str | None = None
    """Written with the placeholders of `call.http.body`."""
    id: str = "$.id"
    """Where the reply names the job."""


class Status(Table, frozen=True):
    """How a job is asked after."""

    url: str
    """Written with the placeholder `{job}`."""
    method: str = "GET"
    headers: dict[str, str] = {}
    state: str = "$.status"
    """Where the reply says how it stands."""
    done: tuple[str, ...] = ("completed", "done", "succeeded")
    failed: tuple[str, ...] = ("failed", "error", "cancelled", "expired")
    answer: str = "$.answer"
    """Where the reply has the answer."""


class Jobs(Table, frozen=True):
    """Work that outlives the request."""

    submit: Submit
    status: Status
    webhook: bool = False
    """The end of a job is told to a URL of the caller's."""
    batch: bool = False
    """Jobs go through the provider's batches."""


class Access(Table, frozen=True):
    """Callers are authenticated: `call.http.unauthorized` has headers that must be refused."""


class Observe(Table, frozen=True):
    """Where the target gives its own account of every call."""

    file: str | None = None
    """A file of JSON lines."""
    fields: dict[str, str] = {}
    """Where a record has what: `user = "$.user_id"`."""
    otlp: bool = False
    """Telemetry is sent to `{otlp.url}`."""
    audit: bool = False
    """Refused calls are recorded too: who, what, when, with what result."""


class Health(Table, frozen=True):
    """What of the service works without any provider."""

    url: str
    """Answers 200 whatever the providers do."""
    paths: tuple[str, ...] = ()
    """More URLs that do."""


class Load(Table, frozen=True):
    """What holds at full traffic."""

    p50: Period | None = None
    p95: Period = 3.0
    p99: Period | None = None
    first_token: Period | None = None
    """95 of 100 streamed calls have their first token by then."""
    errors: Part = 0.001
    rate_limited: Part = 0.01
    cache_hits: Part = 0.4
    amplification: Factor = 1.5
    """Wire attempts for each call."""
    memory_growth: Part = 0.05


class Contract(Table, frozen=True):
    """Everything a target promises."""

    deadline: Period = 60.0
    """Every caller has an answer or an error by then."""
    retry: Retry | None = None
    stream: Stream | None = None
    breaker: Breaker | None = None
    fallback: Fallback | None = None
    context: Context | None = None
    pii: Pii | None = None
    spend: Spend | None = None
    quota: Quota | None = None
    keys: Keys | None = None
    cache: Cache | None = None
    jobs: Jobs | None = None
    access: Access | None = None
    residency: dict[str, tuple[str, ...]] | None = None
    """Which providers alone may serve whom: `eu = ["secondary"]`."""
    observe: Observe | None = None
    health: Health | None = None
    schema: dict[str, Any] | None = None
    """The JSON Schema that every answer fits, where answers are structured."""
    quality: bool = False
    """Whether answers that have nothing to do with the question are noticed."""
    load: Load | None = None

    @property
    def max_attempts(self) -> int:
        """The most wire attempts a call may make at one provider."""
        return (self.retry or Retry()).max_attempts

    @property
    def idle_timeout(self) -> float:
        """By when a caller whose stream has stalled is told."""
        stream = self.stream or Stream()
        return stream.idle_timeout or self.deadline

    @property
    def return_within(self) -> float:
        """How soon after its recovery the first provider serves again."""
        claimed = self.fallback.return_within if self.fallback is not None else None
        return claimed or 2 * (self.breaker or Breaker()).cooldown

    def claims(self, need: str) -> bool:
        """Whether a claim such as `stream` or `fallback.chain` is made; a LookupError where there is no such claim."""
        if need not in CLAIMS:
            raise LookupError(f"the contract has no claim named {need}")
        value: object = self
        for name in need.split("."):
            value = getattr(value, name, None)
            if value is None or value is False or value in ((), {}):
                return False
        return True


def _claims(struct: type, prefix: str = "") -> frozenset[str]:
    """Every name by which a scenario may ask for a claim."""
    found: set[str] = set()
    for field in msgspec.structs.fields(struct):
        name = prefix + field.encode_name
        found.add(name)
        for choice in getattr(field.type, "__args__", ()):
            if isinstance(choice, type) and issubclass(choice, Table):
                found |= _claims(choice, name + ".")
    return frozenset(found)


CLAIMS = _claims(Contract)


def written(table: Table) -> dict[str, Any]:
    """A table as a file would have it, for people to read: only what is said, and money in dollars."""
    told: dict[str, Any] = {}
    for field in msgspec.structs.fields(table):
        value = getattr(table, field.name)
        if isinstance(value, Table):
            told[field.name] = written(value)
        elif value not in (None, (), {}) and value is not False:
            money = Microdollars in get_args(field.type)
            told[field.name] = dollars(value) if money else msgspec.to_builtins(value)
    return told
