"""Labelled dialogues: what cues are learnt from, and what rubrics are tried on.

They are plain text, written for this project (``rubrics/cues/en/dialogues/README.md`` says how)::

    ## w3-017 inbound hotel spoken
    listen_first=met empathize=met apologize=missed solve=met follow_up=partial flags=none
    A: Harbour View, Lena speaking. {greeting} What can I do for you? {greeting}
    C: I paid for a sea view {issue} and got the car park. {complaint}

Tags in braces belong to the words since the tag or the full stop before them; ``{}`` ends a stretch
that makes no move.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from pipeline.errors import RubricError
from pipeline.records import AnswerValue, CallFacts, Direction, Engines, Metadata, Move, Role, Turn

_PIECE = re.compile(r"\{([^}]*)\}|[^{}]+?(?:[.?!…]+(?=[\s{\"')]|$)|(?=\{)|$)", re.DOTALL)
_ROLES: dict[str, Role] = {"A": "agent", "C": "customer"}


@dataclass(frozen=True, slots=True)
class Stretch:
    """Words ``text[start:end]`` of a turn, and the moves that they make."""

    start: int
    end: int
    moves: frozenset[str]


@dataclass(frozen=True, slots=True)
class Dialogue:
    """A labelled call. ``stretches[i]`` are those of turn i, in order."""

    id: str
    direction: Direction
    industry: str
    style: str
    answers: Mapping[str, AnswerValue]
    flags: frozenset[str]
    turns: tuple[Turn, ...]
    stretches: tuple[tuple[Stretch, ...], ...]

    @property
    def source(self) -> str:
        """Who wrote it: dialogues of one writer are never split between learning and testing."""
        return self.id.partition("-")[0]

    def moves(self) -> tuple[Move, ...]:
        """The labels as a tagger would give them that is always right.

        What a customer says against an outbound call is an objection, in the words of the cues.
        """
        rename = {"issue": "outbound_objection"} if self.direction == "outbound" else {}
        return tuple(
            Move(rename.get(move, move), turn, part.start, part.end, 1.0)
            for turn, parts in enumerate(self.stretches)
            for part in parts
            for move in sorted(part.moves)
        )

    def facts(self) -> CallFacts:
        """As a call that came transcribed; the direction is left to be found out."""
        return CallFacts(
            metadata=Metadata(call_id=self.id),
            turns=self.turns,
            engines=Engines("given", "given", "given"),
            language="en",
            moves=self.moves(),
        )


def read_dialogues(folder: Path) -> Iterator[Dialogue]:
    """All dialogues of the ``*.txt`` files in a folder. Raises RubricError naming file and line."""
    for path in sorted(folder.glob("*.txt")):
        yield from _read_file(path)


def _read_file(path: Path) -> Iterator[Dialogue]:
    lines = path.read_text(encoding="utf-8").splitlines()
    starts = [number for number, line in enumerate(lines) if line.startswith("## ")]
    for start, stop in zip(starts, [*starts[1:], len(lines)], strict=True):
        try:
            yield _dialogue(lines[start:stop])
        except (ValueError, KeyError, IndexError) as error:
            raise RubricError(f"{path}, line {start + 1}: no such dialogue ({error})") from None


def _dialogue(lines: list[str]) -> Dialogue:
    name, direction, industry, style = lines[0].removeprefix("## ").split()[:4]
    answers = dict(item.split("=") for item in lines[1].split())
    flags = answers.pop("flags")
    turns, stretches = [], []
    for line in lines[2:]:
        if not line.strip():
            continue
        side, _, marked = line.partition(":")
        text, parts = _unmarked(marked.strip())
        turns.append(Turn(_ROLES[side.strip()], text))
        stretches.append(parts)
    return Dialogue(
        id=name,
        direction=cast(Direction, direction),
        industry=industry,
        style=style,
        answers=cast(Mapping[str, AnswerValue], answers),
        flags=frozenset(flags.split(",")) - {"none"},
        turns=tuple(turns),
        stretches=tuple(stretches),
    )


def _unmarked(marked: str) -> tuple[str, tuple[Stretch, ...]]:
    """The words without their tags, and the stretches with them."""
    text = ""
    parts: list[Stretch] = []
    for piece in _PIECE.finditer(marked):
        tags = piece.group(1)
        if tags is None:
            words = piece.group().strip()
            if words:
                text += " " * bool(text) + words
                parts.append(Stretch(len(text) - len(words), len(text), frozenset()))
        elif parts:
            moves = frozenset(tag.strip() for tag in tags.split(",") if tag.strip())
            last = parts.pop()
            parts.append(Stretch(last.start, last.end, last.moves | moves))
    return text, tuple(parts)
