"""What the model says of each word of a turn, read with the question before it."""

from collections.abc import Sequence
from functools import cache, lru_cache

from pipeline.records import STAND_INS
from pipeline.redaction.context import View
from pipeline.redaction.rampart import CACHED_TEXTS, GROUPS, Labelled, label

SHORT_ANSWER_WORDS = 14
"""Answers no longer than this are read together with what was asked."""
QUESTION_WORDS = 20
"""Of the question, from its end."""
JOINED_BY = " "


def likely_words(views: Sequence[View], view: View) -> list[dict[str, float]]:
    """How likely (0 to 1) each word of a turn is of each of the model's groups."""
    before = views[view.number - 1].text if view.number else ""
    return _likely_words(before, view)


@lru_cache(maxsize=CACHED_TEXTS)
def _likely_words(before: str, view: View) -> list[dict[str, float]]:
    text = _without_stand_ins(view.text)
    alone = _of_words(view, label(text), 0)
    if not before or len(view.tokens) > SHORT_ANSWER_WORDS:
        return alone
    question = " ".join(_without_stand_ins(before).split()[-QUESTION_WORDS:])
    asked = question + JOINED_BY
    with_question = _of_words(view, label(asked + text), len(asked))
    return [
        {group: max(one[group], other[group]) for group in GROUPS}
        for one, other in zip(alone, with_question, strict=True)
    ]


def _of_words(view: View, labelled: Sequence[Labelled], shift: int) -> list[dict[str, float]]:
    """The most likely of the pieces of each word."""
    found = []
    at = 0
    for token in view.tokens:
        best = [0.0] * len(GROUPS)
        while at < len(labelled) and labelled[at].end - shift <= token.start:
            at += 1
        here = at
        while here < len(labelled) and labelled[here].start - shift < token.end:
            best = [max(a, b) for a, b in zip(best, labelled[here].likely, strict=True)]
            here += 1
        found.append(dict(zip(GROUPS, best, strict=True)))
    return found


@cache
def _blanks() -> dict[str, str]:
    return {shown: " " * len(shown) for shown in STAND_INS.values()}


def _without_stand_ins(text: str) -> str:
    for shown, blank in _blanks().items():
        text = text.replace(shown, blank)
    return text
