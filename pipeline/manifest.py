"""Manifests: CSV files that name recordings in a column ``file``, with what is known of them."""

import csv
from functools import lru_cache
from pathlib import Path
from typing import Any

from pipeline.errors import MetadataError
from pipeline.paths import full_path, printable

Rows = dict[str, list[tuple[int, dict[str, Any]]]]


def read_manifest(manifest: Path) -> Rows:
    """Line numbers and values by the full path of the recording. Raises MetadataError."""
    try:
        status = manifest.stat()
    except OSError as error:
        raise MetadataError(
            f"{printable(manifest)}: cannot be read ({error.strerror}); correct that"
        ) from None
    return _read(manifest, status.st_mtime_ns, status.st_size)


def manifest_row(manifest: Path, recording: Path) -> tuple[int, dict[str, Any]] | None:
    """Line number and values of a recording; None where the manifest does not name it."""
    found = read_manifest(manifest).get(full_path(recording))
    if found is not None and len(found) > 1:
        lines = " and ".join(str(line) for line, _ in found)
        raise MetadataError(
            f"{printable(manifest)}: lines {lines} both describe {printable(recording.name)}; "
            "remove one"
        )
    return found[0] if found else None


@lru_cache(maxsize=8)
def _read(manifest: Path, _modified_ns: int, _size: int) -> Rows:
    """Kept while the file is unchanged (hence time and size): a folder of ten thousand recordings
    reads its manifest once.
    """
    name = printable(manifest)
    try:
        text = manifest.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise MetadataError(f"{name}: not UTF-8; save it as CSV UTF-8") from None
    except OSError as error:
        raise MetadataError(f"{name}: cannot be read ({error.strerror}); correct that") from None
    heading = text.partition("\n")[0]
    # Spreadsheets write semicolons where the comma is the decimal mark.
    delimiter = ";" if ";" in heading and "," not in heading else ","
    reader = csv.DictReader(text.splitlines(), delimiter=delimiter)
    columns = [(column or "").strip().lower() for column in reader.fieldnames or ()]
    if "file" not in columns:
        raise MetadataError(
            f"{name}: no column 'file' (found: {', '.join(columns) or 'nothing'}); add it"
        )
    reader.fieldnames = columns
    rows: Rows = {}
    try:
        for row in reader:
            if row["file"]:
                path = full_path(manifest.parent / row["file"].strip())
                rows.setdefault(path, []).append((reader.line_num, row))
    except csv.Error as error:
        raise MetadataError(f"{name}, line {reader.line_num}: {error}; correct it") from None
    return rows
