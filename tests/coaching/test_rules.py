import pytest

from pipeline.coaching.rules import load_rules
from pipeline.coaching.wording import load_wording
from pipeline.criteria import JUDGES
from pipeline.errors import RubricError


def test_the_rules_that_ship_lead_to_talk_care_and_praise():
    rules = load_rules()
    assert {rule.leads_to for rule in rules} == {"talk", "care", "praise"}
    assert {rule.id for rule in rules if rule.leads_to == "care"} == {"abusive_customer"}


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("rules:\n- id: a\n  title: A\n  when: nowhere\n", 4, "choose one of"),
        ("rules:\n- id: a\n  title: A\n  when: score_below\n  score: 101\n", 5, "score"),
        ("rules:\n- id: a\n  title: A\n  when: score_below\n  scor: 1\n", 5, "unknown key"),
        (
            "rules:\n- id: a\n  title: A\n  when: often_missed\n  times: 4\n  of_last: 3\n",
            5,
            "more than of_last",
        ),
        (
            "rules:\n"
            "- {id: a, title: A, when: long_hold, longer_than_s: 60}\n"
            "- {id: a, title: B, when: long_hold, longer_than_s: 90}\n",
            3,
            "there already",
        ),
        ("limits: []\n", 1, "list of rules"),
    ],
)
def test_a_mistake_is_told_with_file_line_and_key(tmp_path, text, line, said):
    file = tmp_path / "rules.yaml"
    file.write_text(text)
    with pytest.raises(RubricError) as found:
        load_rules(file)
    assert f"{file}, line {line}, " in str(found.value)
    assert said in str(found.value)


def test_there_are_words_for_every_criterion_of_ours():
    wording = load_wording("en")
    assert set(wording.criteria) == set(JUDGES)
    assert all(words.practice and words.helps for words in wording.criteria.values())


def test_a_criterion_of_a_teams_own_is_called_by_its_title():
    words = load_wording("en").of("greeting_by_name", "Greets by name")
    assert words.goal.format(target=7) == (
        "Greets by name, in 7 of the next 10 calls that call for it."
    )


def test_a_language_without_words_of_its_own_gets_the_english_ones():
    assert load_wording("xx") == load_wording("en")
