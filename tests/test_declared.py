"""Criteria of a rubric's own: conditions, rules, what applies when, bonus, caps, mistakes."""

from dataclasses import replace

import pytest

from pipeline.errors import RubricError
from pipeline.records import (
    CallFacts,
    Engines,
    Hold,
    Interruption,
    Metadata,
    RaisedVoice,
    Sound,
    Span,
    Talk,
    Turn,
)
from pipeline.rubric import load_rubric
from pipeline.score import score

HEAD = """\
id: mine
version: "1"
title: Mine
default_language: en
flags: {long_hold_s: 120, low_score_below: 60}
cannot_tell: {fewer_words_than: 5, less_speech_than_s: 0, word_probability_below: 0.4}
criteria:
"""
SOUND = Sound(
    interruptions=(Interruption("agent", 10.0, 11.0, "competitive", 10.0, 2.0),),
    holds=(Hold(20.0, 50.0, True, True, True, True), Hold(50.0, 60.0, True, True, True, True,
                                                          continued=True)),
    dead_air=(Span(70.0, 82.0), Span(90.0, 101.0)),
    raised_voice=(RaisedVoice("customer", 1.0, 3.5),),
    talk=Talk(30.0, 10.0, 1.0, 40.0, 150, 160),
    effort_measurable=("agent", "customer"),
)  # fmt: skip
CALL = CallFacts(
    Metadata("c", queue="returns", direction="inbound"),
    (
        Turn("agent", "Good morning, Fernhill Gas, how can I help?"),
        Turn("customer", "Your fitter never came, and I took a day off work."),
        Turn("agent", "I'm so sorry about that. The number I have is 555 0199, right?"),
        Turn("customer", "Yes, that is right."),
        Turn("agent", "I have booked him for nine tomorrow. Anything else?"),
        Turn("customer", "No, thank you."),
    ),
    Engines("t", "t", "t"), language="en", duration_s=110.0, sound=SOUND,
)  # fmt: skip


def rubric(tmp_path, criteria, more=""):
    path = tmp_path / "mine.yaml"
    path.write_text(HEAD + criteria + more)
    return load_rubric(path)


def one(met, **parts):
    lines = [f"      {name}: {value}" for name, value in ({"met": met} | parts).items()]
    return "\n".join(
        [
            "  - id: it",
            "    title: It",
            "    weight: 10",
            "    rules:",
            "      helps: Do it.",
            *lines,
        ]
    )


def answer(tmp_path, met, call=CALL, **parts):
    return score(call, rubric(tmp_path, one(met, **parts))).criteria[0]


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ("{cue: apology_for_issue}", True),
        ("{cue: agent_insult}", False),
        ("{cue: [agent_insult, apology_for_issue]}", True),
        ("{cue: apology_for_issue, times: 2}", False),
        ("{cue: apology_for_issue, after: complaint}", True),
        ("{cue: apology_for_issue, after: more_help}", False),
        ("{cue: apology_for_issue, before: more_help}", True),
        ("{cue: complaint, before: greeting}", False),
        ("{cue: more_help, after: complaint, within_turns: 3}", True),
        ("{cue: more_help, after: complaint, within_turns: 2}", False),
        ("{cue: greeting, in_first_turns: 1}", True),
        ("{cue: apology_for_issue, in_first_turns: 2}", False),
        ("{cue: more_help, in_last_turns: 2}", True),
        ("{cue: greeting, in_last_turns: 2}", False),
        ('{phrase: "number <4> NUMBER", by: agent}', True),
        ('{phrase: "number <4> NUMBER", by: customer}', False),
        ('{phrase: "day off", by: either}', True),
        ("{measure: duration_s, at_least: 100, at_most: 120}", True),
        ("{measure: turns_count, at_most: 5}", False),
        ("{measure: silence_s, at_least: 40}", True),
        ("{measure: overlap_s, at_most: 1}", True),
        ("{measure: agent_talk_share, at_least: 0.75, at_most: 0.75}", True),
        ("{measure: agent_wpm, at_most: 150}", True),
        ("{measure: customer_wpm, at_least: 161}", False),
        ("{measure: holds_count, at_least: 1, at_most: 1}", True),
        ("{measure: longest_hold_s, at_least: 30, at_most: 30}", True),
        ("{measure: dead_air_s, at_least: 23, at_most: 23}", True),
        ("{measure: longest_dead_air_s, at_least: 12, at_most: 12}", True),
        ("{measure: agent_interruptions_count, at_least: 1}", True),
        ("{measure: customer_interruptions_count, at_least: 1}", False),
        ("{measure: agent_raised_voice_s, at_most: 0}", True),
        ("{measure: customer_raised_voice_s, at_least: 2.5}", True),
        ("{metadata: {queue: returns}}", True),
        ("{metadata: {queue: [billing, returns], direction: inbound}}", True),
        ("{metadata: {queue: billing}}", False),
        ("{all: [{cue: greeting}, {cue: more_help}]}", True),
        ("{all: [{cue: greeting}, {cue: agent_insult}]}", False),
        ("{any: [{cue: agent_insult}, {cue: more_help}]}", True),
        ("{not: {cue: agent_insult}}", True),
        ("{not: {cue: greeting}}", False),
    ],
)
def test_condition(tmp_path, condition, holds):
    found = answer(tmp_path, condition)
    assert found.answer == ("met" if holds else "missed")
    assert found.evidence
    text = " ".join(turn.text for turn in CALL.turns)
    assert all(item.quote in text for item in found.evidence)
    assert found.would_have_helped == (None if holds else "Do it.")


def test_what_the_recording_does_not_give_cannot_be_told(tmp_path):
    silent = replace(CALL, sound=None, metadata=Metadata("c"))
    measured = "{measure: holds_count, at_most: 3}"
    assert answer(tmp_path, measured, silent).answer == "cannot_tell"
    assert answer(tmp_path, "{metadata: {queue: returns}}", silent).answer == "cannot_tell"
    # What is known decides where it can.
    either = f"{{any: [{measured}, {{cue: greeting}}]}}"
    assert answer(tmp_path, either, silent).answer == "met"
    both = f"{{all: [{measured}, {{cue: agent_insult}}]}}"
    assert answer(tmp_path, both, silent).answer == "missed"
    assert answer(tmp_path, f"{{not: {measured}}}", silent).answer == "cannot_tell"


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        # The second hold is thanked for.
        ("{cue: hold_thanks, after: hold_announcement, within_turns: 2}", True),
        ("{cue: hold_thanks, after: hold_announcement, within_turns: 1}", False),
        # In one turn, in this order.
        ("{cue: more_help, after: hold_thanks, within_turns: 0}", True),
        ("{cue: hold_thanks, after: more_help, within_turns: 0}", False),
        ("{cue: hold_thanks, before: more_help}", True),
        ("{cue: more_help, before: hold_thanks}", False),
        ("{cue: hold_announcement, before: hold_thanks, times: 2}", True),
        # Where the other never comes, nothing comes too late.
        ("{cue: greeting, before: transfer}", True),
    ],
)
def test_order(tmp_path, condition, holds):
    said = (
        ("agent", "Good morning, may I put you on hold for a moment while I check?"),
        ("customer", "Of course, go ahead."),
        ("agent", "I am looking at it now."),
        ("customer", "All right."),
        ("agent", "Could you hold the line once more, please?"),
        ("customer", "Yes, if it helps."),
        ("agent", "Thank you for holding. Is there anything else I can help you with?"),
        ("customer", "No."),
    )
    facts = replace(CALL, turns=tuple(Turn(role, text) for role, text in said))
    assert answer(tmp_path, condition, facts).answer == ("met" if holds else "missed")


def test_metadata_known_to_differ_decide(tmp_path):
    unknown = replace(CALL, metadata=Metadata("c", direction="inbound"))
    asked = "{metadata: {queue: returns, direction: outbound}}"
    assert answer(tmp_path, asked, unknown).answer == "missed"


def test_a_language_without_cues(tmp_path):
    """What is asked of words cannot be told, and "not said" is not known either."""
    german = replace(CALL, language="de")
    only = (
        "  - {id: a, title: A, weight: 5, judge: no_talking_over, only_when: {cue: complaint}, "
        "thresholds: {issue_end_tolerance_s: 1, partial_up_to_count: 1}}"
    )
    no_greeting = (
        "\nauto_fail:\n  - {id: no_greeting, title: N, score_at_most: 20, "
        "when: {not: {cue: greeting}}}\n"
    )
    assert score(german, rubric(tmp_path, only)).criteria[0].answer == "cannot_tell"
    measured = one("{measure: holds_count, at_most: 3}")
    card = score(german, rubric(tmp_path, measured, no_greeting))
    assert (card.score, card.failed_by) == (100.0, None)
    # A figure that decides by itself still does.
    either = no_greeting.replace(
        "{not: {cue: greeting}}", "{any: [{cue: greeting}, {measure: holds_count, at_least: 1}]}"
    )
    assert score(german, rubric(tmp_path, measured, either)).score == 20.0


def test_what_was_not_transcribed_is_not_held_against_anybody(tmp_path):
    unheard = replace(CALL, warnings=("speech_without_words",))
    assert answer(tmp_path, '{phrase: "my name is"}', unheard).answer == "cannot_tell"
    assert answer(tmp_path, "{cue: greeting}", unheard).answer == "met"


def test_a_quote_shows_the_place_where_the_words_were_found(tmp_path):
    turn = Turn("agent", "I will freeze the interest. Then call the free advisers, they are good.")
    facts = replace(CALL, turns=(*CALL.turns, turn))
    found = answer(tmp_path, '{phrase: "free"}', facts)
    assert found.evidence[-1].quote == "Then call the free advisers, they are good"


def test_applies_violated_partial(tmp_path):
    never, always = "{cue: agent_insult}", "{cue: greeting}"
    assert answer(tmp_path, always, applies=never).answer == "not_applicable"
    assert answer(tmp_path, always, applies=always).answer == "met"
    assert answer(tmp_path, always, violated=always).answer == "missed"
    half = answer(tmp_path, never, partial=always)
    assert (half.answer, half.points, half.would_have_helped) == ("partial", 5.0, "Do it.")
    missed = answer(tmp_path, never, applies="{cue: complaint}")
    assert [item.what for item in missed.evidence] == ["occasion"]


def test_only_when_goes_for_judges_of_ours_too(tmp_path):
    only = (
        "  - {id: a, title: A, weight: 5, judge: apologize, only_when: {metadata: {queue: QUEUE}}}"
    )
    answers = {
        queue: score(CALL, rubric(tmp_path, only.replace("QUEUE", queue))).criteria[0].answer
        for queue in ("returns", "billing")
    }
    assert answers == {"returns": "met", "billing": "not_applicable"}


def test_a_bonus_adds_and_costs_nothing(tmp_path):
    plain = one("{cue: agent_insult}")
    bonus = "\n  - id: extra\n    title: Extra\n    weight: 4\n    bonus: true\n    rules: "
    got = score(CALL, rubric(tmp_path, plain + bonus + "{met: {cue: greeting}, helps: H.}"))
    assert (got.score, got.coverage) == (40.0, 1.0)
    missed = score(CALL, rubric(tmp_path, plain + bonus + "{met: {cue: agent_insult}, helps: H.}"))
    assert missed.score == 0.0
    most = score(
        CALL,
        rubric(tmp_path, one("{cue: greeting}") + bonus + "{met: {cue: greeting}, helps: H.}"),
    )
    assert most.score == 100.0


def test_a_cap_by_a_condition(tmp_path):
    rule = "\nauto_fail:\n  - {id: late, title: L, score_at_most: 20, when: CONDITION}\n"
    for condition, scored in (
        ("{measure: longest_hold_s, at_least: 30}", 20.0),
        ("{measure: longest_hold_s, at_least: 31}", 100.0),
    ):
        card = score(
            CALL, rubric(tmp_path, one("{cue: greeting}"), rule.replace("CONDITION", condition))
        )
        assert (card.score, card.uncapped_score) == (scored, 100.0)


@pytest.mark.parametrize(
    ("met", "says"),
    [
        ("{cue: no_such}", "unknown cue 'no_such'"),
        ("{cue: greeting, after: no_such}", "unknown cue 'no_such'"),
        ("{cue: greeting, phrase: hello}", "exactly one of"),
        ("{}", "exactly one of"),
        ("{measure: mood, at_least: 1}", "no such measure"),
        ("{measure: silence_s}", "needs at_least or at_most"),
        ("{measure: silence_s, at_least: 5, at_most: 2}", "never holds"),
        ("{cue: greeting, at_least: 2}", "use times"),
        ("{measure: silence_s, at_least: 1, times: 2}", "belong to a cue"),
        ("{cue: greeting, within_turns: 2}", "needs after"),
        ("{cue: greeting, by: agent}", "belongs to a phrase"),
        ("{metadata: {shoe_size: '12'}}", "no such field"),
        ("{metadata: {direction: sideways}}", "inbound or outbound"),
        ('{phrase: "(a|b"}', "not closed"),
        ("{all: []}", "at least 1"),
        ("{cue: greeting, wihtin_turns: 2}", "unknown key"),
    ],
)
def test_a_mistake_names_file_line_and_key(tmp_path, met, says):
    with pytest.raises(RubricError, match=says.replace("(", r"\(")) as raised:
        rubric(tmp_path, one(met))
    line = next(n for n, text in enumerate((HEAD + one(met)).splitlines(), 1) if " met:" in text)
    assert f"mine.yaml, line {line}" in str(raised.value)
    assert "rules.met" in str(raised.value)


def test_judge_or_rules(tmp_path):
    for parts in ("judge: solve, rules: {met: {cue: greeting}, helps: H.}", "bonus: true"):
        with pytest.raises(RubricError, match="either 'judge' or 'rules'"):
            rubric(tmp_path, f"  - {{id: a, title: A, weight: 1, {parts}}}")


def test_phrases_count_for_the_hash(tmp_path):
    first = rubric(tmp_path, one('{phrase: "good morning"}')).hash
    assert rubric(tmp_path, one('{phrase: "good evening"}')).hash != first
