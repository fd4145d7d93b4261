"""What a load run costs the harness: memory and time for each call that is taken in, and for each that is judged.

`python bench/load.py [CALLS]`. The calls are made by hand and their exchanges by a fake that answers in process, so
that what is measured is the ledger and the checks, not Locust or a target. It is done twice: with users who say
nothing of themselves, and with such as do so to a target that masks it, whose calls are looked through.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import msgspec
from msgspec.structs import replace

from brownout.fakes.answer import Answer
from brownout.fakes.ask import Request
from brownout.fakes.clock import RealClock
from brownout.fakes.journal import fingerprint
from brownout.harness import finding
from brownout.harness.history import Call, Chunk, Heading, History
from brownout.harness.load import rows
from brownout.harness.load.crowd import REPEAT, Crowd, crowd_of, gathered
from brownout.harness.load.judging import judged
from brownout.harness.load.ledger import Ledger
from brownout.harness.load.wire import begun, canary
from brownout.harness.pii.concealing import Veil
from brownout.harness.rig import Rig
from brownout.harness.targets.make import Targets

CHUNKS = 24


def megabytes() -> float:
    """The most memory that this process ever had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def call_of(number: int, rig: Rig, said: Crowd) -> tuple[Call, bytes]:
    """A streamed call, as its user made it, and the body of its request, masked."""
    text = said.says(number % 50, number // 50)
    call = begun(canary(0, 0, number), f"u1-{number % 50}", text, stream=True)
    call.id, call.started = f"c{number + 1}", rig.clock.nanoseconds() - rig.origin
    asked, *told = call.messages[0]["content"].split("\n")
    masked = "\n".join([asked, *("This is what was said: [VALUE_12345678]." for _ in told)])
    content = [{"role": "user", "content": masked}]
    return call, msgspec.json.encode({"model": "gpt-4o-mini", "stream": True, "messages": content})


def main(calls: int) -> None:
    """Take in so many calls of either kind; each kind in a process of its own, whose memory is its own."""
    for kind in ("nobody", "somebody"):
        subprocess.run([sys.executable, __file__, str(calls), kind], check=True)


def measured(calls: int, *, personal: bool) -> None:
    """Take in so many calls, judge them, and print what it cost."""
    file = finding.find("reference", Path.cwd()).read()
    pii = file.contract.pii if personal else None
    if not personal:
        file = replace(file, contract=replace(file.contract, pii=None))
    people = gathered(pii, 50, 0)
    said = crowd_of(people, pii)
    clock = RealClock()
    with tempfile.TemporaryDirectory() as folder:
        rig = Rig(file, clock, Targets(file, clock).one)
        rig.plant(value for person in people for value in person.values)
        Veil(rig.personal).text("%22 é aaaaaaaaa")  # compiles what is sought
        server = rig.fakes["primary"]
        server.answer = Answer(echo=True, echo_asked=REPEAT, letters=5)
        ledger = Ledger(Path(folder) / "shelves", rig)
        key = server.fake.keys[0]
        before, spent = megabytes(), 0.0
        for number in range(calls):
            call, body = call_of(number, rig, said)
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
        each = f"{spent / calls * 1e6:.0f} us of CPU each, {taken - before:.0f} MB more memory"
        print(f"{'somebody' if personal else 'nobody':8}   {calls:,} calls taken in: {each}")
        keys = {name: [fingerprint(key) or "" for key in fake.fake.keys] for name, fake in rig.fakes.items()}
        frame = History(Heading("load", "", "must", "", "bench", file.contract, 0, 0.0, keys=keys))
        ledger.conceal(frame)
        began = time.process_time()
        found, experienced = judged(rows.ROWS, ledger, frame, Path(folder) / "report", "")
        judging = time.process_time() - began
        more = megabytes() - taken
        print(f"judged     {judging / calls * 1e6:.0f} us of CPU each, {more:.0f} MB more; {dict(experienced)}")
        print("verdicts  ", ", ".join(f"{row.id} {row.verdict}" for row in found))


if __name__ == "__main__":
    if len(sys.argv) > 2:
        measured(int(sys.argv[1]), personal=sys.argv[2] == "somebody")
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
