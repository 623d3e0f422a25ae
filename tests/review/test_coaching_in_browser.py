"""A coaching session from the sample calls, as a coach and an agent look at it together."""

import pytest
from axe_playwright_python.sync_playwright import Axe

from pipeline.coaching.session import build_session
from pipeline.settings import Settings
from tests.review.conftest import LiveSite, eventually
from tests.review.test_in_browser import FINE, SCREENS


@pytest.fixture(scope="module")
def coached(live_site: LiveSite) -> int:
    """The number of a session of ag-22, built from the sample call of theirs."""
    return build_session(live_site.store, Settings(), "ag-22", lambda *_: frozenset())


def test_a_clip_plays(page_of, coached):
    page = page_of("supervisor")
    page.goto(f"/coaching/{coached}")
    sound = page.locator("figure.missed audio").first
    sound.evaluate("audio => audio.play()")
    position = "document.querySelector('figure.missed audio').currentTime"
    eventually(page, lambda: page.evaluate(position) > 0.3)
    # And jumps, which needs ranges of bytes.
    sound.evaluate("audio => { audio.currentTime = audio.duration - 1 }")
    length = sound.evaluate("audio => audio.duration")
    eventually(page, lambda: page.evaluate(position) > length - 0.9)
    assert page.locator("figure.missed mark").count() > 0


def test_coach_and_agent_come_to_an_agreement(page_of):
    page = page_of("supervisor")
    page.goto("/coaching")
    page.get_by_label("Agent id").fill("ag-22")
    page.get_by_role("button", name="Build a session").click()
    page.wait_for_url("**/coaching/*")
    address = page.url
    page.get_by_role("textbox", name="Goal").fill("Say what you understood, in eight of ten calls.")
    page.get_by_role("textbox", name="Note").fill("Was tired.")
    page.get_by_role("button", name="Save").click()
    # What is printed is for both: the goal, not the note.
    page.emulate_media(media="print")
    assert page.locator("p.goal").is_visible()
    assert not page.get_by_text("Was tired.").is_visible()
    assert not page.get_by_role("button", name="Save").is_visible()
    page.emulate_media(media="screen")
    page.get_by_role("button", name="We met").click()
    assert page.locator(".steps [aria-current]").inner_text() == "held"
    agent = page_of("agent")
    agent.goto(address)
    assert agent.get_by_text("Was tired.").count() == 0
    agent.get_by_role("button", name="I agree to this goal").click()
    assert agent.locator(".steps [aria-current]").inner_text() == "agreed"
    page.reload()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download with sound").click()
    assert "data:audio/mpeg" in download.value.path().read_text()


@pytest.mark.parametrize("screen", SCREENS)
def test_its_pages_are_accessible_and_fit(page_of, coached, screen):
    for name in ("admin", "agent"):
        page = page_of(name, **SCREENS[screen])
        complaints = []
        page.on("console", lambda message, said=complaints: said.append(message.text))
        for address in ("/coaching", f"/coaching/{coached}", "/account"):
            response = page.goto(address)
            assert response is not None
            assert response.status == 200, address
            page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true })")
            found = Axe().run(page).response["violations"]
            serious = [(v["id"], v["nodes"][0]["html"]) for v in found if v["impact"] not in FINE]
            assert serious == [], (name, address)
            width = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
            assert width <= 0, f"{address} is {width} px wider than the screen"
        assert complaints == []
