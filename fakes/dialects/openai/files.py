"""Files: uploaded, listed, read back, deleted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import parse_qs

from ...ask import Trouble
from ...script import Op, header, whole
from ..multipart import NotMultipart, parts
from ..refusing import Refused
from ..wire import json_bytes, text_id
from .limits import common_headers
from .listing import listing
from .validation import missing, one_of, refuse

if TYPE_CHECKING:
    from ...ask import Ask

UPLOADED = ("assistants", "batch", "fine-tune", "vision", "user_data", "evals")
SEALED = {"assistants", "vision", "user_data"}
MOST = 10_000


@dataclass(frozen=True, slots=True)
class Kept:
    """One file and what is in it."""

    file: dict[str, Any]
    data: bytes


class Files:
    """The files of one provider; what another that has the same API says otherwise is public."""

    purposes: ClassVar[tuple[str, ...]] = UPLOADED

    def __init__(self) -> None:
        self._kept: dict[str, Kept] = {}

    def answer(self, ask: Ask, about: str | None) -> Sequence[Op]:
        """The fair-weather script of every operation on files."""
        if ask.route == "files.create":
            return _json(ask, self.shown(ask, self._create(ask)))
        if ask.route == "files.list":
            query = parse_qs(ask.request.query)
            purpose = query.get("purpose", [None])[0]
            rows = [self.shown(ask, kept) for kept in self._kept.values()]
            return _json(ask, self.page([row for row in rows if purpose in (None, row["purpose"])], query))
        kept = self.find(about)
        if kept is None:
            raise Refused(Trouble("not_found", f"No such File object: {about}", param="id"))
        match ask.route:
            case "files.content":
                if kept.file["purpose"] in SEALED:
                    raise refuse(f"Not allowed to download files of purpose: {kept.file['purpose']}")
                name = kept.file["filename"].encode("ascii", "replace").decode().replace('"', "'")
                disposition = ("content-disposition", f'attachment; filename="{name}"')
                return whole(200, kept.data, "application/octet-stream", (*common_headers(ask), disposition))
            case "files.delete":
                del self._kept[kept.file["id"]]
                ask.undo.append(lambda: self._kept.update({kept.file["id"]: kept}))
                return _json(ask, {"id": kept.file["id"], "object": "file", "deleted": True})
            case _:
                return _json(ask, self.shown(ask, kept))

    def shown(self, ask: Ask, kept: Kept) -> dict[str, Any]:
        """The file, for whoever asks."""
        return kept.file

    def page(self, rows: list[dict[str, Any]], query: dict[str, list[str]]) -> dict[str, Any]:
        """One page of the list of files, given in the order of their making."""
        return listing(rows, query, newest_first=True, limit=MOST)

    def file_id(self, ask: Ask) -> str:
        """The identifier of the file that an ask uploads."""
        return text_id(ask, "file-", 22)

    def find(self, about: object) -> Kept | None:
        """The file of that id."""
        return self._kept.get(about) if isinstance(about, str) else None

    def keep(
        self, file_id: str, data: bytes, filename: str, purpose: str, now: float, lasts: int | None = None
    ) -> None:
        """Keep a file; `lasts` is in seconds."""
        file = {
            "id": file_id,
            "object": "file",
            "bytes": len(data),
            "created_at": int(now),
            "expires_at": None if lasts is None else int(now) + lasts,
            "filename": filename,
            "purpose": purpose,
            "status": "processed",
            "status_details": None,
        }
        self._kept[file_id] = Kept(file, data)

    def _create(self, ask: Ask) -> Kept:
        try:
            form = parts(header(ask.request.headers, "content-type") or "", ask.request.body)
        except NotMultipart as error:
            raise refuse(f"Could not parse multipart form: {error}") from None
        for name in ("file", "purpose"):
            if name not in form:
                raise missing(name)
        purpose = form["purpose"].data.decode("utf-8", "replace")
        one_of("purpose", purpose, self.purposes)
        lasts = form["expires_after[seconds]"].data if "expires_after[seconds]" in form else b""
        file_id = self.file_id(ask)
        ask.undo.append(lambda: self._kept.pop(file_id, None))
        name = form["file"].filename or "upload"
        self.keep(file_id, form["file"].data, name, purpose, ask.now, int(lasts) if lasts.isdigit() else None)
        return self._kept[file_id]


def _json(ask: Ask, value: Any) -> Sequence[Op]:
    return whole(200, json_bytes(value), headers=common_headers(ask))
