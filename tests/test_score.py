"""Adding up, caps, coverage, flags, and everything that makes an answer "cannot tell"."""

from dataclasses import replace

import pytest

from pipeline.criteria.view import GUESSED
from pipeline.cues import Learnt, Weighing
from pipeline.records import (
    CallFacts,
    Engines,
    Hold,
    Interruption,
    Metadata,
    Move,
    RaisedVoice,
    Sound,
    Turn,
    Word,
)  # fmt: skip
from pipeline.rubric import load_rubric
from pipeline.score import score

RUBRIC = load_rubric()
SAID = (
    ("agent", "Good morning, Northgate Energy, how can I help?"),
    ("customer", "Hi, the heater you sold me stopped working after a week. I'm really upset."),
    ("agent", "I'm so sorry about that, I can see how frustrating it is. When did it stop?"),
    ("customer", "On Monday."),
    ("agent", "I've ordered a replacement, you'll get it within two days. Anything else?"),
    ("customer", "No, that's perfect, thank you."),
)


def spoken(role, text, start_s, probability):
    words = text.split()
    step = 4.0 / len(words)
    return Turn(role, text, start_s, start_s + 4.0, tuple(
        Word(start_s + i * step, start_s + (i + 1) * step, w, probability)
        for i, w in enumerate(words)
    ))  # fmt: skip


CALM = Sound(effort_measurable=("agent", "customer"))


def call(said=SAID, probability=0.9, sound=CALM, **more):
    turns = tuple(spoken(r, t, 5.0 * n, probability) for n, (r, t) in enumerate(said))
    return CallFacts(
        Metadata("c"), turns, Engines("t", "t", "t"), duration_s=60.0, speech_s=24.0,
        sound=sound, **({"language": "en"} | more),
    )  # fmt: skip


def answers(facts, rubric=RUBRIC):
    return {c.id: c.answer for c in score(facts, rubric).criteria}


WORDS = ("listen_first", "empathize", "apologize", "solve", "follow_up", "positive_language")
SOUNDS = ("no_talking_over", "hold_handling", "composure")


def test_a_good_call():
    card = score(call(), RUBRIC)
    assert card.score == card.uncapped_score == 100.0
    assert card.coverage == 1.0
    assert card.failed_by is None
    assert card.flags == ()
    by_id = {c.id: c for c in card.criteria}
    assert by_id["hold_handling"].answer == "not_applicable"
    assert by_id["hold_handling"].points is None
    assert by_id["hold_handling"].max_points == 5


def test_evidence_is_made_of_words_of_a_turn_of_that_role():
    bad = (*SAID[:2], ("agent", "Calm down, that's not our problem, it's your own fault."), SAID[3])
    for facts in (call(), call(bad)):
        for criterion in score(facts, RUBRIC).criteria:
            assert criterion.evidence or criterion.answer in ("not_applicable", "cannot_tell")
            for item in criterion.evidence:
                home = [t for t in facts.turns if item.quote in t.text and t.role == item.role]
                assert home
                assert item.quote.strip()
                assert any(t.start_s <= item.start_s <= item.end_s <= t.end_s for t in home)


def test_partial_is_half_and_not_applicable_leaves_the_denominator():
    # One request: no complaint, so empathize and apologize do not apply.
    said = (SAID[0], ("customer", "Hi, I'd like to book a visit for my gas boiler, please."),
            ("agent", "Somebody will look into it."),
            ("customer", "Oh, well, goodbye."))  # fmt: skip
    card = score(call(said, sound=None), RUBRIC)
    by_id = {c.id: c for c in card.criteria}
    assert by_id["solve"].answer == by_id["follow_up"].answer == "partial"
    assert by_id["solve"].points == 10
    assert by_id["apologize"].answer == "not_applicable"
    judged = [c for c in card.criteria if c.points is not None]
    earned = sum(c.points for c in judged) / sum(c.max_points for c in judged)
    assert card.score == round(100 * earned, 1)
    assert card.coverage == round(65 / 80, 3)


def test_insult_caps_the_score_and_keeps_the_uncapped_one():
    said = (*SAID[:4], ("agent", SAID[4][1] + " And don't be such an idiot next time."), SAID[5])
    card = score(call(said), RUBRIC)
    assert card.failed_by == "agent_insults_customer"
    assert card.score == 0.0 < card.uncapped_score


def test_transcript_alone_judges_words_and_not_sound():
    found = answers(call(sound=None))
    assert {found[c] for c in SOUNDS} == {"cannot_tell"}
    assert "cannot_tell" not in {found[c] for c in WORDS}
    rude = (*SAID[:4], ("agent", "Don't be such an idiot."))
    assert answers(call(rude, sound=None))["composure"] == "missed"


def test_overlap_that_cannot_be_measured():
    found = answers(call(sound=Sound(overlap_measurable=False, effort_measurable=("agent",))))
    assert found["no_talking_over"] == "cannot_tell"
    assert found["listen_first"] == "met"


@pytest.mark.parametrize("warning", ["one_sided_recording", "roles_unsure"])
def test_warnings_after_which_nothing_can_be_told(warning):
    card = score(call(warnings=(warning,)), RUBRIC)
    assert {c.answer for c in card.criteria} == {"cannot_tell"}
    assert card.score is None
    assert card.coverage == 0.0
    assert card.flags == ()


def test_too_little_speech_and_a_missing_side():
    assert set(answers(call(SAID[5:])).values()) == {"cannot_tell"}
    assert set(answers(replace(call(), speech_s=9.0)).values()) == {"cannot_tell"}
    agent_only = tuple(line for line in SAID if line[0] == "agent")
    assert set(answers(call(agent_only)).values()) == {"cannot_tell"}


def test_language_without_cues_leaves_the_answers_from_sound():
    found = answers(call(language="fi"))
    assert {found[c] for c in WORDS} == {"cannot_tell"}
    assert found["no_talking_over"] == "met"
    # Nobody can say that no insult fell.
    assert found["composure"] == "cannot_tell"


def test_unsure_words():
    found = answers(call(probability=0.3))
    assert {found[c] for c in WORDS} == {"cannot_tell"}
    # Only the words that matter for some criteria are unsure.
    facts = call()
    blurred = replace(
        facts.turns[1], words=tuple(replace(w, probability=0.2) for w in facts.turns[1].words)
    )
    sorry = replace(
        facts.turns[2], words=tuple(replace(w, probability=0.2) for w in facts.turns[2].words)
    )
    blurred_call = replace(facts, turns=(facts.turns[0], blurred, sorry, *facts.turns[3:]))
    assert answers(blurred_call)["apologize"] == "cannot_tell"
    assert answers(blurred_call)["composure"] == "met"


def test_flags():
    said = (
        SAID[0],
        ("customer", "This is the third time I'm calling, you idiot. I'll sue you."),
        ("customer", "I'll switch to another provider. Get me your manager."),
        ("agent", "That's not possible, there is nothing I can do."),
    )  # fmt: skip
    sound = Sound(
        holds=(Hold(19.5, 200.0, True, True, True, True),),
        raised_voice=(RaisedVoice("customer", 6.0, 8.0), RaisedVoice("agent", 15.5, 17.0)),
    )
    card = score(call(said, sound=sound), RUBRIC)
    assert {f.id for f in card.flags} == {
        "abusive_customer", "repeat_contact", "asks_manager", "threatens_to_leave",
        "threatens_action", "agent_raised_voice", "customer_raised_voice", "long_hold", "low_score",
    }  # fmt: skip


def test_a_raised_voice_alone_is_not_abuse():
    loud = Sound(raised_voice=(RaisedVoice("customer", 6.0, 8.0),), effort_measurable=("agent",))
    assert [f.id for f in score(call(sound=loud), RUBRIC).flags] == ["customer_raised_voice"]


def test_same_facts_same_card():
    assert score(call(), RUBRIC) == score(call(), load_rubric())


@pytest.mark.parametrize(("probability", "fails"), [(0.9, True), (0.1, False)])
def test_what_fails_an_agent_must_be_recognised_surely(probability, fails):
    """A misheard insult must not cost an agent the call."""
    facts = call()
    insult = spoken("agent", "you are an idiot", 35.0, probability)
    card = score(replace(facts, turns=(*facts.turns, insult)), RUBRIC)
    assert (card.failed_by is not None) is fails


def test_what_was_not_transcribed_is_not_held_against_anybody():
    said = (*SAID[:2], ("agent", "Okay, and the order number of it, please?"), SAID[3])
    assert answers(call(said))["apologize"] == "missed"
    unheard = call(said, warnings=("speech_without_words",))
    assert answers(unheard)["apologize"] == "cannot_tell"
    # What was said still counts.
    waved_off = ("agent", "I'm sorry about that, but you should have read the terms.")
    partial = call((*SAID[:2], waved_off, SAID[3]), warnings=("speech_without_words",))
    assert answers(partial)["apologize"] == "partial"
    rude = (*SAID[:2], ("agent", "You should have read the terms, that's your own fault."), SAID[3])
    told = answers(call(rude, warnings=("speech_without_words",)))
    assert told["empathize"] == "missed"


def test_what_fails_a_call_must_be_plain():
    """The tagger's word alone never caps a score."""
    said = (*SAID[:4], ("agent", "Bless you, what a muppet of a machine."), SAID[5])
    at = said[4][1].index("muppet")
    facts = replace(call(said), moves=(Move("agent_insult", 4, at, at + 6, 0.99),))
    sure = Weighing(bias=0, tagger=1, pattern=0, counts_from=0.5, rules_out_below=0)
    english = RUBRIC.cues["en"]
    cues = replace(english, learnt=Learnt(cues={"agent_insult": sure}))
    assert "agent_insult" in {cue.id for cue in cues.find(facts.turns, facts.moves)}
    assert score(facts, replace(RUBRIC, cues={"en": cues})).failed_by is None


def test_a_doubtful_move_makes_the_answer_less_sure():
    said = (*SAID[:2], ("agent", "Oh dear, that is no fun at all. When did it stop?"), *SAID[3:])

    def empathize(likely):
        moves = (Move("complaint", 1, 0, 30, 0.99), Move("acknowledgement", 2, 0, 30, likely))
        return score(replace(call(said), moves=moves), RUBRIC).criteria[1]

    surely, hardly = empathize(0.99), empathize(0.6)
    assert (surely.answer, hardly.answer) == ("met", "met")
    assert surely.confidence > hardly.confidence > 0


def test_what_hangs_on_exact_borders_is_less_sure_whatever_was_learnt():
    cut = Interruption("agent", 6.0, 7.0, "competitive", 6.0, 1.5, certain=False)
    sound = replace(CALM, interruptions=(cut,), border_accuracy_s=0.05)
    result = score(replace(call(sound=sound), moves=()), RUBRIC).criteria[0]
    assert "could be" in result.reason
    assert result.confidence <= GUESSED
    steady = score(replace(call(), moves=()), RUBRIC).criteria[0]
    assert steady.confidence > GUESSED


def test_without_anything_learnt_nothing_is_surely_right():
    cues = replace(RUBRIC.cues["en"], learnt=Learnt())
    card = score(replace(call(), moves=()), replace(RUBRIC, cues={"en": cues}))
    assert all(result.confidence < 1 for result in card.criteria if result.answer != "cannot_tell")


def test_every_missed_answer_says_what_would_have_helped_and_where():
    said = (
        *SAID[:2],
        ("agent", "You should have read the manual, that's your own fault."),
        SAID[3],
    )
    for result in score(call(said), RUBRIC).criteria:
        helped = result.would_have_helped
        assert (helped is not None) is (result.answer in ("missed", "partial")), result.id
    empathize = score(call(said), RUBRIC).criteria[1]
    assert "at 0:10" in empathize.would_have_helped
