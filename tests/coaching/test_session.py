import json
from datetime import timedelta
from threading import Thread

import pytest
from sqlalchemy import delete, func, select

from pipeline.as_scored import NotAsScored
from pipeline.coaching import session as session_module
from pipeline.coaching import sessions
from pipeline.coaching.moments import SURE
from pipeline.coaching.page import write_page
from pipeline.coaching.records import CoachingSession
from pipeline.coaching.session import build_session
from pipeline.coaching.sessions import CoachingError, find_session
from pipeline.coaching_tables import CoachingMomentRow, CoachingSessionRow
from pipeline.fulltext import forget_all_words
from pipeline.legal_hold import hold_calls, lift_holds
from pipeline.result import dump_line, without_words
from pipeline.settings import Settings
from pipeline.store import Judging, Store
from pipeline.tables import CallRow, ResultRow
from tests.coaching.world import NEWEST, dialogues, fill, keep, places_with


def relied_on(*_: object) -> frozenset[str]:
    return frozenset()


def build(
    store: Store, settings: Settings, agent: str = "ag-1", **given: object
) -> CoachingSession:
    number = build_session(store, settings, agent, given.pop("suggest_only", relied_on), **given)
    with store.read() as session:
        found = find_session(session, number, clips=True)
    assert found is not None
    return found


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """200 calls of an agent, and some of six colleagues; nothing but sessions is added."""
    with Store.of(Settings(data_dir=tmp_path_factory.mktemp("many"))) as store:
        fill(store, "ag-1", 200, agent_name="Maya Fenn", team="Harbour")
        for number in range(6):
            fill(store, f"ag-{number + 2}", 12, team="Harbour")
        yield store


def test_a_session_of_two_hundred_calls(many, settings):
    built = build(many, settings)
    plan = built.plan
    assert (plan.calls, plan.counted + plan.abusive) == (200, 200)
    assert not plan.few
    assert 1 <= len(plan.focus) <= 2
    assert plan.strengths
    assert not {s.criterion for s in plan.strengths} & set(plan.focus)
    gains = [figure.to_gain for figure in plan.figures]
    assert plan.figure(plan.focus[0]).to_gain == max(gains)
    assert {flag.leads_to for flag in plan.flagged} == {"talk", "care", "praise"}
    for criterion in plan.focus:
        pairs = built.pairs(criterion)
        assert len(pairs) == 2
        for missed, well in pairs:
            assert missed.excerpt.answer in ("missed", "partial")
            assert missed.excerpt.would_have_helped
            assert well is not None
            assert well.excerpt.answer == "met"
            assert well.call != missed.call
    assert built.goal


def test_the_plan_holds_no_words_and_no_ids_of_calls(many, settings):
    built = build(many, settings)
    with many.read() as session:
        stored = session.get_one(CoachingSessionRow, built.number).plan_json
        ids = session.scalars(select(CallRow.call_id)).all()
    assert not [call_id for call_id in ids if call_id in stored]
    said = [turn.text for dialogue in dialogues()[:50] for turn in dialogue.turns]
    assert not [text for text in said if len(text) > 20 and text in stored]


def test_every_moment_has_its_evidence_inside(many, settings):
    for moment in build(many, settings).moments:
        assert moment.excerpt.confirmed or moment.excerpt.confidence >= SURE
        assert moment.excerpt.evidence
        for part in moment.excerpt.evidence:
            assert moment.start_s < part.start_s
            assert part.end_s < moment.end_s
        assert any(line.marks for line in moment.excerpt.lines)
        assert moment.excerpt.silent
        assert not moment.has_clip


def test_calls_whose_words_are_deleted_count_and_are_not_shown(store, settings):
    fill(store, "ag-1", 12, places=places_with("apologize", "missed"))
    with store.write() as session:
        for row in session.scalars(select(ResultRow)).all():
            row.result_json = dump_line(without_words(json.loads(row.result_json), NEWEST))
    built = build(store, settings)
    assert built.plan.calls == 12
    assert built.plan.figure("apologize").now.judged > 0
    assert built.moments == ()
    assert built.plan.wordless == 12


def test_a_session_that_nobody_touched_is_built_anew_and_not_twice(store, settings):
    fill(store, "ag-1", 12, places=places_with("apologize", "missed"))
    first = build(store, settings)
    page = write_page(first, settings)
    again = build(store, settings)
    with store.read() as session:
        assert [kept.number for kept in sessions.list_sessions(session)] == [again.number]
    assert not page.exists()
    sessions.write_down(store, again.number, note="Ask about the new hours.")
    third = build(store, settings)
    with store.read() as session:
        kept = [found.number for found in sessions.list_sessions(session)]
    assert kept == [third.number, again.number]


def test_what_shows_a_call_under_legal_hold_is_not_deleted(store, settings):
    fill(store, "ag-1", 12, places=places_with("apologize", "missed"))
    built = build(store, settings)
    with store.write() as session:
        hold_calls(session, [built.moments[0].call], "claim 17", "Ada")
    with pytest.raises(CoachingError, match="claim 17"):
        sessions.remove(store, built.number)
    again = build(store, settings)
    with store.write() as session:
        kept = [found.number for found in sessions.list_sessions(session)]
        lift_holds(session, [built.moments[0].call])
    assert kept == [again.number, built.number]
    sessions.remove(store, built.number)


def test_of_a_held_call_of_a_colleague_neither_id_nor_reason_is_told(store, settings):
    fill(store, "ag-1", 12, places=places_with("apologize", "missed"))
    fill(store, "ag-2", 5, places=places_with("apologize", "met"))
    sessions.set_consent(store, "ag-2", True)
    built = build(store, settings)
    shown = next(moment for moment in built.moments if moment.colleague)
    with store.write() as session:
        hold_calls(session, [shown.call], "claim 17", "Ada")
    with pytest.raises(CoachingError, match="a colleague's call is under legal hold") as told:
        sessions.remove(store, built.number)
    assert "claim 17" not in str(told.value)
    assert "ag-2" not in str(told.value)


def test_the_session_begins_with_care_where_a_customer_was_abusive(many, settings):
    built = build(many, settings)
    assert built.moments[0].kind == "care"
    abusive = {moment.call for moment in built.of("care")}
    assert not [m for m in built.moments if m.kind != "care" and m.call in abusive]


def test_a_criterion_that_is_only_suggested_is_neither_strength_nor_focus(many, settings):
    first = build(many, settings).plan
    named = {*first.focus, *(strength.criterion for strength in first.strengths)}
    built = build(many, settings, suggest_only=lambda *_: frozenset(named))
    assert not named & {*built.plan.focus, *(s.criterion for s in built.plan.strengths)}
    assert not [m for m in built.moments if m.criterion in named]


def test_only_the_calls_of_the_time_count(store, settings):
    fill(store, "ag-1", 30, weeks=10)
    assert build(store, settings).plan.calls < 20
    since, until = NEWEST - timedelta(weeks=10), NEWEST - timedelta(weeks=5)
    built = build(store, settings, since=since, until=until)
    assert 10 < built.plan.calls < 20
    assert built.until <= until


def test_few_calls_are_called_few(store, settings):
    keep(store, places_with("apologize", "missed")[0], "one", NEWEST, agent_id="ag-1")
    assert build(store, settings).plan.few


def test_where_the_agent_never_does_it_well_a_consenting_colleague_does(store, settings):
    fill(store, "ag-1", 12, places=places_with("apologize", "missed"))
    fill(store, "ag-2", 5, places=places_with("apologize", "met"), agent_name="Odette Farrow")
    alone = build(store, settings)
    assert "apologize" in alone.plan.focus
    assert not [moment for moment in alone.moments if moment.colleague]
    sessions.set_consent(store, "ag-2", True)
    built = build(store, settings)
    shown = [moment for moment in built.moments if moment.colleague]
    assert {(moment.kind, moment.criterion) for moment in shown} >= {("well", "apologize")}
    for moment in shown:
        assert moment.excerpt.call_id is None
        assert moment.excerpt.at is None
        assert not [line for line in moment.excerpt.lines if "Odette" in line.text]


def test_consent_withdrawn_takes_the_moments_out_of_the_sessions(store, settings):
    fill(store, "ag-1", 12, places=places_with("apologize", "missed"))
    fill(store, "ag-2", 5, places=places_with("apologize", "met"))
    sessions.set_consent(store, "ag-2", True)
    built = build(store, settings)
    assert sessions.set_consent(store, "ag-2", False) == (built.number,)
    with store.read() as session:
        assert sessions.consent_of(session, "ag-2") is None
        left = find_session(session, built.number)
    assert left is not None
    assert left.moments
    assert not [moment for moment in left.moments if moment.colleague]


@pytest.mark.parametrize(
    ("agent", "since", "said"),
    [
        ("ag-9", None, "no scored calls"),
        ("ag-1", NEWEST + timedelta(days=1), "in that time"),
        ("unknown", None, "not known"),
    ],
)
def test_there_must_be_calls_to_talk_about(store, settings, agent, since, said):
    fill(store, "ag-1", 2)
    with pytest.raises(CoachingError, match=said):
        build(store, settings, agent, since=since)


def test_a_session_is_held_and_then_agreed_to(store, settings):
    fill(store, "ag-1", 12)
    number = build(store, settings).number
    with pytest.raises(CoachingError, match="held"):
        sessions.agree(store, number, "Say sorry first.")
    sessions.write_down(store, number, goal="Say sorry first.", note="A good talk.")
    sessions.hold(store, number)
    with pytest.raises(CoachingError, match="held already"):
        sessions.hold(store, number)
    with pytest.raises(CoachingError, match="changed since you read it"):
        sessions.agree(store, number, "Another.")
    sessions.agree(store, number, "Say sorry first.\r\n")
    with store.read() as session:
        found = find_session(session, number)
        (listed,) = sessions.list_sessions(session, CoachingSessionRow.agent_id == "ag-1")
    assert found is not None
    assert (found.status, found.goal, found.note) == ("agreed", "Say sorry first.", "A good talk.")
    assert found.held_at <= found.agreed_at
    assert listed == found
    with pytest.raises(CoachingError, match="stays as it is"):
        sessions.write_down(store, number, goal="Another.")


def test_a_goal_is_needed_to_be_agreed_to(store, settings):
    fill(store, "ag-1", 12)
    number = build(store, settings).number
    sessions.write_down(store, number, goal=" ")
    sessions.hold(store, number)
    with pytest.raises(CoachingError, match="no goal"):
        sessions.agree(store, number, "")


def test_moments_go_with_their_session_and_with_their_call(database_url, settings):
    with Store(database_url) as store:
        fill(store, "ag-1", 12)
        built = build(store, settings)
        sessions.write_down(store, built.number, note="Kept.")
        other = build(store, settings)
        gone = built.moments[0].call
        with store.write() as session:
            session.delete(session.get_one(CallRow, gone))
        sessions.remove(store, other.number)
        with store.read() as session:
            left = session.scalars(select(CoachingMomentRow)).all()
            assert session.scalar(select(func.count()).select_from(CoachingSessionRow)) == 1
        assert {row.session for row in left} == {built.number}
        assert gone not in {row.call for row in left}


def test_what_is_deleted_while_a_session_is_built_is_not_in_it(store, settings, monkeypatch):
    fill(store, "ag-1", 12, agent_name="Maya Fenn", team="Harbour")

    def meanwhile(*_: object, **__: object) -> None:
        with store.write() as session:
            forget_all_words(session, session.scalars(select(CallRow.id)).all())
        raise NotAsScored("it was moved")

    monkeypatch.setattr("pipeline.coaching.cuts.load_as_scored", meanwhile)
    assert build(store, settings).moments == ()


def test_consent_that_is_taken_back_while_a_session_is_built_counts(store, settings, monkeypatch):
    fill(store, "ag-1", 12, places=places_with("apologize", "missed"))
    fill(store, "ag-2", 5, places=places_with("apologize", "met"))
    sessions.set_consent(store, "ag-2", True)
    assert any(moment.colleague for moment in build(store, settings).moments)

    def meanwhile(*_: object, **__: object) -> None:
        sessions.set_consent(store, "ag-2", False)
        raise NotAsScored("it was moved")

    monkeypatch.setattr("pipeline.coaching.cuts.load_as_scored", meanwhile)
    assert not any(moment.colleague for moment in build(store, settings).moments)


def test_a_call_that_is_scored_again_while_a_session_is_built_is_not_in_it(
    store, settings, monkeypatch
):
    fill(store, "ag-1", 12)

    def meanwhile(_: Store, call: CallRow, **__: object) -> None:
        at = call.started_at_utc
        keep(store, places_with("apologize", "met")[0], call.call_id, at, agent_id="ag-1")
        raise NotAsScored("it was moved")

    assert build(store, settings).moments
    # By a later version: the result that was read stays.
    monkeypatch.setattr("tests.coaching.world.JUDGING", Judging("dialogues", "1", "later"))
    monkeypatch.setattr("pipeline.coaching.cuts.load_as_scored", meanwhile)
    assert build(store, settings).moments == ()


def test_words_that_are_hidden_while_a_session_is_built_are_not_in_it(store, settings, monkeypatch):
    fill(store, "ag-1", 12)

    def meanwhile(_: Store, call: CallRow, **__: object) -> None:
        with store.write() as session:
            row = session.scalars(select(ResultRow).where(ResultRow.call == call.id)).one()
            result = json.loads(row.result_json)
            result["turns"][0]["text"] = "[name]"
            row.result_json = dump_line(result)
        raise NotAsScored("it was moved")

    monkeypatch.setattr("pipeline.coaching.cuts.load_as_scored", meanwhile)
    assert build(store, settings).moments == ()


@pytest.mark.parametrize("forgotten", ["one", "all"])
def test_calls_that_are_forgotten_while_a_session_is_built_end_nothing(
    database_url, settings, monkeypatch, forgotten
):
    with Store(database_url) as store:
        fill(store, "ag-1", 12)
        assert build(store, settings).moments
        gone: set[int] = set()

        def meanwhile(_: Store, call: CallRow, **__: object) -> None:
            with store.write() as session:
                calls = select(CallRow).where(CallRow.id == call.id)
                for row in session.scalars(calls if forgotten == "one" else select(CallRow)).all():
                    gone.add(row.id)
                    session.delete(row)
            raise NotAsScored("it was moved")

        monkeypatch.setattr("pipeline.coaching.cuts.load_as_scored", meanwhile)
        assert build(store, settings).moments == ()
        assert gone


def test_calls_that_are_forgotten_while_they_are_read_are_told_in_our_words(store, settings):
    fill(store, "ag-1", 12)

    def meanwhile(session: object, _: str) -> frozenset[str]:
        session.execute(delete(CallRow))  # type: ignore[attr-defined]
        return frozenset()

    with pytest.raises(CoachingError, match="deleted while it was read"):
        build_session(store, settings, "ag-1", meanwhile)


def test_consent_that_is_taken_back_while_moments_are_stored_counts(
    database_url, settings, monkeypatch
):
    with Store(database_url) as store:
        fill(store, "ag-1", 12, places=places_with("apologize", "missed"))
        fill(store, "ag-2", 5, places=places_with("apologize", "met"))
        sessions.set_consent(store, "ag-2", True)
        may_show = session_module._may_show
        withdrawing: list[Thread] = []

        def then_withdrawn(session: object, cut: object) -> bool:
            shown = may_show(session, cut)
            if cut.row.colleague and not withdrawing:  # type: ignore[attr-defined]
                taken_back = Thread(target=sessions.set_consent, args=(store, "ag-2", False))
                taken_back.start()
                withdrawing.append(taken_back)
                taken_back.join(0.5)
            return shown

        monkeypatch.setattr(session_module, "_may_show", then_withdrawn)
        number = build_session(store, settings, "ag-1", relied_on)
        withdrawing[0].join()
        with store.read() as session:
            left = find_session(session, number)
    assert left is not None
    assert not [moment for moment in left.moments if moment.colleague]


def test_a_moment_keeps_its_partner_when_another_loses_its(many, settings):
    built = build(many, settings)
    criterion = built.plan.focus[0]
    (_, lost), kept = built.pairs(criterion)
    with many.write() as session:
        session.delete(session.get_one(CoachingMomentRow, lost.number))
    with many.read() as session:
        left = find_session(session, built.number, clips=True)
    assert left.pairs(criterion) == [(built.pairs(criterion)[0][0], None), kept]
