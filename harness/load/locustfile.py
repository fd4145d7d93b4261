"""The users of a load run, as Locust runs them: `brownout load` starts `locust -f` with this file.

This is the only module that imports Locust, which patches every socket of its process. It is told what to do by the
environment, and reports every call by a socket; see `wire`.
"""

from __future__ import annotations

import os
import socket
import threading
from contextlib import suppress
from itertools import count
from random import Random
from typing import Any

import gevent  # type: ignore[import-untyped]
import msgspec
from gevent.event import AsyncResult  # type: ignore[import-untyped]
from locust import LoadTestShape, User, events, task
from locust.runners import MasterRunner

from brownout.fakes.clock import RealClock
from brownout.harness.history import Call
from brownout.harness.load.http_caller import call_service
from brownout.harness.load.profile import Profile, named
from brownout.harness.load.wire import (
    SETTINGS,
    Began,
    Hello,
    Leave,
    Made,
    Order,
    Said,
    Settings,
    Told,
    Welcome,
    begun,
    canary,
    heard,
    line,
)

CLOCK = RealClock()
LONGEST_PAUSE = 5.0
"""The longest pause between two calls, in average pauses."""


class Run:
    """What this process knows of the run: by its environment, or, where it was started by hand, from its master."""

    told: Settings
    profile: Profile
    desk: Desk
    """Connected to when users begin, since Locust forks before."""
    over = False
    """Whether no more calls are to be made."""

    def hear(self, settings: str) -> None:
        """Learn what the run is."""
        self.told = msgspec.json.decode(settings, type=Settings)
        self.profile = named(self.told.profile).sized(seconds=self.told.seconds, users=self.told.users)


RUN = Run()
if SETTINGS in os.environ:
    RUN.hear(os.environ[SETTINGS])


class Gone(Exception):  # it is the end, not an error
    """The caller left, or was made to."""


class Desk:
    """The harness, as its Locust processes see it."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(RUN.told.socket)
        self._writing = threading.Lock()
        self._waiting: dict[int, AsyncResult] = {}
        self._numbers = count()
        self._users = count()
        self._welcome: AsyncResult = AsyncResult()
        self.say(Hello())
        gevent.spawn(self._listen)
        told: Welcome = self._welcome.get()
        self._worker, self._crowd = told.worker, told.crowd

    def say(self, message: Said) -> None:
        """Send a line."""
        with self._writing:
            self._socket.sendall(line(message))

    def user(self) -> tuple[str, int]:
        """The name of one more user, and the number of the person who that is."""
        number = next(self._users)
        return f"u{self._worker + 1}-{number + 1}", number * RUN.told.processes + self._worker

    def text(self, person: int, number: int) -> str:
        """What somebody says in their call of that number."""
        return self._crowd.says(person, number)

    def next_call(self, user: str, text: str, *, stream: bool) -> tuple[int, Call]:
        """A call that is about to be made, and its number."""
        number = next(self._numbers)
        return number, begun(canary(RUN.told.seed, self._worker, number), user, text, stream=stream)

    def order(self, number: int, call: Call, text: str) -> Told:
        """Have the harness make a call, and wait for what comes of it."""
        waiting = self._waiting[number] = AsyncResult()
        try:
            self.say(Order(number, call.canary, call.user or "", text, call.stream))
            told: Told = waiting.get()
        except gevent.GreenletExit:
            self.say(Leave(number))
            raise
        finally:
            del self._waiting[number]
        return told

    def _listen(self) -> None:
        # A harness that ends with something of ours unread resets the connection instead of closing it.
        with suppress(ConnectionError), self._socket.makefile("rb") as lines:
            for text in lines:
                match heard.decode(text):
                    case Welcome() as welcome:
                        self._welcome.set(welcome)
                    case Told() as told if told.number in self._waiting:
                        self._waiting[told.number].set(told)
        leave()


def leave() -> None:
    """Nobody is there any more to whom anything could be told."""
    os._exit(0)


class Caller(User):
    """Asks, reads the answer, thinks for a while, and asks again."""

    abstract = True
    stream = False

    def on_start(self) -> None:
        """Not all at once: users come when they like."""
        self._name, self._person = RUN.desk.user()
        self._asked = count()
        self._random = Random(f"{RUN.told.seed}/{self._name}")
        gevent.sleep(self._random.uniform(0, RUN.profile.pause))

    def wait_time(self) -> float:
        """How long it thinks."""
        pause = RUN.profile.pause
        return min(self._random.expovariate(1 / pause), LONGEST_PAUSE * pause)

    @task
    def ask(self) -> None:
        """One call, to its end; none where the run has ended while it was thinking."""
        if RUN.over:
            return
        text = RUN.desk.text(self._person, next(self._asked))
        number, call = RUN.desk.next_call(self._name, text, stream=self.stream)
        asking = RUN.told.asking
        told = RUN.desk.order(number, call, text) if asking is None else self._call(asking, call)
        self.environment.events.request.fire(
            request_type="stream" if self.stream else "plain",
            name="call",
            response_time=told.seconds * 1000,
            response_length=told.characters,
            exception=None if told.error is None else Gone(told.error),
        )

    def _call(self, asking: Any, call: Call) -> Told:
        call.started = CLOCK.nanoseconds()
        try:
            with gevent.Timeout(RUN.told.patience, False):
                call_service(asking, call, CLOCK)
        except gevent.GreenletExit:
            call.cancelled = CLOCK.nanoseconds()
            raise
        finally:
            if call.ended is None and call.cancelled is None:
                call.given_up = CLOCK.nanoseconds()
            RUN.desk.say(Made(call))
        over = call.ended or CLOCK.nanoseconds()
        return Told(0, (over - call.started) / 1e9, call.error if call.ended else "gave up", len(call.text))


# Which users there are is the master's to decide; a worker that has not heard of it yet can be either.
STREAMED = RUN.told.streamed if SETTINGS in os.environ else 0.5

if STREAMED < 1:

    class PlainCaller(Caller):
        """Waits for the whole answer."""

        weight = max(1, round(100 * (1 - STREAMED)))


if STREAMED > 0:

    class StreamingCaller(Caller):
        """Reads the answer as it comes."""

        stream = True
        weight = max(1, round(100 * STREAMED))


class Shape(LoadTestShape):
    """So many users as the profile says."""

    def tick(self) -> tuple[int, float] | None:
        """How many users there are to be, and how many more a second."""
        at: float = self.get_run_time()  # type: ignore[no-untyped-call]
        if at >= RUN.profile.seconds:
            return None
        users = RUN.profile.users_at(at)
        return users, float(users)


@events.init.add_listener  # type: ignore[untyped-decorator]
def _tell(environment: Any, **_rest: Any) -> None:
    """What is no option of Locust's own among a master's options is sent to its workers, before their users begin."""
    if isinstance(environment.runner, MasterRunner):
        vars(environment.parsed_options)[SETTINGS] = os.environ[SETTINGS]


@events.test_start.add_listener  # type: ignore[untyped-decorator]
def _begin(environment: Any, **_rest: Any) -> None:
    if isinstance(environment.runner, MasterRunner):
        return  # it has no users
    if SETTINGS not in os.environ:
        RUN.hear(vars(environment.parsed_options)[SETTINGS])
    try:
        RUN.desk = Desk()
        RUN.desk.say(Began())
    except OSError:
        leave()


@events.test_stopping.add_listener  # type: ignore[untyped-decorator]
def _end(**_rest: Any) -> None:
    RUN.over = True
