"""The commands that score calls, show what came of it, and serve the review site."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.common import SOME_FAILED, STOPPED_BY_CTRL_C, Database, bad_arguments, new_app
from pipeline.settings import load_settings

app = new_app()
rubric_app = typer.Typer(help="Check rubrics.", no_args_is_help=True)
app.add_typer(rubric_app, name="rubric")


@app.command()
def score(
    paths: Annotated[
        list[str], typer.Argument(metavar="PATH...", help="Recordings, folders or glob patterns.")
    ],
    transcript: Annotated[
        bool,
        typer.Option("--transcript", help="The files are transcripts (JSON or JSONL)."),
    ] = False,
    rubric: Annotated[
        str | None, typer.Option(metavar="FILE", help="Rubric file or name; else leap.")
    ] = None,
    agent_channel: Annotated[
        str | None,
        typer.Option(
            metavar="auto|left|right",
            help="The agent's side in stereo recordings whose metadata does not say.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Also write each call's result to DIR/NAME.json."),
    ] = None,
    json: Annotated[
        bool, typer.Option("--json", help="Print one result a line (JSONL) and nothing else.")
    ] = False,
    db: Database = None,
) -> None:
    """Score recordings, and keep the results in the database.

    A call that the same rubric and version have scored already is not scored again. Results of
    transcripts are shown, not kept.

    Exit status: 0 all scored; 1 some calls failed (the others are scored and kept); 2 bad
    arguments, rubric or settings.

    \b
    Examples:
      callscore score calls/
      callscore score "calls/**/*.mp3" --json > results.jsonl
      callscore score monday.wav --agent-channel left --rubric my-rubric.yaml
      callscore score --transcript chats.jsonl --json
    """
    with bad_arguments():
        settings = load_settings(rubric=rubric, agent_channel=agent_channel, db_url=db)
        from pipeline.score_command import score_recordings, score_transcripts

        run = score_transcripts if transcript else score_recordings
        try:
            failed = run(paths, settings, out, json)
        except KeyboardInterrupt:
            typer.echo("stopped; the calls done so far are kept", err=True)
            raise typer.Exit(STOPPED_BY_CTRL_C) from None
    raise typer.Exit(SOME_FAILED if failed else 0)


@app.command()
def status(
    batch: Annotated[int | None, typer.Argument(help="Number of the batch; else the last.")] = None,
    db: Database = None,
) -> None:
    """Show at a glance how the last batch went, or how far it is.

    Exit status: 0 all scored or skipped, or still at work; 1 somebody should look; 2 bad arguments.
    """
    with bad_arguments():
        settings = load_settings(db_url=db)
        from pipeline.status_command import show_status

        look = show_status(batch, settings)
    raise typer.Exit(SOME_FAILED if look else 0)


@app.command()
def metrics(
    listen: Annotated[
        str | None,
        typer.Option(metavar="HOST:PORT", help="Answer scrapes there until stopped."),
    ] = None,
    db: Database = None,
) -> None:
    """Print figures for a monitoring system (Prometheus text): counts and times, no names.

    \b
    Examples:
      callscore metrics > /var/lib/node_exporter/callscore.prom
      callscore metrics --listen 127.0.0.1:9464
    """
    with bad_arguments():
        settings = load_settings(db_url=db)
        from pipeline.status_command import show_metrics

        show_metrics(settings, listen)


@app.command()
def outcomes(
    batch: Annotated[int | None, typer.Argument(help="Number of the batch; else the last.")] = None,
    json: Annotated[
        bool, typer.Option("--json", help="Print one outcome a line (JSONL) and nothing else.")
    ] = False,
    db: Database = None,
) -> None:
    """List what a batch did with each recording: scored, failed or skipped, and why.

    The number is the one that logs and Prefect know the recording by.

    \b
    Examples:
      callscore outcomes
      callscore outcomes 12
      callscore outcomes --json | jq 'select(.status == "failed")'
    """
    with bad_arguments():
        settings = load_settings(db_url=db)
        from rich.console import Console

        from pipeline.report import outcomes_lines, outcomes_table
        from pipeline.store import Store

        with Store.of(settings) as store:
            number = batch if batch is not None else store.last_batch()
            listed = [] if number is None else store.outcomes(number)
    if number is None or not listed:
        typer.echo(
            "nothing to list: no such batch, or nothing done yet (callscore status)", err=True
        )
        raise typer.Exit(SOME_FAILED)
    if json:
        typer.echo(outcomes_lines(listed))
        return
    Console().print(outcomes_table(number, listed))


@app.command()
def verify(
    call_ids: Annotated[
        list[str] | None, typer.Argument(metavar="[CALL_ID]...", help="Calls; else all.")
    ] = None,
    db: Database = None,
) -> None:
    """Recompute stored results from what was heard, byte for byte, and name what differs.

    No speech model runs. Exit status: 0 all the same; 1 some differ or cannot be verified.

    \b
    Examples:
      callscore verify
      callscore verify C-1042 C-1043
    """
    with bad_arguments():
        settings = load_settings(db_url=db)
        from pipeline.archive_command import verify_results

        unlike = verify_results(call_ids or [], settings)
    raise typer.Exit(SOME_FAILED if unlike else 0)


@app.command()
def rescore(
    rubric: Annotated[
        str | None, typer.Option(metavar="FILE", help="Rubric file or name; else the settings'.")
    ] = None,
    db: Database = None,
) -> None:
    """Judge every stored call again, from what was heard in it: no recording, no speech model.

    \b
    Example:
      callscore rescore --rubric my-rubric.yaml
    """
    with bad_arguments():
        settings = load_settings(rubric=rubric, db_url=db)
        from pipeline.archive_command import rescore_calls

        rescore_calls(settings)


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 8600,
    certificate: Annotated[
        Path | None, typer.Option(metavar="FILE", exists=True, help="TLS certificate (PEM).")
    ] = None,
    key: Annotated[
        Path | None, typer.Option(metavar="FILE", exists=True, help="Its private key (PEM).")
    ] = None,
    db: Database = None,
) -> None:
    """Serve the review site: see, hear and correct the scored calls in a browser.

    The first start prints a link that makes its reader administrator, once. Others than this
    machine are served when there are accounts, and over HTTPS only.

    \b
    Examples:
      callscore serve
      callscore serve --host 0.0.0.0 --certificate calls.pem --key calls.key
    """
    with bad_arguments():
        settings = load_settings(db_url=db)
        from pipeline.review.serve import serve as run

        run(settings, host, port, certificate, key, typer.echo)


@app.command()
def causes(
    days: Annotated[
        int, typer.Option(min=1, max=366, help="Look through so many days up to the newest call.")
    ] = 56,
    db: Database = None,
) -> None:
    """Group what customers said was the matter, for the page of causes; best run after each night.

    Only what is new is read by the sentence encoder; no speech model runs.
    """
    with bad_arguments():
        settings = load_settings(db_url=db)
        from pipeline.causes import find_causes
        from pipeline.store import Store

        with Store.of(settings) as store:
            run = find_causes(store, days)
    if run is None:
        typer.echo("nothing is scored yet: callscore score calls/", err=True)
        raise typer.Exit(SOME_FAILED)
    typer.echo(
        f"{run.causes} causes, with {run.grouped} of {run.statements} statements in {run.calls} "
        f"calls since {run.since:%d %b %Y}; {run.embedded} statements were new."
    )


@app.command()
def doctor() -> None:
    """Say what is installed, which device and models will be used, and what is missing.

    Exit status: 0 all there; 1 something needed is missing.
    """
    with bad_arguments():
        settings = load_settings()
        from rich.console import Console

        from pipeline.doctor import checks, checks_table

        findings = list(checks(settings))
    console = Console()
    console.print(checks_table(findings))
    missing = sum(not finding.ok for finding in findings)
    console.print(f"{missing} to put right." if missing else "Ready to score calls.")
    raise typer.Exit(SOME_FAILED if missing else 0)


@rubric_app.command("check")
def check_rubric(
    file: Annotated[str, typer.Argument(metavar="FILE", help="Rubric file or name.")],
) -> None:
    """Check a rubric: mistakes with file, line and key, and what is vague, double or never met.

    Exit status: 0 all well; 1 there are doubts; 2 there is a mistake.

    \b
    Example:
      callscore rubric check my-rubric.yaml
    """
    with bad_arguments():
        from pipeline.cues import cues_folder
        from pipeline.dialogues import read_dialogues
        from pipeline.rubric import load_rubric
        from pipeline.rubric_review import review

        rubric = load_rubric(file)
        samples = read_dialogues(cues_folder(rubric.default_language) / "dialogues")
        doubts = review(rubric, samples)
    for doubt in doubts:
        typer.echo(f"{doubt.criterion}: {doubt.kind}: {doubt.advice}")
    count = len(rubric.criteria)
    found = f"{len(doubts)} doubts" if doubts else "no mistakes"
    typer.echo(f"{rubric.id} version {rubric.version}: {count} criteria, {found}.")
    raise typer.Exit(SOME_FAILED if doubts else 0)


@rubric_app.command("diff")
def diff_rubrics(
    old: Annotated[str, typer.Argument(metavar="OLD", help="Rubric file or name.")],
    new: Annotated[str, typer.Argument(metavar="NEW", help="Rubric file or name.")],
    db: Database = None,
) -> None:
    """Show which answers of the stored calls NEW would flip. No speech model, nothing is stored.

    Exit status: 0 nothing changes; 1 some calls change.

    \b
    Example:
      callscore rubric diff leap my-rubric.yaml
    """
    with bad_arguments():
        settings = load_settings(db_url=db)
        from pipeline.archive_command import diff_rubrics as show

        changes = show(old, new, settings)
    raise typer.Exit(SOME_FAILED if changes else 0)
