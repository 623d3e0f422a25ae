"""What `rubric check` finds in a rubric that is written without mistakes."""

from itertools import islice

import pytest
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.cues import cues_folder
from pipeline.dialogues import read_dialogues
from pipeline.rubric import load_rubric
from pipeline.rubric_review import review

HEAD = """\
id: mine
version: "1"
title: Mine
default_language: en
flags: {long_hold_s: 120, low_score_below: 60}
cannot_tell: {fewer_words_than: 5, less_speech_than_s: 0, word_probability_below: 0.4}
criteria:
"""
SAYS_SORRY = "rules: {applies: {cue: complaint}, met: {cue: apology_for_issue}, helps: Sorry.}"


@pytest.fixture(scope="module")
def dialogues():
    return list(islice(read_dialogues(cues_folder("en") / "dialogues"), 0, None, 4))


def doubts(tmp_path, dialogues, *criteria):
    path = tmp_path / "mine.yaml"
    lines = [
        f"  - {{id: c{n}, title: {title}, weight: 5, {rest}}}"
        for n, (title, rest) in enumerate(criteria)
    ]
    path.write_text(HEAD + "\n".join(lines) + "\n")
    return {(found.criterion, found.kind) for found in review(load_rubric(path), dialogues)}


def test_the_shipped_rubric_raises_no_doubts(dialogues):
    assert review(load_rubric(), dialogues) == []


def test_a_sound_criterion_raises_none(tmp_path, dialogues):
    assert doubts(tmp_path, dialogues, ("Says sorry", SAYS_SORRY)) == set()


def test_vague(tmp_path, dialogues):
    says_anything = "rules: {met: {measure: turns_count, at_least: 2}, helps: H.}"
    assert doubts(tmp_path, dialogues, ("Speaks", says_anything)) == {("c0", "vague")}
    assert doubts(tmp_path, dialogues, ("Polite and professional", SAYS_SORRY)) == {("c0", "vague")}


def test_never(tmp_path, dialogues):
    sings = "rules: {met: {phrase: la la la, by: agent}, helps: H.}"
    assert doubts(tmp_path, dialogues, ("Sings", sings)) == {("c0", "never met")}
    half = "rules: {met: {phrase: la la la, by: agent}, partial: {cue: greeting}, helps: H.}"
    assert doubts(tmp_path, dialogues, ("Half sings", half)) == {("c0", "never met")}
    never = "rules: {applies: {phrase: la la la}, met: {cue: greeting}, helps: H.}"
    assert doubts(tmp_path, dialogues, ("Sings along", never)) == {("c0", "never applies")}
    same = SAYS_SORRY.replace("helps", "partial: {cue: apology_for_issue}, helps")
    assert doubts(tmp_path, dialogues, ("Says sorry", same)) == {("c0", "never partial")}


def test_overlap(tmp_path, dialogues):
    again = SAYS_SORRY.replace("{cue: apology_for_issue}", "{cue: [apology_for_issue]}")
    found = doubts(tmp_path, dialogues, ("Says sorry", SAYS_SORRY), ("Apologizes", again))
    assert found == {("c1", "overlap")}
    found = doubts(tmp_path, dialogues, ("Says sorry", SAYS_SORRY), ("Other", "judge: solve"))
    assert found == set()


def test_criteria_that_hardly_ever_apply_are_not_double(tmp_path, dialogues):
    rare = "rules: {applies: {phrase: WORD, by: either}, met: {phrase: WORD, by: agent}, helps: H.}"
    found = doubts(
        tmp_path, dialogues,
        ("Kettle", rare.replace("WORD", "kettle")), ("Hotel", rare.replace("WORD", "hotel")),
    )  # fmt: skip
    assert not [kind for _, kind in found if kind == "overlap"]


def test_what_needs_sound_is_not_doubted_without_it(tmp_path, dialogues):
    quick = "rules: {met: {measure: agent_wpm, at_most: 170}, helps: H.}"
    assert doubts(tmp_path, dialogues, ("Speaks slowly", quick)) == set()


def test_on_the_command_line(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(HEAD + f"  - {{id: a, title: Good, weight: 5, {SAYS_SORRY}}}\n")
    done = CliRunner().invoke(app, ["rubric", "check", str(path)])
    assert done.exit_code == 1
    assert "a: vague: nobody can hear 'Good'" in done.stdout
