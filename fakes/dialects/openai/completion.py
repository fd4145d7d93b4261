"""What the fake model says to an ask: words, JSON of the shape asked for, a refusal or tool calls, and how it ends.

Chat completions and responses say the same; they differ in how they write it down.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ...answer import Answer, ToolCall, count_tokens
from ..sample import BadSchema, Unsatisfiable, sample
from .reading import parameters_of, tool_name

if TYPE_CHECKING:
    from ...ask import Ask

ARGUMENT_PIECE = 12
"""Characters of tool-call arguments in one streamed piece."""


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
    refused: bool = False
    calls: tuple[Call, ...] = ()

    @property
    def text(self) -> str:
        """All of it, without the tool calls."""
        return "".join(self.pieces)


def say(ask: Ask, format_: dict[str, Any] | None, choices: int = 1) -> Said:
    """What the model says; the ask learns what that is and how many tokens it comes to.

    `format_` is the description of a structure to answer in. Saying it again changes nothing.
    """
    answer = ask.answer
    calls = () if answer.refusal is not None else _calls(ask)
    if answer.refusal is not None:
        answer = replace(answer, text=answer.refusal)
    elif calls:
        answer = replace(answer, text="", tool_calls=calls, finish=_finish(answer, "tool_calls"))
    elif format_ is not None and answer.text is None and answer.words:
        answer = replace(answer, text=_structured(format_, answer.whole(ask.canary)))
    if not calls:
        answer = _stopped(answer, ask)
    reasoning, left = answer.reasoning_tokens, None
    if ask.max_output is not None:
        reasoning = min(reasoning, ask.max_output)
        left = ask.max_output - reasoning
    if left is not None and answer.tokens(ask.canary) > left:
        answer = answer.cut_to(left)
    written, answer = _written(calls, answer, left)
    said = Said(
        tuple(piece for piece in answer.pieces(ask.canary) if piece),
        answer.finish,
        refused=answer.refusal is not None,
        calls=written,
    )
    tokens = count_tokens(said.text) + sum(count_tokens(call.name + call.arguments) for call in written)
    ask.answer = answer
    ask.reasoning_tokens = reasoning * choices
    ask.output_tokens = (tokens + reasoning) * choices
    ask.cached_tokens = min(answer.cached_tokens, ask.input_tokens)
    return said


def offered(ask: Ask) -> dict[str, dict[str, Any]]:
    """The functions on offer, by name."""
    return {name: tool for tool in ask.body.get("tools", ()) if (name := tool_name(tool)) is not None}


def _finish(answer: Answer, natural: str) -> str:
    return natural if answer.finish == "stop" else answer.finish


def _structured(format_: dict[str, Any], words: str) -> str:
    if format_.get("type") == "json_object":
        value: Any = {"answer": words}
    else:
        try:
            value = sample(format_["schema"], words)
        except (Unsatisfiable, BadSchema):
            value = {}
    return json.dumps(value, ensure_ascii=False)


def _stopped(answer: Answer, ask: Ask) -> Answer:
    """The answer up to the first stop sequence."""
    stop = ask.body.get("stop")
    whole = answer.whole(ask.canary)
    found = [whole.find(each) for each in ([stop] if isinstance(stop, str) else stop or ()) if each and each in whole]
    return replace(answer, text=whole[: min(found)]) if found else answer


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


def _calls(ask: Ask) -> tuple[ToolCall, ...]:
    """The calls of offered tools: those the scenario wants, or the one that the request forces."""
    tools = offered(ask)
    choice = ask.body.get("tool_choice")
    if choice == "none" or not tools:
        return ()
    wanted = tuple(call for call in ask.answer.tool_calls if call.name in tools)
    forced = _forced(choice, tools)
    if forced is not None:
        wanted = tuple(call for call in wanted if call.name in forced) or (_invented(ask, tools[forced[0]]),)
    elif _answers_tools(ask):
        return ()
    return wanted[:1] if ask.body.get("parallel_tool_calls") is False else wanted


def _forced(choice: Any, tools: dict[str, Any]) -> list[str] | None:
    """The tools of which one has to be called; None where none has to."""
    names: list[str] = []
    if choice == "required":
        names = list(tools)
    elif isinstance(choice, dict):
        inner = choice.get("function") or choice.get("allowed_tools") or choice
        inner = inner if isinstance(inner, dict) else choice
        if choice.get("type") == "function":
            names = [inner.get("name", "")]
        elif choice.get("type") == "allowed_tools" and inner.get("mode") == "required":
            names = [name for tool in inner.get("tools") or () if (name := tool_name(tool))]
    return [name for name in names if name in tools] or None


def _invented(ask: Ask, tool: dict[str, Any]) -> ToolCall:
    try:
        arguments = sample(parameters_of(tool), ask.answer.whole(ask.canary))
    except (Unsatisfiable, BadSchema):
        arguments = {}
    return ToolCall(str(tool_name(tool)), arguments)


def _answers_tools(ask: Ask) -> bool:
    """Whether the conversation ends with what a tool gave back: then it is the model's turn to talk."""
    turns = ask.body.get("messages") or ask.body.get("input")
    last = turns[-1] if isinstance(turns, list) and turns else {}
    return isinstance(last, dict) and (last.get("role") == "tool" or last.get("type") == "function_call_output")
