"""What may be wrong with a rubric that is written without mistakes.

It is tried on the labelled dialogues that come with a language's cues (:mod:`pipeline.dialogues`):
a criterion that is met everywhere says nothing, one that is never met or never applies is perhaps
not what was meant, and two that always agree count the same thing twice.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

from pipeline.dialogues import Dialogue
from pipeline.records import AnswerValue
from pipeline.rubric import Rubric
from pipeline.rubric_file import Criterion
from pipeline.score import score

# Fewer dialogues to which a criterion applies say nothing about it.
FEWEST = 20
# From this share on, "nearly always".
NEARLY_ALL = 0.95
# Words of a title that nobody can hear in a call.
_VAGUE = re.compile(
    r"\b(adequate|appropriate|good|nice|proper|professional|reasonable|suitable|correct|positive"
    r"|friendly|polite|excellent|effective|satisfactory)(ly)?\b",
    re.IGNORECASE,
)

Kind = Literal["vague", "never met", "never applies", "never partial", "overlap"]


@dataclass(frozen=True, slots=True)
class Finding:
    """A doubt about a criterion, and what to do about it."""

    criterion: str
    kind: Kind
    advice: str


def review(rubric: Rubric, dialogues: Iterable[Dialogue]) -> list[Finding]:
    """Doubts about the criteria of a rubric, in their order."""
    given: dict[str, dict[str, AnswerValue]] = {c.id: {} for c in rubric.criteria}
    for dialogue in dialogues:
        for result in score(dialogue.facts(), rubric).criteria:
            if result.answer != "cannot_tell":
                given[result.id][dialogue.id] = result.answer
    found = [f for c in rubric.criteria for f in _alone(c, Counter(given[c.id].values()))]
    return found + list(_pairs([c.id for c in rubric.criteria], given))


def _alone(criterion: Criterion, answers: Counter[AnswerValue]) -> Iterator[Finding]:
    def finding(kind: Kind, advice: str) -> Finding:
        return Finding(criterion.id, kind, advice)

    rules = criterion.rules
    if rules is not None:
        vague = _VAGUE.search(criterion.title)
        if vague:
            yield finding(
                "vague",
                f"nobody can hear {vague.group()!r}; name in the title what is said or done",
            )
        if rules.partial is not None and rules.partial == rules.met:
            yield finding("never partial", "'partial' is the same as 'met'; ask for less there")
    tried = answers.total()
    applies = tried - answers["not_applicable"]
    if tried < FEWEST:
        return  # it needs sound
    if not applies:
        yield finding(
            "never applies", f"it applies to none of {tried} sample dialogues; widen when it does"
        )
    elif applies >= FEWEST and answers["met"] == 0:
        yield finding(
            "never met", f"none of the {applies} sample dialogues that call for it meets it; look "
            "at its cues and phrases",
        )  # fmt: skip
    elif applies >= FEWEST and answers["met"] >= NEARLY_ALL * applies:
        yield finding(
            "vague", f"{answers['met']} of the {applies} sample dialogues that call for it meet "
            "it; ask for something that not everybody does",
        )  # fmt: skip


def _pairs(
    criteria: Sequence[str], given: Mapping[str, Mapping[str, AnswerValue]]
) -> Iterator[Finding]:
    for first, second in combinations(criteria, 2):
        both = [
            (given[first][name], given[second][name])
            for name in given[first].keys() & given[second].keys()
            if {given[first][name], given[second][name]} != {"not_applicable"}
        ]
        if len(both) < FEWEST or len({a for a, _ in both}) == 1:
            continue
        same = sum(a == b for a, b in both)
        if same >= NEARLY_ALL * len(both):
            yield Finding(
                second, "overlap", f"gives the same answer as {first} in {same} of {len(both)} "
                "sample dialogues; drop one, or make them ask for different things",
            )  # fmt: skip
