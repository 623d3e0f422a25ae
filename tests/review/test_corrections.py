"""What people change: the totals, the averages, the history."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from threading import Barrier, BrokenBarrierError

import pytest
from fastapi import HTTPException
from sqlalchemy import select

from pipeline.day_sums import answers_of, count_in, count_out, day_number
from pipeline.review.audit import read_log
from pipeline.review.corrections import (
    ReviewError,
    correct,
    decide,
    dispute,
    list_disputes,
    load_reviewed,
    regression_cases,
)
from pipeline.review.overview import overview
from pipeline.review_tables import AgentDayRow, StandingRow
from pipeline.rubric import RUBRICS_DIR
from pipeline.rubric_file import RubricFile
from pipeline.standing import stand
from pipeline.store import Store
from pipeline.yamlfile import read_yaml
from tests.review.conftest import JUDGING, TEAMS, add_people

DAYS = 7


def standing(store, number):
    with store.read() as session:
        return session.get_one(StandingRow, number)


def mean_of(store, person, **asked):
    with store.read() as session:
        return overview(session, person, 30, DAYS, **asked)


def settle(store, days=DAYS + 1):
    """Lets so many days pass since the calls were scored."""
    with store.write() as session:
        for row in session.scalars(select(StandingRow)):
            count_out(session, row)
            row.scored_at -= timedelta(days=days)
            count_in(session, row, None)


def test_a_correction_changes_the_score_and_keeps_the_machines_answer(store, people, keep):
    number = keep(score=100.0)  # listen_first met, solve cannot_tell
    assert standing(store, number).score == 100.0
    correct(store, number, "solve", "missed", "No solution was offered.", people.supervisor)
    changed = standing(store, number)
    assert (changed.score, changed.coverage, changed.corrected) == (50.0, 1.0, 1)
    assert answers_of(changed) == {"listen_first": "met", "solve": "missed"}
    with store.read() as session:
        reviewed = load_reviewed(session, number, people.admin)
    assert (reviewed.machine("solve"), reviewed.answer("solve")) == ("cannot_tell", "missed")
    (step,) = reviewed.history
    assert (step.person_name, step.before, step.answer) == ("supervisor", "cannot_tell", "missed")
    assert reviewed.result["criteria"][1]["answer"] == "cannot_tell"


def test_a_correction_stays_when_the_call_is_scored_again(store, people, keep):
    number = keep(score=100.0)
    correct(store, number, "solve", "missed", "No.", people.qa)
    assert keep(score=100.0) == number
    assert standing(store, number).score == 50.0


def test_every_average_follows(store, people, keep):
    numbers = [keep(f"c{n}", score=100.0) for n in range(3)]
    assert mean_of(store, people.admin).everything.mean == 100.0
    correct(store, numbers[0], "solve", "missed", "No.", people.qa)
    figures = mean_of(store, people.admin)
    assert figures.everything.mean == pytest.approx(250 / 3)
    (agent,) = figures.agents
    assert agent.answers["solve"].judged == 1
    assert agent.answers["solve"].share == 0.0
    assert agent.answers["listen_first"].share == 1.0


def test_two_people_at_once(store, people, keep):
    number = keep()
    correct(store, number, "solve", "met", "Refunded.", people.qa, seen="cannot_tell")
    with pytest.raises(ReviewError, match="meanwhile"):
        correct(store, number, "solve", "missed", "No.", people.admin, seen="cannot_tell")
    assert answers_of(standing(store, number))["solve"] == "met"


@pytest.mark.parametrize(
    ("criterion", "answer", "comment", "part"),
    [
        ("solve", "met", " ", "say why"),
        ("solve", "good", "x", "no answer"),
        ("solve", "cannot_tell", "x", "already"),
        ("nothing", "met", "x", "asks no such thing"),
        ("failed_by", "met", "x", "no answer"),
        ("solve", "met", "x" * 2001, "longer than"),
    ],
)
def test_what_cannot_be_corrected(store, people, keep, criterion, answer, comment, part):
    number = keep()
    with pytest.raises(ReviewError, match=part):
        correct(store, number, criterion, answer, comment, people.qa)
    assert standing(store, number).corrected == 0


def test_nobody_corrects_what_is_not_theirs_to_see(store, people, keep):
    number = keep(team="billing")
    with pytest.raises(HTTPException) as refused:
        correct(store, number, "solve", "met", "x", people.supervisor)
    assert refused.value.status_code == 404


def test_a_dispute_leaves_the_averages_until_it_is_decided(store, people, keep):
    disputed = keep("c1", score=100.0)
    keep("c2", score=0.0)
    dispute(store, disputed, "solve", "met", "I refunded it.", people.agent, DAYS)
    figures = mean_of(store, people.admin, provisional=True)
    assert (figures.everything.count, figures.everything.mean) == (1, 0.0)
    assert figures.provisional == 2
    (waiting,) = list_disputes(store, people.supervisor)
    assert (waiting.call, waiting.wanted, waiting.stands) == (disputed, "met", "cannot_tell")
    decide(store, disputed, "solve", "upheld", "Right.", people.supervisor)
    assert answers_of(standing(store, disputed))["solve"] == "met"
    assert mean_of(store, people.admin, provisional=True).everything.mean == 50.0
    assert list_disputes(store, people.supervisor) == []


def test_a_rejected_or_withdrawn_dispute_changes_nothing(store, people, keep):
    number = keep()
    dispute(store, number, "solve", "met", "I did.", people.agent, DAYS)
    decide(store, number, "solve", "rejected", "You did not.", people.qa)
    dispute(store, number, "listen_first", "missed", "Honestly, no.", people.agent, DAYS)
    decide(store, number, "listen_first", "withdrawn", "", people.agent)
    row = standing(store, number)
    assert (row.disputed, row.corrected) == (0, 0)
    assert answers_of(row) == {"listen_first": "met", "solve": "cannot_tell"}


def test_a_decision_is_final_until_the_call_is_scored_otherwise(store, people, keep):
    number = keep()
    dispute(store, number, "solve", "met", "I did.", people.agent, DAYS)
    decide(store, number, "solve", "rejected", "You did not.", people.qa)
    with pytest.raises(ReviewError, match="has decided"):
        dispute(store, number, "solve", "met", "I did!", people.agent, DAYS)
    changes = [(row.what, row.call_id) for row in read_log(store, call_id="c1")]
    assert changes == [("rejected solve", "c1"), ("disputed solve", "c1")]


def test_disputes_have_their_time(store, people, keep):
    number = keep()
    settle(store)
    with pytest.raises(ReviewError, match="are over"):
        dispute(store, number, "solve", "met", "x", people.agent, DAYS)


def test_averages_count_a_call_when_it_can_no_longer_be_disputed(store, people, keep):
    keep("old", score=100.0)
    settle(store)
    keep("new", score=0.0)
    figures = mean_of(store, people.admin)
    assert (figures.calls, figures.counted, figures.provisional) == (2, 1, 1)
    assert figures.everything.mean == 100.0
    assert mean_of(store, people.admin, provisional=True).everything.mean == 50.0


def test_on_its_last_day_a_call_is_still_provisional(store, people, keep):
    keep("c1")
    settle(store, DAYS)
    assert mean_of(store, people.admin).provisional == 1
    settle(store, 1)
    assert mean_of(store, people.admin).provisional == 0


def test_upheld_disputes_are_regression_cases(store, people, keep):
    number = keep()
    dispute(store, number, "solve", "met", "I refunded it.", people.agent, DAYS)
    assert list(regression_cases(store, people.qa)) == []
    decide(store, number, "solve", "upheld", "Right.", people.qa)
    (case,) = regression_cases(store, people.qa)
    assert case["labels"] == {"solve": "met"}
    assert case["machine"] == {"solve": "cannot_tell"}
    assert case["turns"] == [{"role": "agent", "text": "Hello", "start_s": 0.0, "end_s": 1.0}]


def rubric_file() -> RubricFile:
    return RubricFile.model_validate(read_yaml(RUBRICS_DIR / "leap.yaml").value)


def result(score, failed_by=None, flags=()):
    criteria = [
        {"id": "solve", "answer": "met", "points": 20.0, "max_points": 20.0, "confidence": 0.9},
        {"id": "composure", "answer": "missed", "points": 0.0, "max_points": 5.0, "confidence": 1},
    ]
    return {
        "criteria": criteria, "score": score, "uncapped_score": 80.0, "coverage": 1.0,
        "failed_by": failed_by, "flags": [{"id": flag} for flag in flags],
    }  # fmt: skip


def test_a_rule_that_failed_the_call_goes_on_to_do_so_unless_it_is_lifted():
    failed = result(0.0, "agent_insults_customer", ["low_score"])
    other = stand(failed, {"composure": "met"}, rubric_file())
    assert (other.score, other.uncapped_score, other.failed_by) == (
        0.0,
        100.0,
        "agent_insults_customer",
    )
    assert other.flags == ("low_score",)
    lifted = stand(failed, {"failed_by": "not_applicable"}, rubric_file())
    assert (lifted.score, lifted.failed_by, lifted.flags) == (80.0, None, ())


def failing(make_result, rule):
    """Stores a call that a rule failed, as often as asked."""
    card = make_result(score=0.0).scorecard
    return replace(make_result(), scorecard=replace(card, failed_by=rule, uncapped_score=100.0))


def test_that_one_rule_does_not_apply_says_nothing_of_another(store, people, make_result):
    def keep_failed(rule):
        made = failing(make_result, rule)
        store.keep_result(made, "ab" * 32, "/a", JUDGING, call_id_given=True)

    keep_failed("rude")
    correct(store, 1, "failed_by", "not_applicable", "Misheard.", people.qa)
    assert (standing(store, 1).score, standing(store, 1).failed_by) == (100.0, None)
    keep_failed("leak")
    assert (standing(store, 1).score, standing(store, 1).failed_by) == (0.0, "leak")
    keep_failed("rude")
    assert standing(store, 1).failed_by is None


def test_what_is_not_asked_any_more_is_not_disputed_any_more(store, people, make_result, keep):
    made = failing(make_result, "rude")
    owned = replace(made.facts.metadata, agent_id="ag-1", team="returns")
    made = replace(made, facts=replace(made.facts, metadata=owned))
    sha256 = b"c1".hex().ljust(64, "0")
    store.keep_result(made, sha256, "/calls/c1.wav", JUDGING, call_id_given=True)
    dispute(store, 1, "failed_by", "not_applicable", "I said no such thing.", people.agent, DAYS)
    assert standing(store, 1).disputed == 1
    assert keep("c1") == 1  # scored again: no rule fails it
    assert standing(store, 1).disputed == 0
    assert list_disputes(store, people.qa) == []


def test_writers_at_once_leave_the_sums_right(postgres_server, make_result, monkeypatch):
    """Two people correct answers of one call, both after they saw what stood before."""
    both_saw = Barrier(2, timeout=1.0)

    def load_and_wait(*given):
        loaded = load_reviewed(*given)
        with suppress(BrokenBarrierError):  # the other waits for us, as it should
            both_saw.wait()
        return loaded

    with Store(postgres_server.new_database()) as store:
        people = add_people(store)
        store.keep_result(make_result(), "ab" * 32, "/a", JUDGING, call_id_given=True)
        monkeypatch.setattr("pipeline.review.corrections.load_reviewed", load_and_wait)
        with ThreadPoolExecutor(2) as pool:
            for done in (
                pool.submit(correct, store, 1, "solve", "missed", "No.", people.qa),
                pool.submit(correct, store, 1, "listen_first", "partial", "So.", people.admin),
            ):
                done.result()
        _check_sums(store)
        assert standing(store, 1).corrected == 2
        assert standing(store, 1).score == 25.0


def test_a_low_score_is_flagged_when_corrections_made_it_low():
    assert stand(result(80.0), {"solve": "missed"}, rubric_file()).flags == ("low_score",)


def test_teams_of_the_tests_are_those_of_their_people(people):
    assert people.supervisor.teams[0] in TEAMS
    assert people.agent.agent_id == TEAMS["returns"]


@pytest.fixture(autouse=True)
def _sums_are_right(store: Store):
    """After each test the sums by day are those of the standings, counted anew."""
    yield
    _check_sums(store)


def _check_sums(store: Store):
    with store.read() as session:
        kept = {
            (row.agent_id, row.day, row.scored_day): (row.calls, row.disputed, row.score_sum)
            for row in session.scalars(select(AgentDayRow))
            if row.calls or row.disputed
        }
        calls: Counter[tuple[str, int, int]] = Counter()
        disputed: Counter[tuple[str, int, int]] = Counter()
        scores: Counter[tuple[str, int, int]] = Counter()
        for row in session.scalars(select(StandingRow)):
            key = (row.agent_id, day_number(row.at), day_number(row.scored_at))
            (disputed if row.disputed else calls)[key] += 1
            scores[key] += 0 if row.disputed else round((row.score or 0) * 10)
    assert kept == {key: (calls[key], disputed[key], scores[key]) for key in calls | disputed}
