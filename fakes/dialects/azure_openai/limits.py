"""The headers that Azure OpenAI sends: its gateway's identifiers, the region, the limits of the deployment."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from ...script import Headers, header
from ..openai.limits import METERED, retry_headers
from ..openai.troubles import LIMITED
from ..refusing import whole_seconds
from ..wire import hex_id

if TYPE_CHECKING:
    from ...ask import Ask, Trouble

REGION = "East US"


def request_id(ask: Ask, *salt: object) -> str:
    """The gateway's identifier, in `apim-request-id`; those of a batch's rows are told apart by some salt."""
    return str(UUID(hex_id(ask, "", 32, *salt)))


def gateway_headers(ask: Ask) -> Headers:
    """What the gateway sends with every answer, its refusals included."""
    theirs = header(ask.request.headers, "x-ms-client-request-id")
    return (
        ("apim-request-id", request_id(ask)),
        ("strict-transport-security", "max-age=31536000; includeSubDomains; preload"),
        ("x-content-type-options", "nosniff"),
        ("x-ms-client-request-id", theirs or request_id(ask)),
        ("x-ms-region", ask.fake.region or REGION),
    )


def common_headers(ask: Ask) -> Headers:
    """Headers of what the model behind the gateway says."""
    if ask.route not in METERED:
        return gateway_headers(ask)
    left = (("requests", ask.quota.requests), ("tokens", ask.quota.tokens))
    return (
        *gateway_headers(ask),
        ("x-request-id", request_id(ask)),
        ("x-ms-rai-invoked", "true"),
        *((("x-ms-deployment-name", ask.model),) if ask.model and ask.model in ask.fake.known() else ()),
        *((f"x-ratelimit-limit-{name}", str(each.limit)) for name, each in left),
        *((f"x-ratelimit-remaining-{name}", str(each.remaining)) for name, each in left),
    )


def refusal_headers(ask: Ask, trouble: Trouble, status: int) -> Headers:
    """Headers of a refusal: whoever gets past the gateway learns of the limits, and when they are full again."""
    if status in (401, 403, 404):
        return gateway_headers(ask)
    headers = common_headers(ask)
    if family := LIMITED.get(trouble.kind if status == 429 else ""):
        wait = whole_seconds(trouble.wait(usual=1.0))
        spent = f"x-ratelimit-remaining-{family}"
        headers = tuple((name, "0" if name == spent else value) for name, value in headers)
        headers += ((f"x-ratelimit-reset-{family}", wait),)
    if status == 400:
        headers += (("ms-azureml-model-error-reason", "model_error"), ("ms-azureml-model-error-statuscode", "400"))
    return headers + retry_headers(trouble)
