"""Stands for the speech models where a test is about something else."""

import builtins
import os
import signal
import time
import wave
from dataclasses import dataclass
from pathlib import Path

from pipeline import errors
from pipeline.audio import sha256_of
from pipeline.records import CallFacts, Engines, Metadata, Turn

TURNS = (
    Turn("agent", "Thank you for calling, how can I help you today?", 0.0, 3.0),
    Turn("customer", "My secret order 4711 never arrived and I am upset.", 3.5, 7.0),
    Turn("agent", "I am so sorry about that. When did you order it?", 7.5, 11.0),
)


@dataclass(frozen=True)
class FakeListener:
    """Hears the same short call in every recording, without a model; in any process.

    What it heard and what is to go wrong lies in a folder, where all processes see it.
    """

    folder: Path
    takes_s: float = 0.0

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)

    @property
    def heard(self) -> list[str]:
        """Names of the recordings, in the order that they were listened to."""
        return [name for _, name in self._log()]

    @property
    def processes(self) -> list[str]:
        """The number of the process that listened, each time."""
        return [process for process, _ in self._log()]

    def _log(self) -> list[list[str]]:
        log = self.folder / "heard"
        if not log.exists():
            return []
        return [line.split(" ", 1) for line in log.read_text(errors="surrogateescape").splitlines()]

    def fails(self, name: str, error: BaseException | str, times: int = 1) -> None:
        """Lets a recording raise an error, or (``kill``, ``hang``) end or stop the process."""
        what = error if isinstance(error, str) else f"{type(error).__name__} {error}"
        for number in range(times):
            (self.folder / f"{name}.{number}.error").write_text(what)

    def __call__(self, path: Path, metadata: Metadata, _engines: object) -> CallFacts:
        with open(self.folder / "heard", "a", errors="surrogateescape") as log:
            log.write(f"{os.getpid()} {path.name}\n")
        for planned in sorted(self.folder.glob(f"{path.name}.*.error")):
            kind, _, message = planned.read_text().partition(" ")
            planned.unlink()
            if kind == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            if kind == "hang":
                time.sleep(3600)
            error = getattr(errors, kind, None) or getattr(builtins, kind)
            raise error(message)
        time.sleep(self.takes_s)
        return CallFacts(
            metadata=metadata,
            turns=TURNS,
            engines=Engines("fake", "fake", "0"),
            language="en",
            recording_sha256=sha256_of(path),
            duration_s=12.0,
            channels=2,
        )


def make_wav(path: Path, content: int = 0) -> Path:
    """Writes a short WAV file; another ``content`` makes another recording."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(os.fspath(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(content.to_bytes(2, "little") * 800)
    return path


class NoEngines:
    """Stands for the models where a listener uses none."""

    def __init__(self, key: str = "fake") -> None:
        self._key = key

    def key(self) -> str:
        return self._key
