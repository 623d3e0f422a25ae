"""A recording file becomes 16 kHz samples per channel, with what is wrong with it said plainly.

Decoding goes through PyAV, which carries its own FFmpeg libraries: no system FFmpeg is needed.
"""

import errno
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pipeline.errors import RecordingError

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame
    from av.audio.stream import AudioStream
    from av.container import InputContainer

SAMPLE_RATE = 16_000
"""Hz; what Whisper, Silero and the pyannote models are trained on."""

MIN_HEADER_RATE_HZ = 4_000
"""Below this no speech codec works; a header that says so is damaged."""

SILENT_DBFS = -75.0
"""Loudest 20 ms frame below this: nothing was recorded (G.711's quietest step: near -72 dBFS)."""

COPY_RESIDUAL_DB = -30.0
"""Difference of two channels this far under their level: one signal on both channels. Two legs of a
call with line noise of their own differ by far more."""

CLIPPED_SHARE = 0.01
"""Share of the sounding samples within 3 % of the channel's peak. Unclipped speech of the
development data stays below 0.003 (coarse µ-law steps at the top included), speech overdriven by
6 dB lies above 0.02. Counted before resampling, which rounds flat tops off."""

QUIETEST_CLIP = 100
"""Level step (-20 dBFS) of the lowest peak that is looked at: below, the steps are too coarse."""

LEVEL_STEPS = 1000
"""Resolution of the count of sample levels between silence and full scale."""

SHARE_AWAY = frozenset((
    errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.ENOTCONN, errno.EHOSTDOWN, errno.EHOSTUNREACH,
    errno.ENETDOWN, errno.ENETUNREACH, errno.ECONNRESET,
))  # fmt: skip
"""Reading failed because of the way to the file, not the file."""

TRUNCATED_S = 0.5
"""Missing time against the header before a file counts as truncated."""


@dataclass(frozen=True, slots=True)
class Recording:
    """A decoded recording.

    Attributes
    ----------
    samples : np.ndarray [shape=(channels, n)], float32 in [-1, 1], 16 kHz
        One row a channel: two for true stereo, one for mono (also mono copied to two channels).
    channels : int
        Channels of the file as it came, 1 or 2.
    warnings : tuple of str
        Findings that do not stop scoring: ``truncated``, ``mono_as_stereo``, ``clipped``.
    """

    path: Path
    sha256: str
    samples: np.ndarray
    channels: int
    warnings: tuple[str, ...] = ()

    @property
    def duration_s(self) -> float:
        return self.samples.shape[1] / SAMPLE_RATE


def sha256_of(path: Path) -> str:
    """Content hash of a file, hexadecimal.

    Raises
    ------
    RecordingError
        The file cannot be read.
    OSError
        The share that it lies on is away (``errno`` is one of ``SHARE_AWAY``).
    """
    if path.exists() and not path.is_file():
        raise RecordingError(f"{path}: not a regular file; give a recording")
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        if error.errno in SHARE_AWAY:
            raise
        raise RecordingError(f"{path}: {_reason(error)}") from error


def load(path: Path, *, max_duration_s: float) -> Recording:
    """Decode a recording once and look for what is wrong with it.

    Raises
    ------
    RecordingError
        The file cannot be scored: unreadable, empty, no audio, more than two channels, longer than
        ``max_duration_s``, silent, or not a number in its samples.
    """
    sha256 = sha256_of(path)
    if path.stat().st_size == 0:
        raise RecordingError(f"{path}: the file is empty (0 bytes); record or copy it again")
    samples, level_counts, expected_s = _decode(path, max_duration_s)
    channels = samples.shape[0]
    if not np.isfinite(samples).all():
        raise RecordingError(
            f"{path}: the audio holds values that are not numbers (NaN or infinite); "
            "export it again"
        )
    if _loudest_dbfs(samples) < SILENT_DBFS:
        raise RecordingError(
            f"{path}: silent, no sound above {SILENT_DBFS:.0f} dBFS; check the recorder's inputs"
        )
    warnings = []
    if expected_s is not None and samples.shape[1] / SAMPLE_RATE < expected_s - TRUNCATED_S:
        warnings.append("truncated")
    if channels == 2 and _is_copy(samples):
        warnings.append("mono_as_stereo")
        samples = samples[:1]
    if any(map(_is_clipped, level_counts)):
        warnings.append("clipped")
    return Recording(path, sha256, samples, channels, tuple(warnings))


def _decode(path: Path, max_duration_s: float) -> tuple[np.ndarray, np.ndarray, float | None]:
    """Samples [shape=(channels, n)] at 16 kHz, the count of sample levels as they came
    [shape=(channels, LEVEL_STEPS + 1)], and the duration that the header promises."""
    import av

    try:
        container = av.open(str(path), mode="r", metadata_errors="ignore")
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise RecordingError(
            f"{path}: not a readable audio file ({_reason(error)}); "
            "give a recording that FFmpeg can decode"
        ) from error
    with container:
        stream = next(iter(container.streams.audio), None)
        if stream is None:
            raise RecordingError(f"{path}: holds no audio track; give a sound recording")
        channels, rate = stream.codec_context.channels, stream.codec_context.sample_rate
        if rate < MIN_HEADER_RATE_HZ:
            raise RecordingError(
                f"{path}: the header says {rate} Hz, expected at least {MIN_HEADER_RATE_HZ}; "
                "the file is damaged, export it again"
            )
        if not 1 <= channels <= 2:
            raise RecordingError(
                f"{path}: {channels} channels, expected 1 (mono) or 2 (agent and customer); "
                "mix or split it down first"
            )
        expected_s = _header_duration_s(path, container, stream)
        too_long = (
            f"{path}: longer than {max_duration_s / 3600:g} h; "
            "split it or raise max_duration_s in the settings"
        )
        if expected_s is not None and expected_s > max_duration_s:
            raise RecordingError(too_long)
        layout = "stereo" if channels == 2 else "mono"
        as_floats = av.AudioResampler(format="fltp", layout=layout, rate=rate)
        to_16k = av.AudioResampler(format="fltp", layout=layout, rate=SAMPLE_RATE)
        level_counts = np.zeros((channels, LEVEL_STEPS + 1), dtype=np.int64)
        blocks: list[np.ndarray] = []
        decoded = 0
        try:
            for frame in _frames(container, stream):
                frame.pts = None  # broken time stamps must not make the resampler drop samples
                for part in as_floats.resample(frame):
                    level_counts += _level_counts(part.to_ndarray())
                    blocks += [block.to_ndarray() for block in to_16k.resample(part)]
                    decoded += part.samples
                if decoded > max_duration_s * rate:
                    raise RecordingError(too_long)
            blocks += [block.to_ndarray() for block in to_16k.resample(None)]
        except av.error.FFmpegError:
            pass  # the file breaks off; what was decoded so far is scored, with a warning
    if not blocks:
        raise RecordingError(
            f"{path}: no sound could be decoded; the file is empty or damaged, export it again"
        )
    return np.concatenate(blocks, axis=1, dtype=np.float32), level_counts, expected_s


def _frames(container: "InputContainer", stream: "AudioStream") -> Iterator["AudioFrame"]:
    """Decoded frames; a damaged packet is passed over, what follows may still be good."""
    import av

    for packet in container.demux(stream):
        try:
            yield from packet.decode()
        except av.error.InvalidDataError:
            continue


def _header_duration_s(
    path: Path, container: "InputContainer", stream: "AudioStream"
) -> float | None:
    """How long the header says the recording is; None where it does not say."""
    if stream.duration is not None and stream.time_base is not None:
        duration_s = float(stream.duration * stream.time_base)
    elif container.duration is not None:
        duration_s = container.duration / 1e6
    else:
        return None
    return duration_s * _riff_size_ratio(path)


def _riff_size_ratio(path: Path) -> float:
    """A WAV file's declared size over its real one, at least 1: FFmpeg looks at the latter only."""
    with path.open("rb") as file:
        header = file.read(12)
    declared = int.from_bytes(header[4:8], "little") + 8
    streamed = declared - 8 in (0, 0xFFFFFFFF)  # written before the length was known
    if header[:4] != b"RIFF" or header[8:] != b"WAVE" or streamed:
        return 1.0
    return max(1.0, declared / path.stat().st_size)


def _loudest_dbfs(samples: np.ndarray) -> float:
    frame = SAMPLE_RATE // 50
    loudest = 0.0
    for block in _blocks(samples):
        usable = block[:, : block.shape[1] // frame * frame].reshape(len(block), -1, frame)
        if usable.size:
            # The variance: a constant offset makes no sound.
            loudest = max(loudest, float(usable.var(axis=2).max()))
    return float(10 * np.log10(loudest + 1e-12))


def _is_copy(samples: np.ndarray) -> bool:
    """Whether both channels carry one signal, possibly at another gain."""
    left_power = right_power = shared = 0.0
    for left, right in _blocks(samples):
        left_power += float(left @ left)
        right_power += float(right @ right)
        shared += float(left @ right)
    if left_power == 0 or right_power == 0:
        return False
    residual = max(0.0, right_power - shared**2 / left_power)
    return bool(10 * np.log10(residual / right_power + 1e-12) < COPY_RESIDUAL_DB)


def _blocks(samples: np.ndarray) -> Iterator[np.ndarray]:
    """A minute at a time, as float64: bounds the memory of long calls."""
    for at in range(0, samples.shape[1], 60 * SAMPLE_RATE):
        yield samples[:, at : at + 60 * SAMPLE_RATE].astype(np.float64)


def _level_counts(block: np.ndarray) -> np.ndarray:
    """How many samples of ``block`` [shape=(channels, n)] have which level, in steps of 0.001."""
    steps = np.minimum(np.abs(np.nan_to_num(block)) * LEVEL_STEPS, LEVEL_STEPS).astype(np.int64)
    return np.stack([np.bincount(channel, minlength=LEVEL_STEPS + 1) for channel in steps])


def _is_clipped(counts: np.ndarray) -> bool:
    """Whether too many of a channel's sounding samples stick to its peak."""
    peak = int(np.flatnonzero(counts)[-1])
    sounding = counts[peak // 20 + 1 :].sum()
    at_peak = counts[int(0.97 * peak) :].sum()
    return bool(peak >= QUIETEST_CLIP and at_peak > CLIPPED_SHARE * sounding)


def _reason(error: Exception) -> str:
    """The operating system's words for an error, without the path that the caller names already."""
    return getattr(error, "strerror", None) or type(error).__name__
