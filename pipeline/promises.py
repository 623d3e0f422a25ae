"""What an agent promised in a call, and when it is due.

A promise is a next step that the criterion *follow up* found, or a vague promise that *solve* did.
It is due at the end of the day that was named, or after the hours that were: where that can be told
in two ways, at the later. Which words name a time is data of a language: ``rubrics/due/*.yaml``.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from pipeline.cues import cues_folder
from pipeline.durations import DurationWords, read_durations
from pipeline.normalise import normalise
from pipeline.yamlfile import read_yaml

DUE_DIR = Path(__file__).resolve().parent.parent / "rubrics" / "due"
LONG_PAST = timedelta(days=183)
"""A date of this year that is further back than half a year is next year's."""
REST_WORDS = 40
"""So far behind a promise in the same turn its time is looked for: two or three sentences."""
WORKDAYS = 5
"""Of a week, from Monday. Public holidays differ by place: those are taken for workdays."""

Told = Literal["due", "no time", "unclear"]


class DueWords(BaseModel):
    """The words of a language; see the file itself."""

    model_config = ConfigDict(extra="forbid")

    seconds: dict[str, float]
    days: dict[str, int]
    one: list[str]
    singular: list[str]
    stretch: list[str]
    working: list[str]
    ago: list[str]
    day_words: dict[str, int]
    working_day_words: dict[str, int]
    weekdays: dict[str, int]
    next: list[str]
    past: list[str]
    week_ends: dict[str, int]
    month_ends: dict[str, int]
    months: dict[str, int]
    of: list[str]
    the: list[str]
    ordinal: list[str]
    depends: list[str]
    clock: list[str]


@dataclass(frozen=True, slots=True)
class Promise:
    """``quote`` is what was promised, ``said`` the words about its time (may be empty).

    ``told`` says whether ``due`` (UTC without a zone) is known, no time was said, or the one that
    was cannot be told. ``start_s`` is where in the recording it was said.
    """

    quote: str
    said: str
    start_s: float | None
    told: Told
    due: datetime | None = None


def find_promises(result: Mapping[str, Any], started_at: str | None) -> list[Promise]:
    """The promises of a call result in the documented form.

    ``started_at`` is the call's beginning as its metadata say it (ISO 8601 with its zone): days end
    there and not in UTC. Without it no due time can be told.
    """
    began = None if started_at is None else datetime.fromisoformat(started_at)
    if began is not None and began.tzinfo is None:
        began = began.replace(tzinfo=UTC)
    reader = _reader(str(result["language"])) if result["language"] else None
    found: list[Promise] = []
    for criterion in result["criteria"]:
        if criterion["id"] not in ("follow_up", "solve"):
            continue
        evidence = [part for part in criterion["evidence"] if part["role"] == "agent"]
        said = next((p["quote"] for p in evidence if p["what"] == "time or manner"), "")
        for part in evidence:
            if part["what"] not in ("next step", "vague promise"):
                continue
            if not any(_overlap(part["quote"], other.quote) for other in found):
                found.append(_promise(part, said, result["turns"], began, reader))
    return found


def _promise(
    part: Mapping[str, Any],
    said: str,
    turns: Iterable[Mapping[str, Any]],
    began: datetime | None,
    reader: "DueReader | None",
) -> Promise:
    quote, start_s = part["quote"], part["start_s"]
    if reader is None:
        return Promise(quote, said, start_s, "unclear")
    # The words about its time first; where they name only the manner, the rest of the turn.
    rest = next((t["text"].partition(quote)[2] for t in turns if quote in t["text"]), "")
    rest = " ".join(rest.split()[:REST_WORDS])
    at = None if began is None else began + timedelta(seconds=start_s or 0.0)
    for text in (said, quote, rest):
        told, due = reader.read(text, at)
        if told != "no time":
            return Promise(quote, text, start_s, told, due)
    return Promise(quote, said, start_s, "no time")


def _overlap(one: str, other: str) -> bool:
    return one in other or other in one


@dataclass(frozen=True, slots=True)
class DueReader:
    """Reads due times in one language."""

    words: DueWords
    numbers: Mapping[str, float]
    duration: re.Pattern[str]
    day: re.Pattern[str]
    dated: re.Pattern[str]
    depends: re.Pattern[str]
    clock: re.Pattern[str]

    def read(self, text: str, at: datetime | None) -> tuple[Told, datetime | None]:
        """The latest time that a text names which was said at ``at`` (None: nobody knows when)."""
        plain = normalise(text).text
        # Which words name a time does not hang on the moment; only dates gone by do.
        times = list(self._times(plain, at or datetime(2000, 1, 1, tzinfo=UTC)))
        if not times:
            return ("unclear" if self.clock.search(plain) else "no time"), None
        if at is None or self.depends.search(plain):
            return "unclear", None
        return "due", max(times).astimezone(UTC).replace(tzinfo=None)

    def _times(self, plain: str, at: datetime) -> Iterator[datetime]:
        for match in self.duration.finditer(plain):
            yield from self._after(match, at)
        for match in self.day.finditer(plain):
            if not match["past"]:
                yield _end_of(self._named(match, at.date()), at)
        for match in self.dated.finditer(plain):
            found = self._dated(match, at.date())
            if found is not None:
                yield _end_of(found, at)

    def _after(self, match: re.Match[str], at: datetime) -> Iterator[datetime]:
        """Of "in two or three days"; nothing of "two days ago" or "a two day trial"."""
        words, unit = self.words, match["unit"]
        named = [self._number(match[name]) for name in ("first", "second") if match[name]]
        count = max(named) + (0.5 if match["half"] else 0.0)
        if match["ago"] or match["stretch"] or (unit in words.singular and count > 1):
            return
        if unit in words.seconds:
            yield at + timedelta(seconds=count * words.seconds[unit])
        elif match["working"]:
            yield _end_of(_workdays_after(at.date(), round(count * words.days[unit])), at)
        else:
            yield _end_of(at.date() + timedelta(days=round(count * words.days[unit])), at)

    def _named(self, match: re.Match[str], today: date) -> date:
        words, name = self.words, match["name"]
        if name in words.day_words:
            return today + timedelta(days=words.day_words[name])
        if name in words.working_day_words:
            return _workdays_after(today, words.working_day_words[name])
        if name in words.week_ends:
            return today + timedelta(days=6 - today.weekday() + 7 * words.week_ends[name])
        if name in words.month_ends:
            return _month_end(today, words.month_ends[name])
        ahead = (words.weekdays[name] - today.weekday() - 1) % 7 + 1
        # "Next Friday" may mean this week's or the next week's: the later.
        if match["next"] and today.weekday() + ahead <= 6:
            ahead += 7
        return today + timedelta(days=ahead)

    def _dated(self, match: re.Match[str], today: date) -> date | None:
        day = int(match["before"] or match["after"] or match["alone"])
        month = self.words.months.get(match["month"] or match["month_after"] or "")
        if month is None:
            ahead = 0 if day >= today.day else 1
            last = _month_end(today, ahead)
            return last.replace(day=min(day, last.day)) if day else None
        try:
            found = date(today.year, month, day)
            if today - found > LONG_PAST:
                found = date(today.year + 1, month, day)
        except ValueError:
            return None
        return found if found >= today else None

    def _number(self, word: str) -> float:
        return self.numbers[word] if word in self.numbers else float(word)


def _end_of(day: date, at: datetime) -> datetime:
    return datetime.combine(day, time(23, 59, 59), at.tzinfo)


def _workdays_after(day: date, count: int) -> date:
    weeks, rest = divmod(count, WORKDAYS)
    day += timedelta(weeks=weeks)
    while rest or day.weekday() >= WORKDAYS:
        day += timedelta(days=1)
        rest -= rest > 0 and day.weekday() < WORKDAYS
    return day


def _month_end(day: date, ahead: int) -> date:
    number = day.year * 12 + day.month + ahead
    return date(number // 12, number % 12 + 1, 1) - timedelta(days=1)


@cache
def _reader(language: str) -> DueReader | None:
    """None for a language without words for it."""
    file = DUE_DIR / f"{language}.yaml"
    durations = cues_folder(language) / "durations.yaml"
    if not file.is_file() or not durations.is_file():
        return None
    found = read_yaml(file)
    try:
        words = DueWords.model_validate(found.value)
    except ValidationError as error:
        raise found.invalid(error) from None
    return _compiled(words, read_durations(read_yaml(durations)).words)


def _compiled(words: DueWords, spoken: DurationWords) -> DueReader:
    number = rf"(?:{_any([*spoken.numbers, *words.one])}|\d{{1,3}})"
    suffix, months = rf"(?:{_any(words.ordinal)})", rf"(?:{_any(words.months)})"
    names = [
        *words.day_words,
        *words.working_day_words,
        *words.week_ends,
        *words.month_ends,
        *words.weekdays,
    ]
    duration = (
        rf"(?:(?P<stretch>{_any(words.stretch)}) )?(?P<first>{number}) "
        rf"(?:(?:{_any(spoken.joins)}) )?(?:(?P<second>{number}) )?"
        rf"(?:(?P<half>{_any(spoken.and_a_half)}) )?(?:(?:{_any(spoken.between)}) )*"
        rf"(?:(?P<working>{_any(words.working)}) )?"
        rf"(?P<unit>{_any([*words.seconds, *words.days])}) (?P<ago>(?:{_any(words.ago)}) )?"
    )
    day = (
        rf"(?:(?P<past>{_any(words.past)}) )?(?:(?P<next>{_any(words.next)}) )?"
        rf"(?P<name>{_any(names)}) "
    )
    the, of = rf"(?:{_any(words.the)})", rf"(?:{_any(words.of)})"
    dated = (
        # "15th of March", "March 15th", "March 15", "the 15th"; a bare "may 15" may be a verb's.
        rf"(?P<before>\d{{1,2}}){suffix}? (?:{of} )?(?P<month>{months}) |"
        rf"(?P<month_after>{months}) (?:{the} )?(?P<after>\d{{1,2}}){suffix} |"
        rf"{the} (?P<alone>\d{{1,2}}){suffix} (?!{of} |{months} )"
    )
    return DueReader(
        words=words,
        numbers=spoken.numbers | dict.fromkeys(words.one, 1.0),
        duration=_starting(duration),
        day=_starting(day),
        dated=_starting(dated),
        depends=_starting(rf"(?:{_any(words.depends)}) "),
        clock=_starting(rf"(?:{_any(words.clock)}) "),
    )


def _starting(pattern: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\S)(?:{pattern})")


def _any(words: Iterable[str]) -> str:
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))
