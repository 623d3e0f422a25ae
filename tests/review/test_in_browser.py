"""What people do with the site, from beginning to end, in a real browser with real calls."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.review.conftest import eventually

PAGES = (
    *("/", "/?provisional=true", "/calls", "/calls?q=manager", "/calls/CALL", "/agents/ag-22"),
    *("/disputes", "/calibration", "/customers", "/customers/cu-5188", "/causes"),
    *("/people", "/audit", "/privacy", "/account"),
)
SCREENS = {
    "wide, light": {"viewport": {"width": 1280, "height": 900}, "color_scheme": "light"},
    "phone, dark": {"viewport": {"width": 390, "height": 844}, "color_scheme": "dark"},
}
FINE = ("minor", "moderate")


def test_from_the_flag_to_the_decision(page_of, live_site):
    number = live_site.calls["poor_agent"]
    # A supervisor opens a flagged call and hears the moment behind an answer.
    page = page_of("supervisor")
    page.get_by_role("link", name="poor_agent").first.click()
    page.wait_for_url(f"**/calls/{number}")
    mark = page.locator("#empathize blockquote a.at").last
    start_s = float(mark.get_attribute("data-at") or "nan")
    mark.click()
    position = "document.querySelector('audio').currentTime"
    eventually(page, lambda: page.evaluate(position) > start_s + 0.3)
    assert page.evaluate(position) < start_s + 5
    # The agent disputes an answer.
    agent = page_of("agent")
    agent.goto(f"/calls/{number}")
    agent.locator("#hold_handling").get_by_text("Dispute", exact=True).first.click()
    agent.locator("#hold_handling").get_by_role("combobox").select_option("not_applicable")
    agent.locator("#hold_handling").get_by_label("Why").fill("I never put them on hold.")
    agent.locator("#hold_handling").get_by_role("button", name="Dispute").click()
    agent.wait_for_selector("#hold_handling .dispute")
    # The supervisor finds the dispute and upholds it.
    page.get_by_role("link", name="Disputes").click()
    page.get_by_role("link", name="poor_agent").click()
    dispute = page.locator("#hold_handling .dispute")
    assert "I never put them on hold." in dispute.inner_text()
    dispute.get_by_label("Why").fill("True: a pause, no hold.")
    dispute.get_by_role("button", name="Uphold").click()
    page.wait_for_selector("[role=status]:has-text('upheld')")
    card = page.locator("#hold_handling")
    assert card.locator(".answer").inner_text() == "no occasion"
    assert "The machine said missed" in card.inner_text()
    # A correction.
    page.locator("#solve").get_by_text("Correct", exact=True).first.click()
    page.locator("#solve").get_by_role("combobox").select_option("missed")
    page.locator("#solve").get_by_label("Why").fill("Nothing was offered.")
    page.locator("#solve").get_by_role("button", name="Correct").click()
    page.wait_for_selector("[role=status]:has-text('Corrected')")
    assert page.locator("#solve .answer").inner_text() == "missed"
    # Search, and what is found as a file.
    page.get_by_role("link", name="Calls", exact=True).click()
    page.get_by_label("Words said").fill("overdrawn")
    page.get_by_role("button", name="Search").click()
    assert page.locator("mark").first.inner_text() == "overdrawn"
    with page.expect_download() as download:
        page.get_by_role("link", name="csv").click()
    text = download.value.path().read_text()
    assert re.search(r"poor_agent,ag-22.*missed", text)
    page.locator(".snippet a").click()
    page.wait_for_url("**#t=*")


@pytest.mark.parametrize("screen", SCREENS)
def test_every_page_is_accessible_and_fits(page_of, live_site, screen):
    page = page_of("admin", **SCREENS[screen])
    complaints = []
    page.on("console", lambda message: complaints.append(message.text))
    for address in PAGES:
        address = address.replace("CALL", str(live_site.calls["poor_agent"]))
        response = page.goto(address)
        assert response is not None
        assert response.status == 200, address
        page.wait_for_load_state("networkidle")
        found = Axe().run(page).response["violations"]
        serious = [(v["id"], v["nodes"][0]["html"]) for v in found if v["impact"] not in FINE]
        assert serious == [], address
        width = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert width <= 0, f"{address} is {width} px wider than the screen"
    assert complaints == []
