"""The rules that say which calls to talk about, as data: ``rubrics/coaching/rules.yaml``."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipeline.coaching.records import LeadsTo
from pipeline.yamlfile import YamlFile, read_yaml

COACHING_DIR = Path(__file__).resolve().parent.parent.parent / "rubrics" / "coaching"
SHIPPED = COACHING_DIR / "rules.yaml"

Count = Annotated[int, Field(ge=1)]
Seconds = Annotated[float, Field(gt=0)]


class _Rule(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    title: str = Field(min_length=1)
    leads_to: LeadsTo = "talk"


class ScoreBelow(_Rule):
    """The score that stands is lower."""

    when: Literal["score_below"]
    score: Annotated[float, Field(gt=0, le=100)]


class OftenMissed(_Rule):
    """A criterion was missed in ``times`` of the last ``of_last`` calls in which it was judged."""

    when: Literal["often_missed"]
    times: Count
    of_last: Count
    criteria: tuple[str, ...] = ()
    """None named: any."""


class Interruptions(_Rule):
    """The agent surely talked over the customer so often."""

    when: Literal["interruptions"]
    at_least: Count


class RaisedVoice(_Rule):
    """The agent's voice was raised for so long in all."""

    when: Literal["raised_voice"]
    at_least_s: Seconds


class LongHold(_Rule):
    """A hold took longer."""

    when: Literal["long_hold"]
    longer_than_s: Seconds


class Flagged(_Rule):
    """The call has one of these flags."""

    when: Literal["flag"]
    flags: Annotated[tuple[str, ...], Field(min_length=1)]


class TurnedAround(_Rule):
    """The customer was upset, by a flag or by rising first, and the agent met what was asked.

    Of ``criteria`` none is missed or partial, and ``at_least`` so many are met; with ``calmed`` a
    customer who rose first must have calmed down, or the agent stayed calm.
    """

    when: Literal["turned_around"]
    flags: tuple[str, ...]
    criteria: Annotated[tuple[str, ...], Field(min_length=1)]
    at_least: Count
    calmed: bool = True


Rule = ScoreBelow | OftenMissed | Interruptions | RaisedVoice | LongHold | Flagged | TurnedAround
KINDS: dict[str, type[Any]] = {
    "score_below": ScoreBelow,
    "often_missed": OftenMissed,
    "interruptions": Interruptions,
    "raised_voice": RaisedVoice,
    "long_hold": LongHold,
    "flag": Flagged,
    "turned_around": TurnedAround,
}


def load_rules(path: Path | None = None) -> tuple[Rule, ...]:
    """The rules of a file; None: those that ship. Raises RubricError with file, line and key."""
    file = read_yaml(path or SHIPPED)
    if not isinstance(file.value, dict) or not isinstance(file.value.get("rules"), list):
        raise file.error(("rules",), "expected a list of rules; see rubrics/coaching/rules.yaml")
    for key in file.value:
        if key != "rules":
            raise file.error((key,), "unknown key; remove it or correct its spelling")
    rules = tuple(_rule(value, place, file) for place, value in enumerate(file.value["rules"]))
    for place, rule in enumerate(rules):
        if rule.id in [before.id for before in rules[:place]]:
            raise file.error(
                ("rules", place, "id"), f"{rule.id!r} is there already; give each its own id"
            )
    return rules


def _rule(value: Any, place: int, file: YamlFile) -> Rule:
    key = ("rules", place)
    when = value.get("when") if isinstance(value, dict) else None
    if when not in KINDS:
        raise file.error((*key, "when"), f"found {when!r}; choose one of: {', '.join(KINDS)}")
    try:
        rule: Rule = KINDS[when].model_validate(value)
    except ValidationError as error:
        raise file.invalid(error, key) from None
    if isinstance(rule, OftenMissed) and rule.times > rule.of_last:
        raise file.error((*key, "times"), "more than of_last; correct it")
    return rule
