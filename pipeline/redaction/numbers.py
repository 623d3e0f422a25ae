"""Which runs of digits and letters are personal: by their form, and by what is said around them."""

import re
from collections.abc import Sequence

from pipeline.records import Kind
from pipeline.redaction.context import View, near_cues
from pipeline.redaction.found import Found
from pipeline.redaction.number_forms import (
    CARD_DIGITS,
    EMERGENCY,
    PHONE_DIGITS,
    SAME_DIGITS,
    by_form,
    counts,
    is_all,
    is_word,
)
from pipeline.redaction.number_parts import (
    FAR_STEPS,
    NEAR_STEPS,
    between_parts,
    with_continuations,
)
from pipeline.redaction.spoken import Run
from pipeline.redaction.words import Words

BARE_MIXED = range(7, 20)
"""So with letters among them, or digits alone, where a turn says hardly anything else."""
BARE_DIGITS = range(9, 41)
"""A number as long as these is hidden where nothing tells what it is."""
CODE_DIGITS = range(5, 9)
"""Of codes that are sent."""
ENDING_STEPS = 2
"""Digits directly after "ending in" are a number's last ones."""
_YEAR = re.compile(r"(?:19|20)\d\d$")


def find_numbers(views: Sequence[View], words: Words) -> list[Found]:
    """Cards, security codes, accounts, ids, telephone numbers and codes."""
    found: list[tuple[Kind, View, Run]] = []
    left: list[tuple[View, Run]] = []
    harmless: list[str] = []
    for view in views:
        for run in view.runs:
            if counts(view, run, words):
                continue
            if is_word(view, run, words):
                left.append((view, run))
                continue
            kind = _kind_of(views, view, run, harmless, words)
            if kind is None:
                left.append((view, run))
            else:
                found.append((kind, view, run))
    found = with_continuations(views, found, left, words)
    alone = [Found(kind, view.number, _start(view, run), run.end) for kind, view, run in found]
    return [*alone, *between_parts(found, words)]


def _start(view: View, run: Run) -> int:
    """Where a number starts, with a "plus" before it."""
    before = view.tokens[run.first - 1] if run.first else None
    if before is not None and before.lower == "plus":
        return before.start
    return run.start - (view.text[max(0, run.start - 1) : run.start] in ("+", "("))


def _kind_of(
    views: Sequence[View], view: View, run: Run, harmless: list[str], words: Words
) -> Kind | None:
    cues = near_cues(views, view, run.first, run.last, words)
    said = [pair for pair in cues if pair[0] <= FAR_STEPS]
    against = said and said[0][1] == "harmless" and said[0][0] <= NEAR_STEPS
    if len(run.digits) >= SAME_DIGITS and run.digits in harmless:
        return None
    form = by_form(view, run)
    # Ids are read in the groups of telephone numbers too.
    named = said and said[0][1] == "id"
    if form is not None and not against and not (named and form == "phone"):
        return form
    if len(run.digits) == 0:
        return None
    part = any(kind == "ending" and steps <= FAR_STEPS // 2 for steps, kind in said)
    said_harmless = any(kind == "harmless" for _, kind in said)
    ends = any(kind == "ending" and steps <= ENDING_STEPS for steps, kind in said)
    for steps, kind in said:
        if kind == "harmless" and (not ends or steps <= NEAR_STEPS):
            harmless.append(run.digits)
            return None
        if kind == "expiry" and not is_of_card(said):
            continue
        if kind != "ending" and _fits(kind, run, part, steps):
            return _as_kind(kind)
        if kind == "cvv" and _is_code(run, steps) and not said_harmless:
            return "secret"
    if part and not said_harmless and len(run.digits) == len(run.value) > 1 and is_all(view, run):
        return "card"
    if ends and len(run.digits) == len(run.value) == SAME_DIGITS and not _YEAR.match(run.value):
        return "card"
    told = said_harmless or any(kind == "address" for _, kind in said)
    if len(run.value) in BARE_MIXED and not told and is_all(view, run):
        return "id" if len(run.digits) < len(run.value) else "phone"
    if len(run.digits) == len(run.value) in BARE_DIGITS:
        return "phone" if len(run.digits) < CARD_DIGITS.start else "card"
    return None


def is_of_card(said: Sequence[tuple[int, str]]) -> bool:
    """Whether an expiry date among these cues is a card's: vouchers and contracts have one too."""
    kinds = {kind for _, kind in said}
    return not kinds & {"harmless", "id"} or bool(kinds & {"card", "cvv"})


def _as_kind(kind: str) -> Kind | None:
    kinds: dict[str, Kind] = {
        "card": "card",
        "expiry": "card",
        "cvv": "cvv",
        "account": "account",
        "id": "id",
        "phone": "phone",
        "secret": "secret",
    }
    return kinds.get(kind)


def _is_code(run: Run, steps: int) -> bool:
    """Whether digits that are called a code are longer than a card's: "a code, 830 274"."""
    return (
        len(run.digits) == len(run.value) in CODE_DIGITS
        and steps <= 2 * NEAR_STEPS
        and not any(piece.amount and len(piece.value) > 2 for piece in run.pieces)
    )


def _fits(kind: str, run: Run, part: bool, steps: int) -> bool:
    """Whether a run may be of a kind by its length; ``part``: only some digits of it are said."""
    digits, letters = len(run.digits), len(run.value) - len(run.digits)
    near = steps <= 2 * NEAR_STEPS
    if kind == "card":
        fragment = digits >= 4 or (part and digits >= 2)
        return letters == 0 and digits <= 19 and fragment and (digits >= 8 or part or near)
    if kind == "expiry":
        return letters == 0 and 1 <= digits <= 6 and (near if digits > 2 else steps <= NEAR_STEPS)
    if kind == "cvv":
        return letters == 0 and (
            3 <= digits <= 4 or (part and digits < 3 and steps <= FAR_STEPS // 2)
        )
    if kind == "account":
        return digits >= 5 or (digits >= 2 and (part or near) and digits + letters >= 3)
    if kind == "id":
        return digits + letters >= 5 or (digits + letters >= 3 and (part or near))
    if kind == "phone":
        if letters or (run.digits in EMERGENCY and not part):
            return False
        if digits in PHONE_DIGITS or (part and digits >= 2):
            return True
        return digits >= 3 and steps <= NEAR_STEPS and not any(p.amount for p in run.pieces)
    if kind == "secret":
        return 2 <= digits + letters <= 12 and digits >= 2
    return False
