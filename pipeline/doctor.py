"""What this installation can do here, what is missing and how to get it."""

import importlib.metadata
import os
import platform
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.table import Table
from rich.text import Text

from pipeline.errors import CallscoreError
from pipeline.settings import CONFIG_VARIABLE, ENV_PREFIX, SECRET_KEYS, Settings, config_file

# What scoring calls needs, by the name each is installed under.
PACKAGES = (
    "av",
    "faster-whisper",
    "ctranslate2",
    "onnxruntime",
    "librosa",
    "torch",
    "torchaudio",
    "pyannote.audio",
    "SQLAlchemy",
    "alembic",
    "prefect",
)


@dataclass(frozen=True, slots=True)
class Check:
    """One finding, and what to do about it. Not ``ok``: something that is needed is missing."""

    name: str
    ok: bool
    found: str
    remedy: str | None = None


def checks(settings: Settings) -> Iterator[Check]:
    """All findings, from the ground up."""
    yield _python()
    yield from map(_package, PACKAGES)
    yield from _models(settings)
    yield _device(settings)
    yield _database(settings)
    yield from _settings(settings)


def checks_table(findings: Sequence[Check]) -> Table:
    """The findings as a person reads them."""
    table = Table(show_header=False, box=None, padding=(0, 1))
    for check in findings:
        found = Text(check.found)
        if check.remedy:
            found.append(f"\n→ {check.remedy}", style="bold")
        mark = Text("ok", style="green") if check.ok else Text("wrong", style="bold red")
        table.add_row(mark, Text(check.name), found)
    return table


def _python() -> Check:
    found = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    return Check("Python", True, found)


def _package(name: str) -> Check:
    try:
        return Check(name, True, importlib.metadata.version(name))
    except importlib.metadata.PackageNotFoundError:
        return Check(name, False, "not installed", f"pip install '{name}', or run: make install")


def _models(settings: Settings) -> Iterator[Check]:
    from pipeline import models

    if settings.whisper_model != "bundled":
        yield Check("recogniser", True, f"{settings.whisper_model} (your own choice, not checked)")
    for model in models.BUNDLED:
        if model is models.WHISPER_BASE and settings.whisper_model != "bundled":
            continue
        try:
            models.verify(model)
        except CallscoreError as error:
            yield Check(model.name, False, str(error), models.INSTALL_HINT)
        else:
            yield Check(model.name, True, f"sha256 {model.sha256[:12]}… as recorded")


def _device(settings: Settings) -> Check:
    try:
        from pipeline.device import choose_device

        device = choose_device(settings.device)
    except CallscoreError as error:  # which names the remedy
        return Check("device", False, str(error))
    except ImportError as error:
        return Check("device", False, str(error), "run: make install")
    found = f"{device.name}: {device.why}; {os.cpu_count()} cores"
    return Check("device", True, found, device.remedy)


def _database(settings: Settings) -> Check:
    from pipeline.store import Store

    try:
        with Store.of(settings) as store:
            kept = "encrypted" if store.seals else "in plain text"
            return Check("database", True, f"{store.name}; words of calls are stored {kept}")
    except CallscoreError as error:
        return Check("database", False, str(error), "correct --db, CALLSCORE_DB_URL or data_dir")


def _settings(settings: Settings) -> Iterator[Check]:
    yield Check("settings file", True, str(config_file() or "none (callscore.toml not found)"))
    known = {ENV_PREFIX + key.upper() for key in Settings.model_fields} | {CONFIG_VARIABLE}
    for variable in sorted(os.environ):
        if variable.upper().startswith(ENV_PREFIX) and variable.upper() not in known:
            remedy = f"correct or unset it; known are {', '.join(sorted(known))}"
            yield Check(variable, False, "not a setting", remedy)
    for key in Settings.model_fields:
        value = "(as under database)" if key in SECRET_KEYS else str(getattr(settings, key))
        yield Check(f"settings: {key}", True, value)
