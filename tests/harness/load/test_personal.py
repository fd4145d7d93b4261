"""Personal data under load: real Locust, real targets, a few seconds each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from loading import brownout, ran, verdicts

from brownout.harness.contract import Pii
from brownout.harness.history import load as load_history
from brownout.harness.load.crowd import gathered
from brownout.harness.pii.finder import finder

pytestmark = pytest.mark.slow

USERS = 6
TYPES = ("email", "card", "phone", "iban")
LEAKY = """
name = "leaky"
[start]
env = { URL = "{primary.url}", KEY = "{primary.key}" }
[call.python]
callable = "leaky:complete"
path = ["."]
[providers.primary]
dialect = "openai"
model = "gpt-4o-mini"
[contract]
deadline = 10
[contract.pii]
types = ["email", "card", "phone", "iban"]
restore = true
"""
# Sends what it is told, prints it, tells it in errors, and answers everybody with what the one before was told.
CODE = """
import os
import httpx

calls, last = 0, ""

async def complete(prompt):
    global calls, last
    calls += 1
    print("asked:", prompt)
    if calls % 4 == 0:
        raise RuntimeError(f"cannot serve {prompt}")
    body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": prompt}]}
    headers = {"authorization": "Bearer " + os.environ["KEY"]}
    async with httpx.AsyncClient(base_url=os.environ["URL"] + "/", headers=headers) as client:
        reply = await client.post("chat/completions", json=body)
    told, last = last, reply.json()["choices"][0]["message"]["content"]
    return told or last
"""


def shown(folder: Path, types: tuple[str, ...], locales: tuple[str, ...] = ()) -> Iterator[str]:
    """Every value that a run has planted and that is in clear in a file that it has written."""
    people = gathered(Pii(types, locales=locales), USERS, 0)  # type: ignore[arg-type]  # the types of the contract
    find = finder(tuple(value for person in people for value in person.values)).find
    for path in folder.rglob("*"):
        if path.is_file():
            yield from (f"{path.name}: {found.value.type}" for found in find(path.read_text("utf-8", "replace")))


def test_the_reference_lets_nothing_personal_out(tmp_path: Path) -> None:
    """
    It masks what users say and brings it back; the saved run says how much was planted, and holds none of it.
    """
    words = ("reference", "--profile", "outage-under-load", "--duration", "6s", "--users", str(USERS))
    results, done = ran(tmp_path, *words)
    history = load_history(tmp_path / "brownout-report" / "load.jsonl")
    pii = history.contract.pii
    recall = next(row for row in results.results if row.id == "load.pii-not-sent").cases[0].recall
    again = brownout(tmp_path, "judge", "brownout-report/load.jsonl")

    assert pii is not None
    for row in ("load.pii-not-sent", "load.pii-not-logged", "load.pii-no-crosstalk", "load.pii-restored"):
        assert "pass" == verdicts(results)[row], done.stdout
    assert {"email", "card", "name"} <= {one.type for one in recall}
    assert len(history.planted) >= sum(one.planted for one in recall) > 20
    assert [] == list(shown(tmp_path / "brownout-report", pii.types, pii.locales))
    assert again.returncode == done.returncode, again.stdout


def test_a_leak_is_found_wherever_it_is_and_never_shown(tmp_path: Path) -> None:
    """
    On the wire, in the log, in an error, in another's answer: each is a row that fails, and no value is in any file.
    """
    (tmp_path / "leaky.toml").write_text(LEAKY)
    (tmp_path / "leaky.py").write_text(CODE)
    results, done = ran(tmp_path, "leaky.toml", "--duration", "5s", "--users", str(USERS))
    failed = {row.id: row for row in results.results if row.verdict == "fail" and row.id.startswith("load.pii")}
    again = brownout(tmp_path, "judge", "brownout-report/histories/load.pii-not-sent.jsonl")

    assert 1 == done.returncode
    assert {
        "load.pii-not-sent",
        "load.pii-not-logged",
        "load.pii-not-returned",
        "load.pii-no-crosstalk",
        "load.pii-restored",
    } == set(failed), done.stdout
    assert "card values of de_DE" in failed["load.pii-not-sent"].reason
    assert "prompt (raw)" in failed["load.pii-not-sent"].reason
    assert "stdout" in failed["load.pii-not-logged"].reason
    assert "nobody here" not in failed["load.pii-no-crosstalk"].reason
    assert 1 == again.returncode, again.stdout
    assert [] == list(shown(tmp_path, TYPES))
