"""Fair weather, faults, and what is played in the end.

Faults rewrite one after the other, in the order given. A fault has *bitten* once the first operation is reached at
which its script differs from the one it was given: a fault that changes nothing never bites, nor does one whose
operation lies behind the moment at which the client left. So the journal names only faults that the client has met.
On a stream of HTTP/2 the scripts are compared as it carries them: what has no meaning there has not bitten.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .script import End, Head, Op, Raw, Script, Send, ended, header, on_a_stream, with_headers

if TYPE_CHECKING:
    from .ask import Ask
    from .faults import Fault


@dataclass(frozen=True, slots=True)
class Rewritten:
    """A script after its faults, and where in it each of them bites."""

    ops: tuple[Op, ...]
    bites: tuple[tuple[int, Fault], ...] = ()
    """The index of the first operation that a fault has changed, in the order of the faults."""

    def biting(self, index: int) -> Iterator[Fault]:
        """The faults that bite at an operation."""
        return (fault for at, fault in self.bites if at == index)


def rewritten(
    fair: Iterable[Op],
    faults: Sequence[Fault],
    ask: Ask,
    carried: Callable[[list[Op], list[Op]], list[Op]] = lambda before, after: after,
) -> Rewritten:
    """The fair script as the faults leave it.

    `carried(before, after)` is as much of what a fault has made of a script as the wire at hand can carry.
    """
    ops = _carried(fair, ask)
    bites: list[tuple[int, Fault]] = []
    for fault in faults:
        before, ops = ops, carried(ops, _measured(_carried(fault.rewrite(ops, ask), ask)))
        differs = next((index for index, (old, new) in enumerate(zip(before, ops, strict=False)) if old != new), None)
        if differs is not None:
            bites.append((differs, fault))
    # A later fault may have made the script shorter; what an earlier one did is in what is left of it.
    return Rewritten(tuple(ops), tuple((min(at, len(ops) - 1), fault) for at, fault in bites))


def _carried(script: Script, ask: Ask) -> list[Op]:
    """The script up to its end, as the connection or the stream carries it."""
    ops = list(ended(script))
    return ops if ask.request.stream_id is None else [on_a_stream(op) if isinstance(op, Head) else op for op in ops]


def _measured(ops: list[Op]) -> list[Op]:
    """The script with the `content-length` of its body, where the message ends properly.

    A message that is broken off keeps the length of the whole: that is how a client can tell.
    """
    if not isinstance(ops[-1], End) or any(isinstance(op, Raw) for op in ops):
        return ops
    length = str(sum(len(op.data) for op in ops if isinstance(op, Send)))
    return [
        with_headers(op, ("content-length", length))
        if isinstance(op, Head) and header(op.headers, "content-length") not in {None, length}
        else op
        for op in ops
    ]
