from __future__ import annotations

from brownout.reports.masking import Mask
from brownout.reports.story import Exchange, Story
from brownout.reports.wire import Elided, Entry, log, played

NOTHING: frozenset[str] = frozenset()


def exchange(number: int, **fields: object) -> Exchange:
    """The n-th exchange of a story, a second after the one before it."""
    return Exchange(f"x{number}", started=number * 10**9, method="POST", path="/v1", **fields)  # type: ignore[arg-type]


def entries(*exchanges: Exchange, proof: frozenset[str] = NOTHING, at_most: int = 10) -> list[Entry | Elided]:
    """The log of these exchanges."""
    return log(Story(exchanges=list(exchanges)), proof, Mask(), at_most, 20)


def test_a_request_is_told_once() -> None:
    """
    A retry that sends the same request again refers to the first; another body is told in full.
    """
    one, two, three = entries(
        exchange(1, request_body="a"), exchange(2, request_body="a"), exchange(3, request_body="b")
    )

    assert isinstance(one, Entry)
    assert isinstance(two, Entry)
    assert isinstance(three, Entry)
    assert ("a", "", "b") == (one.request_body, two.request_body, three.request_body)
    assert ["the same headers and body as x1"] == two.notes


def test_what_went_the_same_way_is_told_once() -> None:
    """
    An exchange that was answered and ended like an earlier one refers to it; another hint is another way.
    """
    hint = (("Retry-After", "1"),)
    found = entries(exchange(1, status=503), exchange(2, status=503), exchange(3, status=503, headers=hint))

    assert ["", "x1", ""] == [entry.like for entry in found if isinstance(entry, Entry)]


def test_long_bodies_are_cut_and_say_so() -> None:
    """
    A body over the limit is cut, and the entry says how long it was.
    """
    (entry,) = entries(exchange(1, request_body="y" * 1000))

    assert isinstance(entry, Entry)
    assert "y" * 20 + "…" == entry.request_body
    assert "1,000 characters" in entry.notes[0]


def test_of_many_exchanges_the_ends_and_the_proof_are_kept() -> None:
    """
    What is left out is said to be, where it would have stood; proof never is.
    """
    found = entries(*(exchange(n) for n in range(1, 51)), proof=frozenset({"x25"}), at_most=5)

    assert ["x1", "x2", 22, "x25", 23, "x49", "x50"] == [
        entry.count if isinstance(entry, Elided) else entry.id for entry in found
    ]


def test_secrets_are_masked() -> None:
    """
    Keys in headers, addresses and bodies are masked.
    """
    (entry,) = entries(
        exchange(1, request_headers=(("Authorization", "Bearer x"),), request_body="sk-abcdefgh12"),
    )

    assert isinstance(entry, Entry)
    assert ((("Authorization", "[masked]"),), "[masked]") == (entry.request_headers, entry.request_body)


def test_a_script_is_told_shortly() -> None:
    """
    What repeats in a script is said once; what does not is said as it was played.
    """
    stream = ["wait 0.01", "head 200", *["send 118 delta", "wait 0.02"] * 22, "send 14 sentinel", "end"]

    assert "wait 0.01, head 200, 22 times (send delta, wait 0.02), send 14 sentinel, end" == played(stream)
    assert "head 429, send 127 body, end" == played(["head 429", "send 127 body", "end"])
    assert "" == played([])
