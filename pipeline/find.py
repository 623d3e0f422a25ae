"""Which recordings are meant by the files, folders, manifests and patterns a person names."""

import glob
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from itertools import takewhile
from pathlib import Path, PurePosixPath
from typing import Literal, Self
from urllib.parse import quote, unquote_to_bytes

from pipeline.errors import MetadataError, PermanentError
from pipeline.manifest import read_manifest
from pipeline.paths import LOCAL, full_path, is_address, printable
from pipeline.remote import fetched, list_remote, remote_stamp

# What FFmpeg reads and call recorders, telephone systems and meeting programs write. Headerless
# files (.raw, .sln, .ul, .al, .vox) are not here: nothing in them says rate or coding.
_SUFFIXES = (
    ".3g2 .3gp .aac .ac3 .aif .aifc .aiff .amr .ape .asf .au .avi .awb .caf .flac .gsm .m4a .m4b "
    ".m4v .mka .mkv .mov .mp2 .mp3 .mp4 .mpeg .mpg .oga .ogg .opus .ra .rm .snd .spx .tta .w64 "
    ".wav .wave .webm .wma .wmv .wv"
)
AUDIO_SUFFIXES = frozenset(_SUFFIXES.split())


@dataclass(frozen=True, slots=True)
class Found:
    """A recording to be scored, or (with ``problem``) something named that is none.

    An empty folder is ``skipped``: a day without calls is no failure.
    """

    path: Path
    problem: str | None = None
    status: Literal["failed", "skipped"] = "failed"
    manifest: Path | None = None
    """The manifest that names it, if one was given."""
    address: str | None = None
    """Where it is on remote storage; ``path`` is then only its name."""

    @property
    def name(self) -> str:
        """Its full path or address, as it is shown and stored."""
        return printable(self.address or full_path(self.path))

    @property
    def source(self) -> str:
        """Its address: unlike a path it is plain text, whatever the bytes of the name."""
        if self.address is not None:
            return self.address
        manifest = "" if self.manifest is None else f"#{_quoted(self.manifest)}"
        return f"{LOCAL}{_quoted(self.path)}{manifest}"

    @classmethod
    def at(cls, source: str) -> Self:
        """The recording at an address that :attr:`source` gave."""
        if not source.startswith(LOCAL):
            return cls(Path(PurePosixPath(source).name), address=source)
        path, _, manifest = source.removeprefix(LOCAL).partition("#")
        return cls(_unquoted(path), manifest=_unquoted(manifest) if manifest else None)


def find_recordings(
    named: Iterable[str], list_remotely: Callable[[str], list[str]] = list_remote
) -> Iterator[Found]:
    """Expands files, folders (with their subfolders), manifests and patterns, each recording once.

    Files, folders and patterns may be addresses on remote storage (:mod:`pipeline.remote`).

    The order is that of the arguments, and by name within a folder or pattern. A file is taken
    whatever it is called, but for ``*.csv``: a manifest, whose column ``file`` names recordings. In
    folders and patterns only audio is taken (by suffix) that is not hidden.

    Raises
    ------
    StorageError
        Remote storage does not answer; ``list_remotely`` may ask it more patiently.
    """
    seen: set[str] = set()
    for argument in named:
        remote = is_address(argument)
        for found in _expand_remote(argument, list_remotely) if remote else _expand(argument):
            key = found.address or full_path(found.path)
            if key not in seen:
                seen.add(key)
                yield found


def _quoted(path: Path) -> str:
    return quote(os.fsencode(full_path(path)))


def _unquoted(quoted: str) -> Path:
    return Path(os.fsdecode(unquote_to_bytes(quoted)))


def _expand(argument: str) -> Iterator[Found]:
    argument = argument.removeprefix(LOCAL)
    path = Path(argument)
    try:
        if path.is_dir():
            yield from _expand_folder(path)
        elif path.is_file() and path.suffix.lower() == ".csv":
            yield from _expand_manifest(path)
        elif path.is_file():
            yield Found(path)
        elif path.exists():
            yield Found(path, f"{printable(path)}: not a regular file; save the recording first")
        elif glob.has_magic(argument):
            yield from _expand_pattern(argument)
        else:
            yield Found(path, f"{printable(path)}: no such file or folder; correct the path")
    except (OSError, ValueError) as error:  # ValueError: a null byte in the name
        reason = getattr(error, "strerror", None) or "not a possible path"
        yield Found(path, f"{printable(path)}: cannot be looked at ({reason})")


def _expand_folder(folder: Path) -> Iterator[Found]:
    recordings, problems = _walk(folder)
    yield from problems
    yield from map(Found, recordings)
    if not recordings and not problems:
        name = printable(folder)
        if _is_audio(folder.name):
            yield Found(folder, f"{name}: a folder, not a recording; name a recording")
        else:
            yield Found(folder, f"{name}: no recordings in this folder", status="skipped")


def _expand_remote(argument: str, list_remotely: Callable[[str], list[str]]) -> Iterator[Found]:
    name = Path(PurePosixPath(argument).name)
    try:
        listed = list_remotely(argument)
    except PermanentError as error:
        yield Found(name, str(error), address=argument)
        return
    files = [a for a in listed if a == argument or _is_recording(PurePosixPath(a).name)]
    for address in files:
        yield Found(Path(PurePosixPath(address).name), address=address)
    if not files:
        problem = f"{printable(argument)}: no recordings there"
        yield Found(name, problem, status="skipped", address=argument)


@contextmanager
def at_hand(found: Found, *, audio: bool = True) -> Iterator[Found]:
    """The recording as a file on this machine: one on remote storage is fetched meanwhile.

    Without ``audio`` only what lies beside it. Raises as :func:`pipeline.remote.fetched`.
    """
    if found.address is None:
        yield found
        return
    with fetched(found.address, audio=audio) as here:
        yield replace(found, path=here)


def stamp_of(found: Found) -> tuple[int, int]:
    """Size and time of change in ns (on remote storage: a version): is it still the same?

    Raises OSError; for remote storage as :func:`pipeline.remote.fetched`.
    """
    if found.address is not None:
        return remote_stamp(found.address)
    status = found.path.stat()
    return status.st_size, status.st_mtime_ns


def _expand_manifest(manifest: Path) -> Iterator[Found]:
    try:
        rows = read_manifest(manifest)
    except MetadataError as error:
        yield Found(manifest, str(error))
        return
    if not rows:
        yield Found(manifest, f"{printable(manifest)}: names no recordings", status="skipped")
    for name, found in rows.items():
        path, line = Path(name), found[0][0]
        if path.is_file():
            yield Found(path, manifest=manifest)
        else:
            problem = f"{printable(manifest)}, line {line}: no such file; correct the path"
            yield Found(path, problem)


def _expand_pattern(pattern: str) -> Iterator[Found]:
    names = glob.glob(pattern, recursive=True)  # noqa: PTH207 - Path.glob is relative only
    matches = [Path(name) for name in sorted(names)]
    files = [match for match in matches if _is_audio(match.name) and match.is_file()]
    # Folders that match are searched too, except where ** has listed their files already.
    folders = [] if "**" in pattern else [match for match in matches if match.is_dir()]
    for folder in folders:
        recordings, problems = _walk(folder)
        yield from problems
        files += recordings
    unreadable = list(_unreadable(*_fixed_part(pattern)))
    yield from unreadable
    yield from map(Found, files)
    if not files and not unreadable:
        problem = f"{printable(pattern)}: no recording matches; correct the pattern"
        yield Found(Path(pattern), problem)


def _fixed_part(pattern: str) -> tuple[Path, tuple[str, ...]]:
    """The folder that a pattern starts from, and the parts that match below it."""
    parts = Path(pattern).parts
    fixed = tuple(takewhile(lambda part: not glob.has_magic(part), parts))
    return Path(*fixed), parts[len(fixed) :]


def _unreadable(folder: Path, parts: tuple[str, ...]) -> Iterator[Found]:
    """Folders that a pattern would search and cannot: glob passes over them in silence."""
    if not parts:
        return
    try:
        with os.scandir(folder) as entries:
            folders = [Path(e.path) for e in entries if e.is_dir(follow_symlinks=False)]
    except FileNotFoundError:
        return
    except OSError as error:
        yield _closed(folder, error)
        return
    for inner in sorted(path for path in folders if not path.name.startswith(".")):
        if parts[0] == "**":
            yield from _unreadable(inner, parts)
        elif fnmatch(inner.name, parts[0]):
            yield from _unreadable(inner, parts[1:])


def _walk(folder: Path) -> tuple[list[Path], list[Found]]:
    problems: list[Found] = []
    recordings: list[Path] = []

    def cannot_enter(error: OSError) -> None:
        problems.append(_closed(Path(error.filename or folder), error))

    for parent, folders, files in os.walk(folder, onerror=cannot_enter):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in folders:
            path = Path(parent, name)
            if path.is_symlink():
                problem = f"{printable(path)}: a link to a folder; name it to have it searched"
                problems.append(Found(path, problem, status="skipped"))
        for name in sorted(files):
            path = Path(parent, name)
            if not _is_recording(name):
                continue
            try:
                problem = "" if path.is_file() else "a broken link or no regular file"
            except OSError as error:
                problem = f"cannot be looked at ({error.strerror}); allow it"
            if problem:
                problems.append(Found(path, f"{printable(path)}: {problem}"))
            else:
                recordings.append(path)
    return recordings, problems


def _closed(folder: Path, error: OSError) -> Found:
    return Found(folder, f"{printable(folder)}: folder cannot be read ({error.strerror}); allow it")


def _is_recording(name: str) -> bool:
    return _is_audio(name) and not name.startswith(".")


def _is_audio(name: str) -> bool:
    return Path(name).suffix.lower() in AUDIO_SUFFIXES
