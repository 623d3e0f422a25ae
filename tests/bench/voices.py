"""The synthetic voices of built calls, and which lines each of them speaks.

Blends of Kokoro's stock voices, none of them a voice of the sample calls. A voice speaks a fixed
draw of the lines, so that a bank of clips is spoken once and serves any number of calls.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np

from tests.generator.records import Voice

Part = Literal["agent", "customer", "second", "prompt"]

LINES_FILE = Path(__file__).parent / "lines.yaml"

LINES_PER_MOVE = {
    "question": 3, "statement": 4, "answer": 3, "interruption": 2, "raised": 2, "reply": 2,
    "backchannel": 3, "queue": 2,
}  # fmt: skip
"""How many lines of a move a voice speaks; one of every other."""

SECOND_AGENT_MOVES = ("second", "question", "statement", "backchannel", "closing")


@dataclass(frozen=True, slots=True)
class BankVoice:
    """A voice and the part it plays."""

    name: str
    part: Part
    voice: Voice


def _bank(part: Part, speed: float, *blends: Mapping[str, float]) -> tuple[BankVoice, ...]:
    return tuple(
        BankVoice(f"{part}{n}", part, Voice(blend=blend, speed=round(speed + 0.02 * (n % 3), 2)))
        for n, blend in enumerate(blends, start=1)
    )


BANK = (
    *_bank(
        "agent", 1.06,
        {"af_heart": 0.5, "af_nova": 0.5}, {"am_fenrir": 0.6, "em_alex": 0.4},
        {"bf_emma": 0.5, "af_sarah": 0.5}, {"bm_lewis": 0.5, "am_liam": 0.5},
        {"af_alloy": 0.6, "bf_alice": 0.4}, {"am_puck": 0.5, "bm_george": 0.5},
        {"af_bella": 0.4, "if_sara": 0.6}, {"am_michael": 0.5, "im_nicola": 0.5},
    ),
    *_bank(
        "customer", 1.04,
        {"am_adam": 0.6, "bm_daniel": 0.4}, {"af_sky": 0.6, "bf_lily": 0.4},
        {"am_onyx": 0.6, "em_santa": 0.4}, {"af_kore": 0.5, "af_jessica": 0.5},
        {"bm_fable": 0.5, "am_echo": 0.5}, {"bf_isabella": 0.5, "pf_dora": 0.5},
        {"am_eric": 0.5, "pm_alex": 0.5}, {"af_aoede": 0.6, "af_river": 0.4},
    ),
    *_bank(
        "second", 1.08,
        {"am_santa": 0.5, "bm_george": 0.5}, {"bf_alice": 0.5, "af_nicole": 0.5},
    ),
    *_bank("prompt", 1.0, {"af_sarah": 1.0}, {"bf_lily": 0.5, "bf_emma": 0.5}),
)  # fmt: skip


@cache
def all_lines() -> Mapping[str, Mapping[str, list[str]]]:
    """Every line by part and move."""
    import yaml

    return yaml.safe_load(LINES_FILE.read_text(encoding="utf-8"))


def lines_of(voice: BankVoice) -> dict[str, list[str]]:
    """The lines that a voice speaks, by move; the same every time."""
    known = all_lines()["agent" if voice.part == "second" else voice.part]
    seed = int(hashlib.sha256(voice.name.encode()).hexdigest()[:8], 16)
    rng = np.random.default_rng(seed)
    drawn = {}
    for move, lines in known.items():
        order = [str(line) for line in rng.permutation(lines)]
        drawn[move] = order[: LINES_PER_MOVE.get(move, 1)]
    if voice.part == "second":
        return {move: drawn[move] for move in SECOND_AGENT_MOVES}
    return drawn
