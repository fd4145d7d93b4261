"""The fakes and the target of one scenario, started together and stopped together.

On a clock that can be warped the target starts in real time, so that imports cost what they cost; target time runs, or
leaps, while it serves, and it stops in real time again.
"""

from __future__ import annotations

import asyncio
import itertools
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from tempfile import mkdtemp
from types import TracebackType
from typing import Any, Self

from ..fakes.answer import Answer
from ..fakes.authority import authority
from ..fakes.clock import Clock
from ..fakes.fake import Fake, key_id
from ..fakes.journal import Exchange
from ..fakes.masking import Mask
from ..fakes.server import FakeServer
from ..fakes.weather import Weather
from .clock import WarpClock, why_not_process
from .history import Call, Chunk, Incident, LogLine
from .ladder import REAL, Pace
from .pii.concealing import Veil
from .pii.drawing import Value
from .target_file import TargetFile
from .targets import Target, TargetFailed
from .targets.keeper import descendants
from .targets.vitals import busy_seconds

PATIENCE = (0.01, 0.04, 0.2, 0.0)
"""Wall seconds between looks at a target that does not seem to live in target time."""


class OutOfReach(Exception):  # said of the target, not of the program
    """The target, or a part of it, does not live in target time; the message says why."""


class Rig:
    """A running target and the fakes it talks to.

    What the target says and does is kept until a history asks for it, so that a target which outlives a scenario is
    heard in the next one too.
    """

    def __init__(self, file: TargetFile, clock: Clock, make: Callable[[Rig], Target], pace: Pace = REAL) -> None:
        self.clock = clock
        self.pace = pace
        self.origin = clock.nanoseconds()
        self.logs: list[LogLine] = []
        self.events: list[Incident] = []
        self.personal: dict[Value, str] = {}
        """What has been planted since it runs, with the ids that histories have for it."""
        self.fakes: dict[str, FakeServer] = {}
        numbers = itertools.count(1)
        key = 1
        fakes: list[tuple[Fake, int]] = []
        for name, provider in file.providers.items():
            fakes.append((provider.fake(name, key, file.models), provider.port or 0))
            key += provider.keys
        secrets = [secret for fake, _ in fakes for secret in fake.keys]
        self.mask = Mask(secrets)
        for fake, port in fakes:
            self.fakes[fake.name] = FakeServer(
                fake, clock=clock, origin=self.origin, number=lambda: next(numbers), port=port, secrets=secrets
            )
        self._folder: str | None = None
        """Where the certificate is that a target has to trust, while the fakes stand."""
        self.target = make(self)

    async def __aenter__(self) -> Self:
        try:
            for server in self.fakes.values():
                await server.start()
            await self.target.start(self.places())
            await self.hurry()
        except TargetFailed as failed:
            await self._stop()
            raise TargetFailed(self.mask.deep(str(failed))) from None
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop()

    async def hurry(self) -> None:
        """Let target time run, now that the target is ready; `OutOfReach` where some of it would stay behind."""
        if isinstance(self.clock, WarpClock):
            await self.look()
            self.clock.ports = {server.port for server in self.fakes.values()} | self.target.ports
            self.clock.keeper = self.target.keeper or 0
            self.clock.rate, self.clock.leaps = self.pace.rate, self.pace.leaps

    async def look(self) -> None:
        """See that all of the target lives in target time; `OutOfReach` where it does not."""
        if not isinstance(self.clock, WarpClock):
            return
        for patience in PATIENCE:  # a program that is just being started has not joined yet
            if (why := await asyncio.to_thread(self._why_not, self.clock)) is None:
                return
            await asyncio.sleep(patience)
        raise OutOfReach(why or "")

    def busy_seconds(self) -> float:
        """Wall seconds that the target's processes have computed, or waited for a processor to."""
        return 0.0 if self.target.keeper is None else busy_seconds(self.target.keeper)

    async def fair(self) -> None:
        """Fair weather and ordinary answers, for whoever comes next."""
        for server in self.fakes.values():
            server.answer = Answer()
            server.revoked.clear()
            server.quota.change(server.fake.limits, server.seconds())
            await server.change(Weather())

    def plant(self, values: Iterable[Value]) -> None:
        """Remember what has been planted: it may be seen in a later scenario of the same target, too."""
        for value in values:
            self.personal.setdefault(value, f"v{len(self.personal) + 1}")

    def ending(self, seen: int) -> list[Incident]:
        """What happened after the first `seen` events, without anything that was planted."""
        late = self.events[seen:]
        veil = Veil(self.personal)
        for event in late:
            veil.record(event)
        return late

    def log(self, source: str, text: str) -> None:
        """A line of the target's output."""
        self.logs.append(LogLine(self.clock.nanoseconds() - self.origin, source, self.mask.deep(text)))

    def note(self, what: str, **details: Any) -> None:
        """Something that happened to the target."""
        self.events.append(Incident(self.clock.nanoseconds() - self.origin, what, self.without_keys(details)))

    def without_keys(self, value: Any) -> Any:
        """The same value, whatever it is made of; where a key stood in a text of it, there is its fingerprint."""
        if isinstance(value, str):
            return self.mask.deep(value)
        if isinstance(value, dict):
            return {name: self.without_keys(inner) for name, inner in value.items()}
        return [self.without_keys(inner) for inner in value] if isinstance(value, list) else value

    def forget_keys(self, call: Call) -> None:
        """A target may tell its callers a key, and in pieces too: what is kept of it is the fingerprint."""
        said, text = "".join(chunk.text for chunk in call.chunks), call.text
        for name in ("text", "message", "finish", "model", "provider", "tool_calls"):
            setattr(call, name, self.without_keys(getattr(call, name)))
        if (masked := call.text if said == text else self.mask.deep(said)) != said:
            chunks = [Chunk(chunk.at, self.mask.deep(chunk.text)) for chunk in call.chunks]
            cut = masked != "".join(chunk.text for chunk in chunks)
            call.chunks = [Chunk(chunks[0].at, masked)] if cut else chunks

    def exchanges(self) -> list[Exchange]:
        """What all fakes have seen, in the order it began."""
        return sorted((x for server in self.fakes.values() for x in server.journal), key=lambda x: x.started)

    def places(self) -> dict[str, str]:
        """The placeholders of a target file and what they stand for."""
        filled: dict[str, str] = {}
        for name, server in self.fakes.items():
            filled |= {
                f"{name}.url": server.url,
                f"{name}.host": "127.0.0.1",
                f"{name}.port": str(server.port),
                f"{name}.model": server.fake.model,
                f"{name}.dialect": server.fake.dialect,
                **{f"{name}.key{n if n > 1 else ''}": key for n, key in enumerate(server.fake.keys, 1)},
                **{f"{name}.key_id{n if n > 1 else ''}": key_id(key) for n, key in enumerate(server.fake.keys, 1)},
            }
            if server.fake.tls:
                filled[f"{name}.ca"] = self._certificate()
        return filled

    def _certificate(self) -> str:
        """The file with the certificate of the fakes' authority."""
        if self._folder is None:
            self._folder = mkdtemp(prefix="brownout-ca-")
            Path(self._folder, "ca.pem").write_bytes(authority().pem)
        return str(Path(self._folder, "ca.pem"))

    def _why_not(self, clock: WarpClock) -> str | None:
        below = [] if self.target.keeper is None else descendants(self.target.keeper)
        return next((why for pid in below if (why := why_not_process(clock, pid))), None)

    async def _stop(self) -> None:
        warped = self.clock if isinstance(self.clock, WarpClock) else None
        if warped is not None:
            warped.rate, warped.leaps = 1.0, False
        try:
            await self.target.stop()
        finally:
            for server in self.fakes.values():
                await server.stop()
            if self._folder is not None:
                shutil.rmtree(self._folder, ignore_errors=True)
                self._folder = None
            if warped is not None:
                warped.close()
