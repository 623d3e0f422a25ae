"""Customers and causes on the site: what is counted, who sees it, what the pages say."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import delete, func, select

from pipeline.causes import find_causes
from pipeline.records import (
    CallResult,
    CriterionResult,
    Evidence,
    Flag,
    Hold,
    Sound,
    Span,
    Turn,
)
from pipeline.review.cause_figures import find_cause, list_causes
from pipeline.review.customers import Wanted, find_customer, find_customers
from pipeline.review.people import Person
from pipeline.review_tables import AuditRow, ContactRow, PromiseRow, StatementRow
from pipeline.store import Store
from pipeline.tables import CallRow, ResultRow
from tests.review.conftest import JUDGING, TEAMS, People

PATHS = ("/customers", "/customers/cu-1", "/causes", "/causes/1")
LOST = ("My parcel never arrived.", "The package I ordered has not arrived.", "No parcel arrived!")


@pytest.fixture
def keep_call(store: Store, make_result: Callable[..., CallResult]) -> Callable[..., int]:
    return keeper(store, make_result)


def keeper(store: Store, make_result: Callable[..., CallResult]) -> Callable[..., int]:
    """Stores a call of a customer: ``day`` of May 2026, a promise, what was the matter, flags."""

    def kept(
        call_id: str,
        day: int | None,
        customer_id: str | None = "cu-1",
        *,
        promised: str | None = None,
        matter: str | None = None,
        flags: tuple[str, ...] = (),
        team: str = "returns",
        direction: str = "inbound",
        held_s: float = 0.0,
    ) -> int:
        result = make_result(
            call_id,
            agent_id=TEAMS[team],
            team=team,
            customer_id=customer_id,
            direction=direction,
            started_at=None if day is None else f"2026-05-{day:02}T10:00:00Z",
        )
        follow_up, solve = [], []
        if matter is not None:
            solve.append(Evidence("customer", 1.0, 2.0, matter, "complaint"))
            solve.append(Evidence("agent", 4.0, 5.0, f"I sent a new one ({call_id})", "solution"))
        if promised is not None:
            follow_up.append(Evidence("agent", 8.0, 9.0, promised, "next step"))
        criteria = (
            CriterionResult("solve", "met", 20.0, 20.0, 0.9, "Did.", tuple(solve)),
            CriterionResult("follow_up", "met", 20.0, 20.0, 0.9, "Did.", tuple(follow_up)),
        )
        holds = (Hold(10.0, 10.0 + held_s, True, True, True, False),) if held_s else ()
        facts = replace(
            result.facts,
            language="en",
            turns=(Turn("agent", promised or "Hello", 8.0, 9.0),),
            sound=Sound(holds=holds, dead_air=(Span(1.0, 13.0),)),
        )
        card = replace(
            result.scorecard, criteria=criteria, flags=tuple(Flag(name) for name in flags)
        )
        number = store.keep_result(
            replace(result, facts=facts, scorecard=card),
            call_id.encode().hex().ljust(64, "0"),
            f"/{call_id}.wav",
            JUDGING,
            call_id_given=True,
        )
        with store.read() as session:
            return session.get_one(ResultRow, number).call

    return kept


@pytest.fixture
def as_(people: People, signed_in: Callable[..., TestClient]) -> Callable[..., TestClient]:
    """A client of the site as one of the people."""
    assert len(list(people)) == 4
    return signed_in


def customers(client: TestClient, **query: object) -> list[dict]:
    answer = client.get("/api/customers", params={"days": 366} | query)
    assert answer.status_code == 200, answer.text
    return answer.json()["customers"]


@pytest.mark.parametrize("order", [(1, 2, 3), (3, 1, 2), (2, 3, 1)])
def test_repeat_contacts_do_not_depend_on_the_order_of_scoring(as_, keep_call, order):
    days = {1: 1, 2: 4, 3: 20}  # three days, then more than a week
    for number in order:
        keep_call(f"c-{number}", days[number])
    (line,) = customers(as_("qa"))
    assert (line["calls"], line["repeats"], line["again"]) == (3, 1, 0)


def test_a_call_by_the_company_is_no_repeat_contact(as_, keep_call):
    keep_call("c-1", 1)
    keep_call("c-2", 2, direction="outbound")
    assert customers(as_("qa"))[0]["repeats"] == 0


def test_calls_whose_time_nobody_said_are_not_compared(as_, keep_call):
    keep_call("c-1", None)
    keep_call("c-2", None)
    assert customers(as_("qa"))[0]["repeats"] == 0


def test_calling_again_after_a_promise_was_due(as_, keep_call):
    keep_call("kept", 1, "cu-1", promised="I will call you back tomorrow")
    keep_call("early", 2, "cu-1")  # it is not over yet
    keep_call("broken", 1, "cu-2", promised="I will call you back tomorrow")
    keep_call("after", 4, "cu-2")
    found = {line["customer_id"]: line["again"] for line in customers(as_("qa"))}
    assert found == {"cu-1": 0, "cu-2": 1}
    promise = as_("qa").get("/api/customers/cu-2").json()["promises"][0]
    assert (promise["due"], promise["overdue"]) == ("2026-05-02T23:59:59Z", True)
    assert promise["after"]["call_id"] == "after"
    promise = as_("qa").get("/api/customers/cu-1").json()["promises"][0]
    assert (promise["early"]["call_id"], promise["after"]) == ("early", None)


def test_a_changed_customer_id_counts_for_the_new_one_only(as_, keep_call):
    keep_call("c-1", 1)
    keep_call("c-2", 2)
    keep_call("c-2", 2, "cu-2")
    found = {line["customer_id"]: line["repeats"] for line in customers(as_("qa"))}
    assert found == {"cu-1": 0, "cu-2": 0}
    keep_call("c-1", 1, None)
    assert [line["customer_id"] for line in customers(as_("qa"))] == ["cu-2"]


def test_the_neediest_come_first_and_are_found_by_their_id(as_, keep_call):
    keep_call("a-1", 9, "quiet")
    keep_call("b-1", 1, "loud", flags=("abusive_customer",))
    keep_call("c-1", 1, "again", flags=("repeat_contact", "asks_manager"), held_s=40.0)
    client = as_("admin")
    assert [line["customer_id"] for line in customers(client)] == ["again", "loud", "quiet"]
    first, second, _ = customers(client)
    assert (first["need"], first["repeats"], first["upset"], first["hold_s"]) == (2, 1, 1, 40.0)
    assert (first["dead_air"], first["dead_air_s"]) == (1, 12.0)
    assert (second["abusive"], second["need"]) == (1, 1)
    assert [line["customer_id"] for line in customers(client, q="LOU")] == ["loud"]
    assert customers(client, q="100%") == []
    assert [line["customer_id"] for line in customers(client, days=3)] == ["quiet"]


def test_a_supervisor_sees_their_teams_and_counts_only_those(as_, keep_call):
    keep_call("mine", 4, promised="I'll send it today")
    keep_call("theirs", 1, team="billing")
    keep_call("theirs-too", 6, team="billing")
    other = keep_call("other", 2, "cu-9", team="billing", promised="a secret promise")
    client = as_("supervisor")
    (line,) = customers(client)
    assert (line["customer_id"], line["calls"], line["repeats"], line["again"]) == ("cu-1", 1, 0, 0)
    page = client.get("/api/customers/cu-1").json()
    assert [found["call"]["call_id"] for found in page["calls"]] == ["mine"]
    assert page["promises"][0]["after"] is None
    assert client.get("/api/customers/cu-9").status_code == 404
    assert client.get("/customers/cu-9").status_code == 404
    assert "theirs" not in client.get("/customers/cu-1").text
    everything = customers(as_("qa"))
    assert {line["customer_id"]: line["calls"] for line in everything} == {"cu-1": 3, "cu-9": 1}
    assert other


@pytest.mark.parametrize(
    "path",
    [f"{api}{path}" for api in ("", "/api") for path in PATHS],
)
def test_agents_see_none_of_it(as_, keep_call, path):
    keep_call("c-1", 1)
    assert as_("agent").get(path).status_code == 403
    assert as_(None).get(path, follow_redirects=False).status_code in (303, 401)


def test_the_page_of_a_customer_says_what_is_known(as_, keep_call):
    keep_call("c-1", 1, "a/b & c", promised="I will call you back tomorrow", held_s=65.0)
    keep_call("c-2", 4, "a/b & c", promised="I'll look into it", flags=("repeat_contact",))
    listed = as_("qa").get("/customers", params={"days": 366})
    assert '<a href="/customers/a/b%20%26%20c">' in listed.text
    page = as_("qa").get("/customers/a/b%20%26%20c").text
    for said in (
        "no time said",
        "02 May 2026 23:59",
        "time passed",
        "3 days after the one before; said it was not the first time",
        "1:05",
        "#t=8.0",
    ):
        assert said in page, said


def test_looking_at_a_customer_is_noted(as_, keep_call, store):
    keep_call("c-1", 1)
    as_("qa").get("/customers/cu-1")
    with store.read() as session:
        assert session.scalar(select(AuditRow.what).order_by(AuditRow.id.desc())) == "customer cu-1"


def test_deleting_a_call_deletes_what_was_kept_of_it(store, keep_call):
    first = keep_call("c-1", 1, promised="I'll call you tomorrow", matter=LOST[0])
    second = keep_call("c-2", 2)
    with store.write() as session:
        assert session.get_one(ContactRow, second).previous == first
    with store.write() as session:
        session.execute(delete(CallRow).where(CallRow.id == first))
    with store.read() as session:
        assert session.get_one(ContactRow, second).previous is None
        for table in (PromiseRow, StatementRow):
            assert session.scalar(select(func.count()).select_from(table)) == 0


@pytest.mark.parametrize("kind", ["customers", "causes"])
def test_nothing_there_yet(as_, kind):
    page = as_("qa").get(f"/{kind}")
    assert page.status_code == 200
    assert ("customer_id" if kind == "customers" else "callscore causes") in page.text
    assert as_("qa").get(f"/api/{kind}").json()["total"] == 0


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/customers?days=0", 422),
        ("/customers?page=x", 422),
        ("/customers/nobody", 404),
        ("/causes/99999999999", 422),
        ("/causes/12", 404),
        ("/causes?page=0", 422),
    ],
)
def test_bad_input_is_the_askers_fault(as_, path, status):
    client = as_("qa")
    assert client.get(path).status_code == status
    assert client.get(f"/api{path}").status_code == status


def test_causes_show_trend_quotes_and_solutions(as_, keep_call, store):
    for number, text in enumerate(LOST):
        keep_call(f"c-{number}", 1 + 10 * number, f"cu-{number}", matter=text)
    keep_call("alone", 3, "cu-9", matter="Is there parking at your shop?")
    find_causes(store)
    page = as_("qa").get("/api/causes").json()
    (cause,) = page["causes"]
    assert (cause["calls"], cause["complained"], cause["solve"]) == (3, 3, {"met": 3})
    assert [week["calls"] for week in cause["weeks"] if week["calls"]] == [1, 1, 1]
    assert page["looked"]["statements"] == 4
    whole = as_("qa").get(f"/api/causes/{cause['number']}").json()
    assert {quote["text"] for quote in whole["quotes"]} == set(LOST)
    assert len(whole["solutions"]) == 3
    shown = as_("qa").get(f"/causes/{cause['number']}").text
    assert LOST[0] in shown
    assert "I sent a new one (c-0)" in shown
    assert "#t=4.0" in shown
    assert "3 of 3" in as_("qa").get("/causes").text


def test_a_cause_is_shown_by_the_words_of_ones_own_calls(as_, keep_call, store):
    for number, text in enumerate(LOST):
        team = "returns" if number == 2 else "billing"
        keep_call(f"c-{number}", 1, f"cu-{number}", matter=text, team=team)
    find_causes(store)
    client = as_("supervisor")
    page = client.get("/api/causes").json()
    (cause,) = page["causes"]
    assert (cause["calls"], cause["quote"]["text"]) == (1, LOST[2])
    assert page["looked"]["statements"] is None
    shown = client.get(f"/causes/{cause['number']}").text
    assert LOST[0] not in shown
    assert "(c-0)" not in shown


def test_the_period_ends_with_the_newest_call(as_, keep_call):
    """Not today: what was recorded long ago is shown too."""
    keep_call("c-1", 1)
    assert len(customers(as_("qa"), days=1)) == 1


def test_either_database_answers_alike(database_url, make_result):
    admin = Person(1, "admin", "admin")
    supervisor = Person(2, "supervisor", "supervisor", ("returns",))
    with Store(database_url) as store:
        keep = keeper(store, make_result)
        for number, text in enumerate(LOST):
            team = "billing" if number == 0 else "returns"
            customer = f"CU-{number % 2}"
            keep(f"c-{number}", 1 + number, customer, matter=text, promised="Today", team=team)
        keep("c-9", 9, "CU-9", matter=LOST[0], flags=("asks_manager",))
        find_causes(store)
        first = keep("c-0", 1, "CU-0", matter=LOST[0], promised="Today", team="billing")
        for person, calls, repeats in ((admin, 2, 1), (supervisor, 1, 0)):
            with store.read() as session:
                found = find_customers(session, Wanted(q="cu-0"), person)
                (line,) = found.customers
                assert (line.calls, line.repeats, line.again) == (calls, repeats, repeats)
                assert len(find_customer(session, "CU-0", person).calls) == calls
                (cause,) = list_causes(session, person).causes
                assert cause.calls == calls + 2
                assert len(find_cause(session, cause.number, person).solutions) == calls + 2
        with store.write() as session:
            session.execute(delete(CallRow).where(CallRow.id == first))
        find_causes(store)
        with store.read() as session:
            assert [found.number for found in list_causes(session, admin).causes] == [cause.number]
