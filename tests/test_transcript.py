"""Transcript input: good calls come through, each bad one is one clear error of its own."""

import json

import pytest

from pipeline.errors import TranscriptError
from pipeline.records import CallFacts
from pipeline.transcript import read_transcripts

CALL = {
    "call_id": "c1",
    "turns": [{"role": "agent", "text": "Hello."}, {"role": "customer", "text": "Hi."}],
}


def read(tmp_path, text, encoding="utf-8"):
    path = tmp_path / "calls.jsonl"
    path.write_text(text, encoding=encoding)
    return list(read_transcripts(path))


def test_one_pretty_object_and_jsonl(tmp_path):
    (pretty,) = read(tmp_path, json.dumps(CALL, indent=2))
    assert [t.role for t in pretty.turns] == ["agent", "customer"]
    assert pretty.sound is None
    assert pretty.duration_s is None
    both = read(tmp_path, "\n".join([json.dumps(CALL), "", json.dumps(CALL | {"call_id": "c2"})]))
    assert [c.metadata.call_id for c in both] == ["c1", "c2"]


def test_byte_order_mark_is_tolerated(tmp_path):
    (facts,) = read(tmp_path, json.dumps(CALL), encoding="utf-8-sig")
    assert facts.metadata.call_id == "c1"


def test_a_turn_is_one_however_it_was_split(tmp_path):
    """Pieces of one side are one turn, also where the other side hums between them."""
    said = [("customer", "It came."), ("agent", "Mm-hm."), ("customer", "It was wet."),
            ("customer", "All of it."), ("agent", "Okay."), ("customer", "Yes.")]  # fmt: skip
    turns = [{"role": role, "text": text} for role, text in said]
    (facts,) = read(tmp_path, json.dumps(CALL | {"turns": turns}))
    assert [t.text for t in facts.turns] == [
        "It came. It was wet. All of it.", "Mm-hm. Okay.", "Yes.",
    ]  # fmt: skip


def test_times_give_a_duration(tmp_path):
    turns = [{"role": "agent", "text": "a", "start_s": 0, "end_s": 2},
             {"role": "customer", "text": "b", "start_s": 3, "end_s": 4.5}]  # fmt: skip
    (facts,) = read(tmp_path, json.dumps(CALL | {"turns": turns}))
    assert (facts.duration_s, facts.speech_s, facts.sound) == (4.5, 3.5, None)
    turns[0].pop("start_s"), turns[0].pop("end_s")
    (facts,) = read(tmp_path, json.dumps(CALL | {"turns": turns}))
    assert (facts.duration_s, facts.speech_s) == (None, None)


def turn(**change):
    return CALL | {"turns": [{"role": "agent", "text": "Hello."} | change]}


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("{not json}", "is not JSON"),
        ('{"call_id": "c", "turns": [NaN]}', "NaN"),
        ("[1, 2]", "found a JSON list"),
        ({"turns": CALL["turns"]}, "call_id is missing"),
        ({"call_id": "c"}, "turns is missing"),
        ({"call_id": "c", "turns": []}, "turns is missing or empty"),
        (turn(role="boss"), "role is missing or unknown"),
        (turn(text=None), "text is missing"),
        (turn(start_s=5, end_s=3), "end_s 3.0 is before start_s 5.0"),
        (turn(start_s=-1, end_s=3), "times start at 0"),
        (turn(start_s="1", end_s=3), "start_s is not a number"),
        (turn(start_s=True, end_s=3), "start_s is not a number"),
        (turn(start_s=1), "give both"),
        (CALL | {"agent_id": 7}, "agent_id is a number"),
        (CALL | {"direction": "up"}, "direction must be"),
    ],
)
def test_a_bad_line_does_not_stop_the_others(tmp_path, value, says):
    bad = value if isinstance(value, str) else json.dumps(value)
    first, error, last = read(
        tmp_path, "\n".join([json.dumps(CALL), bad, json.dumps(CALL | {"call_id": "z"})])
    )
    assert isinstance(first, CallFacts)
    assert isinstance(last, CallFacts)
    assert isinstance(error, TranscriptError)
    assert says in str(error)
    assert "calls.jsonl, line 2" in str(error)
    assert "\n" not in str(error)


def test_same_call_id_twice(tmp_path):
    _, error = read(tmp_path, f"{json.dumps(CALL)}\n{json.dumps(CALL)}\n")
    assert "twice" in str(error)


def test_files_that_hold_nothing_usable(tmp_path):
    assert "empty" in str(read(tmp_path, " \n")[0])
    path = tmp_path / "binary"
    path.write_bytes(b"\xff\xfe\x00")
    (error,) = read_transcripts(path)
    assert "not UTF-8" in str(error)
    (error,) = read_transcripts(tmp_path / "absent")
    assert "cannot be read" in str(error)
    (error,) = read(tmp_path, json.dumps(CALL, indent=2)[:-3])
    assert "is not JSON" in str(error)
