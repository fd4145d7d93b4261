"""Bugs of integrations that pass off half an answer as whole."""

from __future__ import annotations

from mutant import Mutant, answers, client, entry, events

FINISH_IS_ASSUMED = answers(
    """        if self.finish is None:
            raise AttemptFailed(BROKEN, retry=True)
""",
    "",
)
EARLY_END_IS_AN_END = client(
    "                if over or streamed.finish is not None:\n                    return\n                raise\n",
    "                return\n",
)
UNFINISHED_EVENT_IS_DROPPED = client(
    "                if events.unfinished and streamed.finish is None:", "                if False:"
)

MUTANTS = (
    Mutant(
        "what is not ASCII is dropped",
        (
            answers(
                'text += delta.get("content") or delta.get("refusal") or ""',
                'text += (delta.get("content") or delta.get("refusal") or "").encode("ascii", "ignore").decode()',
            ),
        ),
        ("stream.whole", "stream.split-bytes"),
        ("stream.cut-in-event",),
    ),
    Mutant(
        "the end of the message is the end of the answer",
        (FINISH_IS_ASSUMED, UNFINISHED_EVENT_IS_DROPPED),
        ("stream.cut-clean", "stream.cut-in-event", "stream.no-duplicate"),
        ("stream.*", "content.*", "degrade.midstream"),
    ),
    Mutant(
        "a connection that closes is the end of the answer",
        (EARLY_END_IS_AN_END, FINISH_IS_ASSUMED),
        ("stream.cut-fin", "stream.cut-rst"),
        ("stream.*", "content.*", "timeout.stream-stall"),
    ),
    Mutant(
        "an answer without the sentinel is thought cut",
        (
            client(
                "                if events.unfinished and streamed.finish is None:\n", "                if not over:\n"
            ),
        ),
        ("stream.no-sentinel",),
    ),
    Mutant(
        "an error inside a stream is passed over",
        (answers('        if event.get("error"):', "        if False:"), FINISH_IS_ASSUMED),
        ("stream.error-event",),
        ("stream.*", "content.*"),
    ),
    Mutant(
        "a cut stream is begun again under the caller's eyes",
        (
            client(
                "                wait = None if given else self._next_wait(attempt, failure, until)",
                "                wait = self._next_wait(attempt, failure, until)",
            ),
        ),
        ("stream.no-duplicate", "stream.cut-rst"),
        ("stream.*", "timeout.stream-stall"),
    ),
    Mutant(
        "an event that cannot be parsed is skipped",
        (
            client(
                "            async for data in self._events(response, streamed):\n                if text := streamed.take(self._speech.event(answers.parse(data))):\n                    yield text\n",
                "            async for data in self._events(response, streamed):\n                try:\n                    text = streamed.take(self._speech.event(answers.parse(data)))\n                except AttemptFailed:\n                    continue\n                if text:\n                    yield text\n",
            ),
        ),
        ("stream.garbage",),
    ),
    Mutant(
        "every segment is decoded by itself",
        (events("self._text += self._decoder.decode(data)", 'self._text += data.decode("utf-8", "ignore")'),),
        ("stream.split-bytes",),
        ("stream.cut-in-event", "stream.framing"),
    ),
    Mutant(
        "a segment is thought to hold one event",
        (client("            for data in found:", "            for data in found[:1]:"),),
        ("stream.joined-frames",),
        ("stream.*",),
    ),
    Mutant(
        "a comment is an event",
        (
            events(
                "            if line:\n",
                '            if line.startswith(":"):\n                yield line\n            elif line:\n',
            ),
        ),
        ("stream.comments",),
    ),
    Mutant(
        "a line is thought to end with LF and to have a space behind the colon",
        (events('line.partition(":")', 'line.partition(": ")'),),
        ("stream.framing",),
    ),
    Mutant(
        "the stream is collected before it is handed on",
        (
            entry(
                "        async for piece in pieces:\n",
                "        for piece in [piece async for piece in pieces]:\n",
            ),
        ),
        ("stream.prompt-first-token", "stream.backpressure"),
        ("timeout.cancel-propagates",),
    ),
    Mutant(
        "every stream is said to have ended normally",
        (answers('"finish": "refusal" if self.refused else self.finish,', '"finish": "stop",'),),
        ("stream.stop-reason",),
    ),
    Mutant(
        "a tool is called with what has come of its arguments",
        (
            answers(
                'return {"name": function["name"], "arguments": json.loads(function["arguments"])}',
                'return {"name": function["name"], "arguments": function["arguments"]}',
            ),
            FINISH_IS_ASSUMED,
            EARLY_END_IS_AN_END,
        ),
        ("stream.tool-call-cut",),
        ("stream.*", "content.*", "timeout.stream-stall", "degrade.midstream"),
    ),
    Mutant(
        "an empty answer is filled with something polite",
        (
            client(
                "                self._budget.put_back()\n",
                '                self._budget.put_back()\n                if stream and not given:\n                    yield "How can I help you today?"\n',
            ),
        ),
        ("stream.empty",),
        ("content.*",),
    ),
    Mutant(
        "a connection that broke keeps its place in the pool",
        (
            client("        path, body =", "        await self._slots.acquire()\n        path, body ="),
            client(
                "        self._budget = Budget()",
                "        self._budget = Budget()\n        self._slots = asyncio.Semaphore(1)",
            ),
            client(
                "                yield response, bill\n",
                "                yield response, bill\n            self._slots.release()\n",
            ),
        ),
        ("stream.after-cut-usable",),
        ("*",),
        providers=1,
    ),
)
