"""Paths as they are compared, shown and stored."""

import os

# A file of this machine, as an address.
LOCAL = "file://"
# What lies beside a recording and speaks of it (:mod:`pipeline.metadata`).
SIDECAR_SUFFIX, MANIFEST = ".json", "manifest.csv"
# Folders in data_dir: the page of each batch, and decoded sound.
REPORTS, PLAYBACK = "reports", "playback"


def is_address(path: str | os.PathLike[str]) -> bool:
    """Whether something named is on remote storage (``s3://bucket/calls``)."""
    return "://" in os.fspath(path) and not os.fspath(path).startswith(LOCAL)


def full_path(path: str | os.PathLike[str]) -> str:
    """From the root, without ``.`` and ``..``; a link keeps its name, an address stays as it is."""
    if is_address(path):
        return os.fspath(path)
    path = os.fspath(path).removeprefix(LOCAL)
    return os.path.abspath(path)  # noqa: PTH100 - resolve() would follow links


def printable(path: str | os.PathLike[str]) -> str:
    """A path (or a message with one) as text that can be shown and stored, whatever its bytes."""
    text = os.fspath(path)
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else _escaped(c) for c in text)


def _escaped(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # how Python holds a byte of a name that is not UTF-8
        return f"\\x{code - 0xDC00:02x}"
    return character.encode("unicode_escape").decode()
