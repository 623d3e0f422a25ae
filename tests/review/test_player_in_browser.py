"""The player in a real browser: what is clicked is heard, and the transcript follows."""

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect
from sqlalchemy import delete

from pipeline.records import CallResult
from pipeline.tables import CallRow, ResultRow
from tests.review.conftest import JUDGING, LiveSite, eventually

Open = Callable[..., Page]
STANDARDS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


@pytest.fixture(name="open_call")
def _open_call(page_of: Open, live_site: LiveSite) -> Iterator[Open]:
    """Opens the page of a call; a complaint of the browser fails the test."""
    complaints: list[str] = []

    def opened(call_id: str, rest: str = "", name: str = "qa", **options: object) -> Page:
        page = page_of(name, **options)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: complaints.append(said.text))
        page.goto(f"/calls/{live_site.calls[call_id]}{rest}")
        page.wait_for_selector(".channel svg")
        return page

    yield opened
    assert complaints == []


def sound(page: Page, what: str = "currentTime") -> Any:
    return page.evaluate(f"document.querySelector('audio').{what}")


def wait_until_after(page: Page, second: float) -> None:
    eventually(page, lambda: sound(page) > second)


def test_evidence_is_heard_and_its_words_light_up(open_call: Open) -> None:
    page = open_call("poor_agent")
    assert sound(page, "paused")
    page.locator("#empathize a.at").filter(has_text="0:11").click()
    wait_until_after(page, 11.5)
    assert sound(page) < 16
    assert not sound(page, "paused")
    lit = page.locator(".turn.agent .w.now")
    expect(lit).to_have_count(1)
    first = lit.text_content()
    eventually(page, lambda: lit.all_text_contents() not in ([], [first]))
    current = page.locator(".turn[aria-current=true]")
    expect(current).to_contain_text("two nights by mistake")
    expect(current).to_be_in_viewport()


def test_marks_of_the_picture_and_words_are_heard(open_call: Open) -> None:
    page = open_call("poor_agent", "?q=manager", name="supervisor")
    page.locator(".lane .mark.competitive.agent").last.click()
    wait_until_after(page, 20.7)
    assert sound(page) < 24
    expect(page.locator("[data-state]")).to_contain_text("The agent came in over the customer")
    page.locator(".w mark").click()  # only the word that was searched for is marked
    wait_until_after(page, 53)
    page.locator(".surface").click(position={"x": 5, "y": 5})
    eventually(page, lambda: sound(page) < 5)
    assert not sound(page, "paused")


def test_the_keyboard_plays_jumps_and_changes_the_speed(open_call: Open) -> None:
    page = open_call("poor_agent", name="admin")
    page.keyboard.press("Space")
    wait_until_after(page, 0.1)
    page.keyboard.press("k")
    assert sound(page, "paused")
    at = sound(page)
    page.keyboard.press("ArrowRight")
    assert sound(page) == pytest.approx(at + 5, abs=0.1)
    page.keyboard.press("l")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("j")
    assert sound(page) == pytest.approx(at, abs=0.1)
    page.keyboard.press("Shift+>")
    assert sound(page, "playbackRate") == 1.25
    page.keyboard.press(".")
    expect(page.locator("[data-state]")).to_contain_text("0:03 Listen first")
    page.keyboard.press(".")
    wait_until_after(page, 11.3)
    expect(page.locator("[data-state]")).to_contain_text("0:11 The agent came in")
    page.keyboard.press(" ")
    page.keyboard.press(",")
    wait_until_after(page, 3.9)
    assert sound(page) < 11
    page.keyboard.press("k")
    # Whoever writes a comment writes it: keys of the player are letters there.
    page.locator("#empathize summary").filter(has_text="Correct").click()
    page.locator("#empathize input[name=comment]").press_sequentially("look, k.")
    assert sound(page, "paused")
    assert page.locator("#empathize input[name=comment]").input_value() == "look, k."
    page.locator(".keys summary").click()
    page.get_by_label("Keys work on the whole page").uncheck()
    page.locator("h1").click()
    page.keyboard.press("k")
    assert sound(page, "paused")
    page.get_by_role("slider", name="Position in the recording").press("k")
    wait_until_after(page, 4)
    assert not sound(page, "paused")


def test_an_address_with_a_time_plays_from_there(open_call: Open) -> None:
    page = open_call("abusive_customer", "#t=31.2")
    wait_until_after(page, 31.3)
    assert sound(page) < 36
    page.evaluate("location.hash = '#t=10'")
    eventually(page, lambda: sound(page) < 15)
    wait_until_after(page, 10.1)


def test_the_page_does_not_run_from_who_scrolls(open_call: Open) -> None:
    page = open_call("poor_agent", name="agent", viewport={"width": 390, "height": 844})
    page.locator(".turn a.at").first.click()
    page.locator(".criterion").last.scroll_into_view_if_needed()
    before = page.evaluate("scrollY")
    page.evaluate("document.querySelector('audio').playbackRate = 4")
    wait_until_after(page, 16)
    assert page.evaluate("scrollY") == before
    expect(page.locator(".listen")).to_be_in_viewport(ratio=0.9)  # the player sticks
    assert page.evaluate("document.documentElement.scrollWidth") == 390


@pytest.fixture
def lost_call(live_site: LiveSite, make_result: Callable[..., CallResult]) -> Iterator[int]:
    """A call whose recording was deleted."""
    result = make_result("lost", agent_id="ag-22", team="Meadow")
    kept = live_site.store.keep_result(
        result, "ee" * 32, "/calls/lost.wav", JUDGING, call_id_given=True
    )
    with live_site.store.read() as session:
        number = session.get_one(ResultRow, kept).call
    yield number
    with live_site.store.write() as session:
        session.execute(delete(CallRow).where(CallRow.id == number))


def test_without_the_recording_the_page_says_so_and_works(page_of: Open, lost_call: int) -> None:
    page = page_of("qa")
    page.goto(f"/calls/{lost_call}")
    expect(page.locator("[data-state]")).to_contain_text("moved or deleted")
    expect(page.get_by_role("button", name="Play")).to_be_hidden()
    page.locator(".turn a.at").click()
    expect(page.locator(".turn[aria-current=true]")).to_contain_text("Hello")
    expect(page.locator("[data-state]")).to_contain_text("moved or deleted")


def test_everybody_can_use_it(open_call: Open) -> None:
    page = open_call("abusive_customer", "?q=parcel#t=6.5", name="admin")
    wait_until_after(page, 6.6)
    page.keyboard.press("k")
    page.locator(".measures > summary").click()
    page.locator(".keys summary").click()
    for scheme, width in itertools.product(("light", "dark"), (1280, 390)):
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": 844})
        found = Axe().run(page, options={"runOnly": STANDARDS}).response
        assert found["passes"]
        assert [(one["id"], one["nodes"][0]["html"]) for one in found["violations"]] == []
