"""What the OpenID provider answers, when that is not what it should be."""

import time

import pytest
from joserfc.jwk import OctKey

from pipeline.review.people import accept, invite
from tests.postgres import find_free_port
from tests.review.conftest import PASSWORD, csrf
from tests.review.oidc_provider import CLIENT_ID, CLIENT_SECRET, make_key
from tests.review.oidc_visit import go, go_there, last_note, problem

pytest_plugins = ["tests.review.oidc_site"]


@pytest.mark.parametrize(
    ("wrong", "noted"),
    [
        ({"aud": "another-site"}, "invalid_claim: aud"),
        ({"aud": ["another-site"]}, "invalid_claim: aud"),
        ({"aud": [CLIENT_ID, "another-site"], "azp": "another-site"}, "invalid_claim: azp"),
        ({"iss": "https://evil.example"}, "invalid_claim: iss"),
        ({"nonce": "of another sign-in"}, "invalid_claim: nonce"),
        ({"nonce": None}, "missing_claim: nonce"),
        ({"exp": int(time.time()) - 3600}, "expired_token: exp"),
        ({"exp": None}, "missing_claim: exp"),
        ({"iat": int(time.time()) + 3600}, "invalid_claim: iat"),
        ({"sub": None}, "missing_claim: sub"),
        ({"sub": 7}, "invalid_claim: sub"),
        ({"sub": ""}, "sub"),
        ({"sub": "9" * 256}, "sub"),
        ({"at_hash": "bm90IHRoaXMgdG9rZW4"}, "invalid_claim: at_hash"),
    ],
)
def test_a_token_that_does_not_hold_signs_nobody_in(visitor, provider, store, wrong, noted):
    provider.token = wrong
    client = visitor()
    answer = go(client)
    assert answer.status_code == 403
    assert "does not hold" in problem(answer)
    assert last_note(store) == ("failed sign in", "", f"OpenID Connect: {noted}")
    assert client.get("/account", follow_redirects=False).status_code == 303


def test_a_token_signed_by_another(visitor, provider, store):
    provider.signs_with = make_key()
    assert go(visitor()).status_code == 403
    assert last_note(store)[2] == "OpenID Connect: bad_signature"


@pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning")
@pytest.mark.parametrize("algorithm", ["none", "HS256"])
def test_a_token_that_anybody_could_have_signed(visitor, provider, store, algorithm):
    provider.algorithm = algorithm
    provider.signs_with = OctKey.import_key(CLIENT_SECRET)
    assert go(visitor()).status_code == 403
    assert last_note(store)[2] == "OpenID Connect: unsupported_algorithm"


def test_new_keys_of_the_provider_are_fetched(visitor, provider):
    client = visitor()
    back = go_there(client)
    provider.key = make_key()
    assert client.get(back, follow_redirects=False).status_code == 303


@pytest.mark.parametrize(
    "answer",
    [
        b'{"error": "invalid_grant", "error_description": "\xc3\xa4"}',
        b'{"error": ["x"]}',
        b"{}",
        b'{"id_token": 7, "access_token": "a"}',
        b'{"id_token": "no token", "access_token": "a"}',
        b'{"id_token": "a.b.c.d.e", "access_token": "a"}',
        b'{"id_token": "e30.e30.", "access_token": "a"}',
        b'{"id_token": "\xc3\xa4.\xc3\xa4.\xc3\xa4", "access_token": "a"}',
        b"[]",
        b"<html>",
    ],
)
def test_an_answer_that_cannot_be_read(visitor, provider, answer):
    provider.token_answer = (200, answer)
    assert go(visitor()).status_code in (403, 503)


def test_the_provider_denies_it(visitor, provider, store):
    provider.denies = "access_denied"
    answer = go(visitor())
    assert answer.status_code == 403
    assert "access_denied" in problem(answer)
    assert last_note(store)[2] == "OpenID Connect: access_denied"
    provider.denies = "<script>alert(1)</script>"
    assert "(unknown error)" in problem(go(visitor()))


def test_what_the_provider_keeps_secret_is_sent_as_it_likes(visitor, provider):
    provider.discovery = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
    assert go(visitor()).status_code == 303
    provider.secret = "changed"
    assert "invalid_client" in problem(go(visitor()))
    provider.secret = None
    assert go(visitor(oidc_client_secret=None)).status_code == 303


@pytest.mark.parametrize("path", ["/.well-known/openid-configuration", "/keys"])
@pytest.mark.parametrize("status", [404, 500, 200])
def test_a_provider_that_is_ill_is_a_503_and_passwords_still_work(
    visitor, provider, store, named, path, status
):
    accept(store, invite(store, named.qa.id), PASSWORD)
    provider.broken = {path: status}
    client = visitor()
    answer = client.get("/sign-in/oidc?then=/calls", follow_redirects=False)
    assert answer.status_code == 503
    assert "try again later" in problem(answer)
    assert last_note(store)[:2] == ("failed sign in", "")
    form = {"csrf": csrf(answer.text), "name": "qa", "password": PASSWORD, "then": "/calls"}
    assert client.post("/sign-in", data=form, follow_redirects=False).status_code == 303
    provider.broken = {}
    assert go(visitor()).status_code == 303


def test_a_provider_that_goes_away_in_between(visitor, provider, store):
    client = visitor()
    back = go_there(client)
    provider.token_answer = (502, b"<html>Bad gateway</html>")
    assert client.get(back, follow_redirects=False).status_code == 503
    assert "HTTPStatusError" in last_note(store)[2]
    provider.token_answer = None
    assert client.get(back, follow_redirects=False).status_code == 400  # its state is used up
    assert go(client).status_code == 303


def test_a_provider_that_is_not_there(visitor):
    client = visitor(oidc_issuer=f"http://127.0.0.1:{find_free_port()}")
    answer = client.get("/sign-in/oidc", follow_redirects=False)
    assert answer.status_code == 503
    assert "ConnectError" in problem(answer)


def test_a_provider_that_calls_itself_something_else(visitor, provider):
    provider.discovery = {"issuer": "https://evil.example"}
    answer = visitor().get("/sign-in/oidc", follow_redirects=False)
    assert answer.status_code == 503
    assert "calls itself https://evil.example" in problem(answer)


def test_a_slash_at_the_end_of_its_name_makes_no_difference(visitor, provider):
    assert go(visitor(oidc_issuer=provider.url + "/")).status_code == 303
