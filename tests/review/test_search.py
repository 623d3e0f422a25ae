"""Finding calls, and taking what was found elsewhere."""

import csv
import io
import json

import pyarrow.parquet
import pytest

from pipeline.records import Turn
from pipeline.review.corrections import correct, dispute
from pipeline.review.people import Person, make_token
from pipeline.review.search import PAGE, Filter, choices, find_calls
from pipeline.store import Store
from tests.review.conftest import JUDGING

ADMIN = Person(1, "admin", "admin")


def ids(store, person=ADMIN, **wanted):
    return [call.call_id for call in find_calls(store, Filter(**wanted), person).calls]


@pytest.fixture
def spoken(database_url, make_result):
    """A database of either kind, with calls of these words."""
    said = {
        "refund": "I want a refund for the broken kettle",
        "refunded": "You have been refunded already",
        "café": "The café was closed; it's ridiculous",
        "other": "Good morning, how can I help?",
    }
    with Store(database_url) as store:
        for name, words in said.items():
            result = make_result(name, turns=(Turn("customer", words, 0.0, 4.0),))
            sha256 = name.encode().hex().ljust(64, "0")
            store.keep_result(result, sha256, f"/{name}", JUDGING, call_id_given=True)
        yield store


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("refund", {"refund", "refunded"}),
        ("REFUND kettle", {"refund"}),
        ('"broken kettle"', {"refund"}),
        ('"kettle broken"', set()),
        ("ridiculous", {"café"}),
        ("café", {"café"}),
        ("nothing", set()),
        ("  ", {"refund", "refunded", "café", "other"}),
        ('"', {"refund", "refunded", "café", "other"}),
        ("kettle OR morning", set()),
        ("refund*", {"refund", "refunded"}),
        ("NEAR(refund kettle)", set()),
        ("words:refund -kettle", set()),
    ],
)
def test_words(spoken, query, found):
    assert set(ids(spoken, q=query)) == found


def test_a_match_is_shown_with_its_moment(spoken):
    (call,) = find_calls(spoken, Filter(q="kettle"), ADMIN).calls
    assert (call.snippet.role, call.snippet.start_s, call.snippet.match) == (
        "customer",
        0.0,
        "kettle",
    )
    assert call.snippet.before == "I want a refund for the broken"


@pytest.mark.parametrize(
    ("query", "match", "before", "after"),
    [("name", "[name]", "I am", "today"), ("birth", "[birth date]", "today born", "")],
)
def test_a_stand_in_is_shown_as_one_word(store, make_result, query, match, before, after):
    said = "I am [name] today born [birth date]"
    result = make_result(turns=(Turn("customer", said, 0.0, 1.0),))
    store.keep_result(result, "cd" * 32, "/s.wav", JUDGING, call_id_given=True)
    (call,) = find_calls(store, Filter(q=query), ADMIN).calls
    assert call.snippet.match == match
    assert call.snippet.before.endswith(before)
    assert call.snippet.after.startswith(after)


def test_words_of_a_call_scored_again_are_the_new_ones(store, make_result):
    for words in ("kettle", "toaster"):
        result = make_result(turns=(Turn("customer", words, 0.0, 1.0),))
        store.keep_result(result, "ab" * 32, "/a", JUDGING, call_id_given=True)
    assert (ids(store, q="kettle"), ids(store, q="toaster")) == ([], ["c1"])


def test_filters(store, people, keep):
    first = keep("c1", score=30.0, started_at="2026-05-01T10:00:00Z", queue="q1", customer_id="k")
    keep("c2", score=90.0, started_at="2026-05-02T23:30:00Z", team="billing", flags=("long_hold",))
    keep("c3", score=None, started_at="2026-05-03T00:00:00Z")
    assert ids(store) == ["c3", "c2", "c1"]
    assert ids(store, sort="oldest") == ["c1", "c2", "c3"]
    assert ids(store, sort="lowest") == ["c1", "c2", "c3"]
    assert ids(store, sort="highest") == ["c2", "c1", "c3"]
    assert ids(store, since="2026-05-02", until="2026-05-02") == ["c2"]
    assert ids(store, score_from=90, score_to=100) == ["c2"]
    assert ids(store, team="billing") == ids(store, agent="ag-2") == ["c2"]
    assert ids(store, queue="q1") == ids(store, customer="k") == ids(store, call_id="c1") == ["c1"]
    assert ids(store, flag="long_hold") == ids(store, state="flagged") == ["c2"]
    assert ids(store, flag="long") == []
    assert ids(store, criterion="solve", answer="cannot_tell") == ["c3", "c2", "c1"]
    assert ids(store, criterion="solve", answer="met") == ids(store, answer="missed") == []
    correct(store, first, "solve", "missed", "No.", people.qa)
    assert ids(store, answer="missed") == ids(store, state="corrected") == ["c1"]
    dispute(store, first, "solve", "met", "Yes.", people.agent, 7)
    assert ids(store, state="disputed") == ["c1"]


def test_everybody_finds_their_own_calls_only(store, people, keep):
    keep("c1")
    keep("c2", team="billing")
    assert {person.role: ids(store, person) for person in people} == {
        "admin": ["c2", "c1"],
        "qa": ["c2", "c1"],
        "supervisor": ["c1"],
        "agent": ["c1"],
    }
    assert choices(store, people.supervisor).agents == ("ag-1",)
    assert ids(store, Person(9, "nobody", "agent")) == []


def test_pages(store, keep):
    for n in range(PAGE + 1):
        keep(f"c{n:03}", started_at="2026-05-01T10:00:00Z")
    first, second = (find_calls(store, Filter(page=page), ADMIN) for page in (1, 2))
    assert (first.total, first.more, first.pages) == (PAGE + 1, False, 2)
    assert len(first.calls) == PAGE
    assert [call.call_id for call in second.calls] == ["c000"]
    assert find_calls(store, Filter(page=3), ADMIN).calls == ()


@pytest.mark.usefixtures("people")
def test_exports_hold_what_is_shown(signed_in, keep):
    number = keep("c1", agent_name="=HYPERLINK(1)", score=80.0)
    keep("c2", team="billing")
    qa, supervisor = signed_in("qa"), signed_in("supervisor")
    rows = supervisor.get("/calls/export.json").json()
    assert [(row["number"], row["call_id"], row["answer_solve"]) for row in rows] == [
        (number, "c1", "cannot_tell")
    ]
    lines = list(csv.DictReader(io.StringIO(qa.get("/calls/export.csv?sort=oldest").text)))
    assert [line["call_id"] for line in lines] == ["c1", "c2"]
    assert lines[0]["agent_name"] == "'=HYPERLINK(1)"
    table = pyarrow.parquet.read_table(io.BytesIO(qa.get("/calls/export.parquet").content))
    assert table.column("score").to_pylist() == [80.0, 80.0]
    assert table.column("agent_name").to_pylist() == [None, "=HYPERLINK(1)"]
    assert json.loads(qa.get("/calls/export.json?q=nothing").text) == []


@pytest.mark.usefixtures("people")
def test_a_search_can_be_saved_and_found_again(signed_in, keep):
    keep("c1")
    qa = signed_in("qa")
    form = {"name": "Low & returns", "query": "team=returns&sort=lowest"}
    page = qa.post("/views", data=form).text
    assert "/calls?team=returns&amp;sort=lowest" in page
    assert "Low &amp; returns" in page
    assert "Low &amp; returns" not in signed_in("supervisor").get("/calls").text
    assert qa.post("/views/1/remove").status_code == 200
    assert qa.post("/views/1/remove").status_code == 404


@pytest.mark.usefixtures("people")
def test_who_the_customer_is_agents_cannot_guess(signed_in, keep):
    keep("c1", customer_id="cu-7")
    assert signed_in("agent").get("/calls?customer=cu-7").status_code == 403
    assert "c1" in signed_in("supervisor").get("/calls?customer=cu-7").text


def test_a_key_tells_no_more_of_customers_than_its_scopes(signed_in, store, people, keep):
    keep("c1", customer_id="cu-7")
    told = []
    for scopes in (["see"], ["see", "customers"]):
        _, key = make_token(store, people.supervisor, "test", scopes, 1)
        program = signed_in(None)
        program.headers["Authorization"] = f"Bearer {key}"
        told.append(program.get("/api/calls").json()["calls"][0]["customer_id"])
    assert told == [None, "cu-7"]
