"""The judges: one module for each criterion.

A judge takes what is known about a call and the criterion's thresholds, and gives an answer with
its reason and evidence. ``JUDGES`` names them for the rubric file.
"""

from collections.abc import Callable
from dataclasses import dataclass

from pipeline.criteria import (
    apologize,
    composure,
    empathize,
    follow_up,
    hold_handling,
    listen_first,
    no_talking_over,
    positive_language,
    solve,
)
from pipeline.criteria.view import Thresholds, Verdict, View


@dataclass(frozen=True, slots=True)
class Judge:
    """A judge and what it works from.

    ``reads_words``: without cues it cannot judge. ``met_needs_words``: without cues it can find
    fault, but not say that all was well.
    """

    decide: Callable[[View, Thresholds], Verdict]
    thresholds: frozenset[str]
    reads_words: bool
    met_needs_words: bool = False


JUDGES = {
    "listen_first": Judge(listen_first.judge, listen_first.THRESHOLDS, reads_words=True),
    "empathize": Judge(empathize.judge, empathize.THRESHOLDS, reads_words=True),
    "apologize": Judge(apologize.judge, apologize.THRESHOLDS, reads_words=True),
    "solve": Judge(solve.judge, solve.THRESHOLDS, reads_words=True),
    "follow_up": Judge(follow_up.judge, follow_up.THRESHOLDS, reads_words=True),
    "no_talking_over": Judge(no_talking_over.judge, no_talking_over.THRESHOLDS, reads_words=False),
    "hold_handling": Judge(hold_handling.judge, hold_handling.THRESHOLDS, reads_words=True),
    "composure": Judge(
        composure.judge, composure.THRESHOLDS, reads_words=False, met_needs_words=True
    ),
    "positive_language": Judge(
        positive_language.judge, positive_language.THRESHOLDS, reads_words=True
    ),
}
