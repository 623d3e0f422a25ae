"""E-mail addresses, as written and as spoken: "john dot smith at gmail dot com"."""

import re
from collections.abc import Sequence

from pipeline.redaction.context import View, near_cues
from pipeline.redaction.found import Found
from pipeline.redaction.words import Words

_WRITTEN = re.compile(r"[\w.+%-]+\s?@\s?[\w-]+(?:\.[\w-]+)+|[\w.+%-]+@[\w-]+")
NEAR_STEPS = 14
"""So near, words such as "e-mail" make a part of an address one: "zoe dot papadopoulos"."""


def find_emails(views: Sequence[View], words: Words) -> list[Found]:
    """All e-mail addresses, and parts of them where they are talked about."""
    found: list[Found] = []
    for view in views:
        found.extend(
            Found("email", view.number, match.start(), match.end())
            for match in _WRITTEN.finditer(view.text)
        )
        found.extend(_spoken(views, view, words))
    turns = {one.turn for one in found}
    for view in views:
        beside = turns & {view.number - 1, view.number}
        for run in view.runs:
            letters = sum(character.isalpha() for character in run.value)
            spelt = letters > 1 and all(len(piece.value) == 1 for piece in run.pieces)
            if spelt and (beside or _is_talked_about(views, view, run.first)):
                found.append(Found("email", view.number, run.start, run.end))
    return found


def _spoken(views: Sequence[View], view: View, words: Words) -> list[Found]:
    email = words.email
    lower = [token.lower for token in view.tokens]
    found = []
    taken = -1
    for at, word in enumerate(lower):
        if at <= taken:
            continue
        if word in email.at and at:
            last = _domain(lower, at + 1, words)
            if last is not None:
                first = _local_part(view, at - 1, words)
                if first < at:
                    start, end = view.tokens[first].start, view.tokens[last].end
                    found.append(Found("email", view.number, start, end))
                    taken = last
        elif word in email.hosts and at and _is_talked_about(views, view, at - 1):
            # Without an "at" between: "sean murphy gmail dot com".
            first, last = _local_part(view, at - 1, words), _domain(lower, at, words)
            if first < at and last is not None and last > at:
                start, end = view.tokens[first].start, view.tokens[last].end
                found.append(Found("email", view.number, start, end))
                taken = last
        elif word in email.joins and 0 < at < len(lower) - 1 and _is_talked_about(views, view, at):
            first, last = _local_part(view, at, words), at + 1
            while last + 2 < len(lower) and lower[last + 1] in email.joins:
                last += 2
            while last + 1 < len(lower) and _is_digit(lower[last + 1], words):
                last += 1
            if not any(word in email.at for word in lower[last + 1 : last + 8]):
                start, end = view.tokens[first].start, view.tokens[last].end
                found.append(Found("email", view.number, start, end))
                taken = last
    return found


def _is_digit(word: str, words: Words) -> bool:
    numbers = words.numbers
    return word.isdigit() or word in numbers.digits or word in numbers.teens or word in numbers.tens


def _is_talked_about(views: Sequence[View], view: View, at: int) -> bool:
    return any(
        kind == "email" and steps <= NEAR_STEPS for steps, kind in near_cues(views, view, at, at)
    )


def _domain(lower: Sequence[str], at: int, words: Words) -> int | None:
    """The last word of a domain that starts here: "k b plumbing dot co dot uk"."""
    email = words.email
    for dot in range(at + 1, min(at + 8, len(lower) - 1)):
        # Directly after one word and a "dot", any top-level domain will do.
        after_one = dot == at + 1 and lower[dot] == email.dot[0]
        if lower[dot] in email.dot and (after_one or lower[dot + 1] in email.domains):
            last = dot + 1
            while (
                last + 2 < len(lower)
                and lower[last + 1] in email.dot
                and (lower[last + 2] in email.domains)
            ):
                last += 2
            return last
    if at < len(lower):
        # "gmail.com" is two words here, its dot between them.
        last = at
        while last + 1 < len(lower) and lower[last + 1] in email.domains:
            last += 1
        if last > at or lower[at] in email.hosts:
            return last
    return None


def _local_part(view: View, last: int, words: Words) -> int:
    """The first word of what stands before the "at"."""
    email = words.email
    first = last + 1
    while first > 0:
        word = view.tokens[first - 1]
        aside = _aside(view, first, words)
        if aside:
            first -= aside
            continue
        if first > 1 and _spells(view, first - 1):
            first -= 1
            continue
        if word.text.startswith("["):
            break
        between = view.text[word.end : view.tokens[first].start] if first <= last else ""
        if re.search(r"[?!;:]|\.\s", between):
            break
        beside = [view.tokens[n].lower for n in (first - 2, first) if 0 <= n < len(view.tokens)]
        letters = any(len(w) == 1 for w in beside) and len(word.text) == 1
        joined = any(w in email.joins for w in beside)
        digit = word.lower in words.numbers.digits and first > 1 and len(beside[0]) == 1
        if word.lower in email.before and not (letters or joined or digit):
            break
        if (
            "," in between
            and not _aside_at(view, first, words)
            and not _goes_on(view, first - 1, words)
        ):
            break
        first -= 1
    return first


def _aside(view: View, first: int, words: Words) -> int:
    """How many words before are an aside: "all one word"."""
    for length in (3, 2, 1):
        phrase = " ".join(token.lower for token in view.tokens[max(0, first - length) : first])
        if phrase in words.email.asides:
            return length
    return 0


def _aside_at(view: View, first: int, words: Words) -> bool:
    """Whether an aside starts at this word, or the "at" does after one."""
    said = [token.lower for token in view.tokens[first : first + 3]]
    return any(" ".join(said[:length]) in words.email.asides for length in (3, 2, 1))


def _spells(view: View, at: int) -> bool:
    """Whether a word joins a letter to the word that spells it: "J for Juliet"."""
    return view.tokens[at].lower in ("for", "as", "in", "like") and any(
        len(token.text) == 1 and token.lower not in ("i",)
        for token in view.tokens[max(0, at - 2) : at]
    )


def _goes_on(view: View, at: int, words: Words) -> bool:
    """Whether what is before a comma is spelt or read too: "J for Juliet, A, Y, dot"."""
    numbers, word = words.numbers, view.tokens[at].lower
    after = view.tokens[at + 1].lower
    if len(after) == 1 or after in words.email.joins:
        return True
    if len(word) == 1 or word in words.email.joins or word in numbers.digits or word.isdigit():
        return True
    before = [token.lower for token in view.tokens[max(0, at - 3) : at]]
    return any(" ".join(before[-length:]) in numbers.spells for length in (1, 2)) or (
        bool(before) and before[-1] in words.email.joins
    )
