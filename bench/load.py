"""What a load run costs the harness: memory and time for each call that is taken in, and for each that is judged.

`python bench/load.py [CALLS]`. The calls are made by hand and their exchanges by a fake that answers in process, so
that what is measured is the ledger and the checks, not Locust or a target.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from pathlib import Path

from brownout.fakes.ask import Request
from brownout.fakes.clock import RealClock
from brownout.fakes.journal import fingerprint
from brownout.harness import finding
from brownout.harness.history import Call, Chunk, Heading, History
from brownout.harness.load import rows
from brownout.harness.load.judging import judged
from brownout.harness.load.ledger import Ledger
from brownout.harness.load.wire import begun, canary
from brownout.harness.rig import Rig
from brownout.harness.targets.make import Targets

CHUNKS = 24


def megabytes() -> float:
    """The most memory that this process ever had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def call_of(number: int, rig: Rig) -> tuple[Call, bytes]:
    """A streamed call, as its user made it, and the body of its request."""
    call = begun(canary(0, 0, number), f"u1-{number % 50}", stream=True)
    call.id, call.started = f"c{number + 1}", rig.clock.nanoseconds() - rig.origin
    body = b'{"model":"gpt-4o-mini","stream":true,"messages":[{"role":"user","content":"%s"}]}'
    return call, body % call.messages[0]["content"].encode()


def main(calls: int) -> None:
    """Take in so many calls, judge them, and print what it cost."""
    file = finding.find("reference", Path.cwd()).read()
    clock = RealClock()
    with tempfile.TemporaryDirectory() as folder:
        rig = Rig(file, clock, Targets(file, clock).one)
        server = rig.fakes["primary"]
        ledger = Ledger(Path(folder) / "shelves", rig)
        key = server.fake.keys[0]
        before, spent = megabytes(), 0.0
        for number in range(calls):
            call, body = call_of(number, rig)
            headers = (("authorization", f"Bearer {key}"), ("content-type", "application/json"))
            exchange = server.open(1, 0)
            list(server.reply(exchange, Request("POST", "/v1/chat/completions", "", headers, body)).script)
            exchange.status, exchange.ended = 200, "complete"
            now = rig.clock.nanoseconds() - rig.origin
            exchange.finished = exchange.last_byte = exchange.first_byte = call.ended = now
            call.text, call.ends, call.finish = exchange.answer or "", 1, "stop"
            call.chunks = [Chunk(now, word) for word in call.text.split()[:CHUNKS]]
            began = time.process_time()
            ledger.call(call)
            if number % 100 == 0:
                ledger.sweep()
            spent += time.process_time() - began
        ledger.sweep(everything=True)
        ledger.close()
        taken = megabytes()
        print(
            f"taken in   {calls:,} calls: {spent / calls * 1e6:.0f} us of CPU each, {taken - before:.0f} MB more memory"
        )
        keys = {name: [fingerprint(key) or "" for key in fake.fake.keys] for name, fake in rig.fakes.items()}
        frame = History(Heading("load", "", "must", "", "bench", file.contract, 0, 0.0, keys=keys))
        began = time.process_time()
        found, experienced = judged(rows.ROWS, ledger, frame, Path(folder) / "report", "")
        judging = time.process_time() - began
        more = megabytes() - taken
        print(f"judged     {judging / calls * 1e6:.0f} us of CPU each, {more:.0f} MB more; {dict(experienced)}")
        print("verdicts  ", ", ".join(f"{row.id} {row.verdict}" for row in found))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
