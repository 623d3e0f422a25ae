"""The rubric: which criteria count how much, by which thresholds, and what caps the score.

A rubric is a YAML file (``rubrics/README.md`` says how to write one) together with the cue files
it uses. Every mistake in it is one :class:`RubricError` line that names file, line and key.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipeline.criteria import JUDGES
from pipeline.cues import CUES_DIR, CueSet, load_cues
from pipeline.errors import RubricError
from pipeline.records import AnswerValue, RubricRef
from pipeline.yamlfile import YamlFile, digest, read_yaml

RUBRICS_DIR = Path(__file__).resolve().parent.parent / "rubrics"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Criterion(_Strict):
    """One criterion; ``weight`` is its points. Units of thresholds are in their names."""

    id: str = Field(min_length=1)
    title: str = Field(min_length=1)
    weight: float = Field(gt=0, allow_inf_nan=False)
    judge: str
    thresholds: dict[str, float] = {}


class AutoFail(_Strict):
    """A rule that caps the score: a cue is found, or a criterion has an answer."""

    id: str = Field(min_length=1)
    title: str = Field(min_length=1)
    score_at_most: float = Field(ge=0, le=100)
    cue: str | None = None
    criterion: str | None = None
    answer: AnswerValue | None = None


class Flags(_Strict):
    """From where on a call is flagged."""

    long_hold_s: float = Field(gt=0)
    low_score_below: float = Field(ge=0, le=100)


class CannotTell(_Strict):
    """Below these nobody can judge."""

    fewer_words_than: int = Field(ge=0)
    less_speech_than_s: float = Field(ge=0)
    word_probability_below: float = Field(ge=0, le=1)


class _RubricFile(_Strict):
    id: str = Field(min_length=1)
    version: str = Field(min_length=1)
    title: str = Field(min_length=1)
    default_language: str = Field(min_length=2)
    criteria: list[Criterion] = Field(min_length=1)
    auto_fail: list[AutoFail] = []
    flags: Flags
    cannot_tell: CannotTell


@dataclass(frozen=True, slots=True)
class Rubric:
    """A checked rubric with its cues, ready to score with.

    ``hash`` covers everything in the rubric and cue files that can change an answer.
    """

    id: str
    version: str
    hash: str
    title: str
    default_language: str
    criteria: tuple[Criterion, ...]
    auto_fail: tuple[AutoFail, ...]
    flags: Flags
    cannot_tell: CannotTell
    cues: Mapping[str, CueSet]

    @property
    def ref(self) -> RubricRef:
        return RubricRef(self.id, self.version, self.hash)

    def cues_for(self, language: str | None) -> CueSet | None:
        """The cues of a call's language; of the default one where the call names none."""
        code = (language or self.default_language).lower().replace("_", "-").split("-")[0]
        return self.cues.get(code)


def load_rubric(source: str | Path = "leap") -> Rubric:
    """A shipped rubric by its name, or any rubric by its path.

    The cues are those in a folder ``cues`` beside the file, else the shipped ones.
    """
    path = _find(source)
    file = read_yaml(path)
    try:
        content = _RubricFile.model_validate(file.value)
    except ValidationError as error:
        raise file.invalid(error) from None
    own_cues = path.parent / "cues"
    cues = _all_cues(own_cues if own_cues.is_dir() else CUES_DIR)
    _check(content, file, cues)
    return Rubric(
        id=content.id,
        version=content.version,
        hash=digest([content.model_dump(), {name: c.hash for name, c in sorted(cues.items())}]),
        title=content.title,
        default_language=content.default_language,
        criteria=tuple(content.criteria),
        auto_fail=tuple(content.auto_fail),
        flags=content.flags,
        cannot_tell=content.cannot_tell,
        cues=MappingProxyType(cues),
    )


def _find(source: str | Path) -> Path:
    path = Path(source)
    if path.is_file():
        return path
    shipped = RUBRICS_DIR / f"{source}.yaml"
    if isinstance(source, str) and path.name == source and shipped.is_file():
        return shipped
    names = ", ".join(sorted(p.stem for p in RUBRICS_DIR.glob("*.yaml")))
    raise RubricError(f"{source}: no such rubric; give a path to a YAML file, or one of: {names}")


def _all_cues(folder: Path) -> dict[str, CueSet]:
    languages = sorted(p.name for p in folder.iterdir() if p.is_dir())
    loaded = {name: load_cues(name, folder) for name in languages}
    return {name: cues for name, cues in loaded.items() if cues is not None}


def _check(content: _RubricFile, file: YamlFile, cues: Mapping[str, CueSet]) -> None:
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


def _check_criterion(criterion: Criterion, index: int, file: YamlFile) -> None:
    key = ("criteria", index)
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
    rule: AutoFail, index: int, file: YamlFile, cues: set[str], criteria: set[str]
) -> None:
    key = ("auto_fail", index)
    by_cue = rule.cue is not None
    by_answer = rule.criterion is not None and rule.answer is not None
    if by_cue == by_answer or (by_cue and (rule.criterion or rule.answer)):
        raise file.error(key, "give either 'cue', or 'criterion' and 'answer'")
    if rule.cue is not None and rule.cue not in cues:
        raise file.error((*key, "cue"), f"unknown cue {rule.cue!r}; the cue files define its id")
    if rule.criterion is not None and rule.criterion not in criteria:
        raise file.error(
            (*key, "criterion"),
            f"unknown criterion {rule.criterion!r}; choose one of: {', '.join(sorted(criteria))}",
        )


def _unique(ids: list[str], section: Literal["criteria", "auto_fail"], file: YamlFile) -> None:
    for index, name in enumerate(ids):
        if name in ids[:index]:
            raise file.error(
                (section, index, "id"), f"{name!r} is there already; give each its own id"
            )
