import json
import shutil
from datetime import timedelta

import pytest
from sqlalchemy import func, select
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.coaching import written
from pipeline.coaching.session import build_session
from pipeline.coaching.sessions import consent_of, hold, list_sessions, set_consent
from pipeline.coaching.weekly import agents_to_coach
from pipeline.coaching_tables import CoachingSessionRow
from pipeline.result import dump_line, without_words
from pipeline.store import Store
from pipeline.tables import ResultRow, utc_now
from tests.coaching.world import NEWEST, fill, places_with


def run(*arguments: str):
    return CliRunner().invoke(app, list(arguments))


@pytest.fixture
def filled(settings, monkeypatch):
    monkeypatch.setenv("CALLSCORE_DATA_DIR", str(settings.data_dir))
    with Store.of(settings) as store:
        fill(store, "ag-1", 12, agent_name="Maya Fenn", places=places_with("apologize", "missed"))
    return settings


def test_coach_prints_what_it_made_and_writes_the_page(filled):
    done = run("coach", "--agent", "ag-1")
    assert done.exit_code == 0, done.output
    assert "Maya Fenn (ag-1): " in done.output
    assert "Focus: " in done.output
    assert "Proposed goal: " in done.output
    (page,) = (filled.data_dir / "coaching").glob("*-session-1.html")
    assert f"Session 1: {page.absolute()}" in done.output
    assert "Coaching session with Maya Fenn" in page.read_text()


@pytest.mark.usefixtures("filled")
def test_coach_takes_a_time():
    since, until = (NEWEST - timedelta(days=days) for days in (20, 10))
    done = run(
        "coach", "--agent", "ag-1", "--since", f"{since:%Y-%m-%d}", "--until", f"{until:%Y-%m-%d}"
    )
    assert done.exit_code == 0, done.output
    assert "calls: 5" in done.output or "calls: 4" in done.output
    assert "Talk about moments, not about a trend." in done.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--agent", "ag-9"), "agent ag-9: no scored calls"),
        (("--agent", "ag-1", "--since", "May"), "--since: found 'May'; expected a date"),
        (("--agent", "ag-1", "--until", "2020-01-01"), "no scored calls in that time"),
    ],
)
@pytest.mark.usefixtures("filled")
def test_what_cannot_be_done_is_told_in_one_line(arguments, said):
    done = run("coach", *arguments)
    assert done.exit_code == 2
    assert said in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_rules_of_ones_own_are_read_from_the_settings(filled, tmp_path, monkeypatch):
    rules = tmp_path / "rules.yaml"
    rules.write_text("rules:\n- {id: a, title: All calls, when: score_below, score: 100}\n")
    monkeypatch.setenv("CALLSCORE_COACHING_RULES", str(rules))
    done = run("coach", "--agent", "ag-1")
    assert "All calls: " in done.output
    assert "Missed again" not in done.output
    rules.write_text("rules:\n- {id: a, title: All calls, when: score_below, score: 0}\n")
    done = run("coach", "--agent", "ag-1")
    assert done.exit_code == 2
    assert f"{rules}, line 2, rules.0.score: " in done.stderr
    assert filled.data_dir.exists()


def test_consent_is_noted_and_its_withdrawal_deletes_the_pages_that_hold_it(filled):
    with Store.of(filled) as store:
        fill(store, "ag-2", 5, places=places_with("apologize", "met"))
    assert "ag-2: consents" in run("consent", "ag-2").output
    run("coach", "--agent", "ag-1")
    (page,) = (filled.data_dir / "coaching").glob("*-session-1.html")
    done = run("consent", "ag-2", "--withdraw")
    assert str(page.absolute()) in done.output
    assert not page.exists()


def test_consent_of_nobody_is_a_slip_of_the_keys(filled):
    for more in ((), ("--withdraw",)):
        done = run("consent", "ag-11", *more)
        assert done.exit_code == 2
        assert "agent ag-11: no scored calls" in done.stderr
        assert "did you mean ag-1?" in done.stderr
    assert "use the agent_id of their calls" in run("consent", "somebody").stderr
    with Store.of(filled) as store:
        set_consent(store, "ag-11", True)  # whose calls are all deleted by now
    assert run("consent", "ag-11").exit_code == 0
    assert run("consent", "ag-11", "--withdraw").exit_code == 0
    with Store.of(filled) as store, store.read() as session:
        assert consent_of(session, "ag-11") is None


@pytest.mark.usefixtures("filled")
def test_what_is_taken_back_while_a_page_is_written_is_not_in_it(filled, monkeypatch):
    with Store.of(filled) as store:
        fill(store, "ag-2", 5, places=places_with("apologize", "met"))
    run("consent", "ag-2")
    write, times = written.write_page, []

    def slowly(kept, settings, effects):
        if not times:
            run("consent", "ag-2", "--withdraw")
        times.append(1)
        return write(kept, settings, effects)

    monkeypatch.setattr(written, "write_page", slowly)
    done = run("coach", "--agent", "ag-1")
    (page,) = (filled.data_dir / "coaching").glob("*.html")
    assert str(page.absolute()) in done.output
    assert "shared with consent" not in page.read_text()
    assert len(times) == 2


def test_coach_says_whose_words_are_gone(filled):
    with Store.of(filled) as store, store.write() as session:
        for row in session.scalars(select(ResultRow)).all():
            row.result_json = dump_line(without_words(json.loads(row.result_json), NEWEST))
    done = run("coach", "--agent", "ag-1")
    assert "0 moments, 0 with sound" in done.output
    assert "The words of 12 calls are deleted" in done.output
    (page,) = (filled.data_dir / "coaching").glob("*.html")
    assert "The words of 12 calls were deleted" in page.read_text()


def test_who_has_enough_calls_and_a_flagged_one_is_coached_once(settings):
    now = utc_now()
    with Store.of(settings) as store:
        missed = places_with("apologize", "missed")
        fill(store, "ag-flagged", 12, newest=now, places=missed)
        fill(store, "ag-few", 5, newest=now, places=missed)
        fill(store, "ag-before", 12, newest=now - timedelta(days=8), weeks=2, places=missed)
        fill(store, "unknown", 12, newest=now, places=missed)
        assert agents_to_coach(store, settings, now) == ["ag-flagged"]
        add_session(store, "ag-flagged", now - timedelta(days=14))
        assert agents_to_coach(store, settings, now) == [], "one waits to be held"
        hold(store, 1)
        assert agents_to_coach(store, settings, now) == [], "one was held just now"
        assert agents_to_coach(store, settings, now + timedelta(days=8)) == []
        fill(store, "ag-flagged", 3, seed=2, newest=now + timedelta(days=8), places=missed)
        assert agents_to_coach(store, settings, now + timedelta(days=8)) == ["ag-flagged"]


def add_session(store, agent, at):
    row = CoachingSessionRow(
        agent_id=agent, agent_name=None, team=None, since=at, until=at, rubric="leap 1",
        plan_json="{}", created_at=at, created_by="",
    )  # fmt: skip
    with store.write() as session:
        session.add(row)


@pytest.mark.usefixtures("prefect_server")
def test_the_weekly_flow_builds_sessions_and_tells_prefect_no_names(settings, monkeypatch, caplog):
    from flows.coaching import coaching

    monkeypatch.setenv("CALLSCORE_DATA_DIR", str(settings.data_dir))
    with Store.of(settings) as store:
        fill(
            store, "ag-secret", 12, newest=utc_now(), agent_name="Maya Fenn",
            places=places_with("apologize", "missed"),
        )  # fmt: skip
    state = coaching(return_state=True)
    assert state.is_completed(), state.message
    again = coaching(return_state=True)
    assert again.message == "0 coaching sessions built, 0 failed"
    with Store.of(settings) as store, store.read() as session:
        (made,) = list_sessions(session)
        assert session.scalar(select(func.count()).select_from(CoachingSessionRow)) == 1
    assert state.result() == {"sessions": [made.number]}
    assert list((settings.data_dir / "coaching").glob("*.html"))
    assert "ag-secret" not in caplog.text
    assert "Maya" not in caplog.text
    shutil.rmtree(settings.data_dir / "coaching")


@pytest.mark.usefixtures("prefect_server")
def test_the_weekly_flow_goes_on_whatever_happens_to_one_agent(settings, monkeypatch, caplog):
    from flows import coaching as flow

    monkeypatch.setenv("CALLSCORE_DATA_DIR", str(settings.data_dir))
    with Store.of(settings) as store:
        for agent in ("ag-1", "ag-2"):
            fill(store, agent, 12, newest=utc_now(), places=places_with("apologize", "missed"))

    def build(store, settings, agent, *given, **more):
        if agent == "ag-1":
            raise RuntimeError("of a secret name")
        return build_session(store, settings, agent, *given, **more)

    monkeypatch.setattr(flow, "build_session", build)
    state = flow.coaching(return_state=True)
    assert state.message == "1 coaching sessions built, 1 failed"
    with Store.of(settings) as store, store.read() as session:
        assert [made.agent_id for made in list_sessions(session)] == ["ag-2"]
    assert "secret" not in caplog.text
