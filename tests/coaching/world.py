"""Calls in bulk without models: our labelled dialogues, with times as if they had been spoken."""

import random
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from pipeline.call import judge
from pipeline.cues import cues_folder
from pipeline.dialogues import Dialogue, read_dialogues
from pipeline.records import CallFacts, CallResult, Metadata, Turn, Word
from pipeline.rubric import Rubric, load_rubric
from pipeline.store import Judging, Store

NEWEST = datetime(2026, 11, 20, 16)
WORD_S, PAUSE_S = 0.3, 0.4
JUDGING = Judging("dialogues", "0", "dialogues")


@cache
def dialogues() -> tuple[Dialogue, ...]:
    """Inbound ones: they are about complaints."""
    every = read_dialogues(cues_folder("en") / "dialogues")
    return tuple(found for found in every if found.direction == "inbound")


@cache
def rubric() -> Rubric:
    return load_rubric("leap")


def spoken(turns: tuple[Turn, ...]) -> tuple[Turn, ...]:
    """The turns one after the other, with words of equal length."""
    at, said = 0.5, []
    for turn in turns:
        words = []
        for text in turn.text.split():
            words.append(Word(round(at, 3), round(at + WORD_S - 0.05, 3), text, 0.95))
            at += WORD_S
        said.append(
            replace(
                turn,
                text=" ".join(word.text for word in words),
                start_s=words[0].start_s,
                end_s=words[-1].end_s,
                words=tuple(words),
            )
        )
        at += PAUSE_S
    return tuple(said)


@cache
def judged(place: int) -> CallResult:
    """A dialogue as our judges judge it, its labels taken for the tagger's."""
    dialogue = dialogues()[place]
    turns = spoken(dialogue.turns)
    facts = replace(dialogue.facts(), turns=turns, duration_s=turns[-1].end_s)
    return judge(facts, rubric())


def keep(store: Store, place: int, call_id: str, at: datetime, **metadata: Any) -> int:
    """Stores a dialogue as a call; gives the number of its result."""
    result = judged(place)
    facts: CallFacts = replace(
        result.facts,
        metadata=Metadata(call_id, started_at=f"{at.isoformat()}Z", language="en", **metadata),
        recording_sha256=call_id.encode().hex().ljust(64, "0"),
    )
    return store.keep_result(
        replace(result, facts=facts),
        facts.recording_sha256 or "",
        f"/calls/{call_id}.wav",
        JUDGING,
        call_id_given=True,
    )


def fill(
    store: Store,
    agent_id: str,
    count: int,
    *,
    seed: int = 1,
    weeks: int = 4,
    newest: datetime = NEWEST,
    places: list[int] | None = None,
    **metadata: Any,
) -> None:
    """``count`` calls of an agent over some weeks, drawn from the dialogues (or some of them)."""
    chance = random.Random(f"{agent_id} {seed}")
    choice = places or list(range(len(dialogues())))
    for number in range(count):
        at = newest - timedelta(weeks=weeks) * (count - 1 - number) / count
        keep(
            store,
            chance.choice(choice),
            f"{agent_id}-{seed}-{number:04}",
            at,
            agent_id=agent_id,
            queue=f"queue-{number % 3}",
            **metadata,
        )


def places_with(criterion: str, *answers: str) -> list[int]:
    """Dialogues whose label for a criterion is one of these."""
    return [
        place
        for place, dialogue in enumerate(dialogues())
        if dialogue.answers.get(criterion) in answers
    ]
