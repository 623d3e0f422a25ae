"""Figures of agents and teams, held against the same worked out by hand."""

import json
from datetime import date
from statistics import mean, stdev

import pytest
from scipy.stats import t as student_t
from sqlalchemy import select

from pipeline.review.charts import interval_chart, trend_chart
from pipeline.review.night import last_night
from pipeline.review.overview import MIN_CALLS, Mean, overview
from pipeline.tables import BatchRow, ResultRow


def figures(store, person, days=30, **asked):
    with store.read() as session:
        return overview(session, person, days, 7, **asked)


def test_a_mean_with_its_interval():
    values = [62.5, 80.0, 91.3, 40.0]
    found = Mean.of(4, sum(values), sum(v * v for v in values), (0, 100))
    half = student_t.ppf(0.975, 3) * stdev(values) / 2
    assert found.mean == pytest.approx(mean(values))
    assert found.low == pytest.approx(mean(values) - half)
    assert found.high == 100.0  # no score lies beyond
    assert Mean.of(1, 50.0, 2500.0, (0, 100)) == Mean(1, 50.0)
    assert Mean.of(0, 0, 0, (0, 100)) == Mean(0)


def test_agents_are_told_apart_only_where_their_intervals_do_not_touch(store, people, keep):
    for n in range(MIN_CALLS):
        keep(f"a{n}", score=90.0 + n % 2, agent_id="good")
        keep(f"b{n}", score=10.0 + n % 2, agent_id="poor")
        keep(f"c{n}", score=90.5 - n % 3, agent_id="like good")
        keep(f"d{n}", score=0.0, agent_id="few") if n < MIN_CALLS - 1 else None
    agents = {agent.id: agent for agent in figures(store, people.admin).agents}
    assert {name: (a.above, a.below) for name, a in agents.items()} == {
        "good": (1, 0),
        "like good": (1, 0),
        "poor": (0, 2),
        "few": (0, 0),
    }
    assert not agents["few"].score.enough
    assert list(agents) == sorted(agents)


def test_weeks_and_the_period(store, people, keep):
    keep("c1", score=50.0, started_at="2026-05-04T10:00:00Z")  # a Monday
    keep("c2", score=70.0, started_at="2026-05-10T23:59:00Z")  # the Sunday of that week
    keep("c3", score=90.0, started_at="2026-05-11T00:00:00Z")
    keep("c4", score=10.0, started_at="2026-04-01T10:00:00Z")
    found = figures(store, people.admin, days=30)
    assert (found.since, found.until) == (date(2026, 4, 12), date(2026, 5, 11))
    assert [(week, mean.mean) for week, mean in found.trend] == [
        (date(2026, 5, 4), 60.0),
        (date(2026, 5, 11), 90.0),
    ]
    assert figures(store, people.admin, days=60).calls == 4


def test_everybody_sees_figures_of_their_own_calls_only(store, people, keep):
    keep("mine", score=90.0)
    keep("theirs", score=10.0, team="billing")
    seen = {person.role: figures(store, person).everything.mean for person in people}
    assert seen == {"admin": 50.0, "qa": 50.0, "supervisor": 90.0, "agent": 90.0}
    assert [team.id for team in figures(store, people.supervisor).teams] == ["returns"]


def test_a_wrong_clock_hides_nothing_and_can_be_put_right(store, people, keep):
    keep("c1", score=90.0, started_at="2026-05-04T10:00:00Z")
    keep("c2", score=10.0, started_at="2135-01-01T10:00:00Z")
    found = figures(store, people.admin, days=366)
    assert (found.calls, found.everything.mean) == (1, 90.0)
    keep("c2", score=10.0, started_at="2026-05-04T11:00:00Z")
    assert figures(store, people.admin).everything.mean == 50.0
    keep("c3", score=10.0, started_at="0001-01-01T10:00:00Z", agent_id="old")
    assert figures(store, people.admin, agent="old").calls == 1


def test_calls_of_nobody_are_compared_with_nobody(store, people, keep):
    for n in range(MIN_CALLS):
        keep(f"a{n}", score=90.0 + n % 2, agent_id="good")
        keep(f"b{n}", score=10.0 + n % 2, agent_id="unknown")
    assert {(a.above, a.below) for a in figures(store, people.admin).agents} == {(0, 0)}


def test_a_run_by_hand_is_not_last_night(store, people):
    night = store.start_batch("nightly")
    with store.write() as session:
        session.get_one(BatchRow, night).scope = "calls/"
    store.keep_outcome(night, "/a", "failed", "silent")
    store.start_batch("by hand")
    found = last_night(store, people.admin)
    assert (found.batch, found.nightly) == (night, True)


@pytest.mark.usefixtures("people")
def test_a_page_of_an_older_result(store, signed_in, keep):
    """The first versions told less of an interruption, and asked for no second opinion."""
    number = keep("c1")
    with store.write() as session:
        row = session.scalars(select(ResultRow)).one()
        result = json.loads(row.result_json)
        for name in ("second_opinion", "interruption_counts", "escalation"):
            del result[name]
        told = {"by": "agent", "start_s": 0.1, "end_s": 0.9, "kind": "competitive", "at_s": 0.1}
        row.result_json = json.dumps(result | {"interruptions": [told]})
    assert signed_in("qa").get(f"/calls/{number}").status_code == 200


def test_nothing_scored_yet(store, people):
    found = figures(store, people.admin)
    assert (found.calls, found.everything, found.agents) == (0, Mean(0), ())
    assert last_night(store, people.admin) is None


def test_charts_show_what_there_is(store, people, keep):
    for n in range(MIN_CALLS):
        keep(f"a{n}", score=80.0 + n % 3, agent_id="ag <b>", agent_name="Ann & <b>Bob</b>")
    found = figures(store, people.admin)
    for theme in ("light", "dark"):
        for width in ("wide", "narrow"):
            image = interval_chart(found.agents, theme, width).decode()
            assert "Ann &amp; " in image
            assert "<b>" not in image
            assert "Mean score" in trend_chart(found.trend, theme, width).decode()
    assert b"<svg" in trend_chart((), "light", "wide")
    assert b"<svg" in interval_chart((), "light", "wide")


def test_last_night_shows_the_worst_first_and_only_what_is_ones_own(
    store, people, make_result, keep
):
    from tests.review.conftest import JUDGING

    keep("before", score=1.0)
    batch = store.start_batch("test")
    for name, score, team in (("c1", 70.0, "returns"), ("c2", 20.0, "returns"), ("c3", 5.0, "x")):
        result = make_result(name, score=score, team=team, flags=("asks_manager",))
        sha256 = name.encode().hex().ljust(64, "0")
        store.keep_scored(
            batch, f"/{name}", result, sha256, JUDGING, call_id_given=True, took_s=1.0
        )
    store.keep_outcome(batch, "/bad", "failed", "/bad: not audio")
    everything = last_night(store, people.admin)
    assert [call.call_id for call in everything.worst] == ["c3", "c2", "c1"]
    assert everything.status.counts == {"scored": 3, "failed": 1}
    own = last_night(store, people.supervisor)
    assert ([call.call_id for call in own.worst], own.calls) == (["c2", "c1"], 2)
    assert own.status is None
