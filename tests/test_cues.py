"""Every cue file's own examples, and what finding cues must be indifferent to."""

import pytest

from pipeline.cues import load_cues
from pipeline.errors import RubricError
from pipeline.normalise import normalise
from pipeline.patterns import PatternError, compile_pattern
from pipeline.records import Turn, Word

ENGLISH = load_cues("en")
EXAMPLES = [
    pytest.param(d.entry.id, by, text, fires, id=f"{d.entry.id}-{by}-{n}-{fires}")
    for d in ENGLISH.definitions
    for by in (("agent", "customer") if d.entry.by == "either" else (d.entry.by,))
    for fires, examples in ((True, d.entry.must), (False, d.entry.must_not))
    for n, text in enumerate(examples)
]


def found(text: str, by: str = "agent") -> dict[str, str]:
    return {cue.id: cue.quote for cue in ENGLISH.find([Turn(by, text)])}


@pytest.mark.parametrize(("cue", "by", "text", "fires"), EXAMPLES)
def test_example(cue, by, text, fires):
    definition = next(d for d in ENGLISH.definitions if d.entry.id == cue)
    if definition.entry.counted:
        assert (ENGLISH.count(cue, [Turn(by, text)]) > 0) is fires
        assert cue not in found(text, by)
    else:
        assert (cue in found(text, by)) is fires


@pytest.mark.parametrize(
    "text",
    [
        "I'm so sorry about the delay, I'll send a new one tomorrow.",
        "You should have read the terms, that's not our problem.",
        "I can see how frustrating that is, don't worry.",
    ],
)
def test_same_cues_without_case_and_punctuation(text):
    bare = text.lower().replace(",", "").replace(".", "").replace("'", "")
    written_out = text.replace("I'm", "I am").replace("I'll", "I will").replace("that's", "that is")
    with_fillers = text.replace(", ", ", um, er, ")
    for variant in (bare, text.upper(), written_out.replace("don't", "do not"), with_fillers):
        assert set(found(variant)) == set(found(text))


def test_quote_is_the_original_words():
    assert found("Well... I’m SO sorry, about that!")["apology_for_issue"] == "I’m SO sorry, about"


def test_negation_and_reported_speech_are_no_apology():
    assert "apology_for_issue" not in found("I'm not sorry about that.")
    assert "apology_for_issue" not in found("He told me he was sorry about that.")


def test_who_says_it_decides():
    assert "apology_for_issue" not in found("I'm sorry about that.", by="customer")
    assert (
        ENGLISH.find([Turn("unknown", "I'm sorry about that."), Turn("other", "I'm sorry.")]) == ()
    )


def test_cue_times_come_from_its_words():
    said = ["ok", "I'm", "sorry", "about", "that"]
    words = tuple(Word(float(n), n + 0.5, word, 0.9) for n, word in enumerate(said))
    turn = Turn("agent", "ok I'm sorry about that", 0.0, 4.5, words)
    cue = next(c for c in ENGLISH.find([turn]) if c.id == "apology_for_issue")
    assert (cue.start_s, cue.end_s) == (1.0, 3.5)


def test_language_without_a_folder_has_no_cues():
    assert load_cues("de") is None
    assert load_cues("en-GB").language == "en"


def test_normalise_keeps_the_way_back():
    text = "Uh, I can't, I can't do £1,200.50 by 10:30am — f*** it [noise]"
    words = normalise(text)
    assert words.text == "i can not do 1,200.50 by 10:30 am expletive it "
    at = words.text.index("1,200.50")
    assert text[slice(*words.source(at, at + 8))] == "1,200.50"


@pytest.mark.parametrize(
    ("pattern", "says"),
    [("(a|b", "not closed"), ("a)", "no '('"), ("(a|)", "empty alternative"),
     ("it's", "apostrophes"),     ("WHENEVER", "unknown word list"), ("? a", "nothing before")],
)  # fmt: skip
def test_bad_pattern_says_what_is_wrong(pattern, says):
    with pytest.raises(PatternError, match=says.replace("(", r"\(")):
        compile_pattern(pattern, {})


def test_mistake_in_a_cue_file_names_file_line_and_key(tmp_path):
    folder = tmp_path / "xx"
    folder.mkdir()
    (folder / "a.yaml").write_text(
        "- id: hello\n  by: agent\n  meaning: m\n  patterns:\n    - (hi|\n"
        "  must: [hi]\n  must_not: []\n"
    )
    with pytest.raises(RubricError, match=r"a\.yaml, line 5, 0\.patterns\.0: .*(not closed|empty)"):
        load_cues("xx", tmp_path)


def test_hash_ignores_examples_and_sees_patterns(tmp_path):
    folder = tmp_path / "xx"
    folder.mkdir()
    text = "- {id: hello, by: agent, meaning: m, patterns: [hi], must: [hi], must_not: []}\n"
    (folder / "a.yaml").write_text(text)
    first = load_cues("xx", tmp_path).hash
    (folder / "a.yaml").write_text(text.replace("must: [hi]", "must: [hi hi]"))
    assert load_cues("xx", tmp_path).hash == first
    (folder / "a.yaml").write_text(text.replace("patterns: [hi]", "patterns: [hi, hello]"))
    assert load_cues("xx", tmp_path).hash != first
