"""English text to the phoneme symbols Kokoro was trained on, word by word.

espeak-ng (through phonemizer-fork and espeakng-loader) gives the phonemes; its symbols are mapped
to Kokoro's. espeak joins some words ("of the") and splits others, so each piece of the result keeps
the words it stands for: that is what makes exact word times possible.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

# Said as written here, because espeak would spell them out.
INTERJECTIONS = {"mm-hm": "mˌmhˈm", "um": "ˈʌm", "uh": "ˈʌ", "hm": "hˈm"}
MARKS = ".,?!;:—…"
# (espeak, Kokoro); order matters.
COMMON = (("ʲ", "j"), ("r", "ɹ"), ("x", "k"), ("ɬ", "l"), ("ɚ", "əɹ"), ("ɐ", "ə"))
DIPHTHONGS = (("eɪ", "A"), ("aɪ", "I"), ("aʊ", "W"), ("ɔɪ", "Y"), ("dʒ", "ʤ"), ("tʃ", "ʧ"))
AMERICAN = (("oʊ", "O"), ("ɜːɹ", "ɜɹ"), ("ɜː", "ɜɹ"), ("əl", "ᵊl"), ("ː", ""))
BRITISH = (("əʊ", "Q"), ("oʊ", "Q"), ("eə", "ɛː"))
SYLLABIC = (("n\u0329", "ᵊn"), ("l\u0329", "ᵊl"))
LONGEST_JOIN = 3  # words that espeak joins into one, or pieces it splits one word into


@dataclass(frozen=True, slots=True)
class Piece:
    """Phonemes of some words (their positions in the text), or a punctuation mark (no words)."""

    phonemes: str
    words: tuple[int, ...] = ()


def pieces_of(text: str, *, british: bool) -> list[Piece]:
    """The pieces of ``text`` in order; words are counted as ``text.split()`` counts them."""
    tokens = re.findall(rf"[\w'’-]+|[{MARKS}]", text)
    pieces: list[Piece] = []
    run: list[str] = []  # words between two marks or interjections go to espeak together
    done = 0

    def flush() -> None:
        nonlocal done
        for piece in _run_pieces(run, british):
            pieces.append(Piece(piece.phonemes, tuple(done + word for word in piece.words)))
        done += len(run)
        run.clear()

    for token in tokens:
        if token in MARKS:
            flush()
            pieces.append(Piece(token))
        elif token.lower() in INTERJECTIONS:
            flush()
            pieces.append(Piece(INTERJECTIONS[token.lower()], (done,)))
            done += 1
        else:
            run.append(token)
    flush()
    if done != len(text.split()):
        raise ValueError(f"marks must touch a word, and words need spaces between: {text!r}")
    return pieces


def _run_pieces(run: list[str], british: bool) -> list[Piece]:
    if not run:
        return []
    spoken = _espeak(" ".join(run), british).split()
    if len(spoken) == len(run):
        return [Piece(phonemes, (word,)) for word, phonemes in enumerate(spoken)]
    alone = [_espeak(word, british) for word in run]
    return [
        Piece(" ".join(spoken[first:last]), tuple(range(begin, end)))
        for begin, end, first, last in _joins(alone, spoken)
    ]


def _joins(alone: list[str], spoken: list[str]) -> list[tuple[int, int, int, int]]:
    """Cheapest pairing of words said alone with the pieces of the run, many to one or one to many.

    Returns spans (first word, end word, first piece, end piece), in order.
    """
    steps = [(1, size) for size in range(1, LONGEST_JOIN + 1)]
    steps += [(size, 1) for size in range(2, LONGEST_JOIN + 1)]
    best: dict[tuple[int, int], tuple[float, list[tuple[int, int, int, int]]]] = {(0, 0): (0.0, [])}
    for i in range(len(alone) + 1):
        for j in range(len(spoken) + 1):
            if (i, j) not in best:
                continue
            cost, path = best[i, j]
            for words, parts in steps:
                if i + words > len(alone) or j + parts > len(spoken):
                    continue
                said, heard = "".join(alone[i : i + words]), "".join(spoken[j : j + parts])
                unlike = 1.0 - SequenceMatcher(None, said, heard, autojunk=False).ratio()
                total = cost + unlike * len(heard)
                end = (i + words, j + parts)
                if end not in best or total < best[end][0]:
                    best[end] = (total, [*path, (i, end[0], j, end[1])])
    return best[len(alone), len(spoken)][1]


@functools.cache
def _backend(british: bool) -> Any:
    import espeakng_loader
    from phonemizer.backend import EspeakBackend
    from phonemizer.backend.espeak.wrapper import EspeakWrapper

    EspeakWrapper.set_library(espeakng_loader.get_library_path())
    EspeakWrapper.set_data_path(espeakng_loader.get_data_path())
    return EspeakBackend("en-gb" if british else "en-us", with_stress=True)


@functools.cache
def _espeak(text: str, british: bool) -> str:
    """Kokoro's phonemes for words without marks."""
    phonemes = _backend(british).phonemize([text], strip=True)[0]
    for espeak, kokoro in COMMON + DIPHTHONGS + (BRITISH if british else AMERICAN) + SYLLABIC:
        phonemes = phonemes.replace(espeak, kokoro)
    # A bare "I" would get one or two frames only; Kokoro expects it stressed.
    return re.sub(r"(^| )I(?=[ vml]|d\b|$)", r"\1ˌI", phonemes)
