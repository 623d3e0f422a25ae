"""Text as the cue patterns see it, with the way back to the original words.

Speech recognition and typing differ in case, punctuation, contractions ("I'm", "im", "I am"),
fillers and stutters. Normalised text has none of these differences, so that the same words said
give the same cues however they were written down. Sentence ends are given up on purpose: a
recogniser without punctuation must reach the same answers.
"""

import re
import unicodedata
from bisect import bisect_right
from dataclasses import dataclass
from functools import lru_cache

from pipeline.records import STAND_INS

# A word of the original: a censored swear word, a number, or letters with inner apostrophes.
_TOKEN = re.compile(
    r"[^\W\d_]\w*\*{2,}\w*|\*{3,}|\d+(?:[.,:]\d+)*(?:(?:st|nd|rd|th)(?![^\W\d_]))?"
    r"|[^\W\d_]+(?:'[^\W\d_]+)*",
)
# Notes of a transcriber ("[noise]", "<unk>", "(pause)") were not said.
_NOTE = re.compile(
    r"\[[^\]]*\]|<[^>]*>|\((?:pause|silence|typing|hold|noise|inaudible)[^)]*\)", re.IGNORECASE
)

# What is hidden was said: patterns see a number where it mostly is digits, else a plain word.
_WORDED = {"name": "name", "address": "address", "email": "email"}
_HIDDEN = {shown: _WORDED.get(kind, "0") for kind, shown in STAND_INS.items()}

_APOSTROPHES = str.maketrans("’‘ʼ", "'''")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_ENDINGS = {
    "n't": "not",
    "'m": "am",
    "'re": "are",
    "'ve": "have",
    "'ll": "will",
    "'d": "would",
}
# "'s" is "is" after these; after a noun it marks the owner and is dropped.
_IS = _words(
    """
    it that there here what who where how when he she this everything nothing something
    someone nobody everyone which why
    """
)
# One spelling for words that are written in several ways; the apostrophe may be lost.
_SPELLINGS = {
    "cannot": "can not",
    "can't": "can not",
    "cant": "can not",
    "won't": "will not",
    "wont": "will not",
    "shan't": "shall not",
    "ain't": "is not",
    "aint": "is not",
    "let's": "let us",
    "lets": "let us",
    "y'all": "you all",
    "ma'am": "maam",
    "o'clock": "oclock",
    "im": "i am",
    "ive": "i have",
    "youre": "you are",
    "youve": "you have",
    "youll": "you will",
    "theyre": "they are",
    "theyve": "they have",
    "theyll": "they will",
    "weve": "we have",
    "itll": "it will",
    "thats": "that is",
    "theres": "there is",
    "heres": "here is",
    "whats": "what is",
    "wheres": "where is",
    "hows": "how is",
    "hes": "he is",
    "shes": "she is",
    "its": "it is",
    "whos": "who is",
    "thatll": "that will",
    "gonna": "going to",
    "wanna": "want to",
    "gotta": "got to",
    "gimme": "give me",
    "lemme": "let me",
    "kinda": "kind of",
    "dunno": "do not know",
    "coz": "because",
    "cos": "because",
    "cuz": "because",
    "u": "you",
    "ur": "your",
    "pls": "please",
    "plz": "please",
    "thx": "thanks",
    "alright": "all right",
    "okay": "ok",
    "okey": "ok",
    "apologise": "apologize",
    "apologised": "apologized",
    "apologises": "apologizes",
    "apologising": "apologizing",
    "realise": "realize",
    "realised": "realized",
    "cancelled": "canceled",
    "cancelling": "canceling",
    "cheque": "check",
    "programme": "program",
    "mum": "mom",
    "grey": "gray",
    "organise": "organize",
    "favour": "favor",
    "honour": "honor",
    "behaviour": "behavior",
    "neighbour": "neighbor",
    "mister": "mr",
    "yeah": "yes",
    "yep": "yes",
    "yup": "yes",
    "nope": "no",
    "nah": "no",
    "e-mail": "email",
} | {
    f"{verb}nt": f"{verb} not"
    for verb in (
        "do",
        "does",
        "did",
        "is",
        "are",
        "was",
        "were",
        "have",
        "has",
        "had",
        "would",
        "could",
        "should",
        "must",
        "need",
    )
}
_FILLERS = {"um", "umm", "uh", "uhh", "er", "err", "erm", "uhm", "ah", "hmm", "hm", "mm"}
# "ill" without its apostrophe is "I will", except after words that speak of health.
_HEALTH = _words(
    """
    feel feeling felt am is was are were fell be been got so very really seriously terminally
    and
    """
)
# "you know" is a filler except in these surroundings ("let you know", "you know that").
_KNOW_BEFORE = _words(
    """
    let do did if as can may would how letting what once when that should because
    """
)
_KNOW_AFTER = {"what", "that", "how", "why", "if", "when", "who", "where", "about", "the", "any"}
_NUMBER_WORDS = _words(
    """
    zero oh one two three four five six seven eight nine ten double triple hundred thousand
    """
)
CENSORED = "expletive"
# A call's turns are looked at many times over; a long call has some hundred.
CACHED_TURNS = 1024


@dataclass(frozen=True, slots=True)
class Normalised:
    """Normalised text, and where in the original each of its words came from.

    ``text`` has one space after every word. ``offsets[i]`` is where word i starts in ``text``,
    ``spans[i]`` the start and end of its source in the original.
    """

    text: str
    offsets: tuple[int, ...]
    spans: tuple[tuple[int, int], ...]

    def source(self, start: int, end: int) -> tuple[int, int]:
        """The span of the original behind ``text[start:end]``."""
        first = bisect_right(self.offsets, start) - 1
        last = bisect_right(self.offsets, max(start, end - 1)) - 1
        return self.spans[first][0], self.spans[last][1]


@lru_cache(maxsize=CACHED_TURNS)
def normalise(text: str) -> Normalised:
    """Lower case, no punctuation, contractions written out, fillers and stutters removed."""
    hidden: dict[int, int] = {}

    def read_note(note: re.Match[str]) -> str:
        word = _HIDDEN.get(note.group(), "")
        if word:
            hidden[note.start()] = note.end()
        return word.ljust(len(note.group()))

    plain = _NOTE.sub(read_note, text)
    words: list[str] = []
    spans: list[tuple[int, int]] = []
    for token in _TOKEN.finditer(plain.translate(_APOSTROPHES)):
        for word in _expand(token.group().lower()):
            words.append(word)
            spans.append((token.start(), hidden.get(token.start(), token.end())))
    kept = _without_stutters(words, _without_fillers(words))
    offsets, at = [], 0
    for index in kept:
        offsets.append(at)
        at += len(words[index]) + 1
    joined = "".join(f"{words[index]} " for index in kept)
    return Normalised(joined, tuple(offsets), tuple(spans[index] for index in kept))


def exact_words(text: str) -> list[tuple[str, tuple[int, int]]]:
    """The words as they stand, without case and punctuation, each with its span in the text."""
    plain = text.translate(_APOSTROPHES)
    return [(token.group().casefold(), token.span()) for token in _TOKEN.finditer(plain)]


def _expand(word: str) -> list[str]:
    word = unicodedata.normalize("NFKC", word)
    if "*" in word:
        return [CENSORED]
    if word in _SPELLINGS:
        return _SPELLINGS[word].split()
    for ending, full in _ENDINGS.items():
        if word.endswith(ending):
            return [*_expand(word[: -len(ending)]), full]
    if word.endswith("'s"):
        stem = word[:-2]
        return [stem, "is"] if stem in _IS else [stem]
    return [word.replace("'", "")]


def _without_fillers(words: list[str]) -> list[int]:
    kept: list[int] = []
    skip = False
    for i, word in enumerate(words):
        if skip:
            skip = False
            continue
        before = words[kept[-1]] if kept else ""
        after = words[i + 1] if i + 1 < len(words) else ""
        if word in _FILLERS:
            continue
        if word == "you" and after == "know":
            beyond = words[i + 2] if i + 2 < len(words) else ""
            if before not in _KNOW_BEFORE and beyond not in _KNOW_AFTER:
                skip = True
                continue
        if word == "ill" and before not in _HEALTH:
            words[i] = "i will"
        kept.append(i)
    return kept


def _without_stutters(words: list[str], kept: list[int]) -> list[int]:
    """Drops the first of two equal runs of one to three words ("for a, for a sample")."""
    out: list[int] = []
    for index in kept:
        out.append(index)
        for length in (1, 2, 3):
            last = [words[k] for k in out[-length:]]
            before = [words[k] for k in out[-2 * length : -length]]
            spelt = any(
                w in _NUMBER_WORDS or w[0].isdigit() or (len(w) == 1 and w not in "ai")
                for w in last
            )
            if last == before and not spelt:
                del out[-2 * length : -length]
                break
    return out
