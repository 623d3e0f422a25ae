"""The ``callscore`` command: its arguments and help, one file a subject.

What needs models or the database is imported inside the commands, so that ``callscore --help``
answers at once.
"""

import sys
from typing import Annotated

import typer

from pipeline import __version__, memory
from pipeline.cli import coaching, privacy, scoring
from pipeline.cli.common import new_app

app = new_app(help="Score recorded customer-service calls, offline.")
for subject in (scoring, coaching, privacy):
    app.add_typer(subject.app)


def main() -> None:
    """Entry point of the ``callscore`` command."""
    if sys.argv[1:2] == ["score"]:
        memory.begin_anew()
    app(prog_name="callscore")


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"callscore {__version__}")
        raise typer.Exit


@app.callback()
def _for_all_commands(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    pass
