"""Passwords, codes and answers to security questions, in words and in digits."""

import re
from collections.abc import Sequence

from pipeline.redaction.birth_dates import date_spans
from pipeline.redaction.context import View
from pipeline.redaction.found import Found
from pipeline.redaction.spoken import Token
from pipeline.redaction.words import Words, any_of

ASKED_WORDS = 6
"""A turn without a question mark asks for what it names so near its end."""
MOST_WORDS = 6
"""That a password or answer has."""
SHORTEST_AGAIN = 4
"""Letters of a word of a secret that is known again."""
AGAIN_TURNS = 3
"""So near it is said again."""
SHORTENED = 3
"""Letters of a word that is cut short with a full stop: "St. Brigid's"."""
LEAST_DIGITS = 3
"""Of a code: "three letters" has fewer."""
LONGEST_SIGN = 2
"""Words of a sign: "exclamation mark"."""
LEAST_SIGNED = 3
"""Signs and runs of letters or digits in a row that only passwords have."""
_LIKE_PASSWORD = re.compile(
    r"(?<![\w@.-])(?=[\w-]*[A-Za-z]{3})(?=[\w-]*\d)\w[\w-]{6,}(?![\w@-])(?!\.\w)"
)


def find_passwords(views: Sequence[View], words: Words) -> list[Found]:
    """Secrets in words: told after "the password is", or in answer to what asks for one."""
    tell, change, choose = _tell(words), _change(words), _choose(words)
    found = []
    for view in views:
        for cue in view.cues:
            if cue.kind != "secret" or cue.weak or cue.last + 1 >= len(view.tokens):
                continue
            if view.tokens[cue.last].lower.endswith("'s"):
                found.extend(_told(view, view.tokens[cue.last].end, words))
            tells = tell.match(view.text, view.tokens[cue.last].end)
            if tells:
                found.extend(_told(view, tells.end(), words))
                found.extend(_written(view, tells.end()))
        found.extend(_with_signs(view, words))
        if any(_is_of_secrets(other) for other in views[max(0, view.number - 2) : view.number + 2]):
            for sets in change.finditer(view.text):
                found.extend(_told(view, sets.end(), words))
        before = views[view.number - 1] if view.number else None
        answers = before is not None and before.turn.role != view.turn.role != "agent"
        if before is not None and answers and _asks(before, words):
            found.extend(_parts(before, view, words) or _told(view, 0, words))
            for chooses in choose.finditer(view.text):
                found.extend(_told(view, chooses.end(), words))
    return [*found, *_again(views, found, words)]


def _tell(words: Words) -> re.Pattern[str]:
    """What parts the name of a secret from it: "the password for that would be"."""
    return re.compile(
        rf"(?:\s+[\w']+){{0,5}}?[\s,:]*(?:\b{any_of(words.tells_secret)}\b|:|=)[\s,:]+",
        re.IGNORECASE,
    )


def _change(words: Words) -> re.Pattern[str]:
    """ "I changed it to": before a secret, where one is talked about."""
    return re.compile(
        rf"\b{any_of(words.sets_secret)} {any_of(words.secret_set)} {any_of(words.set_to)}\s+",
        re.IGNORECASE,
    )


def _choose(words: Words) -> re.Pattern[str]:
    """ "Can we make it": so a customer who is asked says what a secret shall be."""
    return re.compile(
        rf"\b{any_of(words.chooses_secret)}\s+(?!{any_of(words.not_chosen)}\b)", re.IGNORECASE
    )


def _is_of_secrets(view: View) -> bool:
    return any(cue.kind == "secret" and not cue.weak for cue in view.cues)


def _written(view: View, at: int) -> list[Found]:
    """What is written as only passwords are: "the one you gave me, Harvest-Moon-77"."""
    return [
        Found("secret", view.number, match.start(), match.end())
        for match in _LIKE_PASSWORD.finditer(view.text, at)
    ]


def _asks(view: View, words: Words) -> bool:
    """Whether a turn ends by asking for a secret."""
    said = " ".join(token.lower for token in view.tokens)
    if any(question in said for question in words.secret_questions):
        return True
    last = [
        cue for cue in view.cues if cue.kind == "secret" or (cue.kind != "ending" and not cue.weak)
    ][-1:]
    return bool(
        last
        and last[0].kind == "secret"
        and (view.asks or len(view.tokens) - last[0].last <= ASKED_WORDS)
    )


def _told(view: View, at: int, words: Words) -> list[Found]:
    """What is told from here on: without its lead-in, up to the next pause."""
    tokens = [token for token in view.tokens if token.start >= at]
    while tokens and tokens[0].lower in words.fills:
        tokens = tokens[1:]
    if not tokens or tokens[0].text.startswith("["):
        return []
    if view.text[max(0, tokens[0].start - 1) : tokens[0].start] in ("*", "#"):
        return []  # keys of a telephone: "dial *86"
    last = 0
    while last + 1 < len(tokens) and last + 1 < MOST_WORDS:
        between = view.text[tokens[last].end : tokens[last + 1].start]
        word = tokens[last].text
        shortened = between[0] == "." and len(word) <= SHORTENED and word.istitle()
        if (re.search(r"[,.?!;:]", between) and not shortened) or tokens[
            last + 1
        ].lower in words.ends_secret:
            break
        last += 1
    said = tokens[: last + 1]
    if any(
        cue.kind == "secret"
        and view.tokens[cue.first].start >= said[0].start
        and view.tokens[cue.last].end <= said[-1].end
        for cue in view.cues
    ):
        return []
    bare = said[0].lower.split("'")[0]
    for run in view.runs:
        if run.start == said[0].start and len(run.digits) >= LEAST_DIGITS:
            return [Found("secret", view.number, run.start, run.end)]
    for begins, ends in date_spans(view, words):  # "your memorable date?"
        if view.tokens[begins].start <= said[0].start < view.tokens[ends].end:
            return [Found("secret", view.number, view.tokens[begins].start, view.tokens[ends].end)]
    if {bare, said[0].lower} & set(words.not_secret) or bare.endswith(tuple(words.verb_endings)):
        return []
    end = _with_following(view, said[0], tokens, last, words)
    found = [Found("secret", view.number, said[0].start, end)]
    for other in tokens[last + 1 :]:
        if other.lower in words.alternatives:
            found.extend(_told(view, other.end, words))
            break
    return found


def _with_following(
    view: View, first: Token, tokens: Sequence[Token], last: int, words: Words
) -> int:
    """Where a secret ends, with the rest of a run that begins it and a sign that is added."""
    end = tokens[last].end
    for run in view.runs:
        if run.start <= first.start < run.end:
            end = max(end, run.end)
    following = [token for token in tokens if token.start >= end][: LONGEST_SIGN + 2]
    for skipped in (0, 1, 2):  # "exclamation mark", "with an exclamation mark"
        length = _sign(following, skipped, words)
        if length:
            return following[skipped + length - 1].end
    return end


def _sign(tokens: Sequence[Token], at: int, words: Words) -> int:
    """How many words from here are a sign."""
    for length in range(LONGEST_SIGN, 0, -1):
        phrase = " ".join(token.lower for token in tokens[at : at + length])
        if at + length <= len(tokens) and phrase in words.signs:
            return length
    return 0


def _with_signs(view: View, words: Words) -> list[Found]:
    """Letters and digits with signs among them: "S, dollar sign, U, N, 4 4, exclamation mark"."""
    starts = {run.first: run.last for run in view.runs}
    found = []
    at = 0
    while at < len(view.tokens):
        first, parts, sure = at, 0, False
        while at < len(view.tokens):
            length = _sign(view.tokens, at, words)
            if length:
                phrase = " ".join(token.lower for token in view.tokens[at : at + length])
                sure = sure or phrase in words.sure_signs
                at += length
            elif at in starts:
                at = starts[at] + 1
            else:
                break
            parts += 1
        if sure and parts >= LEAST_SIGNED:
            start, end = view.tokens[first].start, view.tokens[at - 1].end
            found.append(Found("secret", view.number, start, end))
        at += at == first
    return found


def _parts(question: View, view: View, words: Words) -> list[Found]:
    """Letters or digits of a secret, one by one: "T for tango, and the fourth is, uh, N"."""
    said = f" {' '.join(token.lower for token in question.tokens)} "
    if not any(f" {phrase} " in said for phrase in words.parts_of_secrets):
        return []
    return [Found("secret", view.number, run.start, run.end) for run in view.runs]


def _again(views: Sequence[View], found: Sequence[Found], words: Words) -> list[Found]:
    """Where a word of a secret is said again soon after: "Biscuit? Try Biscuit."."""
    again = []
    for one in found:
        text = views[one.turn].text[one.start : one.end].lower()
        known = {
            word
            for word in re.findall(r"[^\W\d_]+", text)
            if len(word) >= SHORTEST_AGAIN and word not in words.plain
        }
        for view in views[one.turn : one.turn + AGAIN_TURNS]:
            for n, token in enumerate(view.tokens):
                if token.lower not in known and token.lower.removesuffix("s") not in known:
                    continue
                end = token.end
                for run in view.runs:
                    if run.first == n + 1 and len(view.text[end : run.start]) <= 1:
                        end = run.end
                again.append(Found("secret", view.number, token.start, end))
    return again
