"""What several tests need: settings of their own, a listener without models, a Prefect server."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import flows  # noqa: F401 - sets Prefect's environment before anything imports Prefect
from pipeline.records import (
    CallFacts,
    CallResult,
    CriterionResult,
    Engines,
    Flag,
    Metadata,
    RubricRef,
    Scorecard,
    Turn,
)
from pipeline.settings import Settings
from pipeline.store import Store
from tests.fakes import FakeListener, make_wav
from tests.postgres import PostgresServer, find_free_port, postgres, programs


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


@pytest.fixture(name="make_wav")
def _make_wav() -> Callable[..., Path]:
    return make_wav


@pytest.fixture
def make_result() -> Callable[..., CallResult]:
    """Builds a scored call with one answer met and one that cannot be told."""

    def make(
        call_id: str = "c1",
        score: float | None = 80.0,
        turns: tuple[Turn, ...] = (Turn("agent", "Hello", 0.0, 1.0),),
        flags: tuple[str, ...] = (),
        **metadata: Any,
    ) -> CallResult:
        facts = CallFacts(
            metadata=Metadata(call_id, **metadata),
            turns=turns,
            engines=Engines("t", "d", "0"),
            recording_sha256="ab" * 32,
            duration_s=9.5,
        )
        answers = (
            CriterionResult("listen_first", "met", 20.0, 20.0, 0.9, "Asked."),
            CriterionResult("solve", "cannot_tell", None, 20.0, 0.0, "Unclear."),
        )
        raised = tuple(Flag(name) for name in flags)
        card = Scorecard(
            RubricRef("leap", "1", "rubric-1"), score, score, 0.5, None, answers, raised
        )
        return CallResult(facts, card)

    return make


@pytest.fixture
def listener(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeListener:
    fake = FakeListener(tmp_path / "listener")
    monkeypatch.setattr("pipeline.score_command.listen", fake)
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


@pytest.fixture
def free_port() -> int:
    """A port of this machine that nobody listens on."""
    return find_free_port()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A real PostgreSQL server, where one is installed (CI installs it)."""
    if programs() is None:
        pytest.skip("no PostgreSQL is installed (Debian: apt install postgresql)")
    with postgres() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, settings: Settings) -> str:
    """An empty database of either kind."""
    if request.param == "sqlite":
        return settings.database_url
    server: PostgresServer = request.getfixturevalue("postgres_server")
    return server.new_database()
