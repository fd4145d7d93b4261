from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import quote

from histories import call, chunk, exchange, history
from hypothesis import given
from hypothesis import strategies as st

from brownout.harness import history as saved
from brownout.harness.history import History, Incident, LogLine, Planted
from brownout.harness.pii.concealing import Veil, conceal
from brownout.harness.pii.drawing import Value

EMAIL = Value("email", "en_US", "ann@example.com")
NAME = Value("name", "de_DE", "Zoë Müller")
IDS = {EMAIL: "v1", NAME: "v2"}
MARKED = "<pii:email:v1>"


def concealed(*records: object, logs: tuple[LogLine, ...] = (), events: tuple[Incident, ...] = ()) -> History:
    """A history of these records, without anything planted."""
    made = history(*records)  # type: ignore[arg-type]  # calls and exchanges
    made.logs, made.events = list(logs), list(events)
    conceal(made, IDS)
    return made


def seen(made: History) -> set[tuple[str, str, str]]:
    """Which value was seen in which part of what."""
    return {(one.value, one.place, one.where) for one in made.sightings}


def test_every_place_is_noted_and_none_is_left() -> None:
    """
    A value is noted wherever it is, and the history that is saved holds it in no form.
    """
    said = f"I am {NAME.text}, {EMAIL.text}"
    body = json.dumps({"messages": [{"role": "user", "content": said}], "metadata": {"who": EMAIL.text}})
    made = concealed(
        call("c1", messages=[{"role": "user", "content": said}], metadata={"who": NAME.text}, error="other",
             message=f"cannot serve {EMAIL.text}", text="", tools=[{"name": EMAIL.text}]),
        exchange("x1", request_body=body, path=f"/v1?user={quote(EMAIL.text)}", texts=(said,), user=EMAIL.text,
                 request_headers=(("x-user", EMAIL.text.upper()),), answer=f"Hello {NAME.text}"),
        logs=(LogLine(5, "stderr", f"failed for {NAME.text}"),),
        events=(Incident(6, "died", {"last": [f"bye {EMAIL.text}"], "code": 1}),),
    )  # fmt: skip

    text = b"".join(saved._ENCODER.encode(record) for record in made.records()).decode()

    assert {
        ("v1", "the caller's question", "c1"),
        ("v2", "the caller's question", "c1"),
        ("v1", "the caller's error", "c1"),
        ("v1", "prompt", "x1"),
        ("v2", "prompt", "x1"),
        ("v1", "metadata", "x1"),
        ("v1", "URL", "x1"),
        ("v1", "header", "x1"),
        ("v2", "stderr", ""),
    } == seen(made)
    assert [Planted("v1", "email", "en_US"), Planted("v2", "name", "de_DE")] == made.planted
    assert [] == list(Veil(IDS).find(text))
    assert f"cannot serve {MARKED}" == made.calls[0].message
    assert {"last": [f"bye {MARKED}"], "code": 1} == made.events[0].details


def test_a_concealed_history_can_be_loaded_and_says_the_same(tmp_path: Path) -> None:
    """
    What was seen where is a part of the saved history.
    """
    made = concealed(call("c1", messages=[{"role": "user", "content": EMAIL.text}]))
    made.save(tmp_path / "h.jsonl")

    again = saved.load(tmp_path / "h.jsonl")

    assert (made.planted, made.sightings) == (again.planted, again.sightings)


def test_a_value_in_two_chunks_or_lines_is_found_and_concealed() -> None:
    """
    What streams and logs cut in two is one value, and stands in the first of its pieces afterwards.
    """
    text = f"Hello {EMAIL.text}!"
    made = concealed(
        call("c1", text=text, chunks=[chunk(0.1, text[:9]), chunk(0.2, text[9:12]), chunk(0.3, text[12:])]),
        logs=(LogLine(1, "stdout", "user: Zoë"), LogLine(2, "stderr", "x"), LogLine(3, "stdout", "Müller left")),
    )

    assert [f"Hello {MARKED}", "", "!"] == [piece.text for piece in made.calls[0].chunks]
    assert f"Hello {MARKED}!" == made.calls[0].text
    assert ["user: <pii:name:v2>", "x", " left"] == [line.text for line in made.logs]
    assert {("v1", "the caller's answer", "c1"), ("v2", "stdout", "")} == seen(made)
    assert [1] == [one.at for one in made.sightings if one.place == "stdout"]


def test_a_history_without_values_stays_as_it_is() -> None:
    """
    Nothing is written into records in which nothing was found: a fake may still be writing into them.
    """
    asked, body = exchange("x1", request_body='{"a":  [1, 2.5, true]}'), '{"a":  [1, 2.5, true]}'
    pieces = asked.pieces

    made = concealed(asked, call("c1", text="hello"))

    assert body == made.exchanges[0].request_body
    assert pieces is made.exchanges[0].pieces
    assert ([], []) == (made.planted, made.sightings)


def test_a_number_is_concealed_where_it_stands_as_one() -> None:
    """
    A card that somebody sends as a number of JSON is a card; JSON is JSON afterwards.
    """
    card = Value("card", "en_US", "4111 1111 1111 1111")
    veil = Veil({card: "v1"})

    assert {"card": "<pii:card:v1>", "n": 1, "t": True} == veil.anything({"card": 4111111111111111, "n": 1, "t": True})
    assert '{"card": <pii:card:v1>}' == veil.body('{"card": 4111111111111111}')


def test_a_body_whose_json_hides_a_value_is_written_anew() -> None:
    """
    A value that only a reader of JSON sees is concealed, too.
    """
    hidden = '{"user": "\\u0061nn@ex\\u0061mple.com"}'

    assert {"user": MARKED} == json.loads(Veil(IDS).body(hidden))


def test_values_that_overlap_are_concealed_together() -> None:
    """
    Of two values that share letters no letter is left.
    """
    one, other = Value("name", "", "Ann Berg"), Value("address", "", "Berg Street 12, Oslo")

    assert "<pii:name:v1><pii:address:v2>!" == Veil({one: "v1", other: "v2"}).text("Ann Berg Street 12, Oslo!")


@given(st.lists(st.sampled_from([EMAIL.text, NAME.text, " ", "a", "ß", "\n", "é "]), max_size=12), st.data())
def test_pieces_are_what_the_whole_is(parts: list[str], data: st.DataObject) -> None:
    """
    However a text is cut, its concealed pieces join to the text concealed at once.
    """
    text = "".join(parts)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=5)))
    pieces = [text[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]

    assert Veil(IDS).text(text) == "".join(Veil(IDS).pieces(pieces))
