"""Finds personal data in the turns of a call, by rules and by a small model."""

import os
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from pipeline.records import Kind, Turn
from pipeline.redaction.addresses import find_addresses
from pipeline.redaction.birth_dates import find_birth_dates
from pipeline.redaction.context import views_of
from pipeline.redaction.emails import find_emails
from pipeline.redaction.found import Found, merged
from pipeline.redaction.model_words import likely_words
from pipeline.redaction.names import find_names
from pipeline.redaction.numbers import find_numbers
from pipeline.redaction.passwords import find_passwords
from pipeline.redaction.rampart import CACHED_TEXTS

__all__ = ["Found", "find"]


def find(
    turns: Sequence[Turn],
    kinds: Collection[Kind],
    language: str | None = "en",
    *,
    threads: int = 0,
) -> list[Found]:
    """What is personal in the turns, in order, without overlaps. Raises ModelError.

    The model reads in so many ``threads``; 0: as many as there are cores.
    """
    if not kinds:
        return []
    views, words = views_of(turns, language)
    if len(views) <= CACHED_TEXTS:
        # The model takes the time: all threads read the turns before the rules ask for them.
        with ThreadPoolExecutor(threads or os.cpu_count() or 1) as pool:
            list(pool.map(partial(likely_words, views), views))
    numbers = find_numbers(views, words)
    dates = find_birth_dates(views, words)
    found = [
        *find_emails(views, words),
        *dates,
        *numbers,
        *find_passwords(views, words),
        *find_addresses(views, words),
        *find_names(views, words),
    ]
    return merged(turns, found, kinds)
