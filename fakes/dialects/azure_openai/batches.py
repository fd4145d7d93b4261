"""Files and batches of Azure OpenAI: OpenAI's, with other identifiers, endpoints and words for what is wrong.

The rows of a batch name one deployment, of the type "Global-Batch"; here every deployment is of every type. Their
URLs, and the endpoint, may begin with `/v1` or leave it out, and need not agree in that. Lines of the output have no
identifier of their own, and a batch without errors has a file of errors with nothing in it. Batches are said never to
expire at Azure, though their status can be "expired".

The shapes and codes are those of Microsoft's documentation and of the outputs it shows; the wordings are not captured.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_URL, UUID, uuid5

from ..openai.batches import Batches, Made
from ..openai.files import Files
from ..wire import hex_id

if TYPE_CHECKING:
    from ...ask import Ask

FOREIGN = ("model", "usage")
"""What only OpenAI's batches say of themselves."""
CODES = {
    "missing_required_parameter": "invalid_request",
    "invalid_method": "invalid_request",
    "mismatched_endpoint": "url_mismatch",
}
NO_MODEL = "The model deployment name that the input file names was not found: {model!r}."
OTHER_MODEL = "The model deployment name of this request does not match the rest of the file."


class AzureFiles(Files):
    """The files of one resource."""

    def file_id(self, ask: Ask) -> str:
        """In hexadecimal."""
        return hex_id(ask, "file-")


class AzureBatches(Batches):
    """The batches of one resource."""

    endpoints = ("/chat/completions", "/v1/chat/completions", "/responses", "/v1/responses")
    always_errors = True

    def batch_id(self, ask: Ask) -> str:
        """A UUID."""
        return f"batch_{UUID(hex_id(ask, ''))}"

    def file_id(self, batch_id: str, name: str) -> str:
        """A UUID, with its hyphens."""
        return f"file-{uuid5(NAMESPACE_URL, f'{batch_id}/{name}')}"

    def place(self, url: str) -> str:
        """With `/v1` or without it is the same."""
        return url.removeprefix("/v1")

    def shown(self, ask: Ask, made: Made) -> dict[str, Any]:
        """The batch as it stands, without what only OpenAI's have."""
        return {name: value for name, value in super().shown(ask, made).items() if name not in FOREIGN}

    def line(self, row: dict[str, Any]) -> dict[str, Any]:
        """A line is known by its `custom_id` alone."""
        return {name: value for name, value in row.items() if name != "id"}

    def read(self, ask: Ask, lines: list[bytes]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """The requests of an input file, and what is wrong with it: all of them name one deployment that there is."""
        requests, errors = super().read(ask, lines)
        errors = [{**error, "code": CODES.get(error["code"], error["code"])} for error in errors]
        first = requests[0]["body"].get("model") if requests else None
        wrong = {"line": None, "param": "model"}
        if any(request["body"].get("model") != first for request in requests):
            errors.append({**wrong, "code": "model_mismatch", "message": OTHER_MODEL})
        elif requests and (not isinstance(first, str) or ask.fake.find(first) is None):
            errors.append({**wrong, "code": "model_not_found", "message": NO_MODEL.format(model=first)})
        return requests, errors
