"""The conversation of a Realtime session: its items, in order."""

from __future__ import annotations

from typing import Any

from .validation import refuse

Item = dict[str, Any]


class Conversation:
    """Items that can be put in, taken out and found by their identifiers."""

    def __init__(self) -> None:
        self._items: list[Item] = []

    @property
    def items(self) -> list[Item]:
        """All of them."""
        return list(self._items)

    def before(self, name: str | None) -> str | None:
        """The identifier of the item before one; of the last one where there is none of that name."""
        names = [item["id"] for item in self._items]
        at = names.index(name) if name in names else len(names)
        return names[at - 1] if at else None

    def find(self, name: Any, param: str) -> Item:
        """The item of a name; refused where there is none."""
        for item in self._items:
            if item["id"] == name:
                return item
        raise refuse(f"Item with item_id '{name}' not found.", param, "item_not_found")

    def insert(self, item: Item, behind: Any) -> None:
        """Put an item behind another: at the end where none is named, at the beginning behind "root"."""
        if any(known["id"] == item["id"] for known in self._items):
            raise refuse(f"Item with id '{item['id']}' already exists.", "item.id", "invalid_value")
        called = [known.get("call_id") for known in self._items if known["type"] == "function_call"]
        if item["type"] == "function_call_output" and item["call_id"] not in called:
            raise refuse(
                f"Tool call ID '{item['call_id']}' not found in conversation.",
                "item.call_id",
                "invalid_tool_call_id",
            )
        at = len(self._items)
        if behind is not None:
            at = 0 if behind == "root" else self._items.index(self.find(behind, "previous_item_id")) + 1
        self._items.insert(at, item)

    def put(self, item: Item) -> None:
        """Put an item at the end, or in the place of the one that has its identifier."""
        for at, known in enumerate(self._items):
            if known["id"] == item["id"]:
                self._items[at] = item
                return
        self._items.append(item)

    def remove(self, name: str) -> None:
        """Take an item out, if it is there."""
        self._items = [item for item in self._items if item["id"] != name]
