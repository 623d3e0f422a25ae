"""The share of a criterion's points that answers earned, with an interval that holds for few calls.

Answers earn nothing, half or all of the points. Their three chances get the posterior of a
multinomial under Jeffreys' prior (half an imaginary answer of each kind); the interval holds 95 %
of it. For two kinds of answers that is the Jeffreys interval, which for small counts is among
those to be preferred (Brown, Cai and DasGupta 2001); the usual one has no width where all answers
are alike. ``tests/coaching/test_share.py`` repeats a simulation of how often it holds the truth.
"""

from collections.abc import Iterable
from functools import lru_cache

import numpy as np

from pipeline.coaching.records import Share
from pipeline.score import SHARE

CONFIDENCE = 0.95
PRIOR = 0.5  # Jeffreys'
DRAWS = 8000  # bounds are then certain to about 0.004
SEED = 20_260_101  # any number will do: the same answers must always give the same interval
KINDS = ("missed", "partial", "met")

Counts = tuple[int, int, int]
"""How many answers are missed, partial and met."""


def count(answers: Iterable[str]) -> Counts:
    """Of answers; those that nobody could judge, or that were not called for, are not counted."""
    found = list(answers)
    missed, partial, met = (found.count(kind) for kind in KINDS)
    return missed, partial, met


@lru_cache(maxsize=4096)
def share_of(counts: Counts) -> Share:
    """The share of the points that so many answers earned."""
    judged = sum(counts)
    if not judged:
        return Share(0)
    share = sum(n * SHARE[kind] for n, kind in zip(counts, KINDS, strict=True)) / judged
    low, high = _bounds(_drawn(counts, 0))
    return Share(judged, share, min(low, share), max(high, share))


@lru_cache(maxsize=4096)
def change_of(before: Counts, after: Counts) -> tuple[float, float]:
    """Between which bounds the change of the share lies, at 95 %."""
    return _bounds(_drawn(after, 1) - _drawn(before, 0))


def _drawn(counts: Counts, stream: int) -> np.ndarray:
    """Shares drawn from the posterior [shape=(DRAWS,)]; other streams are independent."""
    rng = np.random.default_rng((SEED, stream))
    chances = rng.dirichlet(np.array(counts) + PRIOR, size=DRAWS)
    return chances @ np.array([SHARE[kind] for kind in KINDS])


def _bounds(drawn: np.ndarray) -> tuple[float, float]:
    outside = (1 - CONFIDENCE) / 2
    low, high = np.quantile(drawn, (outside, 1 - outside))
    return float(low), float(high)
