"""What the reference has written down of models agrees with what its providers say and charge."""

from __future__ import annotations

import errno
import socket

import httpx
import pytest

from brownout.fakes.fake import price_list
from brownout.scenarios.targets.reference.errors import stood
from brownout.scenarios.targets.reference.models import MODELS


@pytest.mark.parametrize("model", MODELS)
def test_its_prices_are_those_of_the_list(model: str) -> None:
    """
    A price that the reference knows is the one that the fakes bill.
    """
    listed, known = price_list()[model].price, MODELS[model]

    assert (listed.input, listed.cached, listed.output) == (known.input, known.cached, known.output)
    assert (listed.cache_write or 0.0) == known.cache_written


@pytest.mark.parametrize("model", MODELS)
def test_its_windows_are_those_of_the_list(model: str) -> None:
    """
    A prompt is fitted to the window that the fakes have.
    """
    assert price_list()[model].window == MODELS[model].window


@pytest.mark.parametrize("number", [errno.ECONNRESET, errno.ECONNREFUSED], ids=errno.errorcode.get)
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_it_knows_a_reset_from_a_refusal(number: int, host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A provider who resets a connection at once listens, though the client says of both that it could not connect.
    """
    # Whether a reset is seen while connecting is a race; here the kernel's answer is always that.
    monkeypatch.setattr(socket.socket, "getsockopt", lambda *_: number)
    with socket.create_server(("127.0.0.1", 0)) as door:
        url = f"http://{host}:{door.getsockname()[1]}/"
        async with httpx.AsyncClient() as client:
            with pytest.raises(httpx.ConnectError) as failed:
                await client.get(url)

    assert (number == errno.ECONNRESET) == stood(failed.value)
