"""The API: what pages show and do, for programs."""

import csv
import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient

from pipeline.review import audit
from pipeline.review.access import PERMISSIONS
from pipeline.review.people import Person, make_token
from pipeline.review.site import Site
from pipeline.store import Store
from tests.review.conftest import People

Keep = Callable[..., int]
SignedIn = Callable[..., TestClient]


@pytest.fixture
def program(site: Site, signed_in: SignedIn, people: People) -> Callable[..., TestClient]:
    """A program with a key of somebody for what they may do; no cookie, no token of a form."""

    def made(role: str, *scopes: str) -> TestClient:
        owner: Person = getattr(people, role)
        allowed = scopes or tuple(p for p, roles in PERMISSIONS.items() if role in roles)
        _, key = make_token(site.store, owner, "test", allowed, 1)
        client = signed_in(None)
        client.headers["Authorization"] = f"Bearer {key}"
        return client

    return made


def ok(answer: Any) -> Any:
    assert answer.status_code in (200, 204), answer.text
    return answer.json() if answer.content else None


def test_a_program_learns_who_it_is(program: Callable[..., TestClient]) -> None:
    assert ok(program("supervisor", "see", "export").get("/api/me")) == {
        "name": "supervisor",
        "role": "supervisor",
        "teams": ["returns"],
        "agent_id": None,
        "may": ["see", "export"],
    }
    assert ok(program("agent").get("/api/me"))["agent_id"] == "ag-1"


def test_calls_are_found_as_on_the_page(program: Callable[..., TestClient], keep: Keep) -> None:
    keep("low", score=20.0, queue="phones")
    keep("high", score=90.0, queue="chats")
    keep("other", score=50.0, team="billing")
    client = program("admin")
    page = ok(client.get("/api/calls", params={"sort": "lowest"}))
    assert [call["call_id"] for call in page["calls"]] == ["low", "other", "high"]
    assert (page["total"], page["more"], page["pages"]) == (3, False, 1)
    assert page["calls"][0]["at"].endswith("Z"), "times name their zone"

    def ids(**wanted: object) -> list[str]:
        found = ok(client.get("/api/calls", params={"sort": "lowest", **wanted}))
        return [call["call_id"] for call in found["calls"]]

    assert ids(queue="chats") == ["high"]
    assert ids(score_from=40, score_to=60) == ["other"]
    assert ids(q="hello", team="returns") == ["low", "high"]
    assert ids(criterion="listen_first", answer="missed") == []
    mine = ok(program("agent").get("/api/calls"))
    assert {call["agent_id"] for call in mine["calls"]} == {"ag-1"}


@pytest.mark.parametrize(
    "wanted",
    [
        {"page": 0},
        {"sort": "worst"},
        {"score_from": "nan"},
        {"score_to": 101},
        {"since": "yesterday"},
        {"answer": "perhaps"},
        {"q": "x" * 201},
    ],
)
def test_a_search_that_makes_no_sense_is_a_mistake(
    program: Callable[..., TestClient], wanted: dict[str, Any]
) -> None:
    answer = program("admin").get("/api/calls", params=wanted)
    assert answer.status_code == 422
    assert next(iter(wanted)) in answer.json()["detail"][0]


def test_a_call_comes_whole_in_the_documented_form(
    program: Callable[..., TestClient], keep: Keep, store: Store
) -> None:
    number = keep("c1", customer_id="k-1")
    call = ok(program("admin").get(f"/api/calls/{number}"))
    assert call["result"] == store.result(1)
    assert call["result"]["turns"][0]["text"] == "Hello"
    assert (call["call_id"], call["team"], call["customer_id"]) == ("c1", "returns", "k-1")
    assert call["standing"]["score"] == 80.0
    assert call["answers"] == {"listen_first": "met", "solve": "cannot_tell"}
    assert call["history"] == call["disputes"] == []
    assert [(entry.action, entry.call_id) for entry in audit.read_log(store)] == [("view", "c1")]


def test_who_the_customer_is_agents_are_not_told(
    program: Callable[..., TestClient], keep: Keep
) -> None:
    """As on the pages: only those who may follow customers."""
    number = keep("c1", customer_id="k-1")
    for role, told in (("supervisor", "k-1"), ("agent", None)):
        client = program(role)
        assert ok(client.get(f"/api/calls/{number}"))["customer_id"] == told
        assert ok(client.get("/api/calls"))["calls"][0]["customer_id"] == told


def test_a_correction_stands_on_the_page_too(
    program: Callable[..., TestClient], keep: Keep, signed_in: SignedIn, store: Store
) -> None:
    number = keep("c1")
    client = program("supervisor")
    body = {"answer": "missed", "comment": "Never asked.", "seen": "met"}
    review = ok(client.post(f"/api/calls/{number}/answers/listen_first", json=body))
    assert review["answers"]["listen_first"] == "missed"
    assert review["standing"]["score"] == 0.0
    step = review["history"][0]
    assert (step["kind"], step["before"], step["machine"]) == ("corrected", "met", "met")
    assert step["person_name"] == "supervisor"
    assert "Never asked." in signed_in("qa").get(f"/calls/{number}").text
    assert ("corrected listen_first", "c1") in [(e.what, e.call_id) for e in audit.read_log(store)]
    again = client.post(f"/api/calls/{number}/answers/listen_first", json=body)
    assert again.status_code == 400
    assert "meanwhile" in again.json()["detail"]


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("answers/listen_first", {"answer": "perhaps", "comment": "x"}, 422),
        ("answers/listen_first", {"answer": "missed"}, 422),
        ("answers/listen_first", {"answer": "missed", "comment": ""}, 422),
        ("answers/listen_first", {"answer": "missed", "comment": "  "}, 400),
        ("answers/listen_first", {"answer": "missed", "comment": "x" * 2001}, 422),
        ("answers/listen_first", {"answer": "missed", "comment": "x", "more": 1}, 422),
        ("answers/listen_first", {"answer": "met", "comment": "x"}, 400),
        ("answers/charm", {"answer": "missed", "comment": "x"}, 400),
        ("answers/failed_by", {"answer": "missed", "comment": "x"}, 400),
        ("answers/" + "x" * 101, {"answer": "missed", "comment": "x"}, 422),
        ("disputes/listen_first/decide", {"decision": "upheld", "comment": "x"}, 400),
        ("disputes/listen_first/decide", {"decision": "maybe", "comment": "x"}, 422),
    ],
)
def test_a_bad_correction_changes_nothing(
    program: Callable[..., TestClient], keep: Keep, path: str, body: dict[str, Any], status: int
) -> None:
    number = keep("c1")
    client = program("qa")
    answer = client.post(f"/api/calls/{number}/{path}", json=body)
    assert answer.status_code == status
    assert answer.json()["detail"]
    assert ok(client.get(f"/api/calls/{number}"))["history"] == []


def test_personal_data_that_people_type_again_is_hidden(
    program: Callable[..., TestClient], signed_in: SignedIn, keep: Keep
) -> None:
    number = keep("c1")
    typed = "The card was 4111 1111 1111 1111."
    qa, agent = program("qa"), program("agent")
    calls = f"/api/calls/{number}"
    answer = {"answer": "missed", "comment": typed}
    ok(qa.post(f"{calls}/answers/listen_first", json=answer))
    ok(agent.post(f"{calls}/disputes/solve", json=answer))
    ok(qa.post(f"{calls}/disputes/solve/decide", json={"decision": "rejected", "comment": typed}))
    page = signed_in("qa")
    for address in ("answers/solve", "answers/listen_first"):
        page.post(f"/calls/{number}/{address}", data={"answer": "not_applicable", "comment": typed})
    said = [step["comment"] for step in ok(qa.get(calls))["history"]]
    assert said == ["The card was [card]."] * 5


def test_a_dispute_from_beginning_to_end(program: Callable[..., TestClient], keep: Keep) -> None:
    number = keep("c1")
    agent, reviewer = program("agent"), program("supervisor")
    path = f"/api/calls/{number}/disputes/solve"
    ask = {"answer": "met", "comment": "I did."}
    assert ok(agent.post(path, json=ask))["disputes"][0]["answer"] == "met"
    assert agent.post(path, json=ask).status_code == 400, "once"
    assert ok(agent.post(f"{path}/withdraw"))["disputes"] == []
    ok(agent.post(path, json=ask))
    waiting = ok(reviewer.get("/api/disputes"))
    assert [(d["call"], d["criterion"], d["wanted"]) for d in waiting] == [(number, "solve", "met")]
    verdict = {"decision": "upheld", "comment": "Right."}
    review = ok(reviewer.post(f"{path}/decide", json=verdict))
    assert review["answers"]["solve"] == "met"
    assert review["standing"]["disputed"] == 0
    assert [step["kind"] for step in review["history"]] == [
        "disputed", "withdrawn", "disputed", "upheld"
    ]  # fmt: skip
    assert ok(reviewer.get("/api/disputes")) == []
    lines = reviewer.get("/api/disputes/cases.jsonl").text.splitlines()
    assert [json.loads(line)["labels"] for line in lines] == [{"solve": "met"}]


def test_exports_are_those_of_the_page(program: Callable[..., TestClient], keep: Keep) -> None:
    keep("c1")
    keep("c2", team="billing")
    client = program("supervisor")
    rows = list(csv.DictReader(io.StringIO(client.get("/api/calls/export.csv").text)))
    assert [(row["call_id"], row["answer_solve"]) for row in rows] == [("c1", "cannot_tell")]
    assert [row["call_id"] for row in ok(client.get("/api/calls/export.json"))] == ["c1"]
    assert client.get("/api/calls/export.parquet").content[:4] == b"PAR1"
    assert client.get("/api/calls/export.xlsx").status_code == 422


def test_figures(program: Callable[..., TestClient], keep: Keep) -> None:
    for number in range(12):
        keep(f"c{number}", score=50.0 + number)
    keep("b1", team="billing", score=10.0)
    figures = ok(program("admin").get("/api/overview", params={"days": 7, "provisional": True}))
    assert (figures["calls"], figures["provisional"]) == (13, 13)
    returns = next(team for team in figures["teams"] if team["id"] == "returns")
    assert returns["score"]["mean"] == pytest.approx(55.5)
    assert returns["score"]["low"] < 55.5 < returns["score"]["high"]
    assert returns["score"]["enough"]
    assert returns["trend"][0]["score"]["count"] == 12
    assert returns["answers"]["listen_first"] == {"judged": 12, "share": 1.0}
    assert ok(program("supervisor").get("/api/overview"))["calls"] == 12
    agent = ok(program("supervisor").get("/api/agents/ag-1"))
    assert [group["id"] for group in agent["agents"]] == ["ag-1"]
    assert program("supervisor").get("/api/agents/ag-2").status_code == 404
    assert program("admin").get("/api/overview", params={"days": 0}).status_code == 422


def test_the_night(program: Callable[..., TestClient], store: Store) -> None:
    client = program("admin")
    assert ok(client.get("/api/night")) is None
    batch = store.start_batch("test")
    store.keep_outcome(batch, "/calls/bad.wav", "failed", "/calls/bad.wav: not audio")
    night = ok(client.get("/api/night"))
    assert night["status"]["counts"]["failed"] == 1
    assert night["status"]["reasons"] == {"not audio": 1}
    assert ok(program("supervisor").get("/api/night"))["status"] is None


def test_searches_are_saved_and_found_again(program: Callable[..., TestClient], keep: Keep) -> None:
    client = program("supervisor")
    keep("c1", queue="a&b")
    keep("c2", queue="a")
    body = {"name": "phones", "search": {"queue": "a&b", "sort": "lowest", "page": 3}}
    view = ok(client.post("/api/views", json=body))
    assert [v["name"] for v in ok(client.get("/api/views"))] == ["phones"]
    found = ok(client.get(f"/api/calls?{view['query']}"))
    assert [call["call_id"] for call in found["calls"]] == ["c1"]
    assert ok(client.post("/api/views", json={"name": "phones", "search": {}}))["query"] == ""
    (only,) = ok(client.get("/api/views"))
    assert ok(program("qa").get("/api/views")) == []
    assert program("qa").delete(f"/api/views/{only['id']}").status_code == 404
    assert client.delete(f"/api/views/{only['id']}").status_code == 204
    assert ok(client.get("/api/views")) == []


def test_keys_are_made_in_person_and_never_by_a_key(
    program: Callable[..., TestClient], signed_in: SignedIn
) -> None:
    body = {"label": "nightly", "scopes": ["export", "see"], "days": 30}
    thief = program("supervisor", "see")
    assert thief.post("/api/tokens", json=body).status_code == 403
    assert thief.post("/account/tokens", data=body).status_code == 403
    assert thief.get("/api/tokens").status_code == 403
    client = signed_in("supervisor")
    made = ok(client.post("/api/tokens", json=body))
    listed = next(t for t in ok(client.get("/api/tokens")) if t["id"] == made["id"])
    assert (listed["label"], listed["scopes"]) == ("nightly", ["see", "export"])
    assert "key" not in listed
    user = signed_in(None)
    user.headers["Authorization"] = f"Bearer {made['key']}"
    assert ok(user.get("/api/me"))["may"] == ["see", "export"]
    assert client.delete(f"/api/tokens/{made['id']}").status_code == 204
    assert user.get("/api/me").status_code == 401


@pytest.mark.parametrize("scopes", [[], ["manage"], ["see", "manage"], ["everything"]])
def test_a_key_cannot_be_made_for_more_than_its_owner_may(
    signed_in: SignedIn, people: People, scopes: list[str]
) -> None:
    client = signed_in(people.supervisor.name)
    answer = client.post("/api/tokens", json={"label": "x", "scopes": scopes})
    assert answer.status_code in (400, 422)
    assert ok(client.get("/api/tokens")) == []


def test_accounts_are_made_changed_and_closed(program: Callable[..., TestClient]) -> None:
    client = program("admin")
    body = {"name": "new", "role": "supervisor", "teams": ["returns", "billing, north"]}
    made = ok(client.post("/api/people", json=body))
    number = made["person"]["id"]
    assert made["person"]["teams"] == ["returns", "billing, north"]
    assert made["link"].endswith(f"/welcome#{made['code']}")
    assert client.post("/api/people", json=body).status_code == 400, "the name is taken"
    assert client.post("/api/people", json={"name": "s", "role": "supervisor"}).status_code == 400
    assert client.post("/api/people", json={"name": "s", "role": "root"}).status_code == 422
    change = {"role": "agent", "agent_id": "ag-7", "active": False}
    changed = ok(client.put(f"/api/people/{number}", json=change))
    assert (changed["role"], changed["agent_id"], changed["active"]) == ("agent", "ag-7", False)
    assert changed in ok(client.get("/api/people"))
    again = ok(client.post(f"/api/people/{number}/invitation"))
    assert again["code"] != made["code"]
    assert client.post("/api/people/999/invitation").status_code == 404
    assert client.put("/api/people/999", json=change).status_code == 404
    log = ok(client.get("/api/audit", params={"limit": 2}))
    assert [entry["what"] for entry in log] == [
        f"invited account {number}",
        f"changed account {number} (agent, active=False)",
    ]
    older = ok(client.get("/api/audit", params={"before": log[-1]["id"]}))
    assert [entry["what"] for entry in older] == [f"added account {number} (supervisor)"]


def test_the_description_names_every_operation_and_its_scope(
    program: Callable[..., TestClient], signed_in: SignedIn
) -> None:
    made = ok(program("agent").get("/api/openapi.json"))
    assert made["openapi"].startswith("3.1")
    assert made["components"]["securitySchemes"]["key"]["scheme"] == "bearer"
    assert signed_in(None).get("/api/openapi.json").status_code == 401
    assert {path.split("/")[1] for path in made["paths"]} == {"api"}, "no pages in it"
    for path, operations in made["paths"].items():
        for method, operation in operations.items():
            assert operation["security"], f"{method} {path}"
            assert {"401", "403"} <= set(operation["responses"]), f"{method} {path}"
            for status, answer in operation["responses"].items():
                if status == "200":
                    for kind, content in answer["content"].items():
                        typed = content["schema"] or kind.startswith("audio/")
                        assert typed, f"{method} {path} answers with anything"
    correct = made["paths"]["/api/calls/{number}/answers/{criterion}"]["post"]
    assert correct["security"] == [{"key": ["correct"]}, {"session": []}]
    assert made["paths"]["/api/tokens"]["post"]["security"] == [{"session": []}]


def test_what_is_not_there_is_answered_in_json(program: Callable[..., TestClient]) -> None:
    client = program("admin")
    for method, path, status in (
        ("GET", "/api/nowhere", 404),
        ("GET", "/api/calls/99", 404),
        ("DELETE", "/api/calls", 405),
        ("POST", "/api/views", 422),
    ):
        answer = client.request(method, path)
        assert answer.status_code == status
        assert answer.json()["detail"]


def test_text_that_is_none_is_a_mistake(program: Callable[..., TestClient]) -> None:
    client = program("admin")
    for content in (
        b"{",
        b"[]",
        b'{"name": "\\ud800", "role": "qa"}',
        b'{"\\ud800": 1}',
        b'{"name": "\\u0000", "role": "qa"}',
        b"\xff\xfe",
    ):
        headers = {"Content-Type": "application/json"}
        answer = client.post("/api/people", content=content, headers=headers)
        assert answer.status_code in (400, 422), content
        assert answer.json()["detail"]
