"""Where the sound of built calls comes from: a synthesizer, the sample calls, or any folder.

Each source gives `Speaker`s, people with lines for the moves of a call; `compose` draws from them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from tests.bench.voices import BANK, BankVoice, Part, lines_of
from tests.generator.effort import SPEED_FACTOR, draw_effort, raise_voice, resynthesize
from tests.generator.records import Clip, Voice, Word
from tests.generator.speech import speech_of
from tests.generator.telephone import LINE_RATE_HZ
from tests.generator.tts import speak
from tests.recordings import SAMPLES, sample

RAISED = "raised"
BACKCHANNEL_MAX_S = 0.9
CUT_MARGIN_S = 0.05
ANSWERED_WITHIN_S = 8.0  # the customer may answer an announced hold before it begins
RESYNTHESIZED_SHARE = 0.25  # of the calm lines, so that the vocoder's sound gives no effort away


@dataclass(frozen=True, slots=True)
class Line:
    """Something a speaker says; ``clip`` makes the sound (the random draw is for its effort)."""

    text: str
    clip: Callable[[np.random.Generator], Clip]
    duration_s: float


@dataclass(frozen=True, slots=True)
class Speaker:
    """Somebody who can take a part in a call, with lines by move."""

    name: str
    part: Part
    lines: dict[str, list[Line]]


def from_synthesizer() -> list[Speaker]:
    """The voices of the bank, spoken by Kokoro (see `tests.generator.tts`), effort by WORLD."""
    return [_synthesized(voice) for voice in BANK]


def _synthesized(voice: BankVoice) -> Speaker:
    lines = {}
    for move, texts in lines_of(voice).items():
        raised = move == RAISED
        speed = round(voice.voice.speed * (SPEED_FACTOR if raised else 1.0), 3)
        spoken = replace(voice.voice, speed=speed)
        lines[move] = [
            Line(
                text,
                partial(_with_effort if raised else _calm, text, spoken),
                speech_of(speak(text, spoken)).duration_s,
            )
            for text in texts
        ]
    return Speaker(voice.name, voice.part, lines)


def _with_effort(text: str, voice: Voice, rng: np.random.Generator) -> Clip:
    return raise_voice(speak(text, voice), draw_effort(rng))


def _calm(text: str, voice: Voice, rng: np.random.Generator) -> Clip:
    clip = speak(text, voice)
    return resynthesize(clip) if rng.random() < RESYNTHESIZED_SHARE else clip


def from_samples() -> list[Speaker]:
    """The voices of the two-channel sample calls, cut out turn by turn: needs no synthesizer."""
    speakers = []
    for path in sorted((SAMPLES / "truth").glob("*.json")):
        truth = json.loads(path.read_text(encoding="utf-8"))
        if len(truth["channels"]) == 2:
            speakers += [_cut_out(truth, side, row) for row, side in enumerate(("left", "right"))]
    return speakers


def _cut_out(truth: dict, side: str, row: int) -> Speaker:
    role = truth["channels"][side]
    sound = sample(truth["id"])[row]
    lines: dict[str, list[Line]] = {}
    own = [turn for turn in truth["turns"] if turn["speaker"] == role]
    for turn in own:
        move = _sample_move(turn, own, truth)
        first = max(0, round((turn["start"] - CUT_MARGIN_S) * LINE_RATE_HZ))
        piece = sound[first : round((turn["end"] + CUT_MARGIN_S) * LINE_RATE_HZ)]
        words = tuple(
            Word(w["w"], w["start"] - first / LINE_RATE_HZ, w["end"] - first / LINE_RATE_HZ)
            for w in turn["words"]
        )
        clip = Clip(piece.astype(np.float64), LINE_RATE_HZ, words)
        lines.setdefault(move, []).append(_fixed(turn["text"], clip))
    return Speaker(f"{truth['id']}-{role}", role, lines)


def _sample_move(turn: dict, own: Sequence[dict], truth: dict) -> str:
    """What a turn of a sample call can be used for again."""
    if turn["raised"]:
        return RAISED
    if turn["kind"] != "turn":
        return turn["kind"]
    for hold in truth["holds"]:
        before_s = hold["start"] - turn["end"]
        if hold["announced"] and turn["speaker"] == "agent" and 0 <= before_s < ANSWERED_WITHIN_S:
            return "hold"
        if hold["thanked"] and abs(turn["start"] - hold["end"]) < 0.1:
            return "back"
    if turn is own[0]:
        return "greeting" if turn["speaker"] == "agent" else "issue"
    return "closing" if turn is own[-1] else "statement"


def from_folder(folder: Path) -> list[Speaker]:
    """A folder for each speaker with clips; shouted ones in its subfolder ``raised``.

    A clip's words, if known, stand in a text file of its name. Without words nothing tells agents
    from customers, so roles, words and the mono mix are not measured: the texts serve the truth
    files only. Clips under 0.9 s serve as backchannels.
    """
    speakers = []
    for number, home in enumerate(sorted(path for path in folder.iterdir() if path.is_dir())):
        lines: dict[str, list[Line]] = {}
        for path in sorted(home.rglob("*")):
            if path.suffix.lower() in (".wav", ".flac"):
                line = _fixed(*_read(path))
                short = line.duration_s < BACKCHANNEL_MAX_S
                calm = "backchannel" if short else "statement"
                lines.setdefault(RAISED if path.parent.name == RAISED else calm, []).append(line)
        speakers.append(Speaker(home.name, ("agent", "customer")[number % 2], lines))
    if len(speakers) < 2:
        raise SystemExit(f"{folder}: {len(speakers)} folders of clips; give two speakers or more")
    return speakers


def _read(path: Path) -> tuple[str, Clip]:
    import soundfile

    samples, rate = soundfile.read(path, dtype="float64", always_2d=True)
    spoken = path.with_suffix(".txt")
    text = spoken.read_text(encoding="utf-8").strip() if spoken.is_file() else "(unknown)"
    length_s = len(samples) / rate
    edges = np.linspace(0.0, length_s, len(text.split()) + 1)
    words = zip(text.split(), edges[:-1], edges[1:], strict=True)
    return text, Clip(samples.mean(axis=1), rate, tuple(Word(*word) for word in words))


def _fixed(text: str, clip: Clip) -> Line:
    return Line(text, lambda _rng: clip, speech_of(clip).duration_s)
