"""An agent's consent on the site: pages and API."""

from collections.abc import Callable

import pytest
from fastapi.testclient import TestClient

from pipeline.coaching.page import write_page
from pipeline.coaching.sessions import consent_of, find_session
from pipeline.review.app import create_app
from pipeline.review.people import make_token
from pipeline.review.site import Site
from pipeline.settings import Settings
from pipeline.store import Store
from tests.review.coached import add_session, moments, noted
from tests.review.conftest import SECRET, People

Client = Callable[..., TestClient]


@pytest.fixture
def as_(people: People, signed_in: Client) -> Client:
    """A client of the site as one of the people."""
    assert len(list(people)) == 4
    return signed_in


def test_consent_is_given_and_taken_back_with_what_was_shown(
    as_: Client, store: Store, keep: Callable[..., int], settings: Settings
) -> None:
    """The agent here is ag-1; a session of ag-2 shows a moment of theirs."""
    agent = as_("agent")
    assert "Take it back" not in agent.get("/account").text
    assert agent.post("/account/consent", data={"given": "true"}).status_code == 200
    assert "Take it back" in agent.get("/account").text
    mine, theirs = keep("mine-call"), keep("theirs", team="billing")
    number, _ = add_session(store, theirs, "ag-2", "billing", "their words", colleague=mine)
    with store.read() as session:
        found = find_session(session, number, clips=True)
    assert found is not None
    written = write_page(found, settings)
    assert "line of somebody" in written.read_text()
    answer = agent.post("/account/consent", data={"given": "false", "csrf": ""})
    assert "gone from 1 session" in answer.text
    with store.read() as session:
        assert consent_of(session, "ag-1") is None
    assert "well" not in moments(store, number)
    assert "missed" in moments(store, number)
    assert "line of somebody" not in written.read_text()
    assert "their words" in written.read_text()
    assert [what for what, _ in noted(store, "change")] == ["gave consent", "withdrew consent"]


def test_programs_of_an_agent_who_is_signed_in_give_and_take_back_consent(
    as_: Client, store: Store, keep: Callable[..., int], settings: Settings
) -> None:
    agent, path = as_("agent"), "/api/coaching/consent"
    assert agent.get(path).json() == {"given_at": None, "lost": 0}
    given = agent.post(path).json()
    assert given["given_at"].endswith("Z")
    assert agent.get(path).json() == agent.post(path).json() == given
    mine, theirs = keep("mine-call"), keep("theirs", team="billing")
    number, _ = add_session(store, theirs, "ag-2", "billing", "their words", colleague=mine)
    with store.read() as session:
        found = find_session(session, number, clips=True)
    assert found is not None
    written = write_page(found, settings)
    assert agent.delete(path).json() == {"given_at": None, "lost": 1}
    assert "well" not in moments(store, number)
    assert "line of somebody" not in written.read_text()
    said = [what for what, _ in noted(store, "change")]
    assert said == ["gave consent", "gave consent", "withdrew consent"]


def test_no_key_gives_consent(store: Store, people: People, settings: Settings) -> None:
    program = TestClient(create_app(Site(store, settings, SECRET)))
    _, key = make_token(store, people.agent, "k", ["see", "be_coached"], 1)
    program.headers["Authorization"] = f"Bearer {key}"
    assert program.get("/api/coaching").status_code == 200
    for method in ("GET", "POST", "DELETE"):
        assert program.request(method, "/api/coaching/consent").status_code == 403
    with store.read() as session:
        assert consent_of(session, "ag-1") is None


@pytest.mark.parametrize("name", ["admin", "supervisor"])
def test_nobody_else_is_asked_for_consent(as_: Client, name: str) -> None:
    assert "/account/consent" not in as_(name).get("/account").text
    assert as_(name).post("/api/coaching/consent").status_code == 403
