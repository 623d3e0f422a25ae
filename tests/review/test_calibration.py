"""Drawing calls, reading them blind, and what the readings say of the machine."""

import inspect
import re
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from typing import Any

import numpy as np
import pytest
from fastapi import HTTPException
from fastapi.testclient import TestClient
from playwright.sync_api import Page
from sqlalchemy import event, select

from pipeline.criteria import JUDGES
from pipeline.records import CallResult
from pipeline.review.calibration import (
    WHOLE_JUDGES,
    CalibrationError,
    compare,
    keep_reading,
    list_samples,
    load_sheet,
)
from pipeline.review.people import Person, accept, add_person, invite
from pipeline.review.sampling import DrawError, draw, draw_calls, risk
from pipeline.review.trust import MIN_CALLS, agreement_figures, suggest_only
from pipeline.review_tables import ReadingRow, SampleRow, StandingRow
from pipeline.rubric import load_rubric
from pipeline.store import Store
from pipeline.tables import AnswerRow, ResultRow, utc_now
from tests.review.conftest import JUDGING, PASSWORD, TEAMS, LiveSite, People, add_people

ANSWERS = {"listen_first": "missed", "solve": "met"}
"""Of a reader of a call that ``keep`` makes, for which the machine says met and cannot_tell."""


def add_reader(store: Store, name: str) -> Person:
    person = add_person(store, name, "qa")
    return accept(store, invite(store, person.id), PASSWORD)


@pytest.fixture
def other(store: Store) -> Person:
    """A second person of QA."""
    return add_reader(store, "qa2")


@pytest.fixture
def sample(store: Store, keep: Callable[..., int], people: People) -> int:
    """A drawn call of the team of the supervisor and the agent."""
    keep("c1", score=47.0)
    draw_calls(store, "random", 1, 30, people.qa, seed=1)
    with store.read() as session:
        return session.scalars(select(SampleRow.id)).one()


def samples(store: Store) -> dict[int, SampleRow]:
    with store.read() as session:
        return {row.call: row for row in session.scalars(select(SampleRow))}


def add_readings(
    store: Store,
    people: People,
    pairs: list[tuple[str, str]],
    criterion: str = "solve",
    rubric: str = "leap 1",
    **drawn: float | None,
) -> None:
    """One drawn call a pair: what a reader and the machine answered."""
    drawn = drawn or {"random_chance": 0.1}
    with store.write() as session:
        taken = set(session.scalars(select(SampleRow.call)))
        free = [c for c in session.scalars(select(StandingRow.call)) if c not in taken]
        for call, (answer, machine) in zip(free, pairs, strict=False):
            row = SampleRow(call=call, drawn_at=utc_now(), **drawn)
            session.add(row)
            session.flush()
            session.add(
                ReadingRow(
                    sample=row.id,
                    person=people.qa.id,
                    criterion=criterion,
                    answer=answer,
                    machine=machine,
                    rubric=rubric,
                    at=utc_now(),
                )
            )


# Drawing


def test_draws_each_with_exactly_the_chance_that_it_says() -> None:
    weights = np.array([1.0, 1.0, 2.0, 3.0, 40.0])
    rng = np.random.default_rng(1)
    times = Counter[int]()
    for _ in range(8000):
        picked, chances = draw(weights, 3, rng)
        assert len(set(picked)) == 3
        times.update(picked)
    # The last would be drawn more often than once: it is certain, the others share what is left.
    assert chances == pytest.approx([2 / 7, 2 / 7, 4 / 7, 6 / 7, 1.0])
    assert [times[i] / 8000 for i in range(5)] == pytest.approx(chances, abs=0.02)


def test_a_draw_with_the_same_seed_is_the_same() -> None:
    weights = np.arange(1.0, 101.0)
    again = [draw(weights, 10, np.random.default_rng(4))[0] for _ in range(2)]
    assert again[0] == again[1]
    assert draw(weights, 10, np.random.default_rng(5))[0] != again[0]


def test_draws_all_where_fewer_are_there_than_asked_for() -> None:
    picked, chances = draw(np.ones(3), 9, np.random.default_rng(1))
    assert sorted(picked) == [0, 1, 2]
    assert list(chances) == [1.0, 1.0, 1.0]


def test_a_call_with_more_to_find_in_it_is_riskier() -> None:
    plain = risk(coverage=1.0, flags=0, failed=False, score=90.0, unsure=0)
    assert plain == 1.0
    assert risk(coverage=0.5, flags=0, failed=False, score=90.0, unsure=0) == plain + 2
    assert risk(coverage=1.0, flags=2, failed=True, score=None, unsure=3) == plain + 6
    assert risk(coverage=1.0, flags=0, failed=False, score=58.0, unsure=0) == plain + 1


def test_random_and_risk_weighted_draws_are_kept_apart(
    store: Store, keep: Callable[..., int], people: People
) -> None:
    risky = {keep(f"risky-{i}", score=60.0) for i in range(5)}
    plain = {keep(f"plain-{i}", score=95.0) for i in range(15)}
    by_risk = draw_calls(store, "risk", 6, 30, people.qa, seed=3)
    assert (by_risk.calls, by_risk.population) == (6, 20)
    drawn = samples(store)
    chance = {call in risky: row.risk_chance for call, row in drawn.items()}
    # Half of the points of either are not judged: 3 points against 4 of a score near the threshold.
    assert chance[True] == pytest.approx(6 * 4 / (5 * 4 + 15 * 3))
    assert all(row.random_chance is None for row in drawn.values())
    # What was drawn by risk is still there to be drawn at random, and then counts as both.
    at_random = draw_calls(store, "random", 20, 30, people.qa, seed=3)
    assert at_random.population == 20
    again = samples(store)
    assert set(again) == risky | plain
    assert all(row.random_chance == 1.0 for row in again.values())
    assert {call for call, row in again.items() if row.risk_chance is not None} == set(drawn)
    for how in ("random", "risk"):
        with pytest.raises(DrawError, match="drawn already"):
            draw_calls(store, how, 1, 30, people.qa)


def test_draws_from_the_days_asked_for_and_from_what_the_person_may_see(
    store: Store, keep: Callable[..., int], people: People
) -> None:
    keep("old", started_at="2026-03-01T10:00:00+00:00")
    new = keep("new", started_at="2026-05-20T10:00:00+00:00")
    keep("theirs", team="billing", started_at="2026-05-20T10:00:00+00:00")
    assert draw_calls(store, "random", 9, 30, people.supervisor).population == 1
    assert set(samples(store)) == {new}


@pytest.mark.parametrize("how", ["random", "risk"])
def test_draws_on_either_database(
    database_url: str, make_result: Callable[..., CallResult], how: Any
) -> None:
    with Store(database_url) as store:
        people = add_people(store)
        for n in range(8):
            result = make_result(f"c{n}", agent_id="ag-1", team="returns")
            store.keep_result(result, f"{n:064}", f"/{n}.wav", JUDGING, call_id_given=True)
        assert draw_calls(store, how, 3, 30, people.qa, seed=1).calls == 3
        with store.read() as session:
            waiting = list_samples(session, people.supervisor, "open")
        number = waiting.calls[0].number
        keep_reading(store, number, ANSWERS, people.supervisor)
        keep_reading(store, number, ANSWERS, people.qa)
        with store.read() as session:
            read = list_samples(session, people.admin, "read")
            assert (read.total, read.calls[0].readings, read.calls[0].mine) == (1, 2, False)
            assert list_samples(session, people.admin, "open").total == 2
            assert agreement_figures(session, people.supervisor, how).read_twice == 1
            assert suggest_only(session) == frozenset()


# Reading


def test_reads_without_the_answers_of_anybody(
    signed_in: Callable[..., TestClient], store: Store, sample: int, people: People
) -> None:
    keep_reading(store, sample, ANSWERS, people.supervisor)
    client = signed_in("qa")
    shown = client.get(f"/calibration/{sample}").text
    assert "Hello" in shown
    assert shown.count('type="radio"') == 2 * 5
    assert 'value="met" checked' not in shown
    words = re.sub(r"<[^>]+>", " ", shown.partition("<main")[2])  # not its times and tokens
    for told in ("47.0", "Asked.", "Unclear.", "supervisor"):
        assert told not in words
    given = client.get(f"/api/calibration/{sample}").json()
    assert set(given) == {
        "number", "call", "call_id", "queue", "at", "duration_s", "rubric", "questions", "turns",
    }  # fmt: skip
    assert given["rubric"] == "leap 1"
    assert [q["criterion"] for q in given["questions"]] == ["listen_first", "solve"]
    assert client.get(f"/api/calibration/{sample}/answers").status_code == 400


def test_a_reading_is_kept_with_the_machines_answers_and_not_changed(
    signed_in: Callable[..., TestClient], store: Store, sample: int
) -> None:
    client = signed_in("qa")
    form = {f"answer.{criterion}": answer for criterion, answer in ANSWERS.items()}
    page = client.post(f"/calibration/{sample}", data=form)
    assert page.status_code == 200
    assert "differ" in page.text
    with store.read() as session:
        rows = session.scalars(select(ReadingRow).order_by(ReadingRow.id)).all()
        assert [(r.criterion, r.answer, r.machine, r.rubric) for r in rows] == [
            ("listen_first", "missed", "met", "leap 1"),
            ("solve", "met", "cannot_tell", "leap 1"),
        ]
    changed = client.post(f"/api/calibration/{sample}", json={"answers": ANSWERS})
    assert changed.status_code == 400
    assert "already" in changed.json()["detail"]


def test_two_people_read_a_call_and_then_all_see_both(
    store: Store, sample: int, people: People, other: Person
) -> None:
    keep_reading(store, sample, ANSWERS, people.qa)
    with store.read() as session, pytest.raises(CalibrationError, match="yourself first"):
        compare(session, sample, other)
    keep_reading(store, sample, {"listen_first": "met", "solve": "met"}, other)
    with pytest.raises(CalibrationError, match="both"):
        keep_reading(store, sample, ANSWERS, people.admin)
    with store.read() as session:
        found = compare(session, sample, people.admin)
    assert found.complete
    assert found.readers == ("qa", "qa2")
    assert found.answers == {"listen_first": ("missed", "met"), "solve": ("met", "met")}
    assert found.machine == {"listen_first": "met", "solve": "cannot_tell"}


@pytest.mark.parametrize(
    "answers",
    [
        {"listen_first": "met"},
        ANSWERS | {"empathize": "met"},
        ANSWERS | {"solve": "perhaps"},
        {},
    ],
)
def test_takes_no_reading_that_is_not_whole(
    signed_in: Callable[..., TestClient], store: Store, sample: int, answers: dict[str, str]
) -> None:
    sent = signed_in("qa").post(f"/api/calibration/{sample}", json={"answers": answers})
    assert sent.status_code == 400
    with store.read() as session:
        assert session.scalars(select(ReadingRow)).all() == []


def test_who_has_opened_the_score_card_reads_it_no_more(
    signed_in: Callable[..., TestClient], store: Store, sample: int
) -> None:
    client = signed_in("qa")
    assert client.get(f"/calibration/{sample}").status_code == 200  # does not unblind
    assert client.get(f"/calibration/{sample}").status_code == 200
    call = next(iter(samples(store)))
    assert client.get(f"/calls/{call}").status_code == 200
    refused = client.post(f"/api/calibration/{sample}", json={"answers": ANSWERS})
    assert refused.status_code == 400
    assert "cannot read it blind" in refused.json()["detail"]
    assert "you have seen its score card" in client.get("/calibration").text
    assert signed_in("admin").get(f"/calibration/{sample}").status_code == 200


def test_a_form_sent_twice_at_once_is_one_reading(
    store: Store, sample: int, people: People
) -> None:
    def read(_: int) -> bool:
        try:
            keep_reading(store, sample, ANSWERS, people.qa)
        except CalibrationError:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(read, range(4))) == 1


def test_asks_with_the_titles_and_answers_of_the_rubric(
    store: Store, sample: int, people: People
) -> None:
    store.keep_rubric("rubric-1", load_rubric("leap").files)
    with store.write() as session:
        result = session.scalars(select(ResultRow.id)).one()
        session.add(
            AnswerRow(
                result=result,
                criterion="composure",
                answer="met",
                points=5.0,
                max_points=5.0,
                confidence=0.9,
            )
        )
    with store.read() as session:
        questions = {q.criterion: q for q in load_sheet(session, sample, people.qa).questions}
    assert questions["composure"].title == "Stayed composed"
    assert "partial" in questions["solve"].answers
    assert "partial" not in questions["composure"].answers


def test_judges_without_a_half_are_those_that_never_give_one() -> None:
    whole = {
        name
        for name, judge in JUDGES.items()
        if '"partial"' not in inspect.getsource(inspect.getmodule(judge.decide) or judge.decide)
    }
    assert whole == WHOLE_JUDGES


# Who may


def test_nobody_reads_or_draws_what_is_not_theirs(
    signed_in: Callable[..., TestClient],
    store: Store,
    keep: Callable[..., int],
    people: People,
) -> None:
    keep("c1", team="billing")
    draw_calls(store, "random", 1, 30, people.qa)
    with store.read() as session:
        number = session.scalars(select(SampleRow.id)).one()
    supervisor, agent = signed_in("supervisor"), signed_in("agent")
    body = {"how": "random", "count": 1}
    for path, (client, status) in product(
        (f"/api/calibration/{number}", f"/api/calibration/{number}/answers", "/calibration/999"),
        ((supervisor, 404), (agent, 403)),
    ):
        assert client.get(path).status_code == status
    sent = supervisor.post(f"/api/calibration/{number}", json={"answers": ANSWERS})
    assert sent.status_code == 404
    assert supervisor.get("/api/calibration").json() == {"calls": [], "total": 0}
    assert supervisor.get("/api/calibration/agreement").json()["drawn"] == 0
    assert supervisor.post("/api/calibration/draw", json=body).status_code == 403
    assert agent.get("/calibration").status_code == 403
    with store.read() as session, pytest.raises(HTTPException):
        load_sheet(session, number, people.supervisor)


@pytest.mark.usefixtures("people")
def test_draws_by_form_and_by_api(
    signed_in: Callable[..., TestClient], keep: Callable[..., int]
) -> None:
    for n in range(4):
        keep(f"c{n}")
    client = signed_in("qa")
    page = client.post("/calibration/draw", data={"how": "risk", "count": "2", "days": "7"})
    assert "Drawn: 2 of 4 calls" in page.text
    drawn = client.post("/api/calibration/draw", json={"how": "random", "count": 3})
    assert (drawn.json()["calls"], drawn.json()["population"]) == (3, 4)
    assert 3 <= client.get("/api/calibration").json()["total"] <= 4
    for wrong in ({"how": "best", "count": 1}, {"how": "risk", "count": 0}, {"how": "risk"}):
        assert client.post("/api/calibration/draw", json=wrong).status_code == 422
    assert client.get("/api/calibration/99999999999").status_code == 422


# Agreement


@pytest.fixture
def many(keep: Callable[..., int]) -> None:
    for number, team in zip(range(2 * MIN_CALLS + 20), [*TEAMS] * 100, strict=False):
        keep(f"c{number}", team=team)


@pytest.mark.usefixtures("many")
def test_marks_what_agrees_too_little_and_nothing_that_is_not_known(
    store: Store, people: People
) -> None:
    good = [("met", "met"), ("missed", "missed")] * (MIN_CALLS // 2)
    with store.read() as session:
        assert suggest_only(session) == frozenset()
    add_readings(store, people, good, "solve")
    with store.read() as session:
        assert suggest_only(session) == frozenset()
        figures = agreement_figures(session, people.qa)
    assert [(c.criterion, c.state) for c in figures.criteria] == [("solve", "relied on")]
    assert (figures.drawn, figures.read, figures.read_twice) == (MIN_CALLS, MIN_CALLS, 0)
    doubtful = [*good[4:], ("met", "missed")] * 2
    add_readings(store, people, doubtful[: MIN_CALLS - 1], "empathize")
    with store.read() as session:
        assert suggest_only(session) == frozenset()  # one too few
    add_readings(store, people, [("missed", "met")] * 2, "empathize")
    with store.read() as session:
        assert suggest_only(session) == frozenset({"empathize"})
        assert suggest_only(session, "leap 1") == frozenset({"empathize"})
        assert suggest_only(session, "leap 2") == frozenset()


@pytest.mark.usefixtures("many")
def test_risky_calls_decide_nothing(store: Store, people: People) -> None:
    add_readings(store, people, [("met", "missed"), ("missed", "met")] * 20, risk_chance=0.5)
    with store.read() as session:
        assert suggest_only(session) == frozenset()
        assert agreement_figures(session, people.qa).criteria == ()
        (found,) = agreement_figures(session, people.qa, "risk").criteria
    assert found.state is None
    assert found.machine.kappa == pytest.approx(-1.0)


@pytest.mark.usefixtures("many")
def test_one_and_the_same_answer_is_not_known(store: Store, people: People) -> None:
    add_readings(store, people, [("met", "met")] * (MIN_CALLS + 5))
    with store.read() as session:
        (found,) = agreement_figures(session, people.qa).criteria
        assert suggest_only(session) == frozenset()
    assert (found.state, found.machine.raw, found.machine.kappa) == ("unknown", 1.0, None)


@pytest.mark.usefixtures("many")
def test_another_version_of_the_rubric_is_judged_anew(store: Store, people: People) -> None:
    bad = [("met", "missed"), ("missed", "met")] * (MIN_CALLS // 2)
    add_readings(store, people, bad, rubric="leap 1")
    add_readings(store, people, [("met", "met")] * 3, rubric="leap 2")
    with store.read() as session:
        figures = agreement_figures(session, people.qa)
        assert (figures.rubric, figures.rubrics) == ("leap 2", ("leap 2", "leap 1"))
        assert figures.criteria[0].machine.calls == 3
        assert suggest_only(session) == frozenset()
        assert suggest_only(session, "leap 1") == frozenset({"solve"})
        assert agreement_figures(session, people.qa, rubric="no such").criteria == ()


@pytest.mark.usefixtures("many")
def test_people_see_the_agreement_on_their_own_calls(store: Store, people: People) -> None:
    add_readings(store, people, [("met", "met"), ("met", "missed")] * 10)
    with store.read() as session:
        (found,) = agreement_figures(session, people.supervisor).criteria
    assert found.machine.calls == 10


@pytest.mark.usefixtures("many")
def test_asks_the_database_little_as_long_as_nobody_reads(store: Store, people: People) -> None:
    add_readings(store, people, [("met", "missed"), ("missed", "met")] * MIN_CALLS)
    statements: list[str] = []
    with store.read() as session:
        assert suggest_only(session) == frozenset({"solve"})

        def note(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
            statements.append(statement)

        event.listen(session.get_bind(), "before_cursor_execute", note)
        assert suggest_only(session) == frozenset({"solve"})
        event.remove(session.get_bind(), "before_cursor_execute", note)
    assert len(statements) == 3
    assert all("count(" in statement or "max(" in statement for statement in statements)


@pytest.mark.usefixtures("many")
def test_pages_show_the_figures_and_the_mark(
    signed_in: Callable[..., TestClient], store: Store, people: People
) -> None:
    client = signed_in("qa")
    assert "No call that was drawn so is read yet" in client.get("/calibration/agreement").text
    call = next(iter(_calls(store)))
    assert "suggest only</span>" not in client.get(f"/calls/{call}").text
    add_readings(store, people, [("met", "missed"), ("missed", "met")] * MIN_CALLS)
    page = client.get("/calibration/agreement").text
    assert "suggest only</span>" in page
    assert "at random" in page
    assert "no picture of all calls" in client.get("/calibration/agreement?how=risk").text
    assert client.get(f"/calls/{call}").text.count("suggest only</span>") == 1
    told = client.get("/api/calibration/agreement").json()
    assert told["criteria"][0]["state"] == "suggest only"
    assert told["criteria"][0]["machine"]["table"] == [[0, MIN_CALLS], [MIN_CALLS, 0]]


def _calls(store: Store) -> Iterator[int]:
    with store.read() as session:
        yield from session.scalars(select(StandingRow.call)).all()


# In a browser


def test_reads_a_real_call_in_a_browser(live_site: LiveSite, page_of: Callable[..., Page]) -> None:
    add_reader(live_site.store, "reader")  # others of these tests open score cards
    page = page_of("reader", viewport={"width": 390, "height": 844})
    page.goto("/calibration")
    page.get_by_label("How many calls").fill("2")
    page.get_by_label("Of how many days").fill("365")
    page.get_by_role("button", name="Draw").click()
    page.get_by_role("link", name="poor_agent").click()
    assert page.get_by_role("heading", name="Transcript").is_visible()
    assert not page.locator(".measures").is_visible()
    groups = page.get_by_role("group", name="Empathize")
    assert groups.get_by_role("radio").count() == 4  # the guide knows no half here
    for group in page.locator("form fieldset").all():
        group.get_by_label("missed").check()
    page.get_by_role("button", name="Finish the reading").click()
    assert page.get_by_role("status").inner_text().startswith("Your reading is kept")
    assert page.get_by_role("columnheader", name="Machine").is_visible()
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= 390
