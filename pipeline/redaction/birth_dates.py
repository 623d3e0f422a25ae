"""Dates of birth: dates that are said where somebody's birth is talked about."""

import re
from collections.abc import Sequence

from pipeline.records import Kind
from pipeline.redaction.context import View, near_cues
from pipeline.redaction.found import Found
from pipeline.redaction.numbers import is_of_card
from pipeline.redaction.words import Words, any_of

NEAR_STEPS = 22
"""So near the birth must be talked about."""
EXPIRY_STEPS = 16
MOST_PUTTING_RIGHT = 12
"""Words of a turn that puts a date right: "it's the twenty-first"."""
AGAIN_TURNS = 2
"""Turns after a date of birth in which it is read back or put right."""
_LONG_AGO_WRITTEN = re.compile(r"\b\d{1,2}\s?[/.-]\s?\d{1,2}\s?[/.-]\s?(?:19[2-9]\d|[3-9]\d)(?!\d)")
_WHOLE = re.compile(
    r"(?:(?:0?[1-9]|[12]\d|3[01])(?:0?[1-9]|1[0-2])|(?:0?[1-9]|1[0-2])(?:0?[1-9]|[12]\d|3[01]))"
    r"(?:(?:19|20)\d\d|[2-9]\d)$"
)
_ORDINAL = re.compile(r"\d{1,2}(?:st|nd|rd|th)$")


def find_birth_dates(views: Sequence[View], words: Words) -> list[Found]:
    """All dates of birth, in whole or in part."""
    long_ago = _long_ago(words)
    found: list[Found] = []
    for view in views:
        for first, last, numbers, month in _dates(view, words):
            # No security code has a month, and no card number.
            others = ("ending", "cvv", "card") if month else ("ending",)
            said = near_cues(views, view, first, last, words)
            cues = [pair for pair in said if pair[1] not in others]
            start, end = view.tokens[first].start, view.tokens[last].end
            # "Won't be a second", "the other one".
            one_word = first == last and view.tokens[last].lower in words.not_dates
            if (
                cues
                and cues[0][1] == "expiry"
                and cues[0][0] <= EXPIRY_STEPS
                and (month or numbers > 1)
                and is_of_card(said)
            ):
                found.append(Found("card", view.number, start, end))
                continue
            before = view.tokens[first - 1].lower if first else ""
            exact = view.tokens[first].lower == "the"  # "it should be the second"
            if not month and numbers == 1 and before in words.ages and not exact:
                continue
            steps = next((steps for steps, kind in cues if kind == "birth_date"), None)
            nearer = [other for s, other in cues if steps is not None and s < steps]
            about = (
                steps is not None
                and steps <= NEAR_STEPS
                and not any(
                    kind in ("expiry", "harmless", "card", "phone", "id", "address")
                    for kind in nearer
                )
            )
            again = any(
                f.kind == "birth_date" and view.number - AGAIN_TURNS <= f.turn <= view.number
                for f in found
            )
            whole = numbers >= 2 or month
            # "The first line" is no date.
            alone = view.pauses_after(last) and not one_word
            put_right = again and len(view.tokens) <= MOST_PUTTING_RIGHT and not nearer
            if (
                (about and (whole or (_answers(views, view, first, last, words) and not one_word)))
                or (again and whole and not nearer)
                or ((put_right or (again and about)) and alone)
                or (_is_whole_turn(view) and not cues)
                or (_LONG_AGO_WRITTEN.search(view.text[start:end]) and not nearer)
                or (month and numbers > 1 and long_ago.search(view.text[start:end]) and not nearer)
            ):
                # "My date of birth is the 3rd of May and my pin is 4711."
                code = bool(cues) and cues[0][1] == "secret" and not month
                kind: Kind = "secret" if code else "birth_date"
                found.append(Found(kind, view.number, start, end))
    return found


def _long_ago(words: Words) -> re.Pattern[str]:
    """A year of the last century: a whole date with it is hardly any but somebody's birth."""
    return re.compile(rf"\b19[2-9]\d\b|\b{any_of(words.last_century, '[ -]')}", re.IGNORECASE)


def date_spans(view: View, words: Words) -> list[tuple[int, int]]:
    """First and last word of what is a date with a month."""
    return [(first, last) for first, last, _, month in _dates(view, words) if month]


def _dates(view: View, words: Words) -> list[tuple[int, int, int, bool]]:
    """Stretches that may be dates: first and last word, how many numbers, whether with a month."""
    dates = []
    lower = [token.lower for token in view.tokens]
    at = 0
    while at < len(lower):
        if not (_is_number(lower[at], words) or _is_month(view, at, words)):
            at += 1
            continue
        last, numbers, month = at, 0, False
        here = at
        while here < len(lower):
            if here > at and re.search(
                r"[?!;:]|\.\s", view.text[view.tokens[here - 1].end : view.tokens[here].start]
            ):
                break
            if _is_month(view, here, words):
                month, last = True, here
            elif _is_number(lower[here], words):
                unit = (
                    here > at
                    and lower[here - 1] in words.numbers.tens
                    and not lower[here].isdigit()
                )
                numbers, last = numbers + (not unit), here
            elif lower[here] not in words.date_joins:
                break
            here += 1
        if " ".join(lower[last + 1 : last + 3]) in words.date_tails:
            last += 2
        first = at
        if first and lower[first - 1] == "the":
            first -= 1
        dates.append((first, last, numbers, month))
        at = here + 1 if here == at else here
    return dates


def _is_whole_turn(view: View) -> bool:
    """Whether nothing but day, month and year is said: "twelve, six, sixty-four"."""
    if len(view.runs) != 1:
        return False
    (run,) = view.runs
    return (
        run.last - run.first + 1 == len(view.tokens)
        and len(run.pieces) >= 3
        and _WHOLE.match(run.value) is not None
        and any(piece.amount or len(piece.value) in (2, 4) for piece in run.pieces)
    )


def _answers(views: Sequence[View], view: View, first: int, last: int, words: Words) -> bool:
    """Whether a number is all of an answer to who asks for a birth: "The year?" "Eighty-eight."."""
    before = views[view.number - 1] if view.number else None
    said = [*view.tokens[:first], *view.tokens[last + 1 :]]
    return (
        before is not None
        and before.turn.role != view.turn.role
        and before.cues[-1:] != ()
        and before.cues[-1].kind == "birth_date"
        and all(token.lower in words.fills for token in said)
    )


def _is_month(view: View, at: int, words: Words) -> bool:
    token = view.tokens[at]
    if token.lower not in words.months:
        return False
    if token.lower not in words.month_verbs or token.text[0].isupper():
        return True
    # These are verbs too where they are not written as names and no number stands beside them.
    beside = [view.tokens[n].lower for n in (at - 1, at + 1) if 0 <= n < len(view.tokens)]
    return any(_is_number(word, words) or word in words.beside_months for word in beside)


def _is_number(word: str, words: Words) -> bool:
    numbers = words.numbers
    return (
        word.isdigit()
        or bool(_ORDINAL.match(word))
        or word in words.ordinals
        or numbers.has(word)
        or word in numbers.hundreds
        or word in numbers.repeats
    )
