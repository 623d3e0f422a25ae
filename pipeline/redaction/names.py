"""Names of persons: by the model, by how people introduce themselves, and where they come again."""

import re
from collections.abc import Sequence

from pipeline.redaction.context import SHORT_TURN_WORDS, View
from pipeline.redaction.found import Found
from pipeline.redaction.model_words import likely_words
from pipeline.redaction.rampart import GROUPS, label
from pipeline.redaction.spelt_names import as_spelt, asks_name, spelt_names
from pipeline.redaction.spoken import Token
from pipeline.redaction.words import Words

# From which probability a word is a name: the better it is introduced and written, the less.
LIKELY_PLAIN = 0.6
LIKELY_CAPITAL = 0.3
LIKELY_INTRODUCED = 0.05
LIKELY_ODD_CASE = 0.97
LIKELY_BESIDE = 0.05
LIKELY_NEXT = 0.2
LIKELY_PROBED = 0.8
"""After "my name is": the model takes nouns and names for names then, but no adjectives."""
GREETING_WORDS = 5
"""Words from the beginning in which "it's" introduces a speaker."""
ANSWERING_WORDS = 3
"""Words from the beginning in which a name answers who asks for one, however long it goes on."""
NAMED_WORDS = 14
"""So near before, the word "name" says that a name is meant."""
MOST_NAMES = 4
"""Words of a name that is all of an answer."""
MOST_RESTS = 1
"""Words beside it: "Padraig Nee, madam"."""
LONGEST_TITLE = 4
"""Letters of a title with a full stop: "Prof."."""
SHORTEST_AGAIN = 3
"""Shorter names are not looked for where a sentence starts: they are words too often."""


def find_names(views: Sequence[View], words: Words) -> list[Found]:
    """All names of persons, also as spelt and where they come again."""
    found: list[tuple[View, int]] = []
    spelt: list[Found] = []
    for view in views:
        cased = view.cased
        likely = likely_words(views, view)
        asked = view.number > 0 and asks_name(views[view.number - 1], words)
        others = _others_names(view, words)
        chosen = [
            n
            for n, token in enumerate(view.tokens)
            if n not in others and _is_name(view, n, token, likely[n]["name"], cased, asked, words)
        ]
        if asked and cased:
            chosen = sorted({*chosen, *_whole_answer(view, others, words)})
        found.extend((view, n) for n in _with_neighbours(view, chosen, likely, words))
        spelt.extend(spelt_names(views, view, asked, words))
        found.extend(_initials(view, words))
    found.extend(as_spelt(views, spelt))
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
    surely = _before(view, n, words.introduces_surely, words) or _after_kin(view, n, words)
    if token.text.startswith(("I'", "I’")):
        return False
    if words.numbers.has(bare):
        return False
    if bare in words.ordinals or bare in words.numbers.letter_names or _is_no_word(view, n, words):
        return False
    if {bare, token.lower} & words.no_names and not (surely and likely >= LIKELY_CAPITAL):
        return False
    if bare in words.also_names and not (surely or asked):
        greeted = _before(view, n, words.introduces_also, words) and likely >= LIKELY_PLAIN
        if not greeted and not _names_here(view, n, words):
            return False
    starts = n == 0 or bool(re.search(r"[.?!:]\s*$", view.text[: token.start].rstrip(" \"'“‘")))
    if not cased and _introduces_self(view, n, words):
        return True
    before = view.tokens[n - 1].lower if n else ""
    if (not cased and before in words.determiners) or (
        before in words.before_places and not surely
    ):
        return False
    if cased and not capital:
        return likely >= LIKELY_ODD_CASE and surely
    introduced = _before(view, n, words.introduces, words) or _after(view, n, words.after_name)
    answered = asked and (len(view.tokens) <= 2 * SHORT_TURN_WORDS or n < ANSWERING_WORDS)
    named = asked or _names_here(view, n, words)
    if named and capital and not starts and _before(view, n, words.introduces_named, words):
        return bare not in words.fills
    if surely and capital and not starts and bare not in words.fills:
        return True
    if capital and _pauses(view, n) and _before(view, n, words.introduces_others, words):
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


def _pauses(view: View, n: int) -> bool:
    after = view.text[view.tokens[n].end :]
    return not after or after[0] in ",.?!"


def _introduces_self(view: View, n: int, words: Words) -> bool:
    """Whether a word without capitals stands where a speaker says who it is, and may be a name."""
    bare = view.tokens[n].lower
    told = bare in words.word_names and _after(view, n, words.after_speakers)
    if (
        bare in (*words.plain, *words.also_names, *words.determiners, *words.no_persons)
        and not told
    ):
        return False
    if bare.endswith(tuple(words.endings_of_verbs)):
        return False
    greeted = any(token.lower in words.greetings for token in view.tokens[: min(n, GREETING_WORDS)])
    greets = (
        (greeted or (view.turn.role == "agent" and _after(view, n, words.after_speakers)))
        and n <= GREETING_WORDS
        and _before(view, n, words.introduces_at_first, words)
    )
    if not greets and not _before(view, n, words.introduces_anywhere, words):
        return False
    if not any(
        m + 1 >= len(view.tokens) or _after(view, m, words.after_introduced) for m in (n, n + 1)
    ):
        return False
    start = words.probe.find("{}")
    likely = [
        one.likely[GROUPS.index("name")]
        for one in label(words.probe.format(bare))
        if start <= one.start < start + len(bare)
    ]
    return bool(likely) and min(likely) >= LIKELY_PROBED


def _with_neighbours(
    view: View, chosen: Sequence[int], likely: Sequence[dict[str, float]], words: Words
) -> list[int]:
    """Also initials and further names beside: "Gregory P. Lindqvist", "O'Dowd-Brennan"."""
    names = set(chosen)
    cased = view.cased
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
                    and (cased or token.lower not in words.greetings)
                    and (cased or token.lower not in words.introduces_at_first)
                    and likely[at]["name"]
                    >= (
                        LIKELY_BESIDE
                        if token.lower not in (*words.no_names, *words.also_names)
                        else LIKELY_NEXT
                    )
                )
                further = (
                    further
                    or (cased and between in (" ", "-") and _is_beside(view, at, step, words))
                    or (step > 0 and between == "-" and token.text.isalpha())  # "Hye-jin"
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


def _is_no_word(view: View, n: int, words: Words) -> bool:
    """Whether a word is an abbreviation ("SEPA"), or has a number of its own ("Ward 32")."""
    token = view.tokens[n]
    mixed = any(c.islower() for c in view.text)
    if mixed and len(token.text) > 1 and token.text.replace("'s", "").isupper():
        return True
    if n + 1 == len(view.tokens) or view.text[token.end : view.tokens[n + 1].start] != " ":
        return False
    after = view.tokens[n + 1]
    return after.text.isdigit() or (after.lower in words.company_words and after.text[0].isupper())


def _names_here(view: View, n: int, words: Words) -> bool:
    """Whether names are talked about in the turn before this word."""
    said = " ".join(token.lower for token in view.tokens[max(0, n - NAMED_WORDS) : n])
    return any(f" {phrase} " in f" {said} " for phrase in words.about_names)


def _initials(view: View, words: Words) -> list[tuple[View, int]]:
    """Single letters that stand for a name: "Dr K", "initial V"."""
    return [
        (view, n)
        for n, token in enumerate(view.tokens)
        if n
        and len(token.text) == 1
        and token.text.isupper()
        and view.tokens[n - 1].lower in (*words.titles, *words.initials)
        and not re.search(r"[?!,]", view.text[view.tokens[n - 1].end : token.start])
    ]


def _after_kin(view: View, n: int, words: Words) -> bool:
    """ "The mother, Xochitl", "our youngest's Joy": one of the family, then what is no verb."""
    if not n or not view.tokens[n].text[0].isupper():
        return False
    return (
        view.tokens[n - 1].lower.removesuffix("'s") in words.kin
        and re.fullmatch(r",? ", view.text[view.tokens[n - 1].end : view.tokens[n].start])
        is not None
    )


def _others_names(view: View, words: Words) -> set[int]:
    """Words of what is called by a person's name and is none: "Marie Curie", the charity."""
    lower = [token.lower.removesuffix("'s") for token in view.tokens]
    # "St Brendan's" is a school, a church or a street.
    places = {
        at
        for n in range(1, len(lower))
        if lower[n - 1] in words.saints and view.tokens[n].lower.endswith("'s")
        for at in (n - 1, n)
    }
    return places | {
        at
        for n in range(len(lower))
        for length in (2, 3)
        if " ".join(lower[n : n + length]) in words.no_names
        for at in range(n, min(n + length, len(lower)))
    }


def _whole_answer(view: View, others: set[int], words: Words) -> list[int]:
    """The words written as names, where an answer has hardly any others: "Padraig Nee."."""
    written = [
        n
        for n, token in enumerate(view.tokens)
        if token.text[0].isupper()
        and len(token.text) > 1
        and n not in others
        and token.lower.split("'")[0] not in words.plain
        and token.lower not in words.no_names
        and not _is_no_word(view, n, words)
    ]
    rest = [
        token
        for n, token in enumerate(view.tokens)
        if n not in written and len(token.text) > 1 and token.lower not in words.fills
    ]
    return written if len(written) <= MOST_NAMES and len(rest) <= MOST_RESTS else []


def _is_beside(view: View, at: int, step: int, words: Words) -> bool:
    """Whether a word written as a name, directly beside one, is a part of it: "Art Delgado"."""
    token = view.tokens[at]
    if not token.text[0].isupper() or len(token.text) < 2 or _is_no_word(view, at, words):
        return False
    bare = token.lower.split("'")[0]
    others = (*words.plain, *words.no_names, *words.company_words, *words.titles, *words.months)
    if bare in others or bare in words.numbers.digits:
        return False
    return step > 0 or _before(view, at, words.introduces, words)


def _before(view: View, n: int, phrases: Sequence[str], words: Words) -> bool:
    lower = [token.lower for token in view.tokens[max(0, n - 4) : n]]
    while lower and lower[-1] in words.hesitations:  # "I'm, uh, Bob"
        lower.pop()
    between = view.text[view.tokens[n - 1].end : view.tokens[n].start] if n else ""
    # "Mr. Okafor" goes on, "my name? Okafor" does not.
    shortened = between[:1] == "." and len(view.tokens[n - 1].text) <= LONGEST_TITLE
    if re.search(r"[.?!]", between) and not shortened:
        return False
    return any(" ".join(lower[-length:]) in phrases for length in range(1, len(lower) + 1))


def _after(view: View, n: int, phrases: Sequence[str]) -> bool:
    lower = [token.lower for token in view.tokens[n + 1 : n + 4]]
    return any(" ".join(lower[:length]) in phrases for length in range(1, len(lower) + 1))


def _or_another(view: View, chosen: set[int], words: Words) -> list[tuple[View, int]]:
    """ "Ravi or Joy": what is written as a name beside one."""
    return [
        (view, n + 2)
        for n in chosen
        if n + 2 < len(view.tokens)
        and n + 2 not in chosen
        and view.tokens[n + 1].lower in ("or", "and")
        and view.tokens[n + 2].text[0].isupper()
        and view.tokens[n + 2].text[:2] not in ("I", "I'")
        and view.text[view.tokens[n].end : view.tokens[n + 2].start].count(".") == 0
        and view.tokens[n + 2].lower not in (*words.no_names, *words.also_names)
    ]


def _again(
    views: Sequence[View], known: set[str], there: set[tuple[int, int]], words: Words
) -> list[tuple[View, int]]:
    """Where a known name comes again: written as one, or in a turn without capitals."""
    again = []
    for view in views:
        for n, token in enumerate(view.tokens):
            bare = token.lower.removesuffix("'s")
            if bare not in known or (view.number, n) in there:
                continue
            starts = n == 0 or view.text[: token.start].rstrip()[-1:] in ".?!"
            if len(bare) < SHORTEST_AGAIN and (starts or len(bare) < 2):
                continue
            as_name = token.text[0].isupper() and not (starts and bare in words.introduces)
            uncased = view.text.islower() and len(bare) > SHORTEST_AGAIN
            if as_name or (uncased and bare not in (*words.no_names, *words.word_names)):
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
