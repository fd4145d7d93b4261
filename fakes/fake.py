"""One fake provider, as it is configured."""

from __future__ import annotations

import base64
import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files

import msgspec

from .figures import Count, Dollars, Period


class Price(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Dollars per million tokens."""

    input: Dollars
    output: Dollars
    cached: Dollars | None = None
    """Of the prompt, where the provider had it cached; as any other input where not given."""
    cache_write: Dollars | None = None
    """Of the prompt, where it is put into the cache; as any other input where not given."""


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a provider allows a key: requests and tokens a minute, requests a day."""

    rpm: Count | None = None
    tpm: Count | None = None
    rpd: Count | None = None
    window: Period = 60.0
    """Over how long a minute's limit may be used at once; many providers enforce it in shorter pieces."""


class Model(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the price list says of one model."""

    dialect: str
    price: Price
    window: int
    """The most tokens of input and output together."""
    max_output: int


# Whose models a cloud serves too, under the same names.
RESOLD = {"vertex": ("gemini", "anthropic"), "azure_openai": ("openai",)}

PUBLIC = "sk-brownout-"
"""How every key begins: no secret, as with real ones."""


def secret(number: int) -> str:
    """One of the keys there are; a piece of it is found nowhere by chance."""
    return PUBLIC + hashlib.sha256(f"key {number}".encode()).hexdigest()[:40]


def key_id(key: str) -> str:
    """By what a key is named where requests are signed with it, and do not bring it; this is no secret."""
    return "AKIA" + base64.b32encode(hashlib.sha256(f"id of {key}".encode()).digest())[:16].decode()


@cache
def price_list() -> dict[str, Model]:
    """Every model of `prices.toml`, by name."""
    text = files(__package__).joinpath("prices.toml").read_text("utf-8")
    return msgspec.convert(tomllib.loads(text)["models"], dict[str, Model])


@cache
def models_of(dialect: str) -> dict[str, Model]:
    """What the price list says of the models that a provider of this dialect serves."""
    return of_dialect(dialect, price_list())


def of_dialect(dialect: str, models: Mapping[str, Model]) -> dict[str, Model]:
    """Those of the models that a provider of this dialect serves: its own, and those that a cloud resells."""
    spoken = (dialect, *RESOLD.get(dialect, ()))
    return {name: model for name, model in models.items() if model.dialect in spoken}


@dataclass(frozen=True, slots=True)
class Fake:
    """A dialect at an address, with keys, a model, prices, limits and a region."""

    name: str = "primary"
    dialect: str = "openai"
    model: str = "gpt-4o-mini"
    keys: tuple[str, ...] = (secret(1),)
    price: Price | None = None
    window: int | None = None
    max_output: int | None = None
    limits: Limits = Limits()
    region: str | None = None
    models: dict[str, Model] = field(default_factory=dict)
    """Models of one's own, beside the price list's."""
    revoked: tuple[str, ...] = field(default=(), kw_only=True)
    """Keys that were good once; one that only signs is known again by them."""
    http2: bool = False
    """Whether it speaks HTTP/2 too."""
    tls: bool = False
    """Whether it is spoken to over TLS, with a certificate of this process's `authority`."""

    def find(self, model: str | None) -> Model | None:
        """What is known of a model; None where this provider has none of that name."""
        if model is None:
            return None
        listed = self.models.get(model) or models_of(self.dialect).get(model)
        if model != self.model:
            return listed
        return Model(
            self.dialect,
            self.price or (listed.price if listed else Price(0.0, 0.0)),
            self.window or (listed.window if listed else 128_000),
            self.max_output or (listed.max_output if listed else 16_384),
        )

    def known(self) -> list[str]:
        """The names of all models this provider serves."""
        return sorted({self.model, *self.models, *models_of(self.dialect)})
