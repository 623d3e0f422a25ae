"""The conditions that a rubric file states: cues, phrases, their order, measures, metadata.

``rubrics/README.md`` shows how they are written. A condition holds, does not hold, or cannot be
told (a measure that the recording does not give, words in a language without cues).
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from pipeline.criteria.view import View, place_of
from pipeline.records import CallFacts, Cue, Role, Sound

KINDS = ("cue", "phrase", "measure", "metadata", "all", "any", "not")
ORDER_KEYS = ("after", "before", "within_turns", "in_first_turns", "in_last_turns")


class Condition(BaseModel):
    """One condition, of exactly one of the ``KINDS``.

    ``cue`` (one or a list) and ``phrase`` (a pattern, ``by`` a side) are found at least ``times``
    times; ``after`` names a cue that comes earlier, ``before`` one that does not come in between
    (since the ``after`` cue, or since the start of the call); ``within_turns`` counts from the
    ``after`` cue on (0: the same turn), ``in_first_turns`` and ``in_last_turns`` count the turns of
    the call.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, populate_by_name=True)

    cue: str | list[str] | None = None
    phrase: str | None = None
    by: Literal["agent", "customer", "either"] = "agent"
    times: int = Field(1, ge=1)
    after: str | None = None
    before: str | None = None
    within_turns: int | None = Field(None, ge=0)
    in_first_turns: int | None = Field(None, ge=1)
    in_last_turns: int | None = Field(None, ge=1)

    measure: str | None = None
    at_least: float | None = None
    at_most: float | None = None

    metadata: dict[str, str | list[str]] | None = None

    all_of: list["Condition"] | None = Field(None, alias="all", min_length=1)
    any_of: list["Condition"] | None = Field(None, alias="any", min_length=1)
    none_of: "Condition | None" = Field(None, alias="not")

    @model_validator(mode="after")
    def _one_kind(self) -> "Condition":
        given = [kind for kind in KINDS if self.part(kind) is not None]
        if len(given) != 1:
            raise ValueError(f"give exactly one of: {', '.join(KINDS)}")
        kind, given_keys = given[0], self.model_fields_set
        if kind == "measure":
            if self.measure not in MEASURES:
                raise ValueError(f"no such measure; choose one of: {', '.join(sorted(MEASURES))}")
            if self.at_least is None and self.at_most is None:
                raise ValueError("a measure needs at_least or at_most")
            if None not in (self.at_least, self.at_most) and self.at_least > self.at_most:  # type: ignore[operator]
                raise ValueError("at_least is more than at_most, so that it never holds")
        elif {"at_least", "at_most"} & given_keys:
            raise ValueError("at_least and at_most belong to a measure; use times for cues")
        if kind not in ("cue", "phrase") and {*ORDER_KEYS, "times"} & given_keys:
            raise ValueError("times and order belong to a cue or a phrase")
        if "by" in given_keys and kind != "phrase":
            raise ValueError("by belongs to a phrase; a cue knows its side")
        if self.within_turns is not None and self.after is None:
            raise ValueError("within_turns needs after")
        return self

    def part(self, kind: str) -> Any:
        """What is given for one of the ``KINDS``, or None."""
        return getattr(self, {"all": "all_of", "any": "any_of", "not": "none_of"}.get(kind, kind))

    def parts(self) -> Iterator[tuple[tuple[str | int, ...], "Condition"]]:
        """This condition and all within it, each with the keys that lead there."""
        yield (), self
        for kind in ("all", "any"):
            for index, inner in enumerate(self.part(kind) or ()):
                for key, condition in inner.parts():
                    yield (kind, index, *key), condition
        if self.none_of is not None:
            for key, condition in self.none_of.parts():
                yield ("not", *key), condition

    @property
    def cues(self) -> list[str]:
        """The ids of the cues that are looked for; a phrase is a cue of its own."""
        if self.phrase is not None:
            return [phrase_id(self.phrase, self.by)]
        return [self.cue] if isinstance(self.cue, str) else list(self.cue or ())


@dataclass(frozen=True, slots=True)
class Found:
    """``holds`` is None where it cannot be told; ``cues`` show why it holds."""

    holds: bool | None
    cues: tuple[Cue, ...] = ()


def phrase_id(pattern: str, by: str) -> str:
    """The id under which a phrase of a rubric is looked for among the cues."""
    return f"phrase {by}: {pattern}"


def check(condition: Condition, seen: View) -> Found:
    """Whether a condition holds in a call."""
    if condition.measure is not None:
        value = MEASURES[condition.measure](seen.facts)
        if value is None:
            return Found(None)
        low, high = condition.at_least, condition.at_most
        return Found((low is None or value >= low) and (high is None or value <= high))
    if condition.metadata is not None:
        return Found(_metadata_holds(condition.metadata, seen.facts))
    if condition.none_of is not None:
        inner = check(condition.none_of, seen)
        return Found(None if inner.holds is None else not inner.holds)
    if condition.all_of is not None or condition.any_of is not None:
        return _joined(condition, seen)
    if not seen.has_cues:
        return Found(None)
    found = _in_order(condition, seen)
    return Found(len(found) >= condition.times, tuple(found))


def _joined(condition: Condition, seen: View) -> Found:
    """Three-valued: what is known decides if it can, else it cannot be told."""
    each = [check(inner, seen) for inner in condition.all_of or condition.any_of or ()]
    cues = tuple(cue for found in each if found.holds for cue in found.cues)
    values = [found.holds for found in each]
    decisive = condition.any_of is not None
    if decisive in values:
        return Found(decisive, cues if decisive else ())
    return Found(None if None in values else not decisive, () if decisive else cues)


def _in_order(condition: Condition, seen: View) -> list[Cue]:
    """The cues asked for that stand where they are asked for."""
    start, stop = 0, len(seen.turns)
    if condition.in_first_turns is not None:
        stop = min(stop, condition.in_first_turns)
    if condition.in_last_turns is not None:
        start = max(start, len(seen.turns) - condition.in_last_turns)
    anchors = [(-1, 0)]  # the start of the call
    if condition.after is not None:
        anchors = [place_of(cue) for cue in seen.all(condition.after)]
    ends = [place_of(cue) for cue in seen.all(condition.before)] if condition.before else []
    reach = len(seen.turns) if condition.within_turns is None else condition.within_turns

    def stands(cue: Cue) -> bool:
        here = place_of(cue)
        return any(
            anchor < here
            and here[0] <= anchor[0] + reach
            and not any(anchor < end < here for end in ends)
            for anchor in anchors
        )

    return [c for c in seen.all(*condition.cues, start=start, stop=stop) if stands(c)]


def _metadata_holds(wanted: Mapping[str, str | list[str]], facts: CallFacts) -> bool | None:
    values = {name: getattr(facts.metadata, name) for name in wanted}
    for name, expected in wanted.items():
        allowed = [expected] if isinstance(expected, str) else expected
        if values[name] is not None and values[name] not in allowed:
            return False
    return None if None in values.values() else True


def _heard(value: Callable[[Sound], float | None]) -> Callable[[CallFacts], float | None]:
    return lambda facts: None if facts.sound is None else value(facts.sound)


def _talk_share(sound: Sound) -> float | None:
    talk = sound.talk
    both = talk.agent_s + talk.customer_s if talk else 0.0
    return talk.agent_s / both if talk and both else None


def _competitive(by: Role) -> Callable[[Sound], float | None]:
    return lambda sound: (
        float(sum(i.by == by and i.kind == "competitive" for i in sound.interruptions))
        if sound.overlap_measurable
        else None
    )


def _raised(role: Role) -> Callable[[Sound], float | None]:
    return lambda sound: (
        sum(r.end_s - r.start_s for r in sound.raised_voice if r.role == role)
        if role in sound.effort_measurable
        else None
    )


MEASURES: dict[str, Callable[[CallFacts], float | None]] = {
    "duration_s": lambda facts: facts.duration_s,
    "turns_count": lambda facts: float(len(facts.turns)),
    "silence_s": _heard(lambda sound: sound.talk.silence_s if sound.talk else None),
    "overlap_s": _heard(lambda sound: sound.talk.overlap_s if sound.talk else None),
    "agent_talk_share": _heard(_talk_share),
    "agent_wpm": _heard(lambda sound: sound.talk.agent_wpm if sound.talk else None),
    "customer_wpm": _heard(lambda sound: sound.talk.customer_wpm if sound.talk else None),
    "holds_count": _heard(lambda sound: float(sum(not h.continued for h in sound.holds))),
    "longest_hold_s": _heard(lambda s: max((h.duration_s for h in s.holds), default=0.0)),
    "dead_air_s": _heard(lambda sound: sum(gap.duration_s for gap in sound.dead_air)),
    "longest_dead_air_s": _heard(lambda s: max((g.duration_s for g in s.dead_air), default=0.0)),
    "agent_interruptions_count": _heard(_competitive("agent")),
    "customer_interruptions_count": _heard(_competitive("customer")),
    "agent_raised_voice_s": _heard(_raised("agent")),
    "customer_raised_voice_s": _heard(_raised("customer")),
}
"""What a condition can measure, by name (the unit is its ending); None where it cannot be told."""
