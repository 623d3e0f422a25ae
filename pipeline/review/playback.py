"""The recording as browsers play it: decoded once, and kept for a while beside the database.

Browsers neither know telephone codecs nor seek in them exactly. What they get is made of the very
samples that were scored (:func:`pipeline.audio.load`), as 16-bit PCM in a WAV file: every browser
plays it, and any moment lies at a known byte. What is kept is given out only while the recording
itself is still where it was and as it was: a deleted one is not to be heard any more.
"""

import json
import os
import tempfile
import threading
import time
import wave
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import IO, Any

import numpy as np
from sqlalchemy import select

from pipeline.audio import SAMPLE_RATE, SHARE_AWAY, Recording, load, sha256_of
from pipeline.errors import PermanentError, RecordingError, StorageError
from pipeline.find import Found, at_hand, stamp_of
from pipeline.paths import LOCAL, is_address
from pipeline.review import audit
from pipeline.review.people import Person
from pipeline.review_tables import AuditRow
from pipeline.settings import Settings
from pipeline.store import Store
from pipeline.tables import CallRow, OutcomeRow, utc_now

FOLDER = "playback"
ROOM = 4 * 1024**3
"""Bytes that the folder may take: 18 hours of stereo, some 220 calls of 5 minutes."""
KEPT_UNUSED_S = 7 * 86400.0
"""Sound that nobody asked for in so long goes, though there is room: less lies about."""
LEFT_OVER_S = 3600.0
"""An unfinished file so old is of a process that died: a decoding takes minutes at most."""

FRAME_S = 0.05
"""Levels are kept of stretches so long: a word has several of them."""
FULL_SCALE = 255

LISTENING = timedelta(minutes=30)
"""Requests of one person for one recording within so long are one listening: a browser makes one
at every jump."""

_GONE = "The recording cannot be played: it was moved or deleted, or may not be read."
_CHANGED = "The recording cannot be played: the file that was scored holds something else by now."
_UNREADABLE = "The recording cannot be played: it can no longer be decoded."

# One decoding at a time: each holds a whole recording in memory.
_decoding = threading.Lock()


class Unplayable(PermanentError):
    """The recording of a call is gone, changed or unreadable; the message is for its page."""


@dataclass(frozen=True, slots=True)
class Playable:
    """A recording that can be played.

    Attributes
    ----------
    path : the WAV file, 16 kHz, 16 bit; its times are those of the results
    levels : np.ndarray [shape=(channels, frames)], uint8, of 255: the peak of each ``FRAME_S``
    """

    path: Path
    sha256: str
    levels: np.ndarray
    duration_s: float


def prepare(store: Store, settings: Settings, call: CallRow) -> Playable:
    """The recording of a call, decoded now or earlier.

    Raises
    ------
    Unplayable
        It is gone, or not the one that was scored.
    StorageError
        Where it lies does not answer, or there is no room to decode it to.
    """
    folder = settings.data_dir.absolute() / FOLDER
    found = _kept(folder, call.recording_sha256)
    if found is not None:
        return found
    with _decoding:
        # Another request may have made it while this one waited.
        found = _kept(folder, call.recording_sha256)
        if found is None:
            found = _make(store, settings, call, folder)
    return found


def note_listening(store: Store, person: Person, call: CallRow) -> None:
    """Notes in the audit log that somebody hears a call: once a listening, whatever part it is."""
    what = f"call {call.id}"
    noted = select(AuditRow.id).where(
        AuditRow.call_id == call.call_id,
        AuditRow.person == person.id,
        AuditRow.action == "play",
        AuditRow.what == what,
        AuditRow.at > utc_now() - LISTENING,
    )
    with store.read() as session:
        if session.scalar(noted.limit(1)) is not None:
            return
    audit.note(store, person, "play", what, call.call_id)


def _kept(folder: Path, sha256: str) -> Playable | None:
    """What was decoded before, if the recording itself is still there and unchanged."""
    sound, about = _files(folder, sha256)
    try:
        known = json.loads(about.read_text())
        if not sound.exists() or not _unchanged(known):
            return None
        # The time of this file says when the sound was last asked for; that of the sound must not
        # change, because browsers take the rest of a changed file for that of another.
        os.utime(about)
    except (OSError, ValueError):
        return None
    return _playable(sound, sha256, known)


def _unchanged(known: dict[str, Any]) -> bool:
    try:
        return list(stamp_of(_found(known["source"]))) == known["stamp"]
    except (OSError, RecordingError) as error:
        _check_away(error)
        return False
    except StorageError:
        raise _away() from None


def _make(store: Store, settings: Settings, call: CallRow, folder: Path) -> Playable:
    problem = _GONE
    for source in _sources(store, call):
        found = _found(source)
        try:
            stamp = stamp_of(found)
            with at_hand(found) as here:
                if sha256_of(here.path) != call.recording_sha256:
                    problem = _CHANGED
                    continue
                problem = _UNREADABLE
                recording = load(here.path, max_duration_s=settings.max_duration_s)
        except (OSError, RecordingError) as error:
            _check_away(error)
            continue
        except StorageError:
            raise _away() from None
        try:
            return _keep(recording, source, stamp, folder)
        except OSError as error:
            raise StorageError(
                f"there is no place for the sound ({error.strerror}); see to the folder {FOLDER} "
                "in data_dir"
            ) from None
    for path in _files(folder, call.recording_sha256):
        path.unlink(missing_ok=True)
    raise Unplayable(problem)


def _sources(store: Store, call: CallRow) -> Iterator[str]:
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


def _found(source: str) -> Found:
    if source.startswith(LOCAL) or is_address(source):
        return Found.at(source)
    return Found(Path(source))


def _keep(recording: Recording, source: str, stamp: tuple[int, int], folder: Path) -> Playable:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    sound, about = _files(folder, recording.sha256)
    known = {
        "source": source,
        "stamp": list(stamp),
        "duration_s": recording.duration_s,
        "levels": _levels(recording.samples).tolist(),
    }
    _write(sound, lambda file: _write_wav(file, recording.samples))
    _write(about, lambda file: file.write(json.dumps(known).encode()))
    make_room(folder, sound)
    return _playable(sound, recording.sha256, known)


def _write(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """A file that is there whole or not at all, for its owner only (as temporary files are)."""
    with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".part", delete=False) as file:
        try:
            write(file)
            file.flush()
            Path(file.name).replace(path)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise


def _write_wav(file: IO[bytes], samples: np.ndarray) -> None:
    with wave.open(file, "wb") as sound:
        sound.setnchannels(len(samples))
        sound.setsampwidth(2)
        sound.setframerate(SAMPLE_RATE)
        minute = 60 * SAMPLE_RATE  # at a time: bounds the memory of long calls
        for at in range(0, samples.shape[1], minute):
            block = np.clip(samples[:, at : at + minute], -1.0, 1.0)
            sound.writeframes(np.round(block * 32767).astype("<i2").T.tobytes())


def _levels(samples: np.ndarray) -> np.ndarray:
    frame = round(FRAME_S * SAMPLE_RATE)
    at = np.arange(0, samples.shape[1], frame)
    peaks = np.maximum.reduceat(np.abs(samples), at, axis=1)
    return np.round(np.minimum(peaks, 1.0) * FULL_SCALE).astype(np.uint8)


def make_room(folder: Path, needed: Path | None = None) -> None:
    """Deletes what nobody heard for a week, and the oldest until the folder is small enough."""
    now, taken = time.time(), 0
    used: list[tuple[float, int, Path]] = []
    for sound in folder.glob("*.wav"):
        with suppress(FileNotFoundError):  # another process makes room too
            about = sound.with_suffix(".json")
            asked = about.stat().st_mtime if about.exists() else sound.stat().st_mtime
            used.append((asked, sound.stat().st_size, sound))
    for asked, size, sound in sorted(used, reverse=True):
        taken += size
        if sound != needed and (taken > ROOM or now - asked > KEPT_UNUSED_S):
            sound.with_suffix(".json").unlink(missing_ok=True)
            sound.unlink(missing_ok=True)
            taken -= size
    for left in folder.glob("*.part"):
        with suppress(FileNotFoundError):
            if now - left.stat().st_mtime > LEFT_OVER_S:
                left.unlink()


def _playable(sound: Path, sha256: str, known: dict[str, Any]) -> Playable:
    return Playable(sound, sha256, np.array(known["levels"], np.uint8), known["duration_s"])


def _files(folder: Path, sha256: str) -> tuple[Path, Path]:
    return folder / f"{sha256}.wav", folder / f"{sha256}.json"


def _check_away(error: Exception) -> None:
    """Raises StorageError where the way to the recording is at fault, not the recording."""
    if isinstance(error, OSError) and error.errno in SHARE_AWAY:
        raise _away()


def _away() -> StorageError:
    return StorageError("Where the recording lies does not answer now; try again in a while.")
