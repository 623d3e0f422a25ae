"""Words become voices, voices take turns."""

from pipeline.records import Span, Word
from pipeline.voices import Voice, share_out, take_turns


def said(start, *texts, pace=0.3):
    """Words one after the other from ``start``."""
    return tuple(
        Word(start + i * pace, start + (i + 1) * pace, text, 0.9) for i, text in enumerate(texts)
    )


def spoken(words):
    return (Span(words[0].start_s, words[-1].end_s),)


def voice(label, *utterances):
    words = tuple(word for utterance in utterances for word in utterance)
    return Voice(label, tuple(s for u in utterances for s in spoken(u)), words)


def test_turns_alternate():
    turns = take_turns(
        [
            voice("a", said(0, "good", "morning"), said(3, "how", "can", "I", "help")),
            voice("b", said(1, "hello"), said(5, "my", "order")),
        ]
    )
    assert [(v, t.text) for v, t in turns] == [
        ("a", "good morning"),
        ("b", "hello"),
        ("a", "how can I help"),
        ("b", "my order"),
    ]
    assert turns[2][1].start_s == 3.0
    assert turns[2][1].words[0].text == "how"


def test_a_backchannel_does_not_cut_a_turn():
    long = said(0, *["my", "order", "number", "is", "one", "two", "three", "four", "five", "six"])
    turns = take_turns([voice("a", long), voice("b", said(1.5, "okay"))])
    assert [(v, len(t.words)) for v, t in turns] == [("a", 10), ("b", 1)]


def test_a_turn_goes_on_after_a_hum_in_its_pause():
    """A listener who hums takes no turn; one who says a word does."""
    first, then = said(0, "my", "order", "came"), said(2.5, "and", "it", "was", "wet")
    hummed = take_turns([voice("a", first, then), voice("b", said(1.3, "mm-hm"))])
    assert [(v, t.text) for v, t in hummed] == [
        ("a", "my order came and it was wet"),
        ("b", "mm-hm"),
    ]
    asked = take_turns([voice("a", first, then), voice("b", said(1.3, "when"))])
    assert [v for v, _ in asked] == ["a", "b", "a"]


def test_after_a_hum_and_a_long_silence_a_new_turn_starts():
    turns = take_turns(
        [voice("a", said(0, "one", "moment"), said(20, "thanks")), voice("b", said(2, "mm-hm"))]
    )
    assert [v for v, _ in turns] == ["a", "b", "a"]


def test_a_long_silence_starts_a_new_turn():
    turns = take_turns([voice("a", said(0, "one", "moment"), said(20, "thank", "you"))])
    assert [t.text for _, t in turns] == ["one moment", "thank you"]


def test_turns_begin_and_end_with_their_sound():
    """Word stamps run early or late; the speech under the edge words is the measure."""
    words = said(1.0, "hello", "there")
    turns = take_turns([Voice("a", (Span(0.9, 1.75),), words)])
    assert (turns[0][1].start_s, turns[0][1].end_s) == (0.9, 1.75)


def test_words_go_to_who_speaks_them():
    words = said(0, "a1", "a2", "b1", "b2")
    voices = share_out(words, {"a": (Span(0, 0.65),), "b": (Span(0.65, 1.2),)})
    assert [[w.text for w in v.words] for v in voices] == [["a1", "a2"], ["b1", "b2"]]


def test_a_word_that_nobody_speaks_goes_to_the_nearest():
    voices = share_out(said(5, "late"), {"a": (Span(0, 1),), "b": (Span(3, 4),), "c": ()})
    assert [len(v.words) for v in voices] == [0, 1, 0]
