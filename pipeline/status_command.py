"""``callscore status`` and ``callscore metrics``: how the night went, for people and machines."""

from collections.abc import Iterator

from rich.console import Console

from pipeline.errors import SettingsError
from pipeline.metrics import metrics_text, serve_metrics
from pipeline.settings import Settings
from pipeline.spans import clock
from pipeline.status import BatchStatus, batch_status
from pipeline.store import STATUSES, Store
from pipeline.worklist import WAITING, WORKING

# So many reasons are shown; callscore outcomes lists all.
MOST_REASONS = 8


def show_status(batch: int | None, settings: Settings) -> bool:
    """Prints how a batch (else the last) stands; says whether somebody should look."""
    with Store.of(settings) as store:
        number = store.last_batch() if batch is None else batch
        found = None if number is None else batch_status(store, number)
        if found is None:
            wanted = "no batch yet" if batch is None else f"no batch {batch}"
            raise SettingsError(
                f"{wanted} in {store.name}; run callscore score or the nightly flow"
            )
    for line in _lines(found):
        Console().print(line, markup=False, highlight=False, soft_wrap=True)
    return not found.is_fine


def show_metrics(settings: Settings, listen: str | None) -> None:
    """Prints the figures once, or serves them at HOST:PORT until stopped."""
    with Store.of(settings) as store:
        if listen is None:
            Console().out(metrics_text(store), end="", highlight=False)
            return
        host, _, port = listen.rpartition(":")
        if not port.isdecimal():
            raise SettingsError(f"--listen {listen}: expected HOST:PORT, such as 127.0.0.1:9464")
        try:
            serve_metrics(store, host or "127.0.0.1", int(port))
        except (OSError, OverflowError) as error:
            raise SettingsError(f"--listen {listen}: {error}; name another port") from None


def _lines(found: BatchStatus) -> Iterator[str]:
    began = f"{found.started_at:%Y-%m-%d %H:%M}"
    if found.finished_at is not None:
        end = f"to {found.finished_at:%H:%M} UTC, {_length(found.took_s)}"
    elif found.workers:
        end = f"UTC, still running (workers: {found.workers})"
    elif found.can_go_on:
        end = "UTC, not finished and nobody is at work; start it again, it goes on where it was"
    else:
        end = "UTC, not finished: still running, or stopped before its end"
    yield f"Batch {found.id} ({found.origin}), {began} {end}"
    shown = [*STATUSES, *(s for s in (WAITING, WORKING) if found.counts.get(s))]
    yield "  " + ", ".join(f"{found.counts.get(status, 0)} {status}" for status in shown)
    if found.audio_s and found.scoring_s:
        factor = found.scoring_s / found.audio_s
        yield f"  {_length(found.audio_s)} of calls, real-time factor {factor:.2f} a process"
    reasons = sorted(found.reasons.items(), key=lambda item: (-item[1], item[0]))
    if reasons:
        yield "Why not scored (callscore outcomes lists the files):"
    for reason, count in reasons[:MOST_REASONS]:
        yield f"  {count} × {reason}"
    if len(reasons) > MOST_REASONS:
        yield f"  and {len(reasons) - MOST_REASONS} other reasons"


def _length(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.0f} s"
    if seconds < 3600:
        return f"{clock(seconds)} min"
    return f"{seconds / 3600:.1f} h"
