"""The commands that build coaching sessions."""

from typing import Annotated

import typer

from pipeline.cli.common import Database, bad_arguments, new_app
from pipeline.settings import load_settings

app = new_app()

Day = Annotated[str | None, typer.Option(metavar="DATE", help="As 2026-05-12, or with a time.")]


@app.command()
def coach(
    agent: Annotated[str, typer.Option(metavar="ID", help="Whose calls.")],
    since: Day = None,
    until: Day = None,
    db: Database = None,
) -> None:
    """Build a coaching session for an agent: strengths, one or two focus points, moments to hear.

    Without --since it is over the four weeks up to the agent's newest call. The session is kept for
    the review site, and written as one HTML file with its sound inside, to hear and to print.

    Exit status: 0 built; 2 bad arguments, or no calls to talk about.

    \b
    Examples:
      callscore coach --agent ag-22
      callscore coach --agent ag-22 --since 2026-05-01 --until 2026-05-31
    """
    with bad_arguments():
        settings = load_settings(db_url=db)
        from pipeline.coaching_command import coach_agent

        coach_agent(agent, since, until, settings, typer.echo)


@app.command()
def consent(
    agent: Annotated[str, typer.Argument(metavar="ID", help="The agent who consents.")],
    withdraw: Annotated[bool, typer.Option("--withdraw", help="No longer.")] = False,
    db: Database = None,
) -> None:
    """Note that an agent lets colleagues hear, without a name, where they did well.

    Withdrawn, such moments are deleted from the sessions of others, and so are pages that were
    written with them.

    Exit status: 0 noted; 2 bad arguments, or no call and no consent is of such an agent.
    """
    with bad_arguments():
        settings = load_settings(db_url=db)
        from pipeline.coaching_command import note_consent

        note_consent(agent, not withdraw, settings, typer.echo)
