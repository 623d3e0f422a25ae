"""Addresses: what the model labels as parts of one, street words, postcodes."""

import re
from collections.abc import Sequence

from pipeline.redaction.context import View, near_cues
from pipeline.redaction.found import Found
from pipeline.redaction.house_numbers import (
    LEAST_SURE_DIGITS,
    MOST_HOUSE_DIGITS,
    measures,
    put_right,
    said_again,
)
from pipeline.redaction.model_words import likely_words
from pipeline.redaction.spoken import Run
from pipeline.redaction.words import Words

LIKELY = 0.5
"""A word is part of an address from here on, by the model."""
LIKELY_TOWN = 0.02
"""The model is unsure of towns without capitals; after a street there is hardly anything else."""
NEAR_STEPS = 20
LONG_STEPS = 14
TOWN_STEPS = 5
"""A town alone is an address only so near to what asks for one."""
SHORT_STEPS = 7
"""One or two digits are a house number only so near to what says so."""
POSTCODE_LENGTHS = range(5, 8)
"""Of postcodes with letters in them."""
ASKED_WORDS = 3
"""A question asks for what it names so near its end."""
MOST_ANSWERED = 5
"""Words of an address that is all of an answer."""
SHORTENED = 3
"""Letters of a word that is cut short with a full stop."""
MOST_GAP = 2
"""Words within an address that the model does not label."""
_POSTCODES = re.compile(
    r"\b[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}\b|\b[A-Z]\d[\dW] ?[A-Z\d]{4}\b|\b[A-Z]\d[A-Z] ?\d[A-Z]\d\b"
    r"|\b[A-Z]{2} \d{5}(?:-\d{4})?\b"
)

_OTHER_STREETS = re.compile(
    r"\b\w{2,}(?:straße|strasse|platz|gasse|allee|straat|laan|gracht|gatan|vägen|gade|vej) \d+\w?\b"
    r"|\b(?:Calle|Avenida|Via|Viale|Piazza|Plaza|Rua|Ulica)(?: [\wÀ-ÿ]+){1,3},? \d+\b"
    r"|\b\d{1,4},? (?:rue|chemin|allée|impasse|quai)(?: [\wÀ-ÿ'’]+){1,4}\b"
)


def find_addresses(views: Sequence[View], words: Words) -> list[Found]:
    """Street addresses, postcodes, and towns that belong to them."""
    found: list[Found] = []
    for view in views:
        found.extend(_by_postcode(views, view, words))
        found.extend(_by_street(views, view, words))
        found.extend(_by_other_street(view, words))
        found.extend(_by_street_name(views, view, words))
        found.extend(_by_model(views, view, words))
        found.extend(_by_cue(views, view, words))
        found.extend(_by_answer(views, view, words))
        found.extend(put_right(views, view, found, words))
    return [*found, *said_again(views, found, words)]


def _by_postcode(views: Sequence[View], view: View, words: Words) -> list[Found]:
    """Postcodes as they are written, with the places before them."""
    found = []
    for match in _POSTCODES.finditer(view.text):
        inside = _tokens_in(view, match)
        cues = near_cues(views, view, inside[0], inside[-1], words)
        if cues and cues[0][1] == "harmless" and cues[0][0] <= SHORT_STEPS:
            continue
        first, last = _with_places(view, inside[0], inside[-1], words)
        found.append(Found("address", view.number, view.tokens[first].start, view.tokens[last].end))
    return found


def _by_other_street(view: View, words: Words) -> list[Found]:
    """Streets as other languages write them: "Königstraße 77", "12 rue de la Paix"."""
    found = []
    for match in _OTHER_STREETS.finditer(view.text):
        inside = _tokens_in(view, match)
        first, last = _with_places(view, inside[0], inside[-1], words)
        found.append(Found("address", view.number, view.tokens[first].start, view.tokens[last].end))
    return found


def _by_answer(views: Sequence[View], view: View, words: Words) -> list[Found]:
    """What is all of an answer to a question for an address: "And the street?" "Mill Bank."."""
    before = views[view.number - 1] if view.number else None
    if before is None or not before.cues or not before.text.rstrip().endswith("?"):
        return []
    cue = before.cues[-1]
    if cue.kind != "address" or len(before.tokens) - cue.last > ASKED_WORDS:
        return []
    said = [n for n, token in enumerate(view.tokens) if token.lower not in words.plain]
    if not said or len(said) > MOST_ANSWERED:
        return []
    first, last = said[0], said[-1]
    named = all(
        token.text[0].isupper()
        and len(token.text) > 1
        and token.lower not in words.no_names
        and token.lower.split("'")[0] not in words.plain
        for token in view.tokens[first : last + 1]
    )
    pause = re.search(r"[.?!;]", view.text[view.tokens[first].start : view.tokens[last].end])
    if not named or pause:
        return []
    return [Found("address", view.number, view.tokens[first].start, view.tokens[last].end)]


def _tokens_in(view: View, match: re.Match[str]) -> list[int]:
    return [
        n
        for n, token in enumerate(view.tokens)
        if token.start < match.end() and token.end > match.start()
    ]


def _by_street_name(views: Sequence[View], view: View, words: Words) -> list[Found]:
    """A street without a number, where addresses are talked about: "The Old Forge, Mill Lane"."""
    found = []
    for at in range(1, len(view.tokens)):
        token, before = view.tokens[at], view.tokens[at - 1]
        if token.lower not in words.sure_streets or not token.text[0].isupper():
            continue
        if not before.text[0].isupper() or before.lower in words.plain:
            continue
        cues = near_cues(views, view, at - 1, at, words)
        nearest = next(((s, kind) for s, kind in cues if kind != "ending"), None)
        about = nearest is not None and nearest[1] == "address" and nearest[0] <= NEAR_STEPS
        after = view.tokens[at + 1].lower if at + 1 < len(view.tokens) else ""
        housed = _follows_house(view, at - 1, words) and after not in words.premises
        if not about and not housed:
            continue
        first, last = _with_places(view, at - 1, at, words)
        found.append(Found("address", view.number, view.tokens[first].start, view.tokens[last].end))
    return found


def _follows_house(view: View, at: int, words: Words) -> bool:
    """Whether a house with a name stands before a street: "Rose Cottage, Back Lane"."""
    if not at:
        return False
    house, street = view.tokens[at - 1], view.tokens[at]
    between = view.text[house.end : street.start]
    return house.text.istitle() and house.lower in words.houses and between == ", "


def _by_street(views: Sequence[View], view: View, words: Words) -> list[Found]:
    """A number and a street, and the places written after them: "3 Wattle Court, Darwin"."""
    cased = view.cased
    found = []
    for run in view.runs:
        if not run.digits or len(run.digits) > MOST_HOUSE_DIGITS:
            continue
        for at in range(run.last + 2, min(run.last + 5, len(view.tokens))):
            name = view.tokens[run.last + 1 : at + 1]
            # "3 Business Park": in capitals it is no unit.
            if any(
                not token.text[0].isalpha()
                or (token.lower in words.units and not token.text.istitle())
                for token in name
            ):
                break
            if re.search(r"[?!]", view.text[run.end : name[-1].start]):
                break
            if cased and not all(token.text[0].isupper() for token in name):
                break
            if name[-1].lower in (words.streets if cased else words.sure_streets):
                first, last = _with_places(view, run.first, at, words)
                if not cased:
                    last = _with_town(views, view, last, words)
                found.append(
                    Found("address", view.number, view.tokens[first].start, view.tokens[last].end)
                )
                break
    return found


def _with_town(views: Sequence[View], view: View, last: int, words: Words) -> int:
    """In a text without capitals, what the model thinks a place directly after the street."""
    likely = likely_words(views, view)
    while last + 1 < len(view.tokens):
        token, shares = view.tokens[last + 1], likely[last + 1]
        place = max(shares[group] for group in ("street", "city", "state", "zip"))
        if token.lower not in words.after_streets and (
            place < LIKELY_TOWN or token.lower in words.plain
        ):
            break
        last += 1
    return last


def _with_places(view: View, first: int, last: int, words: Words) -> tuple[int, int]:
    """With the words around it that are written as names or numbers, within the sentence."""
    if not view.cased:
        while first and view.tokens[first - 1].lower in words.dwellings:
            first -= 1
        return first, last
    numbers = {n for run in view.runs if run.digits for n in range(run.first, run.last + 1)}

    def is_part(at: int) -> bool:
        token = view.tokens[at]
        if token.text[0].isdigit() or at in numbers or token.lower in words.dwellings:
            return True
        return token.text[0].isupper() and (
            token.lower.split("'")[0] not in words.plain or token.lower in words.address_heads
        )

    def belongs(at: int, beside: int) -> bool:
        low, high = min(at, beside), max(at, beside)
        between = view.text[view.tokens[low].end : view.tokens[high].start]
        if between.startswith(".") and len(view.tokens[low].text) <= SHORTENED:
            between = between[1:]  # "Road No. 12", "St. Mary's"
        return between.strip(" ,-–/#") == ""

    def reach(at: int, step: int) -> int:
        """The last word that belongs, over joining words if more comes after them."""
        end = at
        here = at + step
        while 0 <= here < len(view.tokens) and belongs(here, here - step):
            if is_part(here):
                end = here
            elif (
                view.tokens[here].lower not in (*words.address_joins, *words.ordinals)
                or abs(here - end) > MOST_GAP
            ):
                break
            here += step
        return end

    return reach(first, -1), reach(last, 1)


def _by_cue(views: Sequence[View], view: View, words: Words) -> list[Found]:
    found = []
    for run in view.runs:
        said = near_cues(views, view, run.first, run.last, words)
        cues = [pair for pair in said if pair[1] != "ending"]
        if cues and run is not view.runs[0] and cues[0][1] == "birth_date":
            cues = cues[1:]  # both were asked for, the date first
        before = [token.lower for token in view.tokens[max(0, run.first - 2) : run.first]]
        if before == words.at_number and view.pauses_after(run.last):
            start = view.tokens[run.first - 1].start
            found.append(Found("address", view.number, start, run.end))
        if not cues or cues[0][1] != "address" or cues[0][0] > NEAR_STEPS:
            continue
        digits = len(run.digits)
        coded = len(run.value) in POSTCODE_LENGTHS and digits < len(run.value)
        near = LONG_STEPS if digits >= LEAST_SURE_DIGITS or coded else SHORT_STEPS
        measured = measures(view, run, words)
        if digits < LEAST_SURE_DIGITS and not coded and not _is_said_alone(view, run, words):
            continue
        if 0 < digits <= 9 and len(run.value) <= 10 and cues[0][0] <= near and not measured:
            first, last = run.first, run.last
            if digits >= LEAST_SURE_DIGITS or view.tokens[first - 1].lower in words.dwellings:
                first, last = _with_places(view, first, last, words)
            start, end = view.tokens[first].start, view.tokens[last].end
            found.append(Found("address", view.number, start, end))
    return found


def _is_said_alone(view: View, run: Run, words: Words) -> bool:
    """Whether a pause follows a short number, or "number" stands before it: a house number."""
    before = view.tokens[run.first - 1].lower if run.first else ""
    if before in words.any_number or before in words.dwellings:
        return True
    return view.pauses_after(run.last) or view.tokens[run.last + 1].text[0].isupper()


def _by_model(views: Sequence[View], view: View, words: Words) -> list[Found]:
    likely = likely_words(views, view)
    lower = [token.lower for token in view.tokens]
    in_run = {n for run in view.runs for n in range(run.first, run.last + 1) if run.digits}
    parts = []
    for at in range(len(lower)):
        shares = likely[at]
        place = sum(shares[g] for g in ("building", "street", "secondary", "city", "state", "zip"))
        # Streets are named after persons: "malone park".
        if at + 1 < len(lower) and lower[at + 1] in words.streets:
            place += shares["name"]
        parts.append(place >= LIKELY)
    found = []
    at = 0
    while at < len(parts):
        if not parts[at]:
            at += 1
            continue
        first = last = at
        here = at + 1
        while here < len(parts) and here - last <= MOST_GAP + 1:
            if re.search(
                r"[?!]|\.\s(?![a-z])",
                view.text[view.tokens[here - 1].end : view.tokens[here].start],
            ):
                break
            if parts[here] or here in in_run or lower[here] in words.streets:
                last = here
            here += 1
        while first > 0 and (first - 1 in in_run or lower[first - 1] in words.dwellings):
            first -= 1
        at = last + 1
        if _is_address(views, view, words, first, last, likely):
            first, last = _with_places(view, first, last, words)
            start, end = view.tokens[first].start, view.tokens[last].end
            found.append(Found("address", view.number, start, end))
    return found


def _is_address(
    views: Sequence[View],
    view: View,
    words: Words,
    first: int,
    last: int,
    likely: Sequence[dict[str, float]],
) -> bool:
    stretch = range(first, last + 1)
    lower = [view.tokens[n].lower for n in stretch]
    number = any(run.digits and first <= run.first <= last for run in view.runs)
    named = any(word in words.streets for word in lower)
    if view.cased:
        capitals = [n for n in stretch if view.tokens[n].text[0].isupper()]
        named = named or sum(len(view.tokens[n].text) > 1 for n in capitals) > 1
    street = any(likely[n]["street"] >= LIKELY for n in stretch) or any(
        word in words.streets for word in lower
    )
    after = view.tokens[last + 1].lower if last + 1 < len(view.tokens) else ""
    if not number and after in words.premises:
        return False
    cues = near_cues(views, view, first, last, words)
    about = any(kind == "address" and steps <= NEAR_STEPS for steps, kind in cues)
    nearest = next((kind for _, kind in cues if kind != "ending"), "")
    if not any(likely[n]["street"] >= LIKELY for n in stretch) and any(
        word in words.units for word in lower
    ):
        return False
    if any(
        cue.kind == "harmless" and first <= cue.first <= last and not cue.weak for cue in view.cues
    ):
        return False
    spoken = {n for run in view.runs for n in range(run.first, run.last + 1)}
    if not about and any(
        word in words.units or word in words.before_counts or word in words.plain
        for n, word in zip(stretch, lower, strict=True)
        if n not in spoken
    ):
        return False
    if number and street and len(lower) >= 2:
        return (nearest != "harmless" and named) or about
    steps = next((steps for steps, kind in cues if kind == "address"), NEAR_STEPS)
    return about and (street or number or (nearest == "address" and steps <= TOWN_STEPS))
