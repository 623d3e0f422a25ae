"""E-mail addresses, as written and as spoken: "john dot smith at gmail dot com"."""

import re
from collections.abc import Sequence
from difflib import SequenceMatcher

from pipeline.redaction.context import View, near_cues
from pipeline.redaction.found import Found
from pipeline.redaction.words import Words

_WRITTEN = re.compile(r"[\w.+%-]+\s?@\s?[\w-]+(?:\.[\w-]+)+|[\w.+%-]+@[\w-]+|[\w.+%-]+@(?!\w)")
_WRITTEN_DOMAIN = re.compile(r"[\w-]+(?:\.[\w-]+)*\.(\w+)\b")
NEAR_STEPS = 14
"""So near, words such as "e-mail" make a part of an address one: "zoe dot papadopoulos"."""
AGAIN_TURNS = 2
"""So near to an address, a part of it is asked for or put right."""
MOST_PUTTING_RIGHT = 20
"""Words of a turn that does so."""
SHORTEST_PART = 3
"""Letters of a part of an address that is known again."""
SHORTEST_NEARLY = 5
NEARLY_SAME = 0.85
"""Share of letters in common (difflib) of a part that was misheard."""


def find_emails(views: Sequence[View], words: Words) -> list[Found]:
    """All e-mail addresses, and parts of them where they are talked about."""
    found: list[Found] = []
    for view in views:
        found.extend(
            Found("email", view.number, match.start(), _with_dots(view, match.end(), words))
            for match in _WRITTEN.finditer(view.text)
        )
        found.extend(_spoken(views, view, words))
    spelt: list[Found] = []
    for view in views:
        beside = [one for one in found if one.turn in (view.number - 1, view.number)]
        for run in view.runs:
            letters = sum(character.isalpha() for character in run.value)
            single = letters > 1 and all(len(piece.value) == 1 for piece in run.pieces)
            if single and (beside or _is_talked_about(views, view, run.first, words)):
                end = run.end
                # "K, B, plumbing" of "kbplumbing.ie".
                if run.last + 1 < len(view.tokens):
                    after = view.tokens[run.last + 1]
                    whole = run.value.lower() + after.lower
                    if any(whole in _joined(views, one) for one in beside):
                        end = after.end
                spelt.append(Found("email", view.number, run.start, end))
    return [*found, *spelt, *_domains(views, found, words), *_parts_again(views, found, words)]


def _domains(views: Sequence[View], found: Sequence[Found], words: Words) -> list[Found]:
    """Domains on their own, written beside an address or in a turn that puts it right."""
    turns = {one.turn for one in found}
    return [
        Found("email", view.number, match.start(), match.end())
        for view in views
        if turns & {view.number, view.number - 1}
        for match in _WRITTEN_DOMAIN.finditer(view.text)
        if not match[0].lower().startswith("www.")
        and match[1].lower() in words.email.domains
        and match[0].split(".")[0].lower() not in words.email.hosts
    ]


def _joined(views: Sequence[View], one: Found) -> str:
    text = views[one.turn].text[one.start : one.end]
    return "".join(character for character in text.lower() if character.isalnum())


def _with_dots(view: View, end: int, words: Words) -> int:
    """The end with what is said of the domain after its written part: "@gmail dot com"."""
    after = [token for token in view.tokens if token.start >= end]
    while len(after) > 1 and after[0].lower in words.email.dot:
        if after[1].lower not in words.email.domains:
            break
        end, after = after[1].end, after[2:]
    return end


def _parts_again(views: Sequence[View], found: Sequence[Found], words: Words) -> list[Found]:
    """Where a part of an address is asked for or put right: "No, dimitri, with an I"."""
    again = []
    for one in found:
        local = _before_at(views[one.turn].text[one.start : one.end].lower(), words)
        parts = [part for part in re.split(r"[^a-z]+", local) if len(part) >= SHORTEST_PART]
        for view in views[max(0, one.turn - AGAIN_TURNS) : one.turn + AGAIN_TURNS + 1]:
            brief = len(view.tokens) <= MOST_PUTTING_RIGHT
            for n, token in enumerate(view.tokens):
                outside = view.number != one.turn or not one.start <= token.start < one.end
                plain = token.lower in words.email.before or token.lower in words.email.joins
                named = n > 0 and token.text[0].isupper()
                if outside and not plain and (brief or named) and _is_one_of(token.lower, parts):
                    first, last = _joined_parts(view, n, words)
                    start, end = view.tokens[first].start, view.tokens[last].end
                    again.append(Found("email", view.number, start, end))
    return again


def _before_at(text: str, words: Words) -> str:
    said = "|".join(rf"\b{re.escape(word)}\b" for word in words.email.at)
    return re.split(f"@|{said}" if said else "@", text)[0]


def _is_one_of(word: str, parts: Sequence[str]) -> bool:
    return any(
        word == part
        or (
            len(word) >= SHORTEST_NEARLY
            and (part.startswith(word) or SequenceMatcher(None, word, part).ratio() >= NEARLY_SAME)
        )
        for part in parts
    )


def _joined_parts(view: View, n: int, words: Words) -> tuple[int, int]:
    """With the parts that are joined to it: "meera dot venkat"."""
    first = last = n
    while last + 2 < len(view.tokens) and view.tokens[last + 1].lower in words.email.joins:
        last += 2
    while first > 1 and view.tokens[first - 1].lower in words.email.joins:
        first -= 2
    return first, last


def _spoken(views: Sequence[View], view: View, words: Words) -> list[Found]:
    email = words.email
    lower = [token.lower for token in view.tokens]
    found = []
    taken = -1
    for at, word in enumerate(lower):
        if at <= taken:
            continue
        if word in email.at and at:
            begins = at + 1 + _sign(lower, at + 1, words)
            last = _written_domain(view, begins, words) or _domain(lower, begins, words)
            if last is not None:
                first = _local_part(view, at - 1, words)
                if first < at:
                    start, end = view.tokens[first].start, view.tokens[last].end
                    found.append(Found("email", view.number, start, end))
                    taken = last
        elif word in email.hosts and at and _is_talked_about(views, view, at - 1, words):
            # Without an "at" between: "sean murphy gmail dot com".
            first, last = _local_part(view, at - 1, words), _domain(lower, at, words)
            if first < at and last is not None and last > at:
                start, end = view.tokens[first].start, view.tokens[last].end
                found.append(Found("email", view.number, start, end))
                taken = last
        elif (
            word in email.joins
            and 0 < at < len(lower) - 1
            and (word in email.sure_joins or _is_talked_about(views, view, at, words))
        ):
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


def _sign(lower: Sequence[str], at: int, words: Words) -> int:
    """How many words more belong to the "at": "at sign", "at the rate of"."""
    return next(
        (
            length
            for length in (3, 2, 1)
            if " ".join(lower[at : at + length]) in words.email.signs and at + length < len(lower)
        ),
        0,
    )


def _is_digit(word: str, words: Words) -> bool:
    return word.isdigit() or words.numbers.has(word)


def _is_talked_about(views: Sequence[View], view: View, at: int, words: Words) -> bool:
    return any(
        kind == "email" and steps <= NEAR_STEPS
        for steps, kind in near_cues(views, view, at, at, words)
    )


def _written_domain(view: View, at: int, words: Words) -> int | None:
    """The last word of a domain that is written here: "hughes-lynch.ie"."""
    if at >= len(view.tokens):
        return None
    written = _WRITTEN_DOMAIN.match(view.text, view.tokens[at].start)
    if (
        written is None
        or written[0].lower().startswith("www.")
        or written[1].lower() not in words.email.domains
    ):
        return None
    return max(n for n, token in enumerate(view.tokens) if token.start < written.end())


def _domain(lower: Sequence[str], at: int, words: Words) -> int | None:
    """The last word of a domain that starts here: "k b plumbing dot co dot uk"."""
    email = words.email
    for dot in range(at + 1, min(at + 8, len(lower) - 1)):
        # Directly after one word and a "dot", any top-level domain will do.
        after_one = dot == at + 1 and lower[dot] == email.dot[0]
        spelt = "".join(lower[dot + 1 : dot + 3])  # "dot i e"
        letters = len(spelt) == len(lower[dot + 1 : dot + 3]) == 2
        if lower[dot] in email.dot and letters and spelt in email.domains:
            return dot + 2
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
        if first > 1 and _spells(view, first - 1, words):
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
        digit = (
            word.lower in words.numbers.digits
            and first > 1
            and (len(beside[0]) == 1 or _is_digit(beside[0], words))
        )
        if word.lower in email.before and not (letters or joined or digit):
            # "My email is the real bob": an article belongs to it where it is all that begins.
            told = first > 1 and first <= last and beside[0] in email.tells
            first -= told and word.lower in email.articles
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


def _spells(view: View, at: int, words: Words) -> bool:
    """Whether a word joins a letter to the word that spells it: "J for Juliet"."""
    return view.tokens[at].lower in words.email.spells and any(
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
