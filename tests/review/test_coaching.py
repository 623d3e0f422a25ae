"""Coaching on the site: who sees which session, what they may do with it, what is noted."""

import json
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from pipeline.coaching.page import write_page
from pipeline.coaching.records import PLAN
from pipeline.coaching.sessions import find_session, set_consent
from pipeline.coaching_tables import CoachingMomentRow, CoachingSessionRow
from pipeline.legal_hold import hold_calls
from pipeline.records import CallResult, CriterionResult, Evidence
from pipeline.review.app import create_app
from pipeline.review.people import make_token
from pipeline.review.site import Site
from pipeline.settings import Settings
from pipeline.store import Store
from tests.coaching.world import NEWEST, fill
from tests.review.coached import CLIP, GOAL, add_session, moments, noted
from tests.review.conftest import JUDGING, SECRET, People, add_people
from tests.review.test_injection import HOSTILE, dangers

SOON_S = 0.5
Client = Callable[..., TestClient]


@pytest.fixture
def as_(people: People, signed_in: Client) -> Client:
    """A client of the site as one of the people."""
    assert len(list(people)) == 4
    return signed_in


@pytest.fixture
def kept(store: Store, keep: Callable[..., int]) -> int:
    """A session of ag-1 in the returns team, with a moment of ag-2, who consented."""
    set_consent(store, "ag-2", True)
    own, colleague = keep("own-call"), keep("secret-call", team="billing", agent_name="Odette")
    return add_session(store, own, "ag-1", "returns", "own words", colleague=colleague)[0]


def post(client: TestClient, path: str, **form: str) -> int:
    return client.post(path, data=form, follow_redirects=False).status_code


@pytest.mark.parametrize("name", ["admin", "qa", "supervisor", "agent"])
def test_those_whose_it_is_see_a_session_and_it_is_noted(as_: Client, kept: int, store, name):
    client = as_(name)
    page = client.get(f"/coaching/{kept}")
    assert page.status_code == 200
    assert "own words" in page.text
    assert f'href="/coaching/{kept}"' in client.get("/coaching").text
    assert (f"coaching session {kept}", None) in noted(store, "view")


def test_others_do_not(as_: Client, store: Store, keep: Callable[..., int]) -> None:
    other = keep("other-call", team="billing")
    number, moment = add_session(store, other, "ag-2", "billing", "secret words")
    for name in ("supervisor", "agent"):
        client = as_(name)
        for path in (f"/coaching/{number}", f"/coaching/{number}/clips/{moment}"):
            assert client.get(path).status_code == 404
            assert client.get(f"/api{path}").status_code == 404
        assert "secret" not in client.get("/coaching").text
        assert client.get("/api/coaching").json()["total"] == 0
    assert post(as_("supervisor"), "/coaching", agent_id="ag-2") == 404
    assert post(as_("supervisor"), f"/coaching/{number}/remove") == 404


def test_a_moment_of_a_call_that_is_not_theirs_is_left_out(
    as_: Client, store: Store, keep: Callable[..., int]
) -> None:
    """An agent who changed teams: the new supervisor does not see the calls of the old one."""
    before = keep("before", team="billing", agent_id="ag-1")
    number, moment = add_session(store, before, "ag-1", "returns", "old words")
    supervisor = as_("supervisor")
    page = supervisor.get(f"/coaching/{number}")
    assert page.status_code == 200
    assert "line old words" not in page.text
    assert supervisor.get(f"/coaching/{number}/clips/{moment}").status_code == 404
    assert "line old words" not in supervisor.get(f"/coaching/{number}/session.html").text
    assert as_("agent").get(f"/coaching/{number}/clips/{moment}").status_code == 200


def test_of_a_colleague_neither_call_nor_name_is_told(as_: Client, kept: int, store: Store) -> None:
    colleague = moments(store, kept)["well"]
    agent = as_("agent")
    for path in (f"/coaching/{kept}", f"/api/coaching/{kept}"):
        text = agent.get(path).text
        assert "line of somebody" in text
        assert "secret-call" not in text
        assert "Odette" not in text
    (told,) = [m for m in agent.get(f"/api/coaching/{kept}").json()["moments"] if m["colleague"]]
    assert (told["call"], told["call_id"], told["at"], told["start_s"]) == (None,) * 4
    assert {line["start_s"] for line in told["lines"]} == {None}
    # Their session lets them hear it, the call's own page does not.
    assert agent.get(f"/coaching/{kept}/clips/{colleague}").content == CLIP
    with store.read() as session:
        call = session.get_one(CoachingMomentRow, colleague).call
    assert agent.get(f"/calls/{call}").status_code == 404
    assert agent.get(f"/calls/{call}/audio").status_code == 404


@pytest.mark.parametrize(
    ("asked", "status", "start", "end"),
    [
        (None, 200, 0, 1024),
        ("bytes=0-", 206, 0, 1024),
        ("bytes=10-19", 206, 10, 20),
        ("bytes=1000-9999", 206, 1000, 1024),
        ("bytes=-24", 206, 1000, 1024),
        ("bytes=-9999", 206, 0, 1024),
        ("bytes=20-10", 200, 0, 1024),
        ("bytes=0-1,5-6", 200, 0, 1024),
        ("lines=1-2", 200, 0, 1024),
        ("bytes=1024-", 416, 0, 0),
        ("bytes=-0", 416, 0, 0),
    ],
)
def test_a_clip_is_given_whole_or_in_part(as_: Client, kept, store, asked, status, start, end):
    path = f"/coaching/{kept}/clips/{moments(store, kept)['missed']}"
    for address in (path, f"/api{path}"):
        answer = as_("agent").get(address, headers={} if asked is None else {"Range": asked})
        assert answer.status_code == status
        assert answer.content == CLIP[start:end]
        if status == 206:
            assert answer.headers["content-range"] == f"bytes {start}-{end - 1}/1024"
            assert answer.headers["content-type"] == "audio/mpeg"


def test_hearing_is_noted_once_a_listening_with_its_call(as_: Client, kept, store) -> None:
    number = moments(store, kept)["well"]
    client = as_("agent")
    for _ in range(3):
        client.get(f"/coaching/{kept}/clips/{number}", headers={"Range": "bytes=0-9"})
    assert noted(store, "play") == [(f"coaching session {kept}, moment {number}", "secret-call")]


def test_a_moment_is_heard_in_its_own_session_only(as_: Client, kept, store, keep) -> None:
    other, _ = add_session(store, keep("c-2"), "ag-1", "returns", "more")
    number = moments(store, kept)["missed"]
    assert as_("admin").get(f"/coaching/{other}/clips/{number}").status_code == 404


def test_from_planned_to_agreed(as_: Client, kept: int, store: Store) -> None:
    coach, agent = as_("supervisor"), as_("agent")
    path = f"/coaching/{kept}"
    assert post(agent, f"{path}/agree", goal=GOAL) == 400  # not held yet
    assert post(coach, f"{path}/words", goal="Ask\r\nthen listen.", note="Shy today.") == 303
    assert post(coach, f"{path}/hold") == 303
    assert post(coach, f"{path}/hold") == 400
    assert post(coach, f"{path}/agreed", goal="Ask\nthen listen.") == 400  # for them: they can
    assert "they agree themselves" in coach.post(f"{path}/agreed", data={"goal": "x"}).text
    assert post(agent, f"{path}/agree", goal=GOAL) == 400  # not what stands now
    assert post(agent, f"{path}/agree", goal="Ask\r\nthen listen.") == 303
    found = coach.get(f"/api{path}").json()
    assert (found["status"], found["goal"]) == ("agreed", "Ask\nthen listen.")
    assert found["held_at"] <= found["agreed_at"]
    assert post(coach, f"{path}/words", goal="Another") == 400
    said = [what for what, _ in noted(store, "change")]
    assert said == [
        f"goal and note of coaching session {kept}",
        f"coaching session {kept} was held",
        f"agreed to coaching session {kept}",
    ]


def test_programs_do_the_same(kept: int, store, people: People, settings: Settings) -> None:
    def program(person, *scopes: str) -> TestClient:
        client = TestClient(create_app(Site(store, settings, SECRET)))
        _, key = make_token(store, person, "k", list(scopes), 1)
        client.headers["Authorization"] = f"Bearer {key}"
        return client

    coach, path = program(people.supervisor, "see", "coach"), f"/api/coaching/{kept}"
    written = coach.put(f"{path}/words", json={"note": "Shy."}).json()
    assert (written["goal"], written["note"]) == (GOAL, "Shy.")
    assert coach.post(f"{path}/hold").json()["status"] == "held"
    agent = program(people.agent, "see", "be_coached")
    assert agent.get(path).json()["note"] is None
    assert agent.post(f"{path}/agree", json={"goal": GOAL}).json()["status"] == "agreed"
    assert "own words" in coach.get(f"{path}/session.html").text
    # A key for looking sees the session as its owner does, but for the note.
    assert program(people.supervisor, "see").get(path).json()["note"] is None
    assert coach.delete(path).status_code == 204
    assert coach.get(path).status_code == 404


def test_the_note_is_for_coaches(as_: Client, kept: int) -> None:
    assert "note own words" in as_("supervisor").get(f"/coaching/{kept}").text
    agent = as_("agent")
    assert "note own words" not in agent.get(f"/coaching/{kept}").text
    assert GOAL in agent.get(f"/coaching/{kept}").text
    assert agent.get(f"/coaching/{kept}/session.html").status_code == 403


def test_for_an_agent_without_account_the_coach_notes_that_they_agreed(
    as_: Client, store: Store, keep: Callable[..., int]
) -> None:
    number, _ = add_session(store, keep("c-9", agent_id="ag-7"), "ag-7", "returns", "x")
    coach = as_("supervisor")
    post(coach, f"/coaching/{number}/hold")
    assert "has no account here" in coach.get(f"/coaching/{number}").text
    assert post(coach, f"/coaching/{number}/agreed", goal=GOAL) == 303
    assert "Agreed on" in coach.get(f"/coaching/{number}").text


def test_the_file_is_an_export_and_holds_no_markup_of_others(
    as_: Client, store: Store, keep: Callable[..., int]
) -> None:
    number, _ = add_session(store, keep(), "ag-1", "returns", HOSTILE)
    answer = as_("supervisor").get(f"/coaching/{number}/session.html")
    assert answer.headers["content-disposition"].startswith("attachment")
    assert "&lt;script&gt;window.xss" in answer.text
    own = ("style", "audio src=data:audio/mpeg")
    assert not [d for d in dangers(answer.text) if not d.endswith(own[0]) and own[1] not in d]
    assert noted(store, "export") == [(f"coaching session {number}", None)]


def test_deleting_a_session_deletes_its_clips_and_files(
    as_: Client, kept: int, store: Store, settings: Settings
) -> None:
    with store.read() as session:
        found = find_session(session, kept, clips=True)
    assert found is not None
    written = write_page(found, settings)
    assert post(as_("supervisor"), f"/coaching/{kept}/remove") == 303
    assert not written.exists()
    with store.read() as session:
        assert session.scalars(select(CoachingMomentRow)).all() == []


def test_a_session_that_shows_a_call_under_legal_hold_stays(
    as_: Client, kept: int, store: Store, settings: Settings
) -> None:
    with store.write() as session:
        found = find_session(session, kept, clips=True)
        assert found is not None
        hold_calls(session, [found.of("missed")[0].call], "claim 17", "Ada")
    written = write_page(found, settings)
    coach = as_("supervisor")
    for answer in (
        coach.post(f"/coaching/{kept}/remove"),
        coach.delete(f"/api/coaching/{kept}"),
    ):
        assert answer.status_code == 400
        assert "own-call: under legal hold" in answer.text
        assert "claim 17" in answer.text
    assert written.exists()
    assert coach.get(f"/coaching/{kept}").status_code == 200


def test_sessions_over_the_same_days_are_told_apart_in_the_list(
    as_: Client, store: Store, keep: Callable[..., int]
) -> None:
    call, built = keep(), {}
    for day in (3, 9):
        number, _ = add_session(store, call, "ag-1", "returns", "x")
        built[number] = f"no. {number}, built <time"
        with store.write() as session:
            session.get_one(CoachingSessionRow, number).created_at = datetime(2026, 6, day)
    coach = as_("supervisor")
    page = coach.get("/coaching").text
    assert all(told in page for told in built.values())
    assert "3 Jun 2026" in page
    assert "9 Jun 2026" in page
    lines = coach.get("/api/coaching").json()["sessions"]
    told = {line["number"]: line["created_at"][:10] for line in lines}
    assert list(told.values()) == ["2026-06-09", "2026-06-03"]


def test_a_page_says_that_the_words_of_calls_are_deleted(
    as_: Client, kept: int, store: Store
) -> None:
    gone = "The words of 12 calls were deleted"
    assert gone not in as_("agent").get(f"/coaching/{kept}").text
    with store.write() as session:
        row = session.get_one(CoachingSessionRow, kept)
        plan = replace(PLAN.validate_json(row.plan_json), wordless=12)
        row.plan_json = PLAN.dump_json(plan).decode()
    assert gone in as_("agent").get(f"/coaching/{kept}").text


def test_from_a_flag_to_a_session(as_: Client, store: Store) -> None:
    fill(store, "ag-1", 30, team="returns", agent_name="Ann")
    fill(store, "ag-2", 10, team="billing")
    coach = as_("supervisor")
    flagged = coach.get("/api/coaching/flagged").json()
    assert flagged["looked_at"] == 30
    leads = [rule["leads_to"] for rule in flagged["rules"]]
    assert leads == sorted(leads, key=["care", "praise", "talk"].index)
    assert "talk" in leads
    calls = [call for rule in flagged["rules"] for call in rule["calls"]]
    assert {call["agent_id"] for call in calls} == {"ag-1"}
    page = coach.get("/coaching").text
    shown = next(call for call in calls if call["evidence"] and call["evidence"][0]["quote"])
    assert f"/calls/{shown['number']}#t={shown['evidence'][0]['start_s']}" in page
    assert "calls flagged for coaching" in [what for what, _ in noted(store, "view")]
    answer = coach.post("/coaching", data={"agent_id": "ag-1", "since": "", "until": ""})
    assert answer.status_code == 200, answer.text
    assert "Coaching with Ann" in answer.text
    assert "Coach" in coach.get("/agents/ag-1").text
    (line,) = coach.get("/api/coaching").json()["sessions"]
    assert (line["agent_id"], line["status"], line["effects"]) == ("ag-1", "planned", [])


def test_what_is_quoted_of_flagged_calls_is_text(
    as_: Client, store: Store, make_result: Callable[..., CallResult]
) -> None:
    made = make_result("c-1", 10.0, flags=("low_score",), agent_id="ag-1", agent_name=HOSTILE)
    said = (Evidence("agent", 0.0, 1.0, HOSTILE, f"what {HOSTILE}"),)
    missed = CriterionResult("listen_first", "missed", 0.0, 20.0, 0.9, "Cut off.", said)
    result = replace(made, scorecard=replace(made.scorecard, criteria=(missed,)))
    store.keep_result(result, "ab" * 32, "/c-1.wav", JUDGING, call_id_given=True)
    page = as_("qa").get("/coaching").text
    assert page.count("&lt;script&gt;window.xss") >= 3
    assert dangers(page) == []
    # From the flagged call, and from its agent, one click leads to coaching: for who may coach.
    for path, to_coach in (("/calls/1", ">Coach</a>"), ("/agents/ag-1", ">Coach</a>")):
        assert to_coach in as_("qa").get(path).text
        assert to_coach not in as_("agent").get(path).text


def test_the_days_of_a_session(as_: Client, store: Store) -> None:
    fill(store, "ag-1", 30, team="returns")
    client = as_("supervisor")
    day = (NEWEST - timedelta(days=7)).date()
    asked = {"agent_id": "ag-1", "since": str(day), "until": str(day)}
    number = client.post("/api/coaching", json=asked).json()["number"]
    found = client.get(f"/api/coaching/{number}").json()
    assert found["since"][:10] == found["until"][:10] == str(day)
    backwards = client.post("/api/coaching", json=asked | {"until": "2026-01-01"})
    assert backwards.status_code == 400
    assert post(client, "/coaching", agent_id="nobody") == 404
    assert post(client, "/coaching", agent_id="ag-1", since="soon") == 422


def test_the_list_says_whether_it_helped(as_: Client, store: Store) -> None:
    fill(store, "ag-1", 20, team="returns")
    coach = as_("supervisor")
    number = coach.post("/api/coaching", json={"agent_id": "ag-1"}).json()["number"]
    post(coach, f"/coaching/{number}/hold")
    (line,) = coach.get("/api/coaching").json()["sessions"]
    assert {effect["verdict"] for effect in line["effects"]} == {"too few"}
    for path in ("/coaching", f"/coaching/{number}"):
        assert "Too few calls to tell." in coach.get(path).text


def test_a_session_after_abuse_begins_with_care(as_: Client, kept: int) -> None:
    page = as_("agent").get(f"/coaching/{kept}").text
    assert page.index("First of all") < page.index("What goes well") < page.index("To work on")
    assert "The conversation will continue at another time" in page


def test_two_hundred_calls_come_quickly(as_: Client, store: Store) -> None:
    fill(store, "ag-1", 200, team="returns")
    coach = as_("supervisor")
    number = coach.post("/api/coaching", json={"agent_id": "ag-1"}).json()["number"]
    post(coach, f"/coaching/{number}/hold")
    for path in ("/coaching?agent=ag-1", f"/coaching/{number}"):
        took = []
        for _ in range(3):
            began = time.perf_counter()
            assert coach.get(path).status_code == 200
            took.append(time.perf_counter() - began)
        assert min(took) < SOON_S, path


def test_either_database_answers_alike(database_url: str, settings: Settings) -> None:
    with Store(database_url) as store:
        people = add_people(store)
        fill(store, "ag-1", 25, team="returns")
        client = TestClient(create_app(Site(store, settings, SECRET)))
        _, key = make_token(store, people.supervisor, "k", ["see", "coach"], 1)
        client.headers["Authorization"] = f"Bearer {key}"
        number = client.post("/api/coaching", json={"agent_id": "ag-1"}).json()["number"]
        client.post(f"/api/coaching/{number}/hold")
        assert client.get("/api/coaching", params={"agent": "ag-1"}).json()["total"] == 1
        assert client.get("/api/coaching/flagged").json()["looked_at"] == 25
        assert json.loads(client.get(f"/api/coaching/{number}").text)["effects"]
