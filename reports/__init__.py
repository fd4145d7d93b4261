"""The result format and its renderers.

Everything is rendered from a `Results` (`results.json`) and, where proof is shown, from the saved histories beside it.
A renderer is a pure function that returns text; nothing here runs, judges or knows the engine.

    from brownout.reports import console, github, html, junit, markdown, results, write

    results.load(path)  results.save(found, path)  results.schema()
    console.render(found, colour=False, width=100, report="brownout-report/report.html") -> str
    html.render(found, histories) -> str      the one file with everything in it
    junit.render(found) -> str                for CI: it is red exactly when the gate does not hold
    markdown.render(found, report=None) -> str   a GitHub step summary, a comment, a chat message
    github.render(found) -> str               workflow commands: annotations on the run's page

`histories` is `Callable[[str], bytes | None]`: given a case's `history` (a path relative to the results file), its
JSON lines, or None where there are none. `write.folder_reader(folder)` reads them from a report directory, and a dict's
`.get` serves in tests.

    write.files(found, folder, ("html", "junit", "md", "json")) -> dict[str, Path]   writes what was asked for

Live progress, which is drawn on a terminal only and is silent elsewhere:

    with console.Live(sys.stderr) as live:
        live.update("retry.bounded", "", "fail", "7 attempts; promised: at most 4", done=12, total=150, running=16)
"""
