"""Everything one can do with this repository: `nox --list`."""

from __future__ import annotations

import shutil
from pathlib import Path

import nox

nox.options.sessions = ["lint", "types", "tests", "package"]
nox.options.error_on_missing_interpreters = True

ROOT = Path(__file__).parent
CONSTRAINTS = str(ROOT / "constraints.txt")
SIDE_BY_SIDE = ["-n", "4", "--dist", "worksteal", "-m", "not alone"]
ONE_BY_ONE = ["-m", "alone and not whole"]
BENCHMARKS = (
    "# Benchmarks\n\nWritten by `nox -s bench` in one run: compare what stands side by side, not another machine's.\n"
)


def wheel(session: nox.Session) -> str:
    """Build the wheel from a clean copy of the checkout and return its path."""
    session.install("build", "-c", CONSTRAINTS)
    out = Path(session.create_tmp()).resolve()
    shutil.rmtree(out, ignore_errors=True)
    session.run("python", "-m", "build", "--outdir", str(out), str(ROOT), silent=True)
    return str(next(out.glob("brownout-*.whl")))


@nox.session
def lint(session: nox.Session) -> None:
    """Lint and check the formatting."""
    session.install("ruff", "-c", CONSTRAINTS)
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session
def types(session: nox.Session) -> None:
    """Check the types of the installed wheel, strictly."""
    built = wheel(session)
    session.install(f"{built}[test]", "mypy", "types-jsonschema", "-c", CONSTRAINTS)
    session.chdir(session.create_tmp())
    session.run("mypy", "--strict", "-p", "brownout")


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests against the installed wheel, with branch coverage."""
    built = wheel(session)
    session.install(f"{built}[test]", "-c", CONSTRAINTS)
    session.env["COVERAGE_FILE"] = str(ROOT / ".coverage")
    session.env["COVERAGE_RCFILE"] = str(ROOT / "pyproject.toml")
    session.run("coverage", "erase")
    rounds = [[*how, "--ignore=tests/browser", "tests"] for how in (SIDE_BY_SIDE, ONE_BY_ONE)]
    for arguments in [session.posargs] if session.posargs else rounds:
        session.run("coverage", "run", "-m", "pytest", "-c", "tests/pytest.ini", *arguments)
    session.run("coverage", "combine", "--quiet")
    session.run("coverage", "report", *(["--fail-under=0"] if session.posargs else []))


@nox.session
def targets(session: nox.Session) -> None:
    """Judge the targets that ship by the whole catalogue, with nothing else to do."""
    session.install(f"{wheel(session)}[test]", "-c", CONSTRAINTS)
    session.run("pytest", "-c", "tests/pytest.ini", "-m", "whole", *(session.posargs or ["tests/scenarios"]))


@nox.session
def package(session: nox.Session) -> None:
    """Build the wheel, install it alone in a fresh environment, and judge the reference integration with it."""
    built = wheel(session)
    alone = Path(session.create_tmp()).resolve() / "alone"
    session.run("python", "-m", "venv", str(alone))
    session.run(str(alone / "bin" / "pip"), "install", "--quiet", built, "-c", CONSTRAINTS, external=True)
    session.chdir(session.create_tmp())
    command = str(alone / "bin" / "brownout")
    session.run(command, "list", "scenarios", external=True)
    session.run(command, "run", "reference", "control", "retry.recovers", "stream.cut-clean", external=True)


@nox.session
def mutants(session: nox.Session) -> None:
    """Plant every defect of tests/mutants in the reference integration and print which rows catch it."""
    session.install(wheel(session), "-c", CONSTRAINTS)
    session.chdir(session.create_tmp())
    session.run("python", str(ROOT / "tests" / "mutants" / "run.py"), *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """Measure how exact target time is and what it costs, and what a load run costs the harness: BENCHMARKS.md."""
    session.install(wheel(session), "requests", "-c", CONSTRAINTS)
    with (ROOT / "BENCHMARKS.md").open("w", encoding="utf-8") as written:
        written.write(BENCHMARKS)
        for title, *words in (("Target time", "warp.py", *session.posargs), ("Load runs", "load.py")):
            print(f"\n## {title}\n\n```", file=written, flush=True)
            session.run("python", str(ROOT / "bench" / words[0]), *words[1:], stdout=written)
            print("```", file=written, flush=True)


@nox.session
def browser(session: nox.Session) -> None:
    """Look at the HTML report in a headless Chromium: what it blocks, how it fits, whether it can be read."""
    if shutil.which("chromium") is None:
        session.skip("chromium is not installed")
    built = wheel(session)
    session.install(f"{built}[test]", "-c", CONSTRAINTS)
    session.run("pytest", "-c", "tests/pytest.ini", *(session.posargs or ["tests/browser"]))


@nox.session
def exceptions(session: nox.Session) -> None:
    """Measure which exception each official client raises for each trouble, and write docs/exceptions.md."""
    session.install(f"{wheel(session)}[test]", "-c", CONSTRAINTS)
    with (ROOT / "docs" / "exceptions.md").open("w", encoding="utf-8") as written:
        session.run("python", str(ROOT / "docs" / "exceptions.py"), stdout=written)


@nox.session
def minimums(session: nox.Session) -> None:
    """Run the tests with the oldest versions that `pyproject.toml` allows."""
    session.install("uv", "-c", CONSTRAINTS)
    built = wheel(session)
    session.run("uv", "pip", "install", "--resolution", "lowest-direct", "--python", session.bin, f"{built}[test]")
    given = session.posargs or ["tests"]
    session.run("pytest", "-c", "tests/pytest.ini", *SIDE_BY_SIDE, "--ignore=tests/browser", *given)
