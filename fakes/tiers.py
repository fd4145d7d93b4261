"""What providers allow their customers, by the names of their tiers: `tiers.toml`."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Annotated

import msgspec

from .fake import Limits


class Tier(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One tier of one provider."""

    whose: str = msgspec.field(name="for")
    """Whose limits they are: of which model, at which provider, for whom."""
    limits: Limits
    source: str
    """Where the figures are from."""


@cache
def tiers() -> dict[str, Tier]:
    """Every tier, by name."""
    text = files(__package__).joinpath("tiers.toml").read_text("utf-8")
    return msgspec.convert(tomllib.loads(text), dict[str, Tier])


TierName = Annotated[str, msgspec.Meta(extra_json_schema={"enum": list(tiers())})]
"""The name of one of them."""


def limits_of(given: Limits | str) -> Limits:
    """The limits that are given, or those of the tier that is named."""
    return tiers()[given].limits if isinstance(given, str) else given
