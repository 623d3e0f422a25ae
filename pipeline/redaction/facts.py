"""Hides personal data in what was heard of a call, before it is judged and stored."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from pipeline.records import STAND_INS, CallFacts, Kind, Redaction
from pipeline.redaction.redact import redact

HIDES = "hides="


@dataclass(frozen=True, slots=True)
class Shift:
    """``start``..``end`` of a turn was hidden; what follows moved on by ``grown`` characters."""

    start: int
    end: int
    grown: int


@dataclass(frozen=True, slots=True)
class HiddenFacts:
    """Facts without personal data; ``words`` are what each of their redactions newly hides.

    ``shifts`` say of each changed turn where its text went, in order.
    """

    facts: CallFacts
    words: tuple[str, ...]
    shifts: Mapping[int, Sequence[Shift]]

    def place(self, turn: int, start: int, end: int) -> tuple[int, int]:
        """Where a stretch of a turn's text lies by now; all of a stand-in where it cuts one."""
        shifts = self.shifts.get(turn, ())
        return _place(start, shifts), _place(end, shifts, end=True)


def hide(
    facts: CallFacts,
    kinds: Collection[Kind],
    default_language: str | None = None,
    *,
    threads: int = 0,
) -> HiddenFacts:
    """Replaces personal data of these kinds in the turns by stand-ins.

    ``default_language`` is that of facts that name none; the model reads in so many ``threads``
    (0: as many as there are cores).

    The moves that the tagger found in the words stay what they were; only their places shift. What
    was hidden before stays hidden: its words are not known any more, and are empty here.
    """
    redacted = redact(facts.turns, kinds, facts.language or default_language, threads=threads)
    new = list(zip(redacted.redactions, redacted.words, strict=True))
    hidden = HiddenFacts(facts, redacted.words, _shifts(new))
    moves = facts.moves
    if moves is not None:
        places = (hidden.place(move.turn, move.start, move.end) for move in moves)
        moves = tuple(
            replace(move, start=start, end=end)
            for move, (start, end) in zip(moves, places, strict=True)
        )
    earlier = [
        (replace(old, offset=hidden.place(old.turn, old.offset, old.offset)[0]), "")
        for old in facts.redactions
    ]
    both = sorted([*new, *earlier], key=lambda pair: (pair[0].turn, pair[0].offset))
    done = replace(
        facts,
        turns=redacted.turns,
        moves=moves,
        redactions=tuple(redaction for redaction, _ in both),
    )
    return replace(hidden, facts=done, words=tuple(words for _, words in both))


def redaction_key(kinds: Collection[Kind], *, keep: bool) -> str:
    """Names what is hidden, for the key of stored facts; ``keep``: its words are kept apart."""
    return f"{HIDES}{','.join(sorted(kinds)) or 'nothing'}{'+kept' if keep and kinds else ''}"


def _shifts(new: Sequence[tuple[Redaction, str]]) -> dict[int, list[Shift]]:
    shifts: dict[int, list[Shift]] = {}
    for redaction, words in new:
        in_turn = shifts.setdefault(redaction.turn, [])
        before = in_turn[-1].grown if in_turn else 0
        start = redaction.offset - before
        grown = before + len(STAND_INS[redaction.kind]) - len(words)
        in_turn.append(Shift(start, start + len(words), grown))
    return shifts


def _place(at: int, shifts: Sequence[Shift], *, end: bool = False) -> int:
    grown = 0
    for shift in shifts:
        if at <= shift.start:
            break
        if at < shift.end:
            return shift.end + shift.grown if end else shift.start + grown
        grown = shift.grown
    return at + grown
