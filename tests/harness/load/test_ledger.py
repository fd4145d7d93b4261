"""What a load run writes down holds no key, however a target shows it."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path

from brownout.fakes.clock import RealClock
from brownout.fakes.journal import fingerprint
from brownout.harness import finding
from brownout.harness.history import Call, Chunk
from brownout.harness.load.ledger import Ledger
from brownout.harness.rig import Rig
from brownout.harness.target_file import read
from brownout.harness.targets.make import Targets


def test_a_key_in_pieces_or_encoded_is_written_by_its_fingerprint(tmp_path: Path) -> None:
    """
    Cut between two chunks, in base64, or told as the model: no shelf has the key or a part of it, and each is known.
    """
    clock = RealClock()
    file = read(finding.READY_MADE / "reference.toml")
    rig = Rig(file, clock, Targets(file, clock).one)
    key = next(iter(rig.fakes.values())).fake.keys[0]
    half = len(key) // 2
    encoded = b64encode(key.encode()).decode()
    ledger = Ledger(tmp_path / "shelves", rig, shelves=1)
    chunks = [Chunk(1, f"I use {key[:half]}"), Chunk(2, key[half:])]

    ledger.call(Call("c1", "k", 0, text=f"I use {key}", chunks=chunks, message=f"key {encoded}", model=key))
    ledger.close()

    written = (tmp_path / "shelves" / "0.jsonl").read_text()
    assert not any(part in written for part in (key, key[:half], key[half:], encoded))
    assert 4 == written.count(f"<{fingerprint(key)}")
