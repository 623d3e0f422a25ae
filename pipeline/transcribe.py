"""Words with times from the speech on each channel, with faster-whisper.

Only speech is handed to the recogniser: stretches of speech are packed, with a little of their own
line noise around them, into windows of up to 30 s, so that hold music and silence cannot make it
invent words and no time is spent on them. What comes back is audited: words without speech under
them are dropped, speech without words is decoded once more by itself and, if it stays wordless,
counted.
"""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pipeline import memory, models
from pipeline.audio import SAMPLE_RATE
from pipeline.errors import MetadataError, ModelError
from pipeline.records import Span, Word
from pipeline.spans import (
    Spans,
    close_gaps,
    drop_short,
    gaps,
    overlap_s,
    total_s,
    touching,
    without,
)

if TYPE_CHECKING:
    from ctranslate2 import StorageView
    from faster_whisper import BatchedInferencePipeline

BUNDLED = "bundled"

WINDOW_S = 30.0
"""Whisper's encoder window."""

MARGIN_S = 0.25
"""Line noise kept on either side of a stretch of speech: Whisper clips words at hard edges."""

JOIN_PAUSE_S = 1.0
"""Pauses up to this stay as they are; longer ones shrink to two margins."""

LEVEL_RMS = 0.07
MOST_GAIN = 10.0
LEVEL_PAUSE_S = 0.3
"""Every stretch of speech is brought to this level (-23 dBFS, but no more than 20 dB up or down):
beside a voice 15 dB louder in its window Whisper passes over a soft one in silence."""

MOST_READERS = 4
"""On the CPU, readers share the windows and work at once, each with threads of its own: most steps
of decoding are too small to be shared by threads. On two cores two readers take 0.6 of the time
of one."""

BATCH_SIZE = {2: 8, 1: 2}
"""Windows that a reader decodes together, by the number of channels. Eight take 0.91 of the time of
four, two 1.05; beside a mono call pyannote's 0.8 GB must find room too."""

GPU_BATCH_SIZE = 32
"""Windows decoded together on a GPU; half as many wherever its memory does not hold them."""

WINDOWS_AT_HAND = 32
"""Windows whose sound and features a reader holds: bounds the memory of long calls."""

WORD_SLACK_S = 0.15
"""A word may lie this far beside the speech under it: Whisper's starts run about 0.12 s early."""

MISSED_SPEECH_MIN_S = 0.8
"""Speech this long without a word is decoded again; shorter is breath, laughter, a click."""

LANGUAGE_WINDOWS = 4
"""At most so many windows are asked for the language."""


@dataclass(frozen=True, slots=True)
class Transcript:
    """Words per channel, in order of time.

    ``language`` is None where nobody speaks; a given language has probability 1.
    ``wordless_s`` is the speech per channel that stayed without words; ``invented`` counts words
    dropped because nobody spoke under them.
    """

    channels: tuple[tuple[Word, ...], ...]
    language: str | None
    language_probability: float
    wordless_s: tuple[float, ...]
    invented: int


@dataclass(frozen=True, slots=True)
class _Piece:
    """A stretch of a channel, in samples."""

    channel: int
    start: int
    end: int

    def __len__(self) -> int:
        return self.end - self.start


Window = list[_Piece]
_ChannelWord = tuple[int, Word]
_Gain = tuple[np.ndarray, np.ndarray]


class Transcriber:
    """A Whisper model, loaded once at first use; safe under threads.

    Parameters
    ----------
    model : str
        ``bundled``, a folder with a CTranslate2 model, or a name that faster-whisper knows.
    device, compute_type : str
        As CTranslate2 names them; ``cuda`` or ``cpu``, ``int8``, ``float16``, ...
    threads : int
        CPU threads.
    """

    def __init__(self, model: str, *, device: str, compute_type: str, threads: int):
        self._model = model
        self._device = device
        self._compute_type = compute_type
        self._threads = threads if device == "cuda" else ceil(threads / MOST_READERS)
        self._readers = ceil(threads / self._threads)
        self._at_once = {
            channels: memory.AtOnce(GPU_BATCH_SIZE if device == "cuda" else size, "windows")
            for channels, size in BATCH_SIZE.items()
        }
        self._lock = threading.Lock()
        self._pipelines: list[BatchedInferencePipeline] = []

    @property
    def name(self) -> str:
        model = "base" if self._model == BUNDLED else Path(self._model).name
        return f"faster-whisper/{model}/{self._compute_type}/{self._device}"

    def transcribe(
        self, samples: np.ndarray, speech: Sequence[Spans], language: str | None = None
    ) -> Transcript:
        """Recognise the speech of all channels of a call in one go.

        Parameters
        ----------
        samples : np.ndarray [shape=(channels, n)], float32, 16 kHz
        speech : one list of spans a channel
        language : code such as ``en``; None detects it
        """
        with self._lock, memory.may_run_out("the recogniser"):
            if not self._pipelines:
                self._pipelines = self._load()
            known = self._pipelines[0].model.supported_languages
            if language is not None and language not in known:
                raise MetadataError(
                    f"language {language!r} is none that the recogniser knows; "
                    "give a code such as en in the metadata or the settings"
                )
            words, language, probability = self._recognise(samples, speech, language)
            missed = [_wordless(s, w) for s, w in zip(speech, words, strict=True)]
            if any(missed):
                again, _, _ = self._recognise(samples, missed, language)
                words = [sorted(a + b, key=_start) for a, b in zip(words, again, strict=True)]
        kept = [[w for w in ws if _spoken(w, s)] for ws, s in zip(words, speech, strict=True)]
        return Transcript(
            channels=tuple(
                tuple(_on_speech(w, s) for w in ws) for ws, s in zip(kept, speech, strict=True)
            ),
            language=language,
            language_probability=probability,
            wordless_s=tuple(total_s(_wordless(s, w)) for s, w in zip(speech, kept, strict=True)),
            invented=sum(map(len, words)) - sum(map(len, kept)),
        )

    def _recognise(
        self, samples: np.ndarray, speech: Sequence[Spans], language: str | None
    ) -> tuple[list[list[Word]], str | None, float]:
        """Words per channel, in order of time, with the language and its probability."""
        words: list[list[Word]] = [[] for _ in speech]
        windows = _pack(speech, samples.shape[1])
        if not windows:
            return words, language, 1.0
        gains = [_level(channel, spans) for channel, spans in zip(samples, speech, strict=True)]
        probability = 1.0
        if language is None:
            first = _packed(samples, [p for w in windows[:LANGUAGE_WINDOWS] for p in w], gains)
            language, probability = self._detect_language(first)
        shares = [windows[n :: self._readers] for n in range(min(self._readers, len(windows)))]
        at_once = self._at_once[len(samples)]

        def read(pipeline: "BatchedInferencePipeline", share: list[Window]) -> list[_ChannelWord]:
            words = []
            for at in range(0, len(share), WINDOWS_AT_HAND):
                at_hand = share[at : at + WINDOWS_AT_HAND]
                words += at_once.do(partial(_read, pipeline, samples, gains, at_hand, language))
            return words

        with ThreadPoolExecutor(len(shares)) as pool:
            for found in pool.map(read, self._pipelines, shares):
                for channel, word in found:
                    words[channel].append(word)
        return [sorted(channel, key=_start) for channel in words], language, probability

    def _detect_language(self, samples: np.ndarray) -> tuple[str, float]:
        model = self._pipelines[0].model
        if not model.model.is_multilingual:
            return "en", 1.0
        language, probability, _ = model.detect_language(
            audio=samples, language_detection_segments=LANGUAGE_WINDOWS
        )
        return language, probability

    def _load(self) -> "list[BatchedInferencePipeline]":
        from faster_whisper import BatchedInferencePipeline, WhisperModel

        source = str(models.whisper_dir()) if self._model == BUNDLED else self._model
        try:
            model = WhisperModel(
                source,
                device=self._device,
                compute_type=self._compute_type,
                cpu_threads=self._threads,
                num_workers=self._readers,
            )
        except (RuntimeError, ValueError, OSError) as error:
            if isinstance(error, RuntimeError) and memory.ran_out(error):
                raise  # another time it may be there
            raise ModelError(
                f"Whisper model {self._model!r} cannot be loaded on {self._device}: "
                f"{str(error).splitlines()[0]}; run callscore doctor"
            ) from error
        if self._device == "cpu":
            model.encode = partial(_encode_one_by_one, model.encode)
        # One each: a pipeline remembers where the speech before ended.
        return [BatchedInferencePipeline(model) for _ in range(self._readers)]


def _read(
    pipeline: "BatchedInferencePipeline",
    samples: np.ndarray,
    gains: Sequence[_Gain],
    windows: Sequence[Window],
    language: str | None,
    batch_size: int,
) -> list[_ChannelWord]:
    """The words in some windows, each with its channel; ``batch_size`` windows are read at once."""
    pieces = [piece for window in windows for piece in window]
    starts = np.cumsum([0, *map(len, pieces)])  # of each piece in the packed audio; its end
    first = np.cumsum([0, *map(len, windows)])  # piece of each window
    edges = starts[first] / SAMPLE_RATE
    clips = list(pairwise(edges))
    # By where it begins, as faster-whisper counts (10 ms), a segment tells its window.
    window_at = {
        int(int(start_s * SAMPLE_RATE) / SAMPLE_RATE * 100): number
        for number, (start_s, _) in enumerate(clips)
    }
    pipeline.last_speech_timestamp = 0.0  # what a try that failed left
    segments, _ = pipeline.transcribe(
        _packed(samples, pieces, gains),
        language=language,
        word_timestamps=True,
        temperature=0.0,
        batch_size=batch_size,
        clip_timestamps=[{"start": start_s, "end": end_s} for start_s, end_s in clips],
    )
    found = []
    for segment in segments:
        window = window_at[segment.seek]
        for word in segment.words or ():
            middle = (word.start + word.end) / 2 * SAMPLE_RATE
            number = int(np.searchsorted(starts, middle, side="right")) - 1
            # A word may be stamped a little outside of its window.
            number = min(max(number, first[window]), first[window + 1] - 1)
            piece = pieces[number]
            shift = (piece.start - starts[number]) / SAMPLE_RATE
            start = max(word.start + shift, piece.start / SAMPLE_RATE)
            end = max(start, min(word.end + shift, piece.end / SAMPLE_RATE))
            text = word.word.strip()
            if text:
                found.append((piece.channel, Word(start, end, text, word.probability)))
    return found


def _encode_one_by_one(
    encode: "Callable[[np.ndarray], StorageView]", features: np.ndarray
) -> "StorageView":
    """Whisper's encoder on one window after the other; ``features`` [shape=([windows,] mels, n)].

    Together they are no faster on a CPU, and the attention of each takes 72 MB (base model).
    """
    if features.ndim == 2 or len(features) == 1:
        return encode(features)
    from ctranslate2 import StorageView

    return StorageView.from_array(np.concatenate([np.asarray(encode(one)) for one in features]))


def _pack(speech: Sequence[Spans], length: int) -> list[Window]:
    """Windows of at most 30 s, each of pieces of one channel. ``length``: samples a channel."""
    windows: list[Window] = []
    for channel, spans in enumerate(speech):
        window: Window = []
        filled = last_end = 0
        for span in _split_long(close_gaps(spans, JOIN_PAUSE_S), spans):
            # Where a long block was cut, the next piece goes on where the last one ended.
            start = max(last_end, round((span.start_s - MARGIN_S) * SAMPLE_RATE))
            end = min(length, round((span.end_s + MARGIN_S) * SAMPLE_RATE))
            if window and filled + end - start > WINDOW_S * SAMPLE_RATE:
                windows.append(window)
                window, filled = [], 0
            window.append(_Piece(channel, start, end))
            last_end = end
            filled += end - start
        if window:
            windows.append(window)
    return windows


def _packed(samples: np.ndarray, pieces: Sequence[_Piece], gains: Sequence[_Gain]) -> np.ndarray:
    """The pieces one after the other, at one level. Shape (n,), float32."""
    return np.concatenate(
        [
            samples[p.channel, p.start : p.end]
            * np.interp(np.arange(p.start, p.end), *gains[p.channel]).astype(np.float32)
            for p in pieces
        ]
    )


def _level(channel: np.ndarray, speech: Spans) -> _Gain:
    """The gain that evens out a channel's speech: sample positions and the factor at each."""
    at, factors = [], []
    for span in close_gaps(speech, LEVEL_PAUSE_S):
        start, end = round(span.start_s * SAMPLE_RATE), round(span.end_s * SAMPLE_RATE)
        rms = float(np.sqrt(np.mean(np.square(channel[start:end], dtype=np.float64))))
        factor = min(MOST_GAIN, max(1 / MOST_GAIN, LEVEL_RMS / max(rms, 1e-6)))
        at += [start, end]
        factors += [factor, factor]
    return np.array(at), np.array(factors)


def _split_long(blocks: Spans, spans: Spans) -> Spans:
    """Cut blocks that do not fit a window at their longest inner pauses."""
    limit = WINDOW_S - 2 * MARGIN_S
    done: list[Span] = []
    todo = list(reversed(blocks))
    while todo:
        block = todo.pop()
        if block.duration_s <= limit:
            done.append(block)
            continue
        inner = Span(block.start_s + 1.0, min(block.end_s - 1.0, block.start_s + limit))
        pauses = gaps([s for s in spans if s.end_s > inner.start_s], inner)
        cut = max(pauses, key=lambda p: p.duration_s) if pauses else Span(inner.end_s, inner.end_s)
        todo.append(Span(cut.end_s, block.end_s))
        todo.append(Span(block.start_s, cut.start_s))
    return tuple(done)


def _wordless(speech: Spans, words: Sequence[Word]) -> Spans:
    """Speech that no word lies on."""
    said = close_gaps(
        [Span(w.start_s - WORD_SLACK_S, w.end_s + WORD_SLACK_S) for w in words], 2 * WORD_SLACK_S
    )
    return drop_short(without(speech, said), MISSED_SPEECH_MIN_S)


def _spoken(word: Word, speech: Spans) -> bool:
    """Whether somebody speaks under a word."""
    return overlap_s(Span(word.start_s - WORD_SLACK_S, word.end_s + WORD_SLACK_S), speech) > 0


def _on_speech(word: Word, speech: Spans) -> Word:
    """The word with its edges moved off the silence onto the speech under it."""
    under = touching(speech, Span(word.start_s, word.end_s))
    if not under:
        return word
    start, end = max(word.start_s, under[0].start_s), min(word.end_s, under[-1].end_s)
    return Word(start, max(start, end), word.text, word.probability)


def _start(word: Word) -> float:
    return word.start_s
