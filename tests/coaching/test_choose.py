from dataclasses import replace
from datetime import timedelta

import pytest

from pipeline.coaching.calls import MIN_COLLEAGUES, asked_of, figures_of, scored_calls
from pipeline.coaching.choose import focus_of, strengths_of
from pipeline.coaching.records import Figure, Share
from pipeline.coaching.session import target_of
from tests.coaching.world import NEWEST, fill, keep, places_with


def figure(criterion: str, share: float, to_gain: float, **given: object) -> Figure:
    made = Figure(
        criterion=criterion,
        title=criterion,
        weight=20.0,
        now=Share(40, share, share - 0.1, share + 0.1),
        before=Share(0),
        lost=20 * (1 - share),
        reachable=1.0,
        against="full",
        to_gain=to_gain,
        suggest_only=False,
    )
    return replace(made, **given)


EVERY = {"listen_first", "empathize", "apologize", "solve"}


def test_the_focus_is_where_most_can_be_gained():
    figures = [figure("listen_first", 0.2, 2.0), figure("empathize", 0.6, 5.0)]
    assert focus_of(figures, EVERY) == ("empathize",)


def test_a_second_focus_must_be_worth_half_of_the_first_and_a_third_there_is_not():
    figures = [
        figure("listen_first", 0.5, 3.0), figure("empathize", 0.5, 5.0),
        figure("apologize", 0.5, 4.0), figure("solve", 0.5, 2.0),
    ]  # fmt: skip
    assert focus_of(figures, EVERY) == ("empathize", "apologize")


def test_of_equal_gain_the_earlier_step_comes_first():
    figures = [figure("listen_first", 0.5, 3.0), figure("empathize", 0.5, 3.0)]
    assert focus_of(figures, EVERY) == ("listen_first", "empathize")


@pytest.mark.parametrize(
    "unfit",
    [
        figure("solve", 0.9, 0.9),
        figure("solve", 0.1, 9.0, suggest_only=True),
        figure("follow_up", 0.1, 9.0),
    ],
    ids=["too little", "only a suggestion", "nothing to show"],
)
def test_no_focus_is_made_of_what_is_small_unsure_or_cannot_be_shown(unfit):
    assert focus_of([unfit], EVERY) == ()


def test_strengths_are_reliable_and_no_focus_point():
    figures = [figure("listen_first", 0.95, 0.0), figure("empathize", 0.5, 5.0)]
    (strength,) = strengths_of(figures, [], [], ("empathize",))
    assert (strength.criterion, strength.why) == ("listen_first", "reliable")


def test_where_nothing_is_reliable_the_best_is_named():
    figures = [figure("listen_first", 0.3, 0.0), figure("empathize", 0.5, 0.0)]
    (strength,) = strengths_of(figures, [], [])
    assert (strength.criterion, strength.why) == ("empathize", "best")


def test_the_goal_is_what_the_better_quarter_reach_or_half_of_the_way():
    assert target_of(figure("solve", 0.5, 3.0, reachable=0.72, against="colleagues")) == 8
    assert target_of(figure("solve", 0.5, 3.0)) == 8
    assert target_of(figure("solve", 1.0, 0.0)) == 10


def test_what_became_surely_better_is_a_strength(store):
    missed, met = (places_with("apologize", answer) for answer in ("missed", "met"))
    fill(store, "ag-1", 40, newest=NEWEST - timedelta(weeks=4), places=missed)
    fill(store, "ag-1", 40, seed=2, places=met)
    with store.read() as session:
        middle = NEWEST - timedelta(weeks=4)
        before = scored_calls(session, "ag-1", None, middle)
        calls = scored_calls(session, "ag-1", middle + timedelta(seconds=1), None)
        asked = asked_of(session, calls)
        figures = figures_of(session, calls, before, asked, frozenset())
    strengths = {found.criterion: found.why for found in strengths_of(figures, calls, before)}
    assert strengths["apologize"] == "better"


def test_what_can_be_reached_is_what_the_better_quarter_of_the_colleagues_reach(store):
    fill(store, "ag-1", 12, places=places_with("apologize", "missed"))
    with store.read() as session:
        calls = scored_calls(session, "ag-1", None, None)
        alone = _apologize(session, calls)
    assert (alone.against, alone.reachable) == ("full", 1.0)
    for number in range(MIN_COLLEAGUES):
        answer = "met" if number < 2 else "missed"
        fill(store, f"ag-{number + 2}", 12, places=places_with("apologize", answer))
    with store.read() as session:
        among = _apologize(session, calls)
    assert among.against == "colleagues"
    assert 0.6 < among.reachable < 1.0
    assert among.to_gain < alone.to_gain


def test_nothing_said_to_an_abusive_customer_counts(store):
    met = places_with("apologize", "met")
    keep(store, met[0], "fine", NEWEST, agent_id="ag-1")
    with store.read() as session:
        (fine,) = scored_calls(session, "ag-1", None, None)
        abusive = replace(
            fine, flags=fine.flags | {"abusive_customer"}, answers={"apologize": "missed"}
        )
        assert _apologize(session, [abusive, fine]).now.share == 1.0


def _apologize(session, calls):
    figures = figures_of(session, calls, [], asked_of(session, calls), frozenset())
    return next(found for found in figures if found.criterion == "apologize")
