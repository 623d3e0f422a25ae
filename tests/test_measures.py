"""The measures' rules, on speech drawn by hand."""

from dataclasses import replace
from typing import ClassVar

import numpy as np
import pytest

from pipeline.cues import load_cues
from pipeline.measures import escalation, holds, interruptions, raised_voice, talk
from pipeline.records import Cue, Escalation, RaisedVoice, Span, Turn, Word


def S(*pairs):
    return tuple(Span(a, b) for a, b in pairs)


def words(*times):
    return [Word(t, t + 0.2, "word", 0.9) for t in times]


class TestInterruptions:
    def judge(self, agent, customer, agent_words=()):
        found, _ = interruptions.measure(
            {"agent": agent, "customer": customer}, {"agent": agent_words}, jitter_s=0.05
        )
        return [(e.by, e.kind, e.start_s) for e in found]

    def test_competitive(self):
        found = self.judge(S((3, 6)), S((0, 4)), words(3.1, 3.5, 4, 4.5, 5))
        assert found == [("agent", "competitive", 3)]

    def test_the_event_is_the_overlap(self):
        speech = {"agent": S((3, 6)), "customer": S((0, 4))}
        ((event,), _) = interruptions.measure(speech, {}, jitter_s=0.05)
        assert (event.start_s, event.end_s, event.at_s, event.held_s) == (3, 4, 3, 3)

    def test_a_contest_that_fails_is_competitive_too(self):
        found = self.judge(S((3, 4.3)), S((0, 9)), words(3.0, 3.3, 3.6, 3.9))
        assert found == [("agent", "competitive", 3)]

    def test_backchannel(self):
        assert self.judge(S((3, 3.5)), S((0, 9)), words(3.1)) == [("agent", "backchannel", 3)]

    def test_four_words_are_no_backchannel(self):
        found = self.judge(S((3, 3.95)), S((0, 9)), words(3.0, 3.2, 3.4, 3.6))
        assert found == [("agent", "competitive", 3)]

    @pytest.mark.parametrize(
        ("agent", "customer", "why"),
        [
            (S((4.1, 6)), S((0, 4)), "after the other has ended"),
            (S((3.7, 6)), S((0, 4)), "0.3 s at the end of a turn is no interruption"),
            (S((0.8, 3)), S((0, 2)), "the other has not held the floor for 1 s"),
        ],
    )
    def test_not_an_interruption(self, agent, customer, why):
        assert self.judge(agent, customer, words(*np.arange(agent[0].start_s, 6, 0.3))) == [], why

    def test_the_floor_is_lost_to_who_speaks_in_the_pause(self):
        """The customer's second stretch is a floor of 0.3 s, not of 4.3 s."""
        agent, customer = S((3.05, 3.95), (4.4, 6)), S((0, 3), (4.1, 5.1))
        assert self.judge(agent, customer, words(3.05, 3.2, 3.4, 3.6, 4.4, 5, 5.5)) == []

    def test_a_backchannel_in_a_pause_leaves_the_floor(self):
        agent, customer = S((3.3, 3.6), (4.4, 6)), S((0, 3.2), (3.7, 5.1))
        found = self.judge(agent, customer, words(3.35, 4.4, 5, 5.5))
        assert found == [("agent", "backchannel", 3.3), ("agent", "competitive", 4.4)]

    def test_a_pause_in_which_nobody_speaks_keeps_the_floor(self):
        found = self.judge(S((4.3, 6)), S((0, 3), (3.6, 5.2)), words(4.3, 4.6, 5, 5.5))
        assert found == [("agent", "competitive", 4.3)]

    def test_a_quick_answer_under_the_end_of_a_turn_is_nothing(self):
        assert self.judge(S((3.8, 4.4)), S((0, 4)), words(3.9)) == []


class TestKindsOfOverlap:
    """What looks like competition and is none; speech of both sides, words where they matter."""

    def judge(self, agent, customer, *, gives=(), confirms=(), jitter_s=0.0):
        said = [t for span in agent for t in np.arange(span.start_s + 0.05, span.end_s, 0.3)]
        moves = interruptions.Moves({"agent": gives}, {"customer": confirms})
        return interruptions.measure(
            {"agent": agent, "customer": customer}, {"agent": words(*said)},
            jitter_s=jitter_s, moves=moves,
        )  # fmt: skip

    def test_a_contest_that_fails_is_yielded(self):
        ((event,), _) = self.judge(S((3, 4.4)), S((0, 9)))
        assert (event.kind, event.over, event.yielded) == ("competitive", "customer", True)

    def test_who_takes_the_floor_has_not_yielded(self):
        ((event,), _) = self.judge(S((3, 6)), S((0, 4)))
        assert (event.kind, event.yielded) == ("competitive", False)

    def test_the_floor_given_back_with_words_is_a_false_start(self):
        ((event,), _) = self.judge(S((3, 4.4)), S((0, 9)), gives=S((3.6, 4.4)))
        assert event.kind == "false_start"

    def test_words_do_not_excuse_who_goes_on(self):
        ((event,), _) = self.judge(S((3, 6)), S((0, 4)), gives=S((3.0, 3.6)))
        assert event.kind == "competitive"

    def test_both_start_at_once_out_of_a_pause_and_one_stops(self):
        ((event,), _) = self.judge(S((3.7, 5.1)), S((0, 3), (3.6, 9)))
        assert event.kind == "false_start"

    def test_a_completion_that_the_other_confirms(self):
        ((event,), _) = self.judge(S((3, 4.2)), S((0, 3.7), (4.3, 5)), confirms=S((4.3, 4.9)))
        assert event.kind == "completion"

    def test_a_long_interruption_is_no_completion(self):
        ((event,), _) = self.judge(S((3, 6.2)), S((0, 3.7), (6.3, 7)), confirms=S((6.3, 6.9)))
        assert event.kind == "competitive"

    def test_who_was_cut_into_only_goes_on(self):
        """The agent breathes while the customer contests the floor, and then speaks on."""
        found, _ = self.judge(S((0, 4), (4.6, 8)), S((3, 6)))
        assert [(e.by, e.at_s) for e in found] == [("customer", 3)]

    def test_sorry_go_on_after_the_other_fell_silent(self):
        ((event,), _) = self.judge(S((3, 4.4)), S((0, 3.6), (4.9, 9)), gives=S((3.6, 4.4)))
        assert (event.kind, event.yielded) == ("false_start", True)

    def test_a_breath_of_the_other_ends_no_overlap(self):
        """3.6 s of common talk, though its first piece is short."""
        found, _ = self.judge(S((5, 9)), S((0, 5.3), (5.7, 9)))
        assert [(e.by, e.kind, e.end_s) for e in found] == [("agent", "competitive", 9)]

    def test_a_slip_under_a_turn_gives_its_speaker_no_licence(self):
        """The customer answers quickly; an agent who then starts again talks over them."""
        found, _ = self.judge(S((0, 4.3), (5.1, 9)), S((4.0, 8)))
        assert [(e.by, e.kind) for e in found] == [("agent", "competitive")]

    def test_pauses_between_words_make_nothing_uncertain(self):
        ((event,), possible) = self.judge(
            S((5, 5.45), (5.65, 6.3), (6.5, 7.5)), S((0, 3), (3.2, 6.1), (6.3, 9)), jitter_s=0.25
        )
        assert (event.kind, event.certain, possible) == ("competitive", True, ())

    def test_certain_only_where_no_border_matters(self):
        ((event,), possible) = self.judge(S((3, 6)), S((0, 4)), jitter_s=0.05)
        assert (event.certain, possible) == (True, ())
        ((event,), possible) = self.judge(S((3, 6)), S((0, 3.55)), jitter_s=0.05)
        assert (event.certain, possible) == (False, ())

    def test_possible_within_the_accuracy_of_borders(self):
        found, (event,) = self.judge(S((3.03, 6)), S((0, 3.5)), jitter_s=0.05)
        assert found == ()
        assert (event.kind, event.certain) == ("competitive", False)


class TestHolds:
    TURNS = (
        Turn("agent", "I'll put you on hold while I check", 1.0, 4.0),
        Turn("agent", "thank you for holding", 20.0, 22.0),
        Turn("customer", "okay", 23.0, 24.0),
    )
    CUES = (
        Cue("hold_announcement", 0, "put you on hold", 1.0, 4.0),
        Cue("hold_reason", 0, "while I check", 1.0, 4.0),
        Cue("hold_thanks", 1, "thank you for holding", 20.0, 22.0),
    )
    SPEECH = S((1, 4), (20, 22), (23, 24))

    def test_announced_in_silence(self):
        (hold,), dead = holds.measure(self.SPEECH, (), self.CUES, self.TURNS)
        assert (hold.start_s, hold.end_s, hold.music) == (4, 20, False)
        assert (hold.announced, hold.reason_given, hold.thanked) == (True, True, True)
        assert dead == ()

    def test_unannounced_with_music(self):
        (hold,), dead = holds.measure(self.SPEECH, S((5, 19)), (), self.TURNS)
        assert (hold.announced, hold.reason_given, hold.thanked, hold.music) == (
            False, False, False, True,
        )  # fmt: skip
        assert dead == ()

    def test_silence_that_nobody_announced_is_dead_air(self):
        assert holds.measure(self.SPEECH, (), (), self.TURNS) == ((), S((4, 20)))

    def test_short_silence_is_nothing(self):
        assert holds.measure(S((0, 4), (13, 20)), (), self.CUES, self.TURNS) == ((), ())

    def test_a_click_does_not_end_a_silence(self):
        assert holds.measure(S((1, 4), (10, 10.1), (20, 22)), (), (), self.TURNS)[1] == S((4, 20))

    def test_what_was_promised(self):
        turns = (Turn("agent", "Please hold, about a minute or two", 1.0, 4.0), *self.TURNS[1:])
        durations = load_cues("en").durations
        ((hold,), _) = holds.measure(self.SPEECH, (), self.CUES, turns, durations)
        assert hold.promised_s == 120

    def test_a_hold_goes_on_after_an_update(self):
        """The agent comes back at 60 s to say that it takes longer."""
        turns = (*self.TURNS[:1], Turn("agent", "I'm still checking", 60.0, 62.0), *self.TURNS[1:])
        turns = (*turns[:2], replace(turns[2], start_s=100.0, end_s=102.0))
        cues = (*self.CUES[:2], Cue("hold_update", 1, "still checking"),
                replace(self.CUES[2], turn=2))  # fmt: skip
        (first, second), dead = holds.measure(S((1, 4), (60, 62), (100, 102)), (), cues, turns)
        assert (first.continued, first.announced, first.thanked) == (False, True, True)
        assert (second.continued, second.announced, second.thanked) == (True, True, True)
        assert (second.reason_given, dead) == (True, ())

    def test_words_from_before_a_hold_are_no_update_of_it(self):
        """Only the customer speaks between the two silences."""
        speech = S((1, 4), (15, 15.5), (26, 28))
        cues = (*self.CUES[:2], Cue("hold_update", 0, "while I check"))
        (first, second), _ = holds.measure(speech, (), cues, self.TURNS)
        assert (first.thanked, second.continued) == (False, False)

    def test_an_update_without_a_hold_before_it_announces_none(self):
        cues = (Cue("hold_update", 0, "still checking"),)
        assert holds.measure(self.SPEECH, (), cues, self.TURNS) == ((), S((4, 20)))

    def test_a_hold_that_the_customer_gives_up_on(self):
        """The call ends in hold music: nobody comes back."""
        ((hold,), _) = holds.measure(S((1, 4)), S((5, 200)), self.CUES[:2], self.TURNS[:1])
        assert (hold.start_s, hold.end_s, hold.announced, hold.thanked) == (4, 200, True, False)

    def test_silence_before_and_after_the_call_is_nobodys(self):
        assert holds.measure(S((15, 18)), (), (), self.TURNS) == ((), ())


class TestTalk:
    def test_times_and_pace(self):
        turns = (Turn("agent", "one two three", 0, 2), Turn("customer", "four", 1, 3))
        found = talk.measure({"agent": S((0, 2)), "customer": S((1, 3))}, turns, 10)
        assert (found.agent_s, found.customer_s, found.overlap_s) == (2, 2, 1)
        assert found.silence_s == 7
        assert (found.agent_wpm, found.customer_wpm) == (90, 30)

    def test_nobody_speaks(self):
        found = talk.measure({}, (), 10)
        assert (found.silence_s, found.agent_wpm) == (10, None)


class TestEscalation:
    SPEECH: ClassVar = {"agent": S((10, 20), (40, 50)), "customer": S((0, 9), (20, 30), (50, 60))}

    def test_nobody_raised_a_voice(self):
        assert escalation.measure((), ("agent", "customer"), self.SPEECH) is None

    def test_who_rose_first_and_calmed_down(self):
        raised = (RaisedVoice("customer", 4, 9), RaisedVoice("customer", 20, 24))
        found = escalation.measure(raised, ("agent", "customer"), self.SPEECH)
        assert found == Escalation("customer", other_stayed_calm=True, until_calm_s=20)

    def test_both_and_never_calm_again(self):
        raised = (RaisedVoice("customer", 50, 58), RaisedVoice("agent", 51, 52))
        found = escalation.measure(raised, ("agent", "customer"), self.SPEECH)
        assert found == Escalation("customer", other_stayed_calm=False, until_calm_s=None)

    def test_the_other_voice_could_not_be_judged(self):
        raised = (RaisedVoice("customer", 4, 9),)
        found = escalation.measure(raised, ("customer",), self.SPEECH)
        assert found.other_stayed_calm is None


class TestRaisedVoice:
    """A buzz with a pitch and a brightness stands for a voice."""

    RATE = 16_000

    def voice(self, pitch_hz, slope, level, seconds=2.0):
        t = np.arange(int(seconds * self.RATE)) / self.RATE
        harmonics = np.arange(1, 3400 // pitch_hz)
        weights = harmonics**-slope
        wave = (weights[:, None] * np.sin(2 * np.pi * pitch_hz * harmonics[:, None] * t)).sum(
            axis=0
        )
        return level * wave / np.sqrt((wave**2).mean())

    def call(self, *parts):
        """Utterances with 0.6 s of line noise between; the signal and where the speech is."""
        rng = np.random.default_rng(1)
        sound, spans, at = [], [], 0.0
        for part in parts:
            sound += [part, np.zeros(int(0.6 * self.RATE))]
            spans.append(Span(at, at + len(part) / self.RATE))
            at += len(part) / self.RATE + 0.6
        signal = np.concatenate(sound)
        return (signal + rng.normal(0, 1e-4, len(signal))).astype(np.float32), tuple(spans)

    def test_higher_brighter_louder_is_raised(self):
        calm = self.voice(150, 1.5, 0.03)
        raised = self.voice(215, 0.7, 0.12)
        signal, speech = self.call(calm, calm, calm, raised, calm)
        (found,) = raised_voice.measure("agent", signal, speech)
        start_s = speech[3].start_s - raised_voice.EDGE_S
        assert (found.role, found.start_s) == ("agent", pytest.approx(start_s, abs=0.01))

    def test_louder_alone_is_not(self):
        """Nearer to the microphone, or gain that someone turned up."""
        calm = self.voice(150, 1.5, 0.03)
        signal, speech = self.call(calm, calm, calm, calm * 2, calm)
        assert raised_voice.measure("agent", signal, speech) == ()

    def test_gain_of_the_line_does_not_matter(self):
        calm, raised = self.voice(150, 1.5, 0.03), self.voice(215, 0.7, 0.12)
        signal, speech = self.call(calm, calm, calm, raised, calm)
        found = raised_voice.measure("agent", signal, speech)
        assert raised_voice.measure("agent", signal / 4, speech) == found

    def test_too_little_speech_has_no_baseline(self):
        signal, speech = self.call(self.voice(150, 1.5, 0.03), self.voice(215, 0.7, 0.12))
        assert raised_voice.measure("agent", signal, speech) is None
