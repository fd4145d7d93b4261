"""The command line: `brownout COMMAND`.

Results are written to standard output, progress to standard error and only on a terminal. What an exit code says is in
`exits`.
"""

from __future__ import annotations

import sys
import traceback
from typing import Any

import click

from ..fakes.conversion import BrokenFile
from ..version import __version__
from .commands import again, compare, init, load, look, run, serve, targets
from .engine import NoTargetTime
from .environments import NotMade
from .exits import Exit
from .finding import NotFound
from .history import BrokenHistory
from .load.swarm import NoLocust
from .selection import NothingSelected
from .targets import TargetFailed

SAID: dict[type[Exception], Exit] = {
    BrokenFile: Exit.USAGE,
    BrokenHistory: Exit.USAGE,
    NotFound: Exit.USAGE,
    NoLocust: Exit.USAGE,
    NotMade: Exit.NOT_RUN,
    NothingSelected: Exit.NOTHING,
    NoTargetTime: Exit.NOT_RUN,
    TargetFailed: Exit.NOT_RUN,
}
"""Errors whose message says everything, and the exit code of each."""


class Commands(click.Group):
    """Ends every command with the exit code that says how it ended."""

    def invoke(self, context: click.Context) -> Any:
        """Run a command; an error of the user's is told without a traceback, one of ours with it."""
        try:
            return super().invoke(context)
        except (click.ClickException, click.exceptions.Exit):
            raise
        except (KeyboardInterrupt, click.Abort):
            context.exit(Exit.INTERRUPTED)
        except BrokenPipeError:
            raise
        except Exception as error:
            known = next((code for kind, code in SAID.items() if isinstance(error, kind)), None)
            if known is None:
                traceback.print_exc()
                click.echo("brownout could not run; this is a defect of its own", err=True)
            else:
                click.echo(str(error), err=True)
            context.exit(Exit.NOT_RUN if known is None else known)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="brownout")
def main() -> None:
    """A crash-test lab for integrations with LLM providers.

    It stands fake providers in front of an integration, makes them fail the way real ones do, and says what the
    integration did. Begin with `brownout run`, which judges a built-in demonstration, and `brownout init`.
    """


COMMANDS = (
    run.run,
    load.load,
    compare.compare,
    again.judge,
    again.report,
    look.list_,
    look.show,
    look.schema,
    targets.targets,
    init.init,
    serve.serve,
)
for command in COMMANDS:
    main.add_command(command)

if __name__ == "__main__":
    sys.exit(main())
