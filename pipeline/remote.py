"""Recordings on S3 or other remote storage, through fsspec: listed there, fetched one at a time.

Addresses are those of fsspec (``s3://bucket/folder``), and so is the configuration: credentials as
the storage's own tools have them, anything else in ``FSSPEC_S3_…`` (such as
``FSSPEC_S3_ENDPOINT_URL`` for storage of your own).
"""

import errno
import glob
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from pipeline.errors import CallscoreError, RecordingError, SettingsError, StorageError
from pipeline.paths import MANIFEST, SIDECAR_SUFFIX, printable

NO_ROOM = frozenset((errno.ENOSPC, errno.EDQUOT))

_T = TypeVar("_T")


def list_remote(address: str) -> list[str]:
    """Addresses of the files that a file's, folder's or pattern's address means, by name.

    Raises StorageError, SettingsError.
    """

    def listed(fs: Any, root: str) -> list[str]:
        if glob.has_magic(root):
            names = [name for name in fs.glob(root) if fs.isfile(name)]
        elif fs.isfile(root):
            names = [root]
        else:
            names = fs.find(root)
        return [str(fs.unstrip_protocol(name)) for name in sorted(names)]

    return _ask(address, listed)


def remote_stamp(address: str) -> tuple[int, int]:
    """Size, and a number that changes with the content. Raises as :func:`fetched`."""

    def stamp(fs: Any, name: str) -> tuple[int, int]:
        info = fs.info(name)
        version = info.get("ETag") or info.get("LastModified") or info.get("mtime") or ""
        return int(info.get("size") or 0), zlib.crc32(str(version).encode())

    return _ask(address, stamp)


@contextmanager
def fetched(address: str, *, audio: bool = True) -> Iterator[Path]:
    """A copy on this machine, with what lies beside it; gone again afterwards.

    Without ``audio`` only what lies beside it is fetched.

    Raises
    ------
    RecordingError
        It is not there, or may not be read.
    StorageError
        The storage does not answer, or there is no room here for the copy.
    SettingsError
        The package for this kind of storage is not installed.
    """
    with tempfile.TemporaryDirectory(prefix="callscore-", ignore_cleanup_errors=True) as folder:
        here = Path(folder, PurePosixPath(address).name)

        def fetch(fs: Any, name: str) -> None:
            place = PurePosixPath(name)
            for beside in (place.with_suffix(SIDECAR_SUFFIX), place.parent / MANIFEST):
                if fs.exists(str(beside)):
                    fs.get_file(str(beside), str(here.parent / beside.name))
            if audio:
                fs.get_file(name, str(here))

        _ask(address, fetch)
        yield here


def _ask(address: str, question: Callable[[Any, str], _T]) -> _T:
    from fsspec.core import url_to_fs

    shown = printable(address)
    try:
        fs, name = url_to_fs(address)
        fs.invalidate_cache()  # listings of earlier nights
        return question(fs, name)
    except CallscoreError:
        raise
    except (ImportError, ValueError) as error:
        raise SettingsError(f"{shown}: {error}; for s3:// install the package s3fs") from None
    except FileNotFoundError:
        raise RecordingError(f"{shown}: not there; correct the address") from None
    except PermissionError:
        raise RecordingError(f"{shown}: may not be read; look at the credentials") from None
    except Exception as error:  # each kind of storage has errors of its own
        if isinstance(error, OSError) and error.errno in NO_ROOM:
            place = tempfile.gettempdir()
            raise StorageError(f"{shown}: no room in {place}; make some, or set TMPDIR") from None
        kind = type(error).__name__
        raise StorageError(f"{shown}: the storage does not answer ({kind}); see to it") from None
