"""How late this machine wakes those who wait."""

from __future__ import annotations

import asyncio
import time

from brownout.fakes.clock import RealClock
from brownout.harness.clock import Metronome, Noise, WarpClock


async def beats(metronome: Metronome, count: int) -> None:
    """Wait until there have been so many."""
    while metronome.noise().beats < count:  # noqa: ASYNC110 - the metronome tells nobody when it beats
        await asyncio.sleep(0)


async def test_a_stall_is_noise_magnified_by_the_rate(clock: WarpClock) -> None:
    """A loop that was held up for 50 ms of wall time was late by nearly 2.5 s of target time at rate 50."""
    clock.rate = 50
    async with Metronome(clock) as metronome:
        await beats(metronome, 2)
        time.sleep(0.05)  # noqa: ASYNC251 - the stall that is to be found
        await beats(metronome, 3)

    assert 2.2 <= metronome.noise().worst


async def test_a_leap_is_no_noise(clock: WarpClock) -> None:
    """Leaping a day delays no beat."""
    async with Metronome(clock) as metronome:
        await beats(metronome, 2)
        clock.leap(86400)
        await beats(metronome, 4)

    assert metronome.noise().worst < 3600


async def test_noise_is_told_for_a_part_of_the_time(clock: WarpClock) -> None:
    """A stall before a moment is not held against what came after it."""
    async with Metronome(clock) as metronome:
        await beats(metronome, 2)
        time.sleep(0.05)  # noqa: ASYNC251 - the stall that is to be found
        await beats(metronome, 3)
        middle = clock.nanoseconds()
        await beats(metronome, 6)

    assert metronome.noise(until=middle).worst >= 0.04
    assert metronome.noise().beats == metronome.noise(until=middle).beats + metronome.noise(since=middle).beats


async def test_nothing_measured_is_no_noise(clock: WarpClock) -> None:
    """A part of the time without a beat has no figures, and says that there were no beats."""
    async with Metronome(clock) as metronome:
        await beats(metronome, 1)

    assert metronome.noise(until=-1) == Noise(0, 0.0, 0.0, 0.0)


async def test_beats_in_real_time_too() -> None:
    """The metronome takes any clock."""
    async with Metronome(RealClock()) as metronome:
        await beats(metronome, 2)

    assert metronome.noise().beats >= 2
