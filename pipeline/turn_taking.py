"""When a turn goes on, and when another is taken."""

from collections.abc import Sequence

from pipeline.normalise import normalise

# What fillers leave of the sounds with which a listener says "go on" ("mm-hm", "uh-huh").
HUMS = frozenset(("mhm", "mmhm", "mhmm", "mmhmm", "mmm", "huh", "aha"))


def is_hum(text: str) -> bool:
    """Whether nothing is said but that somebody listens ("mm-hm"): it takes no turn."""
    return HUMS.issuperset(normalise(text).text.split())


def goes_on(taken: Sequence[tuple[str, str]], who: str) -> int | None:
    """Which of the last turns (who, text) the next words of somebody go on: -1, -2 or None.

    A turn goes on until another is taken. A hum takes none: it stands after the turn that it was
    said in.
    """
    for at, (last, text) in zip((-1, -2), reversed(taken), strict=False):
        if last == who:
            return at
        if not is_hum(text):
            break
    return None
