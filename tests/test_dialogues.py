"""The labelled dialogues: how they are read, that they are sound, that the judges follow them."""

from collections import Counter
from dataclasses import replace

import pytest

from pipeline.cues import Learnt, Weighing, cues_folder, load_cues
from pipeline.dialogues import read_dialogues
from pipeline.errors import RubricError
from pipeline.rubric import load_rubric
from pipeline.score import score

FOLDER = cues_folder("en") / "dialogues"
ENGLISH = load_cues("en")
# Cues that the writers were not asked to tag.
NOT_LABELLED = ("listening_token", "inbound_opening")
CORE = ("listen_first", "empathize", "apologize", "solve", "follow_up")

ONE = """\
## x1-001 outbound bank spoken
listen_first=met empathize=met apologize=missed solve=met follow_up=partial flags=repeat_contact
A: Hello. {greeting} This is Ana, calling about your loan. {outbound_opening}
C: no fuss please {} you rang twice {repeat_contact,complaint} i dispute it {issue}
"""


@pytest.fixture(scope="module")
def dialogues():
    return list(read_dialogues(FOLDER))


def test_tags_belong_to_the_words_before_them(tmp_path):
    (tmp_path / "x1.txt").write_text(ONE)
    (dialogue,) = read_dialogues(tmp_path)
    assert (dialogue.source, dialogue.direction) == ("x1", "outbound")
    assert dialogue.flags == {"repeat_contact"}
    assert dialogue.turns[1].text == "no fuss please you rang twice i dispute it"
    shown = {m.id: dialogue.turns[m.turn].text[m.start : m.end] for m in dialogue.moves()}
    assert shown == {
        "greeting": "Hello.",
        "outbound_opening": "This is Ana, calling about your loan.",
        "repeat_contact": "you rang twice",
        "complaint": "you rang twice",
        "outbound_objection": "i dispute it",
    }


def test_a_mistake_names_file_and_line(tmp_path):
    (tmp_path / "x1.txt").write_text(ONE + "\n## x1-002 outbound\nsolve=met\n")
    with pytest.raises(RubricError, match=r"x1\.txt, line 6"):
        list(read_dialogues(tmp_path))


def test_they_are_many_and_sound(dialogues):
    assert len(dialogues) > 400
    assert sum(len(d.turns) for d in dialogues) > 5000
    assert len({d.id for d in dialogues}) == len(dialogues)
    known = {d.entry.id: d.entry.by for d in ENGLISH.definitions} | {"own_mistake": "customer"}
    for dialogue in dialogues:
        assert set(dialogue.answers) == set(CORE), dialogue.id
        assert set(dialogue.answers.values()) <= {"met", "partial", "missed", "not_applicable"}
        for move in dialogue.moves():
            assert move.id in known, (dialogue.id, move)
            assert known[move.id] in ("either", dialogue.turns[move.turn].role), (dialogue.id, move)


def test_the_judges_follow_the_guide_where_every_move_is_known(dialogues):
    """What is wrong here is in the rules, not in the finding of cues."""
    rubric = load_rubric()
    told = Weighing(bias=0, tagger=1, pattern=0, counts_from=0.5, rules_out_below=0)
    moves = {move.id for dialogue in dialogues for move in dialogue.moves()}
    by_pattern = [d for d in ENGLISH.definitions if d.entry.id in NOT_LABELLED]
    cues = replace(
        ENGLISH, definitions=tuple(by_pattern), learnt=Learnt(cues=dict.fromkeys(moves, told))
    )
    rubric = replace(rubric, cues={"en": cues})
    right: Counter[str] = Counter()
    for dialogue in dialogues:
        card = score(dialogue.facts(), rubric)
        right.update(r.id for r in card.criteria if dialogue.answers.get(r.id) == r.answer)
        for result in card.criteria:
            if result.answer in ("partial", "missed"):
                assert result.would_have_helped, (dialogue.id, result.id)
                assert result.would_have_helped.endswith(".")
                assert result.evidence
    for criterion in CORE:
        assert right[criterion] >= 0.94 * len(dialogues), (criterion, right[criterion])
