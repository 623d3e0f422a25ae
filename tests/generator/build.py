"""Builds sample calls: script -> clips -> mix -> FLAC, sidecar and truth."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from .effort import SPEED_FACTOR, Effort, draw_effort, raise_voice, resynthesize
from .mix import LINE_RATE_HZ, lay_out, mix_call
from .records import CallScript, Clip
from .truth import sidecar_of, truth_of
from .tts import speak

SAMPLES_DIR = Path(__file__).parents[1] / "samples"
EDITION = "callscore-samples-1"  # part of every seed; a new edition draws everything anew
RESYNTHESIZED_SHARE = 0.25  # of the calm turns in a call with raised ones


def seed_of(call_id: str, purpose: str) -> int:
    """A seed that depends on the call and the purpose only."""
    return int(hashlib.sha256(f"{EDITION} {call_id} {purpose}".encode()).hexdigest()[:8], 16)


def build(script: CallScript, samples_dir: Path) -> dict[str, Any]:
    """Builds one call into ``samples_dir``; returns its truth."""
    import soundfile

    clips, efforts = clips_of(script)
    mixed = mix_call(script.steps, clips, seed=seed_of(script.call_id, "mix"))
    truth = truth_of(script, mixed, efforts)
    (samples_dir / "truth").mkdir(parents=True, exist_ok=True)
    soundfile.write(
        samples_dir / f"{script.call_id}.flac",
        lay_out(mixed, script.recording),
        LINE_RATE_HZ,
        subtype="PCM_16",
        compression_level=1.0,  # the smallest file
    )
    _write_json(samples_dir / f"{script.call_id}.json", sidecar_of(script))
    _write_json(samples_dir / "truth" / f"{script.call_id}.json", truth)
    return truth


def clips_of(script: CallScript) -> tuple[list[Clip], dict[int, Effort]]:
    """The spoken turns in order, and the effort of the raised ones by turn index."""
    rng = np.random.default_rng(seed_of(script.call_id, "effort"))
    any_raised = any(turn.raised for turn in script.turns)
    clips: list[Clip] = []
    efforts: dict[int, Effort] = {}
    for index, turn in enumerate(script.turns):
        voice = script.voices[turn.role]
        if turn.raised:
            efforts[index] = draw_effort(rng)
            clip = speak(turn.text, replace(voice, speed=round(voice.speed * SPEED_FACTOR, 3)))
            clips.append(raise_voice(clip, efforts[index]))
        else:
            clip = speak(turn.text, voice)
            vocoded = any_raised and rng.random() < RESYNTHESIZED_SHARE
            clips.append(resynthesize(clip) if vocoded else clip)
    return clips, efforts


def _write_json(path: Path, data: dict[str, Any]) -> None:
    path.write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
