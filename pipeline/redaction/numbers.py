"""Which runs of digits and letters are personal: by their form, and by what is said around them."""

import re
from collections.abc import Mapping, Sequence

from pipeline.records import Kind
from pipeline.redaction.context import View, near_cues
from pipeline.redaction.found import Found
from pipeline.redaction.spoken import Run
from pipeline.redaction.words import Words

NEAR_STEPS = 5
"""So near, words that speak against it outweigh even a valid check digit."""
FAR_STEPS = 30
"""Words that are further off say nothing of a number."""
CARD_DIGITS = range(13, 20)
PHONE_DIGITS = range(7, 16)
BARE_MIXED = range(7, 20)
"""So with letters among them, or digits alone, where a turn says hardly anything else."""
BARE_DIGITS = range(9, 20)
"""A number as long as these is hidden where nothing tells what it is."""
MOST_COUNTED_DIGITS = 6
"""Longer numbers count nothing, whatever follows them."""
ENDING_STEPS = 2
"""Digits directly after "ending in" are a number's last ones."""
MOST_PUTTING_RIGHT = 12
"""Words of a turn that puts a number of the turn before right: "no, it's 18 at the end"."""
MOST_OTHERS = 4
"""Words beside a number in a turn that hardly says anything else."""
MOST_MISHEARD = 2
MOST_PARTS = 6
"""Turns and runs over which a card number is read out."""
MOST_BETWEEN = 4
"""Words between what was read out and what puts it right: "no, sorry, it's"."""
SAME_DIGITS = 4
"""So many digits in common make a number the same as one said before."""
REGIONS = ("US", "GB", "IE", "IN", "AU", "CA", "NZ", "ZA", "DE", "FR", "ES")
"""Whose ways of writing telephone numbers are known without a country code."""

_DATE = re.compile(
    r"\d{1,4}\s*[/.]\s*\d{1,2}\s*[/.]\s*\d{1,4}(?!\d)(?!\s?[-/\d])|\d{4}-\d{2}-\d{2}$"
)
_AMOUNT = re.compile(r"\d{1,3}(?:,\d{3})*\.\d{1,2}$|\d{1,3}(?:,\d{3})+$|\d{1,2}:\d{2}")
_WRITTEN_PHONE = re.compile(
    r"\+\s?\d[\d\s().-]{7,16}\d|\(0?\d{2,4}\)\s?\d{3,4}[\s-]?\d{3,4}|\b\d{3}[-.\s]\d{3}[-.\s]\d{4}\b"
    r"|\b0\d{2,4}[\s-]\d{3,4}[\s-]\d{3,4}\b|\b0\d{4}\s\d{6}\b|\b0[78]\d{8,9}\b"
)
# Forms of national ids that nothing else has: US SSN, UK National Insurance, Indian PAN.
_ID_FORMS = (
    re.compile(r"[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z]\d{6}[A-D]$"),
    re.compile(r"[A-Z]{3}[PCHFATBLJG][A-Z]\d{4}[A-Z]$"),
    re.compile(r"\d{7}[A-W][A-IW]?$"),
)
_GSTIN = re.compile(r"\d{2}[A-Z]{5}\d{4}[A-Z]\w{3}$")
_SORT_CODE = re.compile(r"\d\d( dash | |-)\d\d( dash | |-)\d\d$")
_YEAR = re.compile(r"(?:19|20)\d\d$")
_WRITTEN_SSN = re.compile(r"\d{3}-\d{2}-\d{4}$")


def find_numbers(views: Sequence[View], words: Words) -> list[Found]:
    """Cards, security codes, accounts, ids, telephone numbers and codes."""
    found: list[tuple[Kind, View, Run]] = []
    left: list[tuple[View, Run]] = []
    harmless: list[str] = []
    for view in views:
        for run in view.runs:
            if _counts(view, run, words):
                continue
            kind = _kind_of(views, view, run, harmless)
            if kind is None:
                left.append((view, run))
            else:
                found.append((kind, view, run))
    for kind, view, run in _beside(views, found, left, words):
        found.append((kind, view, run))
        left.remove((view, run))
    cards = _over_turns([(view, run) for view in views for run in view.runs])
    in_cards = {(view.number, run.first) for _, view, run in cards}
    found = [one for one in found if (one[1].number, one[2].first) not in in_cards] + cards
    found.extend(_same_again(found, left))
    return [Found(kind, view.number, _start(view, run), run.end) for kind, view, run in found]


def _start(view: View, run: Run) -> int:
    """Where a number starts, with a "plus" before it."""
    before = view.tokens[run.first - 1] if run.first else None
    if before is not None and before.lower == "plus":
        return before.start
    return run.start - (view.text[max(0, run.start - 1) : run.start] in ("+", "("))


def _beside(
    views: Sequence[View],
    found: Sequence[tuple[Kind, View, Run]],
    left: Sequence[tuple[View, Run]],
    words: Words,
) -> list[tuple[Kind, View, Run]]:
    """Parts of a number that was put right, or of which a part is said on its own."""
    beside = []
    by_turn: dict[int, list[tuple[Kind, Run]]] = {}
    for kind, view, run in found:
        by_turn.setdefault(view.number, []).append((kind, run))
    joining = {*words.numbers.corrects, *words.numbers.between}
    for view, run in left:
        if run.value in ("I", "A"):  # words, after all
            continue
        for kind, other in by_turn.get(view.number, ()):
            first, last = sorted((run, other), key=lambda one: one.first)
            between = view.tokens[first.last + 1 : last.first]
            if len(between) <= MOST_BETWEEN and all(token.lower in joining for token in between):
                beside.append((kind, view, run))
                by_turn[view.number].append((kind, run))
                break
        else:
            earlier = [
                kind
                for number in range(view.number, max(-1, view.number - 3), -1)
                for kind, _ in by_turn.get(number, ())
            ]
            if earlier and (_is_all(view, run) or _goes_on(views, view, run, by_turn)):
                beside.append((earlier[0], view, run))
                by_turn.setdefault(view.number, []).append((earlier[0], run))
            elif (
                earlier
                and len(run.digits) >= 2
                and any(
                    cue.kind == "ending" and abs(cue.first - run.last) <= NEAR_STEPS
                    for cue in view.cues
                )
            ):
                beside.append((earlier[0], view, run))
    return beside


def _kind_of(views: Sequence[View], view: View, run: Run, harmless: list[str]) -> Kind | None:
    said = [pair for pair in near_cues(views, view, run.first, run.last) if pair[0] <= FAR_STEPS]
    against = said and said[0][1] == "harmless" and said[0][0] <= NEAR_STEPS
    form = _by_form(view, run)
    if form is not None and not against:
        return form
    if len(run.digits) == 0:
        return None
    if len(run.digits) >= SAME_DIGITS and run.digits in harmless:
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
    if part and not said_harmless and len(run.digits) == len(run.value) > 1 and _is_all(view, run):
        return "card"
    if ends and len(run.digits) == len(run.value) == SAME_DIGITS and not _YEAR.match(run.value):
        return "card"
    told = said_harmless or any(kind == "address" for _, kind in said)
    if len(run.value) in BARE_MIXED and not told and _is_all(view, run):
        return "id" if len(run.digits) < len(run.value) else "phone"
    if len(run.digits) == len(run.value) in BARE_DIGITS:
        return "card" if len(run.digits) in CARD_DIGITS else "phone"
    return None


def is_of_card(said: Sequence[tuple[int, str]]) -> bool:
    """Whether an expiry date among these cues is a card's: vouchers and contracts have one too."""
    kinds = {kind for _, kind in said}
    return "harmless" not in kinds or bool(kinds & {"card", "cvv"})


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


def _by_form(view: View, run: Run) -> Kind | None:
    """What a run is whatever is said of it: valid check digits and forms that nothing else has."""
    from stdnum import iban, luhn
    from stdnum.in_ import aadhaar

    value, digits = run.value, run.digits
    text = view.text[run.start : run.end]
    if len(value) == len(digits) and len(digits) in CARD_DIGITS and luhn.is_valid(digits):
        return "card"
    if len(value) >= 15 and value[:2].isalpha() and iban.is_valid(value, check_country=False):
        return "account"
    if any(form.match(value) for form in _ID_FORMS) or _WRITTEN_SSN.match(text):
        return "id"
    if _SORT_CODE.match(text) or (len(value) == 15 and _GSTIN.match(value)):
        return "account" if _SORT_CODE.match(text) else "id"
    if view.text[: run.start].lower().rstrip().endswith("plus") and len(digits) in PHONE_DIGITS:
        return "phone"
    if len(digits) == len(value) == 12 and aadhaar.is_valid(digits):
        return "id"
    before = view.text[max(0, run.start - 3) : run.start]
    written = before[before.rfind(" ") + 1 :] + text
    if len(digits) == len(value) and _WRITTEN_PHONE.search(written) and _possible_phone(written):
        return "phone"
    return None


def _possible_phone(written: str) -> bool:
    import phonenumbers

    if "+" in written:
        return any(True for _ in phonenumbers.PhoneNumberMatcher(written, None))
    digits = re.sub(r"\D", "", written)
    for region in REGIONS:
        try:
            number = phonenumbers.parse(digits, region)
        except phonenumbers.NumberParseException:
            continue
        if phonenumbers.is_valid_number(number):
            return True
    return False


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
        return letters == 0 and 3 <= digits <= 4
    if kind == "account":
        return digits >= 5 or (digits >= 2 and (part or near) and digits + letters >= 3)
    if kind == "id":
        return digits + letters >= 5 or (digits + letters >= 3 and (part or near))
    if kind == "phone":
        if letters:
            return False
        if digits in PHONE_DIGITS or (part and digits >= 2):
            return True
        return digits >= 3 and steps <= NEAR_STEPS and not any(p.amount for p in run.pieces)
    if kind == "secret":
        return 2 <= digits + letters <= 12 and digits >= 2
    return False


def _counts(view: View, run: Run, words: Words) -> bool:
    """Whether a run measures or counts something, or is a date, a time or a price."""
    text = view.text[run.start : run.end]
    before, after = view.text[: run.start].rstrip(), view.text[run.end :]
    if before[-1:] in words.money or after[:1] in ("%", "°") or _DATE.match(text):
        return True
    if _AMOUNT.match(text) and len(text) <= 10:
        return True
    if re.match(r":\d\d", after) or re.search(r"\d:$", before[-2:]):
        return True
    if run.last + 1 == len(view.tokens) or len(run.digits) > MOST_COUNTED_DIGITS:
        return False
    following = view.tokens[run.last + 1]
    joined = re.fullmatch(r"[\s-]?", view.text[run.end : following.start])
    return joined is not None and following.lower in words.units


def _is_all(view: View, run: Run) -> bool:
    """Whether a turn hardly says anything but a number: one that goes on or is read back."""
    others = len(view.tokens) - (run.last - run.first + 1)
    return len(run.value) >= 1 and others <= MOST_OTHERS and len(run.pieces) > others


def _goes_on(views: Sequence[View], view: View, run: Run, by_turn: Mapping[int, object]) -> bool:
    """Whether digits without a word about them follow a personal number in the turn before."""
    said = near_cues(views, view, run.first, run.last)
    return (
        (view.number in by_turn or view.number - 1 in by_turn)
        and (
            len(run.digits) >= SAME_DIGITS
            or (len(run.digits) > 1 and len(view.tokens) <= MOST_PUTTING_RIGHT)
        )
        and not any(piece.amount for piece in run.pieces)
        and not any(kind == "harmless" and steps <= FAR_STEPS // 2 for steps, kind in said)
    )


def _over_turns(runs: Sequence[tuple[View, Run]]) -> list[tuple[Kind, View, Run]]:
    """Card numbers of which one turn says the beginning and a later one of the speaker the rest."""
    from stdnum import luhn

    found: list[tuple[Kind, View, Run]] = []
    for at, (view, _) in enumerate(runs):
        parts = [
            pair
            for pair in runs[at : at + MOST_PARTS]
            if pair[0].turn.role == view.turn.role
            and pair[1].digits == pair[1].value
            and pair[0].number - view.number <= MOST_PARTS
        ]
        for count in range(2, len(parts) + 1):
            digits = "".join(run.digits for _, run in parts[:count])
            if len(digits) in (15, 16) and luhn.is_valid(digits):
                found.extend(("card", *pair) for pair in parts[:count])
    return found


def _nearly(one: str, other: str) -> bool:
    """Whether two numbers differ in a digit or two, as if misheard."""
    if len(one) != len(other) or len(one) <= SAME_DIGITS:
        return False
    return sum(a != b for a, b in zip(one, other, strict=True)) <= MOST_MISHEARD


def _same_again(
    found: Sequence[tuple[Kind, View, Run]], left: Sequence[tuple[View, Run]]
) -> list[tuple[Kind, View, Run]]:
    """Numbers that are said again: the read-back, the part that was not understood."""
    again = []
    for view, run in left:
        if len(run.digits) < SAME_DIGITS:
            continue
        for kind, _, earlier in found:
            known = earlier.digits
            if len(known) >= SAME_DIGITS and (
                run.digits in known or known in run.digits or _nearly(run.digits, known)
            ):
                again.append((kind, view, run))
                break
    return again
