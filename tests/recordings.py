"""Builders of recordings, good and bad, from the sample calls."""

import wave
from pathlib import Path

import av
import numpy as np
import soundfile

SAMPLES = Path(__file__).parent / "samples"
RATE = 8000


def sample(name: str) -> np.ndarray:
    """A sample call as float32 [shape=(channels, n)] at 8 kHz."""
    audio, rate = soundfile.read(SAMPLES / f"{name}.flac", dtype="float32", always_2d=True)
    assert rate == RATE
    return np.ascontiguousarray(audio.T)


def write_wav(path: Path, audio: np.ndarray, subtype: str = "PCM_16") -> Path:
    """``audio`` [shape=(channels, n)] at 8 kHz as WAV."""
    soundfile.write(path, audio.T, RATE, format="WAV", subtype=subtype)
    return path


def encode(path: Path, audio: np.ndarray, codec: str, rate: int = RATE) -> Path:
    """``audio`` [shape=(channels, n)] at 8 kHz through one of FFmpeg's encoders."""
    layout = "stereo" if len(audio) == 2 else "mono"
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, layout=layout)
        pcm = (np.clip(audio, -1, 1) * 32767).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(pcm.T).reshape(1, -1), format="s16", layout=layout
        )
        frame.sample_rate = RATE
        resampler = av.AudioResampler(
            format=stream.codec_context.format, layout=layout, rate=rate,
            frame_size=stream.codec_context.frame_size or None,
        )  # fmt: skip
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            part.pts = None
            container.mux(stream.encode(part))
        container.mux(stream.encode(None))
    return path


def raw_wav(path: Path, *, channels: int = 1, rate: int = RATE, data: bytes = b"") -> Path:
    """A WAV file whose header may say anything."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(data)
    if rate != RATE:
        content = bytearray(path.read_bytes())
        content[24:28] = rate.to_bytes(4, "little")
        content[28:32] = (rate * channels * 2).to_bytes(4, "little")
        path.write_bytes(content)
    return path
