"""Reads digits and letters as they are spoken or written, with the way back to the text.

"four one double two, dash, J as in Juliet" is ``4122J``. What a recogniser writes as "4122-" and
"41 22" reads the same. Which words are digits is data: :mod:`pipeline.redaction.words`.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from pipeline.redaction.words import NumberWords

_TOKEN = re.compile(
    r"\[[^\]\s]+(?: [^\]\s]+)?\]"  # a stand-in, a transcriber's note
    r"|[^\W_]+(?:['’][^\W_]+)*(?:\.\d+)*"
)
_ORDINAL = re.compile(r"\d+(?:st|nd|rd|th)$", re.IGNORECASE)
_NO_WORD = re.compile(r"[b-df-hj-np-tv-xz]{2,3}$")
"""Without a vowel, nothing but letters."""
_IBAN_HEAD = re.compile(r"[a-z]{2}\d\d$")
BANK_LETTERS = 4
"""Of the bank in an IBAN."""
MOST_REPEATS = 3
THOUSANDS = 3
"""Zeros of a thousand."""
MOST_CAPITALS = 6
"""Letters in a row that are written beside digits: "IE18 AIBK 9320"."""


@dataclass(frozen=True, slots=True)
class Token:
    """A word of a text as it stands at ``start``..``end``, and in lower case."""

    text: str
    lower: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Piece:
    """What a word or some words read as: digits and capital letters; ``first``, ``last`` tokens."""

    value: str
    first: int
    last: int
    amount: bool = False  # a number as one amount: "four hundred", "forty-one", "4,500"


@dataclass(frozen=True, slots=True)
class Run:
    """Digits and letters said in a row.

    ``first``..``last`` are its tokens, ``start``..``end`` its characters in the text; ``groups``
    are its values as grouped by pauses.
    """

    pieces: tuple[Piece, ...]
    first: int
    last: int
    start: int
    end: int
    groups: tuple[str, ...]

    @property
    def value(self) -> str:
        return "".join(piece.value for piece in self.pieces)

    @property
    def digits(self) -> str:
        return "".join(c for c in self.value if c.isdigit())


def tokens_of(text: str) -> list[Token]:
    """The words of a text, stand-ins as one."""
    return [
        Token(m.group(), m.group().lower().replace("’", "'"), m.start(), m.end())
        for m in _TOKEN.finditer(text)
    ]


def read_runs(
    text: str, tokens: Sequence[Token], words: NumberWords, barred: Collection[int] = ()
) -> list[Run]:
    """All runs of digits and letters in a text; the ``barred`` words are neither."""
    runs: list[Run] = []
    pieces: list[Piece] = []
    at = 0
    while at < len(tokens):
        piece = None if at in barred else _read_piece(text, tokens, at, words)
        if piece is not None and not (pieces and _sentence_between(text, tokens, pieces, piece)):
            pieces.append(piece)
            at = piece.last + 1
            continue
        skipped = _filler(tokens, at, words) if pieces and piece is None else 0
        if skipped:
            following = at + skipped
            more = _filler(tokens, following, words)
            while more:
                following += more
                more = _filler(tokens, following, words)
            if (
                following < len(tokens)
                and following not in barred
                and _read_piece(text, tokens, following, words)
            ):
                at = following
                continue
        if pieces and piece is None and _explains(tokens, at, words):
            at += 1
            continue
        if pieces:
            runs.append(run_of(text, tokens, pieces))
            pieces = []
        if piece is None:
            at += 1
    if pieces:
        runs.append(run_of(text, tokens, pieces))
    return runs


def _sentence_between(
    text: str, tokens: Sequence[Token], pieces: Sequence[Piece], piece: Piece
) -> bool:
    """Whether a sentence ends between: a letter with a full stop and digits may be two things."""
    between = text[tokens[pieces[-1].last].end : tokens[piece.first].start]
    return bool(re.search(r"[?!;:]|\.\s", between)) and not re.search(r"\.\.", between)


def run_of(text: str, tokens: Sequence[Token], pieces: Sequence[Piece]) -> Run:
    """The run that pieces of a text make."""
    first, last = pieces[0].first, pieces[-1].last
    groups: list[str] = []
    before = None
    for piece in pieces:
        between = text[before : tokens[piece.first].start] if before is not None else ","
        if groups and not re.search(r"[,.\-–—]", between) and piece.value:
            groups[-1] += piece.value
        else:
            groups.append(piece.value)
        before = tokens[piece.last].end
    return Run(
        tuple(pieces),
        first,
        last,
        tokens[first].start,
        tokens[last].end,
        tuple(groups),
    )


def _filler(tokens: Sequence[Token], at: int, words: NumberWords) -> int:
    """How many tokens from here are a hesitation or a separator that is said."""
    for length in (3, 2, 1):
        phrase = " ".join(token.lower for token in tokens[at : at + length])
        if at + length <= len(tokens) and phrase in words.between:
            return length
    return 0


def _explains(tokens: Sequence[Token], at: int, words: NumberWords) -> bool:
    """Whether a spelt letter is put right or spelt out next: "S, that's S for sugar"."""
    after = tokens[at + 1] if at + 1 < len(tokens) else None
    return (
        tokens[at].lower in words.between_letters
        and after is not None
        and len(after.text) == 1
        and after.text.isalpha()
        and after.lower not in words.single_words
    )


def _read_piece(text: str, tokens: Sequence[Token], at: int, words: NumberWords) -> Piece | None:
    token = tokens[at]
    if token.text.startswith("["):
        return None
    if token.lower in words.repeats and at + 1 < len(tokens):
        after = _read_single(tokens, at + 1, words)
        if after is not None and len(after.value) == 1:
            times = min(words.repeats[token.lower], MOST_REPEATS + 1)
            return Piece(after.value * times, at, after.last)
    return _read_amount(text, tokens, at, words) or _read_single(tokens, at, words)


def _read_single(tokens: Sequence[Token], at: int, words: NumberWords) -> Piece | None:
    """A digit, digits as written, or a letter, with the word that spells it."""
    token = tokens[at]
    if token.lower in words.digits:
        return Piece(words.digits[token.lower], at, at)
    if any(c.isdigit() for c in token.text):
        if _ORDINAL.match(token.text):
            return None
        value = re.sub(r"[^A-Za-z0-9]", "", token.text).upper()
        return Piece(value, at, at)
    if (
        1 < len(token.text) <= MOST_CAPITALS
        and token.text.isalpha()
        and token.text.isupper()
        and token.lower not in words.not_letters
        and (
            (at > 0 and _has_digit(tokens[at - 1], words))
            or _digits_follow(tokens, at, words)
            or _begins(tokens, at, words)
        )
    ):
        return Piece(token.text, at, at)
    if _is_unspaced(tokens, at, words):
        return Piece(token.text.upper(), at, at)
    if len(token.text) == 1 and token.text.isalpha():
        return _read_letter(tokens, at, words)
    if token.lower in words.alphabet and (
        _beside_spelt(tokens, at, words)
        or (token.lower in words.letter_names and at > 0 and len(tokens[at - 1].text) == 1)
    ):
        return Piece(words.alphabet[token.lower], at, at)
    return None


def _is_unspaced(tokens: Sequence[Token], at: int, words: NumberWords) -> bool:
    """Letters beside digits that are no word, in small letters: "bt seven one nn", "gb39 nwbk"."""
    token = tokens[at]
    if not token.text.isascii() or not token.text.isalpha() or not token.text.islower():
        return False
    before = tokens[at - 1] if at else None
    after = tokens[at + 1] if at + 1 < len(tokens) else None
    if before is not None and after is not None and _IBAN_HEAD.match(before.lower):
        return len(token.text) == BANK_LETTERS and after.text.isdigit()
    none = (*words.not_letters, *words.abbreviations)
    if not _NO_WORD.match(token.lower) or token.lower in none:
        return False
    return (before is not None and _is_digits(before, words)) or _digits_follow(tokens, at, words)


def _digits_follow(tokens: Sequence[Token], at: int, words: NumberWords) -> bool:
    """Whether a word stands before digits, or before a "double" and a digit."""
    following = tokens[at + 1 : at + 3]
    if following and following[0].lower in words.repeats:
        following = following[1:]
    return bool(following) and _is_digits(following[0], words)


def _is_digits(token: Token, words: NumberWords) -> bool:
    return token.text[0].isdigit() or token.lower in words.digits


def _has_digit(token: Token, words: NumberWords) -> bool:
    return any(c.isdigit() for c in token.text) or token.lower in words.digits


def _beside_spelt(tokens: Sequence[Token], at: int, words: NumberWords) -> bool:
    """Whether a neighbour is spelt or a digit too: "mike" alone is a name."""
    beside = [tokens[n].lower for n in (at - 1, at + 1) if 0 <= n < len(tokens)]
    return any(
        word in words.alphabet or word in words.digits or (len(word) == 1 and word not in "ai")
        for word in beside
    )


def _read_letter(tokens: Sequence[Token], at: int, words: NumberWords) -> Piece | None:
    token = tokens[at]
    for length in (2, 1):
        joined = " ".join(t.lower for t in tokens[at + 1 : at + 1 + length])
        spelt = at + 1 + length
        if joined in words.spells and spelt < len(tokens):
            return Piece(token.text.upper(), at, spelt)
    if token.lower in words.single_words and not token.text.isupper():
        # "a" and "i" are words, unless other letters stand beside them.
        beside = [tokens[n].text for n in (at - 1, at + 1) if 0 <= n < len(tokens)]
        after = tokens[at + 1].text if at + 1 < len(tokens) else ""
        if after.isupper() and len(after) == 1:  # "with a Q"
            return None
        if _begins(tokens, at, words) or _ends_spelt(tokens, at, words):
            return Piece(token.text.upper(), at, at)
        if not any(len(t) == 1 and t.lower() not in words.single_words for t in beside) and not (
            len(after) == 1 and at > 0 and tokens[at - 1].lower in words.digits
        ):
            return None
    elif token.text in ("I", "A") and not _begins(tokens, at, words):
        neighbours = [tokens[n] for n in (at - 1, at + 1) if 0 <= n < len(tokens)]
        if not any(_is_spelt(t, words) for t in neighbours):
            return None
        following = tokens[at + 1] if at + 1 < len(tokens) else None
        paused = following is not None and following.start - token.end > 1
        if token.text == "I" and following is not None and not paused:
            return None if _is_verb(following, words) else Piece("I", at, at)
    return Piece(token.text.upper(), at, at)


def _is_verb(token: Token, words: NumberWords) -> bool:
    """Whether a word after "I" is no letter, digit or separator: "nine oh two, I think"."""
    read = (*words.digits, *words.teens, *words.tens, *words.repeats, *words.alphabet)
    said = {word for phrase in (*words.spells, *words.between) for word in phrase.split()}
    said -= set(words.verbs)
    return len(token.text) > 1 and token.text.islower() and token.lower not in (*read, *said)


def _begins(tokens: Sequence[Token], at: int, words: NumberWords) -> bool:
    """Whether a separator and a digit follow: "a dash four four one"."""
    beyond = tokens[at + 2] if at + 2 < len(tokens) else None
    return (
        beyond is not None
        and tokens[at + 1].lower in words.separators
        and (beyond.lower in words.digits or beyond.text.isdigit())
    )


def _ends_spelt(tokens: Sequence[Token], at: int, words: NumberWords) -> bool:
    """Whether a letter stands before that was spelt out: "t for tango a"."""
    return any(
        at > length + 1
        and len(tokens[at - length - 2].text) == 1
        and " ".join(token.lower for token in tokens[at - length - 1 : at - 1]) in words.spells
        for length in (1, 2)
    )


def _is_spelt(token: Token, words: NumberWords) -> bool:
    return len(token.text) == 1 or token.lower in words.digits or token.text.isdigit()


def _read_amount(text: str, tokens: Sequence[Token], at: int, words: NumberWords) -> Piece | None:
    """Teens, tens with their units, hundreds: "forty-one", "nineteen", "four hundred"."""
    word = tokens[at].lower
    if word in words.teens:
        return _with_hundreds(tokens, Piece(words.teens[word], at, at, True), words)
    if word in words.tens:
        after = tokens[at + 1].lower if at + 1 < len(tokens) else ""
        between = text[tokens[at].end : tokens[at + 1].start] if after else ""
        if after in words.digits and words.digits[after] != "0" and between in (" ", "-", "‑"):
            value = words.tens[word][0] + words.digits[after]
            return _with_hundreds(tokens, Piece(value, at, at + 1, True), words)
        return _with_hundreds(tokens, Piece(words.tens[word], at, at, True), words)
    if at + 1 < len(tokens) and tokens[at + 1].lower in words.hundreds:
        # "a hundred" is one.
        digit = words.digits.get(word, "1" if word in words.single_words else "")
        if digit:
            return _with_hundreds(tokens, Piece(digit, at, at, True), words)
    return None


def _with_hundreds(tokens: Sequence[Token], piece: Piece, words: NumberWords) -> Piece:
    after = piece.last + 1
    if after < len(tokens) and tokens[after].lower in words.hundreds:
        zeros = words.hundreds[tokens[after].lower]
        whole = Piece(piece.value + "0" * zeros, piece.first, after, True)
        return _with_rest(tokens, whole, zeros, words)
    return piece


def _hundreds(tokens: Sequence[Token], at: int, words: NumberWords) -> Piece | None:
    """The hundreds after thousands: "two thousand five hundred" is 2500."""
    digit = words.digits.get(tokens[at].lower, "0")
    if digit == "0" or words.hundreds.get(tokens[at + 1].lower) != THOUSANDS - 1:
        return None
    return _with_hundreds(tokens, Piece(digit, at, at, True), words)


def _with_rest(tokens: Sequence[Token], whole: Piece, zeros: int, words: NumberWords) -> Piece:
    """With what is added to the hundreds: "eight hundred and twelve" is 812."""
    if zeros == THOUSANDS and whole.last + 2 < len(tokens):
        hundreds = _hundreds(tokens, whole.last + 1, words)
        if hundreds is not None:
            value = whole.value[:-zeros] + hundreds.value
            return Piece(value, whole.first, hundreds.last, True)
    at = whole.last + 2
    if at >= len(tokens) or tokens[at - 1].lower not in words.adds:
        return whole
    word, last = tokens[at].lower, at
    added = words.teens.get(word) or words.tens.get(word) or words.digits.get(word, "")
    after = tokens[at + 1].lower if at + 1 < len(tokens) else ""
    if word in words.tens and words.digits.get(after, "0") != "0":
        added, last = added[0] + words.digits[after], at + 1
    if not added or len(added) > zeros:
        return whole
    return Piece(whole.value[: -len(added)] + added, whole.first, last, True)
