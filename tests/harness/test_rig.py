from __future__ import annotations

import asyncio
from pathlib import Path

from msgspec.structs import replace

from brownout.fakes.authority import authority
from brownout.fakes.clock import RealClock
from brownout.fakes.fake import key_id
from brownout.harness import finding
from brownout.harness.rig import Rig
from brownout.harness.target_file import read
from brownout.harness.targets.make import Targets


def test_a_key_that_the_target_tells_is_kept_as_its_fingerprint() -> None:
    """
    Neither a line of output nor an incident holds a key in clear.
    """
    file = read(finding.READY_MADE / "reference.toml")
    clock = RealClock()
    rig = Rig(file, clock, Targets(file, clock).one)
    key = rig.fakes["primary"].fake.keys[0]

    rig.log("stderr", f"using {key}")
    rig.note("target_died", last=f"bad key {key}", code=1)

    assert key not in rig.logs[0].text
    assert key not in str(rig.events[0].details)
    assert rig.logs[0].text.startswith("using <")


def test_each_key_comes_with_its_id() -> None:
    """
    What a target signs with is handed on as a pair, which is the same in every run.
    """
    file = read(finding.READY_MADE / "reference.toml")
    clock = RealClock()
    places = Rig(file, clock, Targets(file, clock).one).places()
    keys = {name for name in places if ".key" in name and ".key_id" not in name}

    assert keys
    assert all(key_id(places[name]) == places[name.replace(".key", ".key_id")] for name in keys)
    assert not any(places[name] in places[name.replace(".key", ".key_id")] for name in keys)


def test_a_target_is_given_what_it_has_to_trust() -> None:
    """
    A provider over TLS has an https address and a file with the authority's certificate, which goes with the fakes.
    """
    file = read(finding.READY_MADE / "reference.toml")
    providers = {**file.providers, "primary": replace(file.providers["primary"], tls=True)}
    clock = RealClock()
    rig = Rig(replace(file, providers=providers), clock, Targets(file, clock).one)

    places = rig.places()
    certificate = Path(places["primary.ca"]).read_bytes()
    asyncio.run(rig._stop())

    assert places["primary.url"].startswith("https://127.0.0.1:")
    assert "secondary.ca" not in places
    assert certificate == authority().pem
    assert not Path(places["primary.ca"]).exists()
