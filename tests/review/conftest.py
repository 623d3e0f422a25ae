"""A site with calls and people of every role; once in this process, once for a real browser."""

import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from shutil import which
from typing import Any

import pytest
import uvicorn
from argon2 import PasswordHasher
from fastapi.testclient import TestClient
from playwright.sync_api import Browser, Page, sync_playwright
from sqlalchemy import select

from pipeline.batch import Batch, score_one
from pipeline.call import listen
from pipeline.engines import SpeechEngines
from pipeline.find import Found
from pipeline.records import CallResult
from pipeline.review.app import create_app
from pipeline.review.people import Person, accept, add_person, invite
from pipeline.review.site import Site
from pipeline.rubric import load_rubrics
from pipeline.settings import Settings
from pipeline.store import Judging, Store
from pipeline.tables import CallRow, ResultRow
from tests.postgres import find_free_port

SAMPLES = Path(__file__).parent.parent / "samples"
PASSWORD = "four words no song"
SECRET = "s" * 48
JUDGING = Judging("rubric-1", "0.1.0", "engine-1")
TEAMS = {"returns": "ag-1", "billing": "ag-2"}
"""Each team of the tests and its agent."""


@dataclass(frozen=True)
class People:
    """One of each role: the supervisor sees one team, the agent their own calls."""

    admin: Person
    qa: Person
    supervisor: Person
    agent: Person

    def __iter__(self) -> Iterator[Person]:
        return iter((self.admin, self.qa, self.supervisor, self.agent))


def add_people(store: Store, team: str = "returns", agent_id: str = "ag-1") -> People:
    """Accounts with :data:`PASSWORD`; each is named as its role."""
    made = (
        add_person(store, "admin", "admin"),
        add_person(store, "qa", "qa"),
        add_person(store, "supervisor", "supervisor", [team]),
        add_person(store, "agent", "agent", agent_id=agent_id),
    )
    return People(*(accept(store, invite(store, person.id), PASSWORD) for person in made))


@pytest.fixture(autouse=True, scope="session")
def _quick_passwords() -> Iterator[None]:
    """The library's least parameters: strong ones only take time here."""
    with pytest.MonkeyPatch.context() as patch:
        quick = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
        patch.setattr("pipeline.review.people._hasher", lambda: quick)
        yield


@pytest.fixture
def people(store: Store) -> People:
    return add_people(store)


@pytest.fixture
def keep(store: Store, make_result: Callable[..., CallResult]) -> Callable[..., int]:
    """Stores a call without a recording, and gives its number."""

    def kept(call_id: str = "c1", *, team: str = "returns", **given: object) -> int:
        given = {"agent_id": TEAMS.get(team, "ag-9"), "team": team} | given
        result = make_result(call_id, **given)
        sha256 = call_id.encode().hex().ljust(64, "0")
        number = store.keep_result(
            result, sha256, f"/calls/{call_id}.wav", JUDGING, call_id_given=True
        )
        with store.read() as session:
            return session.get_one(ResultRow, number).call

    return kept


@pytest.fixture
def site(store: Store, settings: Settings) -> Site:
    return Site(store, settings, SECRET)


@pytest.fixture
def signed_in(site: Site) -> Callable[..., TestClient]:
    """A client of the site as somebody of that name; None: as nobody."""
    app = create_app(site)

    def client(name: str | None) -> TestClient:
        made = TestClient(app, base_url="http://localhost", raise_server_exceptions=False)
        if name is not None:
            form = {"csrf": csrf(made.get("/sign-in").text), "name": name, "password": PASSWORD}
            assert made.post("/sign-in", data=form, follow_redirects=False).status_code == 303
            made.headers["X-CSRF-Token"] = csrf(made.get("/account").text)
        return made

    return client


def csrf(page: str) -> str:
    """The token of the forms of a page."""
    found = re.search(r'name="csrf" value="([^"]+)"', page)
    assert found is not None
    return found[1]


@dataclass(frozen=True)
class LiveSite:
    """A site on a real port, with the sample calls scored by the real models."""

    url: str
    store: Store
    people: People
    calls: dict[str, int]
    """Numbers of the calls by their ids."""


@pytest.fixture(scope="session")
def live_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveSite]:
    settings = Settings(data_dir=tmp_path_factory.mktemp("live"))
    with Store(settings.database_url) as store:
        batch = Batch(
            store.start_batch("test"),
            settings,
            load_rubrics(settings.rubric, {}),
            SpeechEngines(settings),
            store,
            listen,
        )
        for name in ("poor_agent", "abusive_customer"):
            outcome = score_one(Found(SAMPLES / f"{name}.flac"), batch)
            assert outcome.status == "scored", outcome.reason
        store.finish_batch(batch.id)
        people = add_people(store, team="Meadow", agent_id="ag-22")
        with store.read() as session:
            calls = dict(session.execute(select(CallRow.call_id, CallRow.id)).tuples().all())
        port = find_free_port()
        app = create_app(Site(store, settings, SECRET))
        server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="warning"))
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.05)
        yield LiveSite(f"http://localhost:{port}", store, people, calls)
        server.should_exit = True
        thread.join(timeout=10)


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, without a window.

    Gone with the last test here: while it is open an event loop runs, and Prefect would wait on it.
    """
    program = which("chromium")
    if program is None:
        pytest.skip("no Chromium is installed (Debian: apt install chromium)")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(
            executable_path=program,
            args=["--no-sandbox", "--autoplay-policy=no-user-gesture-required"],
        )
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def sessions() -> dict[str, Any]:
    """Cookies of those who signed in before: nobody may do that every few seconds."""
    return {}


@pytest.fixture
def page_of(
    live_site: LiveSite, browser: Browser, sessions: dict[str, Any]
) -> Iterator[Callable[..., Page]]:
    """A browser page on which somebody of that name is signed in; options as of Playwright."""
    contexts = []

    def open_page(name: str, **options: object) -> Page:
        cookies = sessions.get(name)
        context = browser.new_context(base_url=live_site.url, storage_state=cookies, **options)
        contexts.append(context)
        page = context.new_page()
        page.goto("/")
        if cookies is not None:
            return page
        page.get_by_label("Name").fill(name)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(live_site.url + "/")
        sessions[name] = context.storage_state()
        return page

    yield open_page
    for context in contexts:
        context.close()


def eventually(page: Page, is_so: Callable[[], bool], patience_s: float = 30.0) -> None:
    """Waits from outside: the page's own policy forbids what Playwright would run inside."""
    until = time.monotonic() + patience_s
    while not is_so():
        assert time.monotonic() < until, f"not so within {patience_s:g} s"
        page.wait_for_timeout(30)
