"""At which pace of target time a case is run, and whether its verdict stands there.

Where time leaps (`clock/leaps.py`) it runs as wall time does whenever anything happens, and a figure is as good as in
real time. Yet a leap that came too early would be an accusation of ours. So there

    pass            stands
    fail            has to be seen twice
    inconclusive    has to be seen twice

and where the two differ without a reason in the machine's noise, real time decides.

Where it cannot leap, it runs faster. A rate magnifies what is counted in wall time: how late sleepers are woken, and
what the target computes. At rate 50 a tenth of a second of either is a client's whole connect timeout. So there a
verdict stands only where nothing of this can have made it:

    pass            what was measured of both is less than its checks can stand (`checks.precise`)
    fail            seen at rate 5 at most, and by more than a busy machine could be late
    inconclusive    seen in real time

and whatever does not stand is run again at a lower rate, down to real time; what hangs on a figure that was missed by
little, in real time and alone. A pass that follows a failure which was
neither noise nor about time does not settle it either: real time does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .verdict import SHAKY, Judgement, Verdict

HIGHEST = 50.0
RATES = (HIGHEST, 20.0, 5.0, 2.0, 1.0)
ACCUSING = 5.0
"""The highest rate at which a failure may stand."""
PATIENT = 15.0
"""Wall seconds that a row may take at first."""
LATE = 0.01
"""Wall seconds by which a figure is off on an ordinary machine, late wake-ups and a client's own work together."""
TRIES = 2
"""How often a case is run at a rate that its figures would bear on a machine that is not busy."""
SURELY = 4.0
"""How many times the noise a figure about time has to be missed by."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How target time passes: so many times as fast as wall time, with leaps or without."""

    rate: float = 1.0
    leaps: bool = False


REAL, LEAPING = Pace(), Pace(leaps=True)


@dataclass(frozen=True, slots=True)
class Trial:
    """One run of a case: its pace, its verdict, and how good its figures were; all in target seconds."""

    pace: Pace
    judgement: Judgement
    precision: float
    """What its figures may be off by."""
    late: float
    """What late wake-ups made of them."""
    lag: float
    """How far behind the target was with what it had to do."""
    worst: float
    """What one of them may have been off by at most."""

    @property
    def rate(self) -> float:
        """How many times as fast as wall time its time ran."""
        return self.pace.rate

    @property
    def noisy(self) -> bool:
        """Whether its figures were off by more than they may be."""
        return max(self.late, self._magnified) > self.precision

    @property
    def uncertain(self) -> bool:
        """Whether nothing but figures about time speak against the target, and none by much."""
        violations = self.judgement.violations
        enough = max(SHAKY, SURELY * self.worst)
        return bool(violations) and all(v.margin is not None and v.margin < enough for v in violations)

    @property
    def bearable(self) -> float:
        """The rate that its precision would bear on a machine that is not busy."""
        return self.rate * self.precision / self._magnified

    @property
    def _magnified(self) -> float:
        return max(self.lag, LATE * self.rate)


def first_pace(seconds: float, highest: float | None) -> Pace:
    """Where a row that takes so many target seconds begins: with leaps, or below the highest rate there may be.

    Without leaps as low as it can be without keeping people waiting: at a rate at which failures stand most rows need
    to be run once only. Measured with `openai-sdk` on two CPUs, to begin with rate 50 was no faster: half of all cases
    had to be run again.
    """
    if highest is None:
        return LEAPING
    patient = [rate for rate in reversed(rungs(highest)) if rate >= ACCUSING and seconds / rate <= PATIENT]
    return Pace(patient[0] if patient else highest)


def next_pace(trials: Sequence[Trial], highest: float | None) -> Pace | None:
    """How a case is to be run again; None where the last verdict stands, or nothing would tell more."""
    if highest is None:
        return _after_leaps(trials)
    rate = next_rate(trials, highest)
    return None if rate is None else Pace(rate)


def _after_leaps(trials: Sequence[Trial]) -> Pace | None:
    *earlier, last = trials
    if last.pace != LEAPING:
        return None
    if not earlier:
        return LEAPING if last.judgement.verdict in {Verdict.FAIL, Verdict.INCONCLUSIVE} else None
    verdict, before = last.judgement.verdict, earlier[-1]
    excused = verdict is Verdict.PASS and (before.noisy or before.uncertain)
    return None if verdict == before.judgement.verdict or excused else REAL


def next_rate(trials: Sequence[Trial], highest: float) -> float | None:
    """The rate at which a case is to be run again: a lower one, or the same where the machine was busy just then.

    None where the last verdict stands, or no rate would tell more.
    """
    trial = trials[-1]
    below = [rate for rate in rungs(highest) if rate < trial.rate]
    if not below or trial.judgement.verdict is Verdict.NOT_APPLICABLE:
        return None
    wanted = trial.rate
    if trial.noisy:
        wanted = trial.bearable
        if wanted >= trial.rate:  # the machine was busy just then
            patient = sum(earlier.rate == trial.rate for earlier in trials) < TRIES
            wanted = trial.rate if patient else below[0]
    if trial.judgement.verdict is Verdict.PASS:
        if any(_contradicts(earlier) for earlier in trials[:-1]):
            wanted = 1.0
    elif trial.rate > ACCUSING:
        wanted = min(wanted, ACCUSING)
    elif trial.judgement.verdict is Verdict.INCONCLUSIVE and not trial.uncertain:
        wanted = 1.0
    if wanted >= trial.rate:
        return trial.rate if trial.noisy else None
    return next((rate for rate in below if rate <= wanted), below[-1])


def alone(trial: Trial) -> bool:
    """Whether a verdict that no lower rate helps may be another where nothing else runs."""
    return trial.uncertain or (trial.noisy and trial.rate <= 1)


def rungs(highest: float) -> list[float]:
    """The rates there are to choose from, the highest first."""
    return sorted({highest, *(rate for rate in RATES if rate < highest)}, reverse=True)


def _contradicts(earlier: Trial) -> bool:
    """Whether a pass that follows leaves something unexplained: a failure that was neither noise nor about time."""
    violations = earlier.judgement.violations
    return not earlier.noisy and any(violation.margin is None for violation in violations)
