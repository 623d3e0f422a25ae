"""One judge at a time on small calls: what the guide says, answer by answer."""

from dataclasses import replace

import pytest

from pipeline.criteria import JUDGES
from pipeline.criteria.view import GUESSED, view
from pipeline.records import (
    CallFacts,
    Engines,
    Hold,
    Interruption,
    Metadata,
    RaisedVoice,
    Sound,
    Turn,
)  # fmt: skip
from pipeline.rubric import load_rubric

RUBRIC = load_rubric()
THRESHOLDS = {c.id: c.thresholds for c in RUBRIC.criteria}


def call(*lines: str, sound: Sound | None = None, direction=None) -> CallFacts:
    """Lines as "A words" and "C words"; each turn lasts four seconds, one after the other."""
    roles = {"A": "agent", "C": "customer"}
    turns = tuple(
        Turn(roles[line[0]], line[2:], 5.0 * n, 5.0 * n + 4.0) for n, line in enumerate(lines)
    )
    return CallFacts(
        Metadata("c", direction=direction),
        turns,
        Engines("t", "t", "t"),
        language="en",
        sound=sound,
    )


def judge(criterion: str, facts: CallFacts):
    seen = view(facts, RUBRIC.cues_for("en").find(facts.turns))
    return JUDGES[criterion].decide(seen, THRESHOLDS[criterion])


HELLO = "A Good morning, Northgate Energy, how can I help?"
BROKEN = "C Hi, the heater you sold me stopped working after a week."
WORRIED = "C Hello, I need to change my address, and I'm really worried about the deadline."
HOURS = "C Hi, what time do you open on Sunday?"


@pytest.mark.parametrize(
    ("answer", "lines"),
    [
        ("met", [BROKEN, "A When did it stop heating?", "C Monday.", "A I'll send a new one."]),
        ("met", [BROKEN, "A So your heater gave up after a week. I'll send you a new one."]),
        ("met", [HOURS, "A We open at ten on Sundays."]),
        ("partial", [BROKEN, "A Order number?", "C Five five.", "A I'll send you a new one."]),
        ("missed", [BROKEN, "A Are you sure you plugged it in? I doubt that.", "C Yes!"]),
        ("missed", [BROKEN, "A When was that?", "C You're not listening to me.", "A Okay."]),
        ("partial", [BROKEN, "A I'll send you a new one. When did it stop heating?", "C Monday."]),
        ("missed", ["C Hello.", "A I have sent you a new one already.", BROKEN, "A Thank you."]),
    ],
)  # fmt: skip
def test_listen_first(answer, lines):
    assert judge("listen_first", call(HELLO, *lines)).answer == answer


def cut(at_s: float, kind="competitive", by="agent") -> Interruption:
    return Interruption(by, at_s, at_s + 0.9, kind, at_s, 1.5)


@pytest.mark.parametrize(
    ("cuts", "listen", "talking_over"),
    [
        ((), "met", "met"),
        ((cut(7.0),), "missed", "missed"),
        ((cut(17.0),), "met", "partial"),
        ((cut(17.0), cut(27.0)), "met", "missed"),
        ((cut(7.0, kind="backchannel"),), "met", "met"),
        ((cut(7.0, by="customer"),), "met", "met"),
    ],
)
def test_interruptions(cuts, listen, talking_over):
    facts = call(
        HELLO, BROKEN, "A When did it stop heating?", "C On Monday, I think it was.",
        "A I'll send you a new one tomorrow.", "C Good, that works for me.",
        sound=Sound(interruptions=cuts),
    )  # fmt: skip
    assert judge("listen_first", facts).answer == listen
    assert judge("no_talking_over", facts).answer == talking_over


@pytest.mark.parametrize(
    ("cuts", "possible", "answer", "other"),
    [
        ((cut(17.0),), (), "partial", None),
        ((replace(cut(17.0), certain=False),), (), "partial", "met"),
        ((), (cut(17.0),), "met", "partial"),
        ((replace(cut(17.0), certain=False),), (cut(27.0),), "partial", "met or missed"),
    ],
)
def test_an_answer_that_hangs_on_the_exact_borders_says_so(cuts, possible, answer, other):
    lines = [HELLO, BROKEN, "A When did it stop heating?", "C Monday, and it was cold.",
             "A I'll send a new one.", "C Thank you."]  # fmt: skip
    sound = Sound(interruptions=cuts, possible_interruptions=possible, border_accuracy_s=0.25)
    verdict = judge("no_talking_over", call(*lines, sound=sound))
    assert verdict.answer == answer
    assert (f"exact to 0.25 s, and within that it could be {other}" in verdict.reason) is bool(
        other
    )
    assert (verdict.confidence <= GUESSED) is bool(other)


@pytest.mark.parametrize(
    ("answer", "lines"),
    [
        ("not_applicable", [HOURS, "A We open at ten."]),
        ("met", [BROKEN, "A That must be really frustrating in this cold."]),
        ("met", [WORRIED, "A Don't worry, we'll sort this out together."]),
        ("met", [BROKEN, "A I understand. Let me check that."]),
        ("met", [BROKEN, "A I'm sorry to hear you're having trouble."]),
        ("missed", [BROKEN, "A Okay, I see. Sorry about that. Order number?"]),
        ("missed", [BROKEN, "A I understand your frustration, but calm down, please."]),
        ("missed", [HOURS, "A Don't be such an idiot, it says so on the door."]),
        ("met", [BROKEN, "A Well, it's only a heater, get over it.", "C Excuse me?",
                 "A That was wrong of me, I'm sorry. I can see how annoying that is."]),
        ("met", [BROKEN, "A Well, it's only a heater, get over it. I'm sorry about that, it was "
                 "wrong of me. I can see how annoying that is."]),
        ("missed", [HOURS, "A I doubt that.", "C Pardon?", "A Don't be such an idiot."]),
    ],
)  # fmt: skip
def test_empathize(answer, lines):
    assert judge("empathize", call(HELLO, *lines)).answer == answer


def test_a_raised_voice_calls_for_empathy():
    lines = (HELLO, HOURS, "A We open at ten on Sundays.")
    assert judge("empathize", call(*lines)).answer == "not_applicable"
    loud = Sound(raised_voice=(RaisedVoice("customer", 5.5, 7.0),))
    assert judge("empathize", call(*lines, sound=loud)).answer == "missed"


@pytest.mark.parametrize(
    ("answer", "lines"),
    [
        ("not_applicable", [WORRIED, "A Sorry to hear that."]),
        ("met", [BROKEN, "A We apologize for the inconvenience."]),
        ("met", [BROKEN, "A I'm so sorry about that."]),
        ("partial", [BROKEN, "A One moment.", "C Okay.", "A Sorry to keep you on hold."]),
        ("partial", [BROKEN, "A I'm sorry about that, but you should have read the manual."]),
        ("missed", [BROKEN, "A Sorry? I'm sorry, could you repeat that?"]),
        ("missed", [BROKEN, "C I'm sorry to bother you.", "A When was that?"]),
    ],
)
def test_apologize(answer, lines):
    assert judge("apologize", call(HELLO, *lines)).answer == answer


@pytest.mark.parametrize(
    ("answer", "lines"),
    [
        ("met", [BROKEN, "A I've ordered a replacement for you."]),
        ("met", [BROKEN, "A I can't refund it after a week, but I can send you a replacement."]),
        ("met", [HOURS, "A We open at ten on Sundays."]),
        ("partial", [BROKEN, "A Somebody will look into it."]),
        ("missed", [BROKEN, "A There's nothing I can do, that's our policy.", "C Oh."]),
        ("missed", [BROKEN, "A I don't know."]),
    ],
)
def test_solve(answer, lines):
    assert judge("solve", call(HELLO, *lines)).answer == answer


@pytest.mark.parametrize(
    ("answer", "lines"),
    [
        ("met", [BROKEN, "A I've ordered a new one. You'll get an email within two days."]),
        (
            "met",
            [HOURS, "A We open at ten.", "C Thanks.", "A Is there anything else I can help with?"],
        ),
        ("met", [BROKEN, "A I'm transferring you to our repair team."]),
        ("partial", [BROKEN, "A Somebody will look into it."]),
        ("partial", [BROKEN, "A I'll transfer you.", "C Okay."]),
        ("met", [BROKEN, "A I'll send you a new one.", "C When will it come?", "A By Friday."]),
        ("missed", [BROKEN, "A I'll send you a new one.", "C When will it come?", "A Goodbye."]),
        ("missed", [HOURS, "A At ten.", "C Thanks.", "A Bye."]),
        ("missed", [BROKEN, "A There's nothing I can do.", "C Oh.", "A Anything else?"]),
    ],
)
def test_follow_up(answer, lines):
    assert judge("follow_up", call(HELLO, *lines)).answer == answer


def test_ending_an_abusive_call_after_a_warning_never_counts_against_the_agent():
    facts = call(
        HELLO, BROKEN, "A When did it stop?", "C You're an idiot, shut up!",
        "A If the insults go on, I'll have to end the call.", "C Idiot!",
        "A I'm ending this call now. We can continue at another time.",
    )  # fmt: skip
    for criterion in ("solve", "follow_up"):
        assert judge(criterion, facts).answer in ("met", "not_applicable")


def test_a_call_that_goes_on_after_the_warning_is_judged():
    facts = call(
        HELLO, BROKEN, "C You're an idiot, shut up!",
        "A If the insults go on, I'll have to end the call.",
        "C Okay, I'm sorry. So what about my heater?", "A There's nothing I can do.",
    )  # fmt: skip
    for criterion in ("solve", "follow_up"):
        assert judge(criterion, facts).answer == "missed"


def test_outbound_call_has_an_issue_only_when_the_customer_raises_one():
    opening = "A Hello, I'm calling about your new tariff. It costs ten euros a month."
    calm = call(
        opening, "C What does it include?", "A It includes the app.", "C Fine, thanks, bye."
    )
    assert judge("solve", calm).answer == "not_applicable"
    annoyed = call(opening, "C Take me off your list.", "A It's a great offer.", "C Goodbye.")
    assert judge("solve", annoyed).answer == "missed"
    honoured = call(opening, "C Take me off your list.", "A I've taken your number off our list.")
    assert judge("solve", honoured).answer == "met"


@pytest.mark.parametrize(
    ("answer", "holds"),
    [
        ("not_applicable", ()),
        ("met", (Hold(9.0, 30.0, True, True, True, True),)),
        ("partial", (Hold(9.0, 30.0, True, True, False, True),)),
        ("partial", (Hold(9.0, 30.0, True, False, True, True),)),
        ("missed", (Hold(9.0, 30.0, False, True, True, True),)),
        ("missed", (Hold(9.0, 130.0, True, True, True, True),)),
        ("missed", tuple(Hold(9.0 + n, 10.0 + n, True, True, True, True) for n in range(4))),
    ],
)
def test_hold_handling(answer, holds):
    facts = call(HELLO, BROKEN, "A Thanks for waiting.", sound=Sound(holds=holds))
    assert judge("hold_handling", facts).answer == answer


def test_composure():
    calm = (HELLO, BROKEN, "A When did it stop?")
    both = ("agent", "customer")
    loud = (RaisedVoice("agent", 10.5, 12.0),)
    assert judge("composure", call(*calm, sound=Sound(effort_measurable=both))).answer == "met"
    assert judge("composure", call(*calm, sound=Sound())).answer == "cannot_tell"
    raised = Sound(raised_voice=loud, effort_measurable=both)
    assert judge("composure", call(*calm, sound=raised)).answer == "missed"
    assert judge("composure", call(HELLO, BROKEN, "A You stupid idiot.")).answer == "missed"


@pytest.mark.parametrize(
    ("answer", "reply"),
    [
        ("met", "I can't refund it, but I can send you a replacement."),
        ("missed", "That's not possible."),
        ("missed", "That's your own fault."),
        ("missed", "We're three people short this week, so I can send it on Friday."),
        ("met", "I've ordered a new one for you."),
    ],
)
def test_positive_language(answer, reply):
    assert judge("positive_language", call(HELLO, BROKEN, f"A {reply}")).answer == answer
