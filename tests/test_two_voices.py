"""Telling two voices apart, on voice prints and segmentations made by hand."""

from itertools import pairwise

import numpy as np
import pytest

from pipeline import two_voices
from pipeline.records import Span
from pipeline.spans import total_s
from pipeline.two_voices import Segmentation, diarize, print_windows

ANN, BOB = np.eye(8)[0], np.eye(8)[1]
FRAMES = 500  # of a 10 s window


def prints_of(windows, who, seed=0):
    """A print a window: the voice that speaks most of it, a little blurred."""
    rng = np.random.default_rng(seed)
    found = []
    for window in windows:
        shares = [
            sum(max(0, min(window.end_s, e) - max(window.start_s, s)) for s, e in spans)
            for spans in who
        ]
        mixed = shares[0] * ANN + shares[1] * BOB
        found.append(mixed / np.linalg.norm(mixed) + rng.normal(0, 0.05, 8))
    return np.array(found)


def segmentation(who, duration_s, *, merged=False):
    """What a segmentation model would say; ``merged`` takes both voices for one."""
    starts = np.arange(0, max(0.1, duration_s - 7.5), 2.5)
    active = np.zeros((len(starts), FRAMES, 3), dtype=bool)
    for window, start in enumerate(starts):
        times = start + np.arange(FRAMES) * 10 / FRAMES
        for speaker, spans in enumerate(who):
            on = np.any([(times >= s) & (times < e) for s, e in spans], axis=0)
            active[window, :, 0 if merged else (speaker + window) % 2] |= on
    return Segmentation(active, starts, 10.0)


WHO = [[(0, 4), (9, 12), (18, 22)], [(4.4, 8.6), (12.3, 17.5)]]
SPEECH = tuple(Span(s, e) for s, e in sorted(WHO[0] + WHO[1]))


def run(who, speech, **kwargs):
    windows = print_windows(speech)
    return diarize(speech, windows, prints_of(windows, who), segmentation(who, 22, **kwargs))


def overlap(spans, truth):
    return sum(max(0, min(s.end_s, e) - max(s.start_s, b)) for s in spans for b, e in truth)


@pytest.mark.parametrize("merged", [False, True])
def test_who_speaks_when(merged):
    """Also where the segmentation takes both voices for one."""
    found = run(WHO, SPEECH, merged=merged)
    for truth in WHO:
        total = sum(e - b for b, e in truth)
        best = max(overlap(spans, truth) for spans in found.speakers.values())
        assert best > 0.95 * total
    assert sum(total_s(s) for s in found.speakers.values()) == pytest.approx(
        total_s(SPEECH), abs=0.5
    )


def test_overlaps_are_kept_for_both_and_words_for_one():
    who = [[(0, 5), (10, 15)], [(4, 9.5), (15.4, 20)]]
    found = run(who, (Span(0, 9.5), Span(10, 15), Span(15.4, 20)))
    spoken = sum(total_s(s) for s in found.speakers.values())
    once = sum(total_s(s) for s in found.exclusive.values())
    assert spoken - once == pytest.approx(1.0, abs=0.4)
    assert once == pytest.approx(9.5 + 5 + 4.6, abs=0.2)


def test_a_word_inside_the_others_speech_is_told_by_whom_it_overlaps():
    """It is never heard alone, and the prints hear only the one who goes on."""
    who = [[(0, 7), (12.5, 16)], [(3, 3.6), (7.5, 12), (16.5, 20)]]
    speech = (Span(0, 7), Span(7.5, 12), Span(12.5, 16), Span(16.5, 20))
    found = run(who, speech)
    for truth in who:
        best = max(overlap(spans, truth) for spans in found.speakers.values())
        assert best == pytest.approx(sum(e - b for b, e in truth), abs=0.3)


@pytest.mark.parametrize(
    ("share", "count", "speakers"), [(0.5, 40, 2), (0.15, 40, 1), (0.5, 12, 1)]
)
def test_similar_voices_are_two_where_they_share_a_long_call_evenly(share, count, speakers):
    similar = 0.8
    other = similar * ANN + np.sqrt(1 - similar**2) * BOB
    rng = np.random.default_rng(3)
    prints = np.array(
        [(other if n < share * count else ANN) + rng.normal(0, 0.03, 8) for n in range(count)]
    )
    assert (two_voices._voices(prints) is None) is (speakers == 1)


def test_one_voice_is_one_speaker():
    found = run([WHO[0] + WHO[1], []], SPEECH)
    assert list(found.speakers) == ["speaker_0"]
    assert found.exclusive == found.speakers


def test_too_little_speech_is_one_speaker():
    assert len(run([[(0, 1)], [(2, 3)]], (Span(0, 1), Span(2, 3))).speakers) == 1


@pytest.mark.parametrize("tail_s", [0, 8, 40])
def test_a_line_left_open_changes_nothing(tail_s):
    windows = print_windows(SPEECH)
    prints = prints_of(windows, WHO)
    found = diarize(SPEECH, windows, prints, segmentation(WHO, 22 + tail_s))
    assert found == diarize(SPEECH, windows, prints, segmentation(WHO, 22))


def test_windows_cover_the_speech():
    windows = print_windows((Span(0, 0.3), Span(1, 2), Span(5, 10)))
    assert windows[0] == Span(1, 2)
    assert windows[1].start_s == 5
    assert windows[-1].end_s == 10
    assert all(b.start_s - a.start_s <= 0.76 for a, b in pairwise(windows[1:]))
