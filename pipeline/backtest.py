"""A new rubric against an old one on the stored calls: whose answers would flip?"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from pipeline.archive import StoredFacts
from pipeline.records import AnswerValue, Scorecard
from pipeline.rubric import Rubric
from pipeline.score import score

Answer = AnswerValue | None
"""None: the rubric has no such criterion."""


@dataclass(frozen=True, slots=True)
class Flip:
    """An answer that the two rubrics give differently."""

    call_id: str
    agent_id: str
    criterion: str
    old: Answer
    new: Answer


@dataclass(frozen=True, slots=True)
class Compared:
    """A call under both rubrics."""

    call_id: str
    old_score: float | None
    new_score: float | None
    flips: tuple[Flip, ...]


@dataclass(slots=True)
class Summary:
    """Counts over many calls: per criterion, how often which answer became which."""

    calls: int = 0
    changed: int = 0
    moves: dict[str, Counter[tuple[Answer, Answer]]] = field(default_factory=dict)

    def add(self, compared: Compared) -> None:
        self.calls += 1
        self.changed += bool(compared.flips) or compared.old_score != compared.new_score
        for flip in compared.flips:
            self.moves.setdefault(flip.criterion, Counter())[flip.old, flip.new] += 1


def compare(calls: Iterable[StoredFacts], old: Rubric, new: Rubric) -> Iterator[Compared]:
    """Each call judged by both rubrics, from what was heard; no model runs."""
    for call in calls:
        if call.facts is None:
            continue
        before, after = score(call.facts, old), score(call.facts, new)
        agent_id = call.facts.metadata.agent_id
        flips = tuple(_flips(before, after, call.call_id, agent_id))
        yield Compared(call.call_id, before.score, after.score, flips)


def _flips(before: Scorecard, after: Scorecard, call_id: str, agent_id: str) -> Iterator[Flip]:
    old = {result.id: result.answer for result in before.criteria}
    new = {result.id: result.answer for result in after.criteria}
    for criterion in [*old, *(name for name in new if name not in old)]:
        if old.get(criterion) != new.get(criterion):
            yield Flip(call_id, agent_id, criterion, old.get(criterion), new.get(criterion))
