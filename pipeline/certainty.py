"""How sure an answer is: the share of the plausible readings of a call that give the same answer.

Whether a cue is there is more or less likely. A reading takes each doubtful cue as there or not
there, as often as it is likely; the call is judged in each of a fixed set of readings. How often an
answer was right that so many readings agree on was learnt from dialogues held back, so that the
figure means what it says.
"""

import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.criteria.view import View, view
from pipeline.cues import Learnt
from pipeline.records import AnswerValue, CallFacts, Cue

READINGS = 16
# Steps of the golden ratio cover the range from 0 to 1 evenly, however many there are.
_STEP = 0.6180339887498949


@dataclass(frozen=True, slots=True)
class Readings:
    """Plausible readings of a call, and how many of the ``READINGS`` each stands for."""

    views: tuple[tuple[View, int], ...]
    learnt: Learnt

    def confidence(self, answer: AnswerValue, decide: Callable[[View], AnswerValue]) -> float:
        """How often an answer was right that so many of the readings give."""
        agreeing = sum(times for seen, times in self.views if decide(seen) == answer)
        share = agreeing / READINGS
        if not self.learnt.certainty:
            return share
        shares, right = zip(*self.learnt.certainty, strict=True)
        return round(float(np.interp(share, shares, right)), 3)


def plausible(facts: CallFacts, likely: Sequence[Cue], learnt: Learnt) -> Readings:
    """The readings of a call; the same cues always give the same ones."""
    counted = Counter(
        tuple(cue for cue in likely if cue.probability > _drawn(cue, number))
        for number in range(READINGS)
    )
    return Readings(tuple((view(facts, cues), times) for cues, times in counted.items()), learnt)


def _drawn(cue: Cue, number: int) -> float:
    """A figure between 0 and 1 that is the cue's own: its turn and id, not its place in a list."""
    own = zlib.crc32(f"{cue.turn} {cue.id}".encode()) / 2**32
    return (own + number * _STEP) % 1.0
