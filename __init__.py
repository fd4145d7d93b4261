"""A crash-test lab for integrations with LLM providers.

What authors of scenarios and of tests need; everything else is imported from where it stands. A name is imported when
it is first used, because the pytest plugin is loaded into test runs that may never use one.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .version import __version__

if TYPE_CHECKING:
    from .fakes.answer import Answer, Pace, ToolCall
    from .fakes.fake import Fake
    from .fakes.server import FakeServer
    from .fakes.weather import Rule, Weather, When, alternately, always, during, first, sometimes
    from .harness.checks import NothingToJudge, Violation, check
    from .harness.scenario import MAY, MUST, SHOULD, Case, scenario
    from .harness.stage import Stage, expect

__all__ = [
    "MAY",
    "MUST",
    "SHOULD",
    "Answer",
    "Case",
    "Fake",
    "FakeServer",
    "NothingToJudge",
    "Pace",
    "Rule",
    "Stage",
    "ToolCall",
    "Violation",
    "Weather",
    "When",
    "__version__",
    "alternately",
    "always",
    "check",
    "during",
    "expect",
    "first",
    "scenario",
    "sometimes",
]

_HOMES = {
    "fakes.answer": ("Answer", "Pace", "ToolCall"),
    "fakes.fake": ("Fake",),
    "fakes.server": ("FakeServer",),
    "fakes.weather": ("Rule", "Weather", "When", "alternately", "always", "during", "first", "sometimes"),
    "harness.checks": ("NothingToJudge", "Violation", "check"),
    "harness.scenario": ("MAY", "MUST", "SHOULD", "Case", "scenario"),
    "harness.stage": ("Stage", "expect"),
}


def __getattr__(name: str) -> Any:
    """A public name, from where it stands."""
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f".{home}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
