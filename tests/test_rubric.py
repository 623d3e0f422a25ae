"""Loading a rubric: what it holds, and that each mistake is one line with file, line and key."""

import pytest

from pipeline.errors import RubricError
from pipeline.rubric import RUBRICS_DIR, load_rubric

LEAP = (RUBRICS_DIR / "leap.yaml").read_text()


def load(tmp_path, text):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    return load_rubric(path)


def test_shipped_rubric():
    rubric = load_rubric()
    assert rubric.id == "leap"
    assert [c.id for c in rubric.criteria] == [
        "listen_first", "empathize", "apologize", "solve", "follow_up",
        "no_talking_over", "hold_handling", "composure", "positive_language",
    ]  # fmt: skip
    content = sum(c.weight for c in rubric.criteria[:5])
    assert content > sum(c.weight for c in rubric.criteria[5:])
    assert rubric.cues_for("en-US") is rubric.cues_for(None) is not None
    assert rubric.cues_for("fi") is None


def test_hash_changes_with_an_answer_changing_value_only(tmp_path):
    shipped = load_rubric()
    assert load(tmp_path, LEAP).hash == shipped.hash
    assert load(tmp_path, "# a comment\n" + LEAP).hash == shipped.hash
    assert (
        load(tmp_path, LEAP.replace("longest_hold_s: 120", "longest_hold_s: 90")).hash
        != shipped.hash
    )


def test_hash_covers_the_cue_files_beside_it(tmp_path):
    cues = tmp_path / "cues" / "en"
    cues.mkdir(parents=True)
    cue = "- {id: agent_insult, by: agent, meaning: m, patterns: [fool], "
    cue += "must: [fool], must_not: []}\n"
    (cues / "a.yaml").write_text(cue)
    first = load(tmp_path, LEAP).hash
    (cues / "a.yaml").write_text(cue.replace("[fool]", "[fools]", 1))
    assert load(tmp_path, LEAP).hash != first != load_rubric().hash


def line_of(text, part):
    return next(n for n, line in enumerate(text.splitlines(), 1) if part in line)


@pytest.mark.parametrize(
    ("old", "new", "key", "says"),
    [
        ("    title: Solve\n", "    titel: Solve\n", "titel", "unknown key"),
        ("    judge: solve", "    judge: sovle", "judge", "unknown judge 'sovle'"),
        ("most_holds_count: 3", "most_holds_count: many", "most_holds_count", "found 'many'"),
        ("      most_holds_count: 3\n", "", "most_holds_count", "needs this; add it"),
        ("raised_voice_s: 0.5", "raised_voice: 0.5", "raised_voice", "no such threshold"),
        ("  - id: solve", "  - id: empathize", "id", "'empathize' is there already"),
        ("cue: agent_insult", "cue: agent_insolt", "cue", "unknown cue 'agent_insolt'"),
        ("default_language: en", "default_language: tlh", "default_language", "no cue files"),
        ("    score_at_most: 0\n", "    score_at_most: 120\n", "score_at_most", "found 120"),
    ],
)  # fmt: skip
def test_mistakes(tmp_path, old, new, key, says):
    assert old in LEAP
    text = LEAP.replace(old, new, 1)
    with pytest.raises(RubricError) as caught:
        load(tmp_path, text)
    message = str(caught.value)
    assert "mine.yaml, line " in message
    assert key in message
    assert says in message
    assert "\n" not in message
    if new.strip():
        assert f"line {line_of(text, new.strip())}," in message or key == "id"


@pytest.mark.parametrize("weight", ["0", "-5", ".nan", ".inf", "'20'"])
def test_weight_must_be_a_positive_number(tmp_path, weight):
    with pytest.raises(RubricError, match="weight"):
        load(tmp_path, LEAP.replace("weight: 20", f"weight: {weight}", 1))


def test_duplicate_key_names_both_lines(tmp_path):
    with pytest.raises(RubricError, match=r"line 2, id: .*\(line 1\)"):
        load(tmp_path, "id: a\nid: b\n")


@pytest.mark.parametrize("text", ["", "a: [1", "- 1\n- 2\n", "\ta: 1", "just words"])
def test_not_a_rubric_at_all(tmp_path, text):
    with pytest.raises(RubricError) as caught:
        load(tmp_path, text)
    assert "mine.yaml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_unknown_name_lists_what_ships():
    with pytest.raises(RubricError, match="leap"):
        load_rubric("nosuch")
