"""What all commands share: exit statuses, options, how mistakes are told."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from pipeline.errors import CallscoreError

SOME_FAILED = 1
BAD_ARGUMENTS = 2
STOPPED_BY_CTRL_C = 130  # what shells expect

Database = Annotated[
    str | None,
    typer.Option(metavar="URL", help="Database: sqlite:///calls.db, postgresql+psycopg://..."),
]


def new_app(**options: Any) -> typer.Typer:
    """A group of commands in our manner."""
    return typer.Typer(
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,  # plain help: examples stay as they are typed
        pretty_exceptions_enable=False,  # they print local variables: the words of calls
        **options,
    )


@contextmanager
def bad_arguments() -> Iterator[None]:
    """An error of ours before or beside the calls ends the command with one line and status 2."""
    try:
        yield
    except CallscoreError as error:
        typer.echo(f"callscore: {error}", err=True)
        raise typer.Exit(BAD_ARGUMENTS) from None
