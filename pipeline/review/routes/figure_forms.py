"""What the API tells of periods and nights: see :mod:`pipeline.review.routes.api_forms`."""

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any

from pydantic import BeforeValidator

from pipeline.review.routes.api_forms import CallLine, Form, Utc


class MeanForm(Form):
    """A mean of ``count`` calls with its 95 % confidence interval."""

    count: int
    mean: float | None
    low: float | None
    high: float | None
    enough: bool
    """Whether there are enough calls for the mean to say something."""


class ShareForm(Form):
    """Of the judged answers to a criterion the share of the points they earned."""

    judged: int
    share: float | None


class WeekForm(Form):
    """The calls of a week, named by its Monday."""

    week: date
    score: MeanForm


def _weeks(value: Any) -> Any:
    return [{"week": v[0], "score": v[1]} if isinstance(v, tuple) else v for v in value]


Weeks = Annotated[list[WeekForm], BeforeValidator(_weeks)]


class GroupForm(Form):
    """An agent's or a team's figures; ``above`` and ``below``: so many are surely worse, better."""

    id: str
    name: str | None
    team: str | None
    calls: int
    score: MeanForm
    coverage: float
    flagged: int
    failed: int
    disputed: int
    trend: Weeks
    answers: dict[str, ShareForm]
    above: int
    below: int


class OverviewForm(Form):
    """A period. ``counted`` calls are in the figures, ``provisional`` ones can be disputed yet."""

    since: date
    until: date
    calls: int
    counted: int
    provisional: int
    everything: MeanForm
    trend: Weeks
    coverage: float
    criteria: tuple[str, ...]
    teams: tuple[GroupForm, ...]
    agents: tuple[GroupForm, ...]
    counts_provisional: bool


class BatchForm(Form):
    """A batch; ``reasons`` counts why recordings were not scored."""

    id: int
    origin: str
    started_at: Utc
    finished_at: Utc | None
    can_go_on: bool
    counts: Mapping[str, int]
    audio_s: float
    scoring_s: float
    workers: int
    reasons: Mapping[str, int]
    is_fine: bool


class NightForm(Form):
    """The newest batch. ``status`` is for those who see all calls."""

    batch: int
    status: BatchForm | None
    calls: int
    flagged: int
    worst: tuple[CallLine, ...]
