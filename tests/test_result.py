"""The documented form of a call result, and facts that survive storage."""

import json
import math

from pipeline.records import (
    CallFacts,
    CallResult,
    Engines,
    Hold,
    Interruption,
    Metadata,
    RaisedVoice,
    Sound,
    Span,
    Talk,
    Turn,
    Word,
)  # fmt: skip
from pipeline.result import facts_from_json, facts_to_json, to_dict, to_json_line
from pipeline.rubric import load_rubric
from pipeline.score import score

FACTS = CallFacts(
    Metadata("c1", "ag-1", started_at="2026-03-02T09:14:20Z"),
    (
        Turn("agent", "Thank you for calling, how can I help — café?", 0.1234567, 2.0,
             (Word(0.1234567, 0.3, "Thank", 0.98765),)),
        Turn("customer", "My parcel never came and I am upset about it.", 3.0, 6.0),
    ),
    Engines("whisper", "channels", "0.1.0"),
    language="en", recording_sha256="ab", duration_s=20.0, channels=2, speech_s=12.0,
    sound=Sound(
        (Interruption("agent", 4.0, 4.9, "competitive", 4.0, 1.0),),
        (Hold(7.0, 9.0, True, False, True, True),), (Span(10.0, 20.0),),
        (RaisedVoice("customer", 3.0, 5.0),), Talk(2.0, 3.0, 0.9, 15.0, 150, None),
    ),
)  # fmt: skip
RESULT = CallResult(FACTS, score(FACTS, load_rubric()))


def test_keys_and_their_order():
    result = to_dict(RESULT)
    assert list(result) == [
        "schema", "call_id", "agent_id", "started_at", "recording_sha256", "duration_s", "channels",
        "language", "rubric", "engines", "score", "uncapped_score", "coverage", "failed_by",
        "turns", "interruptions", "holds", "dead_air", "raised_voice", "talk", "criteria", "flags",
        "warnings", "interruption_counts", "escalation", "second_opinion", "redactions",
    ]  # fmt: skip
    assert list(result["rubric"]) == ["id", "version", "hash"]
    assert list(result["turns"][0]) == ["role", "start_s", "end_s", "text", "words"]
    assert list(result["turns"][0]["words"][0]) == ["start_s", "end_s", "text", "probability"]
    assert list(result["interruptions"][0]) == [
        "by", "start_s", "end_s", "kind", "at_s", "held_s", "yielded", "certain", "over",
    ]  # fmt: skip
    assert list(result["holds"][0]) == [
        "start_s", "end_s", "announced", "reason_given", "thanked", "music", "promised_s",
        "continued",
    ]  # fmt: skip
    assert list(result["criteria"][0]) == [
        "id", "answer", "points", "max_points", "confidence", "reason", "evidence",
        "would_have_helped", "bonus",
    ]  # fmt: skip
    assert list(result["criteria"][0]["evidence"][0]) == [
        "role",
        "start_s",
        "end_s",
        "quote",
        "what",
    ]
    assert list(result["flags"][0]) == ["id", "evidence"]


def test_line_is_deterministic_utf8_with_rounded_times():
    line = to_json_line(RESULT)
    assert line == to_json_line(CallResult(FACTS, score(FACTS, load_rubric())))
    assert "café" in line
    assert "\n" not in line
    assert json.loads(line)["turns"][0]["start_s"] == 0.123


def test_no_nan_and_no_line_separators():
    odd = CallFacts(
        Metadata("c"), (Turn("agent", "a\u2028b"),), Engines("", "", ""), duration_s=math.nan
    )
    line = to_json_line(CallResult(odd, RESULT.scorecard))
    assert "NaN" not in line
    assert len(line.splitlines()) == 1
    assert json.loads(line)["turns"][0]["text"] == "a\u2028b"


def test_facts_survive_storage():
    assert facts_from_json(facts_to_json(FACTS)) == FACTS
    bare = CallFacts(Metadata("c"), (Turn("unknown", ""),), Engines("given", "given", "x"))
    assert facts_from_json(facts_to_json(bare)) == bare
