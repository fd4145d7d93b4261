"""Claims in a target file that promise nothing: a table without a figure, a list of none.

They would be judged as if something were promised, or pass for a promise that is kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ..fakes.conversion import Complaint
from ..fakes.fake import Limits

if TYPE_CHECKING:
    from .contract import Contract
    from .target_file import Provider

# Lists, and tables of one's own names, that are better left out than empty; with what they might say.
EMPTY = {
    ("fallback", "chain"): 'chain = ["primary", "secondary"]',
    ("fallback", "regions"): 'regions = ["eu", "us"]',
    ("fallback", "on"): 'on = ["error", "timeout", "rate_limit"]',
    ("pii", "types"): 'types = ["email", "phone"]; without personal data, no [contract.pii]',
    ("pii", "recall"): "recall = { phone = 0.9 }",
    ("pii", "locales"): 'locales = ["en_US"]; all of them where it is left out',
    ("pii", "fields"): 'fields = ["notes"]',
    ("spend", "alerts"): "alerts = [0.5, 1.0]",
    ("quota", "per_user"): "per_user = { rpm = 60 }",
    ("jobs", "status", "done"): 'done = ["completed"]',
    ("jobs", "status", "failed"): 'failed = ["failed"]',
    ("residency",): 'residency = { eu = ["secondary"] }',
    ("residency", "*"): '["secondary"], the providers that may serve them',
    ("observe", "fields"): 'fields = { user = "$.user_id" }',
    ("health", "paths"): 'paths = ["http://127.0.0.1:{port}/ready"]',
    ("schema",): 'schema = { type = "object" }',
}
# Tables that promise something by one of these alone, and how that is written.
PROMISES = {
    "fallback": (
        ("chain", "static", "cached", "queue", "balance", "regions", "context", "midstream"),
        'chain = ["primary", "secondary"], static = true or cached = true',
    ),
    "context": (("preflight", "truncate"), "preflight = true or truncate = true"),
    "keys": (("second", "reload"), 'second = true or reload = { file = "{workdir}/key" }'),
    "observe": (("file", "otlp"), 'file = "{workdir}/calls.jsonl"'),
}


def vacuous(contract: Contract, providers: dict[str, Provider], data: dict[str, Any]) -> Iterator[Complaint]:
    """What a contract says and promises nothing by, each with what might be meant."""
    said = data.get("contract", {})
    empty = {path: right for pattern, right in EMPTY.items() for path in _empty(said, pattern)}
    for path, right in empty.items():
        yield Complaint(("contract", *path), f"{'.'.join(('contract', *path))} is empty, and promises nothing", right)
    for table, (fields, right) in PROMISES.items():
        promised = any(contract.claims(f"{table}.{field}") for field in fields)
        if table in said and not promised and not any(path[0] == table for path in empty):
            yield Complaint(("contract", table), f"[contract.{table}] promises nothing", right)
    figures = any(contract.claims(f"quota.{field}") for field in ("rpm", "tpm", "rpd", "per_user"))
    limits = [provider.limits for provider in providers.values()][:1]
    if contract.quota is not None and not figures and limits == [Limits()]:
        right = 'rpm = 500, or limits = "openai-tier-1" in the provider\'s table'
        yield Complaint(("contract", "quota"), "[contract.quota] promises to keep under a limit, and has none", right)


def _empty(data: Any, pattern: tuple[str, ...], path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Where nothing stands at a path of the contract, whose "*" is every key."""
    if not pattern:
        if data in ([], {}):
            yield path
    elif isinstance(data, dict):
        for name in data if pattern[0] == "*" else [pattern[0]] if pattern[0] in data else []:
            yield from _empty(data[name], pattern[1:], (*path, name))
