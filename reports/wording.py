"""The words and marks that every report uses, so that no two reports say the same thing differently."""

from __future__ import annotations

import unicodedata

from .masking import masked
from .results import Gate, Results, RowResult, VerdictName, stronger

SYMBOLS: dict[VerdictName, str] = {"pass": "✓", "fail": "✗", "inconclusive": "?", "not_applicable": "○"}
WORDS: dict[VerdictName, str] = {
    "pass": "pass",
    "fail": "fail",
    "inconclusive": "inconclusive",
    "not_applicable": "not applicable",
}
ORDER: tuple[VerdictName, ...] = ("fail", "inconclusive", "pass", "not_applicable")

OUTCOMES = {
    "answered": "answered",
    "degraded": "a degraded answer",
    "clean_error": "a clean error",
    "dirty_error": "an error that gives things away",
    "partial": "a part, told as one",
    "empty": "an empty answer",
    "truncated": "a part passed off as the whole",
    "garbled": "lost, repeated or foreign words",
    "hung": "neither answer nor error",
    "left": "the caller left",
    "mixed": "mixed",
}

# Control, format (direction, invisible), surrogate, private, unassigned, and line separators: a wire may not decide how
# a report reads. Joiners stay, since they are part of how languages and emoji are written.
_ACTING = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_JOINERS = "\u200c\u200d"


def visible(text: str) -> str:
    """The text without secrets, and with every character made visible that could not be seen or could act.

    Line feeds and tabs stay; other control characters become their pictures (`␛` for ESC), the rest its code point.
    """
    text = masked(text)
    return text if text.isprintable() and text.isascii() else "".join(map(_shown, text))


def _shown(character: str) -> str:
    code = ord(character)
    if character in "\n\t":
        return character
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "\u2421"
    if unicodedata.category(character) in _ACTING and character not in _JOINERS:
        return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
    return character


def one_line(text: str, at_most: int = 300) -> str:
    """The text on one line, made visible and no longer than `at_most` characters."""
    shown = visible(" ".join(text.split()))
    return shown if len(shown) <= at_most else shown[: at_most - 1] + "…"


def seconds(value: float) -> str:
    """A duration as reports write it: `0.4 ms`, `0.51 s`, `12.2 s`, `60 s`, `2 m 05 s`."""
    if value < 0:
        return f"-{seconds(-value)}"
    if value < 0.0995:
        return f"{value * 1000:.3g} ms"
    if value < 99.95:
        text = f"{value:.2f}" if value < 9.995 else f"{value:.1f}"
        return (text.rstrip("0").rstrip(".") if value == int(value) else text) + " s"
    if value < 3600:
        return f"{value // 60:.0f} m {value % 60:02.0f} s" if value % 60 < 59.5 else f"{value // 60 + 1:.0f} m 00 s"
    return f"{value / 3600:.1f} h"


def count(number: int, noun: str, plural: str | None = None) -> str:
    """`1 case`, `2 cases`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def size(number: int) -> str:
    """Bytes as reports write them."""
    if number < 10_000:
        return f"{number:,} B"
    return f"{number / 1000:,.0f} kB" if number < 10_000_000 else f"{number / 1_000_000:,.0f} MB"


def dollars(microdollars: int) -> str:
    """Money as reports write it; it is held in millionths."""
    return f"${microdollars / 1e6:.6f}".rstrip("0").rstrip(".") if microdollars else "$0"


def family(row_id: str) -> str:
    """The part of a row's id before the dot."""
    return row_id.partition(".")[0]


def families(results: Results) -> dict[str, list[RowResult]]:
    """The rows by family, in the order of the run; whether there is anything to judge comes first."""
    found: dict[str, list[RowResult]] = {"control": []}
    for row in results.results:
        found.setdefault(family(row.id), []).append(row)
    return {name: rows for name, rows in found.items() if rows}


def case_label(row_id: str, case: str) -> str:
    """A case as it is named outside of its row."""
    return f"{row_id}[{case}]" if case else row_id


def counts(results: Results) -> dict[VerdictName, int]:
    """How many rows have which verdict, worst first."""
    return {name: sum(row.verdict == name for row in results.results) for name in ORDER}


def gate_verdict(results: Results) -> VerdictName:
    """The verdict of the run: what the gate's rows come to."""
    if results.gate.holds:
        return "pass"
    return "fail" if results.gate.failed else "inconclusive"


def gate_sentence(results: Results) -> str:
    """The verdict of the run in one sentence, with numbers; that it was interrupted is said before."""
    return ("The run was interrupted. " if results.interrupted else "") + _gate_sentence(results)


def _gate_sentence(results: Results) -> str:
    gate = results.gate
    at_level = [row for row in results.results if stronger(row.level, gate.level)]
    judged = [row for row in at_level if row.verdict != "not_applicable"]
    rows = f"{gate.level} row" if gate.level == "must" else f"row at {gate.level} or stronger"
    many = rows.replace("row", "rows")
    if gate.failed:
        doubt = f", {len(gate.inconclusive)} could not be judged" if gate.inconclusive else ""
        more = f", {_known(gate, 'more fails', 'more fail')}" if gate.known else ""
        return f"The gate does not hold: {len(gate.failed)} of {count(len(judged), rows, many)} failed{doubt}{more}."
    if gate.inconclusive:
        doubtful = f"{len(gate.inconclusive)} of {count(len(judged), rows, many)}"
        if gate.known:
            return f"Nothing failed that is not known of, but {doubtful} could not be judged; {_known(gate)}."
        return f"Nothing failed, but {doubtful} could not be judged."
    if not judged:
        return f"Nothing was judged: no {rows} applies to this target."
    if gate.known:
        passed = sum(row.verdict == "pass" for row in judged)
        return f"The gate holds: {passed} of {count(len(judged), rows, many)} passed, {_known(gate)}."
    return f"The gate holds: {count(len(judged), rows, many)} passed."


def _known(gate: Gate, one: str = "fails", several: str = "fail") -> str:
    """`1 fails and is known until 2027-01-31`, `2 fail and are known, the first until 2027-01-31`."""
    until = min(gate.known.values())
    if len(gate.known) == 1:
        return f"1 {one} and is known until {until}"
    alike = "" if len(set(gate.known.values())) == 1 else ", the first"
    return f"{len(gate.known)} {several} and are known{alike} until {until}"


def breaks(results: Results, row: RowResult) -> bool:
    """Whether the gate does not hold because of this row; a baseline may excuse one of the level it asks for."""
    return row.id in results.gate.failed or row.id in results.gate.inconclusive
