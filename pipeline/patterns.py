"""The notation in which cue files describe word sequences, compiled to regular expressions.

    sorry               this word (as normalised: lower case, contractions written out)
    apologi*            any word that starts so
    (a|b c|d)           one of these, each of one or more words
    so? (very|really)?  may be there or not
    <4>                 up to four words, whatever they are
    !(about|for)        what comes next is not this
    NUMBER              a number, in digits or in words
    WHEN                an entry of the word list of that name (names are in capitals)
    ^  $                the start and the end of the turn

A pattern matches whole words only. It is compiled against normalised text, in which every word is
followed by one space.
"""

import re
from collections.abc import Mapping

NUMBER = (
    r"(?:\d[\d.,:]*(?:st|nd|rd|th)?|zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven"
    r"|twelve|thirteen|fourteen|fifteen|sixteen|seventeen|eighteen|nineteen|twenty|thirty|forty"
    r"|fifty|sixty|seventy|eighty|ninety|hundred|thousand|couple|few|several) "
)
_PART = re.compile(r"\s*(!\(|[()|^$?]|<\d+>|[^\s()|?<>!^$]+)")


class PatternError(ValueError):
    """A pattern that cannot be read; the message says what is wrong with it."""


def compile_pattern(pattern: str, lists: Mapping[str, str]) -> str:
    """The regular expression of a pattern. ``lists`` holds compiled word lists by name."""
    parts = _split(pattern)
    if not parts:
        raise PatternError("is empty")
    expression, rest = _sequence(parts, lists)
    if rest:
        raise PatternError(f"has a {rest[0]!r} with no '(' before it")
    return expression


def compile_list(entries: list[str], lists: Mapping[str, str]) -> str:
    """A word list as one regular expression that matches any entry."""
    return "(?:" + "|".join(compile_pattern(entry, lists) for entry in entries) + ")"


def _split(pattern: str) -> list[str]:
    parts, at = [], 0
    pattern = pattern.rstrip()
    while at < len(pattern):
        match = _PART.match(pattern, at)
        if not match:
            raise PatternError(f"cannot be read from {pattern[at:].strip()!r} on")
        parts.append(match.group(1))
        at = match.end()
    return parts


def _sequence(parts: list[str], lists: Mapping[str, str]) -> tuple[str, list[str]]:
    """Reads up to the end or an unmatched ')'; gives the expression and what is left."""
    branches, branch = [], ""
    while parts and parts[0] != ")":
        part, parts = parts[0], parts[1:]
        if part == "|":
            branches.append(branch)
            branch = ""
            continue
        if part in ("(", "!("):
            inner, parts = _sequence(parts, lists)
            if not parts:
                raise PatternError("has a '(' that is not closed")
            parts = parts[1:]
            piece = f"(?!{inner})" if part == "!(" else f"(?:{inner})"
        else:
            piece = _single(part, lists)
        if parts and parts[0] == "?":
            piece, parts = f"(?:{piece})?", parts[1:]
        branch += piece
    branches.append(branch)
    if any(not b for b in branches):
        raise PatternError("has an empty alternative; write (a|b)? for something optional")
    return "|".join(branches) if len(branches) == 1 else f"(?:{'|'.join(branches)})", parts


def _single(part: str, lists: Mapping[str, str]) -> str:
    if part == "^":
        return r"\A"
    if part == "$":
        return r"\Z"
    if part == "NUMBER":
        return NUMBER
    if part == "?":
        raise PatternError("has a '?' with nothing before it")
    if part.startswith("<"):
        return rf"(?:\S+ ){{0,{int(part[1:-1])}}}?"
    if part.isupper():
        if part not in lists:
            raise PatternError(f"uses the unknown word list {part}; add it to words.yaml")
        return lists[part]
    if not re.fullmatch(r"[^\W_]+\*?", part) or part != part.lower():
        raise PatternError(
            f"has {part!r}; write words as normalised, without punctuation or apostrophes"
        )
    return rf"{re.escape(part[:-1])}\S* " if part.endswith("*") else f"{re.escape(part)} "
