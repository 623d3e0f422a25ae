"""Other projects' own tools, from an environment of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from pipeline import models
from pipeline.device import choose_device
from tests.bench.speed.processes import PathProcess
from tests.bench.speed.recordings import TimedCall
from tests.bench.speed.tables import diarization_error, word_errors

SENKO = Path(__file__).parent / "senko_worker.py"


def run(calls: Sequence[TimedCall], environment: Path | None) -> None:
    """whisperX's and our command on a mono call, start included; senko's diarizer, loaded."""
    if environment is None:
        print("whisperX and senko: not timed; make bench-speed installs them, or give --others\n")
        return
    device = choose_device("auto").name
    for call in calls:
        print(f"{call.name}, mono, {call.duration_s:.0f} s\n")
        print("| command, start included | time | word errors | DER |\n|---|---|---|---|")
        for tell in (_whisperx, _ours):
            try:
                name, took_s, words = tell(environment, call, device)
            except (subprocess.CalledProcessError, OSError) as error:
                print(f"| {tell.__name__.strip('_')} | could not run: {_why(error)} | – | – |")
                continue
            print(f"| {name} | {took_s:.1f} s | {word_errors(call, (words,))} | – |")
        try:
            process = PathProcess([environment / "bin" / "python", SENKO])
            process.hear(call.mono)
            heard = process.hear(call.mono)
        except (SystemExit, OSError) as error:
            print(f"| senko | could not run: {error} | – | – |\n")
            continue
        process.end()
        error = f"{100 * diarization_error(call.spoken, heard.spoken):.1f} %" if call.spoken else ""
        print(f"| senko, models loaded, speakers only | {heard.took_s:.1f} s | – | {error} |\n")


def _whisperx(environment: Path, call: TimedCall, device: str) -> tuple[str, float, str]:
    """Without its alignment and diarization, whose models are to be had from a hub only."""
    with tempfile.TemporaryDirectory() as folder:
        command = [environment / "bin" / "whisperx", "--model", models.whisper_dir()]
        precision = "float16" if device == "cuda" else "int8"
        command += ["--device", device, "--compute_type", precision, "--language", "en"]
        command += ["--no_align"]
        command += ["--threads", str(os.cpu_count() or 1)]
        command += ["--output_format", "json", "--output_dir", folder, call.mono]
        took_s = _timed(command)
        told = json.loads((Path(folder) / f"{call.mono.stem}.json").read_text())
    words = " ".join(segment["text"] for segment in told["segments"])
    return "whisperX, words only, no word times", took_s, words


def _ours(_environment: Path, call: TimedCall, _device: str) -> tuple[str, float, str]:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        command = [sys.executable, "-m", "pipeline.cli", "score", call.mono, "--out", out]
        took_s = _timed(command, CALLSCORE_DATA_DIR=folder, CALLSCORE_REDACT="[]")
        (told,) = [json.loads(path.read_text()) for path in out.glob("*.json")]
    words = " ".join(turn["text"] for turn in told["turns"])
    return "callscore score, scored and stored", took_s, words


def _why(error: Exception) -> str:
    said = getattr(error, "stderr", None) or str(error).encode()
    return str(said.decode(errors="replace").strip().splitlines()[-1])


def _timed(command: Sequence[object], **settings: str) -> float:
    began = time.perf_counter()
    environment = os.environ | {"HF_HUB_OFFLINE": "1"} | settings
    subprocess.run(
        [str(part) for part in command], check=True, capture_output=True, env=environment
    )
    return time.perf_counter() - began
