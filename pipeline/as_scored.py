"""The recording of a stored call, as it was scored: a file that holds something else is not it."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Text, select, type_coerce
from sqlalchemy.orm import Session

from pipeline.audio import SHARE_AWAY, Recording, load, sha256_of
from pipeline.beep import hidden_in
from pipeline.encryption import SealedText
from pipeline.errors import PermanentError, RecordingError, StorageError
from pipeline.find import Found, at_hand, stamp_of
from pipeline.paths import LOCAL, is_address
from pipeline.records import Span
from pipeline.store import Store
from pipeline.tables import CallRow, FactsRow, OutcomeRow

GONE = "it was moved or deleted, or may not be read"
CHANGED = "the file that was scored holds something else by now"
UNREADABLE = "it can no longer be decoded"

MOST_KNOWN = 1000
"""Listenings of which a process remembers what they hide: times alone, some kilobytes each."""
_hidden_by_content: dict[bytes, tuple[tuple[Span, ...] | None]] = {}


class NotAsScored(PermanentError):
    """The recording of a call is gone, changed or unreadable; the message says which."""


@dataclass(frozen=True, slots=True)
class AsScored:
    """The recording, where it was read from, and the size and time of the file."""

    recording: Recording
    source: str
    stamp: tuple[int, int]


def load_as_scored(store: Store, call: CallRow, *, max_duration_s: float) -> AsScored:
    """The sound of a call.

    Raises
    ------
    NotAsScored
        It is gone, or not the one that was scored.
    StorageError
        Where it lies does not answer.
    """
    problem = GONE
    for source in sources_of(store, call):
        found = found_at(source)
        try:
            stamp = stamp_of(found)
            with at_hand(found) as here:
                if sha256_of(here.path) != call.recording_sha256:
                    problem = CHANGED
                    continue
                problem = UNREADABLE
                recording = load(here.path, max_duration_s=max_duration_s)
        except (OSError, RecordingError) as error:
            _check_away(error)
            continue
        except StorageError:
            raise _away() from None
        return AsScored(recording, source, stamp)
    raise NotAsScored(problem)


def hidden_in_recording(
    session: Session, recording_sha256: str, result: Mapping[str, Any]
) -> tuple[Span, ...] | None:
    """When personal data is said in the recording of a result; None: not known.

    What any listening to the recording hid counts: it may have been scored for two calls, or again
    with other settings.
    """
    found = [hidden_in(result), *_hidden_in_listenings(session, recording_sha256)]
    spans: set[tuple[float, float]] = set()
    for hidden in found:
        if hidden is None:
            return None
        spans |= {(span.start_s, span.end_s) for span in hidden}
    return tuple(Span(*span) for span in sorted(spans))


def _hidden_in_listenings(session: Session, sha256: str) -> list[tuple[Span, ...] | None]:
    """Players ask at every jump: each text is opened and parsed once, known by its content."""
    as_stored = type_coerce(FactsRow.facts_json, Text())
    dialect, sealed = session.get_bind().dialect, SealedText()
    found: list[tuple[Span, ...] | None] = []
    for stored in session.scalars(select(as_stored).where(FactsRow.recording_sha256 == sha256)):
        content = hashlib.sha256(stored.encode()).digest()
        known = _hidden_by_content.get(content)
        if known is None:
            text = sealed.process_result_value(stored, dialect) or ""
            known = (hidden_in(json.loads(text)),)
            if len(_hidden_by_content) >= MOST_KNOWN:
                _hidden_by_content.clear()
            _hidden_by_content[content] = known
        found.extend(known)
    return found


def is_unchanged(source: str, stamp: Sequence[int]) -> bool:
    """Whether a file still has the size and time that it had. Raises StorageError."""
    try:
        return list(stamp_of(found_at(source))) == list(stamp)
    except (OSError, RecordingError) as error:
        _check_away(error)
        return False
    except StorageError:
        raise _away() from None


def sources_of(store: Store, call: CallRow) -> Iterator[str]:
    """Where the recording may lie: where a batch last read it, then the path that people see."""
    newest = (
        select(OutcomeRow.source)
        .where(OutcomeRow.recording_sha256 == call.recording_sha256, OutcomeRow.source.is_not(None))
        .order_by(OutcomeRow.id.desc())
        .limit(1)
    )
    with store.read() as session:
        source = session.scalar(newest)
    if source is not None:
        yield source
    yield call.path


def found_at(source: str) -> Found:
    """A recording by its address or its path."""
    if source.startswith(LOCAL) or is_address(source):
        return Found.at(source)
    return Found(Path(source))


def _check_away(error: Exception) -> None:
    """Raises StorageError where the way to the recording is at fault, not the recording."""
    if isinstance(error, OSError) and error.errno in SHARE_AWAY:
        raise _away()


def _away() -> StorageError:
    return StorageError("Where the recording lies does not answer now; try again in a while.")
