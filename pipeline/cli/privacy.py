"""The commands that hide, encrypt and delete what calls hold of people."""

from typing import Annotated

import typer

from pipeline.cli.common import SOME_FAILED, Database, bad_arguments, new_app
from pipeline.settings import load_settings

app = new_app()


@app.command()
def redact(db: Database = None) -> None:
    """Hide personal data in what is stored already; scores and answers stay as they are.

    What is scored from now on needs no such thing. For calls of an older version, and after the
    setting redact was given more kinds.
    """
    with bad_arguments():
        settings = load_settings(db_url=db)
        from pipeline.redact_command import redact_stored

        redact_stored(settings, typer.echo)


@app.command()
def encrypt(
    new_key: Annotated[
        bool, typer.Option("--new-key", help="Print a fresh key and do nothing else.")
    ] = False,
    off: Annotated[bool, typer.Option("--off", help="Store everything in plain again.")] = False,
    db: Database = None,
) -> None:
    """Encrypt what is stored already with the first of your keys.

    What is stored from now on needs no such thing. To change the key, put the new one in front of
    the old one everywhere, start site and workers anew, run this, then take the old one away.

    \b
    Examples:
      (umask 077; callscore encrypt --new-key > /etc/callscore.key)
      CALLSCORE_ENCRYPTION_KEY_FILE=/etc/callscore.key callscore encrypt
    """
    with bad_arguments():
        from pipeline import encryption
        from pipeline.encrypt_command import encrypt_stored

        if new_key:
            typer.echo(encryption.new_key())
            return
        encrypt_stored(load_settings(db_url=db), typer.echo, off=off)


@app.command()
def forget(
    call_id: Annotated[str, typer.Argument(metavar="CALL_ID", help="Which call.")],
    recording: Annotated[
        bool, typer.Option("--recording", help="Delete the recording and its sidecar too.")
    ] = False,
    db: Database = None,
) -> None:
    """Delete all that was made of a call, print a receipt, and check that nothing is left.

    The recording stays where it lies unless --recording is given, and is not scored again. What was
    exported is listed on the receipt. A call under legal hold is refused.

    Exit status: 0 nothing is left; 1 something could not be removed; 2 no such call, or held.

    \b
    Example:
      callscore forget C-1042 --recording
    """
    with bad_arguments():
        settings = load_settings(db_url=db)
        from pipeline.deletion.forget import forget_call
        from pipeline.deletion.receipts import receipt_lines
        from pipeline.store import Store

        with Store.of(settings) as store:
            receipt = forget_call(store, settings, call_id, recordings=recording)
    for line in receipt_lines(receipt, f"call {call_id} is forgotten"):
        typer.echo(line)
    raise typer.Exit(0 if receipt.clean else SOME_FAILED)


@app.command()
def purge(
    older_than: Annotated[
        str | None,
        typer.Option(metavar="AGE", help="Whole calls, such as 90d, 12w, 2y; else the settings'."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what is too old, and delete nothing.")
    ] = False,
    db: Database = None,
) -> None:
    """Delete what is older than keep_audio_days, keep_transcripts_days and keep_scores_days say.

    Calls under legal hold are passed over. Best run every night (python -m flows retention, or its
    deployment); it also goes on with deletions that were cut off.

    Exit status: 0 done; 1 something could not be removed; 2 bad arguments, or no age is set (with
    --dry-run that is no mistake).

    \b
    Examples:
      callscore purge --dry-run
      callscore purge --older-than 90d
    """
    with bad_arguments():
        settings = load_settings(db_url=db)
        from pipeline.deletion.receipts import receipt_lines
        from pipeline.deletion.retention import NO_AGE, Ages, ages_of, due, parse_age, purge_old
        from pipeline.errors import SettingsError
        from pipeline.store import Store
        from pipeline.tables import utc_now
        from pipeline.wording import counted

        ages = ages_of(settings) if older_than is None else Ages(calls=parse_age(older_than))
        with Store.of(settings) as store:
            if dry_run:
                found = due(store, ages, utc_now())
                typer.echo(
                    f"Too old: {counted(found.recordings, 'call')} for their recordings, "
                    f"{found.words} for their words, {found.calls} altogether; under legal hold: "
                    f"{found.held}. Nothing was deleted."
                )
                return
            receipt = purge_old(store, settings, ages)
        if ages.youngest is None:
            raise SettingsError(NO_AGE)
    for line in receipt_lines(receipt, receipt.why):
        typer.echo(line)
    raise typer.Exit(SOME_FAILED if receipt.clean is False else 0)


@app.command()
def hold(
    call_id: Annotated[str, typer.Argument(metavar="CALL_ID", help="Which call.")],
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why, for who lifts it.")],
    db: Database = None,
) -> None:
    """Put a call under legal hold: nothing deletes it until the hold is lifted.

    \b
    Example:
      callscore hold C-1042 --reason "claim 17/2026"
    """
    with bad_arguments():
        settings = load_settings(db_url=db)
        from pipeline.legal_hold import calls_named, hold_calls
        from pipeline.store import Store

        with Store.of(settings) as store, store.write() as session:
            hold_calls(session, [call.id for call in calls_named(session, call_id)], reason, "")
    typer.echo(f"{call_id} is under legal hold.")


@app.command()
def lift(
    call_id: Annotated[str, typer.Argument(metavar="CALL_ID", help="Which call.")],
    db: Database = None,
) -> None:
    """Lift the legal hold on a call: it can be deleted again."""
    with bad_arguments():
        settings = load_settings(db_url=db)
        from pipeline.legal_hold import calls_named, lift_holds
        from pipeline.store import Store

        with Store.of(settings) as store, store.write() as session:
            lift_holds(session, [call.id for call in calls_named(session, call_id)])
    typer.echo(f"The legal hold on {call_id} is lifted.")
