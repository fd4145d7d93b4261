"""Personal data that a harness can plant, find again in any dress, and never show.

    checksums.py   the check digits of cards, accounts and national ids
    drawing.py     valid values of every type and locale, drawn from a seed
    sentences.py   what people say around them
    people.py      somebody with one value of each type; decoys that are nobody's
    encodings.py   how a value is written: in other letters, escaped, encoded
    finder.py      one compiled pattern that finds all of them, however they are written
    places.py      which part of a request or of a call a text is
    concealing.py  from a history in clear to one that holds no value, and says where each was seen
    tally.py       how many were planted and seen, by type and locale

A value is in clear in memory only, while its scenario is played. Before a history is judged or saved, every value in
it is replaced by `<pii:TYPE:ID>`, and each place where one was seen becomes a record of its own; so that checks stay
pure functions over a history, a saved one can be judged again, and no report can show what was never written.
"""
