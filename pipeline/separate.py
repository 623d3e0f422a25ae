"""A call's sound is taken apart into voices: by channel on stereo, by diarization on mono.

Every voice ends up with its own speech (10 ms resolution) and a signal to measure it on. Queue
prompts inside hold music become a voice of their own.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline import bleed
from pipeline.activity import SoundMap
from pipeline.audio import SAMPLE_RATE
from pipeline.diarize import Diarizer
from pipeline.records import Side, Word
from pipeline.spans import Spans, drop_short, intersection, total_s, union, without
from pipeline.voices import PROMPT, Voice, share_out

SIDES: tuple[Side, Side] = ("left", "right")

MIN_BLEED_S = 2.0
"""Less leaked speech than this in a whole call is chance."""


MIN_REST_S = 0.25
"""What a leak leaves of a stretch of speech, if shorter than this, is a splinter of the leak."""


@dataclass(frozen=True, slots=True)
class Separation:
    """The voices of a call without their words yet.

    Attributes
    ----------
    speech : speech of each voice; overlaps between voices are kept
    owners : of each channel, which voice its words belong to at which time
    music : hold music on any channel
    warnings : ``channel_bleed``
    """

    speech: dict[str, Spans]
    owners: tuple[dict[str, Spans], ...]
    music: Spans
    warnings: tuple[str, ...] = ()

    def to_recognise(self) -> list[Spans]:
        """Of each channel, the speech that has an owner: what is recognised of it on stereo."""
        return [union(*owners.values()) for owners in self.owners]

    def voices(self, words: Sequence[Sequence[Word]]) -> list[Voice]:
        """The voices with their words [one list a channel]."""
        taken: dict[str, list[Word]] = {label: [] for label in self.speech}
        for owners, channel in zip(self.owners, words, strict=True):
            for voice in share_out(channel, owners):
                taken[voice.label] += voice.words
        return [
            Voice(label, speech, tuple(sorted(taken[label], key=lambda w: w.start_s)))
            for label, speech in self.speech.items()
        ]


def by_channel(samples: np.ndarray, maps: Sequence[SoundMap]) -> Separation:
    """Stereo: a side each channel, without what leaks over from the other.

    Parameters
    ----------
    samples : np.ndarray [shape=(2, n)], float32, 16 kHz
    """
    leaks = bleed.find(samples[0], samples[1])
    leaked_s = sum(
        total_s(intersection(sound.speech, leak)) for sound, leak in zip(maps, leaks, strict=True)
    )
    if leaked_s < MIN_BLEED_S:
        leaks = ((), ())
    speech = {
        side: drop_short(without(sound.speech, leak), MIN_REST_S) if leak else sound.speech
        for side, sound, leak in zip(SIDES, maps, leaks, strict=True)
    }
    # A prompt on both channels is one voice: it is read from the first channel that carries it.
    prompts = (maps[0].prompts, without(maps[1].prompts, maps[0].prompts))
    return Separation(
        speech=speech | {PROMPT: union(*prompts)},
        owners=tuple(
            {side: speech[side], PROMPT: p} for side, p in zip(SIDES, prompts, strict=True)
        ),
        music=union(*(sound.music for sound in maps)),
        warnings=("channel_bleed",) if leaked_s >= MIN_BLEED_S else (),
    )


def by_diarization(samples: np.ndarray, sound: SoundMap, diarizer: Diarizer) -> Separation:
    """Mono: pyannote says who speaks, the signal says exactly when.

    Parameters
    ----------
    samples : np.ndarray [shape=(n,)], float32, 16 kHz
    """
    if not sound.speech:
        return Separation({PROMPT: sound.prompts}, ({PROMPT: sound.prompts},), sound.music)
    people = samples.copy()
    for span in sound.music:  # music and its prompts are no speakers of the call
        people[round(span.start_s * SAMPLE_RATE) : round(span.end_s * SAMPLE_RATE)] = 0.0
    found = diarizer.diarize(people, sound.speech)
    return Separation(
        speech=found.speakers | {PROMPT: sound.prompts},
        owners=(found.exclusive | {PROMPT: sound.prompts},),
        music=sound.music,
    )
