from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from clients import Careful, Failed
from staging import verdict

from brownout.harness import scenario
from brownout.harness.engine import Engine, Plan
from brownout.harness.loop import run
from brownout.harness.target_file import read

PROGRAM = """
import json, os, urllib.error, urllib.request

dead = []

class Unauthorized(Exception):
    pass

def complete(prompt):
    if dead:
        if os.environ["HOW"] == "dies":
            os._exit(3)
        raise Unauthorized("no key is left")
    body = json.dumps({"model": "gpt-4o-mini", "messages": [{"role": "user", "content": prompt}]}).encode()
    headers = {"content-type": "application/json", "authorization": "Bearer " + os.environ["KEY"]}
    request = urllib.request.Request(os.environ["URL"] + "/chat/completions", body, headers)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.load(answer)["choices"][0]["message"]["content"]
    except urllib.error.HTTPError as error:
        error.close()
        dead.append(error.code)
        raise Unauthorized("refused") from None
"""
FILE = """
name = "careful"
[start.env]
URL = "{primary.url}"
KEY = "{primary.key}"
HOW = "HOW"
[call.python]
callable = "careful:complete"
path = ["."]
[providers.primary]
dialect = "openai"
model = "gpt-4o-mini"
"""


@pytest.mark.slow
@pytest.mark.parametrize(("how", "verdict"), [("says so", "pass"), ("dies", "fail")])
def test_who_leaves_refused_keys_alone_is_not_accused_and_who_dies_of_it_is(
    tmp_path: Path, how: str, verdict: str
) -> None:
    """
    After its only key was refused a target has nothing to ask with; it has to say so, and be there.
    """
    (tmp_path / "careful.py").write_text(PROGRAM)
    (tmp_path / "target.toml").write_text(FILE.replace('"HOW"', f'"{how}"'))
    rows = [scenario.load()[name] for name in ("control.answers", "degrade.clean-error", "control.alive-after")]
    plan = Plan(read(tmp_path / "target.toml"), "careful", tuple(rows), case="401", report_dir=tmp_path / "report")

    results = run(Engine(plan).run())

    after = {
        case.case: case.verdict for row in results.results if row.id == "control.alive-after" for case in row.cases
    }
    assert after == {"degrade.clean-error[401]": verdict}


class Cooling(Careful):
    """Has a breaker, open at first, that no contract speaks of."""

    cooldown = 30.0

    def __init__(self, url: str, key: str) -> None:
        super().__init__(url, key)
        self.due = asyncio.get_running_loop().time() + self.cooldown

    async def __call__(self, prompt: str, *, stream: bool) -> AsyncIterator[str]:
        """Nobody is asked before its time."""
        if asyncio.get_running_loop().time() < self.due:
            raise Failed("provider")
        async for piece in super().__call__(prompt, stream=stream):
            yield piece


class Poisoned(Cooling):
    """Never comes back."""

    cooldown = float("inf")


@pytest.mark.parametrize(("client", "said"), [(Cooling, "pass"), (Poisoned, "fail")])
def test_a_breaker_that_is_not_promised_has_the_fields_minute(client: type[Careful], said: str) -> None:
    """
    Who says at once that the provider is down is asked again once any breaker has cooled, and has to be well then.
    """
    assert said == verdict("control.alive-after", client)
