"""Names of persons: by the model, by how people introduce themselves, and where they come again."""

import re
from collections.abc import Sequence

from pipeline.redaction.context import SHORT_TURN_WORDS, View, near_cues
from pipeline.redaction.found import Found
from pipeline.redaction.model_words import likely_words
from pipeline.redaction.spoken import Token
from pipeline.redaction.words import Words

# From which probability a word is a name: the better it is introduced and written, the less.
LIKELY_PLAIN = 0.6
LIKELY_CAPITAL = 0.3
LIKELY_INTRODUCED = 0.1
LIKELY_ODD_CASE = 0.97
LIKELY_BESIDE = 0.05
LIKELY_NEXT = 0.2
SPELT_LETTERS = 4
"""So many letters in a row spell a name, where nothing speaks of an order or the like."""
LONGEST_TITLE = 4
"""Letters of a title with a full stop: "Prof."."""
SHORTEST_AGAIN = 3
"""Shorter names are not looked for elsewhere: they are words too often."""


def find_names(views: Sequence[View], words: Words) -> list[Found]:
    """All names of persons, also as spelt and where they come again."""
    found: list[tuple[View, int]] = []
    spelt: list[Found] = []
    for view in views:
        cased = any(c.isupper() for c in view.text)
        likely = likely_words(views, view)
        asked = view.number > 0 and _asks_name(views[view.number - 1], words)
        chosen = [
            n
            for n, token in enumerate(view.tokens)
            if _is_name(view, n, token, likely[n]["name"], cased, asked, words)
        ]
        found.extend((view, n) for n in _with_neighbours(view, chosen, likely, words))
        spelt.extend(_spelt(views, view, asked, words))
    known = {view.tokens[n].lower.removesuffix("'s") for view, n in found}
    found.extend(_again(views, known, {(v.number, n) for v, n in found}, words))
    for view in views:
        found.extend(_or_another(view, {n for v, n in found if v is view}, words))
    return [*_spans(found), *spelt]


def _is_name(
    view: View, n: int, token: Token, likely: float, cased: bool, asked: bool, words: Words
) -> bool:
    bare = token.lower.removesuffix("'s")
    if not token.text[0].isalpha() or any(c.isdigit() for c in token.text) or len(bare) < 2:
        return False
    capital = token.text[0].isupper()
    surely = _before(view, n, words.introduces_surely)
    if bare in words.not_names and not (surely and likely >= LIKELY_CAPITAL):
        return False
    starts = n == 0 or bool(re.search(r"[.?!:]\s*$", view.text[: token.start].rstrip(" \"'“‘")))
    if cased and not capital:
        return likely >= LIKELY_ODD_CASE and surely
    introduced = _before(view, n, words.introduces) or _after(view, n, words.after_name)
    answered = asked and len(view.tokens) <= 2 * SHORT_TURN_WORDS
    if surely and capital and not starts and bare not in words.fills:
        return True
    if capital and (introduced or answered):
        return likely >= LIKELY_INTRODUCED
    if capital and not starts:
        return likely >= LIKELY_CAPITAL
    if surely:
        return likely >= LIKELY_INTRODUCED and bare not in words.fills
    if answered or introduced:
        return likely >= LIKELY_CAPITAL
    return likely >= LIKELY_PLAIN


def _with_neighbours(
    view: View, chosen: Sequence[int], likely: Sequence[dict[str, float]], words: Words
) -> list[int]:
    """Also initials and further names beside: "Gregory P. Lindqvist", "O'Dowd-Brennan"."""
    names = set(chosen)
    cased = any(c.isupper() for c in view.text)
    for n in sorted(chosen):
        for step in (1, -1):
            at = n + step
            while 0 <= at < len(view.tokens) and at not in names:
                low, high = min(at, at - step), max(at, at - step)
                between = view.text[view.tokens[low].end : view.tokens[high].start]
                token = view.tokens[at]
                initial = (
                    len(token.text) == 1
                    and token.text.isalpha()
                    and (
                        token.text.isupper() and token.text != "I"
                        if cased
                        else token.text not in "aiu"
                    )
                )
                further = (
                    (token.text[0].isupper() if cased else token.text[0].isalpha())
                    and token.lower not in words.titles
                    and likely[at]["name"]
                    >= (
                        LIKELY_BESIDE
                        if cased and token.lower not in words.not_names
                        else LIKELY_NEXT
                    )
                )
                if between.strip(" -.") or (between.strip() == "." and not (initial or step < 0)):
                    break
                if between.strip() == "." and len(view.tokens[low].text) > 2:
                    break
                beyond = at + step
                particle = (
                    token.lower in words.particles
                    and 0 <= beyond < len(view.tokens)
                    and (
                        not cased
                        or view.tokens[beyond].text[0].isupper()
                        or (view.tokens[beyond].lower in words.particles)
                    )
                )
                if not (initial or further or particle):
                    break
                names.add(at)
                at += step
    return sorted(names)


def _before(view: View, n: int, phrases: Sequence[str]) -> bool:
    lower = [token.lower for token in view.tokens[max(0, n - 4) : n]]
    between = view.text[view.tokens[n - 1].end : view.tokens[n].start] if n else ""
    # "Mr. Okafor" goes on, "my name? Okafor" does not.
    if re.search(r"[.?!]", between) and not (between[0] == "." and len(lower[-1]) <= LONGEST_TITLE):
        return False
    return any(" ".join(lower[-length:]) in phrases for length in range(1, len(lower) + 1))


def _after(view: View, n: int, phrases: Sequence[str]) -> bool:
    lower = [token.lower for token in view.tokens[n + 1 : n + 4]]
    return any(" ".join(lower[:length]) in phrases for length in range(1, len(lower) + 1))


def _asks_name(view: View, words: Words) -> bool:
    said = " ".join(token.lower.removesuffix("'s") for token in view.tokens[-16:])
    return any(f" {phrase} " in f" {said} " for phrase in words.asks_name)


def _or_another(view: View, chosen: set[int], words: Words) -> list[tuple[View, int]]:
    """ "Ravi or Joy": what is written as a name beside one."""
    return [
        (view, n + 2)
        for n in chosen
        if n + 2 < len(view.tokens)
        and n + 2 not in chosen
        and view.tokens[n + 1].lower in ("or", "and")
        and view.tokens[n + 2].text[0].isupper()
        and view.tokens[n + 2].text not in ("I", "I'm", "I'll", "I've")
        and view.text[view.tokens[n].end : view.tokens[n + 2].start].count(".") == 0
        and view.tokens[n + 2].lower not in words.not_names
    ]


def _spelt(views: Sequence[View], view: View, asked: bool, words: Words) -> list[Found]:
    """Letters that spell a name: where names are asked for or stand beside them."""
    found = []
    for run in view.runs:
        letters = sum(c.isalpha() for c in run.value)
        if letters < 2 or len(run.digits) > 0:
            continue
        near = " ".join(
            token.lower.removesuffix("'s")
            for token in view.tokens[max(0, run.first - 8) : run.first]
        )
        named = any(f" {phrase} " in f" {near} " for phrase in words.asks_name)
        joined = run.value.lower()
        said = any(
            token.lower.replace("'", "") == joined
            for other in views[max(0, view.number - 2) : view.number + 2]
            for token in other.tokens
        )
        cues = near_cues(views, view, run.first, run.last)
        alone = letters >= SPELT_LETTERS and not any(kind == "harmless" for _, kind in cues)
        if asked or named or said or alone:
            found.append(Found("name", view.number, run.start, run.end))
    return found


def _again(
    views: Sequence[View], known: set[str], there: set[tuple[int, int]], words: Words
) -> list[tuple[View, int]]:
    """Where a known name comes again: written as one, or in a turn without capitals."""
    again = []
    for view in views:
        for n, token in enumerate(view.tokens):
            bare = token.lower.removesuffix("'s")
            if bare not in known or len(bare) < SHORTEST_AGAIN or (view.number, n) in there:
                continue
            starts = n == 0 or view.text[: token.start].rstrip()[-1:] in ".?!"
            as_name = token.text[0].isupper() and not (starts and bare in words.introduces)
            uncased = view.text.islower() and len(bare) > SHORTEST_AGAIN
            if as_name or (uncased and bare not in words.not_names):
                again.append((view, n))
    return again


def _spans(found: Sequence[tuple[View, int]]) -> list[Found]:
    spans = []
    for view, n in found:
        token = view.tokens[n]
        end = token.end
        for owner in ("'s", "’s"):
            if token.text.endswith(owner):
                end -= len(owner)
        spans.append(Found("name", view.number, token.start, end))
    return spans
