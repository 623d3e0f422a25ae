"""Passwords, codes and answers to security questions, in words and in digits."""

import re
from collections.abc import Sequence

from pipeline.redaction.context import View
from pipeline.redaction.found import Found
from pipeline.redaction.words import Words

ASKED_WORDS = 6
"""A turn without a question mark asks for what it names so near its end."""
MOST_WORDS = 6
"""That a password or answer has."""
_TELLS = re.compile(
    r"(?:\s+[\w']+){0,3}?[\s,:]*"
    r"(?:\b(?:would be|should be|will be|was set to|is|it's|was|are)\b|:|=)[\s,:]+",
    re.IGNORECASE,
)


def find_passwords(views: Sequence[View], words: Words) -> list[Found]:
    """Secrets in words: told after "the password is", or in answer to what asks for one."""
    found = []
    for view in views:
        for cue in view.cues:
            if cue.kind != "secret" or cue.weak or cue.last + 1 >= len(view.tokens):
                continue
            tells = _TELLS.match(view.text, view.tokens[cue.last].end)
            if tells:
                found.extend(_told(view, tells.end(), words))
        before = views[view.number - 1] if view.number else None
        answers = before is not None and before.turn.role != view.turn.role != "agent"
        if before is not None and answers and _asks(before, words):
            found.extend(_told(view, 0, words))
    return found


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
    last = 0
    while last + 1 < len(tokens) and last + 1 < MOST_WORDS:
        between = view.text[tokens[last].end : tokens[last + 1].start]
        if re.search(r"[,.?!;:]", between) or tokens[last + 1].lower in words.ends_secret:
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
    if said[0].lower in words.not_secret or said[0].lower.endswith("ing"):
        return []
    found = [Found("secret", view.number, said[0].start, said[-1].end)]
    if last + 2 < len(tokens) and tokens[last + 1].lower == "or":
        found.extend(_told(view, tokens[last + 2].start, words))
    return found
