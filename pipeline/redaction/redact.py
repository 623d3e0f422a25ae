"""Puts stand-ins such as ``[phone]`` in place of personal data, in texts and in their words."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from pipeline.records import STAND_INS, Kind, Redaction, Turn, Word
from pipeline.redaction.find import Found, find

MOST_ROUNDS = 4
"""What is hidden changes what stands around the rest. A second look seldom finds more."""


@dataclass(frozen=True, slots=True)
class Redacted:
    """Turns without personal data; ``words`` are what each of the ``redactions`` hides."""

    turns: tuple[Turn, ...]
    redactions: tuple[Redaction, ...]
    words: tuple[str, ...]


def redact(
    turns: Sequence[Turn],
    kinds: Collection[Kind],
    language: str | None = "en",
    *,
    threads: int = 0,
) -> Redacted:
    """Replaces personal data of these kinds by stand-ins.

    The words under a stand-in become one word, from the first one's start to the last one's end,
    with their mean probability. Looks again until nothing more is found, so that redacting what is
    redacted changes nothing. The model reads in so many ``threads``; 0: as many as there are cores.

    Raises
    ------
    ModelError
        The bundled model is missing or altered.
    """
    original = tuple(turns)
    hidden: list[Found] = []
    shown = Redacted(original, (), ())
    for _ in range(MOST_ROUNDS):
        more = find(shown.turns, kinds, language, threads=threads)
        if not more:
            break
        hidden = sorted([*hidden, *_in_original(more, hidden)], key=lambda f: (f.turn, f.start))
        shown = _hide(original, hidden)
    return shown


def redact_text(text: str, kinds: Collection[Kind], language: str | None = "en") -> str:
    """A single text, such as a comment, with stand-ins in place of personal data."""
    return redact((Turn("unknown", text),), kinds, language).turns[0].text


def _in_original(more: Iterable[Found], hidden: Sequence[Found]) -> list[Found]:
    """What was found between stand-ins, at its place in the original turns."""
    placed = []
    for found in more:
        shift = 0
        for earlier in hidden:
            shown = len(STAND_INS[earlier.kind])
            if earlier.turn == found.turn and earlier.start - shift + shown <= found.start:
                shift += earlier.end - earlier.start - shown
        placed.append(replace(found, start=found.start + shift, end=found.end + shift))
    return placed


def _hide(turns: tuple[Turn, ...], hidden: Sequence[Found]) -> Redacted:
    by_turn: dict[int, list[Found]] = {}
    for found in hidden:
        by_turn.setdefault(found.turn, []).append(found)
    shown, redactions = list(turns), []
    for number, in_turn in by_turn.items():
        turn, times = _hide_in_turn(turns[number], in_turn)
        shown[number] = turn
        grown = 0
        for found, (start_s, end_s) in zip(in_turn, times, strict=True):
            offset = found.start + grown
            redactions.append(Redaction(found.kind, number, offset, start_s, end_s))
            grown += len(STAND_INS[found.kind]) - (found.end - found.start)
    words = tuple(turns[found.turn].text[found.start : found.end] for found in hidden)
    return Redacted(tuple(shown), tuple(redactions), words)


def _hide_in_turn(
    turn: Turn, hidden: Sequence[Found]
) -> tuple[Turn, list[tuple[float | None, float | None]]]:
    """The turn with stand-ins, and from when to when each of them was said."""
    text, words = turn.text, list(turn.words)
    places = _places(turn)
    times: list[tuple[float | None, float | None]] = []
    # From the last to the first, so that the places before stay what they are.
    for found in reversed(hidden):
        name = STAND_INS[found.kind]
        text = text[: found.start] + name + text[found.end :]
        under = [
            n for n, (start, end) in enumerate(places) if start < found.end and found.start < end
        ]
        if not under:
            times.append((None, None))
            continue
        first, last = under[0], under[-1]
        covered = words[first : last + 1]
        before = covered[0].text.strip()[: max(0, found.start - places[first][0])]
        after = covered[-1].text.strip()[found.end - places[last][0] :]
        one = Word(
            covered[0].start_s,
            covered[-1].end_s,
            before + name + after,
            sum(word.probability for word in covered) / len(covered),
        )
        times.append((one.start_s, one.end_s))
        words[first : last + 1] = [one]
        # What a stretch further to the front may still cut is only what stands before this one.
        places[first : last + 1] = [(places[first][0], found.start)]
    return replace(turn, text=text, words=tuple(words)), times[::-1]


def _places(turn: Turn) -> list[tuple[int, int]]:
    """Where each word of a turn stands in its text; (-1, -1) for one that is not there."""
    places, at = [], 0
    for word in turn.words:
        said = word.text.strip()
        start = turn.text.find(said, at) if said else -1
        if start < 0:
            places.append((-1, -1))
            continue
        at = start + len(said)
        places.append((start, at))
    return places
