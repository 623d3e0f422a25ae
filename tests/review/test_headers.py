"""Cookies, headers, addresses and bodies: what the site lets in and lets out."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fastapi import APIRouter
from fastapi.testclient import TestClient

from pipeline.review import app as app_module
from pipeline.review.access import Viewer
from pipeline.review.app import HEADERS, LARGEST_BODY, create_app
from pipeline.review.people import (
    list_people,
    make_token,
)
from pipeline.review.site import Site
from pipeline.settings import Settings
from pipeline.store import Store
from tests.review.conftest import PASSWORD, SECRET, People, csrf

SignedIn = Callable[..., TestClient]
CHUNK = 64 * 1024  # bytes


@pytest.mark.parametrize("https", [False, True])
def test_the_cookie_keeps_to_itself(site: Site, https: bool) -> None:
    scheme = "https" if https else "http"
    client = TestClient(create_app(site, https=https), base_url=f"{scheme}://localhost")
    cookie = client.get("/sign-in").headers["set-cookie"]
    assert "httponly" in cookie.lower()
    assert re.search("samesite=lax", cookie.lower())
    assert ("secure" in cookie.lower()) == https
    assert cookie.startswith("__Host-" if https else "callscore=")
    assert "path=/" in cookie.lower()
    assert "domain" not in cookie.lower()


@pytest.mark.usefixtures("people")
def test_a_made_up_cookie_opens_nothing(site: Site, signed_in: SignedIn) -> None:
    real = signed_in("admin").cookies["callscore"]
    elsewhere = TestClient(create_app(Site(site.store, site.settings, "t" * 48)))
    for cookie in (real, real[:-2], real.replace(".", "", 1), "x"):
        headers = {"Cookie": f"callscore={cookie}"}
        assert elsewhere.get("/api/me", headers=headers).status_code == 401


@pytest.mark.parametrize(
    "then",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example/",
        "\\\\evil.example/",
        "/\t/evil.example/",
        "/\n/evil.example/",
        "javascript:alert(1)",
        " //evil.example/",
        "evil.example",
    ],
)
@pytest.mark.usefixtures("people")
def test_signing_in_leads_nowhere_else(signed_in: SignedIn, then: str) -> None:
    client = signed_in(None)
    form = {"csrf": csrf(client.get("/sign-in").text), "name": "qa", "password": PASSWORD}
    answers = [
        client.post("/sign-in", data=form | {"then": then}, follow_redirects=False),
        client.get("/sign-in", params={"then": then}, follow_redirects=False),
    ]
    for answer in answers:
        assert answer.status_code == 303
        # As browsers read it: without tabs and line ends, a backslash is a slash.
        leads_to = re.sub(r"[\t\r\n]", "", answer.headers["location"]).replace("\\", "/")
        assert leads_to.startswith("/")
        assert not leads_to.startswith("//")


@pytest.mark.usefixtures("people")
def test_signing_in_leads_back_to_the_page_asked_for(signed_in: SignedIn) -> None:
    client = signed_in(None)
    asked = client.get("/calls?agent=a%26b&page=2", follow_redirects=False)
    page = client.get(asked.headers["location"])
    then = re.search(r'name="then" value="([^"]*)"', page.text)
    assert then is not None
    form = {"csrf": csrf(page.text), "name": "qa", "password": PASSWORD}
    form["then"] = then[1].replace("&amp;", "&")
    leads_to = client.post("/sign-in", data=form, follow_redirects=False).headers["location"]
    assert leads_to == "/calls?agent=a%26b&page=2"


def test_other_host_names_are_refused(site: Site) -> None:
    client = TestClient(create_app(site, ["calls.example"]), base_url="http://calls.example")
    assert client.get("/sign-in").status_code == 200
    answer = client.get("/sign-in", headers={"Host": "evil.example"})
    assert answer.status_code == 400
    assert answer.headers["content-security-policy"] == HEADERS["Content-Security-Policy"]


@pytest.mark.usefixtures("people")
def test_an_invitation_names_the_site_and_not_what_a_request_calls_it(
    store: Store, tmp_path: Path
) -> None:
    settings = Settings(data_dir=tmp_path, site_url="https://calls.example")
    client = TestClient(create_app(Site(store, settings, SECRET)))
    _, key = make_token(store, list_people(store)[0], "k", ["manage"], 1)
    client.headers |= {"Authorization": f"Bearer {key}", "Host": "evil.example"}
    person = {"name": "new", "role": "qa"}
    link = client.post("/api/people", json=person).json()["link"]
    assert link.startswith("https://calls.example/welcome#")


@pytest.mark.parametrize(
    "path",
    ["/", "/sign-in", "/calls", "/calls/1", "/calls/nonsense", "/nowhere", "/api/me",
     "/api/nowhere", "/disputes", "/people", "/audit", "/account",
     "/disputes/cases.jsonl", "/static/nothing.css"],
)  # fmt: skip
def test_every_answer_has_the_headers(
    signed_in: SignedIn, people: People, path: str, keep: Callable[..., int]
) -> None:
    keep()
    for name in (None, people.admin.name):
        answer = signed_in(name).get(path, follow_redirects=False)
        for header, value in HEADERS.items():
            if header != "Cache-Control":
                assert answer.headers[header] == value
        if not path.startswith("/static/"):
            assert answer.headers["cache-control"] == "no-store"
        assert "server" not in answer.headers


def test_the_policy_allows_nothing_but_our_own() -> None:
    policy = dict(
        part.strip().split(" ", 1) for part in HEADERS["Content-Security-Policy"].split(";")
    )
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == "'self'"
    assert "unsafe" not in HEADERS["Content-Security-Policy"]
    assert policy["frame-ancestors"] == "'none'"


def test_our_own_mistakes_are_answered_without_what_they_say(
    site: Site, monkeypatch: pytest.MonkeyPatch, people: People, caplog: pytest.LogCaptureFixture
) -> None:
    """Their text may hold words of a call; and the headers must be there all the same."""
    router = APIRouter()

    def fail(_: Viewer) -> None:
        raise KeyError("my secret order 4711")

    router.add_api_route("/fail", fail)
    router.add_api_route("/api/fail", fail)
    monkeypatch.setattr(app_module, "ROUTERS", (*app_module.ROUTERS, router))
    client = TestClient(create_app(site))  # it would raise what the server would log
    _, key = make_token(site.store, people.qa, "k", ["see"], 1)
    client.headers["Authorization"] = f"Bearer {key}"
    for path in ("/fail", "/api/fail"):
        answer = client.get(path)
        assert answer.status_code == 500
        assert "KeyError" in answer.text
        assert "4711" not in answer.text + caplog.text
        assert answer.headers["content-security-policy"] == HEADERS["Content-Security-Policy"]


@pytest.mark.parametrize(
    "path",
    [
        "/static/../app.py",
        "/static/..%2fapp.py",
        "/static/%2e%2e/app.py",
        "/static/..%5capp.py",
        "/static//etc/passwd",
        "/static/%2fetc%2fpasswd",
        "/static/",
        "/static/site.css%00.html",
        "/static/....//app.py",
    ],
)
def test_static_files_are_those_of_their_folder(signed_in: SignedIn, path: str) -> None:
    client = signed_in(None)
    assert client.get("/static/site.css").status_code == 200
    answer = client.send(client.build_request("GET", "http://localhost" + path))
    assert answer.status_code in (400, 401, 404, 405), answer.text[:100]
    assert "def " not in answer.text
    assert "root:" not in answer.text


@pytest.mark.parametrize("path", ["/sign-in", "/api/views", "/people"])
def test_a_body_is_read_no_further_than_anything_needs(signed_in: SignedIn, path: str) -> None:
    """Also by nobody: bodies are read before it is known who asks."""
    client = signed_in(None)

    def long() -> Iterator[bytes]:
        for _ in range(2 * LARGEST_BODY // CHUNK):
            yield b"x" * CHUNK

    kind = "application/json" if "api" in path else "application/x-www-form-urlencoded"
    answer = client.post(path, content=long(), headers={"Content-Type": kind})
    assert answer.status_code == 413


def test_a_large_multipart_body_is_refused(signed_in: SignedIn) -> None:
    files = {"name": ("big.bin", b"x" * (LARGEST_BODY + 1))}
    assert signed_in(None).post("/sign-in", files=files).status_code == 413
