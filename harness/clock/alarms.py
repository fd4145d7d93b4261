"""Wakes an event loop at moments of target time, to the microsecond.

Event loops round what they wait for to a millisecond, which is a twentieth of a second of target time at rate 50. So
the loop watches a timer file of the kernel that is set to the earliest moment; a change of rate sets that file again.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import ctypes
import heapq
import itertools
import os
import threading
from collections.abc import Callable
from typing import Any

from .library import Line

CLOCK_MONOTONIC = 1
TFD_TIMER_ABSTIME = 1
SECOND = 1_000_000_000
NEVER = 1 << 62
TIDY_FROM = 64


class Alarm:
    """Something planned for a moment of target time."""

    __slots__ = ("_alarms", "arguments", "callback", "context", "due", "order")

    def __init__(
        self, alarms: Alarms, due: int, order: int, callback: Callable[..., object], arguments: tuple[Any, ...]
    ) -> None:
        self._alarms = alarms
        self.due = due
        self.order = order
        self.callback: Callable[..., object] | None = callback
        self.arguments = arguments
        self.context = contextvars.copy_context()

    def __lt__(self, other: Alarm) -> bool:
        return (self.due, self.order) < (other.due, other.order)

    def cancel(self) -> None:
        """Call it off; harmless when it has happened already."""
        if self.callback is not None:
            self.callback = None
            self.arguments = ()
            self._alarms.cancelled()


class Alarms:
    """What one event loop has planned on one clock."""

    def __init__(self, loop: asyncio.AbstractEventLoop, now: Callable[[], int], line: Callable[[], Line]) -> None:
        self._loop = loop
        self._now = now
        self._line = line
        self._planned: list[Alarm] = []
        self._order = itertools.count()
        self._cancelled = 0
        self._lock = threading.Lock()  # the clock may be changed from any thread
        self._file = _timerfd_create()
        loop.add_reader(self._file, self._fire)

    def plan(self, due: int, callback: Callable[..., object], arguments: tuple[Any, ...]) -> Alarm:
        """Have the loop call `callback(*arguments)` at a moment of target time."""
        alarm = Alarm(self, due, next(self._order), callback, arguments)
        with self._lock:
            heapq.heappush(self._planned, alarm)
            if self._planned[0] is alarm:
                self._set()
        return alarm

    @property
    def next(self) -> int | None:
        """The moment of the first that is planned; None where nothing is."""
        with self._lock:
            while self._planned and self._planned[0].callback is None:
                heapq.heappop(self._planned)
                self._cancelled -= 1
            return self._planned[0].due if self._planned else None

    def changed(self) -> None:
        """The clock has changed: what is planned comes at another wall time."""
        with self._lock:
            self._set()

    def cancelled(self) -> None:
        """One more of those planned is to be passed over; swept out when they are the most."""
        with self._lock:
            self._cancelled += 1
            if self._cancelled > TIDY_FROM and 2 * self._cancelled > len(self._planned):
                self._planned = [alarm for alarm in self._planned if alarm.callback is not None]
                heapq.heapify(self._planned)
                self._cancelled = 0

    def close(self) -> None:
        """Nothing planned happens any more."""
        if not self._loop.is_closed():
            self._loop.remove_reader(self._file)
        os.close(self._file)
        self._planned.clear()

    def _set(self) -> None:
        if self._planned:
            _timerfd_settime(self._file, self._line().wall_at(self._planned[0].due))

    def _fire(self) -> None:
        with contextlib.suppress(BlockingIOError):  # set again since
            os.read(self._file, 8)
        due: list[Alarm] = []
        with self._lock:
            now = self._now()
            while self._planned and (self._planned[0].due <= now or self._planned[0].callback is None):
                due.append(heapq.heappop(self._planned))
            self._set()
        for alarm in due:
            if alarm.callback is None:
                self._cancelled -= 1
            else:
                self._loop.call_soon(_run, alarm, context=alarm.context)


def _run(alarm: Alarm) -> None:
    callback, arguments = alarm.callback, alarm.arguments
    if callback is not None:
        alarm.callback = None
        callback(*arguments)


class _Itimerspec(ctypes.Structure):
    _fields_ = (
        ("interval_seconds", ctypes.c_long),
        ("interval_nanoseconds", ctypes.c_long),
        ("seconds", ctypes.c_long),
        ("nanoseconds", ctypes.c_long),
    )


_LIBC = ctypes.CDLL(None, use_errno=True)


def _timerfd_create() -> int:
    file: int = _LIBC.timerfd_create(CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC)
    if file < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return file


def _timerfd_settime(file: int, moment: int) -> None:
    value = _Itimerspec(0, 0, *divmod(max(1, min(moment, NEVER)), SECOND))
    if _LIBC.timerfd_settime(file, TFD_TIMER_ABSTIME, ctypes.byref(value), None) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
