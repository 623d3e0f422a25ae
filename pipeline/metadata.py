"""Who, when and where: the metadata of a recording.

In this order: the sidecar ``NAME.json`` beside ``NAME.wav``, the manifest that was given, the
folder's ``manifest.csv`` (a column ``file`` and the fields), the filename pattern of the settings.
The first that speaks of the recording gives all of it; the sources are not mixed.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipeline.errors import MetadataError
from pipeline.manifest import manifest_row
from pipeline.paths import MANIFEST, SIDECAR_SUFFIX, printable
from pipeline.records import Metadata
from pipeline.settings import Settings

FIELDS = tuple(field.name for field in fields(Metadata))
_LANGUAGE = re.compile(r"([a-z]{2,3})([-_][a-z0-9-]+)?", re.IGNORECASE)


def read_fields(
    recording: Path, settings: Settings, manifest: Path | None = None
) -> dict[str, Any]:
    """The fields that are given for a recording, checked; empty where nothing is said of it.

    ``manifest`` is the one that was given to find recordings by, if any.
    """
    sidecar = recording.with_suffix(SIDECAR_SUFFIX)
    if sidecar.is_file():
        return _checked(_read_sidecar(sidecar), printable(sidecar))
    for place in filter(None, (manifest, recording.parent / MANIFEST)):
        row = manifest_row(place, recording) if place.is_file() else None
        if row is not None:
            line, values = row
            return _checked(values, f"{printable(place)}, line {line}")
    if settings.filename_pattern is not None:
        match = re.search(settings.filename_pattern, printable(recording.name))
        if match is not None:
            return _checked(match.groupdict(), f"{printable(recording)}, by filename_pattern")
    return {}


def make_metadata(
    given: Mapping[str, Any], recording: Path, sha256: str, settings: Settings
) -> Metadata:
    """The metadata of a recording: what is given, then the settings, then what can be made up."""
    values = dict(given)
    values.setdefault("call_id", f"{printable(recording.stem)}-{sha256[:8]}")
    if settings.agent_channel != "auto":
        values.setdefault("agent_channel", settings.agent_channel)
    if settings.language is not None:
        values.setdefault("language", settings.language)
    return Metadata(**values)


def started_at_utc(started_at: str) -> datetime:
    """When the call began, in UTC; a time without a zone is taken as UTC."""
    when = datetime.fromisoformat(started_at)
    return when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)


def _read_sidecar(sidecar: Path) -> dict[str, Any]:
    name = printable(sidecar)
    try:
        content = json.loads(sidecar.read_text(encoding="utf-8-sig"))
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise MetadataError(f"{name}: not valid JSON at {where}; correct or remove it") from None
    except UnicodeDecodeError:
        raise MetadataError(f"{name}: not UTF-8; save it as UTF-8 or remove it") from None
    except RecursionError:
        raise MetadataError(f"{name}: nested too deeply; correct or remove it") from None
    except OSError as error:
        raise MetadataError(f"{name}: cannot be read ({error.strerror}); correct that") from None
    if not isinstance(content, dict):
        raise MetadataError(
            f'{name}: expected a JSON object such as {{"agent_id": "a1"}}; correct or remove it'
        )
    return content


def _checked(values: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The known fields, each checked; empty values and unknown keys are as if not there.

    Messages name the field and not its value: in a shifted column that may be a customer's name.
    """
    given: dict[str, Any] = {}
    for name in FIELDS:
        value = values.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool):
            value = str(value)
        if value is None or (isinstance(value, str) and not value.strip()):
            continue
        if not isinstance(value, str):
            raise MetadataError(f"{where}: {name} must be text, found {type(value).__name__}")
        value = value.strip()
        if not value.isprintable():
            raise MetadataError(f"{where}: {name} holds control characters; remove them")
        checked = _check_field(name, value, where)
        if checked is not None:
            given[name] = checked
    return given


def _check_field(name: str, value: str, where: str) -> str | None:
    if name == "direction":
        return _one_of(value, ("inbound", "outbound"), f"{where}: direction")
    if name == "agent_channel":
        side = _one_of(value, ("left", "right", "auto"), f"{where}: agent_channel")
        return None if side == "auto" else side
    if name == "language":
        match = _LANGUAGE.fullmatch(value)
        if match is None:
            raise MetadataError(f"{where}: language must be a code such as en; correct it")
        return match[1].lower()
    if name == "started_at":
        try:
            started_at_utc(value)
        except (ValueError, OverflowError):
            raise MetadataError(
                f"{where}: started_at must be ISO 8601 such as 2025-03-31T14:05:00+02:00; "
                "correct it"
            ) from None
    return value


def _one_of(value: str, allowed: tuple[str, ...], where: str) -> str:
    if value.lower() not in allowed:
        raise MetadataError(f"{where} must be {' or '.join(allowed)}; correct it")
    return value.lower()
