"""What sounds when on a channel: speech at 10 ms resolution, and sustained music.

Speech is where the Silero detector (shipped inside faster-whisper) hears a voice *and* the signal
stands out of the line's own noise; the first keeps music and noise out, the second gives the exact
edges, which Silero's 32 ms windows blur. Music (hold music, ringing) is sound that goes on without
the pauses of speech, is tonal, and is no voice to Silero.
"""

import threading
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from pipeline.audio import SAMPLE_RATE
from pipeline.records import Span
from pipeline.spans import close_gaps, drop_short, from_mask, intersection, overlap_s

FRAME_S = 0.01
"""Resolution of the speech map."""

TELEPHONE_BAND_HZ = (250.0, 3400.0)
"""Where a telephone line carries speech; hum and DC offset lie below."""

VAD_WINDOW = 512
"""Samples a Silero window (32 ms at 16 kHz), fixed by the model."""

VAD_ONSET, VAD_KEEP = 0.3, 0.1
"""Silero probability that starts a stretch of speech, and that keeps it going. The default 0.5
loses up to 97 % of a quiet or clipped telephone voice; at 0.1 the development channels keep 96-99 %
of their speech while hold music stays below 0.1 nearly always."""


@dataclass(frozen=True, slots=True)
class _Memory:
    """Silero hears a block at a time, and what leads up to it; then it begins anew. In seconds."""

    block_s: float
    lead_s: float


LONG_MEMORY, SHORT_MEMORY = _Memory(600.0, 10.0), _Memory(8.0, 1.0)
"""Silero remembers. After half a minute of hold music it may take a soft voice for nothing (0.0
where it says 0.5 by itself) for minutes on end, and without a past it misses a word now and then.
So it listens both ways (to high voices with the short one) and the higher probability counts: of
14 development calls 99.0 % of the time under words is heard, 98.9 % with the long memory alone, and
no more of the music and noise.
"""

HIGH_VOICE_STRETCH = 1.5
HIGH_VOICE_WEIGHT = 0.85
UNSURE_S = 0.1
"""Silero takes a shout at twice the usual pitch for no voice (0.1-0.3 on acted anger); played this
much slower, and so half an octave lower, the same shout reaches 0.5-0.7. Hold music reaches 0.4
then for moments, hence the weight. It is played again only where something sounds for so long that
is no voice so far: that spares two thirds of the time it takes, and of 43 minutes of speech in 106
development channels 0.08 s."""

VAD_PAD_S = 0.15
"""Silero answers late at soft onsets; the energy decides inside this margin."""

SURE_PROBABILITY = 0.7
AROUND_S = 5.0
SUSTAINED_S = 1.0
AROUND_MUSIC_S = 0.5
"""Music has moments like a voice (0.3-0.65 on five pieces of hold music, against 0.9 and more for
most speech). Less than sure, they belong to it where this much sustained, tonal sound goes on
within so many seconds on both sides; speech beside a hold has it on one side."""

TOKEN_S = (0.15, 1.2)
TOKEN_PROBABILITY = 0.12
TOKEN_ABOVE_NOISE_DB = 20.0
TOKEN_ALONE_S = 2.0
"""A single short word out of silence ("okay") is over before Silero is sure: 0.14-0.27 on built
calls, where clicks, breath, noise bursts and beeps stay under 0.08. A burst of this length and
level counts as speech from here on, if no other sound but speech is near it; music never is."""

ABOVE_NOISE_DB = 8.0
"""A frame sounds when it is this far above the channel's noise (its 5th percentile) ..."""

BELOW_LOUD_DB = 35.0
NEARBY_S = 3.0
"""... and not further than this under the loudest frame nearby: the range of speech is about 30 dB
(ANSI S3.5). Nearby and not in the whole call, so that a shout does not hide calm speech."""

FAINT_DB = 20.0
FAINT_ABOVE_NOISE_DB = 4.0
SMOOTH_S = 0.05
"""Where nothing nearby is this far above the noise, speech is faint: smoothed over this long, the
noise varies by 0.5 dB only, and a smaller margin will do."""

QUIETEST_NOISE_DBFS = -85.0
"""Lines that send digital silence between words have no noise of their own."""

MAX_WORD_PAUSE_S = 0.15
"""Stop closures inside and between words are shorter; they do not end a stretch of speech."""

MIN_SPEECH_S = 0.06
"""Clicks are shorter."""

MUSIC_MIN_S = 2.0
MUSIC_MAX_PAUSE_S = 0.25
MUSIC_FLATNESS_DB = -14.0
"""Sustained sound of at least this length, broken at most this long, whose median spectral flatness
in the telephone band is below this: music measured -16 to -21 dB on the development calls, line
noise -2 to -13, but noise never stands out of itself."""

PROMPT_MAX_S = 20.0
PROMPT_MUSIC_MIN_S = 3.0
PROMPT_MAX_PAUSE_S = 0.5
"""A voice between two stretches of music this long, for not longer than this, is a queue prompt,
unless the line falls silent for so long in between."""


@dataclass(frozen=True, slots=True)
class SoundMap:
    """What sounds when on one channel. All tuples are in order of time, without overlaps.

    ``speech`` is a person's; ``prompts`` is speech inside hold music (a queue voice); ``music`` is
    music including its prompts.
    """

    speech: tuple[Span, ...]
    music: tuple[Span, ...]
    prompts: tuple[Span, ...]


def listen(samples: np.ndarray) -> SoundMap:
    """Map one channel.

    Parameters
    ----------
    samples : np.ndarray [shape=(n,)], float32, 16 kHz
    """
    if len(samples) < VAD_WINDOW:
        return SoundMap((), (), ())
    level_db = band_level_db(samples)
    sounding = _sounding(level_db)
    voice = _voice_probability(samples, sounding)
    voiced = _stretches(voice)
    voiced &= ~_like_voice(samples, sounding, voice, voiced)
    voiced |= _tokens(level_db, sounding, voice, voiced)
    speech_mask = sounding & voiced
    speech = drop_short(close_gaps(from_mask(speech_mask, FRAME_S), MAX_WORD_PAUSE_S), MIN_SPEECH_S)
    music, prompts = _music(samples, sounding, voice, speech)
    people = tuple(s for s in speech if overlap_s(s, music) <= s.duration_s / 2)
    return SoundMap(people, music, prompts)


def band_level_db(samples: np.ndarray) -> np.ndarray:
    """Level of each 10 ms frame in the telephone band, dBFS. Shape (frames,)."""
    from scipy.signal import butter, sosfilt

    band = butter(4, TELEPHONE_BAND_HZ, "bandpass", fs=SAMPLE_RATE, output="sos")
    hop = round(FRAME_S * SAMPLE_RATE)
    usable = samples[: len(samples) // hop * hop]
    state = np.zeros((len(band), 2))
    levels = [np.zeros(0)]
    block = 60 * SAMPLE_RATE  # a minute at a time bounds the memory of long calls
    for at in range(0, len(usable), block):
        filtered, state = sosfilt(band, usable[at : at + block], zi=state)
        frames = filtered.reshape(-1, hop)  # shape: (frames, hop)
        levels.append(10 * np.log10((frames**2).mean(axis=1) + 1e-10))
    return np.concatenate(levels)


def _voice_probability(samples: np.ndarray, sounding: np.ndarray) -> np.ndarray:
    """Silero's speech probability for each 10 ms frame, for usual and high voices. (frames,)"""
    everywhere = np.ones(len(sounding), dtype=bool)
    usual = np.maximum(
        *(_silero(samples, everywhere, memory) for memory in (LONG_MEMORY, SHORT_MEMORY))
    )
    unsure = np.zeros(len(sounding), dtype=bool)
    for span in drop_short(from_mask(sounding & (usual < VAD_ONSET), FRAME_S), UNSURE_S):
        unsure[_frames(span)] = True
    high = _silero(samples, unsure, SHORT_MEMORY, stretch=HIGH_VOICE_STRETCH)
    return np.maximum(usual, HIGH_VOICE_WEIGHT * high)


def _silero(
    samples: np.ndarray, wanted: np.ndarray, memory: _Memory, stretch: float = 1.0
) -> np.ndarray:
    """Silero's speech probability for each 10 ms frame, of the sound played slower. (frames,)

    Blocks without a wanted frame are passed over: 0 there. ``wanted`` [shape=(frames,)]
    """
    from scipy.signal import resample_poly

    frames = len(wanted)
    found = np.zeros(frames)
    size, lead = round(memory.block_s / FRAME_S), round(memory.lead_s / FRAME_S)
    hop = round(FRAME_S * SAMPLE_RATE)
    for at in range(0, frames, size):
        first, last = max(0, at - lead), min(frames, at + size)
        if not wanted[at:last].any():
            continue
        block = samples[first * hop : last * hop if last < frames else None]
        if stretch != 1.0:
            block = resample_poly(block, *stretch.as_integer_ratio()).astype(np.float32, copy=False)
        windows = _vad()(np.pad(block, (0, -len(block) % VAD_WINDOW))).ravel()
        times_s = (np.arange(at, last) - first + 0.5) * FRAME_S * stretch
        at_times = (times_s * SAMPLE_RATE / VAD_WINDOW).astype(int)
        found[at:last] = windows[np.minimum(at_times, len(windows) - 1)]
    return found


def _vad() -> Any:
    with _vad_lock:
        return _load_vad()


_vad_lock = threading.Lock()


@cache
def _load_vad() -> Any:
    from faster_whisper.vad import get_vad_model

    return get_vad_model()


def _sounding(level_db: np.ndarray) -> np.ndarray:
    """Frames that stand out of the line's noise and of what is loud around them: (frames,)."""
    from scipy.ndimage import maximum_filter1d, uniform_filter1d

    noise_db = _noise_db(level_db)
    loud_db = maximum_filter1d(level_db, round(NEARBY_S / FRAME_S))
    sounding = level_db > np.maximum(noise_db + ABOVE_NOISE_DB, loud_db - BELOW_LOUD_DB)
    smooth_db = uniform_filter1d(level_db, round(SMOOTH_S / FRAME_S))
    faint = loud_db < noise_db + FAINT_DB
    return np.asarray(sounding | (faint & (smooth_db > noise_db + FAINT_ABOVE_NOISE_DB)))


def _noise_db(level_db: np.ndarray) -> float:
    """Level of the line's own noise, dBFS; digital silence before and after it is none of it."""
    noisy = np.flatnonzero(level_db > QUIETEST_NOISE_DBFS)
    if not len(noisy):
        return QUIETEST_NOISE_DBFS
    line_db = level_db[noisy[0] : noisy[-1] + 1]
    return max(float(np.percentile(line_db, 5)), QUIETEST_NOISE_DBFS)


def _stretches(voice: np.ndarray) -> np.ndarray:
    """Hysteresis over Silero's probability: stretches above VAD_KEEP reaching VAD_ONSET, padded."""
    mask = np.zeros(len(voice), dtype=bool)
    pad = round(VAD_PAD_S / FRAME_S)
    for span in from_mask(voice > VAD_KEEP, FRAME_S):
        part = _frames(span)
        if voice[part].max() > VAD_ONSET:
            mask[max(0, part.start - pad) : part.stop + pad] = True
    return mask


def _like_voice(
    samples: np.ndarray, sounding: np.ndarray, voice: np.ndarray, voiced: np.ndarray
) -> np.ndarray:
    """Moments of music that are like a voice. Shape (frames,), bool."""
    unsure = [
        part
        for part in map(_frames, from_mask(voiced, FRAME_S))
        if voice[part].max() < SURE_PROBABILITY
    ]
    found = np.zeros(len(voice), dtype=bool)
    if not unsure:
        return found
    music = np.zeros(len(voice), dtype=bool)
    for span in close_gaps(from_mask(sounding & ~voiced, FRAME_S), MUSIC_MAX_PAUSE_S):
        if span.duration_s >= SUSTAINED_S and _is_tonal(samples, span):
            music[_frames(span)] = True
    around, enough = round(AROUND_S / FRAME_S), AROUND_MUSIC_S / FRAME_S
    for part in unsure:
        before = music[max(0, part.start - around) : part.start]
        after = music[part.stop : part.stop + around]
        # A recording that begins or ends within music has it on one side only.
        begins, ends = part.start < enough, part.stop > len(music) - enough
        is_before, is_after = before.sum() > enough, after.sum() > enough
        if (begins or is_before) and (ends or is_after) and (is_before or is_after):
            found[part] = True
    return found


def _frames(span: Span) -> slice:
    """The frames of a stretch of time."""
    return slice(round(span.start_s / FRAME_S), round(span.end_s / FRAME_S))


def _tokens(
    level_db: np.ndarray, sounding: np.ndarray, voice: np.ndarray, voiced: np.ndarray
) -> np.ndarray:
    """Short words by themselves. Shape (frames,), bool."""
    mask = np.zeros(len(voice), dtype=bool)
    loud_db = _noise_db(level_db) + TOKEN_ABOVE_NOISE_DB
    noise = sounding & ~voiced
    for burst in close_gaps(from_mask(sounding, FRAME_S), MAX_WORD_PAUSE_S):
        if not TOKEN_S[0] <= burst.duration_s <= TOKEN_S[1]:
            continue
        part, alone = _frames(burst), round(TOKEN_ALONE_S / FRAME_S)
        near = noise[max(0, part.start - alone) : part.stop + alone].sum() - noise[part].sum()
        if not near and voice[part].max() > TOKEN_PROBABILITY and level_db[part].max() > loud_db:
            mask[part] = True
    return mask


def _music(
    samples: np.ndarray, sounding: np.ndarray, voice: np.ndarray, speech: tuple[Span, ...]
) -> tuple[tuple[Span, ...], tuple[Span, ...]]:
    """Music (with its prompts) and the prompts alone."""
    wordless = close_gaps(from_mask(sounding & (voice < VAD_ONSET), FRAME_S), MUSIC_MAX_PAUSE_S)
    pieces = [s for s in drop_short(wordless, MUSIC_MIN_S) if _is_tonal(samples, s)]
    joined = close_gaps(tuple(pieces), MUSIC_MAX_PAUSE_S)
    music: list[Span] = []
    prompts: list[Span] = []
    for piece in joined:
        last = music[-1] if music else None
        between = Span(last.end_s, piece.start_s) if last else None
        if last and between and _is_prompt(last, between, piece, sounding):
            prompts += intersection(speech, (between,))
            music[-1] = Span(last.start_s, piece.end_s)
        else:
            music.append(piece)
    return tuple(music), tuple(prompts)


def _is_prompt(before: Span, between: Span, after: Span, sounding: np.ndarray) -> bool:
    """Whether what stands between two stretches of music is spoken over it.

    Music goes on under a prompt, so it never falls silent; an agent who comes back does.
    """
    if between.duration_s > PROMPT_MAX_S:
        return False
    if min(before.duration_s, after.duration_s) < PROMPT_MUSIC_MIN_S:
        return False
    silent = ~sounding[_frames(between)]
    return all(s.duration_s <= PROMPT_MAX_PAUSE_S for s in from_mask(silent, FRAME_S))


def _is_tonal(samples: np.ndarray, span: Span) -> bool:
    import librosa

    piece = samples[round(span.start_s * SAMPLE_RATE) : round(span.end_s * SAMPLE_RATE)]
    power = np.abs(librosa.stft(piece, n_fft=1024)) ** 2  # shape: (bins, frames)
    bins = librosa.fft_frequencies(sr=SAMPLE_RATE, n_fft=1024)
    band = power[(bins >= TELEPHONE_BAND_HZ[0]) & (bins <= TELEPHONE_BAND_HZ[1])]
    flatness = librosa.feature.spectral_flatness(S=band, power=1.0)
    return bool(10 * np.log10(np.median(flatness)) < MUSIC_FLATNESS_DB)
