"""Brownout in pytest: fakes as a fixture, and the catalogue as parametrised tests.

    def test_a_limit_is_obeyed(brownout_fake):
        brownout_fake.weather(first(1, RateLimited(retry_after=1)))
        client = OpenAI(base_url=brownout_fake.url, api_key=brownout_fake.key)
        ...
        assert len(brownout_fake.exchanges) == 2

    @pytest.mark.brownout("brownout.toml", "retry", "stream.*")
    def test_my_integration(brownout_case):
        brownout_case.passes()

The second is one test for each case of the rows selected. They are run together, many at a time, when the first of
them begins; under pytest-xdist each is run where it is asked for. Nothing is imported or started before it is used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from ..fakes.threaded import StandingFake, ThreadedFakes
    from .catalogued import Judged, Order, Orders

MARK = "brownout"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Flags, all with our prefix."""
    group = parser.getgroup("brownout", "the crash-test lab for integrations with LLM providers")
    group.addoption("--brownout-target", metavar="TARGET", help="the target of tests whose mark names none")
    group.addoption("--brownout-seed", type=int, metavar="N", help="every random choice follows from it")
    group.addoption("--brownout-jobs", type=int, metavar="N", help="scenarios at a time")
    group.addoption("--brownout-report-dir", metavar="DIR", help="where histories go; a temporary folder otherwise")


def pytest_configure(config: pytest.Config) -> None:
    """Make the mark known."""
    line = f"{MARK}(target, *select, level='may', fail_on='must'): judge a target by the rows selected, a test each"
    config.addinivalue_line("markers", line)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test for each case of the rows that the mark selects."""
    if "brownout_case" not in metafunc.fixturenames:
        return
    mark = metafunc.definition.get_closest_marker(MARK)
    if mark is None:
        raise pytest.UsageError(f'{metafunc.definition.nodeid}: brownout_case needs @pytest.mark.{MARK}("TARGET")')
    from .catalogued import orders  # noqa: PLC0415  # nothing is imported before it is used

    config = metafunc.config
    made = orders(
        mark.args[0] if mark.args else config.getoption("--brownout-target"),
        mark.args[1:],
        config.rootpath,
        config.getoption("--brownout-seed"),
        **mark.kwargs,
    )
    metafunc.parametrize("brownout_case", made, ids=str, indirect=True)


@pytest.fixture(scope="session")
def _brownout_orders(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[Order], Judged]:
    from .catalogued import Orders  # noqa: PLC0415  # nothing is imported before it is used

    config = request.config
    folder = config.getoption("--brownout-report-dir")
    wanted: list[Order] = []
    if not hasattr(config, "workerinput"):  # under pytest-xdist a worker does not know which tests it will be given
        parameters = (getattr(item, "callspec", None) for item in request.session.items)
        wanted = [p.params["brownout_case"] for p in parameters if p is not None and "brownout_case" in p.params]
    made: Orders = Orders(
        wanted,
        Path(folder) if folder else tmp_path_factory.mktemp("brownout"),
        config.getoption("--brownout-jobs"),
    )
    return made.judged


@pytest.fixture
def brownout_case(request: pytest.FixtureRequest, _brownout_orders: Callable[[Order], Judged]) -> Judged:
    """One case of the catalogue, run and judged; one that says nothing of the target skips the test."""
    judged = _brownout_orders(request.param)
    if judged.verdict == "not_applicable":
        pytest.skip(judged.case.reason)
    if not judged.gated and judged.verdict != "pass":
        pytest.xfail(judged.story)
    return judged


@pytest.fixture(scope="session")
def _brownout_thread() -> Iterator[ThreadedFakes]:
    from ..fakes.threaded import ThreadedFakes  # noqa: PLC0415  # nothing is imported before it is used

    with ThreadedFakes() as fakes:
        yield fakes


@pytest.fixture
def brownout_fakes(_brownout_thread: ThreadedFakes) -> Iterator[Callable[..., StandingFake]]:
    """Stands up fakes for one test: `brownout_fakes(dialect="openai", model="gpt-4o")`, the fields of `Fake`."""
    from ..fakes.fake import Fake, secret  # noqa: PLC0415  # nothing is imported before it is used

    standing: list[StandingFake] = []

    def stand(**fields: Any) -> StandingFake:
        number = len(standing) + 1
        keys = fields.pop("keys", (secret(number),))
        fields.setdefault("name", "primary" if number == 1 else f"fake{number}")
        standing.append(_brownout_thread.stand(Fake(keys=tuple(keys), **fields)))
        return standing[-1]

    yield stand
    for fake in standing:
        _brownout_thread.drop(fake)


@pytest.fixture
def brownout_fake(brownout_fakes: Callable[..., StandingFake]) -> StandingFake:
    """One fake that speaks OpenAI's dialect."""
    return brownout_fakes()
