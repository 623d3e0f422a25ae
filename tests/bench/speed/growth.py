"""What a call costs by its length, by how many come with it, and from a cold start."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import soundfile

from pipeline.device import choose_device
from tests.bench.speed.processes import PathProcess
from tests.bench.speed.recordings import build_call

MINUTES = (1, 5, 20, 60)
CALLS = 64
PARALLEL_CALLS = (1, 2, 4, 8)
"""Processes of a nightly batch that are tried on a GPU; without one the usual two."""


def lengths(folder: Path) -> None:
    """Time and peak memory of calls from a minute to an hour, each in a process of its own."""
    print("| callscore, models loaded | " + " | ".join(f"{m} min" for m in MINUTES) + " |")
    print("|---|" + "---|" * len(MINUTES))
    short = build_call("short", 0.5, folder)
    calls = [build_call(f"m{minutes}", minutes, folder) for minutes in MINUTES]
    for channels in ("stereo", "mono"):
        cells = []
        for call in calls:
            process = PathProcess.of("callscore")
            process.hear(getattr(short, channels))
            heard = process.hear(getattr(call, channels))
            process.end()
            per_hour_s = heard.took_s / call.duration_s * 3600
            cells.append(f"{per_hour_s:.0f} s an hour, {heard.peak_mb:.0f} MB")
        print(f"| {channels} | {' | '.join(cells)} |")
    print()


def start(folder: Path) -> None:
    """A command from its start to the first result, beside the recogniser with its model loaded."""
    call = build_call("first", 5, folder)
    print("| 5 minutes | callscore score, all in all | recogniser alone | beyond it |")
    print("|---|---|---|---|")
    recogniser = PathProcess.of("whisper-batched")
    for channels in ("stereo", "mono"):
        path: Path = getattr(call, channels)
        recogniser.hear(path)
        alone_s = recogniser.hear(path).took_s
        _score(path)  # warms the disk
        all_s = _score(path)
        print(f"| {channels} | {all_s:.1f} s | {alone_s:.1f} s | {all_s - alone_s:.1f} s |")
    recogniser.end()
    print()


def calls(folder: Path) -> None:
    """One call of a minute against 64 of them, by the command and by the nightly flow."""
    home = folder / "calls"
    home.mkdir()
    whole = build_call("whole", CALLS, folder)
    sound, rate = soundfile.read(whole.stereo, dtype="int16")
    for number in range(CALLS):
        piece = sound[number * 60 * rate : (number + 1) * 60 * rate]
        soundfile.write(home / f"c{number:02}.wav", piece, rate, subtype="PCM_16")
        os.utime(home / f"c{number:02}.wav", (1e9, 1e9))
    one_s = _score(home / "c00.wav")
    print("| command, start included | time | for an hour of audio | against one call |")
    print("|---|---|---|---|")
    print(f"| callscore score, 1 call of a minute | {one_s:.1f} s | {60 * one_s:.0f} s | |")

    def tell(name: str, took_s: float) -> None:
        per_hour_s = 60 * took_s / CALLS
        print(f"| {name}, {CALLS} of them | {took_s:.1f} s | {per_hour_s:.0f} s | "
              f"{per_hour_s / (60 * one_s):.2f} |", flush=True)  # fmt: skip

    tell("callscore score", _score(home))
    for parallel in PARALLEL_CALLS if choose_device("auto").name == "cuda" else PARALLEL_CALLS[1:2]:
        took_s = _score(home, "-m", "flows", "run", CALLSCORE_PARALLEL_CALLS=str(parallel))
        tell(f"python -m flows run, {parallel} at once", took_s)
    print()


def _score(what: Path, *command: str, **settings: str) -> float:
    """How long a command takes over recordings that it never saw (s), its start included."""
    with tempfile.TemporaryDirectory() as data:
        began = time.perf_counter()
        subprocess.run(
            [sys.executable, *(command or ("-m", "pipeline.cli", "score")), str(what)],
            env=os.environ | {"CALLSCORE_DATA_DIR": data, "CALLSCORE_LANGUAGE": "en"} | settings,
            check=True,
            capture_output=True,
        )
        return time.perf_counter() - began
