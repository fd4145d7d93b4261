"""What the API refuses of a request that it could read: 400, in the words of its reader of protocol buffers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...ask import Trouble
from ..refusing import Refused
from ..sample import wrong_in
from .reading import ENUM, functions_of, get, known, objects, parameters_of

if TYPE_CHECKING:
    from ...ask import Ask

GENERATE = known(
    (
        *("contents", "systemInstruction", "generationConfig", "tools", "toolConfig", "safetySettings"),
        *("cachedContent", "model", "labels", "serviceTier", "store", "continuationToken"),
        *("modelArmorConfig", "outputConfig"),
    )
)
CONFIG = known(
    (
        *("temperature", "topP", "topK", "candidateCount", "maxOutputTokens", "stopSequences", "seed"),
        *("responseMimeType", "responseSchema", "responseJsonSchema", "responseModalities", "thinkingConfig"),
        *("presencePenalty", "frequencyPenalty", "responseLogprobs", "logprobs", "speechConfig", "mediaResolution"),
        *("audioTimestamp", "routingConfig", "modelSelectionConfig", "enableAffectiveDialog", "imageConfig"),
        *("enableEnhancedCivicAnswers", "modelConfig", "responseFormat", "audioTranscriptionConfig"),
    )
)
NUMBERS: dict[str, tuple[type, ...]] = {
    "maxOutputTokens": (int,),
    "candidateCount": (int,),
    "topK": (int, float),
    "topP": (int, float),
}
ROLES = ("user", "model", "function", "tool")


def refuse(message: str, field: str = "") -> Refused:
    """A refusal to be raised; `field` is what it is about."""
    return Refused(Trouble("bad_request", message, param=field or None))


def check_content(ask: Ask) -> None:
    """Refuse a request for content that the API would refuse."""
    body = ask.body
    if not isinstance(body, dict):
        raise refuse("Invalid JSON payload received. Unexpected token.\nRoot element must be a message.")
    _fields(body, GENERATE)
    _contents(body)
    _config(get(body, "generationConfig", {}))
    for name, function in functions_of(body).items():
        _schema(parameters_of(function), f"tools.function_declarations.{name}.parameters")
    check_model(ask)
    check_window(ask)


def check_model(ask: Ask) -> None:
    """Refuse a model that there is not."""
    if ask.fake.find(ask.model) is None:
        raise Refused(Trouble("model_not_found"))


def check_window(ask: Ask) -> None:
    """Refuse a prompt that does not fit the model's window."""
    model = ask.fake.find(ask.model)
    if model is not None and ask.input_tokens > model.window:
        raise Refused(Trouble("context_length"))


def _fields(value: dict[str, Any], names: frozenset[str], at: str = "") -> None:
    for name in value:
        if name not in names:
            where = f" at '{at}'" if at else ""
            raise refuse(f'Invalid JSON payload received. Unknown name "{name}"{where}: Cannot find field.', at)


def _contents(body: dict[str, Any]) -> None:
    contents = get(body, "contents")
    if not contents:
        raise refuse("* GenerateContentRequest.contents: contents is not specified\n", "contents")
    if not isinstance(contents, list | dict):
        raise refuse("Invalid value at 'contents' (type.googleapis.com/google.ai.Content)", "contents")
    for number, content in enumerate(contents if isinstance(contents, list) else [contents]):
        if not isinstance(content, dict):
            at = f"contents[{number}]"
            raise refuse(f"Invalid value at '{at}' (type.googleapis.com/google.ai.Content)", at)
        if content.get("role", "user") not in ROLES:
            raise refuse("Please use a valid role: user, model.")
        if not any(True for _ in objects(content.get("parts"))):
            at = f"contents[{number}].parts"
            raise refuse(f"* GenerateContentRequest.{at}: contents.parts must not be empty.\n", at)


def _config(config: Any) -> None:
    at = "generation_config"
    if not isinstance(config, dict):
        raise refuse(f"Invalid value at '{at}' (type.googleapis.com/google.ai.GenerationConfig)", at)
    _fields(config, CONFIG, at)
    for name, kinds in NUMBERS.items():
        value = get(config, name)
        if value is not None and type(value) not in kinds:
            raise refuse(f"Invalid value at '{at}.{name}' (TYPE_INT32), \"{value}\"", f"{at}.{name}")
        if value is not None and value < (1 if name == "maxOutputTokens" else 0):
            raise refuse(f"* GenerateContentRequest.{at}.{name}: must be positive.\n", f"{at}.{name}")
    if get(config, "logprobs") is not None and get(config, "responseLogprobs") is not True:
        raise refuse("logprobs can only be set when response_logprobs is true.", f"{at}.logprobs")
    schema = get(config, "responseSchema")
    if get(config, "responseMimeType") == ENUM and schema is not None and not get(schema, "enum"):
        raise refuse(f"* GenerateContentRequest.{at}.response_schema: only an enum can be of type {ENUM}.\n", at)
    stops = get(config, "stopSequences", [])
    if not isinstance(stops, list) or not all(isinstance(stop, str) for stop in stops):
        raise refuse(f"Invalid value at '{at}.stop_sequences' (TYPE_STRING)", f"{at}.stop_sequences")


def _schema(schema: Any, at: str) -> None:
    if wrong := wrong_in(schema):
        raise refuse(f"* GenerateContentRequest.{at}: {wrong}\n", at)
