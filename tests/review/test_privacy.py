"""The page of privacy, and what administrators do on the page of a call."""

from collections.abc import Callable

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from pipeline.deletion.retention import Ages, purge_old
from pipeline.privacy_tables import LegalHoldRow, ReceiptRow
from pipeline.review.app import create_app
from pipeline.review.people import make_token
from pipeline.review.site import Site
from pipeline.review_tables import AuditRow
from pipeline.tables import CallRow, utc_now
from tests.review.conftest import PASSWORD, SECRET, People, csrf

Keep = Callable[..., int]
SignedIn = Callable[..., TestClient]
CALL_ID = "planted-call-77"


def calls(site: Site) -> list[str]:
    with site.store.read() as session:
        return sorted(session.scalars(select(CallRow.call_id)))


def test_a_call_is_held_lifted_and_forgotten_from_its_page(
    site: Site, people: People, signed_in: SignedIn, keep: Keep
) -> None:
    number, other = keep(CALL_ID), keep("other")
    admin = signed_in(people.admin.name)
    for name in ("qa", "supervisor", "agent"):
        page = signed_in(name).get(f"/calls/{number}").text
        assert "/forget" not in page
        assert 'href="/privacy"' not in page
    held = admin.post(f"/calls/{number}/hold", data={"reason": "Claim 17."})
    assert "under legal hold" in held.text
    assert "Claim 17." in held.text
    assert f'action="/calls/{number}/forget"' not in held.text
    listed = admin.get("/privacy").text
    assert CALL_ID in listed
    assert "Claim 17." in listed
    refused = admin.post(f"/calls/{number}/forget", data={"confirm": CALL_ID})
    assert refused.status_code == 400
    assert calls(site) == ["other", CALL_ID]
    admin.post(f"/calls/{number}/lift")
    wrong = admin.post(f"/calls/{number}/forget", data={"confirm": "planted"})
    assert wrong.status_code == 400
    done = admin.post(f"/calls/{number}/forget", data={"confirm": CALL_ID})
    assert f"call {CALL_ID} is forgotten" in done.text
    assert "nothing else of it is left" in done.text
    assert calls(site) == ["other"]
    assert admin.get(f"/calls/{number}").status_code == 404
    assert admin.get(f"/calls/{other}").status_code == 200
    later = admin.get("/privacy").text
    assert CALL_ID not in later
    assert "nothing left" in later
    with site.store.read() as session:
        receipt = session.scalars(select(ReceiptRow)).one()
        said = session.scalars(select(AuditRow.what).where(AuditRow.action == "change")).all()
        ids = session.scalars(select(AuditRow.call_id)).all()
    assert receipt.person_name == people.admin.name
    assert "set a legal hold" in said
    assert f"forgot a call: receipt {receipt.id}" in said
    assert CALL_ID not in ids
    assert receipt.id in ids


def test_programs_do_the_same(site: Site, people: People, keep: Keep, signed_in: SignedIn) -> None:
    number = keep(CALL_ID)
    _, key = make_token(site.store, people.admin, "test", ["manage"], 1)
    client = signed_in(None)
    client.headers["Authorization"] = f"Bearer {key}"
    assert client.post(f"/api/calls/{number}/hold", json={"reason": "Claim."}).status_code == 204
    (held,) = client.get("/api/privacy").json()["holds"]
    assert (held["call"], held["call_id"], held["reason"]) == (number, CALL_ID, "Claim.")
    body = {"confirm": CALL_ID}
    assert client.post(f"/api/calls/{number}/forget", json=body).status_code == 400
    assert client.post(f"/api/calls/{number}/lift").status_code == 204
    assert client.post(f"/api/calls/{number}/lift").status_code == 400
    forgotten = client.post(f"/api/calls/{number}/forget", json=body).json()
    assert forgotten["receipt"]["clean"]
    assert forgotten["receipt"]["removed"]["calls"] == 1
    assert CALL_ID in forgotten["lines"][0]
    shown = client.get("/api/privacy").json()
    assert shown["receipts"][0]["id"] == forgotten["receipt"]["id"]
    assert shown["ages"] == {"recordings": None, "words": None, "calls": None}
    assert calls(site) == []


@pytest.mark.usefixtures("people")
def test_the_ages_in_force_are_shown(site: Site) -> None:
    settings = site.settings.model_copy(
        update={"keep_audio_days": 30, "keep_transcripts_days": 90, "keep_scores_days": 365}
    )
    client = TestClient(create_app(Site(site.store, settings, SECRET)), "http://localhost")
    form = {"csrf": csrf(client.get("/sign-in").text), "name": "admin", "password": PASSWORD}
    client.post("/sign-in", data=form)
    page = client.get("/privacy").text
    for said in ("cut from them: 30 days", "Words: 90 days", "their scores: 365 days"):
        assert said in page


def test_a_call_without_its_words_opens_and_says_so(
    site: Site, people: People, signed_in: SignedIn, keep: Keep
) -> None:
    number = keep(CALL_ID, started_at="2020-01-01T00:00:00Z")
    admin = signed_in(people.admin.name)
    assert "Hello" in admin.get(f"/calls/{number}").text
    purge_old(site.store, site.settings, Ages(words=utc_now() - utc_now().replace(year=2025)))
    page = admin.get(f"/calls/{number}")
    assert page.status_code == 200
    assert "The words of this call were deleted" in page.text
    assert "Hello" not in page.text
    assert "80.0" in page.text
    assert admin.get("/calls?q=hello").text.count(CALL_ID) == 0
    assert admin.get(f"/api/calls/{number}").json()["result"]["words_deleted_at"]


def test_a_hold_goes_with_nothing_but_its_lifting(
    site: Site, people: People, keep: Keep, signed_in: SignedIn
) -> None:
    """Scored anew, a call that is held stays held."""
    number = keep(CALL_ID)
    signed_in(people.admin.name).post(f"/calls/{number}/hold", data={"reason": "Claim."})
    assert keep(CALL_ID, score=10.0) == number
    with site.store.read() as session:
        assert session.scalars(select(LegalHoldRow.call)).all() == [number]
