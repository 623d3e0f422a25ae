"""What several tests need: settings of their own, a listener without models, a Prefect server."""

import os
import threading
import wave
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import flows  # noqa: F401 - sets Prefect's environment before anything imports Prefect
from pipeline import batch as batch_module
from pipeline.records import (
    CallFacts,
    CallResult,
    CriterionResult,
    Engines,
    Metadata,
    RubricRef,
    Scorecard,
    Turn,
)
from pipeline.settings import Settings
from pipeline.store import Store


@pytest.fixture(autouse=True)
def _own_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test reads the settings, or writes into the data, of whoever runs it."""
    for name in list(os.environ):
        if name.upper().startswith("CALLSCORE_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data")


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    with Store(settings.database_url) as opened:
        yield opened


@pytest.fixture
def make_wav() -> Callable[..., Path]:
    """Writes a short WAV file; another ``content`` makes another recording."""

    def make(path: Path, content: int = 0) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        with wave.open(os.fspath(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(8000)
            file.writeframes(content.to_bytes(2, "little") * 800)
        return path

    return make


@pytest.fixture
def make_result() -> Callable[..., CallResult]:
    """Builds a scored call with one answer met and one that cannot be told."""

    def make(call_id: str = "c1", score: float | None = 80.0, **metadata: Any) -> CallResult:
        facts = CallFacts(
            metadata=Metadata(call_id, **metadata),
            turns=(Turn("agent", "Hello", 0.0, 1.0),),
            engines=Engines("t", "d", "0"),
            recording_sha256="ab" * 32,
            duration_s=9.5,
        )
        answers = (
            CriterionResult("listen_first", "met", 20.0, 20.0, 0.9, "Asked."),
            CriterionResult("solve", "cannot_tell", None, 20.0, 0.0, "Unclear."),
        )
        card = Scorecard(RubricRef("leap", "1", "rubric-1"), score, score, 0.5, None, answers, ())
        return CallResult(facts, card)

    return make


class FakeListener:
    """Hears the same short call in every recording, without a model.

    ``errors`` holds, by file name, the exceptions that listening raises in turn.
    """

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.errors: dict[str, list[BaseException]] = {}
        self._lock = threading.Lock()

    def __call__(self, path: Path, metadata: Metadata, _engines: object) -> CallFacts:
        with self._lock:
            self.heard.append(path.name)
            errors = self.errors.get(path.name)
            if errors:
                raise errors.pop(0)
        turns = (
            Turn("agent", "Thank you for calling, how can I help you today?", 0.0, 3.0),
            Turn("customer", "My secret order 4711 never arrived and I am upset.", 3.5, 7.0),
            Turn("agent", "I am so sorry about that. When did you order it?", 7.5, 11.0),
        )
        return CallFacts(
            metadata=metadata,
            turns=turns,
            engines=Engines("fake", "fake", "0"),
            language="en",
            recording_sha256=batch_module.sha256_of(path),
            duration_s=12.0,
            channels=2,
        )


@pytest.fixture
def listener(monkeypatch: pytest.MonkeyPatch) -> FakeListener:
    fake = FakeListener()
    monkeypatch.setattr(batch_module, "listen", fake)
    return fake


@pytest.fixture(scope="session")
def prefect_server() -> Iterator[None]:
    """A real Prefect server of the tests' own; only tests that ask for it pay for it."""
    from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings
    from prefect.testing.utilities import prefect_test_harness

    with (
        prefect_test_harness(server_startup_timeout=120),
        temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}),
    ):
        yield
