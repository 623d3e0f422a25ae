from pipeline.settings import Settings
from sqlalchemy import select
from pipeline.coaching.session import build_session
from pipeline.coaching.sessions import hold
from tests.coaching.world import fill
from sqlalchemy import update
def test_shots(page_of, live_site):
    fill(live_site.store, "ag-22", 40, team="Meadow", agent_name="Craig Dunmore")
    for n in range(6): fill(live_site.store, f"ag-4{n}", 12, team="Meadow")
    from datetime import timedelta
    sample = build_session(live_site.store, Settings(), "ag-22", lambda *_: frozenset(), since=datetime_min, until=live_until(live_site))
    many = build_session(live_site.store, Settings(), "ag-22", lambda *_: frozenset())
    hold(live_site.store, many)
    from pipeline.coaching_tables import CoachingSessionRow
    with live_site.store.write() as session:
        session.execute(update(CoachingSessionRow).where(CoachingSessionRow.id == many).values(held_at=datetime(2026, 11, 6)))
    out = "/tmp/site-shots/"
    for who, opts, tag in (("supervisor", {"viewport": {"width": 1280, "height": 900}, "color_scheme": "light"}, "light"), ("agent", {"viewport": {"width": 390, "height": 844}, "color_scheme": "dark"}, "dark")):
        page = page_of(who, **opts)
        for name, path in (("list", "/coaching"), ("sample", f"/coaching/{sample}"), ("many", f"/coaching/{many}")):
            page.goto(path); page.wait_for_timeout(200)
            page.screenshot(path=f"{out}{name}-{tag}.png", full_page=True)
            if tag == "light" and name == "many":
                page.emulate_media(media="print"); page.set_viewport_size({"width": 680, "height": 1000}); page.screenshot(path=f"{out}print.png", full_page=True); page.emulate_media(media="screen"); page.set_viewport_size({"width":1280,"height":900})
    page.goto("/account"); page.screenshot(path=f"{out}account-dark.png", full_page=True)
from datetime import datetime
datetime_min = datetime(2000,1,1)
def live_until(site):
    from pipeline.review_tables import StandingRow
    with site.store.read() as s:
        return s.scalar(select(StandingRow.at).where(StandingRow.call == site.calls["poor_agent"]))
