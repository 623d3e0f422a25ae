"""The recording as browsers play it: decoded once, and kept for a while beside the database.

Browsers neither know telephone codecs nor seek in them exactly. What they get is made of the very
samples that were scored (:func:`pipeline.audio.load`), as 16-bit PCM in a WAV file: every browser
plays it, and any moment lies at a known byte. Where the words of the call were hidden, a tone is
heard. What is kept is given out only while the recording itself is still where it was and as it
was: a deleted one is not to be heard any more.
"""

import hashlib
import json
import os
import tempfile
import threading
import time
import wave
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import IO, Any

import numpy as np
from sqlalchemy import select

from pipeline.as_scored import NotAsScored, is_unchanged, load_as_scored
from pipeline.audio import SAMPLE_RATE, Recording
from pipeline.beep import beep
from pipeline.deletion.kept_files import KEPT_UNUSED_S, LEFT_OVER_S, sound_by_use
from pipeline.errors import PermanentError, StorageError
from pipeline.paths import PLAYBACK
from pipeline.records import Span
from pipeline.review import audit
from pipeline.review.people import Person
from pipeline.review_tables import AuditRow
from pipeline.settings import Settings
from pipeline.store import Store
from pipeline.tables import CallRow, utc_now

ROOM = 4 * 1024**3
"""Bytes that the folder may take: 18 hours of stereo, some 220 calls of 5 minutes."""

FRAME_S = 0.05
"""Levels are kept of stretches so long: a word has several of them."""
FULL_SCALE = 255

LISTENING = timedelta(minutes=30)
"""Requests of one person for one recording within so long are one listening: a browser makes one
at every jump."""

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
    tag : names its content
    levels : np.ndarray [shape=(channels, frames)], uint8, of 255: the peak of each ``FRAME_S``
    """

    path: Path
    tag: str
    levels: np.ndarray
    duration_s: float


def prepare(
    store: Store, settings: Settings, call: CallRow, hidden: Sequence[Span] = ()
) -> Playable:
    """The recording of a call, decoded now or earlier, with a tone over what is ``hidden``.

    Raises
    ------
    Unplayable
        It is gone, or not the one that was scored.
    StorageError
        Where it lies does not answer, or there is no room to decode it to.
    """
    kept = _Kept(settings.data_dir.absolute() / PLAYBACK, call.recording_sha256, tuple(hidden))
    found = kept.find()
    if found is not None:
        return found
    with _decoding:
        # Another request may have made it while this one waited.
        found = kept.find()
        if found is None:
            found = _make(store, settings, call, kept)
    return found


def note_listening(store: Store, person: Person, call: CallRow, *, plain: bool = False) -> None:
    """Notes in the audit log that somebody hears a call: once a listening, whatever part it is.

    ``plain``: without the tones over personal data.
    """
    what = f"call {call.id}, with personal data" if plain else f"call {call.id}"
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


@dataclass(frozen=True, slots=True)
class _Kept:
    """Where the decoded sound of a recording is kept, for one way of hiding."""

    folder: Path
    sha256: str
    hidden: tuple[Span, ...]

    @property
    def sound(self) -> Path:
        """Named for what it hides: what was kept before more was hidden is not found again."""
        if not self.hidden:
            return self.folder / f"{self.sha256}.wav"
        spans = json.dumps([(span.start_s, span.end_s) for span in self.hidden])
        return self.folder / f"{self.sha256}.{hashlib.sha256(spans.encode()).hexdigest()[:16]}.wav"

    @property
    def about(self) -> Path:
        return self.sound.with_suffix(".json")

    def find(self) -> Playable | None:
        """What was decoded before, if the recording itself is still there and unchanged."""
        try:
            known = json.loads(self.about.read_text())
            if not self.sound.exists() or not is_unchanged(known["source"], known["stamp"]):
                return None
            # The time of this file says when the sound was last asked for; that of the sound must
            # not change, because browsers take the rest of a changed file for that of another.
            os.utime(self.about)
        except (OSError, ValueError):
            return None
        return self.playable(known)

    def playable(self, known: dict[str, Any]) -> Playable:
        levels = np.array(known["levels"], np.uint8)
        return Playable(self.sound, self.sound.stem, levels, known["duration_s"])

    def forget(self) -> None:
        """Deletes the sound of this recording, however it was hidden."""
        for path in self.folder.glob(f"{self.sha256}.*"):
            path.unlink(missing_ok=True)


def _make(store: Store, settings: Settings, call: CallRow, kept: _Kept) -> Playable:
    try:
        scored = load_as_scored(store, call, max_duration_s=settings.max_duration_s)
    except NotAsScored as error:
        kept.forget()
        raise Unplayable(f"The recording cannot be played: {error}.") from None
    try:
        return _keep(scored.recording, scored.source, scored.stamp, kept)
    except OSError as error:
        raise StorageError(
            f"there is no place for the sound ({error.strerror}); see to the folder {PLAYBACK} "
            "in data_dir"
        ) from None


def _keep(recording: Recording, source: str, stamp: tuple[int, int], kept: _Kept) -> Playable:
    kept.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    samples = recording.samples
    if kept.hidden:
        samples = beep(samples, kept.hidden, SAMPLE_RATE)
    known = {
        "source": source,
        "stamp": list(stamp),
        "duration_s": recording.duration_s,
        "levels": _levels(samples).tolist(),
    }
    _write(kept.sound, lambda file: _write_wav(file, samples))
    _write(kept.about, lambda file: file.write(json.dumps(known).encode()))
    make_room(kept.folder, kept.sound)
    return kept.playable(known)


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
    for asked, size, sound in sound_by_use(folder):
        taken += size
        if sound != needed and (taken > ROOM or now - asked > KEPT_UNUSED_S):
            sound.with_suffix(".json").unlink(missing_ok=True)
            sound.unlink(missing_ok=True)
            taken -= size
    for left in folder.glob("*.part"):
        with suppress(FileNotFoundError):
            if now - left.stat().st_mtime > LEFT_OVER_S:
                left.unlink()
