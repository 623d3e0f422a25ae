import numpy as np
import pytest

from pipeline.coaching.records import Share
from pipeline.coaching.share import change_of, count, share_of


def test_only_judged_answers_are_counted():
    assert count(["met", "missed", "cannot_tell", "partial", "not_applicable", "met"]) == (1, 1, 2)


def test_nothing_judged_has_no_share():
    assert share_of((0, 0, 0)) == Share(0)


def test_half_points_count_half():
    assert share_of((1, 2, 1)).share == 0.5


def test_one_answer_leaves_nearly_everything_open():
    found = share_of((1, 0, 0))
    assert found.share == found.low == 0.0
    assert found.high is not None
    assert found.high > 0.7


@pytest.mark.parametrize("chances", [(0.1, 0.0, 0.9), (0.5, 0.2, 0.3), (0.3, 0.4, 0.3)])
@pytest.mark.parametrize("calls", [10, 30])
def test_the_interval_holds_the_truth_about_as_often_as_it_says(chances, calls):
    rng = np.random.default_rng(4)
    truth = chances @ np.array([0.0, 0.5, 1.0])
    drawn = [tuple(map(int, row)) for row in rng.multinomial(calls, chances, size=300)]
    found = [share_of(counts) for counts in drawn]
    held = np.mean([share.low <= truth <= share.high for share in found])
    assert held >= 0.9


def test_a_change_is_sure_only_with_enough_calls():
    low, high = change_of((6, 0, 4), (3, 0, 7))
    assert low < 0 < high
    low, _ = change_of((60, 0, 40), (30, 0, 70))
    assert low > 0
