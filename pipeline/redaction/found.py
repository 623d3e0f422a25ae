"""Where personal data was found, and how what several finders found becomes one."""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from pipeline.records import STAND_INS, Kind, Turn

_STAND_IN = re.compile("|".join(re.escape(shown) for shown in STAND_INS.values()))
# Between two parts of the same thing: "Art, Kavanagh" and "4319-2811" are each one.
_JOINS = re.compile(r"[\s,.\-–—]*$")


@dataclass(frozen=True, slots=True)
class Found:
    """Personal data in the characters ``start``..``end`` of a turn's text."""

    kind: Kind
    turn: int
    start: int
    end: int


def merged(turns: Sequence[Turn], found: Iterable[Found], kinds: Collection[Kind]) -> list[Found]:
    """Only these kinds, in order, without overlaps and without stand-ins.

    Where two overlap, the longer one says the kind of both together.
    """
    out: list[Found] = []
    for one in sorted(found, key=lambda f: (f.turn, f.start, -f.end)):
        if one.kind not in kinds:
            continue
        for part in _between_stand_ins(turns[one.turn].text, one):
            last = out[-1] if out else None
            if last is None or last.turn != part.turn or not _touch(turns, last, part):
                out.append(part)
                continue
            longer = max(last, part, key=lambda f: f.end - f.start)
            out[-1] = replace(longer, start=last.start, end=max(last.end, part.end))
    return out


def _touch(turns: Sequence[Turn], last: Found, part: Found) -> bool:
    if part.start < last.end:
        return True
    between = turns[part.turn].text[last.end : part.start]
    return last.kind == part.kind and bool(_JOINS.match(between))


def _between_stand_ins(text: str, one: Found) -> list[Found]:
    """A found stretch without the stand-ins in it and the punctuation round it."""
    parts, at = [], one.start
    for shown in _STAND_IN.finditer(text):
        if shown.start() < one.end and shown.end() > one.start:
            parts.append((at, max(at, shown.start())))
            at = min(one.end, shown.end())
    parts.append((at, one.end))
    kept = []
    for start, end in parts:
        while start < end and not (text[start].isalnum() or text[start] in "+("):
            start += 1
        while end > start and not text[end - 1].isalnum():
            end -= 1
        if start < end:
            kept.append(replace(one, start=start, end=end))
    return kept
