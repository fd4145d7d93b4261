"""`brownout serve`: only the fakes, for exploring by hand or from any test suite."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from fnmatch import filter as filter_names
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from ...fakes import dialects, weather_file
from ...fakes.authority import authority
from ...fakes.conversion import BrokenFile
from ...fakes.fake import Fake, key_id, models_of, secret
from ...fakes.server import FakeServer
from .. import finding, loop
from .options import option

PREFERRED = ("gpt-4o-mini", "gemini-2.5-flash", "claude-sonnet-4-5", "anthropic.claude-haiku-4-5-20251001-v1:0")
"""Models that stand for their dialect where no target file says which."""


@click.command()
@click.argument("target", required=False)
@option("--weather", type=click.Path(path_type=Path), metavar="FILE", help="Rules that say which fault meets whom.")
@option("--port", type=click.IntRange(0, 65535), default=0, help="The first fake's port; the next has the next one.")
@option("--seed", type=int, default=None, help="Every draw of the weather follows from it.")
def serve(target: str | None, weather: Path | None, port: int, seed: int | None) -> None:
    """Stand up the fakes alone, until Ctrl-C.

    They are the providers of TARGET's file, or one for each dialect. Their base URLs and keys are printed as lines that
    a shell can read.
    """
    read = weather_file.read(weather) if weather is not None else weather_file.Read(0, ())
    made, named = read.weathers(seed)
    fakes = list(_fakes(target))
    names = [fake.name for fake, _ in fakes]
    asked = [rule.when.provider for one in (made, *named.values()) for rule in one.rules]
    if wrong := [name for name in dict.fromkeys(asked) if name is not None and not filter_names(names, name)]:
        known = "known here: " + ", ".join(names)
        raise BrokenFile(str(weather), [(None, f'there is no provider "{name}"', known) for name in wrong])
    servers = [
        FakeServer(fake, weather=made, named=named, port=own or (port + number if port else 0))
        for number, (fake, own) in enumerate(fakes)
    ]
    with TemporaryDirectory(prefix="brownout-ca-") as folder:
        loop.run(_serve(servers, Path(folder, "ca.pem")))


def _fakes(target: str | None) -> Iterator[tuple[Fake, int]]:
    """The fakes, each with the port that its file gives it."""
    if target is not None:
        key = 1
        file = finding.find(target, Path.cwd()).described()
        for name, provider in file.providers.items():
            yield provider.fake(name, key, file.models), provider.port or 0
            key += provider.keys
        return
    for number, dialect in enumerate(dialects.NAMES, 1):
        models = models_of(dialect)
        model = next(name for name in (*PREFERRED, *models) if name in models)
        yield Fake(dialect, dialect, model, (secret(number),)), 0


async def _serve(servers: list[FakeServer], ca: Path) -> None:
    started: list[FakeServer] = []
    try:
        for server in servers:
            try:
                await server.start()
            except OSError as error:
                raise BrokenFile("--port", [(None, f"{server.port} cannot be had: {error.strerror}", "")]) from error
            started.append(server)
            for line in _told(server, ca):
                click.echo(line)
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        pass  # Ctrl-C is how this ends
    finally:
        for server in started:
            await server.stop()


def _told(server: FakeServer, ca: Path) -> Iterator[str]:
    name = server.fake.name.upper().replace("-", "_")
    yield f"{name}_BASE_URL={server.url}"
    for number, key in enumerate(server.fake.keys, 1):
        nth = number if number > 1 else ""
        if server.dialect.signs:
            yield f"{name}_KEY_ID{nth}={key_id(key)}"
        yield f"{name}_API_KEY{nth}={key}"
    yield f"{name}_MODEL={server.fake.model}"
    if server.fake.tls:
        ca.write_bytes(authority().pem)
        yield f"{name}_CA={ca}"
