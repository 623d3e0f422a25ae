"""What a session is about: its strengths and one or two focus points."""

from collections.abc import Collection, Sequence

from pipeline.coaching.calls import MIN_JUDGED, ScoredCall, counts_of
from pipeline.coaching.records import Figure, Strength
from pipeline.coaching.share import change_of

RELIABLE = 0.8
"""A share from which on a criterion is a strength: four of five times."""
MOST_STRENGTHS = 3
LEAST_GAIN = 1.0
"""Points a call (of about 100): what could be gained must matter that much to be a focus."""
SECOND_GAIN = 0.5
"""A second focus stands beside the first from this part of its gain on."""
MOST_FOCUS = 2
"""More at once and nothing changes."""


def strengths_of(
    figures: Sequence[Figure],
    calls: Sequence[ScoredCall],
    earlier: Sequence[ScoredCall],
    focus: Collection[str] = (),
) -> tuple[Strength, ...]:
    """What became surely better, then what is met reliably, by the points that it brings.

    Where there is neither, the criterion that goes best: everybody has one.
    """
    known = [figure for figure in figures if not figure.suggest_only]
    known = [figure for figure in known if figure.criterion not in focus and figure.now.share]
    by_points = sorted(known, key=lambda figure: -figure.weight * (figure.now.share or 0.0))
    better = [figure for figure in by_points if _surely_better(figure, calls, earlier)]
    reliable = [figure for figure in by_points if (figure.now.share or 0.0) >= RELIABLE]
    found = [Strength(figure.criterion, "better") for figure in better]
    found += [Strength(f.criterion, "reliable") for f in reliable if f not in better]
    if not found and known:
        best = max(known, key=lambda figure: figure.now.share or 0.0)
        found = [Strength(best.criterion, "best")]
    return tuple(found[:MOST_STRENGTHS])


def focus_of(figures: Sequence[Figure], showable: Collection[str]) -> tuple[str, ...]:
    """Criteria, one or two, by what can be gained: frequency, weight and room taken together.

    ``showable`` are those of which there is a moment to show: what nobody can hear nobody believes.
    Of equal gain the one that comes first in the rubric, because the steps build on each other.
    """
    open_to = [
        figure for figure in figures
        if figure.to_gain >= LEAST_GAIN and not figure.suggest_only
        and figure.criterion in showable
    ]  # fmt: skip
    ranked = sorted(open_to, key=lambda figure: -round(figure.to_gain, 6))[:MOST_FOCUS]
    return tuple(
        figure.criterion for figure in ranked if figure.to_gain >= SECOND_GAIN * ranked[0].to_gain
    )


def _surely_better(
    figure: Figure, calls: Sequence[ScoredCall], earlier: Sequence[ScoredCall]
) -> bool:
    if min(figure.now.judged, figure.before.judged) < MIN_JUDGED:
        return False
    before, now = (counts_of(some, figure.criterion) for some in (earlier, calls))
    return change_of(before, now)[0] > 0
