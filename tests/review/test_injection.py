"""Words of calls, names and searches are text, whatever they look like: to browsers, databases and
spreadsheets.
"""

import csv
import io
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from html.parser import HTMLParser
from urllib.parse import quote

import pytest
import uvicorn
from fastapi import FastAPI
from fastapi.testclient import TestClient
from playwright.sync_api import Browser

from pipeline.coaching.sessions import write_down
from pipeline.records import CallResult, CriterionResult, Evidence, Flag, Turn
from pipeline.review import corrections, saved_views
from pipeline.review.access import api_routes
from pipeline.review.app import create_app
from pipeline.review.people import add_person, make_token
from pipeline.review.site import Site
from pipeline.settings import Settings
from pipeline.store import Store
from tests.postgres import find_free_port
from tests.review.coached import add_session
from tests.review.conftest import JUDGING, PASSWORD, SECRET, People, add_people
from tests.review.world import address_of

HOSTILE = "\"'></textarea></title><script>window.xss=1</script><img src=x onerror='window.xss=1'>"
"""Breaks out of text, attributes and elements where it is not escaped."""
SHORT = "\"'><svg onload=window.xss=1>"
TEMPLATE = "{{ 7 * 191 }}${7*191}"
"""Gives 1337 where it is taken for a template."""

QUERIES = (
    "'", '"', '""', '"""', "''; DROP TABLE calls; --", "' OR 1=1 --", "%", "_", "\\", "*",
    "hel*", "NEAR(hello there)", "NEAR", "AND", "OR", "NOT", "AND OR NOT", "hello AND",
    "-hello", "--", "^hello", "words:hello", "rowid:1", ":", "{words}:hello", "(", ")",
    "()", "hello)", '"hello', 'hel"lo', "+", "!hello", "hello & world", "a|b", "<->",
    "hello <2> you", "\x00", "hel\x00lo", "\x01\x02", "\ufffd", "\u202e", "é" * 200,
    "𝕏" * 100, "漢字", "ß", "İ", "a\u0301", "\u00a0", "\n", "\t", "x" * 200, "x " * 100,
    '"' * 200, "' " * 100, "(" * 200, "²³", "_ _", '"_"', "\U0001f600", "\ufeff", "%s %d",
    "${7*7}", "{{7*7}}", "\u0600", "\ud7ff", "zero\u200bwidth",
)  # fmt: skip
FORMULAS = ("=1+2", "+1+2", "-1+2", "@SUM(1)", "\t=1+2", "\r=1+2", '=HYPERLINK("http://evil","x")')


NO_PAGES = (".json", ".jsonl", ".svg", "/audio", "/waveform", "/oidc", "/oidc/callback", "/clips/1")


class Dangers(HTMLParser):
    """What a page holds that could run: the site's own pages hold none of it."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "script" and not (given.get("src") or "").startswith("/static/"):
            self.found.append("script")
        if tag in ("iframe", "object", "embed", "base", "svg") and "onload" in given:
            self.found.append(tag)
        for name, value in attrs:
            if name.startswith("on") or name == "style":
                self.found.append(f"{tag} {name}")
            scheme = (value or "").strip().lower().partition(":")[0]
            if name in ("href", "src", "action", "formaction") and scheme in ("javascript", "data"):
                self.found.append(f"{tag} {name}={value}")


def dangers(page: str) -> list[str]:
    parser = Dangers()
    parser.feed(page)
    return parser.found


@dataclass(frozen=True)
class HostileSite:
    """A call, people, comments and searches that all are :data:`HOSTILE`."""

    site: Site
    app: FastAPI
    people: People
    things: dict[str, object]


@pytest.fixture
def hostile(site: Site, people: People, make_result: Callable[..., CallResult]) -> HostileSite:
    store = site.store
    made = make_result(
        f"call {HOSTILE}",
        agent_id="ag-1",
        agent_name=f"agent {HOSTILE}",
        team=f"team {HOSTILE}",
        queue=f"queue {HOSTILE}",
        customer_id=f"customer {HOSTILE}",
        language=SHORT,
    )
    evidence = (Evidence("agent", 0.0, 1.0, HOSTILE, f"what {HOSTILE}"),)
    criteria = (
        CriterionResult(
            "listen_first", "missed", 0.0, 20.0, 0.9, f"reason {HOSTILE}", evidence, HOSTILE
        ),
        CriterionResult(f"own {SHORT}", "met", 20.0, 20.0, 0.9, TEMPLATE, evidence),
    )
    flags = (Flag(f"flag{SHORT.replace(' ', '')}", evidence),)
    result = replace(
        made,
        facts=replace(
            made.facts,
            turns=(Turn("agent", f"hello {HOSTILE} {TEMPLATE}", 0.0, 1.0),),
            warnings=(f"warning {SHORT}",),
        ),
        scorecard=replace(
            made.scorecard, criteria=criteria, flags=flags, failed_by=f"rule {SHORT}"
        ),
    )
    batch = store.start_batch(f"origin {HOSTILE}")
    path = f"/calls/{HOSTILE.replace('/', '')}.wav"
    outcome = store.keep_scored(
        batch, path, result, "ab" * 32, JUDGING, call_id_given=True, took_s=1.0
    )
    store.keep_outcome(batch, f"{path}2", "failed", f"{path}2: not audio {HOSTILE}")
    call = store.result(outcome.result_id or 0) and 1
    corrections.dispute(store, call, "listen_first", "met", HOSTILE, people.agent, 7)
    corrections.correct(store, call, f"own {SHORT}", "missed", HOSTILE, people.qa)
    add_person(store, SHORT, "supervisor", [SHORT])
    for person in people:
        saved_views.save_view(store, person, HOSTILE[:100], f'agent={HOSTILE}"><script>')
        make_token(store, person, HOSTILE[:100], ["see"], 1)
    coached, moment = add_session(store, call, "ag-1", f"team {HOSTILE}", HOSTILE)
    write_down(store, coached, goal=HOSTILE)
    things = {
        "call": call, "agent_id": "ag-1", "criterion": "listen_first", "kind": "json", "view": 1,
        "token": 1, "spare": 1, "customer_id": f"customer {HOSTILE}", "cause": 1,
        "chart": "agents", "sample": 1, "coaching": coached, "moment": moment,
    }  # fmt: skip
    return HostileSite(site, create_app(site), people, things)


def pages(hostile: HostileSite) -> Iterator[str]:
    """Every page of the app, and searches for hostile words."""
    for route in api_routes(hostile.app):
        # The file to download has styles of its own; test_coaching looks into it.
        file = route.path.endswith("/session.html")
        if "GET" in (route.methods or ()) and not file and not route.path.startswith("/api/"):
            yield quote(address_of(route, hostile.things))
    for name in ("q", "agent", "team", "call_id", "criterion", "flag"):
        yield f"/calls?{name}=hello{HOSTILE.replace('#', '')}"
    yield f"/calls/1?q=hello {HOSTILE}"
    yield f"/audit?call_id={HOSTILE}"
    yield f"/no/such/page/{SHORT}"


@pytest.mark.parametrize("role", ["admin", "supervisor", "agent"])
def test_in_pages_it_is_text(
    hostile: HostileSite, signed_in: Callable[..., TestClient], role: str
) -> None:
    client, seen = signed_in(role), 0
    wrong = []
    for path in pages(hostile):
        answer = client.get(path)
        if answer.headers.get("content-type", "").startswith("text/html"):
            wrong += [f"{path}: {danger}" for danger in dangers(answer.text)]
            seen += "&lt;script&gt;window.xss" in answer.text
            assert "1337" not in answer.text, path
            assert answer.status_code < 500, path
    assert not wrong, "\n".join(wrong)
    assert seen >= (2 if role == "supervisor" else 5), "hardly any page showed it"


def test_a_sign_in_form_shows_what_was_sent_as_text(signed_in: Callable[..., TestClient]) -> None:
    client = signed_in(None)
    page = client.get("/sign-in", params={"then": f"/{HOSTILE}"}).text
    assert dangers(page) == []
    assert "&lt;script&gt;" in page


def test_the_search_for_dangers_finds_them() -> None:
    assert dangers(f"<p>{HOSTILE}</p>") == ["script", "img onerror"]
    assert dangers(f'<input value="{SHORT}">')


def test_in_a_browser_nothing_of_it_runs(hostile: HostileSite, browser: Browser) -> None:
    port = find_free_port()
    server = uvicorn.Server(uvicorn.Config(hostile.app, port=port, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    context = browser.new_context(base_url=f"http://localhost:{port}")
    try:
        page = context.new_page()
        dialogs: list[str] = []
        said: list[str] = []
        page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
        page.on("console", lambda message: said.append(message.text))
        page.goto(f"/welcome#{SHORT}")
        assert page.evaluate("window.xss") is None
        page.goto("/sign-in")
        page.get_by_label("Name").fill("admin")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(f"http://localhost:{port}/")
        visited = 0
        for path in pages(hostile):
            if path.endswith(NO_PAGES):
                continue
            page.goto(path)
            visited += 1
            assert page.evaluate("window.xss") is None, path
            assert page.locator("img[onerror], svg[onload]").count() == 0, path
        assert visited > 10
        assert not dialogs
        # Not only kept from running by the policy: there was nothing to keep from it.
        assert not [text for text in said if "Content Security Policy" in text], said
    finally:
        context.close()
        server.should_exit = True
        thread.join(timeout=10)


@pytest.fixture
def either_database(
    database_url: str, settings: Settings, make_result: Callable[..., CallResult]
) -> Iterator[TestClient]:
    """A program of an administrator, on SQLite and on PostgreSQL."""
    with Store(database_url) as store:
        for number, words in enumerate(("hello there, brave world", "nothing of that")):
            made = make_result(f"c{number}", agent_id="ag-1", team="returns")
            turns = (Turn("agent", words, 0.0, 1.0),)
            result = replace(made, facts=replace(made.facts, turns=turns))
            store.keep_result(result, f"{number}" * 64, f"/c{number}", JUDGING, call_id_given=True)
        people = add_people(store)
        _, key = make_token(store, people.admin, "k", ["see", "export", "manage", "correct"], 1)
        client = TestClient(
            create_app(Site(store, settings, SECRET)), raise_server_exceptions=False
        )
        client.headers["Authorization"] = f"Bearer {key}"
        yield client


def test_no_search_breaks_a_database(either_database: TestClient) -> None:
    client = either_database
    wrong = []
    for query in QUERIES:
        for path in ("/calls", "/api/calls", "/api/calls/export.json"):
            status = client.get(path, params={"q": query}).status_code
            if status not in ((400,) if "\x00" in query else (200,)):
                wrong.append(f"{path} q={query!r}: {status}")
        names = ("agent", "team", "queue", "customer", "call_id", "flag", "criterion")
        given = dict.fromkeys(names, query[:100])
        addresses = (
            client.get("/api/calls", params=given),
            client.get(f"/agents/{quote(query[:100], safe='')}"),
            client.get(f"/api/agents/{quote(query[:100], safe='')}"),
            client.get("/audit", params={"call_id": query}),
            client.get("/api/audit", params={"call_id": query}),
        )
        wrong += [f"{a.url}: {a.status_code}" for a in addresses if a.status_code >= 500]
    assert not wrong, "\n".join(wrong)
    assert client.get("/api/calls").json()["total"] == 2, "all is still there"


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("hello", 1),
        ("hello world", 1),
        ('"brave world"', 1),
        ('"world brave"', 0),
        ("hello OR nowhere", 0),
        ("' OR 1=1 --", 0),
        ("-nowhere", 0),
        ("nowh*", 0),
        ("words:hello", 0),
        ("%", 2),
    ],
)
def test_a_search_is_for_words_and_not_a_language(
    either_database: TestClient, query: str, found: int
) -> None:
    """Where a query holds no word at all, it asks for nothing."""
    assert either_database.get("/api/calls", params={"q": query}).json()["total"] == found


def test_no_text_sent_breaks_a_database(either_database: TestClient) -> None:
    client = either_database
    for text in ("\x00", "a\x00b", "\ud800", "' OR 1=1", "\U0001f600", "\x1b[31m", HOSTILE[:90]):
        bodies = {
            "/api/views": {"name": text, "search": {"q": text}},
            "/api/people": {"name": text, "role": "agent", "agent_id": text},
            "/api/calls/1/answers/listen_first": {"answer": "missed", "comment": f"So: {text}"},
        }
        for path, body in bodies.items():
            headers = {"Content-Type": "application/json"}
            answer = client.post(path, content=json.dumps(body), headers=headers)
            assert answer.status_code < 500, (answer.url, text)
    assert client.get("/api/views").status_code == 200
    assert client.get("/calls").status_code == 200


def test_no_cell_of_an_export_is_a_formula(
    keep: Callable[..., int], signed_in: Callable[..., TestClient], people: People
) -> None:
    for number, formula in enumerate(FORMULAS):
        keep(
            formula, team=formula, agent_id=formula, agent_name=formula, queue=formula,
            customer_id=f"{formula}{number}",
        )  # fmt: skip
    client = signed_in(people.admin.name)
    rows = list(csv.reader(io.StringIO(client.get("/calls/export.csv").text, newline="")))
    assert len(rows) == 1 + len(FORMULAS)
    for cell in (cell for row in rows for cell in row):
        assert not cell.startswith(("=", "+", "-", "@", "\t", "\r")), cell
    told = {call["call_id"] for call in client.get("/calls/export.json").json()}
    assert told == set(FORMULAS), "programs get what was there"
