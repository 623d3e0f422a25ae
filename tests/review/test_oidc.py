"""Signing in through an OpenID provider, there and back."""

import re
import threading
import time
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
import uvicorn
from fastapi.testclient import TestClient
from playwright.sync_api import Browser, expect
from sqlalchemy import select

from pipeline.errors import SettingsError
from pipeline.review import audit
from pipeline.review.app import create_app
from pipeline.review.people import change_person, invite
from pipeline.review.site import Site
from pipeline.review_tables import PersonRow
from pipeline.settings import Settings, load_settings
from pipeline.store import Store
from tests.postgres import find_free_port
from tests.review import oidc_provider
from tests.review.conftest import SECRET, People, csrf
from tests.review.oidc_provider import Provider
from tests.review.oidc_visit import HOME, go, go_there, last_note, problem, with_oidc

pytest_plugins = ["tests.review.oidc_site"]


def subject_of(store: Store, name: str) -> str | None:
    with store.read() as session:
        return session.scalar(select(PersonRow.oidc_subject).where(PersonRow.name == name))


def test_nothing_is_there_unless_it_is_set(signed_in):
    client = signed_in(None)
    assert "oidc" not in client.get("/sign-in").text
    assert client.get("/sign-in/oidc").status_code == 404
    assert client.get("/sign-in/oidc/callback?code=a&state=b").status_code == 404


def test_the_provider_is_asked_when_somebody_goes_there_and_not_before(visitor, provider):
    client = visitor()
    page = client.get("/sign-in", params={"then": "/calls?q=refund"}).text
    assert provider.asked == []
    link = re.search(r'href="(/sign-in/oidc[^"]+)">Sign in with Example<', page)
    assert link is not None
    assert parse_qs(urlsplit(link[1]).query) == {"then": ["/calls?q=refund"]}
    go(client)
    assert provider.asked == ["/.well-known/openid-configuration", "/keys", "/authorize", "/token"]
    assert go(TestClient(client.app, base_url=HOME)).status_code == 303
    assert provider.asked[4:] == ["/authorize", "/token"]  # the rest is known by now
    assert client.get("/sign-in/oidc?then=/calls", follow_redirects=False).headers["location"] == (
        "/calls"
    )


def test_the_first_sign_in_binds_the_account_and_later_ones_go_by_it(visitor, provider, store):
    answer = go(visitor(), "/calls")
    assert (answer.status_code, answer.headers["location"]) == (303, "/calls")
    assert subject_of(store, "qa") == f"{provider.url} 248289"
    assert last_note(store) == ("sign in", "qa", "OpenID Connect")
    assert audit.read_log(store)[1].what == "bound the account to OpenID Connect"

    provider.user = {"sub": "248289", "email": "admin", "email_verified": True}
    client = visitor()
    assert go(client).status_code == 303
    assert "qa</a>" in client.get("/account").text
    assert subject_of(store, "admin") is None


def test_the_session_is_a_new_one(visitor):
    client = visitor()
    before = csrf(client.get("/sign-in").text)
    back = go_there(client)
    kept = client.cookies["callscore"]
    assert client.get(back, follow_redirects=False).status_code == 303
    assert client.cookies["callscore"] != kept
    assert csrf(client.get("/account").text) != before


@pytest.mark.parametrize("then", ["https://evil.example/", "//evil.example", "/\\evil.example"])
def test_one_comes_back_to_this_site(visitor, then):
    assert go(visitor(), then).headers["location"] == "/"


def test_an_unknown_name_gets_no_account(visitor, provider, store):
    provider.user["email"] = "eve@example.com"
    answer = go(visitor())
    assert answer.status_code == 403
    assert "no account for eve@example.com" in problem(answer)
    assert last_note(store) == ("failed sign in", "", "OpenID Connect: no account: eve@example.com")
    with store.read() as session:
        assert len(session.scalars(select(PersonRow)).all()) == 4


@pytest.mark.parametrize("name", ["QA", "qa ", "ｑａ"])
def test_a_name_that_is_nearly_the_same_is_another(visitor, provider, name):
    provider.user["email"] = name
    assert go(visitor()).status_code == 403


@pytest.mark.parametrize("verified", [False, None, "false", 1.5])
def test_an_address_that_is_not_verified_binds_nothing(visitor, provider, store, verified):
    provider.user["email_verified"] = verified
    answer = go(visitor())
    assert answer.status_code == 403
    assert "not verified" in problem(answer)
    assert subject_of(store, "qa") is None


def test_another_person_cannot_take_over_an_account_by_its_name(visitor, provider, store):
    assert go(visitor()).status_code == 303
    bound = subject_of(store, "qa")
    provider.user["sub"] = "666"
    answer = go(visitor())
    assert answer.status_code == 403
    assert "another person" in problem(answer)
    assert subject_of(store, "qa") == bound


def test_the_same_number_at_another_provider_is_another_person(visitor, settings, store):
    assert go(visitor()).status_code == 303
    with oidc_provider.provider() as other:
        other.user = {"sub": "248289", "email": "eve", "email_verified": True}
        client = TestClient(create_app(Site(store, with_oidc(settings, other), SECRET)))
        assert go(client).status_code == 403


def test_a_new_invitation_frees_the_account(visitor, provider, store, named):
    assert go(visitor()).status_code == 303
    invite(store, named.qa.id)
    provider.user["sub"] = "new"
    assert go(visitor()).status_code == 303
    assert subject_of(store, "qa") == f"{provider.url} new"


@pytest.mark.parametrize("bound_before", [False, True])
def test_a_closed_account_stays_closed(visitor, store, named, bound_before):
    if bound_before:
        assert go(visitor()).status_code == 303
    change_person(store, named.qa.id, "qa", (), None, active=False)
    client = visitor()
    answer = go(client)
    assert answer.status_code == 403
    assert "closed" in problem(answer)
    assert client.get("/account", follow_redirects=False).status_code == 303
    assert (subject_of(store, "qa") is not None) == bound_before


def test_another_claim_can_be_the_name(visitor, provider):
    provider.user = {"sub": "1", "preferred_username": "supervisor", "email": "qa"}
    client = visitor(oidc_name_claim="preferred_username")
    assert go(client).status_code == 303
    assert "supervisor</a>" in client.get("/account").text


def test_no_more_is_asked_for_than_is_used(visitor):
    def scope(client: TestClient) -> list[str]:
        begun = client.get("/sign-in/oidc", follow_redirects=False).headers["location"]
        return parse_qs(urlsplit(begun).query)["scope"]

    assert scope(visitor()) == ["openid email"]
    assert scope(visitor(oidc_name_claim="preferred_username")) == ["openid profile"]


def test_a_name_that_is_only_told_on_request(visitor, provider):
    provider.only_in_userinfo = True
    assert go(visitor()).status_code == 303
    assert provider.asked.count("/userinfo") == 1
    assert go(visitor()).status_code == 303
    assert provider.asked.count("/userinfo") == 1  # later ones need no name


def test_a_name_that_is_told_of_somebody_else(visitor, provider, store):
    provider.only_in_userinfo = True
    provider.userinfo = {"sub": "other"}
    assert go(visitor()).status_code == 403
    assert subject_of(store, "qa") is None


def test_a_name_that_is_told_nowhere(visitor, provider):
    provider.only_in_userinfo, provider.userinfo = True, {"email": None}
    assert "did not say who you are" in problem(go(visitor()))
    provider.discovery = {"userinfo_endpoint": None}
    assert "did not say who you are" in problem(go(visitor()))


def test_coming_back_with_another_state_or_to_another_browser_or_twice(visitor, store):
    client, other = visitor(), visitor()
    back = go_there(client)
    before = len(audit.read_log(store))
    wrong = back.replace("state=", "state=x")
    assert client.get(wrong, follow_redirects=False).status_code == 400
    assert other.get(back, follow_redirects=False).status_code == 400
    assert other.get("/sign-in/oidc/callback", follow_redirects=False).status_code == 400
    assert other.get("/sign-in/oidc/callback?state=ä&code=1").status_code == 400
    assert len(audit.read_log(store)) == before
    answer = client.get(back, follow_redirects=False)
    assert answer.status_code == 303
    again = client.get(back, follow_redirects=False)
    assert (again.status_code, again.headers["location"]) == (303, "/")


def test_taking_too_long(visitor, monkeypatch):
    client = visitor()
    back = go_there(client)
    monkeypatch.setattr("pipeline.review.oidc.FLOW_LASTS_S", 0.0)
    answer = client.get(back, follow_redirects=False)
    assert answer.status_code == 400
    assert "too long ago" in problem(answer)


def test_the_code_of_another_sign_in_is_of_no_use(visitor):
    """PKCE: who got hold of a code lacks what it was asked for with."""
    client, thief = visitor(), visitor()
    code = parse_qs(urlsplit(go_there(client)).query)["code"][0]
    state = parse_qs(urlsplit(go_there(thief)).query)["state"][0]
    answer = thief.get(f"/sign-in/oidc/callback?state={state}&code={code}", follow_redirects=False)
    assert answer.status_code == 403


def test_behind_a_proxy_one_comes_back_to_its_address(visitor):
    def address(**changed: object) -> str:
        begun = visitor(**changed).get("/sign-in/oidc", follow_redirects=False)
        return parse_qs(urlsplit(begun.headers["location"]).query)["redirect_uri"][0]

    assert address() == f"{HOME}/sign-in/oidc/callback"
    assert address(site_url="https://calls.example.com") == (
        "https://calls.example.com/sign-in/oidc/callback"
    )


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"oidc_issuer": "https://a.example"}, "give oidc_client_id too"),
        ({"oidc_issuer": "http://a.example", "oidc_client_id": "c"}, "match"),
        ({"oidc_issuer": "http://localhost.evil.example", "oidc_client_id": "c"}, "match"),
        ({"oidc_name_claim": "e mail"}, "match"),
    ],
)
def test_settings_that_cannot_work(given, expected):
    with pytest.raises(SettingsError, match=expected):
        load_settings(**given)


def test_the_secret_is_not_repeated(monkeypatch):
    monkeypatch.setenv("CALLSCORE_OIDC_CLIENT_ID", "c")
    monkeypatch.setenv("CALLSCORE_OIDC_CLIENT_SECRET", "hush")
    monkeypatch.setenv("CALLSCORE_OIDC_ISSUER", "https://login.example.com/realms/staff")
    assert "hush" not in repr(load_settings())


@pytest.fixture
def live(store: Store, settings: Settings, named: People, provider: Provider) -> Iterator[str]:
    """The site on a port of localhost; the provider, on 127.0.0.1, is another site to a browser."""
    del named
    port = find_free_port()
    app = create_app(Site(store, with_oidc(settings, provider), SECRET))
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    yield f"http://localhost:{port}"
    server.should_exit = True
    thread.join(timeout=10)


def test_in_a_real_browser(live: str, provider: Provider, browser: Browser):
    """There by the button and back by a link of the other site; then a link from there again."""
    provider.asks = True
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{live}/calls")
    page.get_by_role("link", name="Sign in with Example").click()
    expect(page.get_by_role("heading", name="Provider")).to_be_visible()
    page.get_by_role("link", name="Continue").click()
    page.wait_for_url(f"{live}/calls")
    expect(page.get_by_role("link", name="qa", exact=True)).to_be_visible()

    page.goto(f"{provider.url}/nothing")
    page.set_content(f'<a href="{live}/account">From elsewhere</a>')
    page.get_by_role("link", name="From elsewhere").click()
    page.wait_for_url(f"{live}/account")
    context.close()


def test_another_site_cannot_use_the_session(live: str, provider: Provider, browser: Browser):
    """A form that it sends has no session with it, so nothing happens."""
    provider.asks = True
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{live}/sign-in")
    page.get_by_role("link", name="Sign in with Example").click()
    page.get_by_role("link", name="Continue").click()
    page.wait_for_url(f"{live}/")
    page.goto(f"{provider.url}/nothing")
    page.set_content(
        f'<form method="post" action="{live}/account/tokens"><input name="label" value="x">'
        '<input name="scopes" value="see"><button>Win</button></form>'
    )
    with page.expect_response(f"{live}/account/tokens") as sent:
        page.get_by_role("button", name="Win").click()
    assert sent.value.status in (401, 403) or "/sign-in" in page.url
    assert "callscore=" not in (sent.value.request.all_headers().get("cookie") or "")
    context.close()
