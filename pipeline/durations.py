"""Durations that somebody says ("about two minutes"), read as seconds.

Which words are numbers and units is data of a language: ``rubrics/cues/<language>/durations.yaml``.
"""

import re
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, ValidationError

from pipeline.normalise import normalise
from pipeline.yamlfile import YamlFile

SHORTEST_S = 5.0
"""Less is a manner of speaking: "one second"."""


class DurationWords(BaseModel):
    """The words of a language: factors of ``numbers``, seconds of ``units``."""

    model_config = ConfigDict(extra="forbid")

    joins: list[str]
    between: list[str]
    and_a_half: list[str]
    idioms: list[str]
    numbers: dict[str, float]
    units: dict[str, float]


@dataclass(frozen=True, slots=True)
class Durations:
    """Reads durations in one language."""

    words: DurationWords
    phrase: re.Pattern[str]
    idiom: re.Pattern[str]

    def longest_s(self, text: str) -> float | None:
        """The longest duration named in a text, in seconds; None where none is."""
        found = []
        for match in self.phrase.finditer(self.idiom.sub("", normalise(text).text)):
            named = [n for n in match.group("first", "second", "last") if n]
            factor = max(map(self._factor, named)) + (0.5 if match["half"] else 0.0)
            found.append(factor * self.words.units[match["unit"]])
        return max((s for s in found if s >= SHORTEST_S), default=None)

    def _factor(self, number: str) -> float:
        return self.words.numbers[number] if number in self.words.numbers else float(number)


def read_durations(file: YamlFile) -> Durations:
    """The durations of a language from its file.

    Raises
    ------
    RubricError
        The file cannot be used; the message names it, the line and the key.
    """
    try:
        words = DurationWords.model_validate(file.value)
    except ValidationError as error:
        raise file.invalid(error) from None
    number, unit = rf"(?:{_any(words.numbers)}|\d+)", _any(words.units)
    joins = rf"(?:{_any(words.joins)})"
    parts = (
        rf"(?<!\S)(?P<first>{number}) (?:{joins} (?P<second>{number}) )?",
        rf"(?:(?P<half>{_any(words.and_a_half)}) )?(?:(?:{_any(words.between)}) )*",
        rf"(?P<unit>{unit}) (?:{joins} (?P<last>{number}) )?",
    )
    idiom = rf"(?<!\S)(?:{_any(words.idioms)}) (?:{unit}) "
    return Durations(words, re.compile("".join(parts)), re.compile(idiom))


def _any(words: list[str] | dict[str, float]) -> str:
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))
