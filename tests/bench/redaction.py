"""How well personal data is found in the marked excerpts of tests/redaction/utterances.

    python -m tests.bench.redaction [FILES…] [--errors]

A marked stretch counts as found where all its letters and digits lie in what was found, of
whatever kind: what matters is that it is hidden. A found stretch is right where it touches a mark.
"""

from __future__ import annotations

import argparse
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.records import KINDS, Kind, Role, Turn
from pipeline.redaction.find import Found, find

UTTERANCES = Path(__file__).parent.parent / "redaction" / "utterances"
_MARK = re.compile(r"<(\w+)>(.*?)</\1>")
_ROLES: dict[str, Role] = {"A": "agent", "C": "customer"}


@dataclass
class Figures:
    """Counts by kind over excerpts, and the excerpts that went wrong."""

    marks: Counter[str] = field(default_factory=Counter)
    hidden: Counter[str] = field(default_factory=Counter)
    right_kind: Counter[str] = field(default_factory=Counter)
    excerpts: Counter[str] = field(default_factory=Counter)
    excerpts_hidden: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)
    right: Counter[str] = field(default_factory=Counter)
    harmless: int = 0
    false_alarms: int = 0
    errors: list[str] = field(default_factory=list)

    def recall(self, kind: str) -> float:
        """Share of the marked stretches of a kind that are wholly hidden."""
        return self.hidden[kind] / max(1, self.marks[kind])

    @property
    def precision(self) -> float:
        """Share of the found stretches that touch a mark."""
        return sum(self.right.values()) / max(1, sum(self.found.values()))


def read_excerpt(line: str) -> tuple[list[Turn], list[Found]]:
    """The turns of an excerpt, and what is marked in them."""
    turns: list[Turn] = []
    marks: list[Found] = []
    for number, part in enumerate(line.strip().split(" | ")):
        who, _, marked = part.partition(": ")
        text, at = "", 0
        for mark in _MARK.finditer(marked):
            text += marked[at : mark.start()]
            kind: Kind = next(kind for kind in KINDS if kind == mark[1])
            marks.append(Found(kind, number, len(text), len(text) + len(mark[2])))
            text, at = text + mark[2], mark.end()
        turns.append(Turn(_ROLES[who], text + marked[at:]))
    return turns, marks


def measure(paths: Sequence[Path]) -> Figures:
    """What the finder finds in excerpts, against their marks."""
    figures = Figures()
    for path in paths:
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.strip():
                _count(line, figures)
    return figures


def _count(line: str, figures: Figures) -> None:
    turns, marks = read_excerpt(line)
    found = find(turns, KINDS)
    missed: Counter[str] = Counter()
    wrong = []
    for mark in marks:
        text = turns[mark.turn].text
        over = [f for f in found if f.turn == mark.turn and f.start < mark.end > mark.start < f.end]
        hidden = all(
            any(f.start <= at < f.end for f in over)
            for at in range(mark.start, mark.end)
            if text[at].isalnum()
        )
        figures.marks[mark.kind] += 1
        figures.hidden[mark.kind] += hidden
        figures.right_kind[mark.kind] += hidden and all(f.kind == mark.kind for f in over)
        if not hidden:
            missed[mark.kind] += 1
            wrong.append(f"missed {mark.kind}: {text[mark.start : mark.end]}")
    for kind in {mark.kind for mark in marks}:
        figures.excerpts[kind] += 1
        figures.excerpts_hidden[kind] += not missed[kind]
    alarms = 0
    for one in found:
        touches = any(m.turn == one.turn and m.start < one.end > one.start < m.end for m in marks)
        figures.found[one.kind] += 1
        figures.right[one.kind] += touches
        if not touches:
            alarms += 1
            wrong.append(f"false {one.kind}: {turns[one.turn].text[one.start : one.end]}")
    if not marks:
        figures.harmless += 1
        figures.false_alarms += bool(alarms)
    if wrong:
        figures.errors.append("\n    ".join([line, *wrong]))


def table(figures: Figures) -> str:
    """The figures as lines of text."""
    lines = ["kind          marks  hidden  right kind  excerpts hidden  found  precision"]
    for kind in KINDS:
        marks, found = figures.marks[kind], figures.found[kind]
        lines.append(
            f"{kind:12}  {marks:5}  {figures.recall(kind):6.3f}"
            f"  {figures.right_kind[kind] / max(1, marks):10.3f}"
            f"  {figures.excerpts_hidden[kind] / max(1, figures.excerpts[kind]):15.3f}"
            f"  {found:5}  {figures.right[kind] / max(1, found):9.3f}"
        )
    hidden, marks = sum(figures.hidden.values()), sum(figures.marks.values())
    lines.append(f"all: recall {hidden / max(1, marks):.3f}, precision {figures.precision:.3f}")
    lines.append(f"harmless excerpts with a false alarm: {figures.false_alarms}/{figures.harmless}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.redaction")
    parser.add_argument("files", nargs="*", type=Path, help="of marked excerpts; without: all")
    parser.add_argument("--errors", action="store_true", help="show what is missed or wrong")
    asked = parser.parse_args()
    figures = measure(asked.files or sorted(UTTERANCES.glob("*.txt")))
    print(table(figures))
    if asked.errors:
        print(*figures.errors, sep="\n")


if __name__ == "__main__":
    main()
