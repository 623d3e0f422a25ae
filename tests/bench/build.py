"""Builds calls into a folder: the recording, as two channels and as one, and the truth."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.records import Side
from tests.bench.clips import Speaker
from tests.bench.compose import compose
from tests.bench.line import CONDITIONS, NOISE_DBFS, Condition, spoil, store
from tests.generator.mix import MONO_GAIN, MixedCall, mix_call
from tests.generator.records import CallScript, Recording, ScriptError
from tests.generator.truth import truth_of

MIN_DEAD_AIR_S = 10.0  # rubric guide; shorter silences are nothing
TRIES = 50


@dataclass(frozen=True, slots=True)
class BuiltCall:
    """A call on disk with its truth; ``words_known`` is False for clips without text."""

    call_id: str
    condition: Condition
    stereo: Path
    mono: Path
    agent_channel: Side
    truth: dict[str, Any]
    words_known: bool


def build(
    number: int, seed: int, speakers: Sequence[Speaker], folder: Path, *, words_known: bool = True
) -> BuiltCall:
    """Call ``number`` of the bench with this seed; the same numbers and speakers, the same call."""
    condition = CONDITIONS[number % len(CONDITIONS)]
    rng = np.random.default_rng([seed, number])
    script, mixed = _draw(f"b{number:03d}", rng, speakers, condition)
    sound = spoil(mixed.channels, condition, rng)
    if script.recording.agent_channel == "right":
        sound = sound[:, ::-1]
    base = folder / script.call_id
    truth = truth_of(script, mixed, {})
    truth["dead_air"] = [d for d in truth["dead_air"] if d["end"] - d["start"] >= MIN_DEAD_AIR_S]
    truth["condition"] = condition
    base.with_suffix(".truth.json").write_text(json.dumps(truth, indent=1), encoding="utf-8")
    return BuiltCall(
        call_id=script.call_id,
        condition=condition,
        stereo=store(base, sound, condition),
        mono=store(folder / f"{script.call_id}-mono", MONO_GAIN * sound.sum(1, keepdims=True),
                   condition),
        agent_channel=script.recording.agent_channel,
        truth=truth,
        words_known=words_known,
    )  # fmt: skip


def _draw(
    call_id: str, rng: np.random.Generator, speakers: Sequence[Speaker], condition: Condition
) -> tuple[CallScript, MixedCall]:
    """A call that can be laid out: what does not fit together is drawn again."""
    for _ in range(TRIES):
        steps, lines, names = compose(rng, speakers)
        clips = [line.clip(rng) for line in lines]
        try:
            noise = {"noise_dbfs": NOISE_DBFS[condition]} if condition in NOISE_DBFS else {}
            mixed = mix_call(steps, clips, seed=int(rng.integers(2**32)), **noise)
        except ScriptError:
            continue
        script = CallScript(
            call_id=call_id,
            story=f"drawn at random: {', '.join(names)}",
            recording=Recording(agent_channel=str(rng.choice(["left", "right"]))),
            metadata={"call_id": call_id},
            voices={},
            steps=tuple(steps),
            rubric={},
            conduct={},
        )
        return script, mixed
    raise ScriptError(f"{call_id}: no draw in {TRIES} fits; give longer clips")
