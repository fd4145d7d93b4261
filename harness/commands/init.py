"""`brownout init`: a commented target file to begin with."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from ...reports.baseline import quoted
from ..exits import Exit

KINDS = {
    "python": """\
[call.python]                         # a callable, sync or async, plain or generator
callable = {callable}
path = ["."]                          # where it is imported from, relative to this file
# interpreter = ".venv/bin/python"    # default: the one running brownout; needs nothing of ours installed
""",
    "http": """\
[call.http]
url = {url}
dialect = "openai"                    # what callers speak: "openai" or "anthropic"
model = "gpt-4o-mini"
# A service with a shape of its own has these instead of dialect and model; selectors are paths into its JSON:
# body = '{{"question": {{prompt}}, "stream": {{stream}}}}'
# answer = "$.answer"
# chunk = "$.delta"                   # of an event of a stream; done is the data of its last one
# done = "[DONE]"
# finish = "$.finish_reason"
# error = "$.detail"
# headers = {{ Authorization = "Bearer caller-{{user}}" }}
""",
    "command": """\
[call.command]                        # a program in any language: one JSON object a line on stdin and stdout
command = {command}
""",
}
STARTED = """\
# {port} is a free port, {workdir} an empty folder; files = { "x.yaml" = "x.yaml.template" } are rendered into it.
command = ["python", "-m", "my_service", "--port", "{port}"]
ready = { port = true }               # or { url = "http://127.0.0.1:{port}/health" } or { line = "listening" }
"""
TEMPLATE = """\
# What brownout is told of an integration: how it is called, whom it talks to, what it promises.
# `brownout run` reads this file; `brownout schema target` prints every key there is.
name = {name}
# version = {{ command = ["git", "describe", "--always"] }}

[start]
{started}# The fakes' addresses and keys: {{NAME.url}}, {{NAME.key}}, {{NAME.host}}, {{NAME.port}}, {{NAME.model}}
env = {{ OPENAI_BASE_URL = "{{primary.url}}", OPENAI_API_KEY = "{{primary.key}}" }}
# logs = ["{{workdir}}/app.log"]        # besides stdout and stderr

{call}
[providers.primary]                   # the fakes the target may talk to, in fallback order
dialect = "openai"
model = "gpt-4o-mini"                 # what it asks for; price and window come from the price list
# limits = "openai-tier-1"            # what it is allowed, from `brownout list tiers`; or {{ rpm = 500, tpm = 30000 }}
# keys = 2
# tls = true                          # https; {{primary.ca}} is the file to trust, as in SSL_CERT_FILE
# http2 = true                        # HTTP/2 too: by ALPN over TLS, or with clients that begin with it
# [providers.secondary]
# dialect = "openai"
# model = "gpt-4o"
# [models.my-model]                   # a model, or a price, that the price list does not have
# dialect = "openai"
# price = {{ input = 0.15, output = 0.60, cached = 0.075 }}   # dollars per million tokens
# window = 128000
# max_output = 16384

# What you promise. Only claims are judged: a table that is missing is "not applicable", never a pass.
[contract]
deadline = "60s"                      # every caller has an answer or an error by then

[contract.retry]
max_attempts = 4                      # wire attempts of one call at one provider, the first included

[contract.stream]                     # take it out if the target does not stream
# idle_timeout = "30s"                # a stalled stream is told of by then
# tools = true

# [contract.breaker]
# failures = 5                        # open after so many failures in a row
# error_rate = 0.5                    # or when half of the requests in a window fail
# window = "60s"
# minimum = 10
# cooldown = "60s"
# probes = 1
# scope = "provider"                  # or "model", "key"

# [contract.fallback]
# chain = ["primary", "secondary"]
# on = ["error", "timeout", "rate_limit"]
# return_within = "2m"
# midstream = "error"                 # or "continue", "restart"
# static = true

# [contract.context]
# preflight = true                    # nothing over the model's window is sent

# [contract.pii]
# types = ["email", "phone", "card"]
# recall = {{ phone = 0.9 }}
# restore = false
# fail = "closed"

# [contract.spend]
# cap = 1.00                          # dollars
# period = "day"                      # or "month", "run"
# per_user = 0.10
# durable = true

# [contract.quota]
# rpm = 500
# tpm = 30000
# window = "1s"                        # what may leave at once; a minute's worth where not given
# queue = true

# [contract.keys]
# second = true                       # the provider needs keys = 2

# [contract.cache]
# ttl = "1h"
# single_flight = true

# How it is run, where the command line and BROWNOUT_* variables do not say otherwise.
# [run]
# seed = 0
# fail_on = "must"
# report = ["html", "junit", "md"]
"""


@click.command()
@click.argument("path", type=click.Path(path_type=Path), default="brownout.toml")
@click.option("--name", help="The target's name.  [default: that of the folder]")
@click.option("--kind", type=click.Choice(list(KINDS)), help="How the target is called.  [default: python]")
@click.option("--force", is_flag=True, help="Write over a file that is there.")
def init(path: Path, name: str | None, kind: str | None, force: bool) -> None:
    """Write a commented brownout.toml to begin with; it asks nothing when not on a terminal."""
    if path.exists() and not force:
        click.echo(f"{path} is there already\n  --force writes over it", err=True)
        sys.exit(Exit.USAGE)
    asking = sys.stdin.isatty() and sys.stdout.isatty()
    folder = path.absolute().parent.name or "my-integration"
    name = name or (click.prompt("Name of the target", default=folder) if asking else folder)
    kind = kind or (
        click.prompt("How is it called", type=click.Choice(list(KINDS)), default="python") if asking else "python"
    )
    path.write_text(text(name, kind), "utf-8")
    click.echo(f"wrote {path}: change what stands there, then `brownout run --dry-run` says what would be run")


def text(name: str, kind: str) -> str:
    """The file for a kind of target."""
    call = KINDS[kind].format(
        callable=quoted("my_package.llm:complete"),
        url=quoted("http://127.0.0.1:{port}/v1/chat/completions"),
        command='["node", "integration.mjs"]',
    )
    return TEMPLATE.format(name=quoted(name), call=call, started=STARTED if kind == "http" else "")
