"""Triage: what of the recordings found is to be scored at all, and which of them first."""

import hashlib
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from pipeline import audio
from pipeline.batch import SCORED_ALREADY, Batch, scored_before
from pipeline.codeversion import code_version
from pipeline.errors import StorageError, TransientError
from pipeline.find import Found, at_hand, stamp_of
from pipeline.forgotten import receipt_in_place_of, why_forgotten
from pipeline.store import Store
from pipeline.tables import OutcomeRow, SeenFileRow
from pipeline.worklist import Lined

# What cannot be read fails at once: the earlier, the sooner somebody can mend it.
UNREADABLE = 1000.0


def triage(found: Found, batch: Batch, risk_of: Callable[[Path], float]) -> Lined:
    """What became of a recording already, or how risky it is by ``risk_of``.

    What is wrong with a recording is left to be found, and said, by the task that scores it.
    Raises TransientError: the database is away.
    """
    if found.problem is not None:
        return Lined(found, status=found.status, reason=found.problem)
    try:
        return _triage(found, batch, risk_of)
    except StorageError:
        return Lined(found, risk=UNREADABLE)
    except TransientError:
        raise
    except Exception:
        return Lined(found, risk=UNREADABLE)


def _triage(found: Found, batch: Batch, risk_of: Callable[[Path], float]) -> Lined:
    size, modified_ns = stamp_of(found)
    with batch.store.read() as session:
        seen = session.get(SeenFileRow, found.source)
    if seen is not None and (seen.size, seen.modified_ns) != (size, modified_ns):
        seen = None  # another recording under the same name, or one that has grown
    # On remote storage, one that was seen before is not fetched again but for its risk.
    with at_hand(found, audio=seen is None) as here:
        sha256 = audio.sha256_of(here.path) if seen is None else seen.recording_sha256
        stands = scored_before(here, sha256, batch)
    hopeless = unnamed = None
    if stands is None:
        hopeless, unnamed = _forgotten(found, sha256, batch.store)
        hopeless = hopeless or _hopeless(sha256, batch.store)
    if unnamed is not None:
        return Lined(found, status="skipped", reason=hopeless, unnamed=unnamed)
    risk = None if seen is None else seen.risk
    if stands is None and hopeless is None and risk is None:
        with at_hand(found) as here:
            risk = _risk(here.path, risk_of)
    if seen is None or seen.risk != risk:
        _remember(
            SeenFileRow(
                source=found.source,
                size=size,
                modified_ns=modified_ns,
                recording_sha256=sha256,
                risk=risk,
            ),
            batch.store,
        )
    if stands is not None:
        return Lined(found, sha256, status="skipped", reason=SCORED_ALREADY, result_id=stands)
    if hopeless is not None:
        return Lined(found, sha256, status="skipped", reason=hopeless)
    return Lined(found, sha256, risk=risk or 0.0)


def _risk(recording: Path, risk_of: Callable[[Path], float]) -> float:
    try:
        return risk_of(recording)
    except Exception:  # it cannot be read, or reading it ended a process
        return UNREADABLE


def _forgotten(found: Found, sha256: str, store: Store) -> tuple[str | None, str | None]:
    """Why a recording is passed over, if it was forgotten, and what its line bears for a name.

    That is the same for every worker of the batch, so that it has one line.
    """
    with store.read() as session:
        why = why_forgotten(session, sha256)
        receipt = receipt_in_place_of(session, found.name, why)
    if receipt is None:
        return why, None
    return why, f"deleted {receipt} {hashlib.sha256((receipt + sha256).encode()).hexdigest()[:16]}"


def _hopeless(sha256: str, store: Store) -> str | None:
    """Why this content is left alone, if it is: an earlier batch failed by its fault."""
    last = (
        select(OutcomeRow.status, OutcomeRow.reason)
        .where(OutcomeRow.recording_sha256 == sha256, OutcomeRow.hopeless_for == code_version())
        .order_by(OutcomeRow.id.desc())
        .limit(1)
    )
    with store.read() as session:
        found = session.execute(last).first()
    return None if found is None else f"{found.status} already: {found.reason}"


def _remember(seen: SeenFileRow, store: Store) -> None:
    def write(session: Session) -> None:
        session.merge(seen)

    store.write_once(write)
