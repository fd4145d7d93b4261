"""Bugs of integrations that have a budget and spend more."""

from __future__ import annotations

from mutant import Mutant, client, entry, ledger, models

NOTHING_SET_ASIDE = ledger("            self._book(day, payers, worst)\n", "            worst = 0\n")
NOBODY_WAITS = client("        await self._limiter.turn(request)\n", "")
LATER = ("spend.streams", "spend.retries", "spend.restart", "spend.estimates-first")

MUTANTS = (
    Mutant(
        "the budget is looked at and nothing is set aside",
        (NOTHING_SET_ASIDE, NOBODY_WAITS),
        ("spend.concurrent",),
        (*LATER, "quota.*"),
    ),
    Mutant(
        "the budget is looked at and never refuses",
        (ledger('                    raise CallFailed("budget")\n', "                    pass\n"),),
        ("spend.cap", "spend.fails-closed", "spend.concurrent", "spend.per-user", "spend.output-inflation"),
        ("spend.*",),
    ),
    Mutant(
        "the call that crosses the cap is still made",
        (ledger("self._spent(day, payer) + worst > ", "self._spent(day, payer) > "),),
        ("spend.cap", "spend.output-inflation", "spend.estimates-first"),
        ("spend.*",),
    ),
    Mutant(
        "only the prompt is paid for",
        (
            ledger(' + request["max_tokens"] * price.output)', ")"),
            ledger(' + usage["output"] * price.output', ""),
        ),
        ("spend.cap", "spend.concurrent", "spend.accurate", "spend.estimates-first", "spend.fails-closed"),
        ("spend.*",),
    ),
    Mutant(
        "over the budget one is told that the model is not there",
        (ledger('CallFailed("budget")', 'CallFailed("provider")'),),
        ("spend.fails-closed",),
    ),
    Mutant(
        "over the budget one waits for better times",
        (
            client(
                "        bill = self._ledger.reserve(self._provider.model, request)\n",
                "        try:\n            bill = self._ledger.reserve(self._provider.model, request)\n"
                "        except CallFailed:\n            await asyncio.sleep(4.0)\n            raise\n",
            ),
        ),
        ("spend.fails-closed",),
    ),
    Mutant(
        "streams are free",
        (
            client(
                '            answer = streamed.done()\n            answer["cost"] = bill.settle(answer["usage"])\n',
                "            answer = streamed.done()\n            bill.release()\n",
            ),
        ),
        ("spend.streams",),
        ("spend.accurate",),
    ),
    Mutant(
        "a stream that its caller leaves is free",
        (
            client(
                "        except httpx.ConnectError as error:\n",
                "        except (asyncio.CancelledError, GeneratorExit):\n            bill.release()\n            raise\n        except httpx.ConnectError as error:\n",
            ),
        ),
        ("spend.streams",),
    ),
    Mutant(
        "a stream without a usage frame is free",
        (ledger("        if usage is None:\n", "        if usage is None:\n            self.release()\n"),),
        ("spend.streams",),
    ),
    Mutant(
        "an answer that breaks off is free",
        (
            client(
                "        except (httpx.TransportError, httpx.DecodingError, httpx.StreamError):\n",
                "        except (httpx.TransportError, httpx.DecodingError, httpx.StreamError):\n            bill.release()\n",
            ),
        ),
        ("spend.retries", "spend.streams"),
    ),
    Mutant(
        "a call is paid for once however often it is tried",
        (
            client(
                "            except AttemptFailed as failure:\n                wait = None if given",
                "            except AttemptFailed as failure:\n                self._ledger.forget(request)\n                wait = None if given",
            ),
            ledger(
                "    def change(self,",
                "    def forget(self, request: dict[str, Any]) -> None:\n"
                "        bill = self._last.pop(json.dumps(request), None)\n"
                "        if bill is not None:\n"
                "            bill.release()\n\n"
                "    def change(self,",
            ),
            ledger(
                "        return Bill(self, price, day, payers, worst)\n",
                "        bill = Bill(self, price, day, payers, worst)\n"
                '        self._last[json.dumps({name: value for name, value in request.items() if name != "model"})] = bill\n'
                "        return bill\n",
            ),
            ledger(
                "        self._db = sqlite3",
                "        self._last: dict[str, Bill] = {}\n        self._db = sqlite3",
            ),
        ),
        ("spend.retries",),
    ),
    Mutant(
        "every provider is thought to cost what the first one does",
        (ledger("        price = MODELS[model]\n", '        price = MODELS["gpt-4o-mini"]\n'),),
        ("spend.fallback-price",),
    ),
    Mutant(
        "a fallback is free",
        (models("1_047_576, 0.40, 0.10, 1.60)", "1_047_576, 0.0, 0.0, 0.0)"),),
        ("spend.fallback-price",),
    ),
    Mutant(
        "one user who has spent all closes the shop",
        (
            ledger("        self._db = sqlite3", "        self._closed = False\n        self._db = sqlite3"),
            ledger(
                '                    raise CallFailed("budget")\n',
                '                    self._closed = True\n            if self._closed:\n                raise CallFailed("budget")\n',
            ),
        ),
        ("spend.per-user",),
    ),
    Mutant(
        "users are not told apart",
        (ledger('if request.get("user") else [EVERYBODY]', "if False else [EVERYBODY]"),),
        ("spend.per-user",),
    ),
    Mutant(
        "the ledger is kept in memory",
        (ledger("sqlite3.connect(path,", 'sqlite3.connect(":memory:",'),),
        ("spend.restart",),
    ),
    Mutant(
        "every start begins a new ledger",
        (
            entry(
                "    return Ledger(os",
                '    if os.path.exists(os.environ["SPEND_LEDGER"]):\n'
                '        os.remove(os.environ["SPEND_LEDGER"])\n'
                "    return Ledger(os",
            ),
        ),
        ("spend.restart",),
    ),
    Mutant(
        "the next answer is expected to cost what the last one did",
        (
            ledger(
                '        worst = round(prompt * max(price.input, price.cache_written) + request["max_tokens"] * price.output)\n',
                "        worst = self._usual\n",
            ),
            ledger("        self._db = sqlite3", "        self._usual = 100\n        self._db = sqlite3"),
            ledger("        bill.booked = microdollars\n", "        bill.booked = self._usual = microdollars\n"),
        ),
        ("spend.output-inflation", "spend.estimates-first"),
        LATER,
    ),
    Mutant(
        "cached tokens are thought to cost what others do",
        (ledger("cached * price.cached\n", "cached * price.input\n"),),
        ("spend.accurate",),
    ),
    Mutant(
        "what is told of the cost is rounded to cents",
        (ledger("        return cost / DOLLAR\n", "        return round(cost / DOLLAR, 2)\n"),),
        ("spend.accurate",),
    ),
)
