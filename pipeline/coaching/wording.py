"""What a session says beside the calls: the guide's wording, what helps, lines to practise."""

from functools import cache

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipeline.coaching.rules import COACHING_DIR
from pipeline.yamlfile import read_yaml

FALLBACK = "en"


class CriterionWording(BaseModel):
    """Of a criterion. ``goal`` has a place ``{target}`` for how many of the next ten calls."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    guide: str = Field(min_length=1)
    seeds: tuple[str, ...] = ()
    helps: tuple[str, ...] = ()
    practice: tuple[str, ...] = ()
    goal: str = Field(pattern=r"\{target\}")


class CareWording(BaseModel):
    """After calls with an abusive customer."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    opening: str
    rest: str
    right: str
    lines: tuple[str, ...]
    ask: tuple[str, ...]


class Wording(BaseModel):
    """Of a language."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    care: CareWording
    criteria: dict[str, CriterionWording]
    any_criterion: CriterionWording
    """For criteria of a team's own; ``{title}`` stands for theirs."""

    def of(self, criterion: str, title: str) -> CriterionWording:
        """Of a criterion of ours, or of a team's own with this title."""
        known = self.criteria.get(criterion)
        if known is not None:
            return known
        goal = self.any_criterion.goal.replace("{title}", title)
        guide = self.any_criterion.guide.replace("{title}", title)
        return self.any_criterion.model_copy(update={"goal": goal, "guide": guide})


@cache
def load_wording(language: str | None = None) -> Wording:
    """Of a language; of English where there is none. Raises RubricError with file, line and key."""
    path = COACHING_DIR / f"{language or FALLBACK}.yaml"
    file = read_yaml(path if path.is_file() else COACHING_DIR / f"{FALLBACK}.yaml")
    try:
        return Wording.model_validate(file.value)
    except ValidationError as error:
        raise file.invalid(error) from None
