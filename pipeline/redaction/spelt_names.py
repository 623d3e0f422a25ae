"""Names that are spelt, letter by letter, and questions for names."""

from collections.abc import Sequence

from pipeline.redaction.context import SHORT_TURN_WORDS, View, near_cues
from pipeline.redaction.found import Found
from pipeline.redaction.words import Words

SPELT_LETTERS = 4
"""So many letters in a row spell a name, where nothing speaks of an order or the like."""


def asks_name(view: View, words: Words) -> bool:
    """Whether a turn asks for a name near its end."""
    said = " ".join(token.lower.removesuffix("'s") for token in view.tokens[-16:])
    return any(f" {phrase} " in f" {said} " for phrase in words.asks_name)


def spelt_names(views: Sequence[View], view: View, asked: bool, words: Words) -> list[Found]:
    """Letters that spell a name: where names are asked for or stand beside them."""
    found = []
    for run in view.runs:
        letters = sum(c.isalpha() for c in run.value)
        if letters < 2 or len(run.digits) > 0:
            continue
        near = " ".join(
            token.lower.removesuffix("'s")
            for token in view.tokens[max(0, run.first - 8) : run.first]
        )
        named = any(f" {phrase} " in f" {near} " for phrase in words.asks_name)
        joined = run.value.lower()
        said = any(
            token.lower.replace("'", "") == joined
            for other in views[max(0, view.number - 2) : view.number + 2]
            for token in other.tokens
        )
        cues = near_cues(views, view, run.first, run.last, words)
        alone = letters >= SPELT_LETTERS and not any(kind == "harmless" for _, kind in cues)
        others = len(view.tokens) - (run.last - run.first + 1)
        lately = others <= SHORT_TURN_WORDS // 2 and any(
            asks_name(other, words) for other in views[max(0, view.number - 3) : view.number]
        )
        if asked or named or said or alone or lately:
            found.append(Found("name", view.number, run.start, run.end))
    return found


def as_spelt(views: Sequence[View], spelt: Sequence[Found]) -> list[tuple[View, int]]:
    """The names that are spelt, as they stand beside: "Ng. N G."."""
    found: list[tuple[View, int]] = []
    for one in spelt:
        letters = _letters(views[one.turn], one)
        for view in views[max(0, one.turn - 2) : one.turn + 2]:
            found.extend(
                (view, n)
                for n, token in enumerate(view.tokens)
                if len(token.text) > 1
                and token.lower.removesuffix("'s").replace("'", "") == letters
                and not (view.number == one.turn and one.start <= token.start < one.end)
            )
    return found


def _letters(view: View, one: Found) -> str:
    run = next(run for run in view.runs if run.start == one.start)
    return run.value.lower()
