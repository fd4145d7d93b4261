"""Bugs of integrations that waste connections, lose them, or believe what comes over a broken one."""

from __future__ import annotations

from mutant import Mutant, client

POST = 'async with self._http.stream("POST", path, json=body, headers=headers) as response:'
ANSWER = "answer = answers.whole(self._speech.reply(answers.parse(await response.aread())))"
REFUSED = """\
            # Where nobody listens, trying again within the call does not change that, and the caller waits.
            bill.release()
            raise AttemptFailed("provider", retry=stood(error), sent=False) from None"""
HALVES = """\
def _half(data: bytes) -> dict[str, Any]:
    found = re.search(r'"content":\\s*"([^"]*)', data.decode())
    text = found[1] if found else ""
    return {"choices": [{"message": {"content": text}, "finish_reason": "stop"}]}


class Client:"""
BROKEN = ("content.*", "stream.*", "cache.*", "degrade.*", "retry.*")

MUTANTS = (
    Mutant(
        "every request has a client of its own",
        (
            client(
                POST,
                'async with httpx.AsyncClient(base_url=self._provider.url, timeout=TIMEOUT) as http, http.stream("POST", '
                "path, json=body, headers=headers) as response:",
            ),
        ),
        ("connect.reuses",),
        ("timeout.no-starvation",),
    ),
    Mutant(
        "streams are left before the end of their body",
        (
            client(
                "                if not over:\n                    yield data\n",
                "                if over:\n                    return\n                yield data\n",
            ),
        ),
        ("connect.reuses",),
    ),
    Mutant(
        "the connection of a broken stream is never given back",
        (
            client(
                POST,
                'response = await self._http.send(self._http.build_request("POST", '
                "path, json=body, headers=headers), stream=True)\n"
                "            if True:",
            ),
            client(
                "Events(), response.aiter_bytes(), False\n",
                "Events(), response.aiter_bytes(), False\n"
                '        self.__dict__.setdefault("_read", []).append(chunks)\n',
            ),
        ),
        ("connect.no-leak",),
        ("timeout.*", "stream.*"),
    ),
    Mutant(
        "after a refusal there is a new client, and the old one stays open",
        (
            client(
                "                if response.status_code != 200:\n",
                "                if response.status_code != 200:\n"
                '                    self._old = [*getattr(self, "_old", []), self._http]\n'
                "                    self._http = httpx.AsyncClient(base_url=self._provider.url, timeout=TIMEOUT)\n",
            ),
        ),
        ("connect.no-leak",),
    ),
    Mutant(
        "half a body is mended and taken for the whole",
        (
            client(
                ANSWER,
                'data = b""\n'
                "            try:\n"
                "                async for piece in response.aiter_bytes():\n"
                "                    data += piece\n"
                "                answer = answers.whole(self._speech.reply(answers.parse(data)))\n"
                "            except httpx.TransportError:\n"
                "                answer = answers.whole(_half(data))",
            ),
            client("class Client:", HALVES),
            client("import asyncio\n", "import asyncio\nimport re\n"),
        ),
        ("connect.half-response",),
        BROKEN,
    ),
    Mutant(
        "a body that broke off is an empty answer",
        (
            client(
                ANSWER,
                "try:\n"
                "                answer = answers.whole(self._speech.reply(answers.parse(await response.aread())))\n"
                "            except httpx.TransportError:\n"
                '                answer = {"text": "", "finish": "stop", "model": None, "usage": None}',
            ),
        ),
        ("connect.half-response",),
        BROKEN,
    ),
    Mutant(
        "a connection that is reset before it was used is not tried again",
        (
            client(
                "        except httpx.ConnectTimeout:",
                "        except (httpx.ReadError, httpx.WriteError):\n"
                '            raise AttemptFailed("provider", retry=False) from None\n'
                "        except httpx.ConnectTimeout:",
            ),
        ),
        ("connect.reset-on-accept",),
        ("retry.recovers", "retry.stale-connection"),
        providers=1,
    ),
    Mutant(
        "the error says where nobody listens",
        (client(REFUSED, '            raise RuntimeError(f"cannot connect to {self._provider.url}") from None'),),
        ("connect.dns-like-refused",),
        ("degrade.*", "timeout.connect-blackhole"),
    ),
    Mutant(
        "who is refused waits until somebody listens",
        (
            client(
                REFUSED,
                "            await asyncio.sleep(90.0)\n"
                '            raise AttemptFailed("provider", retry=stood(error), sent=False) from None',
            ),
            client(
                "asyncio.timeout_at(end if given else until)",
                "asyncio.timeout_at((end if given else until) + 900.0)",
            ),
        ),
        ("connect.dns-like-refused", "timeout.connect-blackhole"),
        ("timeout.*", "retry.*", "degrade.*"),
    ),
)
