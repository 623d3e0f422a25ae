"""Do answers change when nothing that matters does? ``python -m tests.bench.flips FILE.jsonl``

Each call is judged as it is and with one thing changed at a time: names, fillers, contractions,
case and punctuation, turns split, small talk before it, numbers written out. A flip is an answer
that changes. Language-model scorers are reported to flip 5.4 to 13 % of theirs.
"""

import re
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline.call import judge, read_moves
from pipeline.errors import TranscriptError
from pipeline.records import CallFacts, Role, Turn
from pipeline.rubric import Rubric, load_rubric
from pipeline.transcript import merge_turns, read_transcripts

Turns = tuple[Turn, ...]

_NAMES = ("Priya", "Dmitri", "Chen", "Aoife", "Kwame", "Ingrid", "Mateo", "Fatima")
_AFTER = re.compile(
    r"\b((?i:this is|my name is|speaking with|it's|I'm|Mr\.?|Mrs\.?|Ms\.?|Dr\.?|thank you,?|"
    r"thanks,?|hello,?|hi,?) )([A-Z][a-z]{2,})\b"
)
_NO_NAMES = frozenset(
    ("Sir", "Madam", "The", "And", "Yes", "Not", "Calling", "For", "Can", "How", "What", "That",
     "Sorry", "Have", "Please", "There", "Thank", "Good", "Let", "Just", "All", "Very", "Our",
     "Your", "You", "Are")
)  # fmt: skip
_SHORT = {
    "I am": "I'm", "I have": "I've", "I will": "I'll", "we have": "we've", "we will": "we'll",
    "do not": "don't", "does not": "doesn't", "did not": "didn't", "is not": "isn't",
    "cannot": "can't", "will not": "won't", "it is": "it's", "that is": "that's",
    "you are": "you're", "you will": "you'll", "they are": "they're", "we are": "we're",
}  # fmt: skip
_FILLERS = ("um,", "uh,", "er,", "you know,", "hmm,")
_ONES = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
    "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen",
    "nineteen",
)  # fmt: skip
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")


def other_names(turns: Turns) -> Turns:
    """Every name that is introduced, wherever it occurs, becomes another."""
    found = {
        name for turn in turns for _, name in _AFTER.findall(turn.text) if name not in _NO_NAMES
    }
    new = {name: _NAMES[i % len(_NAMES)] for i, name in enumerate(sorted(found))}
    if not new:
        return turns
    pattern = re.compile(rf"\b({'|'.join(map(re.escape, new))})\b")
    return _each(turns, lambda text: pattern.sub(lambda match: new[match.group()], text))


def with_fillers(turns: Turns) -> Turns:
    """A filler after every sixth word."""

    def fill(text: str) -> str:
        words = text.split()
        return " ".join(
            f"{word} {_FILLERS[i // 6 % len(_FILLERS)]}" if i % 6 == 5 else word
            for i, word in enumerate(words)
        )

    return _each(turns, fill)


def contracted(turns: Turns) -> Turns:
    """Contractions for what is written out."""
    return _each(turns, lambda text: _swap(text, _SHORT))


def written_out(turns: Turns) -> Turns:
    """Contractions written out."""
    return _each(turns, lambda text: _swap(text, {short: full for full, short in _SHORT.items()}))


def bare(turns: Turns) -> Turns:
    """No capitals and no punctuation but apostrophes."""
    return _each(turns, lambda text: " ".join(re.sub(r"[^\w\s'*]", " ", text.lower()).split()))


def split_by(token: str) -> Callable[[Turns], Turns]:
    """Turns of two sentences or more become two, with a token of the other side in between.

    Without it they would be one turn again: what one side says on end is merged.
    """
    other: dict[Role, Role] = {"agent": "customer", "customer": "agent"}

    def halves(turn: Turn) -> Iterator[Turn]:
        ends = [match.end() for match in re.finditer(r"[.?!]+\s+", turn.text)]
        if not ends or turn.role not in other:
            yield turn
            return
        cut = ends[len(ends) // 2]
        yield replace(turn, text=turn.text[:cut].strip())
        yield Turn(other[turn.role], token)
        yield replace(turn, text=turn.text[cut:].strip())

    return lambda turns: tuple(half for turn in turns for half in halves(turn))


def with_small_talk(turns: Turns) -> Turns:
    """Pleasantries before the call gets going."""
    return (
        Turn("agent", "Hello there, good morning to you."),
        Turn("customer", "Good morning, how are you doing today?"),
        Turn("agent", "Very well, thank you, the sun is out here. And you?"),
        Turn("customer", "Not bad at all, thanks."),
        *turns,
    )


def spelled_numbers(turns: Turns) -> Turns:
    """Numbers up to 999 as words, longer ones digit by digit."""

    def words(match: re.Match[str]) -> str:
        digits = match.group()
        if len(digits) > 3 or (digits.startswith("0") and len(digits) > 1):
            return " ".join(_ONES[int(digit)] for digit in digits)
        return _spell(int(digits))

    return _each(turns, lambda text: re.sub(r"(?<![\w.,:])\d+(?![\w]|[.,:]\d)", words, text))


CHANGES: dict[str, Callable[[Turns], Turns]] = {
    "other names": other_names,
    "fillers": with_fillers,
    "contracted": contracted,
    "written out": written_out,
    "no case or punctuation": bare,
    "turns split by a hum": split_by("Mm-hm."),
    "turns split by a word": split_by("Okay."),
    "small talk first": with_small_talk,
    "numbers spelled out": spelled_numbers,
}


@dataclass(frozen=True, slots=True)
class Flip:
    """An answer that a change turned into another."""

    change: str
    call_id: str
    criterion: str
    was: str
    became: str


def flips(calls: Iterable[CallFacts], rubric: Rubric) -> Iterator[tuple[str, int, list[Flip]]]:
    """For every call and change that changes it: the change, the answers compared, the flips."""
    for call in calls:
        before = _answers(call, call.turns, rubric)
        for name, change in CHANGES.items():
            turns = change(call.turns)
            if turns == call.turns:
                continue
            after = _answers(call, turns, rubric)
            call_id = call.metadata.call_id
            found = [
                Flip(name, call_id, criterion, was, after[criterion])
                for criterion, was in before.items()
                if after[criterion] != was
            ]
            yield name, len(before), found


def _answers(call: CallFacts, turns: Turns, rubric: Rubric) -> dict[str, str]:
    language = call.language or rubric.default_language
    merged = merge_turns(turns)
    changed = replace(call, turns=merged, moves=read_moves(merged, language))
    return {
        result.id: result.answer
        for result in judge(changed, rubric).scorecard.criteria
        if result.answer != "cannot_tell"
    }


def _each(turns: Turns, change: Callable[[str], str]) -> Turns:
    return tuple(replace(turn, text=change(turn.text), words=()) for turn in turns)


def _swap(text: str, pairs: dict[str, str]) -> str:
    for old, new in pairs.items():
        text = re.sub(rf"\b{old}\b", new, text)
        text = re.sub(rf"\b{old.capitalize()}\b", new[0].upper() + new[1:], text)
    return text


def _spell(number: int) -> str:
    if number < 20:
        return _ONES[number]
    if number < 100:
        tens, ones = divmod(number, 10)
        return _TENS[tens - 2] + (f" {_ONES[ones]}" if ones else "")
    hundreds, rest = divmod(number, 100)
    return f"{_ONES[hundreds]} hundred" + (f" and {_spell(rest)}" if rest else "")


def main() -> None:
    """Prints flips of answers by change, for the calls of a transcript file."""
    rubric = load_rubric()
    read = (call for path in sys.argv[1:] for call in read_transcripts(Path(path)))
    calls = [call for call in read if not isinstance(call, TranscriptError)]
    compared: dict[str, int] = {}
    flipped: dict[str, list[Flip]] = {}
    for name, answers, found in flips(calls, rubric):
        compared[name] = compared.get(name, 0) + answers
        flipped.setdefault(name, []).extend(found)
    for name, answers in compared.items():
        count = len(flipped[name])
        print(f"{name:24}{count:5} of {answers:6}  {100 * count / answers:.2f} %")
    for flip in (flip for found in flipped.values() for flip in found):
        print(f"  {flip.change}: {flip.call_id} {flip.criterion} {flip.was} > {flip.became}")
    total, all_flips = sum(compared.values()), sum(map(len, flipped.values()))
    print(f"{'all':24}{all_flips:5} of {total:6}  {100 * all_flips / total:.2f} %")


if __name__ == "__main__":
    main()
