"""The file that describes a target: how it is started and called, whom it talks to, and what it promises.

`brownout schema target` prints all of it as JSON Schema. `read` gives typed values whose paths are absolute; what is
wrong is told all at once, each with its line and the nearest right name.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from msgspec import field
from msgspec.structs import replace

from ..fakes.conversion import convert, located, read_toml
from ..fakes.fake import Fake, Limits, Model, Price, of_dialect, secret
from ..fakes.figures import Count, Factor, Period, Port
from ..fakes.tiers import TierName, limits_of
from . import contradictions
from .contract import Contract, Table
from .scenario import Level


class Ready(Table, frozen=True):
    """How one sees that the target takes calls: exactly one of `url`, `line` and `port`."""

    url: str | None = None
    """Answers with a status under 400."""
    line: str | None = None
    """A piece of a line of its output."""
    port: bool = False
    """`{port}` accepts connections."""
    within: Period = 30.0
    """How long the start may take."""


class Start(Table, frozen=True):
    """How the target is started; a `call.http` without a command is running already."""

    command: tuple[str, ...] = ()
    cwd: str = "."
    """Relative to this file."""
    env: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    """Templates, rendered into `{workdir}`: `"gateway.yaml" = "gateway.yaml.template"`."""
    ready: Ready = Ready()
    fresh: Literal["scenario", "run"] = "scenario"
    """A new process for each scenario, or one for the run, with the scenarios one after the other."""
    logs: tuple[str, ...] = ()
    """Log files, besides stdout and stderr."""
    warp: bool = True
    """Whether its clock may be warped."""


class HttpCall(Table, frozen=True):
    """A service: callers speak a dialect to it, or a shape of its own is given with `body` and `answer`."""

    url: str
    dialect: str | None = None
    """What callers speak; "openai" where no shape is given."""
    model: str | None = None
    method: str = "POST"
    headers: dict[str, str] = field(default_factory=dict)
    unauthorized: dict[str, str] | None = None
    """Headers that must be refused."""
    body: str | None = None
    """JSON with the placeholders {prompt}, {messages}, {user}, {stream}, {model}, {max_tokens},
    {temperature}, {tools}, {metadata}."""
    answer: str | None = None
    """Where the reply has the text: `$.answer`."""
    chunk: str | None = None
    """Where an event of a stream has its piece of text."""
    done: str | None = None
    """The data of the event that ends a stream."""
    finish: str | None = None
    """Where the reply, or an event of a stream, says why the answer ended: `$.finish_reason`."""
    error: str | None = None
    degraded: str | None = None
    model_used: str | None = None

    @property
    def spoken(self) -> str | None:
        """The dialect that callers speak; None where the file gives a shape of its own."""
        return self.dialect or (None if self.body is not None else "openai")


class PythonCall(Table, frozen=True):
    """A Python callable."""

    callable: str
    """`package.module:name`."""
    interpreter: str = field(default_factory=lambda: sys.executable)
    """The Python it runs in; the one running brownout where not given."""
    path: tuple[str, ...] = ()
    """Where it is imported from, relative to this file."""


class CommandCall(Table, frozen=True):
    """A program that speaks the line protocol."""

    command: tuple[str, ...]


class Calling(Table, frozen=True):
    """Exactly one way of calling the target."""

    http: HttpCall | None = None
    command: CommandCall | None = None
    python: PythonCall | None = None


class Provider(Table, frozen=True):
    """One fake the target may talk to."""

    dialect: str
    model: str
    """What the target asks for."""
    price: Price | None = None
    """Dollars per million tokens; the price list's where not given."""
    window: Count | None = None
    """The most tokens of input and output together."""
    max_output: Count | None = None
    limits: Limits | TierName = Limits()
    """Of requests and tokens, or the name of a tier, such as "openai-tier-1": `brownout list tiers`."""
    keys: Count = 1
    """How many keys it has: {NAME.key}, {NAME.key2}, ... Where requests are signed, as at Bedrock, a key is the secret
    and {NAME.key_id}, {NAME.key_id2}, ... are the ids that go with them."""
    region: str | None = None
    tls: bool = False
    """Over https, with a certificate whose authority is made on the spot: {NAME.ca} is the file to trust."""
    http2: bool = False
    """HTTP/2 too: agreed on over TLS (ALPN), or with clients that begin with it (prior knowledge)."""
    port: Port | None = None
    """A port of its own, for a target that is running already."""
    intercept: str | None = None
    """A host name caught by the proxy instead of a base URL; adds {proxy.url} and {proxy.ca}."""

    def fake(self, name: str, first_key: int, models: Mapping[str, Model] | None = None) -> Fake:
        """The fake, with keys of its own; it serves those of the models that are of its dialect."""
        keys = tuple(secret(number) for number in range(first_key, first_key + self.keys))
        return Fake(
            name,
            self.dialect,
            self.model,
            keys,
            self.price,
            self.window,
            self.max_output,
            limits_of(self.limits),
            self.region,
            of_dialect(self.dialect, models or {}),
            http2=self.http2,
            tls=self.tls,
        )


class Install(Table, frozen=True):
    """What the environment is made of in which the target lives; `brownout targets install NAME` makes it."""

    packages: tuple[str, ...]
    """As pip is asked for them."""
    shows: str
    """The package whose version is the target's."""


class Version(Table, frozen=True):
    """A command whose first line of output is the version, or a package that the target is about."""

    command: tuple[str, ...] = ()
    package: str = ""
    """Its version is that of this package, as the interpreter of [call.python] has it."""


Report = Literal["html", "junit", "md", "json"]


class Run(Table, frozen=True):
    """How it is run, where the command line and the environment do not say otherwise."""

    select: tuple[str, ...] = ()
    """Rows, families or globs; all where not given."""
    profile: Literal["claimed", "production"] = "claimed"
    """Whether a `must` that is not claimed is not applicable, or a failure."""
    level: Level = Level.MAY
    """Run rows of this level and stronger ones."""
    fail_on: Literal["must", "should"] = "must"
    """The gate is about rows of this level and stronger ones."""
    seed: int = 0
    repeat: Count = 1
    """How often the whole run is made."""
    jobs: Count | None = None
    """How many scenarios at a time; what the machine and the target stand where not given."""
    clock: Literal["auto", "real", "warp"] = "auto"
    """Real time, target time, or target time where it can be had."""
    rate: Factor | None = None
    """How many times as fast as wall time target time runs at first; it leaps from event to event where not given."""
    scenarios: tuple[str, ...] = ()
    """Modules with more scenarios, relative to this file."""
    baseline: str | None = None
    """A file of known failures, relative to this file."""
    report_dir: str = "brownout-report"
    report: tuple[Report, ...] = ("html", "junit", "json")
    format: Literal["text", "json", "github"] = "text"


class TargetFile(Table, frozen=True):
    """What `brownout.toml` says."""

    name: str
    call: Calling
    providers: dict[str, Provider]
    """The fakes, in fallback order."""
    version: str | Version | None = None
    models: dict[str, Model] = field(default_factory=dict)
    """Models beside those of the price list, which win over it: [models."gpt-5"] with what the list says of a model."""
    start: Start = Start()
    install: Install | None = None
    """An environment of its own, for a `call.python` that needs packages."""
    contract: Contract = Contract()
    run: Run = Run()

    @property
    def running(self) -> bool:
        """Whether the target is running already."""
        return self.call.http is not None and not self.start.command

    @property
    def fresh(self) -> bool:
        """Whether each scenario has a new process."""
        return self.start.fresh == "scenario" and not self.running


def read(path: Path) -> TargetFile:
    """Read a target file; `BrokenFile` says all that is wrong with it."""
    data, found = read_toml(path)
    # A project's own configuration has the target in a table of its own.
    prefix = ("tool", "brownout") if path.name == "pyproject.toml" else ()
    file, complaints = convert(_inside(data, prefix), TargetFile)
    if file is not None:
        complaints = contradictions.find(file, _inside(data, prefix), path.parent)
    if file is None or complaints:
        raise located(str(path), complaints, found, prefix)
    return absolute(file, path.parent.absolute())


def absolute(file: TargetFile, folder: Path) -> TargetFile:
    """The same, its paths read from the folder of the file."""
    start = replace(
        file.start,
        cwd=str(folder / file.start.cwd),
        files={name: str(folder / template) for name, template in file.start.files.items()},
    )
    call = file.call
    if call.python is not None:
        here = "/" in call.python.interpreter
        interpreter = str(folder / call.python.interpreter) if here else call.python.interpreter
        python = replace(call.python, interpreter=interpreter, path=tuple(str(folder / p) for p in call.python.path))
        call = replace(call, python=python)
    run = replace(
        file.run,
        scenarios=tuple(str(folder / scenarios) for scenarios in file.run.scenarios),
        baseline=None if file.run.baseline is None else str(folder / file.run.baseline),
    )
    return replace(file, start=start, call=call, run=run)


def _inside(data: dict[str, Any], prefix: tuple[str, ...]) -> dict[str, Any]:
    for name in prefix:
        data = data.get(name, {})
    return data
