"""Recurring causes: grouping by meaning, what stays the same from run to run, what is stored."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score
from sqlalchemy import delete, func, select
from typer.testing import CliRunner

from pipeline import causes as module
from pipeline.causes import Statement, embed, find_causes, group, lean, same_causes
from pipeline.cli import app
from pipeline.records import CallResult, CriterionResult, Evidence, Turn
from pipeline.review_tables import CauseMemberRow, CauseRow, StatementRow
from pipeline.store import Judging, Store
from pipeline.tables import CallRow

PARAPHRASES = Path(__file__).parent / "causes" / "paraphrases.txt"
LOST = (
    "My parcel never arrived.",
    "The package I ordered has not arrived.",
    "Hello, my parcel has not arrived yet.",
)
TWICE = (
    "I was charged twice for one order.",
    "You charged my card twice.",
    "Hi, I have been charged two times for the order.",
)


def paraphrases(kind: str) -> Iterator[tuple[str, str]]:
    """Each statement with the name of its matter."""
    wanted, name = False, ""
    for number, line in enumerate(PARAPHRASES.read_text().splitlines()):
        if line.startswith("## "):
            part, name = line[3:].split()
            wanted = part == kind
        elif wanted and line and not line.startswith("#"):
            yield line, f"{name} {number}" if name == "alone" else name


def as_statements(texts: list[str]) -> list[Statement]:
    return [
        Statement(i + 100, i, i, text, meaning)
        for i, (text, meaning) in enumerate(zip(texts, embed(texts), strict=True))
    ]


@pytest.fixture
def complain(
    store: Store, make_result: Callable[..., CallResult]
) -> Callable[[str, str, str | None], int]:
    """Stores a call in which that was the matter, and gives its number."""

    def kept(call_id: str, text: str, customer_id: str | None = None) -> int:
        result = make_result(call_id, customer_id=customer_id)
        evidence = (Evidence("customer", 3.0, 5.0, text, "complaint"),)
        apologize = CriterionResult("apologize", "met", 20.0, 20.0, 0.9, "Did.", evidence)
        result = replace(
            result,
            facts=replace(result.facts, turns=(Turn("customer", text, 3.0, 5.0),)),
            scorecard=replace(result.scorecard, criteria=(apologize,)),
        )
        sha256 = call_id.encode().hex().ljust(64, "0")
        judging = Judging("rubric-1", "0.1.0", "engine-1")
        store.keep_result(result, sha256, f"/{call_id}.wav", judging, call_id_given=True)
        with store.read() as session:
            return session.scalars(select(CallRow.id).where(CallRow.call_id == call_id)).one()

    return kept


def members(store: Store) -> dict[int, set[str]]:
    """The statements of each cause."""
    found: dict[int, set[str]] = {}
    with store.read() as session:
        rows = session.execute(
            select(CauseMemberRow.cause, StatementRow.text).join(
                StatementRow, StatementRow.id == CauseMemberRow.statement
            )
        ).tuples()
        for cause, text in rows:
            found.setdefault(cause, set()).add(text)
    return found


def test_paraphrases_that_chose_nothing_are_grouped_by_their_matter():
    """Adjusted Rand index on the half of the paraphrases kept apart: 0.74 when this was written."""
    texts, names = zip(*paraphrases("held"), strict=True)
    found = group(as_statements(list(texts)))
    labels = np.arange(len(texts)) + len(found)  # what is in no cause is alone
    for number, cause in enumerate(found):
        labels[list(cause.members)] = number
    assert adjusted_rand_score(names, labels) > 0.7


def test_rare_matters_stay_out_and_one_customer_alone_makes_no_cause():
    statements = as_statements([*LOST, *TWICE, "Is your shop open on Sunday?"])
    same = [replace(s, caller="one") if s.text in TWICE else s for s in statements]
    (cause,) = group(same)
    assert {same[index].text for index in cause.members} == set(LOST)
    assert len(group(statements)) == 2


def test_a_cause_is_told_by_words_of_several_callers():
    texts = [*LOST[:2], "Hello, it is Anna Berg, my parcel has not arrived yet.", *TWICE]
    words = {word for cause in group(as_statements(texts)) for word in cause.words}
    assert {"parcel", "arrived", "charged", "twice"} <= words
    assert not words & {"anna", "berg", "hello"}


def test_what_is_not_in_the_sample_joins_the_nearest(monkeypatch):
    texts = [*LOST, *TWICE] * 3 + ["Is your shop open on Sunday?"]
    monkeypatch.setattr(module, "GROUPED_AT_ONCE", 12)
    found = group(as_statements(texts))
    assert sorted(len(cause.members) for cause in found) == [9, 9]


def test_greetings_and_numbers_do_not_reach_the_encoder():
    assert lean("Hi, good morning, um, order 4711 didn't come.") == "order did not come"


def test_a_cause_goes_on_where_most_of_its_statements_are():
    before = {1: 7, 2: 7, 3: 7, 4: 8, 5: 8, 6: 8}
    assert same_causes(before, [[1, 2, 20, 21], [3, 4], [5, 6], [30, 31]]) == [7, None, 8, None]
    # Two that became one go on as the larger; of statements too old to be looked at none counts.
    assert same_causes(before, [[1, 2, 4]]) == [7]


def test_statements_are_embedded_once_and_causes_keep_their_numbers(store, complain, monkeypatch):
    for number, text in enumerate(LOST):
        complain(f"lost-{number}", text)
    run = find_causes(store)
    assert run is not None
    assert (run.causes, run.grouped, run.embedded) == (1, 3, 3)
    (number,) = members(store)

    complain("lost-0", LOST[0])  # scored anew: the same words
    for other, text in enumerate(TWICE):
        complain(f"twice-{other}", text)
    asked = []
    monkeypatch.setattr(module, "embed", lambda texts: asked.extend(texts) or embed(texts))
    run = find_causes(store)
    assert run is not None
    assert (run.causes, run.embedded) == (2, 3)
    assert set(asked) == set(TWICE)
    assert members(store)[number] == set(LOST)


def test_deleting_a_call_deletes_its_words(store, complain):
    calls = [complain(f"lost-{number}", text) for number, text in enumerate(LOST)]
    find_causes(store)
    with store.write() as session:
        session.execute(delete(CallRow).where(CallRow.id == calls[0]))
    assert list(members(store).values()) == [set(LOST[1:])]
    with store.read() as session:
        assert session.scalar(select(func.count(StatementRow.id))) == 2

    with store.write() as session:
        session.execute(delete(CallRow))
    find_causes(store)
    with store.read() as session:
        assert session.scalar(select(func.count(CauseRow.id))) in (0, 1)
        assert session.scalar(select(func.count(CauseMemberRow.statement))) == 0


def test_the_command_says_what_it_did_and_no_words_of_calls(complain, settings):
    for number, text in enumerate((*LOST, *TWICE)):
        complain(f"c-{number}", text)
    shown = CliRunner().invoke(app, ["causes", "--db", settings.database_url])
    assert shown.exit_code == 0
    assert "2 causes, with 6 of 6 statements in 6 calls" in shown.output
    assert "parcel" not in shown.output


def test_the_command_before_anything_is_scored(settings):
    shown = CliRunner().invoke(app, ["causes", "--db", settings.database_url])
    assert shown.exit_code == 1
