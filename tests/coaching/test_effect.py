from datetime import timedelta

import pytest

from pipeline.coaching import sessions
from pipeline.coaching.effect import effects_of, last_effects
from pipeline.coaching.session import build_session
from pipeline.coaching.sessions import find_session
from pipeline.coaching_tables import CoachingSessionRow
from tests.coaching.world import NEWEST, fill, places_with

HELD = NEWEST - timedelta(weeks=4)
MISSED, MET = places_with("apologize", "missed"), places_with("apologize", "met")


def effect(store, settings, *, before: int, after: int, places: list[int]):
    """Of a session about apologies, held four weeks before the newest call."""
    fill(store, "ag-1", before, newest=HELD - timedelta(hours=1), places=MISSED)
    number = build_session(store, settings, "ag-1", lambda *_: frozenset())
    sessions.hold(store, number)
    with store.write() as session:
        session.get_one(CoachingSessionRow, number).held_at = HELD
    if after:
        fill(store, "ag-1", after, seed=2, weeks=3, places=places)
    with store.read() as session:
        held = find_session(session, number)
        assert held is not None
        assert last_effects(session, "ag-1") == effects_of(session, held)
        return next(e for e in effects_of(session, held) if e.criterion == "apologize")


def colleagues(store, spread: bool) -> None:
    """Six, alike or as unlike as can be."""
    for number in range(6):
        half = MISSED[:10] + MET[:10]
        places = (MISSED, MET)[number % 2] if spread else half
        fill(store, f"ag-{number + 2}", 20, newest=HELD, places=places)


def test_a_clear_rise_is_called_better_where_colleagues_truly_differ(store, settings):
    colleagues(store, spread=True)
    found = effect(store, settings, before=20, after=20, places=MET)
    assert found.verdict == "better"
    assert found.change > 0.5
    assert 0 < found.low <= found.change <= found.high
    assert found.expected is not None
    assert found.before.share < found.expected < 0.4


def test_a_rise_that_chance_would_bring_by_itself_is_not_called_better(store, settings):
    colleagues(store, spread=False)
    found = effect(store, settings, before=20, after=20, places=MISSED[:6] + MET[:8])
    assert found.low > 0
    assert found.expected > 0.4
    assert found.verdict == "perhaps chance"


def test_without_colleagues_chance_cannot_be_told_apart(store, settings):
    found = effect(store, settings, before=20, after=20, places=MET)
    assert found.expected is None
    assert found.verdict == "perhaps chance"


@pytest.mark.parametrize(("before", "after"), [(20, 4), (4, 20), (20, 0)])
def test_few_calls_say_nothing(store, settings, before, after):
    assert effect(store, settings, before=before, after=after, places=MET).verdict == "too few"


def test_no_change_is_called_unclear(store, settings):
    assert effect(store, settings, before=20, after=20, places=MISSED).verdict == "unclear"


def test_a_session_that_was_not_held_has_no_effect(store, settings):
    fill(store, "ag-1", 12)
    number = build_session(store, settings, "ag-1", lambda *_: frozenset())
    with store.read() as session:
        planned = find_session(session, number)
        assert planned is not None
        assert effects_of(session, planned) == ()
        assert last_effects(session, "ag-1") == ()
