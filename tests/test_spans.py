"""Arithmetic on stretches of time."""

import numpy as np
import pytest

from pipeline import spans
from pipeline.records import Span


def S(*pairs):
    return tuple(Span(a, b) for a, b in pairs)


def test_from_mask():
    mask = np.array([0, 1, 1, 0, 0, 1], dtype=bool)
    assert spans.from_mask(mask, 0.5) == S((0.5, 1.5), (2.5, 3.0))
    assert spans.from_mask(np.zeros(3, dtype=bool), 0.5) == ()


def test_close_gaps_joins_what_is_near():
    assert spans.close_gaps(S((0, 1), (1.2, 2), (3, 4)), 0.25) == S((0, 2), (3, 4))


def test_close_gaps_keeps_the_longer_end():
    assert spans.close_gaps(S((0, 5), (1, 2)), 0.0) == S((0, 5))


def test_union_and_intersection():
    a, b = S((0, 2), (5, 6)), S((1, 3), (5.5, 7))
    assert spans.union(a, b) == S((0, 3), (5, 7))
    assert spans.intersection(a, b) == S((1, 2), (5.5, 6))
    assert spans.intersection(a, ()) == ()


def test_gaps_are_what_is_left_free():
    assert spans.gaps(S((1, 2), (3, 4)), Span(0, 5)) == S((0, 1), (2, 3), (4, 5))
    assert spans.gaps((), Span(0, 5)) == S((0, 5))
    assert spans.gaps(S((0, 5)), Span(0, 5)) == ()


def test_without():
    assert spans.without(S((0, 4), (6, 8)), S((1, 2), (7, 9))) == S((0, 1), (2, 4), (6, 7))


@pytest.mark.parametrize("seed", range(5))
def test_parts_add_up(seed):
    rng = np.random.default_rng(seed)
    edges = np.sort(rng.uniform(0, 100, (2, 20)), axis=1)
    a, b = (S(*zip(e[::2], e[1::2], strict=True)) for e in edges)
    both = spans.total_s(spans.intersection(a, b))
    assert spans.total_s(spans.without(a, b)) + both == pytest.approx(spans.total_s(a))
    assert spans.total_s(spans.union(a, b)) == pytest.approx(
        spans.total_s(a) + spans.total_s(b) - both
    )
