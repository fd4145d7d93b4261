"""The list of models, of Bedrock's other endpoint; a fake answers for both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote

from ...ask import Trouble
from ...script import Op, whole
from ..refusing import Refused
from ..wire import json_bytes
from .reading import PROFILE, family_of, model_of
from .refusing import refuse
from .troubles import headers

if TYPE_CHECKING:
    from ...ask import Ask

PROVIDERS = {"amazon": "Amazon", "anthropic": "Anthropic", "cohere": "Cohere", "meta": "Meta", "mistral": "Mistral AI"}
MODALITIES = ("TEXT", "IMAGE", "EMBEDDING")
USUAL_REGION = "us-east-1"


def read(ask: Ask) -> None:
    """Refuse a model that there is not, and a choice that there cannot be."""
    if ask.route == "models.get":
        ask.model = model_of(ask.fake, ask.about or "")
        if ask.fake.find(ask.model) is None:
            raise Refused(
                Trouble(
                    "model_not_found", f"Could not find the model {unquote(ask.about or '')}. Check the identifier."
                )
            )
        return
    wanted = _choice(ask, "byOutputModality")
    if wanted is not None and wanted not in MODALITIES:
        raise refuse(
            f"1 validation error detected: Value '{wanted}' at 'byOutputModality' failed to satisfy constraint: Member "
            f"must satisfy enum value set: [{', '.join(MODALITIES)}]"
        )


def answer(ask: Ask) -> tuple[Op, ...]:
    """The fair-weather script: the list, or one model."""
    if ask.route == "models.get":
        return whole(200, json_bytes({"modelDetails": _model(ask, ask.model or "")}), headers=headers(ask))
    provider, modality = _choice(ask, "byProvider"), _choice(ask, "byOutputModality")
    # What is named by a region is a profile of a model that is in the list already.
    known = [_model(ask, name) for name in ask.fake.known() if not PROFILE.match(name) or name == ask.fake.model]
    found = [
        model
        for model in known
        if (provider is None or provider.lower() == model["providerName"].lower())
        and (modality is None or modality in model["outputModalities"])
    ]
    return whole(200, json_bytes({"modelSummaries": found}), headers=headers(ask))


def _model(ask: Ask, name: str) -> dict[str, Any]:
    model = ask.fake.find(name)
    writes = model is not None and model.max_output > 0
    region = ask.fake.region if ask.fake.region and "-" in ask.fake.region else USUAL_REGION
    return {
        "modelArn": f"arn:aws:bedrock:{region}::foundation-model/{name}",
        "modelId": name,
        "modelName": name.partition(".")[2] or name,
        "providerName": PROVIDERS.get(family_of(name), family_of(name)),
        "inputModalities": ["TEXT"],
        "outputModalities": ["TEXT" if writes else "EMBEDDING"],
        "responseStreamingSupported": writes,
        "customizationsSupported": [],
        "inferenceTypesSupported": ["ON_DEMAND"],
        "modelLifecycle": {"status": "ACTIVE"},
    }


def _choice(ask: Ask, name: str) -> str | None:
    return parse_qs(ask.request.query).get(name, [None])[0]
