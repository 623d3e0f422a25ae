"""Paths in processes of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from pipeline.memory import FOR_MODELS, TUNABLES
from tests.bench.speed.recordings import Spoken


@dataclass(frozen=True, slots=True)
class Timed:
    """A recording heard: how long it took, by the clock and of all processors, and what came."""

    took_s: float
    busy_s: float
    peak_mb: float
    words: tuple[str, ...]
    spoken: tuple[Spoken, ...]


class PathProcess:
    """A worker with its models loaded, that answers as :mod:`tests.bench.speed.worker` does."""

    def __init__(self, command: Sequence[str | Path], **environment: str) -> None:
        self._process = subprocess.Popen(
            command,
            env=os.environ | environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self._answer()

    @classmethod
    def of(cls, path: str) -> Self:
        """One of :mod:`tests.bench.speed.paths`; ours with its memory as our commands start."""
        command = [sys.executable, "-m", "tests.bench.speed.worker", path]
        return cls(command, **({TUNABLES: FOR_MODELS} if path == "callscore" else {}))

    def hear(self, path: Path) -> Timed:
        """Waits for the path to hear a recording. Raises SystemExit where it died of it."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{path}\n")
        self._process.stdin.flush()
        said = self._answer()
        spoken = tuple((who, start, end) for who, start, end in said.pop("spoken"))
        return Timed(words=tuple(said.pop("words")), spoken=spoken, **said)

    def end(self) -> None:
        self._process.kill()
        self._process.wait()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"{self._process.args} died")
        answer: dict[str, Any] = json.loads(line)
        return answer
