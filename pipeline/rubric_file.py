"""What a rubric file may hold, and what is checked in it beyond the types of its values.

``rubrics/README.md`` says how a rubric is written. Every mistake is one :class:`RubricError` line
that names file, line and key.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import fields
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

from pipeline.criteria import JUDGES
from pipeline.criteria.conditions import Condition
from pipeline.criteria.declared import Rules
from pipeline.cues import CueEntry, CueSet
from pipeline.records import AnswerValue, Direction, Metadata
from pipeline.yamlfile import YamlFile

_METADATA = tuple(field.name for field in fields(Metadata))


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Criterion(_Strict):
    """One criterion; ``weight`` is its points. Units of thresholds are in their names.

    It is judged by a ``judge`` of ours or by ``rules`` of its own, ``only_when`` a condition holds
    (else it is not applicable). The points of a ``bonus`` are added; to miss it costs nothing.
    """

    id: str = Field(min_length=1)
    title: str = Field(min_length=1)
    weight: float = Field(gt=0, allow_inf_nan=False)
    judge: str | None = None
    thresholds: dict[str, float] = {}
    rules: Rules | None = None
    only_when: Condition | None = None
    bonus: bool = False

    def conditions(self) -> Iterator[tuple[tuple[str | int, ...], Condition]]:
        """Every condition that it states, with the keys that lead there."""
        if self.only_when is not None:
            yield from ((("only_when", *key), c) for key, c in self.only_when.parts())
        for part in ("applies", "met", "partial", "violated") if self.rules else ():
            condition: Condition | None = getattr(self.rules, part)
            if condition is not None:
                yield from ((("rules", part, *key), c) for key, c in condition.parts())


class AutoFail(_Strict):
    """A rule that caps the score: a condition holds, a cue is found, or a criterion's answer."""

    id: str = Field(min_length=1)
    title: str = Field(min_length=1)
    score_at_most: float = Field(ge=0, le=100)
    cue: str | None = None
    criterion: str | None = None
    answer: AnswerValue | None = None
    when: Condition | None = None

    def conditions(self) -> Iterator[tuple[tuple[str | int, ...], Condition]]:
        if self.when is not None:
            yield from ((("when", *key), c) for key, c in self.when.parts())


class Flags(_Strict):
    """From where on a call is flagged."""

    long_hold_s: float = Field(gt=0)
    low_score_below: float = Field(ge=0, le=100)


class CannotTell(_Strict):
    """Below these nobody can judge."""

    fewer_words_than: int = Field(ge=0)
    less_speech_than_s: float = Field(ge=0)
    word_probability_below: float = Field(ge=0, le=1)


class RubricFile(_Strict):
    """A rubric as written."""

    id: str = Field(min_length=1)
    version: str = Field(min_length=1)
    title: str = Field(min_length=1)
    default_language: str = Field(min_length=2)
    criteria: list[Criterion] = Field(min_length=1)
    auto_fail: list[AutoFail] = []
    flags: Flags
    cannot_tell: CannotTell

    def conditions(self) -> Iterator[tuple[tuple[str | int, ...], Condition]]:
        """Every condition of the file, with the keys that lead there."""
        for index, criterion in enumerate(self.criteria):
            for key, condition in criterion.conditions():
                yield ("criteria", index, *key), condition
        for index, rule in enumerate(self.auto_fail):
            for key, condition in rule.conditions():
                yield ("auto_fail", index, *key), condition

    def phrases(self) -> Iterator[tuple[tuple[str | int, ...], CueEntry]]:
        """Its phrases as cues of their own, each once."""
        seen = set()
        for key, condition in self.conditions():
            if condition.phrase is None or condition.cues[0] in seen:
                continue
            seen.add(condition.cues[0])
            yield (
                (*key, "phrase"),
                CueEntry(
                    id=condition.cues[0],
                    by=condition.by,
                    meaning="a phrase of the rubric",
                    patterns=[condition.phrase],
                    must=[],
                    must_not=[],
                ),
            )


def check_file(content: RubricFile, file: YamlFile, cues: Mapping[str, CueSet]) -> None:
    """What the types alone cannot say."""
    if content.default_language not in cues:
        known = ", ".join(sorted(cues)) or "none"
        raise file.error(
            ("default_language",),
            f"no cue files for {content.default_language!r}; there are cues for: {known}",
        )
    _unique([c.id for c in content.criteria], "criteria", file)
    _unique([rule.id for rule in content.auto_fail], "auto_fail", file)
    for index, criterion in enumerate(content.criteria):
        _check_criterion(criterion, index, file)
    known_cues = {d.entry.id for cue_set in cues.values() for d in cue_set.definitions}
    criteria = {c.id for c in content.criteria}
    for index, rule in enumerate(content.auto_fail):
        _check_rule(rule, index, file, known_cues, criteria)
    for key, condition in content.conditions():
        _check_condition(condition, key, file, known_cues)


def _check_criterion(criterion: Criterion, index: int, file: YamlFile) -> None:
    key = ("criteria", index)
    if (criterion.judge is None) == (criterion.rules is None):
        raise file.error(key, "give either 'judge' or 'rules'")
    if criterion.judge is None:
        if criterion.thresholds:
            raise file.error(
                (*key, "thresholds"), "belong to a judge; write numbers into the rules' measures"
            )
        return
    if criterion.judge not in JUDGES:
        raise file.error(
            (*key, "judge"),
            f"unknown judge {criterion.judge!r}; choose one of: {', '.join(sorted(JUDGES))}",
        )
    needed = JUDGES[criterion.judge].thresholds
    for name in sorted(criterion.thresholds):
        if name not in needed:
            expected = ", ".join(sorted(needed)) or "none"
            raise file.error(
                (*key, "thresholds", name),
                f"the judge {criterion.judge} has no such threshold; it takes: {expected}",
            )
        if not 0 <= criterion.thresholds[name] < float("inf"):
            raise file.error(
                (*key, "thresholds", name),
                f"found {criterion.thresholds[name]}, expected a number from 0 on; correct it",
            )
    for name in sorted(needed - set(criterion.thresholds)):
        raise file.error(
            (*key, "thresholds", name), f"the judge {criterion.judge} needs this; add it"
        )


def _check_rule(
    rule: AutoFail, index: int, file: YamlFile, cues: Collection[str], criteria: Collection[str]
) -> None:
    key = ("auto_fail", index)
    by_answer = rule.criterion is not None and rule.answer is not None
    kinds = (rule.cue is not None, rule.when is not None, by_answer)
    if sum(kinds) != 1 or (not by_answer and (rule.criterion or rule.answer)):
        raise file.error(key, "give one of 'cue', 'when', or 'criterion' and 'answer'")
    if rule.cue is not None and rule.cue not in cues:
        raise file.error((*key, "cue"), f"unknown cue {rule.cue!r}; the cue files define its id")
    if rule.criterion is not None and rule.criterion not in criteria:
        raise file.error(
            (*key, "criterion"),
            f"unknown criterion {rule.criterion!r}; choose one of: {', '.join(sorted(criteria))}",
        )


def _check_condition(
    condition: Condition, key: tuple[str | int, ...], file: YamlFile, cues: Collection[str]
) -> None:
    named = condition.cues if condition.phrase is None else []
    for part, names in (
        ("cue", named),
        ("after", [condition.after]),
        ("before", [condition.before]),
    ):
        for name in names:
            if name is not None and name not in cues:
                raise file.error((*key, part), f"unknown cue {name!r}; the cue files define its id")
    for name, wanted in (condition.metadata or {}).items():
        if name not in _METADATA:
            raise file.error(
                (*key, "metadata", name), f"no such field; choose one of: {', '.join(_METADATA)}"
            )
        values = [wanted] if isinstance(wanted, str) else wanted
        if name == "direction" and not set(values) <= set(get_args(Direction)):
            raise file.error((*key, "metadata", name), "must be inbound or outbound")


def _unique(ids: list[str], section: Literal["criteria", "auto_fail"], file: YamlFile) -> None:
    for index, name in enumerate(ids):
        if name in ids[:index]:
            raise file.error(
                (section, index, "id"), f"{name!r} is there already; give each its own id"
            )
