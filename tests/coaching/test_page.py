import stat
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from pipeline.coaching.effect import Effect
from pipeline.coaching.page import marked, pages_of, render, write_page
from pipeline.coaching.records import CoachingSession, Share
from pipeline.coaching.session import build_session
from pipeline.coaching.sessions import find_session, set_consent
from tests.coaching.conftest import Heard, nothing_suggested
from tests.coaching.world import NEWEST


@pytest.fixture(scope="module")
def built(heard: Heard) -> dict[str, CoachingSession]:
    """Sessions of the sample calls, one of them with a colleague's moments."""
    set_consent(heard.store, "ag-21", True)
    numbers = {
        agent: build_session(heard.store, heard.settings, agent, nothing_suggested)
        for agent in ("ag-22", "ag-23")
    }
    with heard.store.read() as session:
        found = {
            agent: find_session(session, number, clips=True) for agent, number in numbers.items()
        }
    return {agent: made for agent, made in found.items() if made is not None}


def opened(browser: Browser, html: str, **options: Any) -> Page:
    page = browser.new_page(**options)
    page.set_content(html)
    return page


def test_every_clip_plays_in_a_browser(browser, built):
    page = opened(browser, render(built["ag-22"]))
    clips = page.locator("audio")
    assert clips.count() == sum(moment.has_clip for moment in built["ag-22"].moments) > 2
    for place in range(clips.count()):
        heard_s, length_s = clips.nth(place).evaluate(
            """async sound => {
                await sound.play();
                await new Promise(resolve => { sound.ontimeupdate = () => {
                    if (sound.currentTime > 0.2) resolve();
                }});
                sound.pause();
                return [sound.currentTime, sound.duration];
            }"""
        )
        moment = built["ag-22"].moments[place]
        assert heard_s > 0.2
        assert length_s == pytest.approx(moment.end_s - moment.start_s, abs=0.15)
    page.close()


def test_the_page_needs_nothing_but_itself(browser, built):
    page = browser.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.set_content(render(built["ag-22"]))
    assert [url for url in asked if not url.startswith(("data:", "about:"))] == []
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("agent", ["ag-22", "ag-23"])
def test_the_page_is_accessible_and_fits_a_telephone(browser, built, agent, scheme):
    size = {"width": 390, "height": 800}
    page = opened(browser, render(built[agent]), viewport=size, color_scheme=scheme)
    for summary in page.locator("summary").all():
        summary.click()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    page.close()


def test_on_paper_there_are_times_and_lines_to_write_on_and_no_players(browser, built):
    page = opened(browser, render(built["ag-23"]))
    page.emulate_media(media="print")
    assert not page.locator("audio").first.is_visible()
    assert page.get_by_text("abusive_customer, at 0:").is_visible()
    assert not page.get_by_text("you idiot").is_visible(), "abuse is not printed"
    assert page.locator(".write span").first.bounding_box()["height"] > 20
    assert page.pdf(format="A4").startswith(b"%PDF")
    page.close()


def test_abuse_comes_first_and_with_a_way_out(browser, built):
    page = opened(browser, render(built["ag-23"]))
    first = page.locator("main > *").first
    assert "A break." in first.inner_text()
    assert "The conversation will continue at another time." in first.inner_text()
    assert not first.locator("figure").first.is_visible(), "nobody must hear it again"
    page.close()


def test_a_colleague_is_not_named(built):
    html = render(built["ag-22"])
    assert "shared with consent" in html
    assert "good_agent" not in html
    assert "Laura" not in html


def test_the_effect_of_the_last_session_is_told_with_its_doubts(built):
    effect = Effect(
        criterion="solve", title="Solve", before=Share(20, 0.4, 0.2, 0.6),
        after=Share(24, 0.8, 0.6, 0.9), change=0.4, low=0.1, high=0.6, expected=0.5, colleagues=8,
        since=NEWEST, until=NEWEST, verdict="better",
    )  # fmt: skip
    html = " ".join(render(built["ag-22"], (effect,)).split())
    assert "a change of +40 points of a hundred, surely between +10 and +60" in html
    assert "Without any coaching about 50% would have followed." in html
    assert "regression to the mean" in html


def test_words_of_calls_are_text_and_no_markup():
    line = "<b>I am</b> sorry"
    assert marked(line, [(0, 4)]) == "<mark>&lt;b&gt;I</mark> am&lt;/b&gt; sorry"


def test_the_file_is_for_its_owner_and_is_found_by_its_number(heard, built):
    path = write_page(built["ag-22"], heard.settings)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert "ag-22" not in path.name
    assert pages_of([built["ag-22"].number], heard.settings) == [path]
