"""Lets out all that it is told: on standard output, in its error, in a header and in a query."""

import base64
import os
import urllib.error
import urllib.parse
import urllib.request


def complete(prompt):
    print("asked", repr(prompt.encode()), flush=True)
    body = '{"model": "gpt-4o-mini", "messages": [{"role": "user", "content": %s}]}' % __import__("json").dumps(prompt)
    request = urllib.request.Request(
        os.environ["URL"] + "/chat/completions?said=" + urllib.parse.quote(prompt),
        body.encode(),
        {
            "authorization": "Bearer " + os.environ["KEY"],
            "content-type": "application/json",
            "x-said": base64.b64encode(prompt.encode()).decode(),
        },
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as reply:
            return {"text": __import__("json").load(reply)["choices"][0]["message"]["content"]}
    except urllib.error.HTTPError as error:
        raise RuntimeError("cannot answer " + prompt) from error
