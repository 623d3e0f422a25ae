"""``python -m flows run PATH...`` scores once; ``python -m flows serve PATH...`` every night."""

from typing import Annotated, Any

import httpx
import typer

from pipeline.errors import CallscoreError, SettingsError
from pipeline.paths import full_path, printable
from pipeline.rubric import load_rubric
from pipeline.settings import Settings, load_settings
from pipeline.store import NOT_SCORED, Store

app = typer.Typer(
    help="Score recordings under Prefect.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

Paths = Annotated[
    list[str], typer.Argument(metavar="PATH...", help="Folders, recordings or glob patterns.")
]
RubricOption = Annotated[
    str | None, typer.Option(metavar="FILE", help="Rubric file or name; else leap.")
]
HoursOption = Annotated[
    float | None, typer.Option(min=0, help="Begin no further call after so many hours.")
]


@app.command()
def run(paths: Paths, rubric: RubricOption = None, hours: HoursOption = None) -> None:
    """Score all recordings now and print the tables, and where results and report lie.

    Without a Prefect server of your own, one is started for the run (about 10 seconds).

    Exit status: 0 all scored; 1 some failed (the others are scored and kept); 2 bad arguments,
    rubric or settings.
    """
    settings = _check(paths, rubric)
    from rich.console import Console

    from flows.nightly import GO_ON, nightly
    from pipeline.report import agents_table, calls_table, summarize_agents

    state = nightly(paths, rubric, hours, return_state=True)
    result = _data_of(state, f" ({GO_ON})")
    console = Console()
    with Store.of(settings) as store:
        outcomes = store.outcomes(result["batch"])
        console.print(calls_table(outcomes))
        console.print(agents_table(summarize_agents(outcomes)))
        for line in (f"Results: {store.name}", f"Report:  {result['report']}"):
            console.print(line, markup=False, highlight=False, soft_wrap=True)
    for outcome in outcomes:
        if outcome.status in NOT_SCORED:
            typer.echo(outcome.reason, err=True)
    raise typer.Exit(0 if state.is_completed() else 1)


@app.command()
def serve(
    paths: Paths,
    cron: Annotated[str, typer.Option(help="When, as cron writes it.")] = "0 2 * * *",
    timezone: Annotated[str, typer.Option(help="Time zone of the schedule.")] = "UTC",
    rubric: RubricOption = None,
    hours: HoursOption = None,
) -> None:
    """Score what is new every night, on this machine, until stopped.

    Uses the Prefect server that PREFECT_API_URL names, else starts one here. A night that is
    missed while this does not run is made up for by the next: what is scored already is skipped.

    \b
    Example:
      python -m flows serve /data/calls --cron "0 2 * * *" --timezone Europe/Berlin
    """
    _check(paths, rubric)
    from prefect.schedules import Cron

    from flows.nightly import nightly
    from flows.server import prefect_server

    try:
        schedule = Cron(cron, timezone=timezone)
    except ValueError as error:
        typer.echo(f"callscore: --cron or --timezone: {error}", err=True)
        raise typer.Exit(2) from None
    parameters = {"paths": [full_path(path) for path in paths], "rubric": rubric, "hours": hours}
    with prefect_server():
        # pause_on_shutdown: a restart of this machine must not end the nights for good.
        nightly.serve(
            name="nightly", schedule=schedule, parameters=parameters, pause_on_shutdown=False
        )


@app.command()
def coaching() -> None:
    """Build this week's coaching sessions: for every agent with ten calls or more in four weeks and
    a flagged one in the last, if no session of theirs waits to be held.

    Exit status: 0 all built; 1 some could not be built; 2 bad settings.
    """
    settings = _check([], None)
    from flows.coaching import coaching
    from pipeline.coaching.page import pages_of

    state = coaching(return_state=True)
    result = _data_of(state)
    for path in pages_of(result["sessions"], settings):
        typer.echo(path)
    typer.echo(state.message)
    raise typer.Exit(0 if state.is_completed() else 1)


@app.command()
def retention() -> None:
    """Delete what is older than keep_audio_days, keep_transcripts_days and keep_scores_days say.

    As callscore purge, as a Prefect flow run.

    Exit status: 0 done; 1 something could not be removed; 2 bad settings.
    """
    settings = _check([], None)
    from flows.retention import retention
    from pipeline.deletion.receipts import receipt_lines
    from pipeline.deletion.retention import ages_of

    try:
        ages_of(settings)
    except CallscoreError as error:
        typer.echo(f"callscore: {error}", err=True)
        raise typer.Exit(2) from None
    state = retention(return_state=True)
    result = _data_of(state)
    for line in receipt_lines(result["receipt"], result["receipt"].why):
        typer.echo(line)
    raise typer.Exit(0 if state.is_completed() else 1)


@app.command()
def automations(
    webhook: Annotated[
        str | None, typer.Option(metavar="URL", help="Post a message there when a night fails.")
    ] = None,
) -> None:
    """Make the Prefect server end runs whose process died, and tell you when a night fails.

    For the server that PREFECT_API_URL names. Made again, they replace what is there. Messages
    hold a run's name and its counts, never words of calls.

    \b
    Example:
      python -m flows automations --webhook https://chat.example.com/hooks/abc
    """
    from prefect.settings import PREFECT_API_URL

    from flows.automations import alert_by_webhook, end_dead_runs

    server = PREFECT_API_URL.value()
    if not server:
        typer.echo("callscore: PREFECT_API_URL: not set; name your Prefect server", err=True)
        raise typer.Exit(2)
    if webhook is not None and not webhook.startswith(("http://", "https://")):
        typer.echo("callscore: --webhook: expected an address such as https://…", err=True)
        raise typer.Exit(2)
    try:
        made = [end_dead_runs()]
        if webhook is not None:
            made.append(alert_by_webhook(webhook))
    except httpx.TransportError:
        typer.echo(f"callscore: PREFECT_API_URL: nobody answers at {server}; start it", err=True)
        raise typer.Exit(2) from None
    for automation in made:
        typer.echo(f"made: {automation.name}")


def _data_of(state: Any, hint: str = "") -> Any:
    """What a flow run gave; an error of ours ends the command with one line and status 1."""
    result = state.result(raise_on_failure=False)
    if isinstance(result, CallscoreError):
        typer.echo(f"callscore: {result}{hint}", err=True)
        raise typer.Exit(1)
    if isinstance(result, BaseException):
        raise result
    return result


def _check(paths: list[str], rubric: str | None) -> Settings:
    """The settings in force. What would fail every run is said before Prefect starts."""
    try:
        settings = load_settings(rubric=rubric)
        load_rubric(settings.rubric)
        Store.of(settings).close()
        for path in paths:
            # Prefect keeps the paths as JSON, in Unicode; within a folder any name will do.
            if printable(path) != path:
                raise SettingsError(f"{printable(path)}: not UTF-8; name the folder it lies in")
    except CallscoreError as error:
        typer.echo(f"callscore: {error}", err=True)
        raise typer.Exit(2) from None
    return settings


if __name__ == "__main__":
    app(prog_name="python -m flows")
