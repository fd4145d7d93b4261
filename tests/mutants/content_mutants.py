"""Bugs of integrations that take every 200 for an answer."""

from __future__ import annotations

from mutant import Mutant, answers, client

MUTANTS = (
    Mutant(
        "a body that is no JSON is the answer itself",
        (
            answers(
                "    except ValueError:\n        raise AttemptFailed(BROKEN, retry=True) from None\n    if not isinstance(value, dict)",
                '    except ValueError:\n        return {"choices": [{"message": {"content": str(text)}, "finish_reason": "stop"}]}\n    if not isinstance(value, dict)',
            ),
        ),
        ("content.malformed-json", "content.html-200", "content.empty-body"),
        ("content.*", "stream.*"),
    ),
    Mutant(
        "whatever stands in the text's place is the text",
        (
            answers(
                "    if not isinstance(calls, list) or not (isinstance(text, str) or (text is None and calls)):\n        raise AttemptFailed(BROKEN, retry=True)\n",
                "    text = str(text)\n",
            ),
            answers('        "usage": usage(body),\n', '        "usage": None,\n'),
        ),
        ("content.wrong-type", "content.null-content"),
    ),
    Mutant(
        "a 200 cannot be an error",
        (
            answers('    if body.get("error"):', "    if False:"),
            answers(
                "    except (KeyError, IndexError, TypeError, AttributeError):\n        raise AttemptFailed(BROKEN, retry=True) from None\n",
                '    except (KeyError, IndexError, TypeError, AttributeError):\n        return {"text": "", "finish": "stop", "usage": None}\n',
            ),
        ),
        ("content.error-in-200", "content.no-choices"),
        ("content.*",),
    ),
    Mutant(
        "a field that is not known is an error",
        (
            answers(
                "    try:\n        choice = body",
                '    if "from_the_future" in body:\n        raise AttemptFailed(BROKEN, retry=False)\n    try:\n        choice = body',
            ),
        ),
        ("content.unknown-fields",),
    ),
    Mutant(
        "every answer is said to have ended normally",
        (answers('finish = "refusal" if message.get("refusal") else choice.get("finish_reason")', 'finish = "stop"'),),
        ("content.refusal", "content.truncated-by-length"),
    ),
    Mutant(
        "a body is asked for in gzip and read as it is",
        (
            client(
                "answer = answers.whole(self._speech.reply(answers.parse(await response.aread())))",
                'answer = answers.whole(answers.parse(b"".join([part async for part in response.aiter_raw()])))',
            ),
        ),
        ("content.compressed",),
        ("content.*",),
    ),
    Mutant(
        "structured answers are promised, and what comes is passed on unread",
        (),
        ("content.bad-structured-output",),
        claims={"schema": {"type": "object", "required": ["city"]}},
    ),
    Mutant(
        "answers beside the question are said to be noticed, and nobody looks",
        (),
        ("content.quality-drop",),
        claims={"quality": True},
    ),
)
