"""House numbers: what is none, and those that are told or said again after an address."""

from collections.abc import Sequence
from itertools import pairwise

from pipeline.redaction.context import View, near_cues
from pipeline.redaction.found import Found
from pipeline.redaction.number_forms import is_word, nearly
from pipeline.redaction.spoken import Run
from pipeline.redaction.words import Words

LEAST_SURE_DIGITS = 3
MOST_HOUSE_DIGITS = 5
MOST_PUTTING_RIGHT = 12
"""Words of a turn that puts a house number right."""
AGAIN_TURNS = 3
"""So near it is said again."""


def measures(view: View, run: Run, words: Words) -> bool:
    """Whether a number counts or measures something, and is no house's: "nearly three hours"."""
    following = view.tokens[run.last + 1].lower if run.last + 1 < len(view.tokens) else ""
    before = view.tokens[run.first - 1].lower if run.first else ""
    return (
        following in words.units
        or before in words.before_counts
        or view.text[run.start - 1 : run.start] in words.money
        or any(
            token.lower in words.units and len(token.text) > 1
            for token in view.tokens[run.first : run.last + 1]
        )
    )


def put_right(
    views: Sequence[View], view: View, found: Sequence[Found], words: Words
) -> list[Found]:
    """House numbers told after an address: "It's seventeen, not seventy-seven", "number four"."""
    turns = {one.turn for one in found}
    if len(view.tokens) > MOST_PUTTING_RIGHT or not turns & {view.number - 1, view.number - 2}:
        return []
    denied = any(token.lower in words.denies for token in view.tokens)
    return [
        Found("address", view.number, run.start, run.end)
        for run in view.runs
        if 0 < len(run.digits) <= MOST_HOUSE_DIGITS
        and not measures(view, run, words)
        and not is_word(view, run, words)
        and (denied or _is_numbered(views, view, run, words))
    ]


def _is_numbered(views: Sequence[View], view: View, run: Run, words: Words) -> bool:
    """Whether "number" stands before a run, and nothing that is no house."""
    before = view.tokens[run.first - 1].lower if run.first else ""
    cues = near_cues(views, view, run.first, run.last, words)
    return before in words.any_number and (not cues or cues[0][1] != "harmless")


def said_again(views: Sequence[View], found: Sequence[Found], words: Words) -> list[Found]:
    """Where the number or name of a house is said again soon or put right: "Eleven-sixty, yes"."""
    again: list[Found] = []
    for one in found:
        view = views[one.turn]
        within = [token for token in view.tokens if one.start <= token.start < one.end]
        names = {
            (low.text, high.text)
            for low, high in pairwise(within)
            if low.text.istitle() and high.text.istitle()
        }
        numbers = {
            run.digits
            for run in view.runs
            if one.start <= run.start < one.end and len(run.digits) >= LEAST_SURE_DIGITS
        }
        for other in views[one.turn : one.turn + AGAIN_TURNS]:
            again.extend(
                Found("address", other.number, run.start, run.end)
                for run in other.runs
                if not measures(other, run, words)
                and any(
                    run.digits == number or nearly(run.digits, number, LEAST_SURE_DIGITS)
                    for number in numbers
                )
            )
            again.extend(
                Found("address", other.number, low.start, high.end)
                for low, high in pairwise(other.tokens)
                if (low.text, high.text) in names
            )
    return again
