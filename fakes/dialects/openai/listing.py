"""Pages of a list, as the API turns them."""

from __future__ import annotations

from typing import Any

MOST = 100


def listing(
    rows: list[dict[str, Any]], query: dict[str, list[str]], *, newest_first: bool, limit: int = 20
) -> dict[str, Any]:
    """One page: `rows` are in the order of their making, `limit`, `order` and `after` come from the query."""
    order = query.get("order", ["desc" if newest_first else "asc"])[0]
    ordered = rows[::-1] if order == "desc" else rows
    after = query.get("after", [None])[0]
    places = [number for number, row in enumerate(ordered) if row["id"] == after]
    if places:
        ordered = ordered[places[0] + 1 :]
    asked = query.get("limit", [str(limit)])[0]
    size = min(int(asked), max(MOST, limit)) if asked.isdecimal() and asked.isascii() else limit
    page = ordered[: max(size, 1)]
    return {
        "object": "list",
        "data": page,
        "first_id": page[0]["id"] if page else None,
        "last_id": page[-1]["id"] if page else None,
        "has_more": len(ordered) > len(page),
    }
