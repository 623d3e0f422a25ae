"""Telling two voices apart: the arithmetic of diarization, without models.

A segmentation model hears well who takes turns within its 10 s windows and who overlaps, but takes
similar voices for one. Voice prints of short windows tell voices apart, but blur turn borders and
cannot hear two at once. So the prints decide whose voice a stretch is, and the segmentation decides
where it begins, ends and overlaps.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.records import Span
from pipeline.spans import Spans, from_mask, intersection

FRAME_S = 0.01

WINDOW_S, HOP_S = 1.5, 0.75
"""Windows of the voice prints, the usual ones of x-vector diarization (Landini et al. 2022)."""

MIN_WINDOW_S = 0.5
"""Shorter stretches of speech get no print of their own."""

MIN_VOICE_WINDOWS = 2
"""A voice heard in fewer windows is a cough or a noise."""

MIN_VOICE_SHARE = 0.12
"""Share of the windows that the second largest cluster needs; smaller ones are outliers."""

MOST_CLUSTERS = 12
"""How far the windows are split up in the search for two clusters of that size."""

SAME_VOICE_SIMILARITY = 0.75
EVEN_SPLIT_SIMILARITY, EVEN_SPLIT_SLOPE = 0.60, 0.5
EVEN_SPLIT_WINDOWS = 30
"""Cosine similarity of two voices above which they are one person's: 0.75, or more where the split
is so even as only a conversation makes it (0.60 + 0.5 x the smaller share). On 62 built mono calls
two people measured 0.17 to 0.84 and shared the windows 0.42 to 0.58 on average; one calm person
split in two 0.70 to 0.94 and unevenly on 56 channels, of which this takes none for two. Of fewer
windows than that any voice may be split evenly by chance."""

PURE_SHARE = 0.85
"""A track of the segmentation belongs to one voice when this share of it sounds like that voice;
otherwise it holds both, and is shared out moment by moment."""


MIN_ALONE_S = 0.3
"""A track that is heard alone for less than this is told by whom it overlaps: it is the other."""


@dataclass(frozen=True, slots=True)
class Diarization:
    """Speech per speaker, by anonymous labels.

    ``speakers`` keeps overlaps (two voices at once are both there); ``exclusive`` gives every
    moment to one voice, in overlaps to the one that it sounds most like: words are labelled by it.
    """

    speakers: dict[str, Spans]
    exclusive: dict[str, Spans]


@dataclass(frozen=True, slots=True)
class Segmentation:
    """Speaker activity in overlapping windows, as pyannote's segmentation models give it.

    Attributes
    ----------
    active : np.ndarray [shape=(windows, frames, tracks)], bool
        Who is active; the tracks of one window have nothing to do with those of another.
    starts_s : np.ndarray [shape=(windows,)]
    duration_s : float
        Length of a window.
    """

    active: np.ndarray
    starts_s: np.ndarray
    duration_s: float


def print_windows(speech: Sequence[Span]) -> list[Span]:
    """The windows to take voice prints of."""
    windows: list[Span] = []
    for span in speech:
        if span.duration_s < MIN_WINDOW_S:
            continue
        spare_s = max(0.0, span.duration_s - WINDOW_S)
        for start_s in np.linspace(0, spare_s, 1 + int(np.ceil(spare_s / HOP_S))):
            begin_s = span.start_s + float(start_s)
            windows.append(Span(begin_s, min(span.end_s, begin_s + WINDOW_S)))
    return windows


def diarize(
    speech: Spans, windows: Sequence[Span], prints: np.ndarray, segmentation: Segmentation
) -> Diarization:
    """Who speaks when; one speaker where both voices turn out to be the same.

    Parameters
    ----------
    speech : where anybody speaks
    windows, prints : voice prints [shape=(windows, dimension)] and where they were taken
    """
    voices = _voices(prints)
    if voices is None:
        return Diarization({"speaker_0": speech}, {"speaker_0": speech})
    lean = _lean(windows, _unit(prints) @ (voices[0] - voices[1]), _end_frame(speech))
    first, second = _share_out(segmentation, lean)
    nobody = ~(first | second)
    first |= nobody & (lean > 0)
    second |= nobody & (lean <= 0)
    return Diarization(
        {"speaker_0": _within(first, speech), "speaker_1": _within(second, speech)},
        {
            "speaker_0": _within(first & ~(second & (lean <= 0)), speech),
            "speaker_1": _within(second & ~(first & (lean > 0)), speech),
        },
    )


def _voices(prints: np.ndarray) -> np.ndarray | None:
    """Two voices [shape=(2, dimension)], unit length; None where there is only one."""
    from scipy.cluster.hierarchy import fcluster, linkage

    if len(prints) < 2 * MIN_VOICE_WINDOWS:
        return None
    prints = _unit(prints)
    tree = linkage(prints, method="average", metric="cosine")
    for count in range(2, MOST_CLUSTERS):
        clusters = fcluster(tree, count, criterion="maxclust")
        sizes = np.bincount(clusters)
        largest, second = np.argsort(-sizes, kind="stable")[:2]
        if sizes[second] >= max(MIN_VOICE_WINDOWS, MIN_VOICE_SHARE * len(prints)):
            break
    else:
        return None
    voices = _unit(np.stack([prints[clusters == c].mean(axis=0) for c in (largest, second)]))
    for _ in range(10):  # two-means on the sphere: outliers join the voice they are nearer to
        nearer = (prints @ voices.T).argmax(axis=1)
        if min(np.bincount(nearer, minlength=2)) < MIN_VOICE_WINDOWS:
            return None
        voices = _unit(np.stack([prints[nearer == v].mean(axis=0) for v in (0, 1)]))
    smaller = min((nearer == 0).mean(), (nearer == 1).mean())
    limit = SAME_VOICE_SIMILARITY
    if len(prints) >= EVEN_SPLIT_WINDOWS:
        limit = max(limit, EVEN_SPLIT_SIMILARITY + EVEN_SPLIT_SLOPE * smaller)
    return None if voices[0] @ voices[1] > limit else voices


def _lean(windows: Sequence[Span], difference: np.ndarray, frames: int) -> np.ndarray:
    """How much more each moment sounds like the first voice than like the second.

    Shape (frames,); windows count most in their middle, moments without one take the nearest.
    """
    total, weight = np.zeros(frames), np.zeros(frames)
    for window, value in zip(windows, difference, strict=True):
        start, end = round(window.start_s / FRAME_S), round(window.end_s / FRAME_S)
        shape = np.hanning(end - start + 2)[1:-1]
        total[start:end] += value * shape
        weight[start:end] += shape
    known = np.flatnonzero(weight)
    return np.interp(np.arange(frames), known, total[known] / weight[known])


def _share_out(segmentation: Segmentation, lean: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where each voice is active. Two arrays [shape=(frames,)], bool."""
    votes = np.zeros((2, len(lean)))
    windows = np.zeros(len(lean))
    per_window = round(segmentation.duration_s / FRAME_S)
    fine = np.arange(per_window) * segmentation.active.shape[1] // per_window
    for start_s, active in zip(segmentation.starts_s, segmentation.active, strict=True):
        start = round(float(start_s) / FRAME_S)
        if start >= len(lean):
            break  # after the last speech
        part = slice(start, min(len(lean), start + per_window))
        tracks = active[fine][: part.stop - start]  # shape: (frames of the window, tracks)
        windows[part] += 1
        votes[:, part] += _voices_of(tracks, lean[part] > 0)
    first, second = votes >= np.maximum(windows, 1) / 2
    return first, second


def _voices_of(tracks: np.ndarray, first_like: np.ndarray) -> np.ndarray:
    """Where each of the two voices is active in a window. Shape (2, frames), bool.

    Parameters
    ----------
    tracks : np.ndarray [shape=(frames, tracks)], bool
    first_like : np.ndarray [shape=(frames,)], bool
        Where the sound is more like the first voice.
    """
    alone = tracks.sum(axis=1) == 1
    both = tracks.sum(axis=1) > 1  # two voices at once are the two there are
    voices = np.stack([both, both])
    heard = [_heard(first_like[track & alone]) for track in tracks.T]
    for number, track in enumerate(tracks.T):
        voice = heard[number]
        if voice is None and (track & alone).sum() < MIN_ALONE_S / FRAME_S:
            partner = (tracks & track[:, None]).sum(axis=0)
            partner[number] = 0
            over = heard[int(partner.argmax())] if partner.any() else None
            voice = None if over is None else 1 - over
        if voice is None:  # it holds both voices, or too little of one
            voices |= (track & alone) & np.stack([first_like, ~first_like])
        else:
            voices[voice] |= track & alone
    return voices


def _heard(first_like: np.ndarray) -> int | None:
    """Which voice (0 or 1) a track's frames are; None where they are too few, or of both."""
    if len(first_like) < MIN_ALONE_S / FRAME_S:
        return None
    share = first_like.mean()
    if share >= PURE_SHARE:
        return 0
    return 1 if share <= 1 - PURE_SHARE else None


def _within(mask: np.ndarray, speech: Spans) -> Spans:
    """The spans of a mask, cut to where there is speech at all."""
    return intersection(from_mask(mask, FRAME_S), speech)


def _end_frame(speech: Spans) -> int:
    return round(speech[-1].end_s / FRAME_S) + 1


def _unit(prints: np.ndarray) -> np.ndarray:
    return np.asarray(prints / np.linalg.norm(prints, axis=-1, keepdims=True))
