"""What a run says that an earlier one did not: promises that are newly broken, and such as were broken and are kept.

Cases are compared, not rows: a row that fails before and after may have a case more that does. What was not run this
time has not changed. What was not run before is told where it fails, and is not called newly broken: nobody knows.
"""

from __future__ import annotations

from collections.abc import Iterator

from .results import Change, Results, Since, VerdictName
from .wording import WORDS, case_label, count


def since(earlier: Results, run: Results) -> Since:
    """The changes from an earlier run to this one."""
    before: dict[tuple[str, str], VerdictName] = {
        (row.id, case.case): case.verdict for row in earlier.results for case in row.cases
    }
    changes = [
        Change(row.id, row.level, case.case, before.get((row.id, case.case)), case.verdict, case.reason)
        for row in run.results
        for case in row.cases
    ]
    told = [one for one in changes if one.before != one.after and (one.before or one.after == "fail")]
    return Since(earlier.started, earlier.target.name, earlier.target.version, told)


def newly_broken(found: Since | None) -> list[Change]:
    """What fails, and did not."""
    return [one for one in found.changes if one.after == "fail" and one.before] if found else []


def first_seen(found: Since | None) -> list[Change]:
    """What fails, and was not run before."""
    return [one for one in found.changes if not one.before] if found else []


def fixed(found: Since | None) -> list[Change]:
    """What failed, and passes."""
    return [one for one in found.changes if (one.before, one.after) == ("fail", "pass")] if found else []


def others(found: Since | None) -> list[Change]:
    """What is told in another way, and is neither: most could be judged once and could not be another time."""
    told = [*newly_broken(found), *first_seen(found), *fixed(found)]
    return [one for one in found.changes if one not in told] if found else []


def sentence(found: Since) -> str:
    """How much has changed."""
    parts = (
        (newly_broken(found), "newly broken"),
        (fixed(found), "fixed"),
        (first_seen(found), "broken that had not been run"),
        (others(found), "otherwise changed"),
    )
    said = [f"{len(some)} {word}" for some, word in parts if some]
    version = f" {found.version}" if found.version else ""
    return f"Since the run of {found.target}{version} on {found.started}: {', '.join(said) or 'nothing has changed'}."


def label(change: Change) -> str:
    """A changed case, as it is named outside of its row."""
    return case_label(change.row, change.case)


def step(change: Change) -> str:
    """From which verdict to which."""
    return f"{WORDS[change.before] if change.before else 'not run'} → {WORDS[change.after]}"


def told(found: Since, most: int) -> Iterator[tuple[VerdictName, str, Change | None]]:
    """The changes, worst first, each with a mark and a word; the last of a kind may say how many more there are."""
    kinds: tuple[tuple[list[Change], VerdictName, str], ...] = (
        (newly_broken(found), "fail", "newly broken"),
        (first_seen(found), "fail", "not run before"),
        (fixed(found), "pass", "fixed"),
        (others(found), "inconclusive", ""),
    )
    for some, verdict, word in kinds:
        for change in some[:most]:
            yield verdict, word or step(change), change
        if len(some) > most:
            yield verdict, f"… and {count(len(some) - most, 'more', 'more')}", None
