"""Bugs of integrations that do not know how long a prompt may be."""

from __future__ import annotations

from mutant import Mutant, chain, client, context, retry

SENT = 'self._speech.request({"model": self._provider.model, **request})'
UNBOUNDED = '**{{name: value for name, value in request.items() if name != "max_tokens" or not {}}}'

MUTANTS = (
    Mutant(
        "a prompt that is too long is sent again as it was",
        (
            retry(
                "    retry = status in TRANSIENT and kind is None\n",
                '    retry = (status in TRANSIENT and kind is None) or kind == "context"\n',
            ),
        ),
        ("context.error-handled",),
        ("degrade.bigger-context",),
    ),
    Mutant(
        "a prompt that is too long is told as an outage",
        (retry('"context_length_exceeded": "context"', '"context_length_exceeded": "provider"'),),
        ("context.error-handled",),
    ),
    Mutant(
        "a request that is too large is sent again as it was",
        (retry("frozenset({408,", "frozenset({408, 413,"),),
        ("context.too-large-413",),
        ("retry.not-on-client-error",),
    ),
    Mutant(
        "a request that is too large is told as one too many",
        (retry('413: "context"', '413: "rate_limited"'),),
        ("context.too-large-413",),
    ),
    Mutant(
        "nobody looks how long a prompt is",
        (chain("if not fits(request, provider.model):", "if False:"),),
        ("context.preflight", "context.reserves-output"),
    ),
    Mutant(
        "a token is thought to have sixteen bytes",
        (context("// 4 for part", "// 16 for part"),),
        ("context.preflight", "context.reserves-output"),
    ),
    Mutant(
        "the prompt may fill the window",
        (context('return prompt + int(request["max_tokens"])', "return prompt"),),
        ("context.reserves-output",),
    ),
    Mutant(
        "an answer may be as long as it likes",
        (client(SENT, SENT.replace("**request", UNBOUNDED.format("True"))),),
        ("context.max-tokens-set",),
    ),
    Mutant(
        "a streamed answer may be as long as it likes",
        (client(SENT, SENT.replace("**request", UNBOUNDED.format('request.get("stream")'))),),
        ("context.max-tokens-set",),
    ),
)
