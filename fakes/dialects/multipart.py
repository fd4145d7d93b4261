"""Reads `multipart/form-data` (RFC 7578), the one way in which files are uploaded."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote

BOUNDARY = re.compile(r'boundary=(?:"([^"]+)"|([^;\s]+))', re.IGNORECASE)
PARAMETER = re.compile(r';\s*(name|filename\*?)=(?:"((?:[^"\\]|\\.)*)"|([^;\s]+))', re.IGNORECASE)


class NotMultipart(ValueError):
    """A body that is no form, or a broken one."""


@dataclass(frozen=True, slots=True)
class Part:
    """One field of a form."""

    data: bytes
    filename: str | None = None


def parts(content_type: str, body: bytes) -> dict[str, Part]:
    """The fields of a form by name; of several with one name the last counts."""
    found = BOUNDARY.search(content_type)
    if not content_type.lower().startswith("multipart/form-data") or not found:
        raise NotMultipart("expected multipart/form-data with a boundary")
    dashes = b"--" + (found[1] or found[2]).encode("latin-1", "replace")
    # The first delimiter has no line end before it; with one put there all delimiters look alike.
    first, *sections = (b"\r\n" + body).split(b"\r\n" + dashes)
    if first or not sections or not sections[-1].startswith(b"--"):
        raise NotMultipart("the form is not closed by its boundary")
    fields = {}
    for section in sections[:-1]:
        head, blank, data = section.partition(b"\r\n\r\n")
        if not blank:
            raise NotMultipart("a part has no end of its head")
        parameters = _disposition(head.decode("utf-8", "replace"))
        if "name" in parameters:
            fields[parameters["name"]] = Part(data, parameters.get("filename"))
    return fields


def _disposition(head: str) -> dict[str, str]:
    line = next((line for line in head.split("\r\n") if line.lower().startswith("content-disposition:")), "")
    found = {name.lower(): _unquoted(quoted or bare) for name, quoted, bare in PARAMETER.findall(line)}
    if "filename*" in found:
        found["filename"] = unquote(found["filename*"].rpartition("'")[2])
    return found


def _unquoted(value: str) -> str:
    return re.sub(r"\\(.)", r"\1", value)
