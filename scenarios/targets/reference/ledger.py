"""What was spent, on disk: reserved before a request leaves, settled when its price is known.

What is reserved is the worst that the request can cost: its prompt, and the longest answer it allows. So callers at the
same moment cannot spend the same money. A reservation that nobody settles stays counted: what an answer has cost that
broke off, that lost its caller or that was under way in a crash, nobody knows, and a cap is a wall.
"""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from .errors import CallFailed
from .models import MODELS, Model

EVERYBODY = ""
SAFE_BYTES = 3
"""Bytes of JSON for a token of the prompt at worst; on average a token has four."""
DOLLAR = 1_000_000


class Ledger:
    """Micro-dollars spent and reserved by day and user, in a file that outlives the process."""

    def __init__(self, path: str, cap: float, per_user: float) -> None:
        self._caps = {True: round(cap * DOLLAR), False: round(per_user * DOLLAR)}
        self._db = sqlite3.connect(path, isolation_level=None)
        # The system keeps what was written when the process is killed; whoever fears for the power says FULL.
        self._db.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;")
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS spent (day TEXT, user TEXT, microdollars INTEGER, PRIMARY KEY (day, user))"
        )

    def reserve(self, model: str, request: dict[str, Any]) -> Bill:
        """Set the worst that a request can cost aside, or fail because there is not as much left."""
        price = MODELS[model]
        prompt = len(json.dumps(request, ensure_ascii=False).encode("utf-8", "replace")) / SAFE_BYTES
        worst = round(prompt * max(price.input, price.cache_written) + request["max_tokens"] * price.output)
        day = datetime.now(UTC).date().isoformat()
        payers = [EVERYBODY, request["user"]] if request.get("user") else [EVERYBODY]
        self._db.execute("BEGIN IMMEDIATE")
        try:
            for payer in payers:
                if self._spent(day, payer) + worst > self._caps[payer == EVERYBODY]:
                    raise CallFailed("budget")
            self._book(day, payers, worst)
        finally:
            self._db.execute("COMMIT")
        return Bill(self, price, day, payers, worst)

    def change(self, bill: Bill, microdollars: int) -> None:
        """Book what a bill comes to in place of what was set aside for it."""
        self._book(bill.day, bill.payers, microdollars - bill.booked)
        bill.booked = microdollars

    def _spent(self, day: str, payer: str) -> int:
        row = self._db.execute("SELECT microdollars FROM spent WHERE day = ? AND user = ?", (day, payer)).fetchone()
        return row[0] if row else 0

    def _book(self, day: str, payers: list[str], microdollars: int) -> None:
        self._db.executemany(
            "INSERT INTO spent VALUES (?, ?, ?) "
            "ON CONFLICT DO UPDATE SET microdollars = microdollars + excluded.microdollars",
            [(day, payer, microdollars) for payer in payers],
        )


@dataclass
class Bill:
    """What one request costs: as much as is set aside, until it is known better."""

    ledger: Ledger
    price: Model
    day: str
    payers: list[str]
    booked: int

    def settle(self, usage: dict[str, int] | None) -> float | None:
        """Book the price of the tokens that were used, and tell it in dollars; None where nobody knows them."""
        if usage is None:
            return None
        price, cached, written = self.price, usage["cached"], usage["cache_written"]
        prompt = (usage["input"] - cached - written) * price.input + cached * price.cached
        cost = prompt + written * price.cache_written + usage["output"] * price.output
        self.ledger.change(self, round(cost))
        return cost / DOLLAR

    def release(self) -> None:
        """The request was refused, or never left: it costs nothing."""
        self.ledger.change(self, 0)
