"""Arithmetic on stretches of time. Lists are in order of time and do not overlap themselves."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

import numpy as np

from pipeline.records import Span

Spans = tuple[Span, ...]


def from_mask(mask: np.ndarray, frame_s: float) -> Spans:
    """The stretches where ``mask`` [shape=(frames,), bool] is true."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], mask, [False])).astype(np.int8)))
    return tuple(
        Span(round(float(start) * frame_s, 3), round(float(end) * frame_s, 3))
        for start, end in zip(edges[::2], edges[1::2], strict=True)
    )


def union(*lists: Sequence[Span]) -> Spans:
    """Time covered by any of the lists."""
    return close_gaps(tuple(sorted((s for spans in lists for s in spans), key=_start)), 0.0)


def close_gaps(spans: Sequence[Span], max_gap_s: float) -> Spans:
    """Join neighbours that are at most ``max_gap_s`` apart."""
    joined: list[Span] = []
    for span in spans:
        if joined and span.start_s - joined[-1].end_s <= max_gap_s:
            joined[-1] = Span(joined[-1].start_s, max(joined[-1].end_s, span.end_s))
        else:
            joined.append(span)
    return tuple(joined)


def drop_short(spans: Sequence[Span], min_s: float) -> Spans:
    """Without those shorter than ``min_s``."""
    return tuple(span for span in spans if span.duration_s >= min_s)


def intersection(spans: Sequence[Span], others: Sequence[Span]) -> Spans:
    """Time covered by both lists."""
    both: list[Span] = []
    i = j = 0
    while i < len(spans) and j < len(others):
        start = max(spans[i].start_s, others[j].start_s)
        end = min(spans[i].end_s, others[j].end_s)
        if start < end:
            both.append(Span(start, end))
        if spans[i].end_s < others[j].end_s:
            i += 1
        else:
            j += 1
    return tuple(both)


def gaps(spans: Sequence[Span], within: Span) -> Spans:
    """The time of ``within`` that ``spans`` leave free."""
    free: list[Span] = []
    at = within.start_s
    for span in spans:
        if span.start_s > at:
            free.append(Span(at, min(span.start_s, within.end_s)))
        at = max(at, span.end_s)
    if at < within.end_s:
        free.append(Span(at, within.end_s))
    return tuple(s for s in free if s.duration_s > 0)


def without(spans: Sequence[Span], others: Sequence[Span]) -> Spans:
    """The time of ``spans`` that ``others`` leave free."""
    return tuple(free for span in spans for free in gaps(touching(others, span), span))


def total_s(spans: Sequence[Span]) -> float:
    """Summed length."""
    return sum(span.duration_s for span in spans)


def overlap_s(span: Span, others: Sequence[Span]) -> float:
    """How much of ``span`` the others cover."""
    return total_s(intersection((span,), touching(others, span)))


def touching(spans: Sequence[Span], span: Span) -> Spans:
    """Those of ``spans`` that share time with ``span``."""
    first = bisect_right(spans, span.start_s, key=_end)
    last = bisect_left(spans, span.end_s, key=_start)
    return tuple(spans[first:last])


def _start(span: Span) -> float:
    return span.start_s


def _end(span: Span) -> float:
    return span.end_s


def clock(seconds: float | None) -> str:
    """Minutes and seconds as a player shows them: 1:05."""
    if seconds is None:
        return ""
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}:{rest:02}"
