"""Addresses: what the model labels as parts of one, street words, postcodes."""

import re
from collections.abc import Sequence

from pipeline.redaction.context import View, near_cues
from pipeline.redaction.found import Found
from pipeline.redaction.model_words import likely_words
from pipeline.redaction.words import Words

LIKELY = 0.5
"""A word is part of an address from here on, by the model."""
NEAR_STEPS = 20
SHORT_STEPS = 7
"""One or two digits are a house number only so near to what says so."""
MOST_HOUSE_DIGITS = 5
MOST_GAP = 2
"""Words within an address that the model does not label."""
_POSTCODES = re.compile(
    r"\b[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}\b|\b[A-Z]\d[\dW] ?[A-Z\d]{4}\b|\b[A-Z]\d[A-Z] ?\d[A-Z]\d\b"
    r"|\b[A-Z]{2} \d{5}(?:-\d{4})?\b"
)


def find_addresses(views: Sequence[View], words: Words) -> list[Found]:
    """Street addresses, postcodes, and towns that belong to them."""
    found: list[Found] = []
    for view in views:
        found.extend(
            Found("address", view.number, m.start(), m.end())
            for m in _POSTCODES.finditer(view.text)
            if not _is_harmless(views, view, m.start(), m.end())
        )
        found.extend(_by_street(view, words))
        found.extend(_by_model(views, view, words))
        found.extend(_by_cue(views, view, words))
    return found


def _is_harmless(views: Sequence[View], view: View, start: int, end: int) -> bool:
    inside = [n for n, token in enumerate(view.tokens) if token.start < end and token.end > start]
    cues = near_cues(views, view, inside[0], inside[-1])
    return bool(cues) and cues[0][1] == "harmless"


def _by_street(view: View, words: Words) -> list[Found]:
    """A number and a street, and the places written after them: "3 Wattle Court, Darwin"."""
    cased = any(c.isupper() for c in view.text)
    found = []
    for run in view.runs:
        if not run.digits or len(run.digits) > MOST_HOUSE_DIGITS:
            continue
        for at in range(run.last + 2, min(run.last + 5, len(view.tokens))):
            name = view.tokens[run.last + 1 : at + 1]
            if any(not token.text[0].isalpha() or token.lower in words.units for token in name):
                break
            if cased and not all(token.text[0].isupper() for token in name):
                break
            if name[-1].lower in (words.streets if cased else words.sure_streets):
                first, last = _with_places(view, run.first, at, words)
                found.append(
                    Found("address", view.number, view.tokens[first].start, view.tokens[last].end)
                )
                break
    return found


def _with_places(view: View, first: int, last: int, words: Words) -> tuple[int, int]:
    """With the words around it that are written as names or numbers, within the sentence."""
    if not any(c.isupper() for c in view.text):
        return first, last

    def belongs(at: int, beside: int) -> bool:
        low, high = min(at, beside), max(at, beside)
        between = view.text[view.tokens[low].end : view.tokens[high].start]
        token = view.tokens[at]
        named = token.text[0].isupper() or token.text[0].isdigit() or token.lower in words.dwellings
        return between.strip(" ,-–") == "" and named and token.text not in ("I", "I'm", "It's")

    while last + 1 < len(view.tokens) and belongs(last + 1, last):
        last += 1
    while first > 0 and belongs(first - 1, first) and (first - 1 > 0 or last - first < 2):
        first -= 1
    return first, last


def _by_cue(views: Sequence[View], view: View, words: Words) -> list[Found]:
    found = []
    for run in view.runs:
        cues = [pair for pair in near_cues(views, view, run.first, run.last) if pair[1] != "ending"]
        if not cues or cues[0][1] != "address" or cues[0][0] > NEAR_STEPS:
            continue
        digits = len(run.digits)
        near = NEAR_STEPS if digits >= 3 else SHORT_STEPS
        following = view.tokens[run.last + 1].lower if run.last + 1 < len(view.tokens) else ""
        measured = following in words.units or view.text[run.start - 1 : run.start] in words.money
        if 0 < digits <= 9 and len(run.value) <= 10 and cues[0][0] <= near and not measured:
            found.append(Found("address", view.number, run.start, run.end))
    return found


def _by_model(views: Sequence[View], view: View, words: Words) -> list[Found]:
    likely = likely_words(views, view)
    lower = [token.lower for token in view.tokens]
    in_run = {n for run in view.runs for n in range(run.first, run.last + 1) if run.digits}
    parts = []
    for at in range(len(lower)):
        shares = likely[at]
        place = sum(shares[g] for g in ("building", "street", "secondary", "city", "state", "zip"))
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
    street = any(likely[n]["street"] >= LIKELY for n in stretch) or any(
        word in words.streets for word in lower
    )
    cues = near_cues(views, view, first, last)
    about = any(kind == "address" and steps <= NEAR_STEPS for steps, kind in cues)
    nearest = next((kind for _, kind in cues if kind != "ending"), "")
    if not any(likely[n]["street"] >= LIKELY for n in stretch) and any(
        word in words.units for word in lower
    ):
        return False
    if number and street and len(lower) >= 2:
        return nearest != "harmless" or about
    return about and (street or number or nearest == "address")
