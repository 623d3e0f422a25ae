"""Runs that hold more than one thing: a card with its expiry date, digits and then a count."""

import re
from collections.abc import Sequence

from pipeline.redaction.spoken import Run, Token, run_of
from pipeline.redaction.words import Words

CARD_DIGITS = 16
LEAST_REST = 2
"""So many digits after a card's are something else, such as its expiry date."""
LEAST_BEFORE = 4
"""So many digits before a pause and a count are a number of their own."""


def split_runs(runs: Sequence[Run], text: str, tokens: Sequence[Token], words: Words) -> list[Run]:
    """The runs, each that holds two things as two: "1754, eleven twenty-seven"."""
    split: list[Run] = []
    for run in runs:
        at = (
            _after_card(run, text, tokens)
            or _before_count(run, text, tokens, words.units)
            or _before_one(run, tokens, words.pronouns)
        )
        if at:
            for pieces in (run.pieces[:at], run.pieces[at:]):
                split.append(run_of(text, tokens, pieces))
        else:
            split.append(run)
    return split


def _after_card(run: Run, text: str, tokens: Sequence[Token]) -> int:
    """How many pieces make the sixteen digits of a card, if a pause and more digits follow."""
    if len(run.digits) < CARD_DIGITS + LEAST_REST or run.digits != run.value:
        return 0
    digits = 0
    for at, piece in enumerate(run.pieces):
        if digits == CARD_DIGITS:
            return at if _pauses(text, tokens, run, at) else 0
        digits += len(piece.value)
    return 0


def _before_count(run: Run, text: str, tokens: Sequence[Token], units: Sequence[str]) -> int:
    """How many pieces stand before a last one that counts: "3874, two payments"."""
    at = len(run.pieces) - 1
    if run.last + 1 >= len(tokens) or tokens[run.last + 1].lower not in units:
        return 0
    before = sum(len(piece.value) for piece in run.pieces[:at])
    return at if before >= LEAST_BEFORE and _pauses(text, tokens, run, at) else 0


def _before_one(run: Run, tokens: Sequence[Token], pronouns: Sequence[str]) -> int:
    """How many pieces stand before a pronoun that reads as a digit: "the 7724 one"."""
    at = len(run.pieces) - 1
    if tokens[run.last].lower not in pronouns or not at:
        return 0
    before = tokens[run.pieces[at - 1].last].text
    return at if before.isdigit() and len(before) >= LEAST_BEFORE else 0


def _pauses(text: str, tokens: Sequence[Token], run: Run, at: int) -> bool:
    between = text[tokens[run.pieces[at - 1].last].end : tokens[run.pieces[at].first].start]
    return bool(re.search(r"[,;.]", between))
