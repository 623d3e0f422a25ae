"""Sample calls scored by the real models, and a browser."""

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import select

from pipeline.batch import Batch, score_one
from pipeline.call import listen
from pipeline.engines import SpeechEngines
from pipeline.find import Found
from pipeline.records import Span
from pipeline.rubric import load_rubrics
from pipeline.settings import Settings
from pipeline.store import Store
from pipeline.tables import CallRow, ResultRow
from tests.review.conftest import browser  # noqa: F401 - a fixture

SAMPLES = Path(__file__).parent.parent / "samples"


@dataclass(frozen=True)
class Heard:
    """A store with sample calls that the real models scored."""

    store: Store
    settings: Settings
    engines: SpeechEngines

    def words(self, samples: np.ndarray) -> str:
        """What the recogniser hears in a sound [shape=(1, n)], in lower case."""
        whole = [(Span(0.0, samples.shape[1] / 16_000),)]
        script = self.engines.transcriber.transcribe(samples, whole, "en")
        return " ".join(word.text for word in script.channels[0]).lower()

    def change(self, call_id: str, change: Callable[[dict[str, Any]], None]) -> None:
        """Changes the stored result of a call."""
        with self.store.write() as session:
            call = select(CallRow.id).where(CallRow.call_id == call_id).scalar_subquery()
            row = session.scalars(select(ResultRow).where(ResultRow.call == call)).one()
            result = json.loads(row.result_json)
            change(result)
            row.result_json = json.dumps(result)


@pytest.fixture(scope="package")
def scored(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, SpeechEngines]:
    """A data folder with the sample calls, which tests copy and never change; and the models."""
    settings = Settings(data_dir=tmp_path_factory.mktemp("scored"), redact=())
    engines = SpeechEngines(settings)
    with Store(settings.database_url) as store:
        number = store.start_batch("test")
        rubrics = load_rubrics(settings.rubric, {})
        batch = Batch(number, settings, rubrics, engines, store, listen)
        for name in ("poor_agent", "good_agent", "abusive_customer"):
            outcome = score_one(Found(SAMPLES / f"{name}.flac"), batch)
            assert outcome.status == "scored", outcome.reason
    return settings.data_dir, engines


@pytest.fixture(scope="module")
def heard(
    scored: tuple[Path, SpeechEngines], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Heard]:
    """One of its own for each file of tests: what they change is not there in another's."""
    folder, engines = scored
    copy = shutil.copytree(folder, tmp_path_factory.mktemp("heard"), dirs_exist_ok=True)
    settings = Settings(data_dir=copy, redact=())
    with Store(settings.database_url) as store:
        yield Heard(store, settings, engines)


def nothing_suggested(*_: object) -> frozenset[str]:
    """Every criterion is relied on."""
    return frozenset()
