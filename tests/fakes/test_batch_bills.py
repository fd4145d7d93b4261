"""A request in a batch costs half of what it costs alone."""

from __future__ import annotations

import json
from typing import Any

import pytest
from anthropic import Anthropic
from google import genai
from google.genai import types
from languages import LANGUAGES
from mistralai.client import Mistral
from openai import OpenAI
from speaking import KEY, MESSAGES, PROMPT, QUICK, billed, serving

from brownout.fakes.answer import Answer, BatchRun
from brownout.fakes.faults.replies import Unavailable
from brownout.fakes.meter import microdollars
from brownout.fakes.server import FakeServer
from brownout.fakes.weather import Weather, always

pytestmark = pytest.mark.slow
FAIR = Weather()


def _anthropic(server: FakeServer, count: int, weather: Weather = FAIR) -> None:
    params: Any = {"model": server.fake.model, "max_tokens": 64, "messages": MESSAGES}
    with Anthropic(base_url=server.url, api_key=KEY, max_retries=0) as client:
        if count == 0:
            client.messages.create(**params)
        else:
            requests: Any = [{"custom_id": f"r{number}", "params": params} for number in range(count)]
            server.weather = weather
            client.messages.batches.create(requests=requests)


def _openai(server: FakeServer, count: int, weather: Weather = FAIR, path: str = "") -> None:
    body: Any = {"model": server.fake.model, "messages": MESSAGES}
    with OpenAI(base_url=server.url + path, api_key=KEY, max_retries=0) as client:
        if count == 0:
            client.chat.completions.create(**body)
            return
        row = {"method": "POST", "url": "/v1/chat/completions", "body": body}
        lines = "\n".join(json.dumps({"custom_id": f"r{number}", **row}) for number in range(count))
        file = client.files.create(file=("rows.jsonl", lines.encode()), purpose="batch")
        server.weather = weather
        client.batches.create(input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h")


def _azure(server: FakeServer, count: int, weather: Weather = FAIR) -> None:
    _openai(server, count, weather, "/openai/v1")


def _mistral(server: FakeServer, count: int, weather: Weather = FAIR) -> None:
    messages: Any = MESSAGES
    with Mistral(api_key=KEY, server_url=server.url) as client:
        if count == 0:
            client.chat.complete(model=server.fake.model, messages=messages)
            return
        requests: Any = [{"custom_id": f"r{number}", "body": {"messages": messages}} for number in range(count)]
        server.weather = weather
        client.batch.jobs.create(endpoint="/v1/chat/completions", model=server.fake.model, requests=requests)


def _gemini(server: FakeServer, count: int, weather: Weather = FAIR) -> None:
    client = genai.Client(api_key=KEY, http_options=types.HttpOptions(base_url=server.url))
    try:
        if count == 0:
            client.models.generate_content(model=server.fake.model, contents=PROMPT)
            return
        server.weather = weather
        client.batches.create(model=server.fake.model, src=[types.InlinedRequest(contents=PROMPT)] * count)
    finally:
        client.close()


CALLS = {
    "anthropic": _anthropic,
    "azure_openai": _azure,
    "gemini": _gemini,
    "mistral": _mistral,
    "openai": _openai,
}


WHOLE = {"gemini"}
"""Where a batch expires as a whole, and nothing in it is run."""


@pytest.mark.parametrize("name", CALLS)
def test_a_batch_costs_half(name: str) -> None:
    """
    Three requests in a batch are billed as one and a half, and those that expired are not billed.
    """
    expired = () if name in WHOLE else (2,)
    with serving(LANGUAGES[name].fake()) as server:
        CALLS[name](server, 0)
        alone = billed(server)
        server.answer = Answer(words=QUICK.words, pace=QUICK.pace, batch=BatchRun(expired=expired))
        CALLS[name](server, 3 + len(expired))
        batch = billed(server)

    model = server.fake.find(server.fake.model)
    assert model is not None
    half = microdollars(model.price, alone.input_tokens, alone.output_tokens, share=0.5)
    assert 0 < half < alone.microdollars < 2 * half + 2
    assert 3 * half == batch.microdollars
    assert (3 * alone.input_tokens, 3 * alone.output_tokens) == (batch.input_tokens, batch.output_tokens)


@pytest.mark.parametrize("name", WHOLE)
def test_a_batch_that_expires_as_a_whole_costs_nothing(name: str) -> None:
    """
    Nothing in it was run.
    """
    with serving(LANGUAGES[name].fake(), Answer(batch=BatchRun(expired=(1,)))) as server:
        CALLS[name](server, 2)
        batch = billed(server)

    assert (200, 0, 0) == (batch.status, batch.output_tokens, batch.microdollars)


@pytest.mark.parametrize("name", CALLS)
def test_a_batch_that_was_refused_costs_nothing(name: str) -> None:
    """
    A batch whose making is refused was never made, and nothing of it is billed.
    """
    with serving(LANGUAGES[name].fake()) as server:
        CALLS[name](server, 2)
        fair = billed(server)
        with pytest.raises(Exception, match="unavailable"):
            CALLS[name](server, 2, Weather((always(Unavailable()),)))
        refused = billed(server)

    assert fair.microdollars > 0
    assert ("batches.create", 503, 0, 0) == (refused.route, refused.status, refused.microdollars, refused.output_tokens)
