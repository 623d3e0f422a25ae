"""Kappa and its interval: worked examples, degenerate answers, coverage by simulation."""

from collections.abc import Iterator, Sequence
from itertools import product

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from pipeline.review.agreement import ORDER, Agreement, agreement, kappa

MET, PARTIAL, MISSED = ORDER[:3]
TRIALS = 300
# Of 300 trials of an interval that holds the truth in 95 %, fewer than this do once in 10,000.
HELD_AT_LEAST = 0.895


def calls_of(table: Sequence[Sequence[int]]) -> list[list[tuple[str, str]]]:
    """One pair a call, so many of each as a table of counts says."""
    places = product(range(len(table)), repeat=2)
    return [[(ORDER[i], ORDER[j])] for i, j in places for _ in range(table[i][j])]


def test_gives_the_kappa_of_worked_examples() -> None:
    # D. Bonett, statpsych, ci.kappa(.05, 31, 12, 4, 58): kappa 0.6757, Wald interval 0.532 to
    # 0.820; its "intraclass kappa" of interchangeable raters is Scott's pi: 0.6737.
    bonett = calls_of([[31, 12], [4, 58]])
    assert agreement(bonett).kappa == pytest.approx(0.6756757, abs=1e-6)
    assert agreement(bonett, alike=True).kappa == pytest.approx(0.6736597, abs=1e-6)
    # Fleiss, Levin and Paik (2003), table 18.1: kappa 0.68, interval 0.51 to 0.85.
    fleiss = agreement(calls_of([[75, 1, 4], [5, 4, 1], [0, 0, 10]]))
    assert fleiss.kappa == pytest.approx(0.676, abs=5e-4)
    assert fleiss.raw == pytest.approx(0.89)
    # Many calls: ours comes to the published intervals, a little lower as few calls ask for.
    for found, low, high in ((agreement(bonett), 0.532, 0.820), (fleiss, 0.51, 0.85)):
        assert found.low == pytest.approx(low, abs=0.04)
        assert found.high == pytest.approx(high, abs=0.04)


def test_agrees_with_scikit_learn_on_many_answers() -> None:
    rng = np.random.default_rng(5)
    first = rng.integers(0, 5, 400)
    other = np.where(rng.random(400) < 0.6, first, rng.integers(0, 5, 400))
    pairs = [[(ORDER[a], ORDER[b])] for a, b in zip(first, other, strict=True)]
    assert agreement(pairs).kappa == pytest.approx(cohen_kappa_score(first, other))


def test_counts_what_differs() -> None:
    found = agreement([[(MET, MISSED), (MET, MET)], [(PARTIAL, MISSED)], []])
    assert (found.calls, found.pairs) == (2, 3)
    assert found.answers == (MET, PARTIAL, MISSED)
    assert found.table == ((1, 0, 1), (0, 0, 1), (0, 0, 0))
    between = agreement([[(MISSED, MET)], [(MET, MISSED)]], alike=True)
    assert between.table == ((0, 2), (0, 0))


def test_says_nothing_where_nothing_can_be_said() -> None:
    assert agreement([]) == Agreement(0, 0, (), (), None, None, None, None)
    same = agreement([[(MET, MET)]] * 50)
    assert (same.raw, same.kappa, same.low, same.high) == (1.0, None, None, None)


def test_does_not_take_few_equal_answers_for_proof() -> None:
    # Wald and bootstrap intervals are 1 to 1 here.
    few = agreement(calls_of([[3, 0], [0, 2]]))
    many = agreement(calls_of([[60, 0], [0, 40]]))
    assert few.kappa == many.kappa == few.high == 1.0
    assert few.low is not None
    assert many.low is not None
    assert few.low < 0.4 < 0.9 < many.low


def test_one_side_that_always_says_the_same_agrees_only_by_chance() -> None:
    found = agreement(calls_of([[40, 0], [5, 0]]))
    assert found.kappa == pytest.approx(0.0)
    assert found.high is not None
    assert found.high < 0.61


def test_gives_the_same_interval_in_whatever_order() -> None:
    calls = calls_of([[20, 3], [2, 9]])
    assert agreement(calls) == agreement(reversed(calls))


def test_two_readings_of_a_call_prove_less_than_readings_of_two() -> None:
    # Readers who always say the same of a call add nothing to one of them.
    once = agreement(calls_of([[12, 4], [3, 11]]))
    twice = agreement([pairs * 2 for pairs in calls_of([[12, 4], [3, 11]])])
    assert twice.kappa == once.kappa
    assert (twice.low, twice.high) == (once.low, once.high)


@pytest.mark.parametrize("calls", [30, 100])
@pytest.mark.parametrize("right", [0.5, 0.8, 0.95])
@pytest.mark.parametrize("shares", [(0.5, 0.5), (0.85, 0.05, 0.1)])
@pytest.mark.parametrize("alike", [False, True])
def test_interval_holds_the_true_kappa(
    calls: int, right: float, shares: tuple[float, ...], alike: bool
) -> None:
    """Two readers and a machine know the truth so often, and else guess by its shares."""
    truth = np.array(shares)
    says = right * np.eye(len(truth)) + (1 - right) * truth
    true_kappa = float(kappa(np.einsum("t,ti,tj->ij", truth, says, says)))
    rng = np.random.default_rng(7)
    held = surely_above = 0
    for _ in range(TRIALS):
        found = agreement(_simulated(rng, truth, right, calls, alike), alike=alike)
        low, high = (-1.0, 1.0) if found.low is None else (found.low, found.high or 0.0)
        held += low <= true_kappa <= high
        surely_above += low > true_kappa
    assert held / TRIALS >= HELD_AT_LEAST
    # What decides is the lower bound: above the truth in 2.5 %, and by chance in no more than this.
    assert surely_above / TRIALS <= 0.06


def _simulated(
    rng: np.random.Generator, truth: np.ndarray, right: float, calls: int, alike: bool
) -> Iterator[list[tuple[str, str]]]:
    def guess() -> np.ndarray:
        return rng.choice(len(truth), calls, p=truth)

    true = guess()
    said = [np.where(rng.random(calls) < right, true, guess()) for _ in range(3)]
    for first, other, machine in zip(*said, strict=True):
        a, b, m = ORDER[first], ORDER[other], ORDER[machine]
        yield [(a, b)] if alike else [(a, m), (b, m)]
