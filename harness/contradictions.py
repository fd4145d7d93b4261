"""What a target file says that cannot be: each sentence is well formed, and together they make no sense.

Every function yields complaints about one part of the file; the file's types are right when they are asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import available_timezones

from ..fakes import authority, dialects
from ..fakes.conversion import Complaint, nearest
from ..fakes.fake import models_of, of_dialect
from ..fakes.tiers import tiers
from .placeholders import names_in, of_fakes
from .targets.callers import CALLERS
from .vacuous import vacuous

if TYPE_CHECKING:
    from .contract import Contract, Spend
    from .target_file import Calling, Provider, TargetFile

CALLER = ("prompt", "messages", "user", "stream", "model", "max_tokens", "temperature", "tools", "metadata", "canary")
"""Placeholders that each call fills."""
# Where placeholders are written; "*" is every key or element.
TEMPLATES = (
    ("start", "command", "*"),
    ("start", "cwd"),
    ("start", "env", "*"),
    ("start", "logs", "*"),
    ("start", "ready", "url"),
    ("call", "command", "command", "*"),
    ("contract", "keys", "reload", "file"),
    ("contract", "observe", "file"),
    ("contract", "health", "url"),
    ("contract", "health", "paths", "*"),
)
CALLER_TEMPLATES = (
    ("call", "http", "url"),
    ("call", "http", "headers", "*"),
    ("call", "http", "unauthorized", "*"),
    ("call", "http", "body"),
    *(("contract", "jobs", part, field) for part in ("submit", "status") for field in ("url", "body")),
    *(("contract", "jobs", part, "headers", "*") for part in ("submit", "status")),
)


def find(file: TargetFile, data: dict[str, Any], folder: Path) -> list[Complaint]:
    """Everything in a target file that contradicts something else in it, or the world."""
    return list(
        chain(
            _calling(file.call),
            _versioned(file),
            _installing(file),
            _starting(file),
            _providers(file),
            _models(file),
            _fallback(file.contract, file.providers),
            _claims(file.contract, file.providers),
            vacuous(file.contract, file.providers, data),
            _access(file),
            _templates(file, data),
            _rendered(file, folder),
        )
    )


def _calling(call: Calling) -> Iterator[Complaint]:
    given = [f"[call.{name}]" for name in ("http", "command", "python") if getattr(call, name) is not None]
    if len(given) != 1:
        what = f"{' and '.join(given)} contradict each other" if given else "[call] is empty"
        right = "exactly one of [call.http], [call.command] and [call.python] says how the target is called"
        yield Complaint(("call", *(["python"] if call.python and given else [])), what, right)
    if call.http is not None and call.http.dialect is not None:
        if call.http.body is not None:
            yield Complaint(
                ("call", "http", "body"),
                "call.http has both a dialect and a body",
                'leave out "dialect" to give your own shape, or "body" to have callers speak the dialect',
            )
        yield from _dialect(call.http.dialect, ("call", "http", "dialect"), tuple(CALLERS))
    if call.http is not None and call.http.body is not None and call.http.answer is None:
        yield Complaint(
            ("call", "http", "body"),
            'call.http has a body and no "answer"',
            'answer = "$.answer" says where the reply has the text',
        )
    if call.python is not None and not _importable(call.python.callable):
        yield Complaint(
            ("call", "python", "callable"),
            f'"{call.python.callable}" names no callable',
            'write "package.module:name"',
        )
    if call.command is not None and not call.command.command:
        yield Complaint(("call", "command", "command"), "call.command.command is empty", 'command = ["node", "x.mjs"]')


def _importable(where: str) -> bool:
    module, _, name = where.partition(":")
    return all(part.isidentifier() for part in (*module.split("."), *name.split(".")))


def _versioned(file: TargetFile) -> Iterator[Complaint]:
    if file.version is None or isinstance(file.version, str):
        return
    if bool(file.version.command) == bool(file.version.package):
        right = 'version = "1.4.2", { command = ["acme", "--version"] } or { package = "acme" }'
        yield Complaint(("version",), "version says nothing, or two things", right)
    if file.version.package and file.call.python is None:
        right = 'version = { command = ["acme", "--version"] }'
        yield Complaint(("version", "package"), "only [call.python] has an interpreter that knows packages", right)


def _installing(file: TargetFile) -> Iterator[Complaint]:
    if file.install is None:
        return
    if file.call.python is None:
        right = "only [call.python] has an interpreter, which can be that of an environment"
        yield Complaint(("install",), "[install] makes an environment that nothing is called in", right)
    if not file.install.packages:
        yield Complaint(("install", "packages"), "no package is named", 'as pip is asked for them: ["litellm"]')
    if any(package.startswith("-") for package in file.install.packages):
        yield Complaint(("install", "packages"), "options of pip are no packages", "pip's own configuration has them")


def _starting(file: TargetFile) -> Iterator[Complaint]:
    start = file.start
    if file.call.http is None and start.command:
        yield Complaint(
            ("start", "command"),
            "start.command starts a service, and this target is called in another way",
            "leave it out: [call.command] and [call.python] start what they call",
        )
    ready = [name for name in ("url", "line", "port") if getattr(start.ready, name)]
    if len(ready) > 1:
        yield Complaint(("start", "ready"), f"start.ready has {' and '.join(ready)}", "one of them decides")
    if file.call.http is not None and start.command and not ready and not _uses_port(file):
        yield Complaint(
            ("start",),
            "nothing says when the target is ready",
            'ready = { url = "http://127.0.0.1:{port}/health" }, { line = "listening" } or { port = true }',
        )
    if file.running and file.contract.spend is not None and file.contract.spend.durable:
        yield Complaint(
            ("contract", "spend", "durable"),
            "contract.spend.durable is about a crash, and nothing says how the target is started",
            "[start] command = [...]",
        )


def _uses_port(file: TargetFile) -> bool:
    assert file.call.http is not None
    return "port" in names_in(file.call.http.url)


def _providers(file: TargetFile) -> Iterator[Complaint]:
    providers, spending = file.providers, file.contract.spend is not None
    if not providers:
        yield Complaint(("providers",), "there is no provider", "[providers.primary] with a dialect and a model")
    ports: dict[int, str] = {}
    for name, provider in providers.items():
        path = ("providers", name)
        yield from _dialect(provider.dialect, (*path, "dialect"))
        if isinstance(provider.limits, str):
            yield from _tier(provider.limits, (*path, "limits"))
        if not name.replace("-", "_").isidentifier():
            yield Complaint(path, f'"{name}" cannot stand in a placeholder', "letters, digits, - and _")
        if provider.port is not None and ports.setdefault(provider.port, name) != name:
            yield Complaint(
                (*path, "port"), f"port {provider.port} is that of providers.{ports[provider.port]} already"
            )
        models = models_of(provider.dialect) | of_dialect(provider.dialect, file.models)
        if spending and provider.price is None and provider.model not in models:
            hint = nearest(provider.model, models)
            yield Complaint(
                (*path, "model"),
                f'[contract.spend] promises something about money, and nothing says what "{provider.model}" costs',
                "\n".join(filter(None, (hint, "price = { input = 0.15, output = 0.60 } is in dollars per million"))),
            )
        if provider.tls and not authority.can_be_made():
            yield Complaint((*path, "tls"), "certificates take a package that is not installed", authority.WANTED)
        if provider.intercept is not None:
            yield _absent((*path, "intercept"))
        if provider.window is not None and (provider.max_output or 0) > provider.window:
            yield Complaint((*path, "max_output"), "max_output is more than the window", "it is a part of it")


def _models(file: TargetFile) -> Iterator[Complaint]:
    for name, model in file.models.items():
        yield from _dialect(model.dialect, ("models", name, "dialect"))


def _tier(name: str, path: tuple[str, ...]) -> Iterator[Complaint]:
    if name not in tiers():
        hint = "\n".join(filter(None, (nearest(name, tiers()), "`brownout list tiers` has them all")))
        yield Complaint(path, f'there is no tier named "{name}"', hint)


def _absent(path: tuple[str, ...]) -> Complaint:
    """What the format has a place for and this version cannot do; to go on without it would judge something else."""
    return Complaint(path, f"{'.'.join(path)} is not available in this version", "leave it out")


def _dialect(name: str, path: tuple[str, ...], names: tuple[str, ...] = dialects.NAMES) -> Iterator[Complaint]:
    if name not in names:
        known = ", ".join(names)
        hint = "\n".join(filter(None, (nearest(name, names), f"known here: {known}")))
        yield Complaint(path, f'there is no dialect named "{name}"', hint)


def _named(providers: dict[str, Provider], names: tuple[str, ...], *path: str) -> Iterator[Complaint]:
    for number, name in enumerate(names):
        if name not in providers:
            hint = nearest(name, providers) or "there are: " + ", ".join(providers)
            yield Complaint((*path, number), f'{".".join(path)} names "{name}", and there is no such provider', hint)


def _fallback(contract: Contract, providers: dict[str, Provider]) -> Iterator[Complaint]:
    fallback = contract.fallback
    if fallback is None:
        return
    path = ("contract", "fallback")
    yield from _named(providers, fallback.chain, *path, "chain")
    if len(fallback.chain) == 1:
        yield Complaint(
            (*path, "chain"),
            "a chain of one provider falls back to nobody",
            'chain = ["primary", "secondary"]; leave it out where there is no other provider',
        )
    if len(set(fallback.chain)) < len(fallback.chain):
        yield Complaint((*path, "chain"), "a provider stands in the chain twice", "each is tried once")
    if fallback.context is not None:
        yield from _named(providers, (fallback.context,), *path, "context")
    regions = [provider.region for provider in providers.values() if provider.region is not None]
    for number, region in enumerate(fallback.regions):
        if region not in regions:
            hint = nearest(region, regions) or f'region = "{region}" in the provider\'s table'
            yield Complaint((*path, "regions", number), f'no provider is in region "{region}"', hint)
    if fallback.midstream is not None and contract.stream is None:
        yield Complaint(
            (*path, "midstream"),
            "contract.fallback.midstream is about streams, and none are promised",
            "add [contract.stream]",
        )


def _claims(contract: Contract, providers: dict[str, Provider]) -> Iterator[Complaint]:
    retry, stream, spend = contract.retry, contract.stream, contract.spend
    if retry is not None and (retry.max_total or 0) > contract.deadline:
        yield _beyond("retry", "max_total", contract)
    for field in ("first_token", "idle_timeout"):
        if stream is not None and (getattr(stream, field) or 0) > contract.deadline:
            yield _beyond("stream", field, contract)
    if contract.observe is not None and contract.observe.otlp:
        yield _absent(("contract", "observe", "otlp"))
    if contract.keys is not None and contract.keys.second and all(p.keys == 1 for p in providers.values()):
        yield Complaint(
            ("contract", "keys", "second"),
            "contract.keys.second promises another key, and no provider has one",
            "keys = 2 in the provider's table, and {primary.key2} where the target gets it",
        )
    for served, names in (contract.residency or {}).items():
        yield from _named(providers, names, "contract", "residency", served)
    if spend is not None:
        yield from _spend(spend)


def _spend(spend: Spend) -> Iterator[Complaint]:
    path = ("contract", "spend")
    if spend.cap is None and spend.per_user is None:
        yield Complaint(path, "[contract.spend] has no cap", "cap = 1.00 or per_user = 0.10, in dollars")
    if spend.cap == 0 or spend.per_user == 0:
        field = "cap" if spend.cap == 0 else "per_user"
        yield Complaint((*path, field), "a cap of nothing forbids every call", f"{field} = 1.00, in dollars")
    if spend.cap is not None and spend.per_user is not None and spend.per_user > spend.cap:
        yield Complaint((*path, "per_user"), "one user may spend more than all together", "per_user <= cap")
    if spend.timezone not in available_timezones() | {"UTC"}:
        hint = nearest(spend.timezone, available_timezones()) or 'such as "Europe/Berlin"'
        yield Complaint((*path, "timezone"), f'there is no time zone named "{spend.timezone}"', hint)


def _beyond(table: str, field: str, contract: Contract) -> Complaint:
    name = f"contract.{table}.{field}"
    right = f"every caller has an answer or an error after {contract.deadline:g} s"
    return Complaint(("contract", table, field), f"{name} lies beyond contract.deadline", right)


def _access(file: TargetFile) -> Iterator[Complaint]:
    if file.contract.access is not None and (file.call.http is None or file.call.http.unauthorized is None):
        yield Complaint(
            ("contract", "access"),
            "[contract.access] promises that callers are refused, and no caller is known who should be",
            '[call.http] unauthorized = { Authorization = "Bearer nobody" }',
        )


def _known(file: TargetFile) -> list[str]:
    over_tls = [name for name, provider in file.providers.items() if provider.tls]
    return of_fakes({name: provider.keys for name, provider in file.providers.items()}, over_tls)


def _templates(file: TargetFile, data: dict[str, Any]) -> Iterator[Complaint]:
    known = _known(file)
    for patterns, names in ((TEMPLATES, known), (CALLER_TEMPLATES, [*known, *CALLER, "job"])):
        for pattern in patterns:
            for path, text in _at(data, pattern):
                yield from _unknown(text, names, path)


def _unknown(text: str, known: list[str], path: tuple[str | int, ...]) -> Iterator[Complaint]:
    for name in names_in(text):
        if name not in known:
            hint = nearest(name, known).replace('"', "").replace("mean ", "mean {").replace("?", "}?")
            literal = f"{{{{{name}}}}} is the text {{{name}}}"
            yield Complaint(path, f"there is no placeholder {{{name}}}", "\n".join(filter(None, (hint, literal))))


def _at(data: Any, pattern: tuple[str, ...], path: tuple[str | int, ...] = ()) -> Iterator[tuple[Any, str]]:
    """The texts at a path of the file, whose "*" is every key or element."""
    if not pattern:
        if isinstance(data, str):
            yield path, data
        return
    first, rest = pattern[0], pattern[1:]
    items: list[tuple[str | int, Any]] = []
    if isinstance(data, dict):
        items = list(data.items())
    elif isinstance(data, list):
        items = list(enumerate(data))
    for name, item in items:
        if first in ("*", name):
            yield from _at(item, rest, (*path, name))


def _rendered(file: TargetFile, folder: Path) -> Iterator[Complaint]:
    """A template may hold braces of its own; only what looks like a fake's placeholder has to be one."""
    known = _known(file)
    for name, template in file.start.files.items():
        path = ("start", "files", name)
        try:
            text = (folder / template).read_text("utf-8")
        except (OSError, UnicodeDecodeError):
            yield Complaint(path, f'the template "{template}" cannot be read', "its path is relative to this file")
            continue
        for used in names_in(text):
            fake, _, field = used.partition(".")
            if field and used not in known and (fake in file.providers or nearest(used, known)):
                hint = nearest(used, known)
                yield Complaint(path, f"{template}: there is no placeholder {{{used}}}", hint)
