"""What the fake model says to an ask: words, JSON of the shape asked for, a refusal or tool calls, and how it ends.

Every dialect says the same; they differ in how they ask for it (`Wants`) and in how they write it down (`Said`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from ..answer import Answer, ToolCall, count_tokens
from .sample import BadSchema, Unsatisfiable, sample

if TYPE_CHECKING:
    from ..ask import Ask

ARGUMENT_PIECE = 12
"""Characters of tool-call arguments in one streamed piece."""
THOUGHT = ("I am asked to say something,", " so I say it.")
"""What a model has thought, as far as it is shown, in the pieces in which it is streamed."""
ANY_OBJECT: dict[str, Any] = {
    "type": "object",
    "properties": {"answer": {"type": "string"}},
    "required": ["answer"],
}
"""The structure of an answer that has to be JSON and may be any."""


@dataclass(frozen=True, slots=True)
class Wants:
    """What a request wants said, in words that every dialect shares."""

    tools: Mapping[str, Any] = field(default_factory=dict)
    """The schema of the arguments of each tool that may be called, by its name."""
    forced: tuple[str, ...] = ()
    """The tools of which one has to be called."""
    talks: bool = False
    """Whether it is the model's turn to talk, unless a tool is forced: the conversation ends with a tool's result."""
    parallel: bool = True
    """Whether several tools may be called at once."""
    schema: Any = None
    """The structure to answer in."""
    bare: bool = False
    """Whether a text that is the whole structure is said as it is, and not as JSON."""
    stop: tuple[str, ...] = ()
    """Texts before which the answer ends."""
    choices: int = 1
    """How many answers are wanted; they are all the same."""


@dataclass(frozen=True, slots=True)
class Call:
    """A tool call with its arguments as they are written: cut short they are no JSON."""

    name: str
    arguments: str

    def pieces(self) -> list[str]:
        """The arguments, cut as they are streamed."""
        text = self.arguments
        return [text[start : start + ARGUMENT_PIECE] for start in range(0, len(text), ARGUMENT_PIECE)]


@dataclass(frozen=True, slots=True)
class Said:
    """What the model says."""

    pieces: tuple[str, ...]
    finish: str
    """As in `Answer`."""
    refused: bool = False
    calls: tuple[Call, ...] = ()
    stopped: str | None = None
    """The stop sequence that has ended it."""

    @property
    def text(self) -> str:
        """All of it, without the tool calls."""
        return "".join(self.pieces)


def say(ask: Ask, wants: Wants) -> Said:
    """What the model says; the ask learns what that is and how many tokens it comes to.

    Saying it again changes nothing.
    """
    answer, stopped = ask.answer, None
    calls = () if answer.refusal is not None else _calls(ask, wants)
    if answer.refusal is not None:
        answer = replace(answer, text=answer.refusal)
    elif calls:
        natural = "tool_calls" if answer.finish == "stop" else answer.finish
        answer = replace(answer, text="", tool_calls=calls, finish=natural)
    elif wants.schema is not None and answer.text is None and answer.words:
        answer = replace(answer, text=_structured(wants, answer.whole(ask.canary)))
    if not calls:
        answer, stopped = _stopped(answer, ask.canary, wants.stop)
    reasoning, left = answer.reasoning_tokens, None
    if ask.max_output is not None:
        reasoning = min(reasoning, ask.max_output)
        left = ask.max_output - reasoning
    if left is not None and answer.tokens(ask.canary) > left:
        answer, stopped = answer.cut_to(left), None
    written, answer = _written(calls, answer, left)
    pieces = tuple(piece for piece in answer.pieces(ask.canary) if piece)
    said = Said(pieces, answer.finish, answer.refusal is not None, written, stopped)
    tokens = answer.tokens(ask.canary) + sum(count_tokens(call.name + call.arguments) for call in written)
    ask.answer = answer
    ask.reasoning_tokens = reasoning * wants.choices
    ask.output_tokens = (tokens + reasoning) * wants.choices
    ask.cached_tokens = min(answer.cached_tokens, ask.input_tokens)
    ask.cache_written_tokens = min(answer.cache_written_tokens, ask.input_tokens - ask.cached_tokens)
    return said


def _stopped(answer: Answer, canary: str | None, stop: tuple[str, ...]) -> tuple[Answer, str | None]:
    """The answer up to the first stop sequence, and which one that is."""
    if not stop:
        return answer, None
    whole = answer.whole(canary)
    found = [(whole.find(each), each) for each in stop if each and each in whole]
    if not found:
        return answer, None
    at, sequence = min(found, key=lambda place: place[0])
    return replace(answer, text=whole[:at]), sequence


def _written(calls: tuple[ToolCall, ...], answer: Answer, left: int | None) -> tuple[tuple[Call, ...], Answer]:
    """The calls as they are written down, within what is left of the output: the last one may break off."""
    written = []
    for call in calls:
        arguments = json.dumps(call.arguments, ensure_ascii=False, separators=(",", ":"))
        if left is not None:
            room = left - count_tokens(call.name)
            if room < count_tokens(arguments):
                arguments = arguments.encode("utf-8", "replace")[: 4 * max(room, 0)].decode("utf-8", "ignore")
                answer = replace(answer, finish="length")
                if room >= 0:
                    written.append(Call(call.name, arguments))
                break
            left = room - count_tokens(arguments)
        written.append(Call(call.name, arguments))
    return tuple(written), answer


def _calls(ask: Ask, wants: Wants) -> tuple[ToolCall, ...]:
    """The calls of offered tools: those the scenario wants, or the one that the request forces."""
    wanted = tuple(call for call in ask.answer.tool_calls if call.name in wants.tools)
    forced = [name for name in wants.forced if name in wants.tools]
    if forced:
        wanted = tuple(call for call in wanted if call.name in forced) or (_invented(ask, forced[0], wants),)
    elif wants.talks:
        return ()
    return wanted if wants.parallel else wanted[:1]


def _invented(ask: Ask, name: str, wants: Wants) -> ToolCall:
    arguments = _sampled(wants.tools[name], ask.answer.whole(ask.canary))
    return ToolCall(name, arguments if isinstance(arguments, dict) else {})


def _structured(wants: Wants, words: str) -> str:
    value = _sampled(wants.schema, words)
    return value if wants.bare and isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _sampled(schema: Any, words: str) -> Any:
    try:
        return sample(schema, words)
    except (Unsatisfiable, BadSchema):
        return {}
