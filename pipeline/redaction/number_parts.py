"""Numbers that go on over turns, are put right, are said again, or of which a part is said."""

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise

from pipeline.records import Kind
from pipeline.redaction.context import View, near_cues
from pipeline.redaction.found import Found
from pipeline.redaction.number_forms import SAME_DIGITS, is_all, is_word, nearly
from pipeline.redaction.spoken import Run
from pipeline.redaction.words import Words

Number = tuple[Kind, View, Run]

NEAR_STEPS = 5
"""So near, words that speak against it outweigh even a valid check digit."""
FAR_STEPS = 30
"""Words that are further off say nothing of a number."""
MOST_PUTTING_RIGHT = 16
"""Words of a turn that puts a number of the turns before right: "no, it's 18 at the end"."""
MOST_READ_BACK = 3
"""Words of a turn that says a letter again, with the letter: "B, yes"."""
MOST_PARTS = 6
"""Turns and runs over which a card number is read out."""
MOST_BETWEEN = 4
"""Words between what was read out and what puts it right: "no, sorry, it's"."""
MOST_WITHIN = 2
"""So few of them are hidden with it."""
FALSE_START_DIGITS = 2
"""So many digits before a correction are the beginning of what is then said in whole."""
BACK_TURNS = 3
"""Turns back in which a number is looked for that is gone on with."""
GROUP_DIGITS = 4
"""Cards are read in groups of so many digits."""
OTHER_NUMBERS = ("harmless", "account", "id", "phone", "secret")
"""What is said to be one of these is no card, however it is grouped."""
MOST_CODE_DIGITS = 3
"""Of a country's telephone code, and of an extension at most two more."""
_EXPIRY = re.compile(r"(?:0?[1-9]|1[0-2])(?:2[4-9]|3\d)$")
"""Month and year: cards are valid for some years from now on."""


def with_continuations(
    views: Sequence[View],
    found: Sequence[Number],
    left: Sequence[tuple[View, Run]],
    words: Words,
) -> list[Number]:
    """The numbers ``found``, and those of the ``left`` ones that belong to them."""
    beside = _beside(found, left, views, words)
    taken = {(view.number, run.first) for _, view, run in beside}
    cards = _over_turns([(view, run) for view in views for run in view.runs], views, words)
    in_cards = {(view.number, run.first) for _, view, run in cards}
    known = [
        one for one in (*found, *beside) if (one[1].number, one[2].first) not in in_cards
    ] + cards
    still = [
        (view, run)
        for view, run in left
        if (view.number, run.first) not in taken and (view.number, run.first) not in in_cards
    ]
    return [*known, *_same_again(known, still, words), *_with_cards(known, still, words)]


def _beside(
    found: Sequence[Number],
    left: Sequence[tuple[View, Run]],
    views: Sequence[View],
    words: Words,
) -> list[Number]:
    """Parts of a number that was put right, or of which a part is said on its own."""
    beside: list[Number] = []
    by_turn: dict[int, list[tuple[Kind, Run]]] = {}
    for kind, view, run in found:
        by_turn.setdefault(view.number, []).append((kind, run))
    for view, run in left:
        likely = _kind_beside(views, view, run, by_turn, words)
        if likely is not None:
            beside.append((likely, view, run))
            by_turn.setdefault(view.number, []).append((likely, run))
    return beside


def _kind_beside(
    views: Sequence[View],
    view: View,
    run: Run,
    by_turn: Mapping[int, Sequence[tuple[Kind, Run]]],
    words: Words,
) -> Kind | None:
    for kind, other in by_turn.get(view.number, ()):
        first, last = sorted((run, other), key=lambda one: one.first)
        between = [token.lower for token in view.tokens[first.last + 1 : last.first]]
        if kind == "phone" and first is other and _is_extension(between, run, words):
            return kind
        if is_word(view, run, words):
            continue
        if len(between) <= MOST_BETWEEN and _joins(between, words):
            return kind
    before = view.tokens[run.first - 1].lower if run.first else ""
    if _ends_with(view, run) or not is_word(view, run, words):
        earlier = [
            kind
            for number in range(view.number, max(-1, view.number - BACK_TURNS), -1)
            for kind, _ in by_turn.get(number, ())
        ]
        if "phone" in earlier and before == "plus" and len(run.digits) <= MOST_CODE_DIGITS:
            return "phone"
        if earlier and (
            is_all(view, run)
            or _goes_on(views, view, run, by_turn, words)
            or _ends_with(view, run)
            or _is_read_back(view, run, by_turn)
            or (len(run.digits) >= 2 and _is_part(view, run))
        ):
            return earlier[0]
    return None


def _joins(between: Sequence[str], words: Words) -> bool:
    return all(word in words.joining for word in between)


def between_parts(found: Sequence[Number], words: Words) -> list[Found]:
    """What stands between two parts of a number: "eight hundred and, no, eight oh five"."""
    ordered = sorted(found, key=lambda one: (one[1].number, one[2].first))
    return [
        Found(kind, view.number, run.start, after.end)
        for (kind, view, run), (other, later, after) in pairwise(ordered)
        if kind == other and view.number == later.number
        for between in [[token.lower for token in view.tokens[run.last + 1 : after.first]]]
        if len(between) <= MOST_WITHIN
        and (_joins(between, words) or _is_extension(between, after, words))
    ]


def _is_extension(between: Sequence[str], run: Run, words: Words) -> bool:
    """ "664-0173 extension 22"."""
    return (
        bool(between)
        and len(between) <= MOST_BETWEEN
        and any(word in words.extensions for word in between)
        and len(run.digits) <= MOST_CODE_DIGITS + 2
    )


def _ends_with(view: View, run: Run) -> bool:
    """Whether directly before stands which part it is: "last digit zero", "ending T A"."""
    return any(cue.kind == "ending" and cue.last + 1 == run.first for cue in view.cues)


def _is_part(view: View, run: Run) -> bool:
    return any(
        cue.kind == "ending" and abs(cue.first - run.last) <= NEAR_STEPS for cue in view.cues
    )


def _is_read_back(view: View, run: Run, by_turn: Mapping[int, Sequence[tuple[Kind, Run]]]) -> bool:
    """Whether a letter of an id is all that is said: "B, yes"."""
    others = len(view.tokens) - (run.last - run.first + 1)
    return others <= MOST_READ_BACK - 1 and any(
        run.value in other.value
        for number in range(view.number - BACK_TURNS, view.number)
        for _, other in by_turn.get(number, ())
    )


def _goes_on(
    views: Sequence[View], view: View, run: Run, by_turn: Mapping[int, object], words: Words
) -> bool:
    """Whether digits without a word about them follow a personal number in the turns before."""
    said = near_cues(views, view, run.first, run.last, words)
    brief = len(view.tokens) <= MOST_PUTTING_RIGHT
    near = view.number in by_turn or view.number - 1 in by_turn
    return (
        (near or (brief and view.number - 2 in by_turn))
        and (len(run.digits) >= SAME_DIGITS or (len(run.digits) > 1 and brief))
        and not any(piece.amount for piece in run.pieces)
        and not any(kind == "harmless" and steps <= FAR_STEPS // 2 for steps, kind in said)
    )


def _over_turns(
    runs: Sequence[tuple[View, Run]], views: Sequence[View], words: Words
) -> list[Number]:
    """Card numbers of which the beginning is said first and the rest later, in one turn or more."""
    from stdnum import luhn

    found: list[Number] = []
    for at, (view, _) in enumerate(runs):
        parts: list[tuple[View, Run]] = []
        for other, run in runs[at : at + MOST_PARTS]:
            if other.number - view.number > MOST_PARTS:
                break
            if not _may_go_on(parts, other, run, words):
                if other.number == view.number:
                    break
                continue
            parts.append((other, run))
            digits = "".join(run.digits for _, run in parts)
            grouped = all(_in_groups(run) for _, run in parts)
            again = len({run.digits for _, run in parts}) < len(parts)
            against = again or any(
                kind in OTHER_NUMBERS and steps <= FAR_STEPS // 2
                for part, one in parts
                for steps, kind in near_cues(views, part, one.first, one.last, words)
            )
            if len(parts) > 1 and (
                (len(digits) in (15, 16) and luhn.is_valid(digits))
                or (len(digits) == 4 * GROUP_DIGITS and grouped and not against)
            ):
                found.extend(("card", *pair) for pair in parts)
    return found


def _in_groups(run: Run) -> bool:
    return all(len(group) % GROUP_DIGITS == 0 for group in run.groups)


def _may_go_on(parts: Sequence[tuple[View, Run]], view: View, run: Run, words: Words) -> bool:
    """Whether a run may be the next part: nothing but asides between, no count or amount."""
    if run.digits != run.value or (len(run.pieces) == 1 and len(run.digits) < 2):
        return False
    if not parts:
        return True
    before, last = parts[-1]
    if view.number == before.number:
        between = [token.lower for token in view.tokens[last.last + 1 : run.first]]
        return len(between) <= MOST_BETWEEN and _joins(between, words)
    # Another's turn goes on where both read in groups; asides may come before, little after.
    return view.turn.role == before.turn.role or (
        _in_groups(last) and _in_groups(run) and view.number - before.number <= 2
    )


def _same_again(
    found: Sequence[Number], left: Sequence[tuple[View, Run]], words: Words
) -> list[Number]:
    """Numbers that are said again: the read-back, the part that was not understood."""
    again: list[Number] = []
    for view, run in left:
        for kind, other, earlier in found:
            known = earlier.digits
            same = (
                len(known) >= SAME_DIGITS
                and len(run.digits) >= SAME_DIGITS
                and (run.digits in known or known in run.digits or nearly(run.digits, known))
            )
            if same or _starts_falsely(view, run, other, earlier, words):
                again.append((kind, view, run))
                break
    return again


def _starts_falsely(view: View, run: Run, other: View, whole: Run, words: Words) -> bool:
    """Whether a speaker breaks off here and begins again: "four six, no wait, four six two"."""
    return (
        view.turn.role == other.turn.role
        and (
            (view.number == other.number and run.first < whole.first)
            or other.number - 2 <= view.number < other.number
        )
        and len(whole.digits) > SAME_DIGITS
        and FALSE_START_DIGITS <= len(run.digits) < len(whole.digits)
        and whole.digits.startswith(run.digits)
        and not is_word(view, run, words)
    )


def _with_cards(
    found: Sequence[Number], left: Sequence[tuple[View, Run]], words: Words
) -> list[Number]:
    """What looks like an expiry date beside a card number: "twelve slash thirty"."""
    cards = {view.number for kind, view, run in found if kind == "card"}
    slashes = ("/", *words.numbers.slashes)
    return [
        ("card", view, run)
        for view, run in left
        if _EXPIRY.match(run.digits)
        and len(run.digits) == len(run.value)
        and any(slash in view.text[run.start : run.end].lower() for slash in slashes)
        and cards & {view.number, view.number - 1, view.number - 2}
    ]
