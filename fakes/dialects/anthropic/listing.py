"""Pages of a list, as the API turns them."""

from __future__ import annotations

from typing import Any

from .validation import refuse

MOST = 1000


def listing(rows: list[dict[str, Any]], query: dict[str, list[str]]) -> dict[str, Any]:
    """One page: `rows` are in the order in which they are listed; `limit`, `after_id`, `before_id` are the query's."""
    size = _limit(query.get("limit", ["20"])[0])
    ids = [row["id"] for row in rows]
    after, before = query.get("after_id", [None])[0], query.get("before_id", [None])[0]
    if before in ids:
        left = rows[: ids.index(before)]
        page = left[-size:]
    else:
        left = rows[ids.index(after) + 1 :] if after in ids else rows
        page = left[:size]
    return {
        "data": page,
        "has_more": len(left) > len(page),
        "first_id": page[0]["id"] if page else None,
        "last_id": page[-1]["id"] if page else None,
    }


def _limit(asked: str) -> int:
    if not (asked.isascii() and asked.isdecimal()):
        raise refuse("Input should be a valid integer, unable to parse string as an integer", "limit")
    if int(asked) < 1:
        raise refuse("Input should be greater than or equal to 1", "limit")
    if int(asked) > MOST:
        raise refuse(f"Input should be less than or equal to {MOST}", "limit")
    return int(asked)
