"""Dialogue moves by meaning: how likely each is made in a turn, by a small trained tagger.

Patterns (:mod:`pipeline.cues`) know the phrases that somebody thought of; the tagger has learnt
from labelled dialogues what the same moves look like in other words. It reads a turn after the end
of the turn before it, and gives each word a probability for each move of the speaker's side. Case,
punctuation, fillers and contractions do not reach it, and all words for numbers look alike to it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from pipeline.minilm import CLS, MOST_TOKENS, SEP, Array, Encoder, load_weights, tokenizer
from pipeline.normalise import normalise
from pipeline.records import Move, Role, Turn

FILE_NAME = "moves.npz"
# So many words of the turn before are read with a turn, and so many of a turn at once.
CONTEXT_WORDS = 24
WINDOW_WORDS = 110
# Less likely moves are not kept.
KEEP_FROM = 0.05
# The words of a move are those around the most likely one that are nearly as likely.
SPAN_SHARE = 0.8
# Tokens that the model never used stand for who speaks.
_SPEAKER = {"agent": 2, "customer": 3}
_NUMBERS = frozenset((
    "zero", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven",
    "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
    "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety", "hundred",
    "thousand",
))  # fmt: skip


@dataclass(frozen=True, slots=True)
class Words:
    """The words of a turn as the tagger reads them, and where each is in the turn's text."""

    words: tuple[str, ...]
    spans: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Tokens:
    """Model input (tokens,) and, for each token, the word that it belongs to or -1."""

    ids: NDArray[np.int64]
    segments: NDArray[np.int64]
    word_of: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Tagger:
    """A trained tagger: the encoder with its adapter, and one linear map (384, moves) on top."""

    moves: tuple[str, ...]
    sides: tuple[Role, ...]
    encoder: Encoder
    weight: Array
    bias: Array

    def find(self, turns: Sequence[Turn]) -> tuple[Move, ...]:
        """The moves of every turn of a known side, each at most once a turn, in order."""
        found: list[Move] = []
        before: tuple[str, ...] = ()
        for number, turn in enumerate(turns):
            said = read_words(turn.text)
            if not said.words:
                continue
            if turn.role in _SPEAKER:
                likely = self.probabilities(said.words, before, turn.role)
                found += self._moves(likely, said, number, turn.role)
            before = said.words
        return tuple(found)

    def probabilities(self, words: Sequence[str], before: Sequence[str], role: Role) -> Array:
        """For each word the probability of each move (words, moves)."""
        parts = []
        for start in range(0, len(words), WINDOW_WORDS):
            part = words[start : start + WINDOW_WORDS]
            tokens = read_tokens(part, before, role)
            states = self.encoder(tokens.ids, tokens.segments)
            parts.append(_by_word(states, tokens.word_of, len(part)) @ self.weight + self.bias)
            before = part
        return np.asarray(1 / (1 + np.exp(-np.concatenate(parts))), np.float32)

    def _moves(self, likely: Array, said: Words, turn: int, role: Role) -> list[Move]:
        found = []
        for column, (move, side) in enumerate(zip(self.moves, self.sides, strict=True)):
            if side != role:
                continue
            of_word = likely[:, column]
            peak = int(of_word.argmax())
            probability = round(float(of_word[peak]), 3)
            if probability >= KEEP_FROM:
                first, last = _span(of_word, peak)
                start, end = said.spans[first][0], said.spans[last][1]
                found.append(Move(move, turn, start, end, probability))
        return sorted(found, key=lambda move: (move.start, move.id))


def read_words(text: str) -> Words:
    """A turn's words for the tagger: normalised, every number as the word "number"."""
    read = normalise(text)
    ends = [*(offset - 1 for offset in read.offsets[1:]), len(read.text) - 1]
    words = (read.text[start:end] for start, end in zip(read.offsets, ends, strict=False))
    return Words(tuple(_plain(word) for word in words), read.spans)


def read_tokens(words: Sequence[str], before: Sequence[str], role: Role) -> Tokens:
    """Model input: who speaks, the end of the turn before, the words.

    A window of English is far shorter than the model's limit. Words in a script that it spells
    letter by letter may not be: the rest is left unread.
    """
    context = tokenizer().encode(
        list(before[-CONTEXT_WORDS:]), is_pretokenized=True, add_special_tokens=False
    )
    own = tokenizer().encode(list(words), is_pretokenized=True, add_special_tokens=False)
    head = [CLS, _SPEAKER[role], *context.ids[-MOST_TOKENS // 2 :], SEP]
    room = MOST_TOKENS - len(head) - 1
    ids = [*head, *own.ids[:room], SEP]
    segments = [0] * len(head) + [1] * (len(ids) - len(head))
    word_of = [-1] * len(head) + own.word_ids[:room] + [-1]
    return Tokens(np.array(ids), np.array(segments), np.array(word_of))


def load_tagger(folder: Path) -> Tagger | None:
    """The tagger of a language's cue folder; None where there is none. Raises ModelError."""
    path = folder / FILE_NAME
    return _load(path) if path.is_file() else None


@cache
def _load(path: Path) -> Tagger:
    with np.load(path, allow_pickle=False) as file:
        parts = {name: file[name] for name in file.files}
    adapter = {
        name.removeprefix("adapter."): value.astype(np.float32)
        for name, value in parts.items()
        if name.startswith("adapter.")
    }
    return Tagger(
        moves=tuple(str(name) for name in parts["moves"]),
        sides=tuple(cast(Role, str(side)) for side in parts["sides"]),
        encoder=Encoder(load_weights(), adapter),
        weight=parts["weight"].astype(np.float32),
        bias=parts["bias"].astype(np.float32),
    )


def _plain(word: str) -> str:
    if word == "1":
        return "one"
    return "number" if word[0].isdigit() or word in _NUMBERS else word


def _by_word(states: Array, word_of: NDArray[np.int64], words: int) -> Array:
    """The mean state of each word's pieces (words, 384)."""
    sums = np.zeros((words, states.shape[1]), np.float32)
    inside = word_of >= 0
    np.add.at(sums, word_of[inside], states[inside])
    counts = np.bincount(word_of[inside], minlength=words).astype(np.float32)
    return np.asarray(sums / np.maximum(counts, 1)[:, None], np.float32)


def _span(likely: Array, peak: int) -> tuple[int, int]:
    """The first and the last word of the stretch around the peak."""
    enough = likely >= likely[peak] * SPAN_SHARE
    first = last = peak
    while first > 0 and enough[first - 1]:
        first -= 1
    while last + 1 < len(likely) and enough[last + 1]:
        last += 1
    return first, last
