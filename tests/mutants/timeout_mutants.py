"""Bugs of integrations that hang, or take slow for dead."""

from __future__ import annotations

from mutant import Mutant, cache, chain, client

MUTANTS = (
    Mutant(
        "nobody set a timeout",
        (
            chain("DEADLINE = 55.0", "DEADLINE = 1e6"),
            client("httpx.Timeout(connect=5.0, read=50.0, write=10.0, pool=5.0)", "httpx.Timeout(None)"),
        ),
        ("timeout.hang-before-headers", "timeout.connect-blackhole", "timeout.tail"),
        ("timeout.*", "retry.deadline", "retry.after-long"),
    ),
    Mutant(
        "a refused connection is waited for",
        (
            client(
                "        except httpx.ConnectError as error:\n",
                "        except httpx.ConnectError as error:\n            await asyncio.sleep(20.0)\n",
            ),
        ),
        ("timeout.connect-blackhole",),
    ),
    Mutant(
        "the timeout is one of silence only",
        (
            client(
                "asyncio.timeout_at(end if given else until)",
                "asyncio.timeout_at(end if given else until + 1e6)",
            ),
        ),
        ("timeout.slow-drip",),
        ("retry.deadline", "timeout.*", "retry.after-long"),
    ),
    Mutant(
        "a stalled stream is waited for as long as a slow answer",
        (client("IDLE = 15.0", "IDLE = 50.0"),),
        ("timeout.stream-stall",),
    ),
    Mutant(
        "a slow answer is taken for a dead one",
        (client("read=50.0", "read=10.0"),),
        ("timeout.legit-slow",),
        ("timeout.*",),
    ),
    Mutant(
        "the pool of connections is small",
        (client("max_connections=500", "max_connections=8"),),
        ("timeout.no-starvation",),
        ("timeout.tail", "retry.*", "stream.after-cut-usable"),
    ),
    Mutant(
        "a call goes on when its caller has left",
        (cache("                flight.task.cancel()\n", ""),),
        ("timeout.cancel-propagates",),
    ),
    Mutant(
        "a stream is read on when its caller has left",
        (
            client(
                "                            piece = await anext(pieces)",
                "                            piece = await asyncio.shield(asyncio.ensure_future(anext(pieces)))",
            ),
            client("            finally:\n                await pieces.aclose()\n", ""),
        ),
        ("timeout.cancel-propagates",),
        ("stream.*",),
    ),
    Mutant(
        "every attempt has the whole time",
        (
            client(
                "asyncio.timeout_at(end if given else until)",
                "asyncio.timeout(55.0)",
            ),
            client("        left = until - asyncio", "        left = until + 1e6 - asyncio"),
        ),
        ("timeout.retries-within",),
        ("retry.deadline", "timeout.*", "retry.after-long"),
    ),
)
