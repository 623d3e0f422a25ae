"""Files that were made of calls in data_dir, and the recordings themselves: deleting them."""

import os
import time
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

from sqlalchemy import select

from pipeline.as_scored import found_at
from pipeline.audio import sha256_of
from pipeline.coaching.page import FOLDER as COACHING
from pipeline.coaching.page import pages_of
from pipeline.find import AUDIO_SUFFIXES
from pipeline.paths import MANIFEST, PLAYBACK, REPORTS, SIDECAR_SUFFIX, is_address, printable
from pipeline.settings import Settings
from pipeline.store import Store
from pipeline.tables import CallRow

UNFINISHED = ".part"
LEFT_OVER_S = 3600.0
"""An unfinished file so old is of a process that died: a decoding takes minutes at most."""
KEPT_UNUSED_S = 7 * 86400.0
"""Sound that nobody asked for in so long goes, though there is room: less lies about."""
_NAMES_AT_ONCE = 500


@dataclass(slots=True)
class FilesRemoved:
    """How many files went, by kind; what is left for people to delete; what is to be tried again.

    All with their names.
    """

    counts: Counter[str] = field(default_factory=Counter)
    left: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


def remove_pages(
    settings: Settings, batches: Iterable[int], sessions: Iterable[int], done: FilesRemoved
) -> None:
    """Deletes the reports of batches and the pages of coaching sessions: both can be made anew."""
    reports = settings.data_dir.absolute() / REPORTS
    shown = [path for batch in batches for path in reports.glob(f"*-batch-{batch}.html")]
    done.counts["reports"] += sum(_delete(path, done) for path in shown)
    pages = pages_of(sessions, settings)
    done.counts["coaching pages"] += sum(_delete(path, done) for path in pages)
    _wait_for_unfinished(settings, done)


def remove_pages_naming(settings: Settings, call_id: str) -> FilesRemoved:
    """Deletes reports and coaching pages in which an id of a call stands."""
    done = FilesRemoved()
    folder = settings.data_dir.absolute()
    named = escape(call_id).encode()
    for kind, name in (("reports", REPORTS), ("coaching pages", COACHING)):
        for path in sorted((folder / name).glob("*.html")):
            if named in path.read_bytes():
                done.counts[kind] += _delete(path, done)
    return done


def remove_orphaned_sound(store: Store, settings: Settings, done: FilesRemoved) -> None:
    """Deletes decoded sound of recordings that no call is stored of any more."""
    of_recording: dict[str, list[Path]] = {}
    for path in (settings.data_dir.absolute() / PLAYBACK).glob("*.*"):
        if path.suffix != UNFINISHED:
            of_recording.setdefault(path.name.partition(".")[0], []).append(path)
    names = sorted(of_recording)
    for start in range(0, len(names), _NAMES_AT_ONCE):
        part = names[start : start + _NAMES_AT_ONCE]
        with store.read() as session:
            known = select(CallRow.recording_sha256).where(CallRow.recording_sha256.in_(part))
            orphaned = set(part) - set(session.scalars(known))
        remove_sound([path for name in orphaned for path in of_recording[name]], done)


def remove_unused_sound(settings: Settings, done: FilesRemoved) -> None:
    """Deletes decoded sound that nobody heard for ``KEPT_UNUSED_S``."""
    now = time.time()
    for asked, _, sound in sound_by_use(settings.data_dir.absolute() / PLAYBACK):
        if now - asked > KEPT_UNUSED_S:
            remove_sound((sound, sound.with_suffix(".json")), done)


def sound_by_use(folder: Path) -> list[tuple[float, int, Path]]:
    """When each decoded sound was last asked for (s since 1970), its bytes and path; newest first.

    The file beside it says when.
    """
    used = []
    for sound in folder.glob("*.wav"):
        with suppress(FileNotFoundError):  # another process makes room too
            about = sound.with_suffix(".json")
            asked = about.stat().st_mtime if about.exists() else sound.stat().st_mtime
            used.append((asked, sound.stat().st_size, sound))
    return sorted(used, reverse=True)


def sound_of(settings: Settings, recordings: Collection[str]) -> list[Path]:
    """The decoded sound that is kept of recordings, by their SHA-256."""
    folder = settings.data_dir.absolute() / PLAYBACK
    return [path for path in folder.glob("*.*") if path.name.partition(".")[0] in recordings]


def remove_sound(paths: Iterable[Path], done: FilesRemoved) -> None:
    done.counts["decoded sounds"] += sum(
        _delete(path, done) and path.suffix == ".wav" for path in paths
    )


def remove_recordings(
    sources: Mapping[str, Iterable[str]], done: FilesRemoved, *, with_sidecars: bool
) -> None:
    """Deletes recordings, given as addresses by SHA-256, that hold what was scored.

    What is on remote storage is left, and so is a file that holds something else by now.
    ``with_sidecars``: what lies beside them goes too, also where the recording went before.
    """
    for sha256, path in _local_paths(sources, done.left):
        if path.is_file() and not _remove_recording(sha256, path, done):
            continue
        if with_sidecars:
            _remove_beside(path, done)


def list_recordings(sources: Mapping[str, Iterable[str]], done: FilesRemoved) -> None:
    """Notes recordings, given as addresses by SHA-256, as left where they lie."""
    for _, path in _local_paths(sources, done.left):
        if path.is_file():
            done.left.append(f"{printable(path)}: the recording")
        if path.with_suffix(SIDECAR_SUFFIX).is_file():
            done.left.append(f"{printable(path.with_suffix(SIDECAR_SUFFIX))}: its metadata")


def _local_paths(
    sources: Mapping[str, Iterable[str]], left: list[str]
) -> Iterator[tuple[str, Path]]:
    """Where recordings lie or lay on this machine, each once; the others are noted as left."""
    for sha256, named in sources.items():
        paths: set[Path] = set()
        for source in named:
            if is_address(source):
                left.append(f"{printable(source)}: the recording, on remote storage")
            else:
                paths.add(found_at(source).path)
        yield from ((sha256, path) for path in sorted(paths))


def _remove_recording(sha256: str, path: Path, done: FilesRemoved) -> bool:
    """Deletes a recording if it still holds what was scored, and says whether it is gone."""
    try:
        if sha256_of(path) != sha256:
            return False
    except OSError as error:
        done.failed.append(f"{printable(path)}: {error.strerror}")
        return False
    behind = path.resolve()  # a link is no recording
    gone = _delete(behind, done) and (behind == path or _delete(path, done))
    done.counts["recordings"] += gone
    return gone


def _remove_beside(recording: Path, done: FilesRemoved) -> None:
    """Deletes the sidecar; one that another recording shares is left, and so is a manifest."""
    others = [p for p in recording.parent.glob("*") if p.suffix.lower() in AUDIO_SUFFIXES]
    sidecar = recording.with_suffix(SIDECAR_SUFFIX)
    if sidecar.is_file():
        if any(path.stem == recording.stem for path in others):
            done.left.append(f"{printable(sidecar)}: metadata, of another recording too")
        else:
            done.counts["sidecars"] += _delete(sidecar, done)
    manifest = recording.parent / MANIFEST
    if manifest.is_file() and recording.name in manifest.read_text(errors="replace"):
        done.left.append(f"{printable(manifest)}: names it")


def _delete(path: Path, done: FilesRemoved) -> bool:
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    except OSError as error:
        done.failed.append(f"{printable(path)}: cannot be deleted ({error.strerror})")
        return False
    return True


def _wait_for_unfinished(settings: Settings, done: FilesRemoved) -> None:
    """What is being written just now may hold what was read before it was deleted."""
    for folder in (REPORTS, COACHING, PLAYBACK):
        for path in (settings.data_dir.absolute() / folder).glob(f"*{UNFINISHED}"):
            try:
                age_s = time.time() - path.stat().st_mtime
            except FileNotFoundError:
                continue
            if age_s > LEFT_OVER_S:
                _delete(path, done)
            else:
                done.failed.append(f"{printable(path)}: is being written")


def files_with(settings: Settings, words: Collection[bytes], database: Path | None) -> list[Path]:
    """Files in data_dir, and of an SQLite database, in which any of some bytes stand."""
    found = []
    folder = settings.data_dir.absolute()
    files = {Path(where, name) for where, _, names in os.walk(folder) for name in names}
    if database is not None:
        files |= {Path(f"{database}{suffix}") for suffix in ("", "-wal")}
    for path in sorted(files):
        try:
            if any(_holds(path, word) for word in words):
                found.append(path)
        except FileNotFoundError:
            continue
    return found


def _holds(path: Path, word: bytes) -> bool:
    """A block at a time: a database may be larger than memory."""
    block, tail = 2**24, b""
    with path.open("rb") as file:
        while data := file.read(block):
            if word in tail + data:
                return True
            tail = data[-len(word) + 1 :] if len(word) > 1 else b""
    return False
